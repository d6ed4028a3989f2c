"""Custom fields of a project and their values on its cards. Section Custom Fields of the API reference."""

from __future__ import annotations

import orjson
from sqlalchemy import Text, bindparam, func, literal, select, type_coerce

from stellary.contract.cards import Card
from stellary.contract.custom_fields import (
    CREATE_CUSTOM_FIELD,
    DELETE_CUSTOM_FIELD,
    FIELDS_MAX,
    LIST_CUSTOM_FIELDS,
    SET_CUSTOM_FIELDS,
    UPDATE_CUSTOM_FIELD,
    CreateCustomField,
    CustomField,
    SetCustomFields,
    UpdateCustomField,
)
from stellary.contract.endpoint import Deleted
from stellary.contract.errors import Conflict
from stellary.contract.refs import CustomFieldRef, FlatCardRef, ProjectRef
from stellary.contract.wire import Listing, Paged
from stellary.core.board import access
from stellary.core.board.changes.card_changes import change_card
from stellary.core.board.changes.changed_values import ChangedValue, describe_values
from stellary.core.board.row_types import CustomFieldRow, FieldValuesRow
from stellary.core.board.rows import card_rows, field_rows
from stellary.core.board.rules import custom_fields as rules
from stellary.core.board.tables import cards, custom_fields
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import trash
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves

_COUNT = select(func.count()).where(is_given(custom_fields.c.project_id))
_LIST = Pages(CustomFieldRow, field_rows.OF_PROJECT, custom_fields.c.id)
# A quoted key with its colon occurs nowhere else in the text, since quotes within a value are escaped.
_WITH_VALUE = Query(
    FieldValuesRow,
    (
        select(cards.c.id, cards.c.custom_fields, cards.c.version)
        .where(
            is_given(cards.c.project_id),
            type_coerce(cards.c.custom_fields, Text).like(
                literal('%"') + bindparam("_field_id", type_=Text) + literal('":%')
            ),
        )
        .order_by(cards.c.id)
        .with_for_update(key_share=True)
    ),
)


@serves(CREATE_CUSTOM_FIELD)
def create_custom_field(uow: UnitOfWork, ref: ProjectRef, request: CreateCustomField) -> CustomField:
    """Create a field; its name must be unique in the project, which has at most 100 fields."""
    project = access.load_locked_project(uow, ref).row
    field = rules.build_field(uow, request, project.id)
    check_field_count(uow, project.id)
    field_rows.FIELDS.insert(uow, field)
    emit_change(uow, project.workspace_id, None, field)
    return field


def check_field_count(uow: UnitOfWork, project_id: str) -> None:
    """Check that a project, which is locked, has room for another custom field.

    Args:
        project_id: The project.

    Raises:
        Conflict: It has 100.
    """
    if uow.connection.execute(_COUNT, {"_project_id": project_id}).scalar_one() >= FIELDS_MAX:
        raise Conflict(f"a project has at most {FIELDS_MAX} custom fields", code="custom_fields_full")


@serves(LIST_CUSTOM_FIELDS)
def list_custom_fields(uow: UnitOfWork, ref: ProjectRef, request: Paged) -> Listing[CustomField]:
    """Return the fields of a project in order of creation."""
    project = access.project(uow, ref).row
    return _LIST.fetch(uow, request, field_rows.field, _project_id=project.id)


@serves(UPDATE_CUSTOM_FIELD)
def update_custom_field(uow: UnitOfWork, ref: CustomFieldRef, request: UpdateCustomField) -> CustomField:
    """Update a field, and convert the values that cards have if the type or the options change."""
    loaded = access.load_locked_custom_field(uow, ref)
    before = field_rows.field(loaded.row)
    after = rules.apply_update(before, request, uow.now, uow.new_id)
    if after is before:
        return before
    follow = after.type != before.type or rules.loses_options(before, after)
    values, rows = _convert_values(uow, before, after) if follow else ([], [])
    # As it is stored: a field of an earlier version has no ids of options.
    field_rows.FIELDS.update(uow, field_rows.FIELDS.to_value(loaded.row), after)
    if rows:
        uow.connection.execute(card_rows.UPDATE_TO_NEXT_VERSION, rows)
    _rename_in_trash(uow, before, after)
    emit_change(uow, loaded.roles.workspace_id, before, after, **describe_values(values))
    return after


@serves(DELETE_CUSTOM_FIELD)
def delete_custom_field(uow: UnitOfWork, ref: CustomFieldRef) -> Deleted:
    """Move a field to the trash, with the values that cards have of it."""
    loaded = access.custom_field(uow, ref)
    before = field_rows.field(loaded.row)
    # This locks the field. A unit that sets a value holds a share lock on it, so its value is visible afterwards.
    item = trash.Item(before.id, before.name, before.project_id)
    trash_id = trash.put_item(uow, custom_fields, "custom_field", item, loaded.roles)
    values, rows = _convert_values(uow, before, None)
    references = {value.card_id: value.before for value in values}
    trash.add_references(uow, trash_id, cards.c.custom_fields, references)
    field_rows.FIELDS.delete(uow, before)
    if rows:
        uow.connection.execute(card_rows.UPDATE_TO_NEXT_VERSION, rows)
    emit_change(uow, loaded.roles.workspace_id, before, None, **describe_values(values))
    return Deleted(broken_automations=[])


@serves(SET_CUSTOM_FIELDS)
def set_custom_fields(uow: UnitOfWork, ref: FlatCardRef, request: SetCustomFields) -> Card:
    """Set and clear the values of the request; other values stay."""
    loaded = access.flat_card(uow, ref)
    field_ids = request.values.keys()
    fields = field_rows.queue_fields(uow, loaded.card.project_id, field_ids, is_locked=True)()
    loaded = access.lock_card(uow, loaded)
    values = rules.apply_values(loaded.card.custom_fields, request.values, fields)
    uow.require_version(loaded.card.version)
    return change_card(uow, loaded, custom_fields=values)


def _convert_values(
    uow: UnitOfWork, before: CustomField, after: CustomField | None
) -> tuple[list[ChangedValue], list[dict[str, object]]]:
    """Lock the cards that have a value of a field; return the values that change with it, and the parameters to write them.

    Raises:
        Conflict: A value cannot be converted.
    """
    parameters = {"_project_id": before.project_id, "_field_id": before.id}
    changed_values, rows = [], []
    for row in _WITH_VALUE.all(uow.connection, parameters):
        values = dict(row.custom_fields)
        old_value = values.pop(before.id)
        new_value = None if after is None else rules.convert_value(old_value, before, after)
        if new_value is not None:
            values[before.id] = new_value
        if values != row.custom_fields:
            changed_values.append(ChangedValue(row.id, old_value, new_value, row.version + 1))
            rows.append({"_id": row.id, "custom_fields": values, "updated_at": uow.now})
    return changed_values, rows


def _rename_in_trash(uow: UnitOfWork, before: CustomField, after: CustomField) -> None:
    """Rename options on deleted cards, which may be restored."""
    names = rules.renamed_options(before, after)
    if not names:
        return
    for trash_id, key, row in trash.find_project_rows(uow, before.project_id, cards, before.id):
        values = orjson.loads(row["custom_fields"])
        if before.id in values:
            values[before.id] = rules.rename_options(values[before.id], names)
            row["custom_fields"] = orjson.dumps(values).decode()
            trash.rewrite_row(uow, trash_id, cards, key, row)
