"""Conditions for cards as they are written in requests, and as tests of fields whose names and days have been resolved."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias, get_args

import attrs

from stellary.contract.cards import (
    Card,
    CardFilters,
    CardStatus,
    ChecklistState,
    FindCards,
    ListCards,
    Priority,
)
from stellary.contract.limits import RELATIVE_DAY_PATTERN, REPEATED_MAX
from stellary.contract.strict import structure
from stellary.contract.wire import UNSET, Problems, camel, invalid, wire_fields

VALUES_MAX = REPEATED_MAX
SORT_MAX = 3
_FLAGS = ("true", "false")
CHOICES: Final[Mapping[str, Sequence[str]]] = {
    "priority": get_args(Priority),
    "status": get_args(CardStatus),
    "checklist": get_args(ChecklistState)[:2],
    "archived": _FLAGS,
    "blocked": _FLAGS,
}
"""The values of fields that have a few, in ascending order."""
DATES: Final = {
    **{field: f"{field}_date" for field in ("due", "start")},
    **{field: f"{field}_at" for field in ("created", "completed", "updated")},
}
"""The columns of fields that are times."""
RANGES: Final = {**DATES, "estimate": "estimate"}
"""The columns of fields with an order, which are compared with one value."""
NAMED: Final = {field: f"{field}Id" for field in ("assignee", "label", "column", "scope", "project")}
"""The fields whose values are names or ids of other items, with their parameters."""
_OPTIONAL = frozenset({"assignee", "label", "priority", "checklist", *RANGES})
PARAMETERS: Final = {
    **{f"{field}_id": (field, "=") for field in NAMED},
    **{field: (field, "=") for field in CHOICES},
    **{f"{field}_before": (field, "<") for field in ("due", "created", "completed")},
    **{f"{field}_after": (field, ">=") for field in ("due", "created", "completed")},
    "updated_since": ("updated", ">="),
    "q": ("text", "="),
}
"""The field and the operator of each parameter of a list of cards that is a condition."""
_NO_CONDITIONS = {"limit", "cursor", "filter", "saved", "sort", "fields", "custom_field"}
_FILTERS = {field.name for request in (ListCards, FindCards) for field in wire_fields(request).values()}
if _DIFFERENT := (_FILTERS - _NO_CONDITIONS) ^ PARAMETERS.keys():
    raise TypeError(f"only one of PARAMETERS and the lists of cards has {', '.join(sorted(_DIFFERENT))}")


Value: TypeAlias = str | bool | None
"""A value of a test: None for cards without a value, True for all others."""


class Quoted(str):
    """A value in quotes, which is never a keyword such as ``me``."""

    __slots__ = ()


def read_word(value: object, parameter: str) -> str:
    """Return the keyword that a value may be, which only a filter spells in any case; empty for others.

    Args:
        value: The value.
        parameter: The wire name of the parameter that contains it.
    """
    if not isinstance(value, str) or isinstance(value, Quoted):
        return ""
    return value.lower() if parameter == "filter" else value


@attrs.frozen
class Comparison:
    """A field, an operator, and the values of which one has to match; for ``!=``, none.

    Attributes:
        parameter: The wire name of the parameter that contains it.
    """

    field: str
    operator: str
    values: Sequence[str | datetime | None]
    parameter: str = "filter"


@attrs.frozen
class Test:
    """A comparison whose values are ids and moments.

    Attributes:
        values: The values of which one has to match.
        lower, upper: The first moment or number that matches, and the first one after it that does not.
    """

    field: str
    values: Sequence[Value] = ()
    lower: datetime | float | None = None
    upper: datetime | float | None = None
    negated: bool = False


@attrs.frozen
class Combination:
    """Conditions that are joined by ``and`` or ``or``, or one that ``not`` inverts."""

    operator: str
    parts: Sequence[Condition]


Condition: TypeAlias = Comparison | Test | Combination


@attrs.frozen
class SortKey:
    """A field to sort by."""

    field: str
    descending: bool = False


def read_parameters(request: CardFilters) -> dict[str, Comparison]:
    """Return the conditions of a request by parameter, apart from its ``filter`` and those by custom fields."""
    comparisons = {}
    for name, (field, operator) in PARAMETERS.items():
        if (value := getattr(request, name, UNSET)) is not UNSET:
            values = value if isinstance(value, list) else [value]
            texts = [str(item).lower() if isinstance(item, bool) else item for item in values]
            comparisons[name] = Comparison(field, operator, texts, camel(name))
    return comparisons


def read_fields(text: str) -> list[str]:
    """Return the names of the fields of a response, of which ``id`` is always one; empty for all fields.

    Args:
        text: The parameter ``fields``; empty without one.

    Raises:
        Invalid: A card has no such field.
    """
    names = dict.fromkeys(["id", *(name.strip() for name in text.split(","))]) if text else {}
    for name in names:
        if name not in wire_fields(Card):
            raise invalid(("fields", f"must consist of {', '.join(wire_fields(Card))}, not {name[:50]!r}"))
    return [*names]


def read_order(sort: str, order: Sequence[SortKey]) -> Sequence[SortKey]:
    """Return the fields to sort by.

    Args:
        sort: The parameter ``sort``; empty without one.
        order: The order in the parameter ``filter``.

    Raises:
        Invalid: A field cannot be sorted by, or there are too many.
    """
    fields = {camel(RANGES.get(field, field)): field for field in (*RANGES, "priority", "status")}
    if sort and order:
        raise invalid(("sort", "must not be given if filter has an order"))
    keys = list(order)
    for word in filter(None, sort.split(",")):
        if (name := word.strip().removeprefix("-")) not in fields:
            raise invalid(("sort", f"must consist of {', '.join(sorted(fields))}, not {name[:50]!r}"))
        keys.append(SortKey(fields[name], descending=word.strip().startswith("-")))
    if len({key.field for key in keys}) < len(keys) or len(keys) > SORT_MAX:
        raise invalid(
            ("sort" if sort else "filter", f"must have at most {SORT_MAX} different fields to sort by")
        )
    return keys


def flatten(condition: Condition | None) -> list[Condition]:
    """Return the conditions that a condition joins by ``and``."""
    if condition is None:
        return []
    if isinstance(condition, Combination) and condition.operator == "and":
        return [part for inner in condition.parts for part in flatten(inner)]
    return [condition]


def resolve_condition(
    condition: Condition, now: datetime, resolve_name: Callable[[str, str, str], Sequence[str]]
) -> Condition:
    """Return a condition whose names and days are resolved.

    Args:
        condition: The condition.
        now: The current time, for relative days.
        resolve_name: Returns the ids of a field, a name and the parameter that contains it.

    Raises:
        Invalid: A field has no such operator or value.
    """
    if isinstance(condition, Comparison):
        return resolve_comparison(condition, now, resolve_name)
    assert isinstance(condition, Combination)
    parts = [resolve_condition(part, now, resolve_name) for part in condition.parts]
    return Combination(condition.operator, parts)


def resolve_comparison(
    comparison: Comparison, now: datetime, resolve_name: Callable[[str, str, str], Sequence[str]]
) -> Test:
    """Return a comparison whose names and days are resolved.

    Args:
        comparison: The comparison.
        now: The current time, for relative days.
        resolve_name: Returns the ids of a field, a name and the parameter that contains it.

    Raises:
        Invalid: The field has no such operator or value.
    """
    field, operator, parameter = comparison.field, comparison.operator, comparison.parameter
    is_equality, negated = operator in ("=", "!="), operator == "!="
    values: list[Value] = []
    for value in comparison.values:
        word = read_word(value, parameter)
        if is_equality and field in _OPTIONAL and (value is None or word == "none"):
            values.append(None)
        elif is_equality and field in _OPTIONAL and word == "any":
            values.append(True)
        elif field in RANGES:
            kind = "day" if field in DATES else "number"
            if len(comparison.values) > 1:
                raise invalid((parameter, f"must compare {field} with one {kind}"))
            start, end = (
                _resolve_day(value, now, parameter)
                if kind == "day"
                else _resolve_number(field, str(value), parameter)
            )
            lower = {">": end, ">=": start, "=": start, "!=": start}.get(operator)
            upper = {"<": start, "<=": end, "=": end, "!=": end}.get(operator)
            return Test(field, (), lower, upper, negated)
        elif not is_equality:
            raise invalid((parameter, f"must compare {field} by =, != or in, not {operator}"))
        elif field in NAMED:
            values += resolve_name(field, value if isinstance(value, str) else "", parameter)
        elif field in CHOICES and word not in CHOICES[field]:
            raise invalid(
                (parameter, f"must compare {field} with {', '.join(CHOICES[field])}, not {value!r:.50}")
            )
        else:
            values.append(word if field in CHOICES else str(value))
    return Test(field, values, negated=negated)


def _resolve_number(field: str, text: str, parameter: str) -> tuple[float, float]:
    """Return a number with up to two decimals, and the next one."""
    if not re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,2})?", text):
        raise invalid((parameter, f"must compare {field} with a number such as 2.5, not {text!r:.50}"))
    return float(text), float(text) + 0.01


def _resolve_day(value: str | datetime | None, now: datetime, parameter: str) -> tuple[datetime, datetime]:
    """Return the beginning of a day in UTC and its end; of a moment, the moment and the next one."""
    moment, text = timedelta(microseconds=1), str(value).lower()
    try:
        if isinstance(value, datetime):
            return value, value + moment
        if not re.fullmatch(RELATIVE_DAY_PATTERN, text):
            start = structure(text, datetime)
            return start, start + (moment if len(text) > len("2026-04-01") else timedelta(days=1))
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        days = {"today": 0, "tomorrow": 1}.get(text)
        if days is None:
            days = int(text[:-1]) * (7 if text.endswith("w") else 1)
        return today + timedelta(days=days), today + timedelta(days=days + 1)
    except Problems:
        message = f"must have a day such as 2026-04-01, today or +7d, not {value!r:.50}"
    except OverflowError:
        message = "must be a moment from year 1 to 9999"
    raise invalid((parameter, message))
