"""Restoring labels, custom fields, columns, scopes and projects."""

from __future__ import annotations

from typing import Any, cast

import attrs
from sqlalchemy import Column, Select, Table, bindparam, select

from stellary.contract.labels import NAME_MAX
from stellary.contract.trash import RestoreItem
from stellary.contract.wire import JsonObject, invalid
from stellary.core.accounts import people
from stellary.core.board.changes.changed_values import describe_values
from stellary.core.board.columns import COLUMN_ORDERS, scope_columns
from stellary.core.board.custom_fields import check_field_count
from stellary.core.board.labels import load_labels
from stellary.core.board.order.locks import lock_columns
from stellary.core.board.project_members import DELETE_MEMBER
from stellary.core.board.projects import load_project
from stellary.core.board.queries.item_names import load_item_names
from stellary.core.board.queries.recipient_queries import select_project_members
from stellary.core.board.restoring.containers import lock_project_of
from stellary.core.board.restoring.events import emit_cards, emit_columns, emit_restored
from stellary.core.board.restoring.references import (
    drop_missing_references,
    insert_label,
    insert_value,
    restore_in_cards,
    restore_relations,
)
from stellary.core.board.restoring.returning_cards import move_cards_back
from stellary.core.board.rows import field_rows
from stellary.core.board.rows.scope_rows import project_scopes
from stellary.core.board.rules.fields import value_or
from stellary.core.board.scopes import SCOPE_ORDERS
from stellary.core.board.tables import cards, columns, custom_fields, labels, projects, relations, scopes
from stellary.core.db.base import is_given
from stellary.core.kernel import trash
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.writes import refuse_duplicate

_SCOPE: Select[Any] = (
    select(scopes.c.id)
    .where(is_given(scopes.c.project_id))
    .order_by((is_given(scopes.c.id, "scope_id")).desc(), scopes.c.is_default.desc())
    .limit(1)
)
_MEMBERS = select_project_members(bindparam("_project_id"))


def restore_label(uow: UnitOfWork, item: trash.TrashRow, request: RestoreItem) -> None:
    """Restore a label, and add it to the cards that had it.

    Args:
        item: The entry of the item.
        request: The request.

    Raises:
        Conflict: The project is gone, or has another label of that name.
    """
    name = value_or(request.name, item.name)
    if len(name) > NAME_MAX:
        raise invalid(("name", f"must have at most {NAME_MAX} characters"))
    project_id = lock_project_of(uow, item)
    _reinsert_with_name(uow, item, labels, name, "label")
    meta = describe_values(restore_in_cards(uow, item, cards.c.label_ids, insert_label))
    label = next(label for label in load_labels(uow, project_id) if label.id == item.item_id)
    emit_restored(uow, item, label, new_name=_find_new_name(item.name, name), meta=meta)


def restore_custom_field(uow: UnitOfWork, item: trash.TrashRow, request: RestoreItem) -> None:
    """Restore a custom field, and its values in cards.

    Args:
        item: The entry of the item.
        request: The request.

    Raises:
        Conflict: The project is gone, has another field of that name, or has 100 fields.
    """
    name = value_or(request.name, item.name)
    project_id = lock_project_of(uow, item)
    check_field_count(uow, project_id)
    _reinsert_with_name(uow, item, custom_fields, name, "custom field")
    changed = restore_in_cards(uow, item, cards.c.custom_fields, insert_value)
    values = [
        attrs.evolve(value, before=None, after=cast("JsonObject", value.after)[item.item_id])
        for value in changed
    ]
    meta = describe_values(values)
    field = field_rows.queue_fields(uow, project_id, [item.item_id])()[item.item_id]
    emit_restored(uow, item, field, new_name=_find_new_name(item.name, name), meta=meta)


def _find_new_name(before: str | None, after: str | None) -> str | None:
    """Return the name or key of a restored item if it is a new one."""
    return None if after == before else after


