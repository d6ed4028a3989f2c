"""Recurrence rules of schedules and cards: which ones are accepted, when they occur, and in words. Pure functions."""

from __future__ import annotations

import calendar
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import takewhile
from typing import Final
from zoneinfo import ZoneInfo

from stellary.contract.wire import invalid

YEARS: Final = 10
"""A rule that does not occur for so long is refused."""
_LONGEST: Final = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""The most days that each month has."""
_PARTS: Final = {
    "FREQ": re.compile("HOURLY|DAILY|WEEKLY|MONTHLY|YEARLY"),
    "INTERVAL": re.compile(r"[1-9]\d?"),
    "BYDAY": re.compile("(?:[+-]?[1-5])?[MTWFS][OUEHRA](?:,(?:[+-]?[1-5])?[MTWFS][OUEHRA]){0,6}"),
    "BYMONTHDAY": re.compile(r"-?(?:[1-9]|[12]\d|3[01])(?:,-?(?:[1-9]|[12]\d|3[01])){0,30}"),
    "BYMONTH": re.compile("(?:1[0-2]|[1-9])(?:,(?:1[0-2]|[1-9])){0,11}"),
    "BYHOUR": re.compile(r"(?:1?\d|2[0-3])(?:,(?:1?\d|2[0-3])){0,23}"),
    "BYMINUTE": re.compile(r"[1-5]?\d"),
    "BYSETPOS": re.compile(r"-?[1-9]\d?"),
    "WKST": re.compile("MO|SU"),
}
_UNITS: Final = {"HOURLY": "hour", "DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}
_DAYS: Final = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"}


def check_rule(rule: str, path: str) -> None:
    """Check that schedules can have a recurrence rule.

    Args:
        rule: The value of an RRULE of iCalendar.
        path: Its position in the request, for errors.

    Raises:
        Invalid: It has an unknown or malformed part, or occurs more often than hourly.
    """
    parts: dict[str, str] = {}
    for part in rule.upper().split(";"):
        name, _, value = part.partition("=")
        if name in parts or name not in _PARTS or not _PARTS[name].fullmatch(value):
            raise invalid((path, f"has a part that schedules cannot have: {part[:40]!r}"))
        parts[name] = value
    if "FREQ" not in parts:
        raise invalid((path, "must have FREQ"))
    if (problem := _find_problem(parts)) is not None:
        raise invalid((path, problem))


def _find_problem(parts: Mapping[str, str]) -> str | None:
    """Return why a combination of parts may never occur, which would take seconds to find out; None if it does."""
    is_monthly = parts["FREQ"] in ("MONTHLY", "YEARLY")
    days, month_days = parts.get("BYDAY", ""), parts.get("BYMONTHDAY", "")
    longest = max(_LONGEST[int(month)] for month in parts.get("BYMONTH", "1").split(","))
    if not {day[-2:] for day in days.split(",") if day} <= _DAYS:
        return "must have days such as MO and FR in BYDAY"
    if "INTERVAL" in parts and (parts["FREQ"] == "HOURLY" or "BYMONTH" in parts):
        return "cannot have INTERVAL with FREQ=HOURLY or BYMONTH"
    if not is_monthly and (month_days or re.search(r"\d", days)):
        return "can have days of the month only with FREQ=MONTHLY or FREQ=YEARLY"
    if month_days and (days or min(abs(int(day)) for day in month_days.split(",")) > longest):
        return "cannot have BYMONTHDAY with BYDAY, or with months that have no such day"
    if "BYSETPOS" in parts and not (
        is_monthly
        and days
        and not re.search(r"\d", days)
        and abs(int(parts["BYSETPOS"])) <= 4 * len(set(days.split(",")))
    ):
        return "can have BYSETPOS only with days of BYDAY that each month has"
    return None


def find_zone(name: str, path: str) -> tzinfo:
    """Return a time zone.

    Args:
        name: Its name in the database of IANA.
        path: The position of the name in the request, for errors.

    Raises:
        Invalid: There is no such time zone on this server.
    """
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise invalid((path, "must be the name of a time zone, such as Europe/Berlin")) from None


def find_next(rule: str, zone: tzinfo, start: datetime, after: datetime) -> datetime | None:
    """Return when a rule occurs next, in UTC; None if it does not within ten years.

    Args:
        rule: A rule that ``check_rule`` has accepted.
        zone: The time zone in which it occurs.
        start: A time from which intervals are counted: an earlier occurrence, or when the rule was saved.
        after: The time after which it occurs.
    """
    # The interval may be counted from long ago; only the last times before the next one are converted.
    near = after.astimezone(zone).replace(tzinfo=None) - timedelta(days=1)
    occurrences = (
        _to_utc(local, zone) for local in _iterate_local(rule, zone, start, after) if local >= near
    )
    return next((occurrence for occurrence in occurrences if occurrence > after), None)


def iterate_occurrences(rule: str, zone: tzinfo, start: datetime, after: datetime) -> Iterator[datetime]:
    """Yield the times of a rule from the day of ``start`` until ten years after ``after``, in UTC.

    Times that do not exist on a day in the time zone are an hour later; of those that exist twice, it is the first.

    Args:
        rule: A rule that ``check_rule`` has accepted.
        zone: The time zone in which it occurs.
        start: A time on the first day, from which intervals are counted.
        after: The time from which the ten years are counted.
    """
    return (_to_utc(local, zone) for local in _iterate_local(rule, zone, start, after))


def _iterate_local(rule: str, zone: tzinfo, start: datetime, after: datetime) -> Iterable[datetime]:
    # The import would cost each start of a server.
    from dateutil.rrule import rrulestr

    first_day = start.astimezone(zone).date()
    rule = rule.upper()
    defaults = {"BYMINUTE": "0"} if "FREQ=HOURLY" in rule else {"BYHOUR": "0", "BYMINUTE": "0"}
    text = ";".join([rule, *(f"{name}={value}" for name, value in defaults.items() if name not in rule)])
    end = after.astimezone(zone).replace(tzinfo=None) + timedelta(days=366 * YEARS)
    occurrences: Iterable[datetime] = rrulestr(text, dtstart=datetime.combine(first_day, time())).replace(
        until=end
    )
    return occurrences


def _to_utc(local: datetime, zone: tzinfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)


def complete_rule(rule: str, day: date) -> str:
    """Return a rule with the day on which it occurs, if it names none.

    Args:
        rule: A rule that ``check_rule`` has accepted.
        day: The day on which the rule is set.
    """
    rule = rule.upper()
    if "BYDAY=" in rule or "BYMONTHDAY=" in rule:
        return rule
    if "FREQ=WEEKLY" in rule:
        return f"{rule};BYDAY={calendar.day_name[day.weekday()][:2].upper()}"
    if "FREQ=YEARLY" in rule and "BYMONTH=" not in rule:
        rule += f";BYMONTH={day.month}"
    return f"{rule};BYMONTHDAY={day.day}" if "FREQ=MONTHLY" in rule or "FREQ=YEARLY" in rule else rule


def find_last(rule: str, zone: tzinfo, now: datetime) -> datetime:
    """Return the last time of a rule until now, if its intervals are counted so that the period of now is one of them.

    Args:
        rule: A rule that ``check_rule`` has accepted, at most daily.
        zone: The time zone in which it occurs.
        now: The current time, which is the result if the rule did not occur before.
    """
    from dateutil.relativedelta import relativedelta

    parts = dict(part.split("=") for part in rule.upper().split(";"))
    unit, interval = _UNITS[parts["FREQ"]], int(parts.get("INTERVAL", 1))
    for count in (0, 1, 8, 64, 512):
        try:
            start = now - relativedelta(**{f"{unit}s": count * interval})
        except (OverflowError, ValueError):
            break
        past = takewhile(lambda occurrence: occurrence <= now, iterate_occurrences(rule, zone, start, now))
        if last := deque(past, maxlen=1):
            return last[0]
    return now


def describe_rule(rule: str) -> str:
    """Return a rule of cards in words, such as ``every 2 weeks on Monday and Friday at 09:00``."""
    parts = dict(part.split("=") for part in rule.upper().split(";"))
    unit, interval = _UNITS[parts["FREQ"]], parts.get("INTERVAL", "1")
    days = parts["BYDAY"].split(",") if "BYDAY" in parts else []
    month_days = parts["BYMONTHDAY"].split(",") if "BYMONTHDAY" in parts else []
    words = f"every {unit}" if interval == "1" else f"every {interval} {unit}s"
    if days:
        is_choice = "BYSETPOS" in parts
        names = _join(map(_name_day, days), "or" if is_choice else "and")
        if {*days} == {"MO", "TU", "WE", "TH", "FR"}:
            names = "weekday" if is_choice or words == "every week" else "weekdays"
        if is_choice:
            words += f" on the {_name_place(parts['BYSETPOS'])} {names}"
        else:
            words = f"every {names}" if words == "every week" else f"{words} on {names}"
    if month_days:
        words += f" on {_join(f'the {_name_place(day)} day' for day in month_days)}"
    if "BYMONTH" in parts:
        words += f" in {_join(calendar.month_name[int(month)] for month in parts['BYMONTH'].split(','))}"
    if "BYHOUR" in parts or "BYMINUTE" in parts:
        words += f" at {parts.get('BYHOUR', '0'):0>2}:{parts.get('BYMINUTE', '0'):0>2}"
    return words


def _name_day(day: str) -> str:
    """Return the name of a day of BYDAY, such as ``the last Friday`` for ``-1FR``."""
    name = next(name for name in calendar.day_name if name.upper().startswith(day[-2:]))
    return name if len(day) == 2 else f"the {_name_place(day[:-2])} {name}"


def _name_place(number: str) -> str:
    count = abs(int(number))
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(0 if count in (11, 12, 13) else count % 10, "th")
    if int(number) > 0:
        return f"{count}{suffix}"
    return "last" if count == 1 else f"{count}{suffix} last"


def _join(words: Iterable[str], conjunction: str = "and") -> str:
    *first_words, last = words
    return f"{', '.join(first_words)} {conjunction} {last}" if first_words else last
