"""Resolution of the items that the conditions of a rule name, when it is saved: conditions compare ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, get_args

from stellary.contract.cards import CardStatus, Priority
from stellary.contract.limits import ID_PATTERN
from stellary.contract.wire import invalid
from stellary.core.automations.rules.conditions import Comparisons, map_comparisons
from stellary.core.automations.rules.file_references import KINDS
from stellary.core.board.rules import custom_fields
from stellary.core.board.rules.references import unknown
from stellary.core.pilotage.action_params import Candidates

_FIELD = "customFields."
_COMPARED: Final = ("eq", "ne", "in", "not_in")
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "status": get_args(CardStatus),
    "fromStatus": get_args(CardStatus),
    "toStatus": get_args(CardStatus),
    "priority": get_args(Priority),
}
_BY_NAME: Final = {"eq": "in", "ne": "not_in", "in": "in", "not_in": "not_in"}
"""The operators with which columns are compared by id, by those with which they are compared by name."""


def name_fields(candidates: Candidates, conditions: Comparisons) -> dict[str, object]:
    """Return conditions with ids of custom fields in place of their names; malformed parts stay.

    Args:
        candidates: The custom fields of the project.
        conditions: The conditions as the caller has sent them, which need not be well-formed.
    """

    def name_field(comparison: Comparisons, path: str) -> dict[str, object]:
        field = comparison["field"]
        name_or_id = field.removeprefix(_FIELD)
        if not field.startswith(_FIELD) or re.fullmatch(ID_PATTERN, name_or_id):
            return {**comparison}
        id = candidates.resolve("custom_field", name_or_id, f"{path}.field")
        return {**comparison, "field": _FIELD + id}

    return map_comparisons(conditions, name_field)


def resolve_conditions(
    candidates: Candidates, conditions: Comparisons, path: str = "conditions"
) -> dict[str, object]:
    """Return well-formed conditions with ids in place of names.

    Args:
        candidates: The items that can be named.
        conditions: Conditions that ``check_conditions`` has accepted.
        path: Their position in the request, for errors.

    Raises:
        Invalid: A value matches no item or several, or does not fit its field.
    """
    return map_comparisons(conditions, partial(_resolve_comparison, candidates), path)


def _resolve_comparison(candidates: Candidates, comparison: Comparisons, path: str) -> dict[str, object]:
    field, op, value = comparison["field"], comparison["op"], comparison.get("value")
    if field.startswith(_FIELD):
        if field.removeprefix(_FIELD) not in candidates.fields:
            raise unknown(f"{path}.field")
        candidates.add("custom_field", field.removeprefix(_FIELD))
    if "value" not in comparison or op == "is_set":
        return dict(comparison)
    path = f"{path}.value"
    if field in ("fromColumn", "toColumn") and op in _BY_NAME:
        return _resolve_columns(candidates, field, op, value, path)
    return {**comparison, "value": resolve_each(value, path, partial(_resolve, candidates, field, op))}


def resolve_each(value: Any, path: str, resolve: Callable[[Any, str], Any]) -> Any:
    """Resolve a value, or each of a list of values.

    Args:
        value: The value, or the list.
        path: Its position in the request, for errors.
        resolve: Resolves a value at a position.
    """
    if isinstance(value, list):
        return [resolve(item, f"{path}[{index}]") for index, item in enumerate(value)]
    return resolve(value, path)


def _resolve(candidates: Candidates, field: str, op: str, value: Any, path: str) -> Any:
    if value is None:
        return None
    if field.startswith(_FIELD):
        return _resolve_custom(candidates, field.removeprefix(_FIELD), op, value, path)
    if op not in _COMPARED and field != "labelIds":
        return value
    if field in _WORDS:
        word = "_".join(value.casefold().split())
        if word not in _WORDS[field]:
            raise invalid((path, f"must be one of {', '.join(_WORDS[field])}"))
        return word
    return candidates.resolve(KINDS[field], value, path) if field in KINDS else value


def _resolve_columns(candidates: Candidates, field: str, op: str, value: Any, path: str) -> dict[str, object]:
    """Return a comparison of a column's name as one of its id, or of the ids of all columns with the name."""
    names = value if isinstance(value, list) else [value]
    paths = [f"{path}[{index}]" for index in range(len(names))] if names is value else [path]
    texts = [(name, name_path) for name, name_path in zip(names, paths, strict=True) if name is not None]
    ids: list[str | None] = [*candidates.resolve_columns(*zip(*texts, strict=True))] if texts else []
    ids += [None] * (len(names) - len(texts))
    if len(ids) == 1 and names is not value:
        return {"field": f"{field}Id", "op": op, "value": ids[0]}
    return {"field": f"{field}Id", "op": _BY_NAME[op], "value": ids}


def _resolve_custom(candidates: Candidates, id: str, op: str, value: Any, path: str) -> Any:
    field = candidates.fields[id]
    if field.type == "multi-select":
        if op != "contains":
            raise invalid(
                (path.replace(".value", ".op"), "must be contains or is_set for a field with several options")
            )
        return custom_fields.parse_value(field, [value], path)[0]
    # A substring need not be an option.
    return value if op == "contains" else custom_fields.parse_value(field, value, path)
