"""Custom fields of a project, and their values on its cards. Section Custom Fields of the API reference."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, Text, bindparam, delete, func, insert, literal, select, type_coerce, update
from sqlalchemy.exc import IntegrityError

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
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict
from stellary.contract.paging import Listing, Paged
from stellary.contract.refs import CustomFieldRef, FlatCardRef, ProjectRef
from stellary.core.board import access, field_access, field_rows
from stellary.core.board.card_changes import change_card
from stellary.core.board.rules import custom_fields as rules
from stellary.core.board.tables import cards, custom_fields
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves

_COUNT = select(func.count()).where(custom_fields.c.project_id == bindparam("_project_id"))
_INSERT = insert(custom_fields)
_UPDATE = update(custom_fields).where(custom_fields.c.id == bindparam("_id"))
_DELETE = delete(custom_fields).where(custom_fields.c.id == bindparam("_id"))
_LIST = Pages(field_rows.OF_PROJECT, custom_fields.c.id)
# A key with its colon stands nowhere else in the text: inside of a value each quote has a backslash before it.
_WITH_VALUE: Select[Any] = (
    select(cards.c.id, cards.c.custom_fields)
    .where(
        cards.c.project_id == bindparam("_project_id"),
        type_coerce(cards.c.custom_fields, Text).like(
            literal('%"') + bindparam("_field_id", type_=Text) + literal('":%')
        ),
    )
    .order_by(cards.c.id)
    .with_for_update(key_share=True)
)
_REWRITE = (
    update(cards)
    .where(cards.c.id == bindparam("_id"))
    .values(
        custom_fields=bindparam("_values", type_=cards.c.custom_fields.type),
        version=cards.c.version + 1,
        updated_at=bindparam("_now", type_=cards.c.updated_at.type),
    )
)


@serves(CREATE_CUSTOM_FIELD)
def create_custom_field(uow: UnitOfWork, ref: ProjectRef, request: CreateCustomField) -> CustomField:
    """Make a field; its name must be new in the project, which has 100 at most."""
    project = access.load_locked_project(uow, ref).row
    made = rules.build_field(request, id=uow.new_id(), project_id=project.id, now=uow.now)
    if uow.connection.execute(_COUNT, {"_project_id": project.id}).scalar_one() >= FIELDS_MAX:
        raise Conflict(f"a project has at most {FIELDS_MAX} custom fields", code="custom_fields_full")
    _write(uow, _INSERT, made, id=made.id, project_id=made.project_id, created_at=made.created_at)
    return made


@serves(LIST_CUSTOM_FIELDS)
def list_custom_fields(uow: UnitOfWork, ref: ProjectRef, request: Paged) -> Listing[CustomField]:
    """The project's fields in the order in which they were made."""
    project = access.project(uow, ref).row
    return _LIST.fetch(uow, request, field_rows.field, _project_id=project.id)


@serves(UPDATE_CUSTOM_FIELD)
def update_custom_field(uow: UnitOfWork, ref: CustomFieldRef, request: UpdateCustomField) -> CustomField:
    """Change a field, and the values that cards have of it where that is asked for."""
    before = field_access.load_locked_custom_field(uow, ref)
    after = rules.apply_update(before, request, uow.now)
    if after is before:
        return before
    follow = after.type != before.type or rules.loses_options(before, after)
    written = _following(uow, before, after) if follow else []
    _write(uow, _UPDATE, after, _id=after.id)
    _rewrite(uow, written)
    return after


@serves(DELETE_CUSTOM_FIELD)
def delete_custom_field(uow: UnitOfWork, ref: CustomFieldRef) -> Ok:
    """Delete a field, and the values that cards have of it."""
    before = field_rows.field(field_access.custom_field(uow, ref).row)
    # The field first: who is giving a card a value of it has a share in it, and has done so once it is ours to delete.
    uow.connection.execute(_DELETE, {"_id": before.id})
    _rewrite(uow, _following(uow, before, None))
    return Ok()


@serves(SET_CUSTOM_FIELDS)
def set_custom_fields(uow: UnitOfWork, ref: FlatCardRef, request: SetCustomFields) -> Card:
    """Set and clear the values that are named; the others stay."""
    at = access.flat_card(uow, ref)
    fields = field_rows.shared_fields(uow, at.card.project_id, request.values.keys())
    at = access.lock_card(uow, at)
    values = rules.apply_values(at.card.custom_fields, request.values, fields)
    uow.require_version(at.card.version)
    return change_card(uow, at, custom_fields=values)


def _write(uow: UnitOfWork, statement: Any, field: CustomField, **more: Any) -> None:
    changed = {
        "name": field.name,
        "name_key": field.name.casefold(),
        "type": field.type,
        "options": field.options,
        "required": field.required,
        "updated_at": field.updated_at,
    }
    try:
        # A savepoint: an embedding host may go on in a unit of which one call was refused.
        with uow.connection.begin_nested():
            uow.connection.execute(statement, {**changed, **more})
    except IntegrityError:
        raise Conflict(
            f"the project has a custom field {field.name!r} already", code="duplicate_name"
        ) from None


def _following(uow: UnitOfWork, before: CustomField, after: CustomField | None) -> list[dict[str, Any]]:
    """What becomes of the cards with a value of a field that changes, or is deleted: those that change, held.

    Raises:
        Conflict: A value would be lost.
    """
    place = {"_project_id": before.project_id, "_field_id": before.id}
    changed = []
    for row in uow.connection.execute(_WITH_VALUE, place).fetchall():
        values = dict(row.custom_fields)
        was = values.pop(before.id)
        becomes = None if after is None else rules.convert_value(was, before, after)
        if becomes is not None:
            values[before.id] = becomes
        if values != row.custom_fields:
            changed.append({"_id": row.id, "_values": values, "_now": uow.now})
    return changed


def _rewrite(uow: UnitOfWork, changed: list[dict[str, Any]]) -> None:
    """Write what has become of cards, in one batch.

    As where a label is deleted, no event tells it of each card: what has happened has happened to the project.
    """
    if changed:
        uow.connection.execute(_REWRITE, changed)
