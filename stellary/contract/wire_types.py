"""The base classes of requests and values, those of lists and streams, and helpers that reading and writing share."""

from __future__ import annotations

import json
import operator
import typing
from abc import ABC, ABCMeta, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar, dataclass_transform

import attrs
import orjson

from stellary.contract.compiling import compile_function
from stellary.contract.limits import Length, Pattern, Range, Secret
from stellary.contract.naming import marks, members, once, whole, wire_fields
from stellary.contract.rendering import Displayable
from stellary.contract.unset import UNSET, Unset

T = TypeVar("T")
LIMIT_MAX = 500
PageLimit = Annotated[int, Range(1, LIMIT_MAX)]
_DUMP = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
MOMENT_WITHOUT_ZONE = "must have a time zone: pass tzinfo=UTC, or call .astimezone() if it is local time"
"""The message for a naive datetime in a request that was built in Python."""


# A metaclass at run time that is that of ``Mapping`` would slow ``isinstance`` down.
if typing.TYPE_CHECKING:
    _Mapping = Mapping[str, object]
    _Type = ABCMeta
else:
    _Mapping, _Type = object, type


class _FieldsType(_Type):
    """The type of requests and values: it makes fields of annotations, frozen and keyword-only, with slots.

    Their methods are inherited from ``Request`` and ``Value``, and not generated for each class.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
        created = super().__new__(cls, name, bases, namespace)
        # The base classes, and those that attrs or a builder creates, have their slots already.
        return created if "__slots__" in namespace else _build_fields(created)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Request(metaclass=_FieldsType):  # noqa: PLW1641 - it may hold lists, so it has no hash
    """The base class of requests. Absent fields are UNSET; ``None`` clears a field that can be cleared."""

    __slots__ = ("_checked", "_ignored")
    _checked: bool
    _ignored: tuple[str, ...]

    tolerant: ClassVar[bool] = False
    """True to ignore unknown fields, which ``tolerance.find_unknown_fields`` lists, instead of rejecting them."""

    def __eq__(self, other: object) -> bool:
        return _equal(self, other) if type(other) is type(self) else NotImplemented

    def __repr__(self) -> str:
        return _format_fields(self, UNSET)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Value(Displayable, _Mapping, metaclass=_FieldsType):
    """The base class of response values. They compare by their fields; treat them as immutable.

    A value is also a mapping of its fields, so that ``dict(card)`` and ``pandas.DataFrame(cards)`` work.
    """

    __slots__ = ("_raw",)
    _raw: Mapping[str, Any]

    @property
    def raw(self) -> Mapping[str, Any]:
        """The fields of the response that this version of the package does not know, by their wire names."""
        return getattr(self, "_raw", {})

    def to_dict(self) -> dict[str, Any]:
        """Return the value as the API sent it: JSON data with wire names, including fields that are not known here."""
        data: dict[str, Any] = json.loads(self.to_json())
        return data

    def to_json(self) -> str:
        """Return the value as JSON text with wire names."""
        return dump({**as_dict(self), **self.raw} if self.raw else self).decode()

    def evolve(self, **changes: object) -> Self:
        """Return a copy with some fields replaced, which keeps ``raw``.

        Args:
            changes: The new values of fields, by name.
        """
        copy = object.__new__(type(self))
        copy.__setstate__(({**self, **changes}, self.raw))
        return copy

    if not typing.TYPE_CHECKING:
        get, keys, items, values = Mapping.get, Mapping.keys, Mapping.items, Mapping.values
        __contains__ = Mapping.__contains__

    def __iter__(self) -> Iterator[str]:
        return iter(_names(type(self)))

    def __len__(self) -> int:
        return len(_names(type(self)))

    def __getitem__(self, name: str) -> object:
        if name not in _names(type(self)):
            raise KeyError(name)
        return getattr(self, name)

    def __eq__(self, other: object) -> bool:
        return _equal(self, other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), getattr(self, "id", None)))

    def __repr__(self) -> str:
        return _format_fields(self, None)

    def __getstate__(self) -> tuple[dict[str, Any], Mapping[str, Any]]:
        return {name: getattr(self, name) for name in _names(type(self))}, self.raw

    def __setstate__(self, state: tuple[dict[str, Any], Mapping[str, Any]]) -> None:
        for name, item in state[0].items():
            object.__setattr__(self, name, item)
        if state[1]:
            object.__setattr__(self, "_raw", state[1])


Mapping.register(Value)


class Stored(ABC):
    """The base class of results that are written as JSON as they are stored, without creating values first."""

    __slots__ = ()

    @abstractmethod
    def to_json_data(self) -> Any:
        """Return lists and dicts with wire names, and ``orjson.Fragment`` for parts that are JSON already."""


class _Fields(tuple["attrs.Attribute[object]", ...]):
    """The fields of a class. Each is also an attribute."""

    __slots__ = ()

    def __getattr__(self, name: str) -> attrs.Attribute[object]:
        for field in self:
            if field.name == name:
                return field
        raise AttributeError(name)


def _build_fields(cls: type) -> type:
    options: Any = {"getstate_setstate": False} if issubclass(cls, Value) else {}
    options |= {"weakref_slot": False, "field_transformer": _order_fields}
    built: Any = attrs.frozen(kw_only=True, eq=False, repr=False, **options)(cls)
    # attrs has created a class for the fields of this one, with a property for each of them, which takes 4 KB.
    built.__attrs_attrs__ = _Fields(built.__attrs_attrs__)
    return typing.cast("type", built)


def _order_fields(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Return the fields in the order of responses: inherited ones first, also if the class declares them again.

    The direct subclasses of ``RecordedItem`` and ``DatedItem`` have the times behind the fields that they require.
    """
    inherited = [field.name for base in cls.__bases__ if attrs.has(base) for field in attrs.fields(base)]
    times = ("created_at", "updated_at")
    if inherited in (["id", times[0]], ["id", *times]):
        return sorted(fields, key=lambda field: (field.default is not attrs.NOTHING, field.name in times))
    positions = {name: position for position, name in enumerate(inherited)}
    return sorted(fields, key=lambda field: positions.get(field.name, len(inherited)))


