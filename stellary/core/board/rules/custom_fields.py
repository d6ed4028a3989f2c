"""Custom fields: what a value of each type is, and what becomes of values when their field changes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from stellary.contract import field_values
from stellary.contract.custom_fields import (
    OPTIONS_MAX,
    CreateCustomField,
    CustomField,
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
        if field_values.clears(fields[id].type, found):
            if fields[id].required:
                raise invalid((where, "must not be cleared, since the field is required"))
            after.pop(id, None)
        else:
            after[id] = checked(fields[id], found, where)
    return after


def check_required(required: Collection[CustomField], values: Values, path: str = "") -> None:
    """Check that a new card has a value of each required field.

    Args:
        required: The required fields of the project.
        values: The values of the card.
        path: Where the card stands in the request: ``cards[3].``.

    Raises:
        Invalid: It lacks one.
    """
    lacking = [
        (f"{path}customFields.{field.id}", f"is required: every new card has a value of {field.name!r}")
        for field in required
        if field.id not in values
    ]
    if lacking:
        raise invalid(*lacking)


def checked(field: CustomField, found: Any, path: str) -> Any:
    """A value as it is kept.

    Raises:
        Invalid: It is none of the field's type.
    """
    if (made := field_values.read(field.type, field.options, found)) is None:
        raise invalid((path, field_values.SAID[field.type]))
    return made


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
    return field_values.read(field.type, field.options, found)


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
        kind = "select" if field.type == "multi-select" else field.type
        raise invalid((path, field_values.SAID[kind]))
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
    """Whether something that could be chosen no longer can, or is called otherwise."""
    return not set(before.options) <= set(after.options)


def renamed_options(before: CustomField, after: CustomField) -> dict[str, str]:
    """Return the new names of options by their old ones.

    An option is renamed if as many options as before are given, and in its place stands one that is new.
    """
    if after.type not in CHOSEN_FROM or len(before.options) != len(after.options):
        return {}
    old_names, new_names = set(before.options), set(after.options)
    return {
        old: new
        for old, new in zip(before.options, after.options, strict=True)
        if old not in new_names and new not in old_names
    }


def kept(value: Any, before: CustomField, after: CustomField) -> Any:
    """What becomes of a value when its field changes; None if nothing is left of it.

    An option that is removed is cleared, one that is renamed is kept by its new name. Another type keeps what can be said in it and back again: a choice becomes a
    text, a text a choice if it is among the options, one choice of several a single one, a number a text and back.

    Raises:
        Conflict: The new type would lose it.
    """
    if after.type == before.type:
        if after.type not in CHOSEN_FROM:
            return value
        return _still_there(_rename(value, renamed_options(before, after)), after.options)
    text = as_text(value)
    made = None if text is None else from_text(after, text)
    if made is None or as_text(made) != text:
        raise Conflict(
            f"{after.name!r} cannot become {after.type}: values on cards would be lost", code="values_lost"
        )
    return made


def _rename(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [names.get(option, option) for option in value]
    return names.get(value, value)


def _still_there(value: Any, options: Collection[str]) -> Any:
    if isinstance(value, list):
        return [each for each in value if each in options] or None
    return value if value in options else None
