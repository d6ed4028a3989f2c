"""References in automations: ``{"column": "Done"}`` in a declaration, where the API takes an id."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

KINDS = ("column", "label", "field", "scope", "card", "member")
_FIELD = "customFields."
_ID = re.compile("[0-9a-f]{24}")

Find = Callable[[str, str, str | None], Any]
"""Returns the id of an item, given its kind, its name and, for a column, the name of its scope."""

ReferTo = Callable[[str], Mapping[str, str] | None]
"""Returns the reference to the item with an id; None if the id is unknown."""


def references(data: Any, path: str) -> Iterator[tuple[str, str, str, str | None]]:
    """Yield all references in the data, each as its path, kind, name, and scope if it has one.

    Args:
        data: The trigger, conditions and action of a rule.
        path: The place of the data in the declaration.
    """
    if (reference := _parse_reference(data)) is not None:
        yield path, *reference
    elif isinstance(data, Mapping):
        for name, value in data.items():
            if name == "field" and _names_field(value):
                yield f"{path}.field", "field", value.removeprefix(_FIELD), None
            else:
                yield from references(value, f"{path}.{name}")
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from references(item, f"{path}[{index}]")


def resolve(data: Any, find: Find) -> Any:
    """Return the data with ids in place of references, as the API takes it.

    Args:
        data: The trigger, conditions and action of a rule.
        find: Returns the id of a reference: called with its kind, name, and scope or None.
    """
    if (reference := _parse_reference(data)) is not None:
        return find(*reference)
    if isinstance(data, Mapping):
        return {
            name: f"{_FIELD}{find('field', value.removeprefix(_FIELD), None)}"
            if name == "field" and _names_field(value)
            else resolve(value, find)
            for name, value in data.items()
        }
    return [resolve(item, find) for item in data] if isinstance(data, list) else data


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
