"""The wire: one converter between the contract's classes and JSON, and one naming rule (snake ↔ camel).

A **request** is what a caller says: it is read strictly, every problem is told, in wire names.
A **value** is what the API answers: it is read leniently, so that an old client survives a new server: unknown
fields stay in ``value.raw``, unknown words of a closed list stay plain strings, a missing or null field reads None.
"""

from __future__ import annotations

import functools
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform, get_args, get_origin

import attrs
import orjson
from cattrs import Converter
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

from stellary.contract.errors import FieldProblem, Invalid
from stellary.contract.limits import Blank, Check, Named, Secret
from stellary.contract.unset import UNSET, Unset

C = TypeVar("C")
R = TypeVar("R", bound="Request")
_DUMP = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


class Request:
    """The base of what a caller says. Absent fields are UNSET; ``None`` clears a field that can be cleared."""

    __slots__ = ("_checked",)
    _checked: bool

    def __repr__(self) -> str:
        return _shown(self)


class Value:
    """The base of what the API answers: compared by its fields, to be treated as immutable."""

    __slots__ = ("_raw",)
    _raw: Mapping[str, Any]

    @property
    def raw(self) -> Mapping[str, Any]:
        """The fields of the answer that this version of the package does not know, by their wire names."""
        return getattr(self, "_raw", {})

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _names(type(self)))

    def __hash__(self) -> int:
        return hash((type(self), getattr(self, "id", None)))

    def __repr__(self) -> str:
        return _shown(self)


@dataclass_transform(kw_only_default=True, frozen_default=True)
def request(cls: type[C]) -> type[C]:
    """Make a class of annotated fields a request: frozen, keyword-only, with slots."""
    return attrs.frozen(kw_only=True, repr=False, weakref_slot=False)(cls)


@dataclass_transform(kw_only_default=True, frozen_default=True)
def value(cls: type[C]) -> type[C]:
    """Make a class of annotated fields a value. Equality and repr stand on ``Value``: made once, not per class."""
    return attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)(cls)


@functools.cache
def _names(cls: type) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cls))


@functools.cache
def wire_fields(cls: type) -> dict[str, attrs.Attribute[Any]]:
    """The fields of a contract class by their wire names, with their types resolved."""
    attrs.resolve_types(cls, include_extras=True)
    return {wire_name(field): field for field in attrs.fields(cls)}


def wire_name(field: attrs.Attribute[Any]) -> str:
    """``due_date`` → ``dueDate``, unless the field is ``Named`` otherwise."""
    for mark in _marks(field.type):
        if isinstance(mark, Named):
            return mark.name
    return camel(field.name)


def _shown(made: Any) -> str:
    """The repr of a request or a value: without what is not given, and without secrets."""
    shown = (
        (field.name, "…" if any(isinstance(mark, Secret) for mark in _marks(field.type)) else repr(found))
        for field in wire_fields(type(made)).values()
        if (found := getattr(made, field.name)) is not None and found is not UNSET
    )
    return f"{type(made).__name__}({', '.join(f'{name}={text}' for name, text in shown)})"


