"""Rules of custom fields: parsing values, filtering by them, and converting them when a field changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
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
from stellary.contract.fields import build_value, replace_fields, update_value
from stellary.contract.wire import UNSET, Unset, invalid
from stellary.core.board.rules.fields import Author, new_item, value_or
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


def build_field(by: Author, request: CreateCustomField, project_id: str, path: str = "") -> CustomField:
    """Build the field that a request creates.

    Args:
        by: The user or agent who creates it.
        request: The fields of the request.
        project_id: The id of its project.
        path: The path of the request in a larger one.

    Raises:
        Invalid: The options do not match the type.
    """
    options = list(request.options or ())
    field = build_value(
        CustomField, request, project_id=project_id, options=options, option_ids=[], **new_item(by)
    )
    return _check_options(replace_fields(field, option_ids=find_option_ids(field.id, options, ())), path)


def find_option_ids(field_id: str, options: Sequence[str], option_ids: Sequence[str]) -> list[str]:
    """Return the ids of options; they follow from the names as long as no option was changed.

    Args:
        field_id: The id of the field.
        options: Its options.
        option_ids: The stored ids; empty if no option was ever changed.
    """
    return list(option_ids) or [sha256(f"{field_id}:{name}".encode()).hexdigest()[:24] for name in options]


def apply_update(
    before: CustomField, request: UpdateCustomField, now: datetime, new_id: Callable[[], str]
) -> CustomField:
    """Return a field with an update applied; the same field if nothing changes.

    A field whose new type has no options loses them.

    Args:
        before: The field before the update.
        request: The update.
        now: The time of the update.
        new_id: Returns a new id, for new options.

    Raises:
        Invalid: The options do not match the type, or their ids do not match the options.
    """
    kind = request.type or before.type
    if request.options is UNSET and request.option_ids is not UNSET:
        raise invalid(("options", "is required together with optionIds"))
    options = value_or(request.options, before.options if kind in CHOSEN_FROM else [])
    ids = _identify_options(before, options, request.option_ids, new_id)
    return _check_options(update_value(before, request, now, options=options, option_ids=ids))


def _identify_options(
    before: CustomField, options: Sequence[str], option_ids: Sequence[str] | Unset, new_id: Callable[[], str]
) -> list[str]:
    """Return the ids of new options: those of the request, or those of the options with these names or positions."""
    if option_ids is not UNSET:
        known_ids = [id for id in option_ids if id]
        if len(option_ids) != len(options):
            raise invalid(("optionIds", "must have as many items as options"))
        if not set(known_ids) <= set(before.option_ids) or len(set(known_ids)) != len(known_ids):
            raise invalid(
                ("optionIds", "must be different ids of the field's options, or empty for new ones")
            )
        return [id or new_id() for id in option_ids]
    ids = dict(zip(before.options, before.option_ids, strict=True))
    if len(options) == len(before.options):
        for old, new in zip(before.options, options, strict=True):
            if old not in options and new not in ids:
                ids[new] = ids[old]
    return [ids.get(name) or new_id() for name in options]


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
    return not set(before.options) <= set(after.options) or bool(renamed_options(before, after))


def renamed_options(before: CustomField, after: CustomField) -> dict[str, str]:
    """Return the new names of options by their old ones: those with the same id and another name.

    Args:
        before: The field before the update.
        after: The field after the update.
    """
    names = dict(zip(after.option_ids, after.options, strict=True))
    pairs = zip(before.option_ids, before.options, strict=True)
    return {old: names[id] for id, old in pairs if names.get(id, old) != old}


def find_removed_options(before: CustomField, after: CustomField) -> set[str]:
    """Return the names of options that an update removes; none if the new type has no options.

    Args:
        before: The field before the update.
        after: The field after the update.
    """
    pairs = zip(before.option_ids, before.options, strict=True)
    return {old for id, old in pairs if after.type in CHOSEN_FROM and id not in after.option_ids}


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
        remaining_options = set(before.options) - find_removed_options(before, after)
        return rename_options(_keep_options(value, remaining_options), renamed_options(before, after))
    text = as_text(value)
    converted = None if text is None else from_text(after, text)
    if converted is None or as_text(converted) != text:
        raise Conflict(
            f"{after.name!r} cannot become {after.type}: values on cards would be lost", code="values_lost"
        )
    return converted


def rename_options(value: object, names: Mapping[str, str]) -> object:
    """Return a value with the new names of options.

    Args:
        value: An option, several options, or any other value, which is returned as it is.
        names: The new names by the old ones.
    """
    if isinstance(value, list):
        return [names.get(option, option) for option in value]
    return names.get(value, value) if isinstance(value, str) else value


def _keep_options(value: object, options: Collection[str]) -> object:
    if isinstance(value, list):
        return [option for option in value if option in options] or None
    return value if value in options else None
