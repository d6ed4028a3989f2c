"""Dates and durations: ``2026-05-01``, ``1 May 2026``, ``Q3 2026``, ``août 2026``, ``three weeks``."""

from __future__ import annotations

import re
from calendar import monthrange
from contextlib import suppress
from datetime import date

import attrs

from stellary.core.wizard.rules.vocabulary import DASHES, Language, find_marker, fold, word_numbers, word_set

TEXT_MAX = 300
DAYS_MAX = 3_650


def _join_words(table: str) -> str:
    """Return an expression for the words of a table, the longest first."""
    return "|".join(sorted(word_numbers(table), key=len, reverse=True))


_MONTH = rf"\b(?:{_join_words('months')})\b\.?"
_DAY = r"\d{1,2}(?:(?:er|st|nd|rd|th)?\b|\.(?!\d))"
_TO = rf" ?(?:[{DASHES}]|\bau\b|\bto\b|\bbis\b|\bal?\b) ?"
_YEAR = r",? (?:de |del )?(?P<{}>\d{{4}})\b"
_TIMES = re.compile(
    rf"\b(?:(?:\d{{1,4}}(?: ?[{DASHES}] ?| (?:a|to|or|ou|bis) ))?(?P<count>\d{{1,4}}) ?|(?P<number>[a-z]{{1,6}}) )"
    rf"(?:business |working )?(?P<unit>{_join_words('units')})\b"
    r"|\b(?P<iso>\d{4}-\d\d-\d\d)\b"
    r"|(?<!\d\.)\b(?P<first>\d{1,2})(?P<dot>[./])(?P<second>\d{1,2})(?P=dot)(?P<end>\d{4}|\d\d)\b(?!\.\d)"
    rf"|\b[qt](?P<quarter>[1-4])(?:{_TO}[qt]?(?P<to_quarter>[1-4]))?{_YEAR.format('of_quarter')}"
    rf"|\b(?P<from>{_DAY})(?:{_TO}(?P<until>{_DAY}))? ?(?:of |de )?(?P<month>{_MONTH})(?:{_YEAR.format('year')})?"
    rf"|(?P<named>{_MONTH})(?: (?P<day>{_DAY})(?:{_TO}(?P<last>{_DAY}))?)?(?:{_YEAR.format('of_month')})?"
    rf"|(?P<word>[a-z]+|\d+|[^\s(),.:;'|/*~{DASHES}])"
)
_BRACKETS = re.compile(r"[(\[][^()\[\]]*[)\]]")
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

    def move_to(self, year: int) -> Period:
        """Return the period in another year, unless the text names its own."""
        with suppress(ValueError):
            return (
                self if self.has_year else Period(self.first.replace(year=year), self.last.replace(year=year))
            )
        return self


@attrs.frozen
class Timing:
    """The time that a text names: a period, a duration in days, or both."""

    period: Period | None = None
    days: int | None = None


