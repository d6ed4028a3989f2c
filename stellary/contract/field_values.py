"""Values of custom fields: validation and normalization for each field type.

A number without a fraction is stored as an integer. A date is stored as a day; a date-time at midnight UTC is accepted
as a day.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from stellary.contract.custom_fields import TEXT_MAX, FieldType

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)T00:00(?::00(?:\.0+)?)?(?:Z|[+-]00:00)", re.ASCII)

MESSAGES: Final[Mapping[FieldType, str]] = {
    "text": f"must be a text of 1 to {TEXT_MAX} characters",
    "number": "must be a finite number",
    "boolean": "must be true or false",
    "date": "must be a date such as 2026-04-01",
    "select": "must be one of the field's options",
    "multi-select": "must be a list of different options of the field",
}
"""The error message for a value that does not match the field's type."""


def read(kind: FieldType, options: Sequence[str], value: Any) -> Any:
    """Return the value as it is stored, or None if it does not match the type.

    Args:
        kind: The type of the field.
        options: The options of a ``select`` or ``multi-select`` field.
        value: The value of a request, as parsed JSON.
    """
    return _READERS[kind](value, options)


def clears(kind: FieldType, value: Any) -> bool:
    """Return whether the value clears the field: None, or no options of a ``multi-select``.

    Args:
        kind: The type of the field.
        value: The value of a request, as parsed JSON.
    """
    return value is None or (value == [] and kind == "multi-select")


def _text(value: Any, _: Sequence[str]) -> str | None:
    return value if isinstance(value, str) and 1 <= len(value) <= TEXT_MAX and not value.isspace() else None


def _number(value: Any, _: Sequence[str]) -> int | float | None:
    if type(value) is int:
        return value
    if type(value) is not float or not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**63 else value


def _boolean(value: Any, _: Sequence[str]) -> bool | None:
    return value if isinstance(value, bool) else None


def _date(value: Any, _: Sequence[str]) -> str | None:
    if not isinstance(value, str):
        return None
    day = midnight[1] if (midnight := _MIDNIGHT.fullmatch(value)) else value
    try:
        return date.fromisoformat(day).isoformat() if _DATE.fullmatch(day) else None
    except ValueError:
        return None


def _option(value: Any, options: Sequence[str]) -> str | None:
    return value if isinstance(value, str) and value in options else None


def _several(value: Any, options: Sequence[str]) -> list[str] | None:
    if not isinstance(value, list) or not value or any(_option(option, options) is None for option in value):
        return None
    return list(value) if len(set(value)) == len(value) else None


_READERS: Final[Mapping[FieldType, Callable[[Any, Sequence[str]], Any]]] = {
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "select": _option,
    "multi-select": _several,
}
