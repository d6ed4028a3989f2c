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
import orjson

from stellary.contract.compiling import compile_builder
from stellary.contract.errors import FieldProblem, Invalid
from stellary.contract.jsonic import character_problem
from stellary.contract.limits import Repeatable
from stellary.contract.naming import base, camel, marks, members, once, wire_fields
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire_types import (
    LIMIT_MAX,
    MOMENT_WITHOUT_ZONE,
    DatedItem,
    Follow,
    Listing,
    Paged,
    PageLimit,
    Problems,
    RecordedItem,
    Request,
    Stored,
    Stream,
    Value,
    as_dict,
    dump,
    utc,
)

__all__ = [
    "LIMIT_MAX",
    "MOMENT_WITHOUT_ZONE",
    "UNSET",
    "DatedItem",
    "Follow",
    "Listing",
    "PageLimit",
    "Paged",
    "Problems",
    "RecordedItem",
    "Request",
    "Stored",
    "Stream",
    "Unset",
    "Value",
    "as_dict",
    "camel",
    "check",
    "dump",
    "invalid",
    "load",
    "load_query",
    "read",
    "read_in_place",
    "utc",
    "wire_fields",
]

C = TypeVar("C")
JsonObject = dict[str, Any]
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
    if type(data) is dict and not data:
        return _load_empty(cls)
    return _load(cls, data)


def _load(cls: type[R], data: Any) -> R:
    # Imported here, so that a client that only sends requests does not load cattrs.
    from stellary.contract.strict import structure

    try:
        request: R = structure(data, cls)
    except Problems as error:
        raise invalid(*error.problems) from None
    object.__setattr__(request, "_checked", True)
    return request


@once
def _load_empty(cls: type[R]) -> R:
    """Return the request without fields. Requests are immutable, so there is one of each class."""
    return _load(cls, {})


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
        repeatable = any(isinstance(mark, Repeatable) for mark in marks(fields[name].type))
        if name in data and get_origin(kind) is not list and not repeatable:
            raise invalid((name, "must be given once"))
        if problem := character_problem(text):
            raise invalid((name, f"must not contain {problem}"))
        if get_origin(kind) is list:
            data.setdefault(name, []).append(_from_text(base(get_args(kind)[0]), text))
        else:
            takes_null = type(None) in members(fields[name].type)
            value = None if takes_null and text == "none" else _from_text(kind, text)
            if name not in data:
                data[name] = value
            elif isinstance(data[name], list):
                data[name].append(value)
            else:
                data[name] = [data[name], value]
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
    if kind is float and re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?", text):
        return float(text)
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


def read_in_place(cls: type[C], rows: list[Any]) -> list[C]:
    """Read the values of a list from parsed JSON, like ``read``, and replace each element by its value.

    The memory of each element is free as soon as it has been read, which saves a tenth of the time of a long list.

    Args:
        cls: The class of the values.
        rows: The parsed JSON; it becomes the result.

    Raises:
        TypeError: The data has another shape.
        ValueError: A value cannot be converted.
    """
    if not _is_plain(cls):
        read_row = _reader(cls)
        for index, row in enumerate(rows):
            rows[index] = read_row(row)
    return rows


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


def _empty_value(number: int, field: attrs.Attribute[Any]) -> str:
    """Return the source of the value of a missing or null field: its default, an empty list or dict, or None."""
    if field.default is not attrs.NOTHING and field.default != ():
        return f"default{number}"
    if type(None) in members(field.type):
        return "None"
    kind = base(field.type)
    return {list: "[]", dict: "{}"}.get(get_origin(kind) or kind, "None")


def _lazy_reader(scope: dict[str, object], name: str, kind: Any) -> Callable[[Any], Any]:
    """Return a reader that is created on first use, so that a class may contain itself."""

    def reader(data: Any) -> Any:
        scope[name] = read_value = _reader(kind)
        return read_value(data)

    return reader


def _value_reader(cls: type[Value]) -> Callable[[Any], Any]:
    """Return a reader that is compiled for the class and sets the slots directly, without ``__init__``.

    It reads every known key without a check, and completes the data if one is missing. ``docs/decisions`` (0021)
    compares this with libraries.
    """
    fields, name = wire_fields(cls), f"read_{cls.__name__}"
    # orjson uses the same strings for the keys of all objects, and a dict finds a string sooner than an equal one.
    keys = list(orjson.loads(orjson.dumps(dict.fromkeys(fields))))
    scope: dict[str, object] = {
        "nulls": dict.fromkeys(fields),
        "iso": datetime.fromisoformat,
        "UTC": UTC,
        "utc": utc,
    }
    lines = ["try:"]
    for number, (key, field) in enumerate(zip(keys, fields.values(), strict=True)):
        scope |= {f"key{number}": key, f"default{number}": field.default}
        item, empty = f"data[key{number}]", _empty_value(number, field)
        if not _is_plain(field.type):
            item = f"{empty} if (v := {item}) is None else {_conversion(scope, number, field.type)}"
        elif empty != "None":
            item = f"{empty} if (v := {item}) is None else v"
        lines.append(f"    value.{field.name} = {item}")
    lines += [
        "except KeyError:",
        f"    return {name}({{**nulls, **data}})",
        f"if len(data) > {len(fields)}:",
        "    value._raw = {name: data[name] for name in data if name not in nulls}",
    ]
    return compile_builder(cls, name, "data", lines, scope)


def _conversion(scope: dict[str, object], number: int, kind: Any) -> str:
    """Return the source that converts ``v`` to a type.

    Args:
        scope: The globals of the generated function. The reader that the source calls is added.
        number: The number of the field.
        kind: The type of the field, whose JSON needs conversion.
    """
    kind = base(kind)
    if kind is datetime:
        # ``_moment`` inlined: the call would double the cost.
        return "m if (m := iso(v)).tzinfo is UTC else utc(m)"
    name = f"read{number}"
    if get_origin(kind) is not list:
        scope[name] = _lazy_reader(scope, name, kind)
        return f"{name}(v)"
    scope[name] = _lazy_reader(scope, name, get_args(kind)[-1])
    # An empty list is copied sooner than a comprehension begins.
    return f"[{name}(item) for item in v] if v else [*v]"
