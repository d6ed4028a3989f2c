"""Holds: who changes a board makes others wait who would change the same, and reads it again then.

On PostgreSQL rows are locked, from the outside in: project, columns, cards, each in the order of their ids. On SQLite a
unit that writes is alone from its beginning.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, Select, bindparam, select, text

from stellary.core.board.rules.cards import LockedColumn
from stellary.core.board.rules.position_index import PositionIndex
from stellary.core.board.tables import columns, projects
from stellary.core.kernel.unit import UnitOfWork

_STAGE = (
    columns.c.id,
    columns.c.name,
    columns.c.scope_id,
    columns.c.card_status,
    columns.c.wip_limit,
    columns.c.directory,
)
_IN_PROJECT = columns.c.project_id == bindparam("_project_id")
_STAGES: Select[Any] = (
    select(*_STAGE).where(_IN_PROJECT).order_by(columns.c.id).with_for_update(key_share=True)
)
_TWO = _STAGES.where(columns.c.id.in_([bindparam("_first"), bindparam("_second")]))
_MANY = _STAGES.where(columns.c.id.in_(bindparam("_ids", expanding=True)))
_PROJECT: Select[Any] = (
    select(projects.c.id).where(projects.c.id == bindparam("_project_id")).with_for_update(key_share=True)
)

_BEGIN_AGAIN = text(
    "DO $$ BEGIN RAISE EXCEPTION 'what was to be held has moved' USING ERRCODE = '40001'; END $$"
)


def uses_row_locks(uow: UnitOfWork) -> bool:
    """Whether others may be writing at the same time."""
    return uow.connection.dialect.name != "sqlite"


def lock_project(uow: UnitOfWork, project_id: str) -> None:
    """Hold a project until the unit ends: nobody else changes it, its columns, or makes cards in it."""
    if uses_row_locks(uow):
        uow.connection.execute(_PROJECT, {"_project_id": project_id})


def lock_columns(
    uow: UnitOfWork, project_id: str, ids: Collection[str] | None = None
) -> dict[str, LockedColumn]:
    """Hold columns of a project until the unit ends: nobody else changes who stands in them.

    Args:
        uow: The unit.
        project_id: Which project.
        ids: Which of its columns; all if not given.

    Returns:
        Those that are there, by id, as they are by now.
    """
    place = {"_project_id": project_id}
    if ids is None:
        rows = uow.connection.execute(_STAGES, place).fetchall()
    elif len(ids) > 2:
        rows = uow.connection.execute(_MANY, {**place, "_ids": list(ids)}).fetchall()
    else:
        first, *more = ids
        two = {"_first": first, "_second": more[0] if more else first}
        rows = uow.connection.execute(_TWO, {**place, **two}).fetchall()
    return {row.id: _stage(row) for row in rows}


def _stage(row: Row[Any]) -> LockedColumn:
    return LockedColumn(
        row.id, row.name, row.scope_id, row.card_status, row.wip_limit, PositionIndex.read(row.directory)
    )


def retry_transaction(uow: UnitOfWork) -> None:
    """Give the unit up, since what it has read has changed and what it holds is not what it needs.

    To hold more by now would be out of order: two who wait for each other are found out after a second only. So the
    unit fails as one that PostgreSQL could not serialize, and whoever has begun it begins it again.

    Raises:
        OperationalError: Of the SQLSTATE 40001.
    """
    uow.connection.execute(_BEGIN_AGAIN)
