"""The encoding of requests as JSON bodies or query strings.

Besides JSON types, a request may contain dates, subclasses of ``datetime`` such as ``pandas.Timestamp``, and
numpy scalars.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, get_args
from urllib.parse import urlencode

import orjson

from stellary.contract.naming import base, wire_fields
from stellary.contract.wire import MOMENT_WITHOUT_ZONE, Request, Value, as_dict, invalid

# Without this option, orjson takes a naive datetime as UTC and does not encode subclasses of datetime.
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME
_EXPECTED: dict[object, str] = {str: "a text", int: "an integer", date: "a date or a time"}
_DEPTH_MAX = 254
"""The nesting depth that orjson supports."""


def encode_body(request: Any) -> bytes:
    """Return a request as JSON. Fields that are UNSET are left out; None becomes null.

    Raises:
        Invalid: A field holds NaN, an infinity, or a datetime without a time zone.
        TypeError: A field contains a value that JSON cannot represent, or half a surrogate pair.
    """
    try:
        body = orjson.dumps(request, default=_to_json, option=_OPTIONS)
    except TypeError:
        _refuse(request)
        raise
    if b"null" in body:
        # orjson writes NaN as null, which would clear the field.
        _refuse(request)
    return body


def encode_query(request: Any) -> str:
    """Return the fields of a request as a query string, percent-encoded.

    Raises:
        Invalid: A field holds NaN, an infinity, or a datetime without a time zone.
    """
    pairs = as_dict(request)
    if not pairs:
        return ""
    try:
        return urlencode({name: _to_parameter(value) for name, value in pairs.items()}, doseq=True)
    except ValueError:
        _refuse(request)
        raise


def _to_json(value: Any) -> Any:
    """Convert a value that orjson cannot encode."""
    if isinstance(value, (Request, Value)):
        return as_dict(value)
    if isinstance(value, datetime):
        return _to_moment(value)
    if isinstance(value, date):
        return date.isoformat(value)
    if isinstance(value, float):
        return float(value)
    return _to_plain(value) if _is_scalar(value) else as_dict(value)


def _to_parameter(value: Any) -> str | list[str]:
    if value is None:
        return "none"
    if isinstance(value, (list, tuple)):
        return [str(_to_parameter(item)) for item in value]
    if _is_scalar(value):
        value = _to_plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return _to_moment(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a finite number")
    return str(value)


def _is_scalar(value: Any) -> bool:
    """Return whether a value is a numpy scalar, judged by its attributes so that numpy need not be imported."""
    return getattr(value, "shape", None) == () and hasattr(value, "dtype") and hasattr(value, "item")


def _to_plain(scalar: Any) -> Any:
    """Return the number, boolean or text of a numpy scalar; numpy datetimes are treated as naive."""
    is_moment = getattr(scalar.dtype, "kind", "") == "M"
    return datetime.min if is_moment else scalar.item()  # noqa: DTZ901


def _to_moment(value: datetime) -> str:
    """Return a moment in UTC as ISO 8601.

    Raises:
        ValueError: It has no time zone, or is ``pandas.NaT``.
    """
    if value != value:
        raise ValueError("must be a date or a time, not NaT")
    if value.tzinfo is None:
        raise ValueError(MOMENT_WITHOUT_ZONE)
    # A plain datetime, since ``isoformat`` of a subclass may include nanoseconds.
    plain = datetime.combine(value.date(), value.timetz())
    try:
        return plain.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
    except OverflowError:
        raise ValueError("must be a moment from year 1 to 9999") from None


def _refuse(request: Any) -> None:
    """Raise Invalid if values of a request cannot be encoded, naming each field."""
    problems = list(_find_problems(request, "", _DEPTH_MAX))
    if problems:
        raise invalid(*problems)


def _find_problems(value: Any, path: str, depth: int, kind: object = None) -> Iterator[tuple[str, str]]:
    kinds: dict[str, object] = {}
    if isinstance(value, (Request, Value)):
        kinds = {name: base(field.type) for name, field in wire_fields(type(value)).items()}
        value = as_dict(value)
    if depth and isinstance(value, dict):
        for name, item in value.items():
            path_of_item = f"{path}.{name}" if path else str(name)
            yield from _find_problems(item, path_of_item, depth - 1, kinds.get(name))
    elif depth and isinstance(value, (list, tuple)):
        kind_of_items = base((get_args(kind) or (None,))[0])
        for index, item in enumerate(value):
            yield from _find_problems(item, f"{path}[{index}]", depth - 1, kind_of_items)
    elif problem := _problem_with(_to_plain(value) if _is_scalar(value) else value, kind):
        yield path, problem


def _problem_with(value: Any, kind: object) -> str | None:
    """Return the problem with a number or a moment in a field of a type, or None."""
    if isinstance(value, float) and not math.isfinite(value):
        expected = _EXPECTED.get(kind, "a finite number")
        return f"must be {expected}, not {float(value)}"
    if isinstance(value, datetime):
        try:
            _to_moment(value)
        except ValueError as error:
            return str(error)
    return None