class DateReader:
    """A reader of the dates in a text.

    Args:
        today: The day from which a date without a year is the next one.
        language: The language of the text: ``05/06/2026`` is 5 June in French, and unclear in English.

    Attributes:
        unclear: The dates whose day and month are unclear.
    """

    def __init__(self, today: date, language: Language = "en") -> None:
        self._today, self._language = today, language
        self.unclear: list[str] = []

    def read_timing(self, text: str) -> Timing | None:
        """Return the time that a text consists of; None if the text contains anything else, or no time."""
        marker = find_marker(text)
        if marker is not None and marker.days and not marker.name:
            return Timing(days=marker.days)
        periods, durations, words = self.scan(text)
        if not word_set("fillers").issuperset(words) or not (periods or durations):
            return None
        days = [period for _, period in periods]
        if days and days[0].first > days[-1].last:
            # "March 1 - May 31" has begun, if today is in April.
            days[0] = days[0].move_to(days[-1].last.year)
        firsts, lasts = [day.first for day in days], [day.last for day in days]
        joined = Period(min(firsts), max(lasts), days[0].has_year) if days else None
        return Timing(joined, durations[-1] if durations else None)

    def take_timing(self, text: str) -> tuple[str, Timing | None]:
        """Split a heading into the text and the time, which is in brackets or at the beginning or end."""
        for brackets in _BRACKETS.finditer(text):
            inside = brackets[0][1:-1]
            timings = map(self.read_timing, [inside, *inside.split(", ")])
            if timing := next(filter(None, timings), None):
                name = f"{text[: brackets.start()].rstrip()} {text[brackets.end() :].lstrip()}"
                return name.strip(f" {DASHES}:,|"), timing
        if timing := self.read_timing(text):
            return text, timing
        # Try the longest part first, since a range of days contains a separator itself.
        splits = [
            (text[:place], text[place + len(separator) :])
            for separator in _SEPARATORS
            for place in [place for place in range(len(text)) if text.startswith(separator, place)][-6:]
        ]
        parts = [pair for before, after in splits for pair in ((after, before), (before, after))]
        for part, name in sorted(parts, key=lambda pair: -len(pair[0])):
            if name.count("(") == name.count(")") and (timing := self.read_timing(part)):
                return name.strip(), timing
        return text, None

    def scan(self, text: str) -> tuple[list[tuple[list[str], Period]], list[int], list[str]]:
        """Return the periods with the words before each, the durations in days, and all other words."""
        periods: list[tuple[list[str], Period]] = []
        durations: list[int] = []
        unread: list[str] = []
        before: list[str] = []
        for match in _TIMES.finditer(" ".join(fold(text[:TEXT_MAX]).split())):
            count = word_numbers("numbers").get(match["number"] or "") or int(match["count"] or 0)
            if match["unit"] and count:
                days = count * word_numbers("units")[match["unit"]]
                durations.append(min(DAYS_MAX, days))
            elif period := self._read_period(match):
                periods.append((before, period))
                before = []
            else:
                words = match[0].split()
                before += words
                unread += words
        return periods, durations, unread

    def _read_period(self, match: re.Match[str]) -> Period | None:
        month = word_numbers("months").get((match["month"] or match["named"] or "").rstrip("."), 0)
        with suppress(ValueError):
            if match["iso"]:
                return _to_period(date.fromisoformat(match["iso"]))
            if match["end"]:
                first, second, year = int(match["first"]), int(match["second"]), int(match["end"])
                if match["dot"] == "." and len(match[0]) < len("01.02.10"):
                    # "1.2.10" is a version.
                    return None
                year += 2_000 if year < 100 else 0
                is_unclear = self._language == "en" and match["dot"] == "/" and first != second
                if is_unclear and max(first, second) < 13:
                    self.unclear.append(match[0])
                    return None
                day, month = (second, first) if second > 12 else (first, second)
                return _to_period(date(year, month, day))
            if match["quarter"]:
                quarter, last = int(match["quarter"]), int(match["to_quarter"] or match["quarter"])
                year = int(match["of_quarter"])
                # "Q4-Q2 2027" begins in the year before.
                first_day = date(year - (last < quarter), 3 * quarter - 2, 1)
                return Period(first_day, _to_months(year, 3 * last - 2, 3).last)
            year = int(match["year"] or match["of_month"] or 0)
            if days := [part for part in match.group("from", "until", "day", "last") if part]:
                dates = [self._to_date(year, month, int(part.rstrip("erstndh."))) for part in days]
                return Period(dates[0], dates[-1], bool(year))
            # "May" and "mars" are words, too.
            if month and (year or match["named"] not in ("may", "mar", "march", "mars", "sept")):
                return _to_months(self._to_date(year, month, 28).year, month, 1, has_year=bool(year))
        return None

    def _to_date(self, year: int, month: int, day: int) -> date:
        value = date(year or self._today.year, month, day)
        return value if year or value >= self._today else value.replace(year=value.year + 1)


def _to_period(day: date) -> Period:
    return Period(day, day)


def _to_months(year: int, month: int, count: int, *, has_year: bool = True) -> Period:
    end = month + count - 1
    return Period(date(year, month, 1), date(year, end, monthrange(year, end)[1]), has_year)


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a paragraph, and the parts between semicolons."""
    # "15. Juni" is one date.
    return [part.strip(" .") for part in re.split(r"(?<!\b\d)(?<!\b\d\d)\. |;", text) if part.strip(" .")]
