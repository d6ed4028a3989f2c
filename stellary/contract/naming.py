"""Wire names of fields (snake case ↔ camel case), and the marks in their ``Annotated`` types."""

from __future__ import annotations

import functools
import re
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, ParamSpec, TypeVar, get_args, get_origin

import attrs

from stellary.contract.limits import Named, Whole
from stellary.contract.unset import Unset

P = ParamSpec("P")
T = TypeVar("T")


def once(function: Callable[P, T]) -> Callable[P, T]:
    """Cache a function of types.

    mypy does not know that types are hashable, so ``functools.cache`` alone is not enough.
    """
    return typing.cast("Callable[P, T]", functools.cache(function))


def camel(name: str) -> str:
    """Return the camel-case name: ``due_date`` → ``dueDate``."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def snake(name: str) -> str:
    """Return the snake-case name: ``dueDate`` → ``due_date``."""
    return re.sub("[A-Z]", lambda match: "_" + match.group().lower(), name)


@once
def wire_fields(cls: type) -> dict[str, attrs.Attribute[Any]]:
    """Return the fields of a contract class by wire name, with resolved types."""
    attrs.resolve_types(cls, include_extras=True)
    return {wire_name(field): field for field in attrs.fields(cls)}


@once
def whole(cls: type) -> attrs.Attribute[Any] | None:
    """Return the field that is the whole body, or None if the class has no such field."""
    fields = list(wire_fields(cls).values())
    is_whole = len(fields) == 1 and any(isinstance(mark, Whole) for mark in marks(fields[0].type))
    return fields[0] if is_whole else None


def wire_name(field: attrs.Attribute[Any]) -> str:
    """Return the field's ``Named`` mark, or else its name in camel case."""
    for mark in marks(field.type):
        if isinstance(mark, Named):
            return mark.name
    return camel(field.name)


def marks(kind: Any) -> tuple[Any, ...]:
    """Return the metadata of an ``Annotated`` type, or of the members of a union: limits, ``Named``, ``Secret``."""
    if get_origin(kind) is Annotated:
        return tuple(kind.__metadata__)
    return tuple(mark for part in members(kind) if part is not kind for mark in marks(part))


def members(kind: Any) -> tuple[Any, ...]:
    """Return the types of a union; for any other type, that type alone."""
    return get_args(kind) if is_union(kind) else (kind,)


def is_union(kind: Any) -> bool:
    """Return whether a type is a union, in either spelling."""
    return get_origin(kind) in (typing.Union, types.UnionType)


def base(kind: Any) -> Any:
    """Return the type without its marks, None and UNSET."""
    if get_origin(kind) is Annotated:
        return base(get_args(kind)[0])
    parts = [part for part in members(kind) if part not in (Unset, type(None))]
    return base(parts[0]) if len(parts) == 1 and parts[0] is not kind else kind
