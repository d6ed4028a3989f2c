"""The wire format: one converter between the contract's classes and JSON, and one naming rule (snake_case ↔ camelCase).

A **request** is read strictly, and every problem is reported in wire names.
A **value** of a response is read leniently, so that an old client works with a newer server: unknown fields stay in
``value.raw``, unknown words of a closed list stay plain strings, and a missing or null field becomes None.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar, get_args, get_origin

import attrs

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
    dump,
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
_DETAILS_MAX = 50


# ---------------------------------------------------------------------------------------------- reading, strictly


def load(cls: type[R], data: Any) -> R:
    """Read a request from parsed JSON, strictly.

    Args:
        cls: The request class.
        data: The parsed JSON; unknown fields are rejected.

    Raises:
        Invalid: The data is not valid. The error has one sentence, and one detail for each problem.
    """
    # Imported here, so that a client that only sends requests does not load cattrs.
    from stellary.contract.strict import structure

    try:
        request: R = structure(data, cls)
    except Problems as error:
        raise invalid(*error.problems) from None
    object.__setattr__(request, "_checked", True)
    return request


def check(request: R) -> R:
    """Check a request. One that was built in Python is converted to JSON and read back.

    Raises:
        Invalid: The request violates a limit of the contract, or cannot be expressed as JSON.
    """
    if getattr(request, "_checked", False):
        return request
    from stellary.contract.strict import plain

    try:
        data = plain(request)
    except Problems as error:
        raise invalid(*error.problems) from None
    return load(type(request), data)


def load_query(cls: type[R], pairs: Iterable[tuple[str, str]]) -> R:
    """Read a request from the pairs of a query string.

    Numbers and booleans are written as text there, a list repeats its parameter for each item, and ``none`` stands for null
    where a parameter is nullable.

    Args:
        cls: The request class.
        pairs: The decoded names and values, in the order of the query string.

    Raises:
        Invalid: A value is not valid, or a parameter is unknown, or occurs twice without being a list.
    """
    fields = wire_fields(cls)
    data: dict[str, Any] = {}
    for name, text in pairs:
        if name not in fields:
            raise invalid((name[:100], "is not a parameter of this request"))
        kind = base(fields[name].type)
        if name in data and get_origin(kind) is not list:
            raise invalid((name, "must be given once"))
        if problem := character_problem(text):
            raise invalid((name, f"must not contain {problem}"))
        if get_origin(kind) is list:
            data.setdefault(name, []).append(text)
        else:
            takes_null = type(None) in members(fields[name].type)
            data[name] = None if takes_null and text == "none" else _from_text(kind, text)
    return load(cls, data)


def invalid(*problems: tuple[str, str]) -> Invalid:
    """Return the 400 error for these problems, each a path in wire names and a message."""
    details = [FieldProblem(path, message) for path, message in problems[:_DETAILS_MAX]]
    sentence = "; ".join(f"{detail.field or 'the body'} {detail.message}" for detail in details[:5])
    remainder = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
    return Invalid(sentence + remainder, details=details)


def _from_text(kind: Any, text: str) -> Any:
    if kind is int and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text, text)
    return text


# ---------------------------------------------------------------------------------------------- reading, leniently


def read(cls: type[C], data: Any) -> C:
    """Read a value from parsed JSON, leniently: unknown fields and enum values are accepted.

    Args:
        cls: The class of the value.
        data: The parsed JSON.

    Raises:
        TypeError: The data has another shape.
        ValueError: A value cannot be converted.
    """
    return typing.cast(C, data if _is_plain(cls) else _reader(cls)(data))


@once
def _is_plain(kind: Any) -> bool:
    """Return whether parsed JSON needs no conversion to become a value of this type."""
    kind = base(kind)
    if get_origin(kind) in (list, dict):
        return _is_plain(get_args(kind)[-1])
    return not (kind is datetime or (isinstance(kind, type) and issubclass(kind, Value)))


@once
def _reader(kind: Any) -> Callable[[Any], Any]:
    """Return the reader of a type whose JSON needs conversion."""
    kind = base(kind)
    if kind is datetime:
        return _moment
    origin = get_origin(kind)
    if origin not in (list, dict):
        return _value_reader(kind)
    inner = _reader(get_args(kind)[-1])
    if origin is list:
        return lambda data: [inner(item) for item in data]
    return lambda data: {key: inner(item) for key, item in data.items()}


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is UTC else utc(moment)


def _default_factory(field: attrs.Attribute[Any]) -> Callable[[], Any]:
    """Return a function that makes the value of a missing or null field: an empty list or dict, the default, or None."""
    if field.default is not attrs.NOTHING:
        return lambda: field.default
    kind = base(field.type)
    empty = get_origin(kind) or kind
    return empty if empty in (list, dict) and type(None) not in members(field.type) else lambda: None


def _lazy_reader(scope: dict[str, Any], name: str, kind: Any) -> Callable[[Any], Any]:
    """Return a reader that is created on first use, so that a class may contain itself."""

    def reader(data: Any) -> Any:
        scope[name] = _reader(kind)
        return scope[name](data)

    return reader


def _value_reader(cls: type[Value]) -> Callable[[Any], Any]:
    """Return a reader that is compiled for the class and sets the slots directly, without ``__init__``.

    The fast path (``straight``) reads every known key without a check, and stops at the first one that is
    missing. If it succeeds and the data has as many keys as the class has fields, there are no unknown keys.
    All other data takes the slow path (``patient``). The fast path fills a mutable twin of the class, and
    then changes the object's class: assigning to a slot costs a third of calling the slot's descriptor.
    ``docs/decisions`` (0021) compares this with libraries.
    """
    fields = wire_fields(cls)
    scope: dict[str, Any] = {"cls": cls, "twin": _mutable_twin(cls)}
    scope |= {"iso": datetime.fromisoformat, "UTC": UTC, "utc": utc}
    lines = ["def straight(data):", "    try:", "        value = twin()"]
    steps: list[tuple[str, Any, str | None, Callable[[], Any]]] = []
    for number, (name, field) in enumerate(fields.items()):
        put, absent = getattr(cls, field.name).__set__, _default_factory(field)
        scope[f"a{number}"] = absent
        reader = None if _is_plain(field.type) else f"r{number}"
        if reader:
            scope[reader] = _lazy_reader(scope, reader, field.type)
        steps.append((name, put, reader, absent))
        if reader is None and absent() is None:
            lines.append(f"        value.{field.name} = data[{name!r}]")
        else:
            expression = f"{reader}(v)" if reader else "v"
            if base(field.type) is datetime:
                # ``_moment`` inlined: the call would double the cost.
                expression = "(m if (m := iso(v)).tzinfo is UTC else utc(m))"
            lines.append(
                f"        value.{field.name} = a{number}() if (v := data[{name!r}]) is None else {expression}"
            )
    lines += [
        f"        if len(data) == {len(fields)}:",
        "            value.__class__ = cls",
        "            return value",
        "    except KeyError:",
        "        pass",
        "    return patient(data)",
    ]

    def patient(data: Any) -> Any:
        value = object.__new__(cls)
        for name, put, reader, absent in steps:
            item = data.get(name)
            put(value, absent() if item is None else scope[reader](item) if reader else item)
        unknown = data.keys() - fields.keys()
        if unknown:
            object.__setattr__(value, "_raw", {name: data[name] for name in data if name in unknown})
        return value

    scope["patient"] = patient
    exec("\n".join(lines), scope)
    return typing.cast("Callable[[Any], Any]", scope["straight"])


def _mutable_twin(cls: type) -> type:
    """Return a class of the same layout whose fields can be assigned."""
    free = {"__init__": object.__init__, "__setattr__": object.__setattr__, "__repr__": object.__repr__}
    return type(f"_{cls.__name__}Twin", cls.__bases__, {"__slots__": cls.__dict__["__slots__"], **free})
