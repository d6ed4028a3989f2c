"""Filters by custom field values as SQL conditions; the values are JSON in the row of the card."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlalchemy import ColumnElement, Text, bindparam, cast, func, literal, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from stellary.contract.custom_fields import CustomField
from stellary.core.board.card_terms import TERM_VALUE_MAX
from stellary.core.board.order.locks import uses_row_locks
from stellary.core.board.rows.field_rows import load_fields
from stellary.core.board.rules.custom_fields import parse_filter
from stellary.core.board.tables import cards
from stellary.core.kernel.unit import UnitOfWork

FieldValue = tuple[CustomField, object]

_text = type_coerce(cards.c.custom_fields, Text)
_json = cast(_text, JSONB)


def read_values(uow: UnitOfWork, project_id: str, filters: Sequence[str]) -> list[FieldValue]:
    """Return the fields and values of filters; the value None is for cards without one.

    Args:
        project_id: The project of the cards and the fields.
        filters: The filters, each as ``<fieldId>:<value>``.

    Raises:
        Invalid: A field does not exist, or a value does not match its type.
    """
    fields = load_fields(uow, project_id, {text.partition(":")[0] for text in filters})
    return [parse_filter(fields, text, f"customField[{index}]") for index, text in enumerate(filters)]


def build_conditions(uow: UnitOfWork, field_values: Sequence[FieldValue]) -> list[ColumnElement[bool]]:
    """Return the SQL conditions for cards that have all values.

    Args:
        field_values: The fields and their values.
    """
    condition = _in_jsonb if uses_row_locks(uow) else _in_text
    return [condition(field, value) for field, value in field_values]


def find_term(field_values: Sequence[FieldValue]) -> str | None:
    """Return a term that all cards with the values have; None if the values are numbers, or none.

    Args:
        field_values: The fields and their values.
    """
    for field, value in field_values:
        element = value[0] if isinstance(value, list) else value
        if isinstance(element, bool):
            return f"{field.id}:{str(element).lower()}"
        if isinstance(element, str):
            return f"{field.id}:{element[:TERM_VALUE_MAX]}"
    return None


def _in_jsonb(field: CustomField, value: object) -> ColumnElement[bool]:
    if value is None:
        return _json[field.id].is_(None)
    # The operator compares lists as sets: a list contains each of its subsets.
    part = orjson.dumps({field.id: value}).decode()
    return _json.contains(cast(literal(part, Text), JSONB))


def _in_text(field: CustomField, value: object) -> ColumnElement[bool]:
    path = literal(f"$.{orjson.dumps(field.id).decode()}", Text)
    if value is None:
        return func.json_type(_text, path).is_(None)
    # One row for a single value, and one for each element of a list.
    elements = func.json_each(_text, path).table_valued("value")
    element = value[0] if isinstance(value, list) else value
    return select(elements.c.value).where(elements.c.value == bindparam(None, element)).exists()
