"""Values of custom fields, as the API keeps them: checked before anything is sent."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from stellary.contract.custom_fields import TEXT_MAX, FieldType

_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)T00:00(?::00(?:\.0+)?)?(?:Z|\+00:00)")


def kept(kind: FieldType, options: Sequence[str], found: Any) -> Any:
    """A value as it is kept: a number without a fraction as an integer, a date as a day, an empty choice as None.

    Raises:
        ValueError: It is none of the field's type; told as a clause.
    """
    if found is None or (found == [] and kind == "multi-select"):
        return None
    made = _READERS[kind](found, options)
    if made is None:
        raise ValueError(_SAID[kind])
    return made


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
    midnight = _MIDNIGHT.fullmatch(found)
    day = midnight[1] if midnight else found
    try:
        return day if date.fromisoformat(day).isoformat() == day else None
    except ValueError:
        return None


def _option(found: Any, options: Sequence[str]) -> str | None:
    return found if isinstance(found, str) and found in options else None


def _several(found: Any, options: Sequence[str]) -> list[str] | None:
    if not isinstance(found, list) or not all(_option(each, options) for each in found):
        return None
    return found if len(set(found)) == len(found) else None


_READERS: Final[Mapping[FieldType, Callable[[Any, Sequence[str]], Any]]] = {
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "select": _option,
    "multi-select": _several,
}
_SAID: Final[Mapping[FieldType, str]] = {
    "text": f"must be a text of 1 to {TEXT_MAX} characters",
    "number": "must be a number",
    "boolean": "must be true or false",
    "date": "must be a date such as 2026-04-01",
    "select": "must be one of the field's options",
    "multi-select": "must be a list of different options of the field",
}
