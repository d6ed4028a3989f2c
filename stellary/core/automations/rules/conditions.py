"""Conditions of rules: validation and evaluation. Pure functions."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, get_origin

from stellary.contract.cards import Card
from stellary.contract.errors import Invalid
from stellary.contract.limits import ID_PATTERN
from stellary.contract.naming import base, wire_fields
from stellary.contract.wire import Request, invalid, load, utc

DEPTH_MAX = 4
LEAVES_MAX = 100
TEXT_MAX = 5_000
ENTRIES_MAX = 100

FactType = Literal["text", "number", "moment", "flag", "list", "any"]
Facts = Mapping[str, Any]
Comparisons = Mapping[str, Any]
"""The conditions of a rule, a group of them, or a comparison."""

_TYPES: Final[Mapping[object, FactType]] = {
    **dict.fromkeys((int, float), "number"),
    str: "text",
    bool: "flag",
    datetime: "moment",
    list[str]: "list",
}
_NOT_COMPARED: Final = ("id", "projectId", "order", "version", "updatedAt")


def _list_card_fields() -> Iterator[tuple[str, FactType]]:
    for name, field in wire_fields(Card).items():
        kind = base(field.type)
        fact_type = _TYPES.get(str if get_origin(kind) is Literal else kind)
        if fact_type is not None and name not in _NOT_COMPARED:
            yield name, fact_type


FIELDS: Final[Mapping[str, FactType]] = {
    **dict(_list_card_fields()),
    "checklistTotal": "number",
    "checklistDone": "number",
    "checklistPercent": "number",
    "fromColumnId": "text",
    "toColumnId": "text",
    "fromColumn": "text",
    "toColumn": "text",
    "fromStatus": "text",
    "toStatus": "text",
    "fromAssigneeId": "text",
    "toAssigneeId": "text",
    "changedFields": "list",
    "comment": "text",
}
"""The fields of cards and events that conditions can compare."""

DATA = "data."
"""The prefix of the fields of a trigger's own data."""

CUSTOM_FIELD = re.compile(rf"customFields\.({ID_PATTERN})")

_ORDER: Final = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
_LISTS = ("in", "not_in")
OPS: Final[Mapping[FactType, tuple[str, ...]]] = {
    "text": ("eq", "ne", "in", "not_in", "contains", "is_set"),
    "number": ("eq", "ne", "in", "not_in", *_ORDER, "is_set"),
    "moment": ("eq", "ne", "in", "not_in", *_ORDER, "is_set"),
    "flag": ("eq", "ne", "is_set"),
    "list": ("contains", "is_set"),
    "any": ("eq", "ne", "in", "not_in", "contains", *_ORDER, "is_set"),
}
"""The operators for a field, by the kind of its values."""


class _Moment(Request):
    value: date


# ---------------------------------------------------------------------------------------------- validation


def check_conditions(
    conditions: Comparisons,
    path: str = "conditions",
    data_fields: Mapping[str, FactType] = MappingProxyType({}),
) -> Comparisons:
    """Check that conditions are well-formed, and return them.

    Args:
        conditions: A group of comparisons and groups; empty for none.
        path: Their position in the request, for errors.
        data_fields: The kinds of the fields of the trigger's own data, such as ``data.amount``.

    Raises:
        Invalid: They are malformed; the error names the position.
    """
    if conditions:
        leaves = _check_group(conditions, path, 1, {**FIELDS, **data_fields})
        if leaves > LEAVES_MAX:
            raise invalid((path, f"must have at most {LEAVES_MAX} comparisons"))
    return conditions


def _check_group(group: Comparisons, path: str, depth: int, fields: Mapping[str, FactType]) -> int:
    """Check a group, and return the number of its comparisons."""
    if len(group) != 1 or not group.keys() <= {"all", "any"}:
        raise invalid((path, 'must be {"all": […]} or {"any": […]}'))
    ((word, parts),) = group.items()
    path = f"{path}.{word}"
    if depth > DEPTH_MAX:
        raise invalid((path, f"must not be nested more than {DEPTH_MAX} deep"))
    if not isinstance(parts, list) or not parts:
        raise invalid((path, "must be a list that is not empty"))
    leaves = 0
    for index, part in enumerate(parts):
        at = f"{path}[{index}]"
        if not isinstance(part, dict):
            raise invalid((at, "must be an object"))
        if part.keys() & {"all", "any"}:
            leaves += _check_group(part, at, depth + 1, fields)
        else:
            _check_leaf(part, at, fields)
            leaves += 1
    return leaves


def map_comparisons(
    group: Comparisons,
    change: Callable[[Comparisons, str], dict[str, object]],
    path: str = "conditions",
) -> dict[str, object]:
    """Return conditions with other comparisons; malformed parts stay.

    Args:
        group: The conditions, or a comparison.
        change: Returns the new comparison for a comparison and its position.
        path: The position of the conditions.
    """
    if isinstance(group.get("field"), str):
        return change(group, path)

    def change_part(part: object, part_path: str) -> object:
        return map_comparisons(part, change, part_path) if isinstance(part, Mapping) else part

    return {
        word: [change_part(part, f"{path}.{word}[{index}]") for index, part in enumerate(parts)]
        if word in ("all", "any") and isinstance(parts, list)
        else parts
        for word, parts in group.items()
    }


