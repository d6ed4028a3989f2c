"""Reading declarations: converting parsed YAML, TOML or JSON strictly, and collecting every problem."""

from __future__ import annotations

import functools
import math
import types
import typing
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, get_args, get_origin

import attrs

from stellary.client.calling.nearest import nearest
from stellary.client.project_setup.declaration import Declaration, Declared, format_date
from stellary.client.project_setup.problems import ProblemCollector
from stellary.contract.jsonic import DEPTH_MAX, INTEGER_MAX, character_problem
from stellary.contract.limits import checks
from stellary.contract.wire import Unset

INVALID = object()
"""The result of reading data that has a problem."""


def read(data: Any, problems: ProblemCollector) -> Declaration:
    """Read the declaration in parsed data, as far as possible.

    An unreadable field is left out. An item that lacks a required field gets an ``Unreadable`` name, so that the rest of it
    can still be checked.

    Args:
        data: The parsed file, or a dict.
        problems: Collects the problems.

    Raises:
        UnsuitableDeclaration: The data is not a mapping.
    """
    declaration: Declaration = _DeclarationReader(problems).read(Declaration, data, "")
    if not isinstance(data, Mapping):
        problems.refuse()
    return declaration


class Unreadable(str):
    """A stand-in for a name that is missing or cannot be read, and so may be equal to any other name."""

    __slots__ = ()


def are_readable(names: Iterable[str]) -> bool:
    """Return whether none of the names is a stand-in, so that the list of them is complete."""
    return not any(isinstance(name, Unreadable) for name in names)


@functools.cache
def _type_hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


