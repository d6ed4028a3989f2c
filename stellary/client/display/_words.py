"""Words: how dates, durations and the words of the wire are said to people."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from stellary.client.display._parts import Meter, Span, Tone

MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_STATUS_TONES: dict[str, Tone] = {
    "open": "quiet",
    "to_launch": "quiet",
    "todo": "quiet",
    "draft": "quiet",
    "queued": "quiet",
    "cancelled": "quiet",
    "suspended": "warn",
    "in_progress": "info",
    "running": "info",
    "pending_review": "warn",
    "awaiting_approval": "warn",
    "suggested": "warn",
    "pending": "warn",
    "changes_requested": "warn",
    "blocked": "bad",
    "failed": "bad",
    "failure": "bad",
    "rejected": "bad",
    "done": "good",
    "completed": "good",
    "approved": "good",
    "applied": "good",
    "success": "good",
    "active": "good",
}
_PRIORITY_TONES: dict[str, Tone] = {"high": "bad", "medium": "warn", "low": "quiet"}


def words(word: str) -> str:
    """``in_progress`` as a person says it."""
    return word.replace("_", " ")


def title(word: str) -> str:
    """The same at the beginning of a line."""
    said = words(word)
    return said[:1].upper() + said[1:]


def status(word: Any) -> Span | None:
    """A status as a tag."""
    return None if word is None else Span(words(str(word)), _STATUS_TONES.get(str(word), "plain"), "tag")


def tone_of(word: Any) -> Tone:
    """What a status feels like."""
    return _STATUS_TONES.get(str(word), "plain")


def priority(word: Any) -> Span | None:
    """A priority: a mark that is told apart without its colour, and the word."""
    if word is None:
        return None
    mark = {"high": "▲", "medium": "◆", "low": "▽"}.get(str(word), "•")
    return Span(
        f"{mark} {words(str(word))}", _PRIORITY_TONES.get(str(word), "plain"), "mark", f"priority {word}"
    )


def day(moment: date, now: datetime) -> str:
    """``3 Apr``, with the year if it is not this one."""
    at = as_day(moment)
    year = "" if at.year == now.year else f" {at.year}"
    return f"{at.day} {MONTHS[at.month - 1][:3]}{year}"


def clock(moment: datetime) -> str:
    """``14:05:09``, in UTC."""
    return f"{moment.astimezone(UTC):%H:%M:%S}"


def as_day(moment: date) -> date:
    """The day in UTC."""
    return moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment


def due(moment: date | None, now: datetime, *, done: bool) -> Span | None:
    """When something is due, and how that feels."""
    if moment is None:
        return None
    left = (as_day(moment) - as_day(now)).days
    said = day(moment, now)
    if done or left > 2:
        return Span(said, "quiet")
    if left < 0:
        return Span(f"{said}, {-left} {plural(-left, 'day')} late", "bad")
    return Span(("today", "tomorrow", f"in {left} days")[left], "warn", hint=said)


def duration(seconds: float | None) -> str:
    """``3 d 4 h``: the two largest units."""
    if seconds is None:
        return "-"
    left = int(seconds)
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
        if len(parts) == 2 or (parts and not count):
            break
    return " ".join(parts) or "0 s"


def plural(count: int, noun: str) -> str:
    """``card`` of one, ``cards`` of any other number."""
    return noun if count == 1 else f"{noun}s"


def counted(count: int, noun: str) -> str:
    """``1 card``, ``2,000 cards``."""
    return f"{count:,} {plural(count, noun)}"


def progress(checklist: Any) -> Meter | None:
    """How far a checklist is; None if there is none."""
    if checklist is None or not checklist.total:
        return None
    return Meter(checklist.done, checklist.total, "steps")


def utc_text(moment: datetime) -> str:
    """``2026-04-03 14:05 UTC``."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
