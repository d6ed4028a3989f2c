"""Findings: what a brief says: what for, what is to be made, by when, by whom, within which limits, at which risk."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import Any, Literal

import attrs

from stellary.core.ports.planner import Brief
from stellary.core.wizard.rules.dates import found_dates, spans, starts_and_ends
from stellary.core.wizard.rules.fitting import shortened
from stellary.core.wizard.rules.reading import LINES_MAX, Line, Section, all_lines, sections
from stellary.core.wizard.rules.themes import (
    Theme,
    must_be,
    opens_step,
    priority_in,
    team_in,
    tells_for_whom,
    tells_of_people,
    tells_why,
    theme_of_heading,
    theme_of_sentence,
    wishes,
    work_in,
)
from stellary.core.wizard.rules.words import (
    Kind,
    Language,
    content_words,
    folded,
    kind_of,
    language_of,
    may_be_a_thing,
    opens_with_verb,
    words,
)

TITLE = 120
"""Of the characters of a title; all of a longer one stands in the description."""
WORK_MAX = 1_000
KEPT_MAX = 200
"""Of goals, risks, limits …"""

_LIST = re.compile(
    r"(?:\(|\b)(?:including|such as|e\.?g\.?|for example|namely|like|notamment|comme|par exemple|p\. ?ex\.?)\b[:,]?\s+([^)]*)|:\s+(.+)$"
)
_COMMA = re.compile(r",\s++(?:(?:and|or|et|ou)\s++)?|(?<!\s)\s++(?:and|et)\s++|;\s++")


@attrs.define
class Work:
    """Something to be made or done.

    Attributes:
        text: As the brief says it.
        details: What stands below it there.
        aside: What stands beside it in a table.
        kind: What it is about; None if its words do not tell.
        days: How long the brief says it takes.
        due: By when the brief wants it.
        listed: Whether it is an entry of a list.
        step: Which of the steps that the brief tells it is a part of, if it tells any: ``First we …, then …``.
        section: Where it stands.
    """

    text: str
    section: Section
    details: list[str] = attrs.field(factory=list)
    aside: str = ""
    priority: Literal["low", "high"] | None = None
    kind: Kind | None = None
    days: int | None = None
    due: date | None = None
    listed: bool = False
    step: int | None = None
    sequence: int = 0

    @property
    def words(self) -> list[str]:
        return content_words(self.text[:300])


@attrs.define
class Findings:
    """What a brief says; of each in its own words, in its order."""

    language: Language
    sections: list[Section] = attrs.field(factory=list)
    goals: list[str] = attrs.field(factory=list)
    audience: list[str] = attrs.field(factory=list)
    work: list[Work] = attrs.field(factory=list)
    people: list[str] = attrs.field(factory=list)
    limits: list[str] = attrs.field(factory=list)
    risks: list[str] = attrs.field(factory=list)
    success: list[str] = attrs.field(factory=list)
    excluded: list[str] = attrs.field(factory=list)
    questions: list[str] = attrs.field(factory=list)
    starts: list[date] = attrs.field(factory=list)
    ends: list[date] = attrs.field(factory=list)
    team: int | None = None
    steps: int = 0


def found(brief: Brief) -> Findings:
    """What a brief says, and the answers that were given to questions about it."""
    sample = " ".join([brief.name, *(text.content[:5_000] for text in brief.texts)])
    made = Findings(language_of(sample))
    lines = LINES_MAX
    for text in brief.texts:
        read = sections(text.content)
        made.sections += read
        for section, line in islice(all_lines(read), max(0, lines)):
            lines -= 1
            _take(made, section, line, brief.today)
    if not made.ends:
        # What it is for has a day of its own: "a fair on 12 May".
        days = [each.last for text in made.goals for each in found_dates(text, brief.today)]
        made.ends += [day for day in days if day > brief.today][-1:]
    _answers(made, brief)
    _once(made)
    _name_things(made)
    return made


def _name_things(made: Findings) -> None:
    """In a list of things ``audit log`` is one too, and not something to be done."""
    lists: dict[int, list[Work]] = defaultdict(list)
    for work in made.work:
        lists[id(work.section)].append(work)
    for works in lists.values():
        if sum(work.kind is None for work in works) * 3 >= len(works) * 2:
            for work in works:
                work.kind = None if may_be_a_thing(work.text) else work.kind


def themed(section: Section) -> tuple[Theme | None, Section]:
    """What a section is about, and which of its parents says so; a heading of its own words is a topic: None."""
    theme = theme_of_heading(section.title) if section.title else None
    if theme is None and section.parent is not None and not section.numbered:
        above, by = themed(section.parent)
        if above not in (None, "work", "phases", "goal", "intro"):
            return above, by
    return theme, section


def _take(made: Findings, section: Section, line: Line, today: date) -> None:
    theme, line = _told(section, line)
    starts, ends = starts_and_ends(f"{line.label} {line.text}", today)
    if theme == "dates" and not starts and not ends:
        ends = [each.last for each in found_dates(line.text, today)]
    made.starts += starts
    _people(made, theme, line)
    if theme == "done" or line.done:
        return
    wish = not line.bullet and not made.goals and wishes(line.text)
    work = [] if wish else _work(section, theme, line, today)
    if not (work and line.bullet):
        made.ends += ends
    if work:
        if not line.bullet and (theme == "phases" or opens_step(line.text)):
            made.steps += 1
            work = [attrs.evolve(each, step=made.steps) for each in work]
        made.work += work[: WORK_MAX - len(made.work)]
    elif wish or line.bullet or not (starts or ends):
        _sort(made, "goal" if wish else theme, line)


def _told(section: Section, line: Line) -> tuple[Theme | None, Line]:
    """What a line is about, and what it says: a label that is no theme is a part of that (``Anna: designs the logo``), and
    under a heading it tells which (``Budget: 20 k€`` under ``Limits``).
    """
    theme, _ = themed(section)
    if not line.label:
        return theme, line
    labelled = theme_of_heading(line.label)
    if labelled is None or theme in _SORTED:
        line = attrs.evolve(
            line, text=f"{line.label}: {line.text}", label="" if labelled is None else line.label
        )
    return labelled or theme, line


def _people(made: Findings, theme: Theme | None, line: Line) -> None:
    made.team = made.team or team_in(line.text)
    if tells_of_people(line.text) and theme is None:
        _keep(made.people, line.text)
    if tells_for_whom(line.text):
        _keep(made.audience, line.text)


def _keep(kept: list[str], text: str) -> None:
    said = text.strip(" .;,")
    if len(kept) < KEPT_MAX and said:
        kept.append(said)


_SORTED: Mapping[Theme, Callable[[Findings], list[str]]] = {
    "goal": lambda made: made.goals,
    "audience": lambda made: made.audience,
    "people": lambda made: made.people,
    "limits": lambda made: made.limits,
    "risks": lambda made: made.risks,
    "success": lambda made: made.success,
    "excluded": lambda made: made.excluded,
    "open": lambda made: made.questions,
}


def _sort(made: Findings, theme: Theme | None, line: Line) -> None:
    """Put what is no work where it belongs."""
    said = "; ".join([line.text, *line.below]) if line.below else line.text
    if line.text.endswith("?"):
        theme = "open"
    told = (
        theme if theme in ("excluded", "risks", "success", "limits", "open") else theme_of_sentence(line.text)
    )
    if told is None:
        told = theme
    if told in (None, "intro", "work", "phases", "dates") and not line.bullet:
        told = "limits" if must_be(line.text) else "goal" if tells_why(line.text) or not made.goals else None
    if told is not None and told in _SORTED:
        _keep(_SORTED[told](made), said)


def _work(section: Section, theme: Theme | None, line: Line, today: date) -> list[Work]:
    """What a line says has to be done."""
    if theme in ("excluded", "risks", "success", "limits", "open", "audience") or line.text.endswith("?"):
        return []
    if line.bullet and theme not in ("goal", "people", "dates"):
        told = theme_of_sentence(line.text) if theme is None and not opens_with_verb(line.text) else None
        return [] if told in ("excluded", "risks") else [_one(line.text, line, section, today)]
    if line.bullet:
        return [_one(line.text, line, section, today)] if opens_with_verb(line.text) else []
    if theme == "goal" or (theme != "phases" and not opens_step(line.text) and tells_why(line.text)):
        return []
    if theme == "work" and line.label:
        return [_one(part, line, section, today) for part in listed(line.text)]
    told = theme_of_sentence(line.text)
    if told in ("excluded", "risks", "success") or (told == "limits" and not opens_with_verb(line.text)):
        return []
    return [_one(part, line, section, today) for part in work_in(line.text)]


def listed(text: str) -> list[str]:
    """What commas and ``and`` part."""
    return [part for part in _COMMA.split(text.rstrip(".")) if part.strip()]


def _one(text: str, line: Line, section: Section, today: date) -> Work:
    said = text.strip().rstrip(" .;,:")
    told = f"{text} {line.aside}"
    dates = starts_and_ends(told, today)[1] or [each.last for each in found_dates(told, today)]
    details = list(line.below)
    if not details and (after := _LIST.search(said)):
        parts = listed(after[1] or after[2] or "")
        details = parts if len(parts) > (1 if after[1] else 2) else []
    heading = priority_in(f"{line.label} {section.title}")
    return Work(
        text=said[:1].upper() + said[1:],
        section=section,
        details=[each.strip().rstrip(".;,") for each in details if each.strip(" .;,")],
        priority=priority_in(said) or heading,
        kind=kind_of(said.partition(":")[0]),
        aside=line.aside,
        listed=line.bullet,
        days=next(spans(told), None) if not dates else None,
        due=dates[-1] if dates else None,
    )


# ---------------------------------------------------------------------------------------------- answers

_BULLET = re.compile(r"^\s*(?:[-*•\u2013]|\d{1,3}[.)])\s+")


def entries(text: str) -> list[str]:
    """The entries of an answer in text: its lines, or what semicolons or commas part if it has only one."""
    rows = [_BULLET.sub("", row).strip() for row in text.split("\n") if row.strip()]
    if len(rows) == 1:
        rows = [part.strip() for part in re.split(r";\s*", rows[0])]
    if len(rows) == 1 and rows[0].count(",") >= 2:
        rows = listed(rows[0])
    return [row.rstrip(".") for row in rows if row.strip(" .,;")]


def _answers(made: Findings, brief: Brief) -> None:
    answers = brief.answers
    here = Section("", 0)
    for text in entries(_text(answers, "work")):
        made.work.append(_one(text, Line(text, bullet=True), here, brief.today))
    for id, kept in (
        ("goal", made.goals),
        ("audience", made.audience),
        ("risks", made.risks),
        ("success", made.success),
        ("limits_detail", made.limits),
    ):
        said = _text(answers, id)
        for text in entries(said) if id in ("risks", "success", "limits_detail") else [said]:
            _keep(kept, text)
    # An answer stands over what was read, so it comes last.
    made.starts += _days(answers, "start")
    made.ends += _days(answers, "deadline")
    people = answers.get("people")
    if isinstance(people, (int, float)):
        made.team = max(1, round(people))


def _text(answers: Mapping[str, Any], id: str) -> str:
    said = answers.get(id)
    return said if isinstance(said, str) else ""


def _days(answers: Mapping[str, Any], id: str) -> Iterator[date]:
    said = answers.get(id)
    if isinstance(said, str):
        yield date.fromisoformat(said)


def _once(made: Findings) -> None:
    """Say each thing once: documents repeat what the description says. What stands with details is kept."""
    seen: dict[str, Work] = {}
    for work in made.work:
        key = " ".join(words(work.text[:300])) or folded(work.text[:300])
        first = seen.setdefault(key, work)
        if first is not work:
            first.details = list(dict.fromkeys([*first.details, *work.details]))
            first.due, first.days = first.due or work.due, first.days or work.days
            first.priority = first.priority or work.priority
    excluded = {" ".join(words(text)) for text in made.excluded}
    made.work = [work for key, work in seen.items() if key not in excluded and work.text]
    for place, work in enumerate(made.work):
        work.sequence = place


def title_of(work: Work) -> str:
    """A title for a card: the brief's own words, as many as fit."""
    return shortened(work.text, TITLE)
