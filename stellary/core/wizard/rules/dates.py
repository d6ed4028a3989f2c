"""Dates and durations: ``2026-05-01``, ``1 May 2026``, ``Q3 2026``, ``août 2026``, ``three weeks``."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta

import attrs

from stellary.core.wizard.rules.vocabulary import DASHES, Language, find_marker, fold, word_numbers, word_set

TEXT_MAX = 300
DAYS_MAX = 3_650
MARKER_DAYS = {"week": 7, "month": 30}
"""The lengths in days of numbered periods: ``Week 3``, ``Months 1-3``."""
_TOKEN = re.compile(
    r"(?P<iso>\d{4}-\d\d-\d\d)|(?P<slash>\d{1,2}[./]\d{1,2}[./]\d{4})|(?P<number>\d{1,4})|(?P<word>[a-z]{1,20})"
    rf"|(?P<dash>[~{DASHES}])|(?P<other>[^\s(),.:;'|/*])"
)
_SEPARATORS = (*(f" {dash} " for dash in DASHES), ": ", " | ", ", ", " by ", " until ", " before ", " avant ")


@attrs.frozen
class Period:
    """A day, or a month or another period with its first and last day.

    Attributes:
        has_year: Whether the text names the year.
    """

    first: date
    last: date
    has_year: bool = True


@attrs.frozen
class Timing:
    """The time that a text names: a period, a duration in days, or both."""

    period: Period | None = None
    days: int | None = None


class DateReader:
    """A reader of the dates in a text.

    Args:
        today: The day from which a date without a year is the next one.
        language: English writes 06/25/2026 with the month first.
    """

    def __init__(self, today: date, language: Language = "en") -> None:
        self._today = today
        self._language = language

    def read_timing(self, text: str) -> Timing | None:
        """Return the time that a text consists of; None if the text contains anything else, or no time."""
        marker = find_marker(text)
        if marker is not None and marker.kind in MARKER_DAYS and not marker.name:
            return Timing(days=(marker.last - marker.number + 1) * MARKER_DAYS[marker.kind])
        scan = _Scan(text, self._today)
        if scan.unread or not (scan.periods or scan.days):
            return None
        return Timing(_join(scan.periods), scan.days)

    def take_timing(self, text: str) -> tuple[str, Timing | None]:
        """Split a heading into the text and the time, which is in brackets or at the end."""
        for opening, closing in (("(", ")"), ("[", "]")):
            start = text.find(opening)
            while start >= 0 and (end := text.find(closing, start)) > 0:
                if timing := self.read_timing(text[start + 1 : end]):
                    return f"{text[:start].rstrip()} {text[end + 1 :].lstrip(' ')}".strip(
                        f" {DASHES}:,|"
                    ), timing
                start = text.find(opening, end)
        best: tuple[str, Timing] | None = None
        longest = 0
        for separator in _SEPARATORS:
            for place in [place for place in range(len(text)) if text.startswith(separator, place)][-6:]:
                before, after = text[:place], text[place + len(separator) :]
                for part, other in ((after, before), (before, after)):
                    # Try the longest part first, since a range of days contains a separator itself.
                    if len(part) > longest and (timing := self.read_timing(part)):
                        best, longest = (other.strip(), timing), len(part)
        if best is not None:
            return best
        return text, self.read_timing(text)

    def add_to_today(self, days: int) -> date:
        """Return the day some days from today, at most ten years."""
        return self._today + timedelta(min(days, DAYS_MAX))

    def find_periods(self, text: str) -> list[tuple[str, Period]]:
        """Return the periods in a sentence, each with the folded words before it."""
        return _Scan(text, self._today).named_periods


def _join(periods: list[Period]) -> Period | None:
    if not periods:
        return None
    return Period(min(period.first for period in periods), max(period.last for period in periods))


class _Scan:
    """A pass over the tokens of a text."""

    def __init__(self, text: str, today: date) -> None:
        self._today = today
        self._tokens = [(str(match.lastgroup), match[0]) for match in _TOKEN.finditer(fold(text[:TEXT_MAX]))]
        self._place = 0
        self.days: int | None = None
        self.unread: list[str] = []
        self.named_periods: list[tuple[str, Period]] = []
        words: list[str] = []
        while self._place < len(self._tokens):
            start = self._place
            if (period := self._read_period()) is not None:
                self.named_periods.append((" ".join(words), period))
                words = []
            elif not self._read_duration():
                kind, value = self._tokens[start]
                self._place = start + 1
                words.append(value)
                if kind != "dash" and value not in word_set("fillers"):
                    self.unread.append(value)
        self._complete_years()

    @property
    def periods(self) -> list[Period]:
        return [period for _, period in self.named_periods]

    def _peek(self, offset: int = 0) -> tuple[str, str]:
        place = self._place + offset
        return self._tokens[place] if place < len(self._tokens) else ("end", "")

    def _number(self, offset: int, least: int, most: int) -> int | None:
        kind, value = self._peek(offset)
        return int(value) if kind == "number" and least <= int(value) <= most else None

    def _month(self, offset: int) -> int | None:
        return word_numbers("months").get(self._peek(offset)[1])

    def _read_period(self) -> Period | None:
        kind, value = self._peek()
        if kind == "iso":
            year, month, day = map(int, value.split("-"))
            return self._take(1, year, month, day)
        if kind == "slash":
            first, second, year = map(int, value.replace("/", ".").split("."))
            if first > 12 or second > 12 or "." in value:
                day, month = (second, first) if second > 12 else (first, second)
                return self._take(1, year, month, day)
            return None
        if (
            value in ("q", "t")
            and (quarter := self._number(1, 1, 4))
            and (of_year := self._number(2, 1900, 2200))
        ):
            self._place += 3
            return _months(of_year, 3 * quarter - 2, 3)
        return self._read_day() or self._read_month()

    def _read_day(self) -> Period | None:
        day = self._number(0, 1, 31)
        if day is not None:
            after = 2 if self._peek(1)[1] in ("er", "st", "nd", "rd", "th") else 1
            after += self._peek(after)[1] == "of"
            if (month_number := self._month(after)) is not None:
                year = self._number(after + 1, 1900, 2200)
                return self._take(after + 1 + (year is not None), year, month_number, day)
            second = self._number(after + 1, 1, 31)
            if second and self._peek(after)[1] in (*DASHES, "au", "to") and self._month(after + 2):
                year = self._number(after + 3, 1900, 2200)
                first = self._date(year, self._month(after + 2) or 1, day)
                self._place += after + 1
                last = self._read_day()
                return None if first is None or last is None else Period(first, last.last, last.has_year)
        elif (month := self._month(0)) and (day := self._number(1, 1, 31)) is not None:
            after = 3 if self._peek(2)[1] in ("st", "nd", "rd", "th") else 2
            year = self._number(after, 1900, 2200)
            return self._take(after + (year is not None), year, month, day)
        return None

    def _read_month(self) -> Period | None:
        month = self._month(0)
        if month is None:
            return None
        year = self._number(1, 1900, 2200)
        # "May" and "mars" are words, too.
        if year is None and self._peek()[1] in ("may", "mar", "march", "mars", "sept"):
            return None
        self._place += 1 + (year is not None)
        if year is None:
            first = self._date(None, month, 28)
            return None if first is None else attrs.evolve(_months(first.year, month, 1), has_year=False)
        return _months(year, month, 1)

    def _take(self, count: int, year: int | None, month: int, day: int) -> Period | None:
        value = self._date(year, month, day)
        if value is None:
            return None
        self._place += count
        return Period(value, value, year is not None)

    def _date(self, year: int | None, month: int, day: int) -> date | None:
        try:
            value = date(year or self._today.year, month, day)
            return value if year or value >= self._today else value.replace(year=value.year + 1)
        except ValueError:
            return None

    def _complete_years(self) -> None:
        """Add the year to a day that has none, from the day that follows: ``August 29 - September 1, 2025``."""
        for place in range(len(self.named_periods) - 2, -1, -1):
            words, period = self.named_periods[place]
            after = self.named_periods[place + 1][1]
            if not period.has_year and after.has_year:
                year = after.last.year
                try:
                    first, last = period.first.replace(year=year), period.last.replace(year=year)
                    if first > after.last:
                        first, last = first.replace(year=year - 1), last.replace(year=year - 1)
                except ValueError:
                    continue
                self.named_periods[place] = (words, Period(first, last))

    def _read_duration(self) -> bool:
        count = self._count(0)
        if count is None:
            return False
        after = 1
        if self._peek(1)[0] == "dash" or self._peek(1)[1] in ("a", "to", "or", "ou"):
            most = self._count(2)
            if most is not None:
                count, after = most, 3
        after += self._peek(after)[1] in ("business", "working")
        unit = word_numbers("units").get(self._peek(after)[1])
        if unit is None:
            return False
        self.days = min(DAYS_MAX, max(1, count * unit))
        self._place += after + 1
        return True

    def _count(self, offset: int) -> int | None:
        kind, value = self._peek(offset)
        return int(value) if kind == "number" else word_numbers("numbers").get(value)


def _months(year: int, month: int, count: int) -> Period:
    end = month + count - 1
    return Period(date(year, month, 1), date(year, end, monthrange(year, end)[1]))


def split_sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a paragraph, and the parts between semicolons."""
    for part in text.replace(";", ". ").split(". "):
        if part.strip(" ."):
            yield part.strip(" .")
