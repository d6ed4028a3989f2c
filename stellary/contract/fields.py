"""Fields that several classes of the contract share, by name.

The classes determine how a field can be used: the fields of ``CreateCard`` can be set when a card is created,
those of ``UpdateCard`` can be changed, those of ``FileCard`` are exported, and those of ``ImportedCard`` are
imported. The functions below treat all fields alike, so their callers only name fields that need special treatment.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar, get_args, get_origin

from attrs import NOTHING

from stellary.contract.compiling import compile_builder
from stellary.contract.naming import base, members, once, wire_fields
from stellary.contract.wire import UNSET
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

    Nested instances, also in lists, are converted if the fields of the two classes have different classes.

    Args:
        kind: The class.
        source: An instance of the other class, which may have further fields.
        **overrides: Fields that the other class lacks, or whose values differ.

    Raises:
        TypeError: A field of the class is missing.
    """
    return _copier(kind, type(source))(source, overrides)


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
    return _builder(kind, type(request))(request, overrides)


def replace_fields(value: V, **changes: object) -> V:
    """Return a copy of a value with some fields replaced.

    Args:
        value: The value.
        changes: The new values of fields, by name.
    """
    kind = type(value)
    return _copier(kind, kind)(value, changes)


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


@once
def _reader(kind: type) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function from a value to the tuple of its fields, in order. Every value class has several fields."""
    return operator.attrgetter(*field_names(kind))


@once
def _copier(kind: type[C], source: type) -> Callable[[object, Mapping[str, object]], C]:
    """Return a function that builds an instance from the fields that it shares with another class, and from overrides."""
    types, source_types = (
        {field.name: field.type for field in wire_fields(cls).values()} for cls in (kind, source)
    )
    expressions, scope = {}, {}
    for name in shared_names(kind, source):
        convert_nested = _nested_converter(types[name], source_types[name])
        scope[f"convert_{name}"] = convert_nested
        expressions[name] = f"convert_{name}(source.{name})" if convert_nested else f"source.{name}"
    return _compile(kind, expressions, scope)


def _nested_converter(kind: Any, source: Any) -> Callable[[Any], Any] | None:
    """Return a function that converts the value of a field; None if the types of both fields have the same classes."""
    kind, source = base(kind), base(source)
    if get_origin(kind) is list is get_origin(source):
        convert_item = _nested_converter(get_args(kind)[0], get_args(source)[0])
        return convert_item and (
            lambda items: [*map(convert_item, items)] if isinstance(items, list) else items
        )
    if kind is source or not all(
        isinstance(cls, type) and issubclass(cls, (Request, Value)) for cls in (kind, source)
    ):
        return None
    return lambda item: item if item is None or item is UNSET else convert(kind, item)


@once
def _builder(kind: type[V], request: type[Request]) -> Callable[[object, Mapping[str, object]], V]:
    """Return a function that builds a value from the fields that a request sets, and from overrides."""
    fields = {field.name: field for field in wire_fields(kind).values()}
    expressions = {}
    for name in shared_names(kind, request):
        # A date becomes a datetime at midnight UTC.
        is_time = base(fields[name].type) in (datetime, Any)
        expression = "utc(item) if isinstance(item, date) else item" if is_time else "item"
        empty = "None" if type(None) in members(fields[name].type) else f"get_override(overrides, {name!r})"
        expressions[name] = f"{empty} if (item := source.{name}) is UNSET else {expression}"
    return _compile(kind, expressions)


def _compile(
    kind: type[C], expressions: Mapping[str, str], nested: Mapping[str, object] | None = None
) -> Callable[[object, Mapping[str, object]], C]:
    """Compile a function from a source and overrides to an instance.

    Args:
        kind: The class.
        expressions: The expressions for fields, by name, from ``source`` and ``overrides``. The other fields have a default, or
            are overridden.
        nested: Functions that the expressions call, by name. Default: none.
    """
    defaults = {
        field.name: field.default for field in wire_fields(kind).values() if field.default is not NOTHING
    }
    required = frozenset(field_names(kind)) - expressions.keys() - defaults.keys()
    expressions = {**{name: f"defaults[{name!r}]" for name in defaults}, **expressions}
    lines = [
        "if not overrides.keys() >= required:",
        "    for name in required: get_override(overrides, name)",
        *(f"value.{name} = {expression}" for name, expression in expressions.items()),
        "for name, item in overrides.items():",
        "    setattr(value, name, item)",
    ]
    scope: dict[str, object] = {"defaults": defaults, "required": required, "get_override": _get_override}
    scope |= {"UNSET": UNSET, "date": date, "utc": utc, **(nested or {})}
    return compile_builder(kind, f"build_{kind.__name__}", "source, overrides", lines, scope)


def _get_override(overrides: Mapping[str, object], name: str) -> object:
    if name not in overrides:
        raise TypeError(f"the field {name!r} is missing")
    return overrides[name]
