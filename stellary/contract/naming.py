"""Names and marks of fields: one naming rule (snake ↔ camel), and what a field's annotation says beside its type."""

from __future__ import annotations

import functools
import re
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_args, get_origin

import attrs

from stellary.contract.limits import Named, Whole
from stellary.contract.unset import Unset

T = TypeVar("T")


def once(make: Callable[[Any], T]) -> Callable[[Any], T]:
    """Keep what was made for a type. Types are hashable, which ``functools.cache`` by itself does not tell mypy."""
    return functools.cache(make)


def camel(name: str) -> str:
    """``due_date`` → ``dueDate``."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def snake(name: str) -> str:
    """``dueDate`` → ``due_date``."""
    return re.sub("[A-Z]", lambda found: "_" + found.group().lower(), name)


@once
def wire_fields(cls: type) -> dict[str, attrs.Attribute[Any]]:
    """The fields of a contract class by their wire names, with their types resolved."""
    attrs.resolve_types(cls, include_extras=True)
    return {wire_name(field): field for field in attrs.fields(cls)}


@once
def whole(cls: type) -> attrs.Attribute[Any] | None:
    """The field that is the body itself, if the class has such a one."""
    fields = list(wire_fields(cls).values())
    is_whole = len(fields) == 1 and any(isinstance(mark, Whole) for mark in marks(fields[0].type))
    return fields[0] if is_whole else None


def wire_name(field: attrs.Attribute[Any]) -> str:
    """The field's ``Named`` mark if it has one, else what the naming rule makes of its name."""
    for mark in marks(field.type):
        if isinstance(mark, Named):
            return mark.name
    return camel(field.name)


def marks(kind: Any) -> tuple[Any, ...]:
    """What ``Annotated`` says about a type, or about a member of a union: limits, ``Named``, ``Secret``."""
    if get_origin(kind) is Annotated:
        return tuple(kind.__metadata__)
    return tuple(mark for part in members(kind) if part is not kind for mark in marks(part))


def members(kind: Any) -> tuple[Any, ...]:
    """The types of a union; any other type alone."""
    return get_args(kind) if is_union(kind) else (kind,)


def is_union(kind: Any) -> bool:
    """Whether a type is ``X | Y``, however it is spelled."""
    return get_origin(kind) in (typing.Union, types.UnionType)


def base(kind: Any) -> Any:
    """The type without its marks, None and UNSET."""
    if get_origin(kind) is Annotated:
        return base(get_args(kind)[0])
    parts = [part for part in members(kind) if part not in (Unset, type(None))]
    return base(parts[0]) if len(parts) == 1 and parts[0] is not kind else kind
