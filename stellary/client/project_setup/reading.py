"""Reading declarations: parsed YAML, TOML or JSON becomes what is declared, strictly, with every problem told."""

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
from stellary.client.project_setup.declaration import Declaration, Declared, shown_date
from stellary.client.project_setup.problems import Problems
from stellary.contract.jsonic import DEPTH_MAX, INTEGER_MAX, character_problem
from stellary.contract.limits import checks
from stellary.contract.unset import Unset

BAD = object()
"""What is read where there is a problem."""


def read(data: Any, problems: Problems) -> Declaration:
    """Return what parsed data declares, as far as it can be read.

    A field that cannot be read is left out. What lacks something that is required gets an ``Unreadable`` name, so that the rest
    of it can be looked at as well.

    Args:
        data: Of a file, or a dict.
        problems: Is told of all that cannot be read.

    Raises:
        UnsuitableDeclaration: Nothing of it can be.
    """
    if not isinstance(data, Mapping):
        _thing(Declaration, data, "", problems)
        problems.refuse()
    made: Declaration = _thing(Declaration, data, "", problems)
    return made


class Unreadable(str):
    """Stands for a name that is missing or cannot be read: nobody knows which names there are beside it."""

    __slots__ = ()


def are_known(names: Iterable[str]) -> bool:
    """Whether these are all the names that are declared, none being unreadable."""
    return not any(isinstance(each, Unreadable) for each in names)