def _check_leaf(leaf: Comparisons, path: str, fields: Mapping[str, FactType]) -> None:
    if not {"field", "op"} <= leaf.keys() <= {"field", "op", "value"}:
        raise invalid((path, 'must be {"field": …, "op": …, "value": …}, or a group'))
    kind = _kind_of(leaf["field"], fields)
    if kind is None:
        raise invalid((f"{path}.field", f"must be one of {', '.join(fields)}, customFields.<id>"))
    op = leaf["op"]
    if op not in OPS[kind]:
        raise invalid((f"{path}.op", f"must be one of {', '.join(OPS[kind])}"))
    if op == "is_set":
        if not isinstance(leaf.get("value", True), bool):
            raise invalid((f"{path}.value", "must be true or false"))
        return
    if "value" not in leaf:
        raise invalid((f"{path}.value", "is required"))
    _check_value(kind, op, leaf["value"], f"{path}.value")


def _check_value(kind: FactType, op: str, value: Any, path: str) -> None:
    if op in _LISTS:
        if not isinstance(value, list) or not 1 <= len(value) <= ENTRIES_MAX:
            raise invalid((path, f"must be a list of 1 to {ENTRIES_MAX} values"))
        for index, entry in enumerate(value):
            _check_value(kind, "eq", entry, f"{path}[{index}]")
        return
    if value is None and op in ("eq", "ne"):
        return
    problem = _CHECKS[kind](value)
    if problem is not None:
        raise invalid((path, problem))


def _kind_of(field: Any, fields: Mapping[str, FactType]) -> FactType | None:
    if not isinstance(field, str):
        return None
    return "any" if CUSTOM_FIELD.fullmatch(field) else fields.get(field)


def check_value(kind: FactType, value: object) -> str | None:
    """Return the problem of a value of a trigger's data; None if it has the kind.

    Args:
        kind: The kind of the field.
        value: The value, in Python; a moment is a ``datetime``.
    """
    if kind == "moment":
        return None if isinstance(value, datetime) else "must be a datetime"
    if kind == "list":
        good = isinstance(value, list) and all(_check_text(entry) is None for entry in value)
        return None if good else "must be a list of texts"
    return _CHECKS[kind](value)


def _check_text(value: Any) -> str | None:
    good = isinstance(value, str) and len(value) <= TEXT_MAX
    return None if good else f"must be a text of at most {TEXT_MAX} characters"


def _check_moment(value: Any) -> str | None:
    try:
        load(_Moment, {"value": value})
    except Invalid as error:
        return error.details[0].message
    return None


def _check_plain(value: Any) -> str | None:
    if isinstance(value, str):
        return _check_text(value)
    return None if isinstance(value, bool) or _is_number(value) else "must be a text, a number, true or false"


_CHECKS: Final[Mapping[FactType, Callable[[Any], str | None]]] = {
    "text": _check_text,
    "number": lambda value: None if _is_number(value) else "must be a number",
    "moment": _check_moment,
    "flag": lambda value: None if isinstance(value, bool) else "must be true or false",
    "list": _check_text,
    "any": _check_plain,
}


# ---------------------------------------------------------------------------------------------- evaluation


def is_satisfied(conditions: Comparisons, facts: Facts) -> bool:
    """Return whether facts satisfy well-formed conditions. Empty conditions are satisfied.

    Args:
        conditions: A condition, or a group of conditions in ``all`` or ``any``, as stored with a rule.
        facts: The values of the card and its change, by the name of the field.
    """
    if "all" in conditions:
        return all(is_satisfied(part, facts) for part in conditions["all"])
    if "any" in conditions:
        return any(is_satisfied(part, facts) for part in conditions["any"])
    if "op" not in conditions:
        return True
    return _compare(conditions["op"], facts.get(conditions["field"]), conditions.get("value", True))


def _compare(op: str, actual: Any, expected: Any) -> bool:
    """Return the result of a comparison. A missing value equals null, and nothing else."""
    if op == "is_set":
        return (actual not in (None, "", [])) is expected
    if op in _LISTS:
        return any(_is_equal(actual, option) for option in expected) is (op == "in")
    if op in ("eq", "ne"):
        return _is_equal(actual, expected) is (op == "eq")
    if op == "contains":
        if isinstance(actual, list):
            return expected in actual
        return (
            isinstance(actual, str) and isinstance(expected, str) and expected.casefold() in actual.casefold()
        )
    return _is_beyond(op, actual, expected)


def _is_equal(actual: Any, expected: Any) -> bool:
    if isinstance(actual, datetime) and expected is not None:
        return actual == _moment(expected)
    # In Python, True == 1.
    return bool(actual == expected) and isinstance(actual, bool) == isinstance(expected, bool)


def _is_beyond(op: str, actual: Any, expected: Any) -> bool:
    if isinstance(actual, datetime):
        expected = _moment(expected)
    elif not (_is_number(actual) and _is_number(expected)) and not (
        isinstance(actual, str) and isinstance(expected, str)
    ):
        return False
    return bool(_ORDER[op](actual, expected))


def _moment(value: Any) -> datetime:
    return utc(load(_Moment, {"value": value}).value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
