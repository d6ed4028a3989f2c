"""Conditions: what they may say, and whether they hold of something that has happened."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final, Literal

from stellary.contract.errors import Invalid
from stellary.contract.limits import ID_PATTERN
from stellary.contract.wire import Request, invalid, load, request, utc

DEPTH_MAX = 4
LEAVES_MAX = 100
TEXT_MAX = 5_000
ENTRIES_MAX = 100

Kind = Literal["text", "number", "moment", "flag", "list", "any"]
Facts = Mapping[str, Any]

FIELDS: Final[Mapping[str, Kind]] = {
    "key": "text",
    "number": "number",
    "title": "text",
    "description": "text",
    "status": "text",
    "priority": "text",
    "columnId": "text",
    "scopeId": "text",
    "assigneeId": "text",
    "createdById": "text",
    "labelIds": "list",
    "archived": "flag",
    "startDate": "moment",
    "dueDate": "moment",
    "completedAt": "moment",
    "createdAt": "moment",
    "checklistTotal": "number",
    "checklistDone": "number",
    "checklistPercent": "number",
    "commentCount": "number",
    "attachmentCount": "number",
    "fromColumnId": "text",
    "toColumnId": "text",
    "fromColumn": "text",
    "toColumn": "text",
    "fromStatus": "text",
    "toStatus": "text",
    "fromAssigneeId": "text",
    "toAssigneeId": "text",
}
"""What can be asked of a card, and of what has happened to it."""

CUSTOM_FIELD = re.compile(rf"customFields\.({ID_PATTERN})")

_ORDER = ("gt", "gte", "lt", "lte")
_LISTS = ("in", "not_in")
OPS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "text": ("eq", "ne", "in", "not_in", "contains", "is_set"),
    "number": ("eq", "ne", "in", "not_in", *_ORDER, "is_set"),
    "moment": ("eq", "ne", "in", "not_in", *_ORDER, "is_set"),
    "flag": ("eq", "ne", "is_set"),
    "list": ("contains", "is_set"),
    "any": ("eq", "ne", "in", "not_in", "contains", *_ORDER, "is_set"),
}
"""What can be asked of a field, by the kind of its values."""


@request
class _Moment(Request):
    value: date


# ---------------------------------------------------------------------------------------------- what they may say


def checked(conditions: Mapping[str, Any], path: str = "conditions") -> Mapping[str, Any]:
    """Conditions, known to be some.

    Raises:
        Invalid: They are not: with the place of what is wrong.
    """
    if conditions:
        leaves = _check_group(conditions, path, 1)
        if leaves > LEAVES_MAX:
            raise invalid((path, f"must have at most {LEAVES_MAX} comparisons"))
    return conditions


def _check_group(group: Mapping[str, Any], path: str, depth: int) -> int:
    """How many comparisons there are in a group."""
    if len(group) != 1 or not group.keys() <= {"all", "any"}:
        raise invalid((path, 'must be {"all": […]} or {"any": […]}'))
    ((word, parts),) = group.items()
    path = f"{path}.{word}"
    if depth > DEPTH_MAX:
        raise invalid((path, f"must not be nested more than {DEPTH_MAX} deep"))
    if not isinstance(parts, list) or not parts:
        raise invalid((path, "must be a list with something in it"))
    leaves = 0
    for index, part in enumerate(parts):
        at = f"{path}[{index}]"
        if not isinstance(part, dict):
            raise invalid((at, "must be an object"))
        if part.keys() & {"all", "any"}:
            leaves += _check_group(part, at, depth + 1)
        else:
            _check_leaf(part, at)
            leaves += 1
    return leaves


def _check_leaf(leaf: Mapping[str, Any], path: str) -> None:
    if not {"field", "op"} <= leaf.keys() <= {"field", "op", "value"}:
        raise invalid((path, 'must be {"field": …, "op": …, "value": …}, or a group'))
    kind = _kind(leaf["field"])
    if kind is None:
        raise invalid((f"{path}.field", f"must be one of {', '.join(FIELDS)}, customFields.<id>"))
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


def _check_value(kind: Kind, op: str, found: Any, path: str) -> None:
    if op in _LISTS:
        if not isinstance(found, list) or not 1 <= len(found) <= ENTRIES_MAX:
            raise invalid((path, f"must be a list of 1 to {ENTRIES_MAX} values"))
        for index, entry in enumerate(found):
            _check_value(kind, "eq", entry, f"{path}[{index}]")
        return
    if found is None and op in ("eq", "ne"):
        return
    said = _VALUES[kind](found)
    if said is not None:
        raise invalid((path, said))


def _kind(field: Any) -> Kind | None:
    if not isinstance(field, str):
        return None
    return "any" if CUSTOM_FIELD.fullmatch(field) else FIELDS.get(field)


def _text(found: Any) -> str | None:
    good = isinstance(found, str) and len(found) <= TEXT_MAX
    return None if good else f"must be a text of at most {TEXT_MAX} characters"


def _number(found: Any) -> str | None:
    return None if _is_number(found) else "must be a number"


def _flag(found: Any) -> str | None:
    return None if isinstance(found, bool) else "must be true or false"


def _when(found: Any) -> str | None:
    try:
        load(_Moment, {"value": found})
    except Invalid as error:
        return error.details[0].message
    return None


def _plain(found: Any) -> str | None:
    if isinstance(found, str):
        return _text(found)
    return None if isinstance(found, bool) or _is_number(found) else "must be a text, a number, true or false"


_VALUES: Final[Mapping[Kind, Callable[[Any], str | None]]] = {
    "text": _text,
    "number": _number,
    "moment": _when,
    "flag": _flag,
    "list": _text,
    "any": _plain,
}


# ---------------------------------------------------------------------------------------------- whether they hold


def holds(conditions: Mapping[str, Any], facts: Facts) -> bool:
    """Whether conditions that were ``checked`` hold. Empty ones do."""
    if "all" in conditions:
        return all(holds(part, facts) for part in conditions["all"])
    if "any" in conditions:
        return any(holds(part, facts) for part in conditions["any"])
    if "op" not in conditions:
        return True
    return _compares(conditions["op"], facts.get(conditions["field"]), conditions.get("value", True))


def _compares(op: str, found: Any, wanted: Any) -> bool:
    """One comparison. What is not there is equal to null, and compares with nothing else."""
    if op == "is_set":
        return (found not in (None, "", [])) is wanted
    if op in _LISTS:
        return any(_equal(found, each) for each in wanted) is (op == "in")
    if op in ("eq", "ne"):
        return _equal(found, wanted) is (op == "eq")
    if op == "contains":
        if isinstance(found, list):
            return wanted in found
        return isinstance(found, str) and isinstance(wanted, str) and wanted.casefold() in found.casefold()
    return _is_beyond(op, found, wanted)


def _equal(found: Any, wanted: Any) -> bool:
    if isinstance(found, datetime) and wanted is not None:
        return found == _moment(wanted)
    # To Python, true is 1.
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


def _is_beyond(op: str, found: Any, wanted: Any) -> bool:
    if isinstance(found, datetime):
        wanted = _moment(wanted)
    elif not (_is_number(found) and _is_number(wanted)) and not (
        isinstance(found, str) and isinstance(wanted, str)
    ):
        return False
    return bool(
        {"gt": found > wanted, "gte": found >= wanted, "lt": found < wanted, "lte": found <= wanted}[op]
    )


def _moment(said: Any) -> datetime:
    return utc(load(_Moment, {"value": said}).value)


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)
