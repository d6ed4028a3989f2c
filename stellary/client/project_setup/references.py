"""References in rules: where the API wants an id, a declaration has ``{"column": "Done"}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

KINDS = ("column", "label", "field", "scope", "card", "member")
_FIELD = "customFields."
_ID = re.compile("[0-9a-f]{24}")

Find = Callable[[str, str, str | None], Any]
"""The id of something: its kind, its name, and for a column the name of its scope."""

Name = Callable[[str], Mapping[str, str] | None]
"""What refers to the thing with an id; None if nothing known has it."""


def references(said: Any, path: str) -> Iterator[tuple[str, str, str, str | None]]:
    """All references in there: the path, the kind, the name, and the scope if one is named."""
    if (found := _reference(said)) is not None:
        yield path, *found
    elif isinstance(said, Mapping):
        for name, each in said.items():
            if name == "field" and _names_field(each):
                yield f"{path}.field", "field", each.removeprefix(_FIELD), None
            else:
                yield from references(each, f"{path}.{name}")
    elif isinstance(said, list):
        for at, each in enumerate(said):
            yield from references(each, f"{path}[{at}]")


def resolved(said: Any, find: Find) -> Any:
    """The same with ids, as the API takes it."""
    if (found := _reference(said)) is not None:
        return find(*found)
    if isinstance(said, Mapping):
        return {
            name: f"{_FIELD}{find('field', each.removeprefix(_FIELD), None)}"
            if name == "field" and _names_field(each)
            else resolved(each, find)
            for name, each in said.items()
        }
    return [resolved(each, find) for each in said] if isinstance(said, list) else said


def named(said: Any, name: Name) -> Any:
    """What the API has, with references in place of the ids of things that are known."""
    if isinstance(said, str):
        if _ID.fullmatch(said):
            return name(said) or said
        if said.startswith(_FIELD) and (found := name(said.removeprefix(_FIELD))):
            return _FIELD + found["field"]
        return said
    if isinstance(said, Mapping):
        return {key: named(each, name) for key, each in said.items()}
    return [named(each, name) for each in said] if isinstance(said, list) else said


def _reference(said: Any) -> tuple[str, str, str | None] | None:
    if not isinstance(said, Mapping) or not said or not all(isinstance(each, str) for each in said.values()):
        return None
    if len(said) == 1:
        ((kind, name),) = said.items()
        return (kind, name, None) if kind in KINDS else None
    return ("column", said["column"], said["scope"]) if said.keys() == {"column", "scope"} else None


def _names_field(said: Any) -> bool:
    return isinstance(said, str) and said.startswith(_FIELD) and not _ID.fullmatch(said.removeprefix(_FIELD))
