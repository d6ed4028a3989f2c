"""The wire: one converter between the contract's classes and JSON, and one naming rule (snake ↔ camel).

A **request** is what a caller says: it is read strictly, every problem is told, in wire names.
A **value** is what the API answers: it is read leniently, so that an old client survives a new server: unknown
fields stay in ``value.raw``, unknown words of a closed list stay plain strings, a missing or null field reads None.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar, get_args, get_origin

import attrs
import orjson

from stellary.contract.errors import FieldProblem, Invalid
from stellary.contract.jsonic import character_problem
from stellary.contract.naming import base, camel, members, once, wire_fields, wire_name
from stellary.contract.wire_types import (
    MOMENT_WITHOUT_ZONE,
    Problems,
    Request,
    Stored,
    Value,
    as_dict,
    request,
    utc,
    value,
)

__all__ = [
    "MOMENT_WITHOUT_ZONE",
    "Problems",
    "Request",
    "Stored",
    "Value",
    "as_dict",
    "camel",
    "check",
    "dump",
    "invalid",
    "load",
    "load_query",
    "read",
    "request",
    "utc",
    "value",
    "wire_fields",
    "wire_name",
]

C = TypeVar("C")
R = TypeVar("R", bound=Request)
_DUMP = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
_DETAILS_MAX = 50


# ---------------------------------------------------------------------------------------------- reading, strictly


def load(cls: type[R], data: Any) -> R:
    """Read a request from parsed JSON, strictly.

    Raises:
        Invalid: With one sentence, and one detail per field that is wrong.
    """
    # Here, so that a client that only asks does not pay for cattrs.
    from stellary.contract.strict import structure

    try:
        made: R = structure(data, cls)
    except Problems as error:
        raise invalid(*error.found) from None
    object.__setattr__(made, "_checked", True)
    return made


def check(made: R) -> R:
    """The same request, known to keep its limits: those built in Python are read back as if from the wire.

    Raises:
        Invalid: It does not keep them, or holds what cannot be said in JSON.
    """
    if getattr(made, "_checked", False):
        return made
    from stellary.contract.strict import plain

    try:
        said = plain(made)
    except Problems as error:
        raise invalid(*error.found) from None
    return load(type(made), said)


def load_query(cls: type[R], pairs: Iterable[tuple[str, str]]) -> R:
    """Read a request from the pairs of a query string; numbers and booleans are spelled in text there, what is a list is
    given once for each entry, and ``none`` is the null of a parameter that takes one.

    Raises:
        Invalid: Also for a parameter that is unknown, or is no list and given twice.
    """
    fields = wire_fields(cls)
    data: dict[str, Any] = {}
    for name, text in pairs:
        if name not in fields:
            raise invalid((name[:100], "is not a parameter of this request"))
        kind = base(fields[name].type)
        if name in data and get_origin(kind) is not list:
            raise invalid((name, "must be given once"))
        if said := character_problem(text):
            raise invalid((name, f"must not contain {said}"))
        if get_origin(kind) is list:
            data.setdefault(name, []).append(text)
        else:
            takes_null = type(None) in members(fields[name].type)
            data[name] = None if takes_null and text == "none" else _from_text(kind, text)
    return load(cls, data)


def invalid(*found: tuple[str, str]) -> Invalid:
    """The 400 that tells these problems, each a path in wire names and what must hold there."""
    told = [FieldProblem(path, message) for path, message in found[:_DETAILS_MAX]]
    sentence = "; ".join(f"{each.field or 'the body'} {each.message}" for each in told[:5])
    more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
    return Invalid(sentence + more, details=told)


def _from_text(kind: Any, text: str) -> Any:
    if kind is int and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text, text)
    return text


# ---------------------------------------------------------------------------------------------- reading, leniently


def read(cls: type[C], data: Any) -> C:
    """Read a value from parsed JSON, leniently. Raises TypeError or ValueError if it cannot be one."""
    return typing.cast(C, data if _is_plain(cls) else _reader(cls)(data))


@once
def _is_plain(kind: Any) -> bool:
    """Whether the parsed JSON is the value already."""
    kind = base(kind)
    if get_origin(kind) in (list, dict):
        return _is_plain(get_args(kind)[-1])
    return not (kind is datetime or (isinstance(kind, type) and issubclass(kind, Value)))


@once
def _reader(kind: Any) -> Callable[[Any], Any]:
    """How to read a type that is not plain."""
    kind = base(kind)
    if kind is datetime:
        return _moment
    origin = get_origin(kind)
    if origin not in (list, dict):
        return _value_reader(kind)
    inner = _reader(get_args(kind)[-1])
    if origin is list:
        return lambda data: [inner(each) for each in data]
    return lambda data: {key: inner(each) for key, each in data.items()}


def _moment(text: str) -> datetime:
    made = datetime.fromisoformat(text)
    return made if made.tzinfo is UTC else utc(made)


def _absent(field: attrs.Attribute[Any]) -> Callable[[], Any]:
    """What a field reads that is missing or null: an empty list or object, the default, or None."""
    if field.default is not attrs.NOTHING:
        return lambda: field.default
    kind = base(field.type)
    empty = get_origin(kind) or kind
    return empty if empty in (list, dict) and type(None) not in members(field.type) else lambda: None


def _late(scope: dict[str, Any], name: str, kind: Any) -> Callable[[Any], Any]:
    """A reader that is made when it is first used, so that a class may have itself for a part."""

    def reader(data: Any) -> Any:
        scope[name] = _reader(kind)
        return scope[name](data)

    return reader


def _value_reader(cls: type[Value]) -> Callable[[Any], Any]:
    """A reader made for the class: no ``__init__``, slots set straight.

    The straight path takes every known key with no test and is left at the first that is missing; if it gets through
    and counts as many keys as the class has, nothing is unknown. Everything else takes the patient path. The straight
    one fills a twin of the class that is not frozen, which then becomes the class: to assign to a slot costs a third of
    calling the slot's descriptor.
    """
    fields = wire_fields(cls)
    scope: dict[str, Any] = {"cls": cls, "twin": _twin(cls)}
    scope |= {"iso": datetime.fromisoformat, "UTC": UTC, "utc": utc}
    lines = ["def straight(data):", "    try:", "        made = twin()"]
    steps: list[tuple[str, Any, str | None, Callable[[], Any]]] = []
    for number, (name, field) in enumerate(fields.items()):
        put, absent = getattr(cls, field.name).__set__, _absent(field)
        scope[f"a{number}"] = absent
        reader = None if _is_plain(field.type) else f"r{number}"
        if reader:
            scope[reader] = _late(scope, reader, field.type)
        steps.append((name, put, reader, absent))
        if reader is None and absent() is None:
            lines.append(f"        made.{field.name} = data[{name!r}]")
        else:
            found = f"{reader}(v)" if reader else "v"
            if base(field.type) is datetime:
                # ``_moment`` in line: to call it would cost as much as all the rest of it.
                found = "(m if (m := iso(v)).tzinfo is UTC else utc(m))"
            lines.append(
                f"        made.{field.name} = a{number}() if (v := data[{name!r}]) is None else {found}"
            )
    lines += [
        f"        if len(data) == {len(fields)}:",
        "            made.__class__ = cls",
        "            return made",
        "    except KeyError:",
        "        pass",
        "    return patient(data)",
    ]

    def patient(data: Any) -> Any:
        made = object.__new__(cls)
        for name, put, reader, absent in steps:
            found = data.get(name)
            put(made, absent() if found is None else scope[reader](found) if reader else found)
        unknown = data.keys() - fields.keys()
        if unknown:
            object.__setattr__(made, "_raw", {name: data[name] for name in data if name in unknown})
        return made

    scope["patient"] = patient
    exec("\n".join(lines), scope)
    return typing.cast("Callable[[Any], Any]", scope["straight"])


def _twin(cls: type) -> type:
    """A class of the same layout whose fields can be assigned."""
    free = {"__init__": object.__init__, "__setattr__": object.__setattr__, "__repr__": object.__repr__}
    return type(f"_{cls.__name__}Twin", cls.__bases__, {"__slots__": cls.__dict__["__slots__"], **free})


# ---------------------------------------------------------------------------------------------- writing


def dump(data: Any) -> bytes:
    """JSON bytes of a request, a value, or lists and dicts of them. What is UNSET is left out; None is null."""
    return orjson.dumps(data, default=as_dict, option=_DUMP)
