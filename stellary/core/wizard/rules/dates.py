"""Dates and durations in texts: ``2026-05-01``, ``1 May 2026``, ``May 2026``, ``in six weeks``, ``1er mai``."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import attrs

from stellary.core.wizard.rules.words import folded

_MONTHS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "january jan janvier",
            "february feb fevrier fevr",
            "march mar mars",
            "april apr avril avr",
            "may mai",
            "june jun juin",
            "july jul juillet juil",
            "august aug aout",
            "september sept sep septembre",
            "october oct octobre",
            "november nov novembre",
            "december dec decembre",
        ),
        1,
    )
    for name in names.split()
}
_NUMBERS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        [
            "one|a|an|un|une",
            "two|deux",
            "three|trois",
            "four|quatre",
            "five|cinq",
            "six",
            "seven|sept",
            "eight|huit",
            "nine|neuf",
            "ten|dix",
            "eleven|onze",
            "twelve|douze",
        ],
        1,
    )
    for name in names.split("|")
}
_UNITS = {
    "day": 1,
    "jour": 1,
    "week": 7,
    "semaine": 7,
    "month": 30,
    "mois": 30,
    "year": 365,
    "an": 365,
    "annee": 365,
}

_MONTH = "(?P<month>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
_COUNT = r"(?P<count>\d{1,3}|" + "|".join(sorted(_NUMBERS, key=len, reverse=True)) + ")"
_UNIT = r"(?P<unit>(?:business |working |calendar )?(?:day|week|month|year|jour|semaine|annee)s?|mois|ans?)\b"
_SPAN = re.compile(rf"\b{_COUNT}[ -]{_UNIT}")
_RELATIVE = re.compile(
    rf"\b(?:with)?in (?:the next )?{_COUNT} {_UNIT}|\b(?:d'ici|dans|sous) {_COUNT.replace('count', 'c2')} {_UNIT.replace('unit', 'u2')}"
)
_PATTERNS: tuple[re.Pattern[str], ...] = (
    re.compile(r"\b(?P<y>[12]\d{3})-(?P<m>\d\d)-(?P<d>\d\d)\b"),
    re.compile(rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th|er)?(?: of)? {_MONTH}(?:,? (?P<y>[12]\d{{3}})\b)?"),
    re.compile(rf"\b{_MONTH} (?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d)(?:,? (?P<y>[12]\d{{3}})\b)?"),
    re.compile(rf"\b{_MONTH} (?P<y>[12]\d{{3}})\b"),
    re.compile(
        rf"\b(?:by|in|until|before|of|end of|early|late|mid-?|en|fin|debut|avant|d'ici(?: a)?|pour) (?:end of |the end of |fin )?{_MONTH}(?! \d)"
    ),
    re.compile(r"\b(?P<d>\d{1,2})[./](?P<m>\d{1,2})[./](?P<y>[12]\d{3})\b"),
    re.compile(r"\b(?P<feast>christmas|noel)\b"),
    re.compile(r"\b[qt](?P<q>[1-4])[ /-]?(?P<y>[12]\d{3})\b"),
)


@attrs.frozen
class FoundDate:
    """A date in a text: where it stands in the folded text, and its first and last day (of a month, say)."""

    start: int
    end: int
    first: date
    last: date


def found_dates(text: str, today: date) -> list[FoundDate]:
    """The dates in a text, in their order. One without a year is the next that comes."""
    plain = folded(text)
    if not any(mark.isdigit() for mark in plain) and not _HINT.search(plain):
        return []
    made: list[FoundDate] = []
    for pattern in _PATTERNS:
        for found in pattern.finditer(plain):
            days = _days(found, today)
            if days and not any(each.start < found.end() and found.start() < each.end for each in made):
                made.append(FoundDate(found.start(), found.end(), *days))
    for found in _RELATIVE.finditer(plain):
        count, unit = found["count"] or found["c2"], found["unit"] or found["u2"]
        day = later(today, _length(count, unit))
        made.append(FoundDate(found.start(), found.end(), day, day))
    return sorted(made, key=lambda each: each.start)


_HINT = re.compile(r"\b(?:" + "|".join(_MONTHS) + "|week|month|semaine|mois|day|jour|year|an|christmas|noel)")


def _days(found: re.Match[str], today: date) -> tuple[date, date] | None:
    said = found.groupdict()
    year = int(said["y"]) if said.get("y") else None
    if said.get("q"):
        month, assumed = 3 * int(said["q"]) - 2, year or today.year
        return date(assumed, month, 1), date(assumed, month + 2, monthrange(assumed, month + 2)[1])
    if said.get("feast"):
        said |= {"month": "december", "d": "25"}
    month = _MONTHS[said["month"]] if said.get("month") else int(said["m"])
    day = int(said["d"]) if said.get("d") else None
    if not said.get("month") and month > 12 and day and day <= 12:
        month, day = day, month
    if not 1 <= month <= 12:
        return None

    def of(year: int) -> tuple[date, date]:
        if day is None:
            return date(year, month, 1), date(year, month, monthrange(year, month)[1])
        return date(year, month, day), date(year, month, day)

    try:
        made = of(year or today.year)
        return of(today.year + 1) if year is None and made[1] < today else made
    except ValueError:
        return None


def later(day: date, days: int) -> date:
    """The day that is so many days later, or the last there is."""
    return day + timedelta(min(days, (date.max - day).days))


def spans(text: str) -> Iterator[int]:
    """The durations in a text, in days."""
    for found in _SPAN.finditer(folded(text)):
        yield _length(found["count"], found["unit"])


def _length(count: str, unit: str) -> int:
    worked = unit.startswith(("business", "working"))
    kind = unit.rpartition(" ")[2]
    kind = kind if kind == "mois" else kind.removesuffix("s")
    days = (int(count) if count.isdigit() else _NUMBERS[count]) * _UNITS[kind]
    return max(1, days * 7 // 5 if worked else days)


_FROM = re.compile(r"\b(?:from|as of|du|des)\s+(?:the |le |early |mid |late )?$")
_START = re.compile(r"\b(?:start|begin|kick|debut|commenc|demarr|a partir|des le)")
_DUE = re.compile(
    r"\b(?:by|before|until|till|deadline|due|end|finish|launch|live|deliver|ready|complete|no later|open|avant|d'ici"
    r"|jusqu|fin|livr|lanc|echeance|au plus tard|pour le|ouvr|done)"
)
_AROUND = 60


def starts_and_ends(text: str, today: date) -> tuple[list[date], list[date]]:
    """The days of a text on which something starts, and those by which something has to be there."""
    plain = folded(text)
    starts, ends = [], []
    for found in found_dates(text, today):
        before = plain[max(0, found.start - _AROUND) : found.start]
        last_start, last_due = (
            _last(_START, before),
            _last(_DUE, plain[max(0, found.start - _AROUND) : found.end]),
        )
        if last_start > last_due or _FROM.search(before):
            starts.append(found.first)
        elif last_due >= 0:
            ends.append(found.last)
    return starts, ends


def _last(pattern: re.Pattern[str], text: str) -> int:
    return max((found.start() for found in pattern.finditer(text)), default=-1)
