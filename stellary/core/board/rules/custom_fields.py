"""Rules of custom fields: parsing values, filtering by them, and converting them when a field changes."""

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
from stellary.contract.fields import build_value, update_value
from stellary.contract.unset import Unset
from stellary.contract.wire import invalid
from stellary.core.board.rules.fields import value_or
from stellary.core.board.rules.references import unknown

Values = Mapping[str, object]
"""Values by the id of the field."""

NO_FIELDS: Final[Mapping[str, CustomField]] = {}
CHOSEN_FROM: Final = ("select", "multi-select")
_NAME_SHOWN = 100

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d{1,100})?([eE][+-]?\d{1,3})?", re.ASCII)


# ---------------------------------------------------------------------------------------------- values


def apply_values(
    before: Values, changes: Values | Unset, fields: Mapping[str, CustomField], path: str = ""
) -> dict[str, object]:
    """Return the values of a card with some of them set or cleared. None and an empty list of options clear a value.

    Args:
        before: The current values.
        changes: The values to set or clear, by the id of the field.
        fields: The fields that ``changes`` names, as far as the project has them.
        path: The path of ``changes`` in the request, such as ``customFields.``.

    Raises:
        Invalid: A field does not exist, a value does not match the type, or a required value would be cleared.
    """
    after = dict(before)
    for id, value in (changes or {}).items():
        field_path = path + id[:_NAME_SHOWN]
        if id not in fields:
            raise unknown(field_path)
        if field_values.clears(fields[id].type, value):
            if fields[id].required:
                raise invalid((field_path, "must not be cleared, since the field is required"))
            after.pop(id, None)
        else:
            after[id] = parse_value(fields[id], value, field_path)
    return after


def check_required(required: Collection[CustomField], values: Values, path: str = "") -> None:
    """Check that a new card has a value of each required field.

    Args:
        required: The required fields of the project.
        values: The values of the card.
        path: The path of the card in the request, such as ``cards[3].``.

    Raises:
        Invalid: A required value is missing.
    """
    lacking = [
        (f"{path}customFields.{field.id}", f"is required: every new card needs a value for {field.name!r}")
        for field in required
        if field.id not in values
    ]
    if lacking:
        raise invalid(*lacking)


def parse_value(field: CustomField, value: object, path: str) -> Any:
    """Return a value in the form in which it is stored.

    Args:
        field: The field.
        value: The value of the request.
        path: The path of the value in the request.

    Raises:
        Invalid: The value does not match the field's type.
    """
    if (parsed := field_values.read(field.type, field.options, value)) is None:
        raise invalid((path, field_values.MESSAGES[field.type]))
    return parsed


# ---------------------------------------------------------------------------------------------- values as text


def as_text(value: object) -> str | None:
    """Return a value as text that ``from_text`` can parse; None for several options, which have no text form."""
    if isinstance(value, list):
        return value[0] if len(value) == 1 else None
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def from_text(field: CustomField, text: str) -> object:
    """Parse a value from text; return None if it does not match the field's type.

    Args:
        field: The custom field.
        text: The text; for a multi-select, one of its options.
    """
    value: object = text
    if field.type == "number":
        value = _number_of(text)
    elif field.type == "boolean":
        value = {"true": True, "false": False}.get(text)
    elif field.type == "multi-select":
        value = [text]
    return field_values.read(field.type, field.options, value)


def _number_of(text: str) -> int | float | None:
    if not (form := _NUMBER.fullmatch(text)):
        return None
    return float(text) if form[2] or form[3] else int(text)


def parse_filter(
    fields: Mapping[str, CustomField], filter_text: str, path: str
) -> tuple[CustomField, object]:
    """Parse a filter, ``<fieldId>:<value>``.

    Args:
        fields: The fields of the project, by id.
        filter_text: The filter.
        path: Its path in the request.

    Returns:
        The field and the value. None selects cards without a value.

    Raises:
        Invalid: The field does not exist, or the value does not match its type.
    """
    id, _, text = filter_text.partition(":")
    if id not in fields:
        raise unknown(path)
    field = fields[id]
    if not text:
        return field, None
    value = from_text(field, text)
    if value is None:
        kind = "select" if field.type == "multi-select" else field.type
        raise invalid((path, field_values.MESSAGES[kind]))
    return field, value


