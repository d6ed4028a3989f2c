"""Text for people: dates, durations, counts, statuses and priorities."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from stellary.client.display._parts import Meter, Span, Tone

MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_STATUSES: dict[Tone, str] = {
    "quiet": "open to_launch todo draft queued cancelled",
    "warn": "suspended pending_review awaiting_approval suggested pending changes_requested",
    "info": "in_progress running",
    "bad": "blocked failed failure rejected",
    "good": "done completed approved applied success active",
}
_STATUS_TONES = {status: tone for tone, statuses in _STATUSES.items() for status in statuses.split()}
_PRIORITY_TONES: dict[str, Tone] = {"high": "bad", "medium": "warn", "low": "quiet"}


def humanize(word: str) -> str:
    """Return ``in_progress`` as ``in progress``."""
    return word.replace("_", " ")


def humanize_title(word: str) -> str:
    """Return ``in_progress`` as ``In progress``."""
    text = humanize(word)
    return text[:1].upper() + text[1:]


def status_tag(word: Any) -> Span | None:
    """Return a status as a tag; None for None."""
    return None if word is None else Span(humanize(str(word)), status_tone(word), "tag")


def status_tone(word: Any) -> Tone:
    """Return the tone of a status."""
    return _STATUS_TONES.get(str(word), "plain")


def priority_mark(word: Any) -> Span | None:
    """Return a priority as a symbol and a word, so that it can be read without its colour."""
    if word is None:
        return None
    mark = {"high": "▲", "medium": "◆", "low": "▽"}.get(str(word), "•")
    return Span(
        f"{mark} {humanize(str(word))}", _PRIORITY_TONES.get(str(word), "plain"), "mark", f"priority {word}"
    )


def format_day(moment: date, now: datetime) -> str:
    """Return a date as ``3 Apr``, with the year if it is not the current one."""
    date_in_utc = to_utc_date(moment)
    year = "" if date_in_utc.year == now.year else f" {date_in_utc.year}"
    return f"{format_date(date_in_utc)}{year}"


def format_date(day: date) -> str:
    """Return a date as ``3 Apr``."""
    return f"{day.day} {MONTHS[day.month - 1][:3]}"


def format_clock(moment: datetime) -> str:
    """Return the UTC time of day as ``14:05:09``."""
    return f"{moment.astimezone(UTC):%H:%M:%S}"


def to_utc_date(moment: date) -> date:
    """Return the UTC date of a moment."""
    return moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment


def due_date_label(moment: date | None, now: datetime, *, done: bool) -> Span | None:
    """Return a due date, its tone chosen by how close it is."""
    if moment is None:
        return None
    days_left = (to_utc_date(moment) - to_utc_date(now)).days
    text = format_day(moment, now)
    if done or days_left > 2:
        return Span(text, "quiet")
    if days_left < 0:
        return Span(f"{text}, {-days_left} {pluralize(-days_left, 'day')} late", "bad")
    return Span(("today", "tomorrow", f"in {days_left} days")[days_left], "warn", hint=text)


def format_duration(seconds: float | None) -> str:
    """Return seconds as ``3 d 4 h``, in the two largest units."""
    if seconds is None:
        return "-"
    remaining = int(seconds)
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, remaining = divmod(remaining, size)
        if count:
            parts.append(f"{count} {unit}")
        if len(parts) == 2 or (parts and not count):
            break
    return " ".join(parts) or "0 s"


def pluralize(count: int, noun: str) -> str:
    """Return ``card`` for a count of 1, otherwise ``cards``."""
    if count == 1:
        return noun
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"


def format_count(count: int, noun: str) -> str:
    """Return ``1 card`` or ``2,000 cards``."""
    return f"{count:,} {pluralize(count, noun)}"


def checklist_meter(checklist: Any) -> Meter | None:
    """Return the progress of a checklist as a meter; None if it has no items."""
    if checklist is None or not checklist.total:
        return None
    return Meter(checklist.done, checklist.total, "steps")


def format_utc(moment: datetime) -> str:
    """Return a moment as ``2026-04-03 14:05 UTC``."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