@once
def _names(cls: type) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cls))


def _equal(one: object, other: object) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in _names(type(one)))


def _format_fields(value: Any, absent: Unset | None) -> str:
    """Return a repr without secrets and without absent fields."""
    parts = []
    for field in wire_fields(type(value)).values():
        item = getattr(value, field.name)
        if item is UNSET or item is absent:
            continue
        secret = any(isinstance(mark, Secret) for mark in marks(field.type))
        parts.append(f"{field.name}={'…' if secret else repr(item)}")
    return f"{type(value).__name__}({', '.join(parts)})"


def utc(moment: date) -> datetime:
    """Return a date (as midnight UTC) or a date-time as a datetime in UTC; without an offset it counts as UTC."""
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Problems(ValueError):
    """The problems of a request, each with its path."""

    def __init__(self, *problems: tuple[str, str]) -> None:
        super().__init__(problems)
        self.problems = problems


def as_dict(value: Any) -> dict[str, Any]:
    """Return one level of a contract object as a dict with wire names."""
    return _dumper(type(value))(value)


@once
def _dumper(cls: type) -> Callable[[Any], dict[str, Any]]:
    if issubclass(cls, Stored):
        return cls.to_json_data
    if not attrs.has(cls):
        raise TypeError(f"{cls.__name__} is not a class of the contract")
    body = whole(cls)
    if body is not None:
        return operator.attrgetter(body.name)
    fields = wire_fields(cls)
    always = [(name, field) for name, field in fields.items() if Unset not in members(field.type)]
    maybe = [(name, field) for name, field in fields.items() if Unset in members(field.type)]
    inside = ", ".join(f"{name!r}: value.{field.name}" for name, field in always)
    lines = [f"out = {{{inside}}}"]
    for name, field in maybe:
        lines += [f"if (v := value.{field.name}) is not UNSET:", f"    out[{name!r}] = v"]
    return compile_function(f"dump_{cls.__name__}", "value", [*lines, "return out"], {"UNSET": UNSET})


def dump(data: Any, convert: Callable[[object], object] = as_dict) -> bytes:
    """Return a request, a value, or lists and dicts of them as JSON. UNSET fields are left out; None is null.

    Args:
        data: The object.
        convert: Turns one level of an object into what orjson can write. Default: ``as_dict``.
    """
    return orjson.dumps(data, default=convert, option=_DUMP)


class RecordedItem(Value):
    """An item with an id, and with the time of its creation.

    Responses have the id first, and times behind the other fields that are always set.
    """

    id: str
    created_at: datetime


class DatedItem(RecordedItem):
    """An item that also has the time of its last change."""

    updated_at: datetime


class Paged(Request):
    """The parameters of every list. Without ``limit``, the list is complete.

    Attributes:
        limit: The maximum number of items in the response, 1 to 500. The ``Link`` header has the next page. Default: no
            limit.
        cursor: The start of the page, from the ``Link`` header of the previous page.
    """

    limit: PageLimit | Unset = UNSET
    cursor: Annotated[str, Length(1, 200)] | Unset = UNSET


@attrs.frozen
class Listing(Generic[T]):
    """A list, or a page of one. ``next`` is the cursor of the next page; None on the last page."""

    items: Sequence[T]
    next: str | None = None


class Stream(Generic[T]):
    """A stream of events whose data is a ``T``. The client decides how it is iterated."""


class Follow(Request):
    """The position in the stream to continue from.

    Attributes:
        last_event_id: The id of the last event received; the stream continues after it. The header ``Last-Event-ID``
            does the same and takes precedence. Without either, the stream starts with new events.
    """

    last_event_id: Annotated[str, Pattern(r"[0-9]{1,18}", "must be the id of an event")] | Unset = UNSET
