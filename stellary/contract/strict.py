"""Reading requests, strictly: cattrs with hooks that convert nothing and tell every problem in wire names.

Imported when the first request is read: a client that only asks never needs it.
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
from stellary.contract.limits import Items, checks
from stellary.contract.naming import is_union, whole, wire_fields
from stellary.contract.unset import Unset
from stellary.contract.wire_types import MOMENT_WITHOUT_ZONE, Problems, Request, as_dict, utc

Hook = Callable[[Any, Any], Any]

NAME_SHOWN = 100
"""Of a name that a caller made up, so that an answer does not grow with it."""

WORDS_SHOWN = 25
"""Of those that a field may be: nobody reads more of them in a sentence."""

PROBLEMS_MAX = 1_000
"""In a list that has so many, the rest is not looked at: nobody reads more, and a body may hold millions."""


def structure(data: Any, cls: type[Any]) -> Any:
    """Read parsed JSON.

    Raises:
        Problems: All that is wrong with it.
    """
    try:
        return _converter.structure(data, cls)
    except ClassValidationError as error:
        raise Problems(*_found(error)) from None


def plain(made: Any, depth: int = DEPTH_MAX) -> Any:
    """What a request that was built in Python would be as parsed JSON.

    Args:
        made: A request, or a part of one.
        depth: How many containers may still be opened.

    Raises:
        Problems: It cannot be said in JSON as the API takes it.
    """
    if made is None or isinstance(made, (bool, str, int, float, date)):
        return _plain_scalar(made)
    if depth == 0:
        raise _wrong(f"must not be nested deeper than {DEPTH_MAX}")
    if isinstance(made, (list, tuple)):
        return [_plain_below(f"[{index}]", each, depth) for index, each in enumerate(made)]
    if attrs.has(type(made)):
        made = as_dict(made)
    if isinstance(made, dict):
        return {_plain_key(key): _plain_below(_cut(str(key)), each, depth) for key, each in made.items()}
    raise _wrong("must be something that JSON has")


def _plain_scalar(made: Any) -> Any:
    if isinstance(made, str) and (said := character_problem(made)):
        raise _wrong(f"must not contain {said}")
    if isinstance(made, int) and not -INTEGER_MAX <= made < INTEGER_MAX:
        raise _wrong("must fit 64 bits")
    if isinstance(made, float) and not math.isfinite(made):
        raise _wrong("must be a finite number")
    if isinstance(made, datetime) and made.tzinfo is None:
        raise _wrong(MOMENT_WITHOUT_ZONE)
    if isinstance(made, date):
        try:
            return utc(made).isoformat()
        except OverflowError:
            raise _wrong("must be a moment from year 1 to 9999") from None
    return made


def _plain_key(key: Any) -> str:
    if not isinstance(key, str):
        raise _wrong("must have names that are strings")
    if said := character_problem(key):
        raise _wrong(f"must not have a name with {said}")
    return key


def _plain_below(name: str, made: Any, depth: int) -> Any:
    try:
        return plain(made, depth - 1)
    except Problems as error:
        raise Problems(*((_join(name, path), message) for path, message in error.found)) from None


# --------------------------------------------------------------------------------------------- telling what is wrong


def _wrong(message: str) -> Problems:
    return Problems(("", message))


def _found(error: BaseException, path: str = "") -> list[tuple[str, str]]:
    if isinstance(error, Problems):
        return [(_join(path, below), message) for below, message in error.found]
    if isinstance(error, ForbiddenExtraKeysError):
        unknown = sorted(error.extra_fields)
        return [(_join(path, _cut(name)), "is not a field of this request") for name in unknown]
    if isinstance(error, ClassValidationError):
        with_notes, without = error.group_exceptions()
        by_name = {field.name: name for name, field in wire_fields(error.cl).items()}
        found = [_found(each, _join(path, by_name[note.name])) for each, note in with_notes]
        return [problem for each in (*found, *(_found(each, path) for each in without)) for problem in each]
    if isinstance(error, KeyError):
        return [(path, "is required")]
    raise error


def _cut(name: str) -> str:
    return name if len(name) <= NAME_SHOWN else name[:NAME_SHOWN] + "…"


def _join(path: str, below: str) -> str:
    if not path or not below or below.startswith("["):
        return path + below
    return f"{path}.{below}"


# ------------------------------------------------------------------------------------------------------------- hooks


def _text(data: Any, _: Any) -> str:
    if isinstance(data, str):
        return data
    raise _wrong("must not be null" if data is None else "must be a string")


def _integer(data: Any, _: Any) -> int:
    if type(data) is int:
        return data
    # JSON has one kind of number, and so has JSON Schema: 5.0 is the integer 5.
    if type(data) is float and data.is_integer() and abs(data) < INTEGER_MAX:
        return int(data)
    raise _wrong("must be an integer")


def _number(data: Any, _: Any) -> float:
    if type(data) in (int, float) and math.isfinite(data):
        return float(data)
    raise _wrong("must be a number")


def _boolean(data: Any, _: Any) -> bool:
    if type(data) is bool:
        return data
    raise _wrong("must be true or false")


def _anything(data: Any, _: Any) -> Any:
    return data


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


def _object(data: Any) -> dict[str, Any]:
    if isinstance(data, dict):
        return data
    raise _wrong("must be an object")


def _literal_hook(kind: Any) -> Hook:
    words = frozenset(get_args(kind))
    shown = list(map(str, get_args(kind)))
    more = f", or of {len(shown) - WORDS_SHOWN} more" if len(shown) > WORDS_SHOWN else ""
    said = "must be one of " + ", ".join(shown[:WORDS_SHOWN]) + more

    def hook(data: Any, _: Any) -> Any:
        if isinstance(data, str) and data in words:
            return data
        raise _wrong(said)

    return hook


def _annotated_hook(kind: Any) -> Hook:
    kept = get_args(kind)[0]
    inner = _converter.get_structure_hook(kept)
    limits = checks(kind)
    counts = [each for each in limits if isinstance(each, Items)]

    def hook(data: Any, _: Any) -> Any:
        # A list that is too long is not looked through first: what is wrong in it may be millions of things.
        for count in counts if isinstance(data, list) else ():
            if said := count.problem(data):
                raise _wrong(said)
        made = inner(data, kept)
        for each in limits:
            if said := each.problem(made):
                raise _wrong(said)
        return made

    return hook


def _union_hook(kind: Any) -> Hook:
    """``X | Unset | None``: UNSET never comes over the wire, null only where None is a member."""
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


def _list_hook(kind: Any) -> Hook:
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
                found += _found(error, f"[{index}]")
                if len(found) >= PROBLEMS_MAX:
                    break
        if found:
            raise Problems(*found)
        return made

    return hook


def _mapping_hook(kind: Any) -> Hook:
    _, item = get_args(kind)
    inner = _converter.get_structure_hook(item)

    def hook(data: Any, _: Any) -> Any:
        made, found = {}, []
        for key, each in _object(data).items():
            try:
                made[key] = inner(each, item)
            except (Problems, ClassValidationError) as error:
                found += _found(error, _cut(key))
        if found:
            raise Problems(*found)
        return made

    return hook


def _request_hook(cls: type[Request]) -> Hook:
    made: Hook | None = None

    def hook(data: Any, _: Any) -> Any:
        # Made when it is first used, so that a class may have itself for a part.
        nonlocal made
        if made is None:
            body = whole(cls)
            made = _fields_hook(cls) if body is None else _body_hook(cls, body)
        return made(data, cls)

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
        made = inner(_object(data), cls)
        if unknown := data.keys() - wire_fields(cls).keys():
            object.__setattr__(made, "_ignored", tuple(sorted(map(_cut, unknown))))
        return made

    return hook if strict else tolerant_hook


def _is_request(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Request)


def _origin_is(wanted: Any) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is wanted


def _is_anything(kind: Any) -> bool:
    return kind is Any


def _make_converter() -> Converter:
    made = Converter(forbid_extra_keys=True)
    made.register_structure_hook(str, _text)
    made.register_structure_hook(int, _integer)
    made.register_structure_hook(float, _number)
    made.register_structure_hook(bool, _boolean)
    made.register_structure_hook(datetime, _moment)
    made.register_structure_hook(date, _moment)
    made.register_structure_hook_factory(_is_anything, lambda _: _anything)
    made.register_structure_hook_factory(is_union, _union_hook)
    made.register_structure_hook_factory(_origin_is(Literal), _literal_hook)
    made.register_structure_hook_factory(_origin_is(list), _list_hook)
    made.register_structure_hook_factory(_origin_is(dict), _mapping_hook)
    made.register_structure_hook_factory(_origin_is(Annotated), _annotated_hook)
    made.register_structure_hook_factory(_is_request, _request_hook)
    return made


_converter = _make_converter()
