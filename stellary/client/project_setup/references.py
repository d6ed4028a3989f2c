"""References in automations: ``{"column": "Done"}`` in a declaration, where the API takes an id."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

KINDS = ("column", "label", "field", "scope", "card", "member")
_FIELD = "customFields."
_ID = re.compile("[0-9a-f]{24}")

NamedReference = tuple[str, str, str | None, str]
Find = Callable[[str, str, str | None, str], Any]
"""Returns the id of an item, given its kind, its name, for a column the name of its scope, and the path of the reference."""

ReferTo = Callable[[str], Mapping[str, str] | None]
"""Returns the reference to the item with an id; None if the id is unknown."""


def references(data: Any, path: str) -> list[NamedReference]:
    """Return all references in the data, as they are passed to ``Find``.

    Args:
        data: The trigger, conditions and action of a rule.
        path: The place of the data in the declaration.
    """
    named_references: list[NamedReference] = []
    resolve(data, lambda *reference: named_references.append(reference), path)
    return named_references


def resolve(data: Any, find: Find, path: str = "") -> Any:
    """Return the data with ids in place of references, as the API takes it.

    Args:
        data: The trigger, conditions and action of a rule.
        find: Returns the id of a reference.
        path: The place of the data in the declaration.
    """
    if (reference := _parse_reference(data)) is not None:
        return find(*reference, path)
    if isinstance(data, Mapping):
        return {
            name: f"{_FIELD}{find('field', value.removeprefix(_FIELD), None, f'{path}.field')}"
            if name == "field" and _names_field(value)
            else resolve(value, find, f"{path}.{name}")
            for name, value in data.items()
        }
    if isinstance(data, list):
        return [resolve(item, find, f"{path}[{index}]") for index, item in enumerate(data)]
    return data


def replace_ids(data: Any, refer_to: ReferTo) -> Any:
    """Return data of the API with references in place of the ids of known items.

    Args:
        data: The trigger, conditions and action of a rule, as the API returns them.
        refer_to: Returns the reference for an id, or None if the id is unknown.
    """
    if isinstance(data, str):
        if _ID.fullmatch(data):
            return refer_to(data) or data
        if data.startswith(_FIELD) and (reference := refer_to(data.removeprefix(_FIELD))):
            return _FIELD + reference["field"]
        return data
    if isinstance(data, Mapping):
        return {key: replace_ids(value, refer_to) for key, value in data.items()}
    return [replace_ids(item, refer_to) for item in data] if isinstance(data, list) else data


def _parse_reference(data: Any) -> tuple[str, str, str | None] | None:
    """Return the kind, name and scope of a reference; None for other data."""
    if not isinstance(data, Mapping) or not data or not all(isinstance(name, str) for name in data.values()):
        return None
    if len(data) == 1:
        ((kind, name),) = data.items()
        return (kind, name, None) if kind in KINDS else None
    return ("column", data["column"], data["scope"]) if data.keys() == {"column", "scope"} else None


def _names_field(value: Any) -> bool:
    return (
        isinstance(value, str) and value.startswith(_FIELD) and not _ID.fullmatch(value.removeprefix(_FIELD))
    )
