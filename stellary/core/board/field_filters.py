"""Filters of lists of cards by custom field values, as conditions of SQL; values stand as JSON on the card's row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Text, bindparam, cast, func, literal, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from stellary.contract.custom_fields import CustomField
from stellary.core.board.field_rows import named_fields
from stellary.core.board.locks import uses_row_locks
from stellary.core.board.rules.custom_fields import parse_filter
from stellary.core.board.tables import cards
from stellary.core.kernel.unit import UnitOfWork

_text = type_coerce(cards.c.custom_fields, Text)
_json = cast(_text, JSONB)


def conditions(uow: UnitOfWork, project_id: str, asked: Sequence[str]) -> list[ColumnElement[bool]]:
    """What must hold of a card that passes all filters.

    Args:
        uow: The unit.
        project_id: Whose cards they are, and whose fields.
        asked: Each ``<fieldId>:<value>``.

    Raises:
        Invalid: A field is not there, or a value is none of its type.
    """
    fields = named_fields(uow, project_id, {each.partition(":")[0] for each in asked})
    wanted = [parse_filter(fields, each, f"customField[{index}]") for index, each in enumerate(asked)]
    condition = _in_jsonb if uses_row_locks(uow) else _in_text
    return [condition(field, value) for field, value in wanted]


def _in_jsonb(field: CustomField, value: Any) -> ColumnElement[bool]:
    if value is None:
        return _json[field.id].is_(None)
    # The operator takes lists for sets: one contains another that is part of it.
    part = orjson.dumps({field.id: value}).decode()
    return _json.contains(cast(literal(part, Text), JSONB))


def _in_text(field: CustomField, value: Any) -> ColumnElement[bool]:
    path = literal(f"$.{orjson.dumps(field.id).decode()}", Text)
    if value is None:
        return func.json_type(_text, path).is_(None)
    # One row for a single value, and one for each that a list holds.
    found = func.json_each(_text, path).table_valued("value")
    each = value[0] if isinstance(value, list) else value
    return select(found.c.value).where(found.c.value == bindparam(None, each)).exists()
