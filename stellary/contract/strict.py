"""The strict reading of requests: cattrs with hooks that convert nothing and report every problem in wire names.

Imported when the first request is read, so that a client that only sends requests does not load it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

from stellary.contract.jsonic import DEPTH_MAX, INTEGER_MAX, character_problem
from stellary.contract.limits import (
    RELATIVE_DAY_PATTERN,
    REPEATED_MAX,
    Blank,
    Items,
    Length,
    RelativeDay,
    Repeatable,
    checks,
)
from stellary.contract.naming import is_union, marks, whole, wire_fields
from stellary.contract.unset import Unset
from stellary.contract.wire_types import MOMENT_WITHOUT_ZONE, Problems, Request, as_dict, utc

Hook = Callable[[Any, Any], Any]

NAME_SHOWN = 100
"""The number of characters shown of an unknown name, so that it cannot inflate the response."""

WORDS_SHOWN = 25
"""The number of allowed words that a message lists."""

PROBLEMS_MAX = 1_000
"""The number of problems after which the rest of a list is skipped, since a body may hold millions."""


def structure(data: Any, cls: type[Any]) -> Any:
    """Read parsed JSON as a class of the contract.

    Args:
        data: The parsed JSON.
        cls: The class, or another type that a field may have.

    Returns:
        A value of the class.

    Raises:
        Problems: All problems of the data.
    """
    try:
        return _converter.structure(data, cls)
    except ClassValidationError as error:
        raise Problems(*_list_problems(error)) from None


def plain(value: Any, depth: int = DEPTH_MAX) -> Any:
    """Convert a request that was built in Python to parsed JSON.

    Args:
        value: A request, or a part of one.
        depth: The number of nested containers that are still allowed.

    Returns:
        Dicts, lists and scalars with wire names.

    Raises:
        Problems: The request cannot be expressed as JSON that the API accepts.
    """
    if value is None or isinstance(value, (bool, str, int, float, date)):
        return _plain_scalar(value)
    if depth == 0:
        raise _problem(f"must not be nested deeper than {DEPTH_MAX}")
    if isinstance(value, (list, tuple)):
        return [_plain_below(f"[{index}]", item, depth) for index, item in enumerate(value)]
    if attrs.has(type(value)):
        value = as_dict(value)
    if isinstance(value, dict):
        return {
            _plain_key(key): _plain_below(_shorten_name(str(key)), item, depth) for key, item in value.items()
        }
    raise _problem("must be a value that JSON can represent")


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, str) and (problem := character_problem(value)):
        raise _problem(f"must not contain {problem}")
    if isinstance(value, int) and not -INTEGER_MAX <= value < INTEGER_MAX:
        raise _problem("must fit 64 bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise _problem("must be a finite number")
    if isinstance(value, datetime) and value.tzinfo is None:
        raise _problem(MOMENT_WITHOUT_ZONE)
    if isinstance(value, date):
        try:
            return utc(value).isoformat()
        except OverflowError:
            raise _problem("must be a moment from year 1 to 9999") from None
    return value


def _plain_key(key: Any) -> str:
    if not isinstance(key, str):
        raise _problem("must have only strings as keys")
    if problem := character_problem(key):
        raise _problem(f"must not have a key with {problem}")
    return key


def _plain_below(name: str, value: Any, depth: int) -> Any:
    try:
        return plain(value, depth - 1)
    except Problems as error:
        raise Problems(*((_join(name, path), message) for path, message in error.problems)) from None


# --------------------------------------------------------------------------------------------- error messages


def _problem(message: str) -> Problems:
    return Problems(("", message))


def _list_problems(error: BaseException, path: str = "") -> list[tuple[str, str]]:
    if isinstance(error, Problems):
        return [(_join(path, below), message) for below, message in error.problems]
    if isinstance(error, ForbiddenExtraKeysError):
        unknown = sorted(error.extra_fields)
        return [(_join(path, _shorten_name(name)), "is not a field of this request") for name in unknown]
    if isinstance(error, ClassValidationError):
        with_notes, without = error.group_exceptions()
        by_name = {field.name: name for name, field in wire_fields(error.cl).items()}
        of_fields = [_list_problems(nested, _join(path, by_name[note.name])) for nested, note in with_notes]
        of_body = [_list_problems(nested, path) for nested in without]
        return [problem for problems in (*of_fields, *of_body) for problem in problems]
    if isinstance(error, KeyError):
        return [(path, "is required")]
    raise error


def _shorten_name(name: str) -> str:
    return name if len(name) <= NAME_SHOWN else name[:NAME_SHOWN] + "…"


def _join(path: str, below: str) -> str:
    if not path or not below or below.startswith("["):
        return path + below
    return f"{path}.{below}"


# ------------------------------------------------------------------------------------------------------------- hooks


def _text(data: Any, _: Any) -> str:
    if isinstance(data, str):
        return data
    raise _problem("must not be null" if data is None else "must be a string")


def _integer(data: Any, _: Any) -> int:
    if type(data) is int:
        return data
    # JSON has a single type for numbers, and JSON Schema treats 5.0 as the integer 5.
    if type(data) is float and data.is_integer() and abs(data) < INTEGER_MAX:
        return int(data)
    raise _problem("must be an integer")


def _number(data: Any, _: Any) -> float:
    if type(data) in (int, float) and math.isfinite(data):
        return float(data)
    raise _problem("must be a number")


def _boolean(data: Any, _: Any) -> bool:
    if type(data) is bool:
        return data
    raise _problem("must be true or false")


def _anything(data: Any, _: Any) -> Any:
    return data


_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|z|[+-]\d\d:?\d\d)", re.ASCII)


def _moment(data: Any, _: Any) -> datetime:
    """Parse a date, which stands for midnight UTC, or a date-time with an offset."""
    if isinstance(data, str):
        try:
            if _DATE.fullmatch(data):
                return datetime.fromisoformat(data).replace(tzinfo=UTC)
            if _DATE_TIME.fullmatch(data):
                return datetime.fromisoformat(data.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise _problem("must be an ISO 8601 date, or a date-time with an offset")


def _day(data: object, kind: object) -> object:
    """Parse a moment. A text relative to the current day is kept, since only the core knows the day."""
    if isinstance(data, str) and re.fullmatch(RELATIVE_DAY_PATTERN, data):
        return data
    try:
        return _moment(data, kind)
    except Problems as error:
        raise _problem(f"{error.problems[0][1]}, or a day such as today or +7d") from None


def _object(data: Any) -> dict[str, Any]:
    if isinstance(data, dict):
        return data
    raise _problem("must be an object")


def _literal_hook(kind: Any) -> Hook:
    words = frozenset(get_args(kind))
    allowed = list(map(str, get_args(kind)))
    more = f", or of {len(allowed) - WORDS_SHOWN} more" if len(allowed) > WORDS_SHOWN else ""
    message = "must be one of " + ", ".join(allowed[:WORDS_SHOWN]) + more

    def hook(data: Any, _: Any) -> Any:
        if isinstance(data, str) and data in words:
            return data
        raise _problem(message)

    return hook


def _annotated_hook(kind: Any) -> Hook:
    if any(isinstance(mark, RelativeDay) for mark in marks(kind)):
        return _day
    hook = _limited_hook(kind)
    for mark in marks(kind):
        if isinstance(mark, Repeatable):
            return _repeatable_hook(hook, mark)
    return hook


def _repeatable_hook(single: Hook, mark: Repeatable) -> Hook:
    count = Items(1, REPEATED_MAX)

    def hook(data: object, kind: object) -> object:
        if not isinstance(data, list):
            return single(data, kind)
        if problem := count.problem(data):
            raise _problem(problem)
        return [None if item is None and mark.takes_none else single(item, kind) for item in data]

    return hook


def _limited_hook(kind: type) -> Hook:
    inner_type = get_args(kind)[0]
    inner = _converter.get_structure_hook(inner_type)
    limits = checks(kind)
    if not limits:
        return inner
    counts = [limit for limit in limits if isinstance(limit, Items)]

    def hook(data: Any, _: Any) -> Any:
        # The length is checked first, since a list that is too long may have millions of problems.
        for count in counts if isinstance(data, list) else ():
            if problem := count.problem(data):
                raise _problem(problem)
        value = inner(data, inner_type)
        for limit in limits:
            if problem := limit.problem(value):
                raise _problem(problem)
        return value

    lengths = [limit for limit in limits if isinstance(limit, Length)]
    blanks = [limit for limit in limits if isinstance(limit, Blank)]
    if inner_type is not str or len(lengths) != 1 or len(limits) != 1 + len(blanks):
        return hook
    shortest, longest = lengths[0].min, lengths[0].max
    may_be_blank = all(limit.allowed for limit in blanks)

    def text_hook(data: object, _: object) -> object:
        # Most values of requests are valid texts.
        if (
            isinstance(data, str)
            and shortest <= len(data) <= longest
            and (may_be_blank or not data.isspace())
        ):
            return data
        return hook(data, kind)

    return text_hook


def _union_hook(kind: Any) -> Hook:
    """Return the hook of ``X | Unset | None``: UNSET never comes over the wire, null only if None is a member."""
    nullable = type(None) in get_args(kind)
    types = [part for part in get_args(kind) if part not in (Unset, type(None))]
    if len(types) != 1:
        raise TypeError(f"a request field has one type beside None and UNSET, not {kind}")
    inner = _converter.get_structure_hook(types[0])

    def hook(data: Any, _: Any) -> Any:
        if data is None:
            if nullable:
                return None
            raise _problem("must not be null")
        return inner(data, types[0])

    return hook


def _list_hook(kind: Any) -> Hook:
    (item,) = get_args(kind)
    inner = _converter.get_structure_hook(item)

    def hook(data: Any, _: Any) -> Any:
        if not isinstance(data, list):
            raise _problem("must be a list")
        items, problems = [], []
        for index, element in enumerate(data):
            try:
                items.append(inner(element, item))
            except (Problems, ClassValidationError) as error:
                problems += _list_problems(error, f"[{index}]")
                if len(problems) >= PROBLEMS_MAX:
                    break
        if problems:
            raise Problems(*problems)
        return items

    return hook


def _mapping_hook(kind: Any) -> Hook:
    _, item = get_args(kind)
    inner = _converter.get_structure_hook(item)

    def hook(data: Any, _: Any) -> Any:
        items, problems = {}, []
        for key, element in _object(data).items():
            try:
                items[key] = inner(element, item)
            except (Problems, ClassValidationError) as error:
                problems += _list_problems(error, _shorten_name(key))
        if problems:
            raise Problems(*problems)
        return items

    return hook


def _request_hook(cls: type[Request]) -> Hook:
    class_hook: Hook | None = None

    def hook(data: Any, _: Any) -> Any:
        # Created on first use, so that a class may contain itself.
        nonlocal class_hook
        if class_hook is None:
            body = whole(cls)
            class_hook = _fields_hook(cls) if body is None else _body_hook(cls, body)
        return class_hook(data, cls)

    return hook


def _body_hook(cls: type[Request], body: attrs.Attribute[Any]) -> Hook:
    inner = _converter.get_structure_hook(body.type)

    def hook(data: Any, _: Any) -> Any:
        return cls(**{body.name: inner(_object(data), body.type)})

    return hook


def _fields_hook(cls: type[Request]) -> Hook:
    names = {field.name: override(rename=name) for name, field in wire_fields(cls).items()}
    strict = not cls.tolerant
    inner = make_dict_structure_fn(cls, _converter, _cattrs_forbid_extra_keys=strict, **names)  # type: ignore[arg-type]

    def hook(data: Any, _: Any) -> Any:
        return inner(_object(data), cls)

    def tolerant_hook(data: Any, _: Any) -> Any:
        request = inner(_object(data), cls)
        if unknown := data.keys() - wire_fields(cls).keys():
            object.__setattr__(request, "_ignored", tuple(sorted(map(_shorten_name, unknown))))
        return request

    return hook if strict else tolerant_hook


def _is_request(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Request)


def _origin_is(origin: Any) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is origin


def _make_converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(int, _integer)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(bool, _boolean)
    converter.register_structure_hook(datetime, _moment)
    converter.register_structure_hook(date, _moment)
    converter.register_structure_hook_factory(lambda kind: kind is Any, lambda _: _anything)
    converter.register_structure_hook_factory(is_union, _union_hook)
    converter.register_structure_hook_factory(_origin_is(Literal), _literal_hook)
    converter.register_structure_hook_factory(_origin_is(list), _list_hook)
    converter.register_structure_hook_factory(_origin_is(dict), _mapping_hook)
    converter.register_structure_hook_factory(_origin_is(Annotated), _annotated_hook)
    converter.register_structure_hook_factory(_is_request, _request_hook)
    return converter


_converter = _make_converter()
