"""Tolerance: what a request says that this version of the package does not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stellary.contract.wire import Request, wire_fields

NAMES_MAX = 100


def ignored(made: Request) -> list[str]:
    """The fields of a tolerant request, and of the parts of it, that are not known.

    Each is named once however often it comes: ``cards[].cover``. Of more than 100, the last entry says how many more.
    """
    names = sorted(set(_ignored(made, "")))
    if len(names) <= NAMES_MAX:
        return names
    return [*names[:NAMES_MAX], f"and {len(names) - NAMES_MAX} more"]


def _ignored(made: Any, path: str) -> Iterator[str]:
    if isinstance(made, list):
        for each in made:
            yield from _ignored(each, path + "[]")
    elif isinstance(made, Request):
        dot = f"{path}." if path else ""
        yield from (dot + name for name in getattr(made, "_ignored", ()))
        for name, field in wire_fields(type(made)).items():
            yield from _ignored(getattr(made, field.name), dot + name)
