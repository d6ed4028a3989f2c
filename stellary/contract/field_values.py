"""Values of custom fields: what a value of each type is, for whoever keeps one and for whoever sends one.

A number without a fraction is kept as an integer. A date is kept as a day; midnight UTC is what a day means elsewhere, so
that it is taken for one.
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

SAID: Final[Mapping[FieldType, str]] = {
    "text": f"must be a text of 1 to {TEXT_MAX} characters",
    "number": "must be a finite number",
    "boolean": "must be true or false",
    "date": "must be a date such as 2026-04-01",
    "select": "must be one of the field's options",
    "multi-select": "must be a list of different options of the field",
}
"""What is said of what is no value of a type."""


def read(kind: FieldType, options: Sequence[str], found: Any) -> Any:
    """A value as it is kept; None if it is none of the type."""
    return _READERS[kind](found, options)


def clears(kind: FieldType, found: Any) -> bool:
    """Whether what is given takes a value away: nothing, or a choice of no options."""
    return found is None or (found == [] and kind == "multi-select")


def _text(found: Any, _: Sequence[str]) -> str | None:
    return found if isinstance(found, str) and 1 <= len(found) <= TEXT_MAX and not found.isspace() else None


def _number(found: Any, _: Sequence[str]) -> int | float | None:
    if type(found) is int:
        return found
    if type(found) is not float or not math.isfinite(found):
        return None
    return int(found) if found.is_integer() and abs(found) < 2**63 else found


def _boolean(found: Any, _: Sequence[str]) -> bool | None:
    return found if isinstance(found, bool) else None


def _date(found: Any, _: Sequence[str]) -> str | None:
    if not isinstance(found, str):
        return None
    day = midnight[1] if (midnight := _MIDNIGHT.fullmatch(found)) else found
    try:
        return date.fromisoformat(day).isoformat() if _DATE.fullmatch(day) else None
    except ValueError:
        return None


def _option(found: Any, options: Sequence[str]) -> str | None:
    return found if isinstance(found, str) and found in options else None


def _several(found: Any, options: Sequence[str]) -> list[str] | None:
    if not isinstance(found, list) or not found or any(_option(each, options) is None for each in found):
        return None
    return list(found) if len(set(found)) == len(found) else None


_READERS: Final[Mapping[FieldType, Callable[[Any, Sequence[str]], Any]]] = {
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "select": _option,
    "multi-select": _several,
}
