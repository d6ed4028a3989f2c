"""Recurrence rules of schedules: which ones are accepted, and when they occur next. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo
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

    Times that do not exist on a day in the time zone are an hour later; of those that exist twice, it is the first.

    Args:
        rule: A rule that ``check_rule`` has accepted.
        zone: The time zone in which it occurs.
        start: A time from which intervals are counted: an earlier occurrence, or when the rule was saved.
        after: The time after which it occurs.
    """
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
    for local in occurrences:
        occurrence = local.replace(tzinfo=zone).astimezone(UTC)
        if occurrence > after:
            return occurrence
    return None