@functools.cache
def _kinds(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _read(kind: Any, data: Any, path: str, problems: Problems) -> Any:
    """What stands at that path, read as a type of a declaration's field."""
    origin = get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        parts = [part for part in get_args(kind) if part is not Unset]
        if data is None and types.NoneType in parts:
            return None
        (kind,) = (part for part in parts if part is not types.NoneType)
        return _read(kind, data, path, problems)
    if origin is Annotated:
        return _checked(kind, _read(get_args(kind)[0], data, path, problems), path, problems)
    if origin is Literal:
        return _word(get_args(kind), data, path, problems)
    if origin is list:
        return _list(get_args(kind)[0], data, path, problems)
    if origin is dict:
        return _mapping(get_args(kind), data, path, problems)
    if kind is Any:
        return _free(data, path, problems)
    if issubclass(kind, Declared):
        return _thing(kind, data, path, problems)
    return _scalar(kind, data, path, problems)


def _thing(kind: Any, data: Any, path: str, problems: Problems) -> Any:
    if isinstance(data, str) and kind.short:
        data = {kind.short: data}
    if not isinstance(data, Mapping):
        said = f"must have fields such as {next(iter(_fields(kind)))!r}, not be {_called(data)}"
        problems.note(path, said)
        return _unreadable(kind, path)
    fields, kinds = _fields(kind), _kinds(kind)
    for name in data:
        if name not in fields:
            at = _join(path, str(name))
            problems.note(at, f"{name!r} is not known here{nearest(str(name), fields)}")
    found = {
        name: _read(kinds[name], data[name], _join(path, name), problems) for name in fields if name in data
    }
    required = [name for name, field in fields.items() if field.default is attrs.NOTHING]
    for name in required:
        if name not in data:
            problems.note(path, f"{name!r} is missing")
    readable = {name: each for name, each in found.items() if each is not BAD}
    if any(name not in readable for name in required):
        readable |= {name: _stand_in(kinds[name], _join(path, name)) for name in required}
    return kind(**readable)


def _unreadable(kind: Any, path: str) -> Any:
    """A thing of which nothing can be read."""
    required = [name for name, field in _fields(kind).items() if field.default is attrs.NOTHING]
    return kind(**{name: _stand_in(_kinds(kind)[name], _join(path, name)) for name in required})


def _stand_in(kind: Any, path: str) -> Any:
    """What stands in for a required field that cannot be read."""
    if get_origin(kind) is Annotated:
        return _stand_in(get_args(kind)[0], path)
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    return _unreadable(kind, path) if issubclass(kind, Declared) else Unreadable(path)


@functools.cache
def _fields(kind: Any) -> dict[str, attrs.Attribute[Any]]:
    return {field.name: field for field in attrs.fields(kind)}


def _list(kind: Any, data: Any, path: str, problems: Problems) -> Any:
    if not isinstance(data, list | tuple):
        problems.note(path, f"must be a list, not {_called(data)}")
        return BAD
    found = [_read(kind, each, f"{path}[{index}]", problems) for index, each in enumerate(data)]
    return BAD if any(each is BAD for each in found) else found


def _mapping(kinds: tuple[Any, ...], data: Any, path: str, problems: Problems) -> Any:
    if not isinstance(data, Mapping):
        problems.note(path, f"must have names and values, not be {_called(data)}")
        return BAD
    found = {}
    name_kind, kind = kinds
    for name, each in data.items():
        at = _join(path, str(name))
        if _read(name_kind, name, at, problems) is BAD:
            return BAD
        found[name] = _read(kind, each, at, problems)
    return BAD if any(each is BAD for each in found.values()) else found


def _word(words: tuple[str, ...], data: Any, path: str, problems: Problems) -> Any:
    if data in words:
        return data
    meant = nearest(data, words) if isinstance(data, str) else ""
    problems.note(path, f"must be one of {', '.join(words)}, not {_called(data)}{meant}")
    return BAD


def _checked(kind: Any, found: Any, path: str, problems: Problems) -> Any:
    if found is BAD:
        return BAD
    for check in checks(kind):
        if said := check.problem(found):
            problems.note(path, said)
            return BAD
    return found


def _scalar(kind: Any, data: Any, path: str, problems: Problems) -> Any:
    if kind is date:
        return _date(data, path, problems)
    said = None
    if kind is str:
        if not isinstance(data, str):
            said = f"must be a text, not {_called(data)}; put it in quotes"
        elif problem := character_problem(data):
            said = f"must not contain {problem}"
    elif kind is bool:
        said = None if isinstance(data, bool) else f"must be true or false, not {_called(data)}"
    elif type(data) is not int:
        said = f"must be a whole number, not {_called(data)}"
    if said:
        problems.note(path, said)
        return BAD
    return data


def _date(data: Any, path: str, problems: Problems) -> Any:
    found = data
    if not isinstance(data, date):
        try:
            is_day = len(data) == len("2026-04-01")
            found = date.fromisoformat(data) if is_day else datetime.fromisoformat(data)
        except (TypeError, ValueError):
            problems.note(path, f"must be a date such as 2026-04-01, not {_called(data)}")
            return BAD
    if isinstance(found, datetime) and found.tzinfo is None:
        problems.note(path, "must have an offset such as +02:00 beside the time; in Python, a time zone")
        return BAD
    return found


def _free(data: Any, path: str, problems: Problems, depth: int = DEPTH_MAX) -> Any:
    """Anything that JSON has; a date becomes the text that it is there."""
    if isinstance(data, date):
        return shown_date(data)
    if data is None or isinstance(data, bool):
        return data
    said = None
    if isinstance(data, Mapping) and depth:
        return {
            str(name): _free(each, _join(path, str(name)), problems, depth - 1) for name, each in data.items()
        }
    if isinstance(data, list | tuple) and depth:
        return [_free(each, f"{path}[{at}]", problems, depth - 1) for at, each in enumerate(data)]
    if isinstance(data, str):
        problem = character_problem(data)
        said = f"must not contain {problem}" if problem else None
    elif isinstance(data, int):
        said = None if -INTEGER_MAX <= data < INTEGER_MAX else "must fit 64 bits"
    elif isinstance(data, float):
        said = None if math.isfinite(data) else "must be a finite number"
    else:
        said = "must be something that JSON has" if depth else f"must not be nested deeper than {DEPTH_MAX}"
    if said:
        problems.note(path, said)
    return data


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _called(data: Any) -> str:
    """What was found, for a sentence."""
    if data is None or isinstance(data, bool):
        return {None: "null", True: "true", False: "false"}[data]
    if isinstance(data, Mapping | list | tuple):
        return "names with values" if isinstance(data, Mapping) else "a list"
    shown = str(data) if not isinstance(data, str) else repr(data)
    return shown if len(shown) <= 50 else shown[:49] + "…"