class _DeclarationReader:
    """Reads data by the types of a declaration, and notes the problems."""

    def __init__(self, problems: ProblemCollector) -> None:
        self.note = problems.note

    def _reject(self, path: str, message: str) -> Any:
        self.note(path, message)
        return INVALID

    def read(self, kind: Any, data: Any, path: str) -> Any:
        """Return the data at a path, converted to the type of a declaration's field."""
        origin = get_origin(kind)
        if origin in (typing.Union, types.UnionType):
            parts = [part for part in get_args(kind) if part is not Unset]
            if data is None and types.NoneType in parts:
                return None
            parts = [part for part in parts if part is not types.NoneType]
            # An item may have a short form of its own type: an e-mail address stands for a member.
            kind = parts[-1] if isinstance(data, Mapping) else parts[0]
            return self.read(kind, data, path)
        if origin is Annotated:
            return self._apply_checks(kind, self.read(get_args(kind)[0], data, path), path)
        if origin is Literal:
            return self._read_choice(get_args(kind), data, path)
        if origin is list:
            return self._read_list(get_args(kind)[0], data, path)
        if origin is dict:
            return self._read_mapping(get_args(kind), data, path)
        if kind is Any:
            return self._read_json(data, path)
        if issubclass(kind, Declared):
            return self._read_object(kind, data, path)
        return self._read_scalar(kind, data, path)

    def _read_object(self, kind: Any, data: Any, path: str) -> Any:
        if isinstance(data, str) and kind.short:
            data = {kind.short: data}
        if not isinstance(data, Mapping):
            example = next(iter(_fields(kind)))
            self.note(path, f"must have fields such as {example!r}, not be {_describe(data)}")
            return kind(**_make_stand_ins(kind, path))
        fields, kinds = _fields(kind), _type_hints(kind)
        for name in data:
            if name not in fields:
                field_path = _join(path, str(name))
                self.note(field_path, f"{name!r} is not known here{nearest(str(name), fields)}")
        values = {
            name: self.read(kinds[name], data[name], _join(path, name)) for name in fields if name in data
        }
        stand_ins = _make_stand_ins(kind, path)
        for name in stand_ins:
            if name not in data:
                self.note(path, f"{name!r} is missing")
        readable = {name: value for name, value in values.items() if value is not INVALID}
        return kind(**(readable if stand_ins.keys() <= readable.keys() else readable | stand_ins))

    def _read_list(self, kind: Any, data: Any, path: str) -> Any:
        if not isinstance(data, list | tuple):
            return self._reject(path, f"must be a list, not {_describe(data)}")
        items = [self.read(kind, item, f"{path}[{index}]") for index, item in enumerate(data)]
        return INVALID if any(item is INVALID for item in items) else items

    def _read_mapping(self, kinds: tuple[Any, ...], data: Any, path: str) -> Any:
        if not isinstance(data, Mapping):
            return self._reject(path, f"must be a mapping, not {_describe(data)}")
        values = {}
        name_kind, kind = kinds
        for name, value in data.items():
            value_path = _join(path, str(name))
            if self.read(name_kind, name, value_path) is INVALID:
                return INVALID
            values[name] = self.read(kind, value, value_path)
        return INVALID if any(value is INVALID for value in values.values()) else values

    def _read_choice(self, words: tuple[str, ...], data: Any, path: str) -> Any:
        if data in words:
            return data
        hint = nearest(data, words) if isinstance(data, str) else ""
        return self._reject(path, f"must be one of {', '.join(words)}, not {_describe(data)}{hint}")

    def _apply_checks(self, kind: Any, value: Any, path: str) -> Any:
        if value is INVALID:
            return INVALID
        for check in checks(kind):
            if message := check.problem(value):
                return self._reject(path, message)
        return value

    def _read_scalar(self, kind: Any, data: Any, path: str) -> Any:
        if kind is date:
            return self._read_date(data, path)
        message = None
        if kind is str:
            if not isinstance(data, str):
                message = f"must be a string, not {_describe(data)}; put it in quotes"
            elif problem := character_problem(data):
                message = f"must not contain {problem}"
        elif kind is bool:
            message = None if isinstance(data, bool) else f"must be true or false, not {_describe(data)}"
        elif type(data) is not int and (kind is int or type(data) is not float):
            message = f"must be a {'whole ' if kind is int else ''}number, not {_describe(data)}"
        return self._reject(path, message) if message else data

    def _read_date(self, data: Any, path: str) -> Any:
        value = data
        if not isinstance(data, date):
            try:
                is_day = len(data) == len("2026-04-01")
                value = date.fromisoformat(data) if is_day else datetime.fromisoformat(data)
            except (TypeError, ValueError):
                return self._reject(path, f"must be a date such as 2026-04-01, not {_describe(data)}")
        if isinstance(value, datetime) and value.tzinfo is None:
            return self._reject(path, "must have a UTC offset such as +02:00; in Python, a time zone")
        return value

    def _read_json(self, data: Any, path: str, depth: int = DEPTH_MAX) -> Any:
        """Return any JSON value; dates become text."""
        if isinstance(data, date):
            return format_date(data)
        if data is None or isinstance(data, bool):
            return data
        message = None
        if isinstance(data, Mapping) and depth:
            return {
                str(name): self._read_json(value, _join(path, str(name)), depth - 1)
                for name, value in data.items()
            }
        if isinstance(data, list | tuple) and depth:
            return [self._read_json(item, f"{path}[{index}]", depth - 1) for index, item in enumerate(data)]
        if isinstance(data, str):
            problem = character_problem(data)
            message = f"must not contain {problem}" if problem else None
        elif isinstance(data, int):
            message = None if -INTEGER_MAX <= data < INTEGER_MAX else "must fit 64 bits"
        elif isinstance(data, float):
            message = None if math.isfinite(data) else "must be a finite number"
        else:
            message = "must be a JSON value" if depth else f"must not be nested deeper than {DEPTH_MAX}"
        if message:
            self.note(path, message)
        return data


def _make_stand_ins(kind: Any, path: str) -> dict[str, Any]:
    """Return stand-ins for the required fields of an item that cannot be read."""
    required = [name for name, field in _fields(kind).items() if field.default is attrs.NOTHING]
    return {name: _make_stand_in(_type_hints(kind)[name], _join(path, name)) for name in required}


def _make_stand_in(kind: Any, path: str) -> Any:
    """Return a stand-in for a required field that cannot be read."""
    if get_origin(kind) is Annotated:
        return _make_stand_in(get_args(kind)[0], path)
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    return kind(**_make_stand_ins(kind, path)) if issubclass(kind, Declared) else Unreadable(path)


@functools.cache
def _fields(kind: Any) -> dict[str, attrs.Attribute[Any]]:
    return {field.name: field for field in attrs.fields(kind)}


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _describe(data: Any) -> str:
    """Return a short description of the data, for a message."""
    if data is None or isinstance(data, bool):
        return {None: "null", True: "true", False: "false"}[data]
    if isinstance(data, Mapping | list | tuple):
        return "a mapping" if isinstance(data, Mapping) else "a list"
    text = str(data) if not isinstance(data, str) else repr(data)
    return text if len(text) <= 50 else text[:49] + "…"
