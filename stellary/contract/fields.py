"""Fields that several classes of the contract share, by name.

The classes determine how a field can be used: the fields of ``CreateCard`` can be set when a card is created,
those of ``UpdateCard`` can be changed, those of ``FileCard`` are exported, and those of ``ImportedCard`` are
imported. The functions below treat all fields alike, so their callers only name fields that need special treatment.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar, cast

from stellary.contract.naming import members, once, wire_fields
from stellary.contract.unset import UNSET
from stellary.contract.wire_types import Request, Value, utc

C = TypeVar("C")
V = TypeVar("V", bound=Value)


@once
def field_names(kind: type) -> tuple[str, ...]:
    """Return the names of the fields of a class, in order."""
    return tuple(field.name for field in wire_fields(kind).values())


@once
def shared_names(kind: type, other: type) -> tuple[str, ...]:
    """Return the names of the fields that two classes share, in the order of the first.

    Args:
        kind: The class that gives the order.
        other: The other class.
    """
    other_names = frozenset(field_names(other))
    return tuple(name for name in field_names(kind) if name in other_names)


def convert(kind: type[C], source: object, **overrides: object) -> C:
    """Return an instance of a class with the fields that it shares with another class.

    Args:
        kind: The class.
        source: An instance of the other class, which may have further fields.
        **overrides: Fields that the other class lacks, or whose values differ.

    Raises:
        TypeError: A field of the class is missing.
    """
    names = shared_names(kind, type(source))
    return _build(kind, {name: getattr(source, name) for name in names if name not in overrides} | overrides)


def get_set_fields(request: Request, kind: type[Value]) -> dict[str, Any]:
    """Return the values that a request sets for the fields that it shares with a value class.

    A date becomes a datetime at midnight UTC.

    Args:
        request: The request.
        kind: The class of values.
    """
    values = {}
    for name in shared_names(kind, type(request)):
        value = getattr(request, name)
        if value is not UNSET:
            values[name] = utc(value) if isinstance(value, date) else value
    return values


def build_value(kind: type[V], request: Request, **overrides: object) -> V:
    """Return a new value with the fields that a request sets; nullable fields that it omits are None.

    Args:
        kind: The class of the value.
        request: The request.
        **overrides: Fields that the request lacks, or whose values differ.

    Raises:
        TypeError: A field of the value is missing.
    """
    return _build(kind, {**_empty_fields(kind, type(request)), **get_set_fields(request, kind), **overrides})


def replace_fields(value: V, **changes: object) -> V:
    """Return a copy of a value with some fields replaced.

    Args:
        value: The value.
        changes: The new values of fields, by name.
    """
    kind = type(value)
    return _build(kind, {**dict(zip(field_names(kind), _reader(kind)(value), strict=True)), **changes})


def update_value(before: V, request: Request, now: datetime, **overrides: object) -> V:
    """Return a value with the fields that a request sets, and ``now`` as its ``updated_at``.

    Args:
        before: The value before the update.
        request: The request.
        now: The time of the update.
        **overrides: Fields that the request lacks, or whose values differ.

    Returns:
        The updated value; ``before`` itself if no field changes.
    """
    after = replace_fields(before, **{**get_set_fields(request, type(before)), **overrides})
    return before if after == before else replace_fields(after, updated_at=now)


def find_changed_fields(before: V, after: V) -> list[str]:
    """Return the names of the fields in which two states of a value differ.

    Args:
        before: The earlier state.
        after: The later state, of the same class.
    """
    kind = type(before)
    pairs = zip(field_names(kind), _reader(kind)(before), _reader(kind)(after), strict=True)
    return [name for name, old, new in pairs if old != new]


def _build(kind: type[C], values: Mapping[str, object]) -> C:
    return cast("Callable[..., C]", kind)(**values)


@once
def _reader(kind: type) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function from a value to the tuple of its fields, in order. Every value class has several fields."""
    return operator.attrgetter(*field_names(kind))


@once
def _empty_fields(kind: type, request: type) -> dict[str, None]:
    """Return a dict with None for each nullable field that a value class shares with a request class."""
    nullable = {field.name for field in wire_fields(kind).values() if type(None) in members(field.type)}
    return {name: None for name in shared_names(kind, request) if name in nullable}
