"""Row locks of the board. A unit locks the rows that it changes, and re-reads them.

On PostgreSQL rows are locked from the outside in: project, columns, cards, each in the order of their ids. On SQLite a
writing unit is alone from its start, so no locks are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any, get_type_hints

from sqlalchemy import Connection, Select, bindparam, select, text

from stellary.core.board.row_types import LockedColumnRow
from stellary.core.board.rules.cards import LockedColumn
from stellary.core.board.rules.position_index import PositionIndex
from stellary.core.board.tables import columns, projects
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.lock_plan import ALL, LockPlan
from stellary.core.kernel.unit import UnitOfWork

_LOCKED_COLUMN = tuple(columns.c[name] for name in get_type_hints(LockedColumnRow))
_IN_PROJECT = is_given(columns.c.project_id)
_COLUMNS: Select[Any] = (
    select(*_LOCKED_COLUMN).where(_IN_PROJECT).order_by(columns.c.id).with_for_update(key_share=True)
)
_ALL, _TWO, _MANY = (
    Query(LockedColumnRow, rows)
    for rows in (
        _COLUMNS,
        _COLUMNS.where(columns.c.id.in_([bindparam("_first"), bindparam("_second")])),
        _COLUMNS.where(is_among(columns.c.id)),
    )
)
_FREE: Select[Any] = (
    select(columns.c.id)
    .where(_IN_PROJECT, is_among(columns.c.id))
    .order_by(columns.c.id)
    .with_for_update(key_share=True, skip_locked=True)
)
LOCK_PROJECT: Select[Any] = (
    select(projects.c.id).where(is_given(projects.c.id, "project_id")).with_for_update(key_share=True)
)

_SERIALIZATION_FAILURE = text(
    "DO $$ BEGIN RAISE EXCEPTION 'the rows to lock have changed' USING ERRCODE = '40001'; END $$"
)


def uses_row_locks(uow: UnitOfWork) -> bool:
    """Return whether the database allows concurrent writers, so that rows must be locked."""
    return uow.connection.dialect.name != "sqlite"


def can_repeat(uow: UnitOfWork) -> bool:
    """Return whether the unit is in its first attempt, and nothing but the commit depends on its later statements."""
    is_first = uow.lock_plan is not None and uow.lock_plan.attempts == 1
    return is_first and not (uow.env.event_handlers or uow.connection.in_nested_transaction())


def lock_project(uow: UnitOfWork, project_id: str) -> None:
    """Lock a project until the transaction ends: no other unit changes it or its columns, or creates cards in it.

    Args:
        project_id: The project.
    """
    if uses_row_locks(uow):
        uow.connection.execute(LOCK_PROJECT, {"_project_id": project_id})


def lock_columns(
    uow: UnitOfWork, project_id: str, ids: Collection[str] | None = None
) -> dict[str, LockedColumn]:
    """Lock columns of a project until the transaction ends: no other unit adds, moves or removes their cards.

    Args:
        project_id: The project.
        ids: The ids of the columns; all columns by default.

    Returns:
        The current state of the columns that exist, by id.
    """
    return queue_column_locks(uow, project_id, ids)()


def queue_column_locks(
    uow: UnitOfWork, project_id: str, ids: Collection[str] | None = None
) -> Callable[[], dict[str, LockedColumn]]:
    """Send the statement of ``lock_columns`` together with later ones, and return a function that returns its result.

    Args:
        project_id: The project.
        ids: The ids of the columns; all columns by default.

    Returns:
        A function that returns the current state of the columns that exist, by id.
    """
    parameters: dict[str, object] = {"_project_id": project_id}
    plan = uow.lock_plan
    if plan is not None and uses_row_locks(uow):
        plan.lock_all = partial(_lock_planned, plan)
        if plan.add(project_id, [ALL] if ids is None else ids) and ids is not None:
            # Another unit may hold them and wait for the columns of this one: the next attempt locks all at first.
            free = uow.connection.execute(_FREE, {**parameters, "_ids": list(ids)}).all()
            if len(free) < len({*ids}):
                retry_transaction(uow)
    if ids is None:
        rows = _ALL.queue(uow.connection, parameters)
    elif len(ids) > 2:
        rows = _MANY.queue(uow.connection, {**parameters, "_ids": list(ids)})
    else:
        first, *remaining = ids
        id_pair = {"_first": first, "_second": remaining[0] if remaining else first}
        rows = _TWO.queue(uow.connection, {**parameters, **id_pair})
    return lambda: {row.id: read_locked_column(row) for row in rows.all()}


def _lock_planned(plan: LockPlan, connection: Connection) -> None:
    """Lock all columns that earlier attempts of a unit have needed."""
    for project_id, ids in sorted(plan.needed.items()):
        if ALL in ids:
            connection.execute(_ALL.statement, {"_project_id": project_id})
        else:
            connection.execute(_MANY.statement, {"_project_id": project_id, "_ids": list(ids)})


def read_locked_column(row: LockedColumnRow) -> LockedColumn:
    """Return the column of a row."""
    return LockedColumn(
        row.id, row.name, row.scope_id, row.card_status, row.wip_limit, PositionIndex.parse(row.directory)
    )


def retry_transaction(uow: UnitOfWork) -> None:
    """Abort the unit so that it is retried, since it needs other locks than it has.

    Locking more rows at this point would violate the lock order, and PostgreSQL takes a second to detect a
    deadlock. The unit fails as after a serialization failure, and is run again.

    Raises:
        OperationalError: Always, with SQLSTATE 40001.
    """
    uow.connection.execute(_SERIALIZATION_FAILURE)