# ---------------------------------------------------------------------------------------------- fields


def build_field(
    request: CreateCustomField, *, id: str, project_id: str, now: datetime, path: str = ""
) -> CustomField:
    """Build the field that a request creates.

    Args:
        request: The fields of the request.
        id: The id of the field.
        project_id: The id of its project.
        now: The time of creation.
        path: The path of the request in a larger one.

    Raises:
        Invalid: The options do not match the type.
    """
    options = list(request.options or ())
    return _check_options(
        build_value(
            CustomField,
            request,
            id=id,
            project_id=project_id,
            options=options,
            created_at=now,
            updated_at=now,
        ),
        path,
    )


def apply_update(before: CustomField, request: UpdateCustomField, now: datetime) -> CustomField:
    """Return a field with an update applied; the same field if nothing changes.

    A field whose new type has no options loses them.

    Args:
        before: The field before the update.
        request: The update.
        now: The time of the update.

    Raises:
        Invalid: The options do not match the type.
    """
    kind = request.type or before.type
    default_options = before.options if kind in CHOSEN_FROM else []
    return _check_options(
        update_value(before, request, now, options=value_or(request.options, default_options))
    )


def _check_options(field: CustomField, path: str = "") -> CustomField:
    if field.type not in CHOSEN_FROM:
        if field.options:
            raise _invalid_options(path, f"must not be given: a field of the type {field.type} has none")
    elif not field.options:
        raise _invalid_options(path, f"must have 1 to {OPTIONS_MAX} items")
    elif len(set(field.options)) != len(field.options):
        raise _invalid_options(path, "must be different from each other")
    return field


def _invalid_options(path: str, message: str) -> Invalid:
    return invalid((f"{path}options", message))


def loses_options(before: CustomField, after: CustomField) -> bool:
    """Return whether an update removes or renames options.

    Args:
        before: The field before the update.
        after: The field after the update.
    """
    return not set(before.options) <= set(after.options)


def renamed_options(before: CustomField, after: CustomField) -> dict[str, str]:
    """Return the new names of options by their old ones.

    An option is renamed if the number of options stays the same, and a new option is at its position.

    Args:
        before: The field before the update.
        after: The field after the update.
    """
    if after.type not in CHOSEN_FROM or len(before.options) != len(after.options):
        return {}
    old_names, new_names = set(before.options), set(after.options)
    return {
        old: new
        for old, new in zip(before.options, after.options, strict=True)
        if old not in new_names and new not in old_names
    }


def convert_value(value: object, before: CustomField, after: CustomField) -> object:
    """Convert a value to a field that was updated.

    A removed option is cleared, and a renamed option is replaced by its new name. If the type changes, values that
    can be converted to it and back without loss are kept: an option becomes a text; a text becomes an option if
        there is an equal
    one; a ``multi-select`` value with one option becomes that option; a number becomes a text, and vice versa.

    Args:
        value: The stored value.
        before: The field before the update.
        after: The field after it.

    Returns:
        The converted value; None if it is cleared.

    Raises:
        Conflict: The value does not convert to the new type.
    """
    if after.type == before.type:
        if after.type not in CHOSEN_FROM:
            return value
        return _keep_options(_rename(value, renamed_options(before, after)), after.options)
    text = as_text(value)
    converted = None if text is None else from_text(after, text)
    if converted is None or as_text(converted) != text:
        raise Conflict(
            f"{after.name!r} cannot become {after.type}: values on cards would be lost", code="values_lost"
        )
    return converted


def _rename(value: object, names: Mapping[str, str]) -> object:
    if isinstance(value, list):
        return [names.get(option, option) for option in value]
    return names.get(value, value) if isinstance(value, str) else value


def _keep_options(value: object, options: Collection[str]) -> object:
    if isinstance(value, list):
        return [option for option in value if option in options] or None
    return value if value in options else None
