"""Restoring labels, custom fields, columns, scopes and projects."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Select, Table, and_, bindparam, delete, func, select, update

from stellary.contract.custom_fields import FIELDS_MAX
from stellary.contract.errors import Conflict
from stellary.contract.labels import NAME_MAX
from stellary.contract.trash import RestoreItem
from stellary.contract.unset import UNSET
from stellary.contract.wire import invalid
from stellary.core.accounts import people
from stellary.core.board.columns import COLUMN_IDS, COLUMN_ORDERS
from stellary.core.board.order import ordering
from stellary.core.board.order.locks import lock_columns
from stellary.core.board.order.siblings import find_place
from stellary.core.board.restoring.containers import lock_project_of, refuse_names, reinsert_named
from stellary.core.board.restoring.references import (
    add_label_to_cards,
    add_values_to_cards,
    drop_missing_references,
    restore_relations,
)
from stellary.core.board.row_types import MovedCardRow
from stellary.core.board.scopes import SCOPE_IDS, SCOPE_ORDERS
from stellary.core.board.tables import (
    cards,
    columns,
    custom_fields,
    labels,
    project_members,
    projects,
    relations,
    scopes,
)
from stellary.core.db.row_types import Query
from stellary.core.kernel import trash
from stellary.core.kernel.trash import JsonRow, TrashRow
from stellary.core.kernel.unit import UnitOfWork

_BATCH = 500

_COUNT_FIELDS = select(func.count()).where(custom_fields.c.project_id == bindparam("_project_id"))
_SCOPE: Select[Any] = (
    select(scopes.c.id)
    .where(scopes.c.project_id == bindparam("_project_id"))
    .order_by((scopes.c.id == bindparam("_scope_id")).desc(), scopes.c.is_default.desc())
    .limit(1)
)
_MOVED = Query(
    MovedCardRow,
    select(cards.c.id, cards.c.column_id).where(cards.c.id.in_(bindparam("_ids", expanding=True))),
)
_MOVE_BACK = (
    update(cards)
    .where(cards.c.id == bindparam("_id"))
    .values(
        column_id=bindparam("_column_id", type_=cards.c.column_id.type),
        scope_id=bindparam("_scope_id", type_=cards.c.scope_id.type),
        position=bindparam("_position", type_=cards.c.position.type),
        version=cards.c.version + 1,
        updated_at=bindparam("_now", type_=cards.c.updated_at.type),
    )
)
_RESTORE_STATUS = (
    update(cards)
    .where(cards.c.id == bindparam("_id"), cards.c.status == bindparam("_moved_status"))
    .values(
        status=bindparam("_status", type_=cards.c.status.type),
        completed_at=bindparam("_completed_at", type_=cards.c.completed_at.type),
    )
)
_MEMBERS = select(project_members.c.user_id).where(project_members.c.project_id == bindparam("_project_id"))
_REMOVE_MEMBER = delete(project_members).where(
    and_(
        project_members.c.project_id == bindparam("_project_id"),
        project_members.c.user_id == bindparam("_user_id"),
    )
)


def restore_label(uow: UnitOfWork, item: TrashRow, request: RestoreItem) -> None:
    """Restore a label, and add it to the cards that had it.

    Args:
        uow: The unit of work.
        item: The entry of the item.
        request: The request.

    Raises:
        Conflict: The project is gone, or has another label of that name.
    """
    refuse_names(request, "a label", accepted="name")
    name = item.name if request.name is UNSET else request.name
    if len(name) > NAME_MAX:
        raise invalid(("name", f"must have at most {NAME_MAX} characters"))
    lock_project_of(uow, item)
    former_ids = trash.load_references(uow, item.id, cards.c.label_ids)
    _reinsert_with_name(uow, item, labels, name, "label")
    add_label_to_cards(uow, item, former_ids)


def restore_custom_field(uow: UnitOfWork, item: TrashRow, request: RestoreItem) -> None:
    """Restore a custom field, and its values in cards.

    Args:
        uow: The unit of work.
        item: The entry of the item.
        request: The request.

    Raises:
        Conflict: The project is gone, has another field of that name, or has 100 fields.
    """
    refuse_names(request, "a custom field", accepted="name")
    name = item.name if request.name is UNSET else request.name
    project_id = lock_project_of(uow, item)
    if uow.connection.execute(_COUNT_FIELDS, {"_project_id": project_id}).scalar_one() >= FIELDS_MAX:
        raise Conflict(f"a project has at most {FIELDS_MAX} custom fields", code="custom_fields_full")
    values = trash.load_references(uow, item.id, cards.c.custom_fields)
    _reinsert_with_name(uow, item, custom_fields, name, "custom field")
    add_values_to_cards(uow, item, values)


def _reinsert_with_name(uow: UnitOfWork, item: TrashRow, table: Table, name: str, kind: str) -> None:
    """Insert a label or a custom field, whose name is unique in the project regardless of case."""
    changes: dict[Column[Any], object] = {table.c.name: name, table.c.name_key: name.casefold()}
    reinsert_named(uow, item, changes, f"the project has a {kind} {name!r} already", "name")


def restore_column(uow: UnitOfWork, item: TrashRow, request: RestoreItem) -> None:
    """Restore a column to its scope, or the default one; cards that were moved out of it return.

    Args:
        uow: The unit of work.
        item: The entry of the item.
        request: The request.

    Raises:
        Conflict: The project is gone.
    """
    refuse_names(request, "a column")
    project_id = lock_project_of(uow, item)
    lock_columns(uow, project_id)
    row = trash.load_rows(uow, item.id, columns)[item.item_id]
    parameters = {"_project_id": project_id, "_scope_id": row["scope_id"]}
    scope_id = uow.connection.execute(_SCOPE, parameters).scalar_one()
    siblings = uow.connection.execute(COLUMN_IDS, {"_scope_id": scope_id}).scalars().all()
    position = find_place(uow, item, columns.c.position, siblings)
    COLUMN_ORDERS.enter(uow, scope_id, position)
    changes: dict[Column[Any], object] = {
        columns.c.scope_id: scope_id,
        columns.c.position: position,
        columns.c.directory: None,
    }
    trash.reinsert(uow, item.id, changes=changes)
    _move_cards_back(uow, item, {item.item_id: scope_id})


def restore_scope(uow: UnitOfWork, item: TrashRow, request: RestoreItem) -> None:
    """Restore a scope with its columns and cards; cards that were moved out of it return.

    Args:
        uow: The unit of work.
        item: The entry of the item.
        request: The request.

    Raises:
        Conflict: The project is gone.
    """
    refuse_names(request, "a scope")
    project_id = lock_project_of(uow, item)
    lock_columns(uow, project_id)
    siblings = uow.connection.execute(SCOPE_IDS, {"_project_id": project_id}).scalars().all()
    position = find_place(uow, item, scopes.c.position, siblings)
    SCOPE_ORDERS.enter(uow, project_id, position)
    trash.reinsert(uow, item.id, changes={scopes.c.position: position}, skip=[relations])
    restore_relations(uow, item)
    drop_missing_references(uow, item, project_id)
    column_ids = trash.load_keys(uow, item.id, columns)
    _move_cards_back(uow, item, dict.fromkeys(column_ids, item.item_id))


def restore_project(uow: UnitOfWork, item: TrashRow, request: RestoreItem) -> None:
    """Restore a project with everything in it. Members and assignees who have left the workspace since are left out.

    Args:
        uow: The unit of work.
        item: The entry of the item.
        request: The request.

    Raises:
        Conflict: Another project has its key.
    """
    refuse_names(request, "a project", accepted="key")
    key = item.key if request.key is UNSET else request.key
    changes: dict[Column[Any], object] = {projects.c.key: key}
    taken = f"another project of the workspace has the key {key}"
    reinsert_named(uow, item, changes, taken, "key", skip=[relations])
    restore_relations(uow, item)
    drop_missing_references(uow, item, item.item_id)
    member_ids = set(uow.connection.execute(_MEMBERS, {"_project_id": item.item_id}).scalars())
    for user_id in member_ids - people.reaching(uow, item.workspace_id or "", member_ids).keys():
        uow.connection.execute(_REMOVE_MEMBER, {"_project_id": item.item_id, "_user_id": user_id})


def _move_cards_back(uow: UnitOfWork, item: TrashRow, scope_ids: Mapping[str, str]) -> None:
    """Move the cards back that are still in the column to which the deletion has moved them.

    Args:
        uow: The unit of work.
        item: The restored column or scope.
        scope_ids: The scopes of the restored columns, by the id of the column.
    """
    moves = trash.load_references(uow, item.id, cards.c.column_id)
    if not moves:
        return
    card_ids = sorted(moves)
    rows = [
        row
        for first in range(0, len(card_ids), _BATCH)
        for row in _MOVED.all(uow.connection, {"_ids": card_ids[first : first + _BATCH]})
    ]
    # The locked columns keep the cards in place; their status may be changed by another unit.
    returning_ids = [
        row.id
        for row in rows
        if row.column_id == moves[row.id]["movedTo"] and moves[row.id]["columnId"] in scope_ids
    ]
    if returning_ids:
        changes = [_build_return(uow, card_id, moves[card_id], scope_ids) for card_id in returning_ids]
        uow.connection.execute(_MOVE_BACK, changes)
    statuses = [
        _build_status(card_id, moves[card_id])
        for card_id in returning_ids
        if _has_changed_status(moves[card_id])
    ]
    if statuses:
        uow.connection.execute(_RESTORE_STATUS, statuses)
    missing = sorted(moves.keys() - {row.id for row in rows})
    for trash_id, card_id, stored in trash.find_rows(uow, cards, missing):
        move = moves[card_id]
        if stored["column_id"] == move["movedTo"] and move["columnId"] in scope_ids:
            stored |= {
                "column_id": move["columnId"],
                "scope_id": scope_ids[move["columnId"]],
                "position": move["position"],
            }
            if _has_changed_status(move) and stored["status"] == move["movedStatus"]:
                completed_at = _read_time(move["completedAt"])
                stored |= {
                    "status": move["status"],
                    "completed_at": trash.to_stored_time(uow, completed_at),
                }
            trash.rewrite_row(uow, trash_id, cards, card_id, stored)
    for column_id in sorted({*scope_ids, *(move["movedTo"] for move in moves.values())}):
        ordering.rebuild_index(uow, column_id)


def _build_return(
    uow: UnitOfWork, card_id: str, move: JsonRow, scope_ids: Mapping[str, str]
) -> dict[str, object]:
    return {
        "_id": card_id,
        "_column_id": move["columnId"],
        "_scope_id": scope_ids[move["columnId"]],
        "_position": move["position"],
        "_now": uow.now,
    }


def _build_status(card_id: str, move: JsonRow) -> dict[str, object]:
    return {
        "_id": card_id,
        "_moved_status": move["movedStatus"],
        "_status": move["status"],
        "_completed_at": _read_time(move["completedAt"]),
    }


def _has_changed_status(move: JsonRow) -> bool:
    """Return whether a card got another status when it was moved."""
    changed: bool = move.get("movedStatus", move["status"]) != move["status"]
    return changed


def _read_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
