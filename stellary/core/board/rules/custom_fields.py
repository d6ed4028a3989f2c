"""Custom fields: what a value of each type is, and what becomes of values when their field changes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import orjson

from stellary.contract.custom_fields import (
    OPTIONS_MAX,
    TEXT_MAX,
    CreateCustomField,
    CustomField,
    FieldType,
    UpdateCustomField,
)
from stellary.contract.errors import Conflict, Invalid
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import invalid
from stellary.core.board.rules.references import unknown

Values = Mapping[str, Any]
"""Values by the id of the field."""

NO_FIELDS: Final[Mapping[str, CustomField]] = {}
CHOSEN_FROM: Final = ("select", "multi-select")
_NAME_SHOWN = 100

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)T00:00(?::00(?:\.0+)?)?(?:Z|[+-]00:00)", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d{1,100})?([eE][+-]?\d{1,3})?", re.ASCII)


# ---------------------------------------------------------------------------------------------- values


def with_values(
    before: Values, given: Values | Unset, fields: Mapping[str, CustomField], path: str = ""
) -> dict[str, Any]:
    """The values of a card with some set, and those cleared that are given as None, or as a list of no options.

    Args:
        before: Those that it has.
        given: What shall be.
        fields: All that are given, as far as the project has them.
        path: Where ``given`` stands in the request: ``customFields.``.

    Raises:
        Invalid: A field is not there, a value is none of its type, or a required one would be cleared.
    """
    after = dict(before)
    for id, found in (given or {}).items():
        where = path + id[:_NAME_SHOWN]
        if id not in fields:
            raise unknown(where)
        if found is None or (found == [] and fields[id].type == "multi-select"):
            if fields[id].required:
                raise invalid((where, "must not be cleared, since the field is required"))
            after.pop(id, None)
        else:
            after[id] = checked(fields[id], found, where)
    return after


def checked(field: CustomField, found: Any, path: str) -> Any:
    """A value as it is kept.

    A number without a fraction is kept as an integer. A date is kept as a day; midnight UTC is what a day means
    elsewhere, so that it is taken for one.

    Raises:
        Invalid: It is none of the field's type.
    """
    if (made := _READERS[field.type](found, field.options)) is None:
        raise invalid((path, _SAID[field.type]))
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
_SAID: Final[Mapping[FieldType, str]] = {
    "text": f"must be a text of 1 to {TEXT_MAX} characters",
    "number": "must be a finite number",
    "boolean": "must be true or false",
    "date": "must be a date such as 2026-04-01",
    "select": "must be one of the field's options",
    "multi-select": "must be a list of different options of the field",
}


# ---------------------------------------------------------------------------------------------- values as text


def as_text(value: Any) -> str | None:
    """A value as a text, from which ``from_text`` makes it again; None for several options, which are no single text."""
    if isinstance(value, list):
        return value[0] if len(value) == 1 else None
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def from_text(field: CustomField, text: str) -> Any:
    """The value that a text says; None if it says none of the field's type."""
    found: Any = text
    if field.type == "number":
        found = _number_of(text)
    elif field.type == "boolean":
        found = {"true": True, "false": False}.get(text)
    elif field.type == "multi-select":
        found = [text]
    return _READERS[field.type](found, field.options)


def _number_of(text: str) -> int | float | None:
    if not (form := _NUMBER.fullmatch(text)):
        return None
    return float(text) if form[2] or form[3] else int(text)


def filtered(fields: Mapping[str, CustomField], said: str, path: str) -> tuple[CustomField, Any]:
    """What a filter asks for: ``<fieldId>:<value>``. Nothing after the colon is None: cards without a value.

    Raises:
        Invalid: The field is not there, or the value is none of its type.
    """
    id, _, text = said.partition(":")
    if id not in fields:
        raise unknown(path)
    field = fields[id]
    if not text:
        return field, None
    value = from_text(field, text)
    if value is None:
        message = _SAID["select"] if field.type == "multi-select" else _SAID[field.type]
        raise invalid((path, message))
    return field, value


# ---------------------------------------------------------------------------------------------- fields


def created(
    request: CreateCustomField, *, id: str, project_id: str, now: datetime, path: str = ""
) -> CustomField:
    """The field that a request makes.

    Raises:
        Invalid: Its options do not suit its type.
    """
    return _suited(
        CustomField(
            id=id,
            project_id=project_id,
            name=request.name,
            type=request.type,
            options=list(request.options or ()),
            required=request.required,
            created_at=now,
            updated_at=now,
        ),
        path,
    )


def changed(before: CustomField, request: UpdateCustomField, now: datetime) -> CustomField:
    """What a field becomes; itself if nothing is different. One that can no longer be chosen from has no options.

    Raises:
        Invalid: Its options do not suit its type.
    """
    kind = request.type or before.type
    kept = before.options if kind in CHOSEN_FROM else []
    after = _suited(
        CustomField(
            id=before.id,
            project_id=before.project_id,
            name=request.name or before.name,
            type=kind,
            options=kept if isinstance(request.options, Unset) else list(request.options),
            required=before.required if request.required is UNSET else request.required,
            created_at=before.created_at,
            updated_at=before.updated_at,
        )
    )
    if after == before:
        return before
    return CustomField(
        id=after.id,
        project_id=after.project_id,
        name=after.name,
        type=after.type,
        options=after.options,
        required=after.required,
        created_at=after.created_at,
        updated_at=now,
    )


def _suited(field: CustomField, path: str = "") -> CustomField:
    if field.type not in CHOSEN_FROM:
        if field.options:
            raise _options(path, f"must not be given: a field of the type {field.type} has none")
    elif not field.options:
        raise _options(path, f"must have 1 to {OPTIONS_MAX} items")
    elif len(set(field.options)) != len(field.options):
        raise _options(path, "must be different from each other")
    return field


def _options(path: str, message: str) -> Invalid:
    return invalid((f"{path}options", message))


def loses_options(before: CustomField, after: CustomField) -> bool:
    """Whether something that could be chosen no longer can."""
    return not set(before.options) <= set(after.options)


def kept(value: Any, before: CustomField, after: CustomField) -> Any:
    """What becomes of a value when its field changes; None if nothing is left of it.

    An option that is removed is cleared. Another type keeps what can be said in it and back again: a choice becomes a
    text, a text a choice if it is among the options, one choice of several a single one, a number a text and back.

    Raises:
        Conflict: The new type would lose it.
    """
    if after.type == before.type:
        return _still_there(value, after.options) if after.type in CHOSEN_FROM else value
    text = as_text(value)
    made = None if text is None else from_text(after, text)
    if made is None or as_text(made) != text:
        raise Conflict(
            f"{after.name!r} cannot become {after.type}: values on cards would be lost", code="values_lost"
        )
    return made


def _still_there(value: Any, options: Collection[str]) -> Any:
    if isinstance(value, list):
        return [each for each in value if each in options] or None
    return value if value in options else None
