"""The base classes of requests and values, and what reading and writing them share."""

from __future__ import annotations

import operator
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, ClassVar, TypeVar, dataclass_transform

import attrs

from stellary.contract.limits import Secret
from stellary.contract.naming import marks, members, once, whole, wire_fields
from stellary.contract.rendering import Displayable
from stellary.contract.unset import UNSET, Unset

C = TypeVar("C")

MOMENT_WITHOUT_ZONE = "must have a time zone: pass tzinfo=UTC, or call .astimezone() if it is local time"
"""What is wrong with a naive datetime in a request that was built in Python."""


class Request:  # noqa: PLW1641 - it may hold lists, so it has no hash
    """The base of what a caller says. Absent fields are UNSET; ``None`` clears a field that can be cleared."""

    __slots__ = ("_checked", "_ignored")
    _checked: bool
    _ignored: tuple[str, ...]

    tolerant: ClassVar[bool] = False
    """Whether unknown fields are ignored, and listed by ``tolerance.find_unknown_fields``, instead of refused."""

    def __eq__(self, other: object) -> bool:
        return _equal(self, other) if type(other) is type(self) else NotImplemented

    def __repr__(self) -> str:
        return _shown(self, UNSET)


class Value(Displayable):
    """The base of what the API answers: compared by its fields, to be treated as immutable."""

    __slots__ = ("_raw",)
    _raw: Mapping[str, Any]

    @property
    def raw(self) -> Mapping[str, Any]:
        """The fields of the answer that this version of the package does not know, by their wire names."""
        return getattr(self, "_raw", {})

    def __eq__(self, other: object) -> bool:
        return _equal(self, other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), getattr(self, "id", None)))

    def __repr__(self) -> str:
        return _shown(self, None)

    def __getstate__(self) -> tuple[dict[str, Any], Mapping[str, Any]]:
        return {name: getattr(self, name) for name in _names(type(self))}, self.raw

    def __setstate__(self, state: tuple[dict[str, Any], Mapping[str, Any]]) -> None:
        for name, found in state[0].items():
            object.__setattr__(self, name, found)
        if state[1]:
            object.__setattr__(self, "_raw", state[1])


class Stored(ABC):
    """The base of what is told as JSON in the form in which it is stored, without being made values first."""

    __slots__ = ()

    @abstractmethod
    def told(self) -> Any:
        """What is to be JSON: lists and dicts in wire names, and ``orjson.Fragment`` of what is JSON already."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
def request(cls: type[C]) -> type[C]:
    """Make a class of annotated fields a request: frozen, keyword-only, with slots.

    What it can do stands on ``Request``: made once, not per class.
    """
    return attrs.frozen(
        kw_only=True, eq=False, repr=False, weakref_slot=False, field_transformer=_keep_inherited_positions
    )(cls)


def _keep_inherited_positions(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Return the fields with redeclared ones, such as an inherited one that becomes required, in their old positions."""
    inherited = [field.name for base in cls.__bases__ if attrs.has(base) for field in attrs.fields(base)]
    positions = {name: position for position, name in enumerate(inherited)}
    return sorted(fields, key=lambda field: positions.get(field.name, len(inherited)))


@dataclass_transform(kw_only_default=True, frozen_default=True)
def value(cls: type[C]) -> type[C]:
    """Make a class of annotated fields a value. What it can do stands on ``Value``: made once, not per class."""
    return attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False, getstate_setstate=False)(cls)


@once
def _names(cls: type) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cls))


def _equal(made: object, other: object) -> bool:
    return all(getattr(made, name) == getattr(other, name) for name in _names(type(made)))


def _shown(made: Any, absent: Unset | None) -> str:
    """A repr without secrets, and without the fields that say nothing."""
    parts = []
    for field in wire_fields(type(made)).values():
        found = getattr(made, field.name)
        if found is UNSET or found is absent:
            continue
        secret = any(isinstance(mark, Secret) for mark in marks(field.type))
        parts.append(f"{field.name}={'…' if secret else repr(found)}")
    return f"{type(made).__name__}({', '.join(parts)})"


def utc(moment: date) -> datetime:
    """The moment that a date (midnight UTC) or a date-time names; one without an offset is taken as UTC."""
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Problems(ValueError):
    """What is wrong, each with the path at which it is wrong."""

    def __init__(self, *found: tuple[str, str]) -> None:
        super().__init__(found)
        self.found = found


def as_dict(made: Any) -> dict[str, Any]:
    """One level of a contract class as a dict in wire names."""
    return _dumper(type(made))(made)


@once
def _dumper(cls: type) -> Callable[[Any], dict[str, Any]]:
    if issubclass(cls, Stored):
        return cls.told
    if not attrs.has(cls):
        raise TypeError(f"{cls.__name__} is not of the contract")
    body = whole(cls)
    if body is not None:
        return typing.cast("Callable[[Any], dict[str, Any]]", operator.attrgetter(body.name))
    fields = wire_fields(cls)
    always = [(name, field) for name, field in fields.items() if Unset not in members(field.type)]
    maybe = [(name, field) for name, field in fields.items() if Unset in members(field.type)]
    inside = ", ".join(f"{name!r}: made.{field.name}" for name, field in always)
    lines = ["def dumped(made):", f"    out = {{{inside}}}"]
    for name, field in maybe:
        lines += [f"    if (v := made.{field.name}) is not UNSET:", f"        out[{name!r}] = v"]
    lines.append("    return out")
    scope: dict[str, Any] = {"UNSET": UNSET}
    exec("\n".join(lines), scope)
    return typing.cast("Callable[[Any], dict[str, Any]]", scope["dumped"])
