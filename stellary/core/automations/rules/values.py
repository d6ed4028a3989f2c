"""Values of events in the params of actions: ``{{card.title}}`` in texts, and dates such as ``next monday``. Pure functions."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, get_args

from stellary.contract.naming import base, members, wire_fields
from stellary.contract.wire import Request, invalid
from stellary.core.automations.rules.conditions import DATA, Facts

Replace = Callable[[str, str], str]
"""Returns a text in place of another one, given its path."""

_OF_CARD: Final = ("key", "title", "status", "priority", "startDate", "dueDate")
_OF_TRIGGER: Final = ("fromColumn", "toColumn", "fromStatus", "toStatus", "comment")
LOOKED_UP: Final = ("card.column", "card.assignee", "project.name", "actor.name")
"""The values that are names of items, which events refer to by id."""
NAMES: Final = (
    *(f"card.{name}" for name in _OF_CARD),
    *LOOKED_UP,
    *(f"trigger.{name}" for name in _OF_TRIGGER),
)
"""The names of the values that texts can contain, besides those of the trigger's own data."""
_VALUE: Final = re.compile(r"\{\{([^{}]*)\}\}")
_PUNCTUATION: Final = re.compile(r"([!-/:-@\[-`{-~])")
_DATE: Final = re.compile(
    r"(?:(today|end of month|next (?P<day>[a-z]+day)|\{\{ ?(?P<name>card\.(?:start|due)date) ?\}\}) ?)?"
    r"(?:(?P<sign>[+-]) ?(?P<count>\d{1,4})(?P<unit>[dw]))?",
    re.IGNORECASE,
)
_DAYS: Final = [name.casefold() for name in calendar.day_name]
_DATES: Final = {f"card.{name}".casefold(): f"card.{name}" for name in ("startDate", "dueDate")}


def find_names(params: object) -> Iterator[str]:
    """Yield the names of the values in the texts of params, known or not."""
    if isinstance(params, str):
        yield from (name.strip() for name in _VALUE.findall(params))
    elif isinstance(params, Mapping):
        for part in params.values():
            yield from find_names(part)
    elif isinstance(params, list):
        for part in params:
            yield from find_names(part)


def check_names(params: object, path: str, data_names: Collection[str]) -> None:
    """Check that all values in texts are known.

    Args:
        params: The params of an action.
        path: Their position in the request, for errors.
        data_names: The names of the data of the trigger, such as ``data.amount``.

    Raises:
        Invalid: A value is unknown; the error lists those that are known.
    """
    known_names = (*NAMES, *data_names)
    for name in find_names(params):
        if name not in known_names and name.casefold() not in _DATES:
            raise invalid((path, f"{{{{{name}}}}} is no value; use {', '.join(known_names)}"))


def use_sample_dates(kind: type[Request], params: Mapping[str, object]) -> dict[str, object]:
    """Return params with a fixed date in place of relative ones, which can be validated.

    Args:
        kind: The class of the params.
        params: The params.
    """
    return _replace_dates(kind, params, lambda text, _: "2000-01-01" if _find_date(text) else text)


def to_values(facts: Facts, names: Mapping[str, str | None]) -> dict[str, str]:
    """Return the values of an event as texts, by name.

    Args:
        facts: The facts of the event.
        names: The values of ``LOOKED_UP`` that are needed.
    """
    values: dict[str, object] = {f"card.{name}": facts.get(name) for name in _OF_CARD}
    values |= {f"trigger.{name}": facts.get(name) for name in _OF_TRIGGER} | dict(names)
    values |= {name: value for name, value in facts.items() if name.startswith(DATA)}
    return {name: _to_text(value) for name, value in values.items()}


def _to_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def fill_params(
    kind: type[Request],
    params: Mapping[str, object],
    values: Mapping[str, str],
    now: datetime,
    markdown: Collection[str],
) -> dict[str, object]:
    """Return params with values in place of their names, and with dates in place of relative ones.

    Args:
        kind: The class of the params.
        params: The params of an action.
        values: The values by name; unknown names stay.
        now: The time from which dates are counted, in UTC.
        markdown: The params whose texts are Markdown, in which values are escaped.

    Raises:
        Invalid: A date is that of a card without one, or too far away.
    """
    dated = _replace_dates(kind, params, lambda text, path: _to_date(text, path, values, now.date()))
    return {name: _fill(part, values, name in markdown) for name, part in dated.items()}


def _fill(part: object, values: Mapping[str, str], is_markdown: bool) -> object:
    if isinstance(part, Mapping):
        return {name: _fill(value, values, is_markdown) for name, value in part.items()}
    if isinstance(part, list):
        return [_fill(value, values, is_markdown) for value in part]
    if not isinstance(part, str) or "{{" not in part:
        return part

    def find(match: re.Match[str]) -> str:
        name = match[1].strip()
        name = _DATES.get(name.casefold(), name)
        value = " ".join(values.get(name, match[0]).split())
        if name in _DATES.values():
            value = value.removesuffix("T00:00:00+00:00").replace("T", " ").replace("+00:00", " UTC")
        return _PUNCTUATION.sub(r"\\\1", value) if is_markdown and name in values else value

    return _VALUE.sub(find, part)


def _replace_dates(
    kind: type[Request], params: Mapping[str, object], replace: Replace, path: str = ""
) -> dict[str, object]:
    """Return params with other texts in the fields that are dates, also of cards in lists."""
    replaced = dict(params)
    for name, field in wire_fields(kind).items():
        value, plain = params.get(name), base(field.type)
        if isinstance(value, str) and date in members(field.type):
            replaced[name] = replace(value, path + name)
        elif isinstance(value, list) and isinstance(nested := next(iter(get_args(plain)), None), type):
            replaced[name] = [
                _replace_dates(nested, item, replace, f"{path}{name}[{index}].")
                if isinstance(item, Mapping) and issubclass(nested, Request)
                else item
                for index, item in enumerate(value)
            ]
    return replaced


def _find_date(text: str) -> re.Match[str] | None:
    """Return the parts of a relative date; None for another text."""
    match = _DATE.fullmatch(" ".join(text.split()))
    is_date = match and match[0] and (match["day"] is None or match["day"].casefold() in _DAYS)
    return match if is_date else None


def _to_date(text: str, path: str, values: Mapping[str, str], today: date) -> str:
    match = _find_date(text)
    if match is None:
        return text
    start: date = today
    if match["name"] is not None:
        name = _DATES[match["name"].casefold()]
        if not values.get(name):
            raise invalid((path, f"needs {name}, which the card does not have"))
        start = datetime.fromisoformat(values[name]).astimezone(UTC)
    elif match["day"] is not None:
        start += timedelta(days=(_DAYS.index(match["day"].casefold()) - today.weekday() - 1) % 7 + 1)
    elif (match[1] or "").casefold() == "end of month":
        start = today.replace(day=calendar.monthrange(today.year, today.month)[1])
    days = int(match["count"] or 0) * (7 if (match["unit"] or "").casefold() == "w" else 1)
    try:
        return (start + timedelta(days=-days if match["sign"] == "-" else days)).isoformat()
    except OverflowError:
        raise invalid((path, "is too far away")) from None