def camel(name: str) -> str:
    """``due_date`` → ``dueDate``."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _marks(kind: Any) -> tuple[Any, ...]:
    if get_origin(kind) is Annotated:
        return tuple(kind.__metadata__)
    return tuple(mark for part in _members(kind) if part is not kind for mark in _marks(part))


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (typing.Union, types.UnionType) else (kind,)


# ---------------------------------------------------------------------------------------------- reading, strictly


class Problems(ValueError):
    """What is wrong, each with the path at which it is wrong."""

    def __init__(self, *found: tuple[str, str]) -> None:
        super().__init__(found)
        self.found = found


def _wrong(message: str) -> Problems:
    return Problems(("", message))


def load(cls: type[R], data: Any) -> R:
    """Read a request from parsed JSON, strictly.

    Raises:
        Invalid: With one sentence, and one detail per field that is wrong.
    """
    try:
        made: R = _converter.structure(data, cls)
    except (ClassValidationError, Problems) as error:
        raise invalid(*_problems(error)) from None
    object.__setattr__(made, "_checked", True)
    return made


def check(made: R) -> R:
    """The same request, known to keep its limits: those built in Python are read back as if from the wire."""
    if getattr(made, "_checked", False):
        return made
    return load(type(made), orjson.loads(dump(made)))


def load_query(cls: type[R], pairs: Iterable[tuple[str, str]]) -> R:
    """Read a request from the pairs of a query string; numbers and booleans are spelled in text there.

    Raises:
        Invalid: Also for a parameter that is unknown or given twice.
    """
    fields = wire_fields(cls)
    data: dict[str, Any] = {}
    for name, text in pairs:
        if name in data:
            raise invalid((name, "must be given once"))
        if name not in fields:
            raise invalid((name, "is not a parameter of this request"))
        data[name] = _from_text(_base(fields[name].type), text)
    return load(cls, data)


def invalid(*found: tuple[str, str]) -> Invalid:
    """The 400 that tells these problems, each a path in wire names and what must hold there."""
    told = [FieldProblem(path, message) for path, message in found]
    sentence = "; ".join(f"{each.field or 'the body'} {each.message}" for each in told[:5])
    more = f"; and {len(told) - 5} more" if len(told) > 5 else ""
    return Invalid(sentence + more, details=told)


def _from_text(kind: Any, text: str) -> Any:
    if kind is int and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text, text)
    return text


def _base(kind: Any) -> Any:
    """The type without its marks, None and UNSET."""
    if get_origin(kind) is Annotated:
        return _base(get_args(kind)[0])
    parts = [part for part in _members(kind) if part not in (Unset, type(None))]
    return _base(parts[0]) if len(parts) == 1 and parts[0] is not kind else kind


def _problems(error: BaseException, path: str = "") -> list[tuple[str, str]]:
    if isinstance(error, Problems):
        return [(_join(path, below), message) for below, message in error.found]
    if isinstance(error, ForbiddenExtraKeysError):
        return [(_join(path, name), "is not a field of this request") for name in sorted(error.extra_fields)]
    if isinstance(error, ClassValidationError):
        by_name = {field.name: name for name, field in wire_fields(error.cl).items()}
        found = []
        for each in error.exceptions:
            notes = [note for note in getattr(each, "__notes__", ()) if hasattr(note, "name")]
            below = _join(path, by_name[notes[0].name]) if notes else path
            found += _problems(each, below)
        return found
    if isinstance(error, KeyError):
        return [(path, "is required")]
    raise error


def _join(path: str, below: str) -> str:
    if not path or not below or below.startswith("["):
        return path + below
    return f"{path}.{below}"


def _text(data: Any, _: Any) -> str:
    if type(data) is str:
        return data
    raise _wrong("must not be null" if data is None else "must be a string")


def _integer(data: Any, _: Any) -> int:
    if type(data) is int:
        return data
    raise _wrong("must be an integer")


def _number(data: Any, _: Any) -> float:
    if type(data) in (int, float) and math.isfinite(data):
        return float(data)
    raise _wrong("must be a number")


def _boolean(data: Any, _: Any) -> bool:
    if type(data) is bool:
        return data
    raise _wrong("must be true or false")


_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|z|[+-]\d\d:?\d\d)", re.ASCII)


def _moment(data: Any, _: Any) -> datetime:
    """A date means midnight UTC; a date-time must say its offset."""
    if isinstance(data, str):
        try:
            if _DATE.fullmatch(data):
                return datetime.fromisoformat(data).replace(tzinfo=UTC)
            if _DATE_TIME.fullmatch(data):
                return datetime.fromisoformat(data.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise _wrong("must be an ISO 8601 date, or a date-time with an offset")


def utc(moment: date) -> datetime:
    """The moment that a date (midnight UTC) or a date-time names; one without an offset is taken as UTC."""
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _object(data: Any, _: Any) -> dict[str, Any]:
    if isinstance(data, dict):
        return data
    raise _wrong("must be an object")


def _literal_hook(kind: Any) -> Callable[[Any, Any], Any]:
    words = get_args(kind)
    said = "must be one of " + ", ".join(map(str, words))

    def hook(data: Any, _: Any) -> Any:
        if isinstance(data, str) and data in words:
            return data
        raise _wrong(said)

    return hook


def _annotated_hook(kind: Any) -> Callable[[Any, Any], Any]:
    base = get_args(kind)[0]
    inner = _converter.get_structure_hook(base)
    checks: list[Check] = [mark for mark in kind.__metadata__ if isinstance(mark, Check)]
    if base is str and not any(isinstance(mark, Blank) for mark in checks):
        checks.append(Blank())

    def hook(data: Any, _: Any) -> Any:
        made = inner(data, base)
        for each in checks:
            if said := each.problem(made):
                raise _wrong(said)
        return made

    return hook


def _union_hook(kind: Any) -> Callable[[Any, Any], Any]:
    """``X | None | UNSET``: UNSET never comes over the wire, null only where None is a member."""
    nullable = type(None) in get_args(kind)
    rest = [part for part in get_args(kind) if part not in (Unset, type(None))]
    if len(rest) != 1:
        raise TypeError(f"a request field has one type beside None and UNSET, not {kind}")
    inner = _converter.get_structure_hook(rest[0])

    def hook(data: Any, _: Any) -> Any:
        if data is None:
            if nullable:
                return None
            raise _wrong("must not be null")
        return inner(data, rest[0])

    return hook


def _list_hook(kind: Any) -> Callable[[Any, Any], Any]:
    (item,) = get_args(kind)
    inner = _converter.get_structure_hook(item)

    def hook(data: Any, _: Any) -> Any:
        if not isinstance(data, list):
            raise _wrong("must be a list")
        made, found = [], []
        for index, each in enumerate(data):
            try:
                made.append(inner(each, item))
            except (Problems, ClassValidationError) as error:
                found += _problems(error, f"[{index}]")
        if found:
            raise Problems(*found)
        return made

    return hook


def _mapping_hook(kind: Any) -> Callable[[Any, Any], Any]:
    _, item = get_args(kind)
    inner = _converter.get_structure_hook(item)

    def hook(data: Any, _: Any) -> Any:
        made, found = {}, []
        for key, each in _object(data, None).items():
            try:
                made[key] = inner(each, item)
            except (Problems, ClassValidationError) as error:
                found += _problems(error, key)
        if found:
            raise Problems(*found)
        return made

    return hook


def _request_hook(cls: type[Request]) -> Callable[[Any, Any], Any]:
    names = {field.name: override(rename=name) for name, field in wire_fields(cls).items()}
    inner = make_dict_structure_fn(cls, _converter, _cattrs_forbid_extra_keys=True, **names)  # type: ignore[arg-type]

    def hook(data: Any, _: Any) -> Any:
        return inner(_object(data, None), cls)

    return hook


# ---------------------------------------------------------------------------------------------- reading, leniently


def read(cls: type[C], data: Any) -> C:
    """Read a value from parsed JSON, leniently. Raises TypeError or ValueError if it cannot be one."""
    hook = _reader(cls)
    return typing.cast(C, data if hook is None else hook(data))


@functools.cache
def _reader(kind: Any) -> Callable[[Any], Any] | None:
    """How to read that type; None where the parsed JSON is the value already."""
    kind = _base(kind)
    if kind is datetime:
        return datetime.fromisoformat
    if isinstance(kind, type) and issubclass(kind, Value):
        return _value_reader(kind)
    origin, args = get_origin(kind), get_args(kind)
    inner = _reader(args[-1]) if origin in (list, dict) else None
    if inner is None:
        return None
    if origin is list:
        return lambda data: [inner(each) for each in data]
    return lambda data: {key: inner(each) for key, each in data.items()}


def _value_reader(cls: type[Value]) -> Callable[[Any], Any]:
    """A reader made for the class: no ``__init__``, slots set straight.

    The straight path takes every known key with no test and is left at the first that is missing; if it gets through
    and counts as many keys as the class has, nothing is unknown. Everything else takes the patient path.
    """
    fields = wire_fields(cls)
    scope: dict[str, Any] = {"new": object.__new__, "cls": cls, "patient": None}
    lines = ["def straight(data):", "    try:", "        made = new(cls)"]
    steps: list[tuple[str, Any, Callable[[Any], Any] | None, Any]] = []
    for number, (name, field) in enumerate(fields.items()):
        reader = _reader(field.type)
        put = getattr(cls, field.name).__set__
        default = None if field.default is attrs.NOTHING else field.default
        steps.append((name, put, reader, default))
        scope[f"s{number}"], scope[f"r{number}"] = put, reader
        got = f"data[{name!r}]"
        if reader is None:
            lines.append(f"        s{number}(made, {got})")
        else:
            lines.append(f"        s{number}(made, None if (v := {got}) is None else r{number}(v))")
    lines += [
        f"        if len(data) == {len(fields)}:",
        "            return made",
        "    except KeyError:",
        "        pass",
        "    return patient(data)",
    ]

    def patient(data: Any) -> Any:
        made = object.__new__(cls)
        for name, put, reader, default in steps:
            found = data.get(name, default)
            put(made, found if reader is None or found is None or found is UNSET else reader(found))
        unknown = data.keys() - fields.keys()
        if unknown:
            object.__setattr__(made, "_raw", {name: data[name] for name in unknown})
        return made

    scope["patient"] = patient
    exec("\n".join(lines), scope)
    return typing.cast("Callable[[Any], Any]", scope["straight"])


# ---------------------------------------------------------------------------------------------- writing


def dump(data: Any) -> bytes:
    """JSON bytes of a request, a value, or lists and dicts of them. What is UNSET is left out; None is null."""
    return orjson.dumps(data, default=as_dict, option=_DUMP)


def as_dict(made: Any) -> dict[str, Any]:
    """One level of a contract class as a dict in wire names."""
    return _dumper(type(made))(made)


@functools.cache
def _dumper(cls: type) -> Callable[[Any], dict[str, Any]]:
    if not attrs.has(cls):
        raise TypeError(f"{cls.__name__} is not of the contract")
    fields = wire_fields(cls)
    always = [(name, field) for name, field in fields.items() if Unset not in _members(field.type)]
    maybe = [(name, field) for name, field in fields.items() if Unset in _members(field.type)]
    inside = ", ".join(f"{name!r}: made.{field.name}" for name, field in always)
    lines = ["def dumped(made):", f"    out = {{{inside}}}"]
    for name, field in maybe:
        lines += [f"    if (v := made.{field.name}) is not UNSET:", f"        out[{name!r}] = v"]
    lines.append("    return out")
    scope: dict[str, Any] = {"UNSET": UNSET}
    exec("\n".join(lines), scope)
    return typing.cast("Callable[[Any], dict[str, Any]]", scope["dumped"])


# ---------------------------------------------------------------------------------------------- the converter


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (typing.Union, types.UnionType)


def _make_converter() -> Converter:
    made = Converter(forbid_extra_keys=True)
    made.register_structure_hook(str, _text)
    made.register_structure_hook(int, _integer)
    made.register_structure_hook(float, _number)
    made.register_structure_hook(bool, _boolean)
    made.register_structure_hook(datetime, _moment)
    made.register_structure_hook(date, _moment)
    made.register_structure_hook_factory(lambda kind: kind is Any, lambda _: lambda data, _: data)
    made.register_structure_hook_factory(_is_union, _union_hook)
    made.register_structure_hook_factory(lambda kind: get_origin(kind) is Literal, _literal_hook)
    made.register_structure_hook_factory(lambda kind: get_origin(kind) is list, _list_hook)
    made.register_structure_hook_factory(lambda kind: get_origin(kind) is dict, _mapping_hook)
    made.register_structure_hook_factory(lambda kind: get_origin(kind) is Annotated, _annotated_hook)
    made.register_structure_hook_factory(
        lambda kind: isinstance(kind, type) and issubclass(kind, Request), _request_hook
    )
    return made


_converter = _make_converter()