def _reinsert_with_name(uow: UnitOfWork, item: trash.TrashRow, table: Table, name: str, kind: str) -> None:
    """Insert a label or a custom field, whose name is unique in the project regardless of case."""
    changes: dict[Column[Any], object] = {table.c.name: name, table.c.name_key: name.casefold()}
    taken = f"the project has a {kind} {name!r} already: pass another one as name"
    with refuse_duplicate(uow, taken, "duplicate_name"):
        trash.reinsert(uow, item.id, changes=changes)


def restore_column(uow: UnitOfWork, item: trash.TrashRow, _: RestoreItem) -> str:
    """Restore a column to its scope, or the default one, and return the scope in words; cards that were moved out return.

    Args:
        item: The entry of the item.

    Raises:
        Conflict: The project is gone.
    """
    project_id = lock_project_of(uow, item)
    names = {column.id: column.name for column in lock_columns(uow, project_id).values()}
    row = trash.load_rows(uow, item.id, columns)[item.item_id]
    parameters = {"_project_id": project_id, "_scope_id": row["scope_id"]}
    scope_id = uow.connection.execute(_SCOPE, parameters).scalar_one()
    position = COLUMN_ORDERS.restore_place(uow, item, scope_id)
    changes: dict[Column[Any], object] = {
        columns.c.scope_id: scope_id,
        columns.c.position: position,
        columns.c.directory: None,
    }
    trash.reinsert(uow, item.id, changes=changes)
    returned_cards = move_cards_back(uow, item, {item.item_id: scope_id})
    column = next(column for column in scope_columns(uow, project_id, scope_id) if column.id == item.item_id)
    emit_restored(uow, item, column)
    emit_cards(uow, item, [column], returned_cards, {**names, column.id: column.name})
    return f'scope "{load_item_names(uow, [project_id], {scope_id})[scope_id]}"'


def restore_scope(uow: UnitOfWork, item: trash.TrashRow, _: RestoreItem) -> None:
    """Restore a scope with its columns and cards; cards that were moved out of it return.

    Args:
        item: The entry of the item.

    Raises:
        Conflict: The project is gone.
    """
    project_id = lock_project_of(uow, item)
    names = {column.id: column.name for column in lock_columns(uow, project_id).values()}
    position = SCOPE_ORDERS.restore_place(uow, item, project_id)
    trash.reinsert(uow, item.id, changes={scopes.c.position: position}, skip=[relations])
    restore_relations(uow, item)
    drop_missing_references(uow, item, project_id)
    column_ids = trash.load_keys(uow, item.id, columns)
    returned_cards = move_cards_back(uow, item, dict.fromkeys(column_ids, item.item_id))
    own_columns = scope_columns(uow, project_id, item.item_id)
    scope = next(scope for scope in project_scopes(uow, project_id, own_columns) if scope.id == item.item_id)
    emit_restored(uow, item, scope)
    emit_columns(uow, item, scope.columns)
    names |= {column.id: column.name for column in scope.columns}
    emit_cards(uow, item, scope.columns, returned_cards, names)


def restore_project(uow: UnitOfWork, item: trash.TrashRow, request: RestoreItem) -> None:
    """Restore a project with everything in it. Members and assignees who have left the workspace since are left out.

    Args:
        item: The entry of the item.
        request: The request.

    Raises:
        Conflict: Another project has its key.
    """
    key = value_or(request.key, item.key)
    taken = f"another project of the workspace has the key {key}: pass another one as key"
    with refuse_duplicate(uow, taken, "duplicate_key"):
        trash.reinsert(uow, item.id, changes={projects.c.key: key}, skip=[relations])
    restore_relations(uow, item)
    drop_missing_references(uow, item, item.item_id)
    member_ids = set(uow.connection.execute(_MEMBERS, {"_project_id": item.item_id}).scalars())
    for user_id in member_ids - people.reaching(uow, item.workspace_id or "", member_ids).keys():
        uow.connection.execute(DELETE_MEMBER, {"_project_id": item.item_id, "_user_id": user_id})
    emit_restored(uow, item, load_project(uow, item.item_id), new_name=_find_new_name(item.key, key))
