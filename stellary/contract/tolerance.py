"""Unknown fields of tolerant requests, which may come from a newer version of the package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from stellary.contract.naming import once
from stellary.contract.wire import Request, wire_fields

NAMES_MAX = 100


def find_unknown_fields(request: Request) -> list[str]:
    """Return the unknown fields of a tolerant request and its parts, sorted.

    Each is listed once, however often it occurs: ``cards[].cover``. If there are more than 100, the last entry has the
    number of the others.
    """
    unknown_names: set[str] = set()
    _add_unknown_fields(request, "", unknown_names)
    names = sorted(unknown_names)
    if len(names) <= NAMES_MAX:
        return names
    return [*names[:NAMES_MAX], f"and {len(names) - NAMES_MAX} more"]


def _add_unknown_fields(value: object, path: str, unknown_names: set[str]) -> None:
    if isinstance(value, list):
        path += "[]"
        for item in value:
            _add_unknown_fields(item, path, unknown_names)
    elif isinstance(value, Request):
        dot = f"{path}." if path else ""
        unknown_names.update(dot + name for name in getattr(value, "_ignored", ()))
        for attribute, name in _nested_fields(type(value)):
            nested = getattr(value, attribute)
            if nested:
                _add_unknown_fields(nested, dot + name, unknown_names)


@once
def _nested_fields(cls: type[Request]) -> list[tuple[str, str]]:
    """Return the fields that contain requests, or lists of them: the name of the attribute, and the name on the wire."""
    return [
        (field.name, name)
        for name, field in wire_fields(cls).items()
        if any(isinstance(part, type) and issubclass(part, Request) for part in _find_parts(field.type))
    ]


def _find_parts(kind: object) -> Iterator[object]:
    yield kind
    for argument in get_args(kind):
        yield from _find_parts(argument)
