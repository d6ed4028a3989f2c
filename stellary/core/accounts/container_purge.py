"""The purge of deleted workspaces and organizations: a job deletes their rows in batches, the innermost ones first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import Final, TypedDict

from sqlalchemy import Delete, Table, bindparam, delete, or_, select

from stellary.contract.trash import ContainerKind
from stellary.core.accounts.agent_users import delete_agent_users
from stellary.core.accounts.tables import organizations, workspaces
from stellary.core.db.base import is_given
from stellary.core.kernel import jobs, trash
from stellary.core.kernel.retention import BatchSize, restrict
from stellary.core.kernel.trash_statements import find_contents
from stellary.core.kernel.unit import UnitOfWork

DELETE: Final = "trash.delete_container"
"""The kind of the job that deletes the rows of a purged workspace or organization."""
_TABLES: Final[Mapping[str, Table]] = {"workspace": workspaces, "organization": organizations}
_ENTRY_COLUMNS = {"workspace": trash.trash.c.workspace_id, "organization": trash.trash.c.organization_id}
_INSIDE = {
    "workspace": select(workspaces.c.id).where(is_given(workspaces.c.id)),
    "organization": select(workspaces.c.id).where(is_given(workspaces.c.organization_id, "id")),
}
_IS_DELETED = {
    kind: select(table.c.id).where(is_given(table.c.id), table.c.trash_id.is_not(None))
    for kind, table in _TABLES.items()
}


class Purge(TypedDict):
    """The payload of the job: the container, and how far it has come.

    Attributes:
        kind, id: The container.
        table: The number of the table whose rows are deleted next.
        rows: The number of rows to delete next.
    """

    kind: ContainerKind
    id: str
    table: int
    rows: int


def enqueue(uow: UnitOfWork, containers: Iterable[tuple[ContainerKind, str]]) -> None:
    """Schedule the deletion of containers whose entries in the trash have been deleted.

    Args:
        containers: The kind and the id of each.
    """
    for kind, id in containers:
        jobs.enqueue(uow, DELETE, Purge(kind=kind, id=id, table=0, rows=BatchSize.MIN))


def delete_batch(uow: UnitOfWork, payload: Purge) -> None:
    """Delete the next rows of a container; in the end, the container itself.

    Args:
        payload: The payload of the job.
    """
    kind, id = payload["kind"], payload["id"]
    if uow.connection.execute(_IS_DELETED[kind], {"_id": id}).first() is None:
        return
    deletions = _build_deletions(kind, uow.connection.dialect.name)
    size = BatchSize(payload["rows"])
    for number, statement in enumerate(deletions[payload["table"] :], payload["table"]):
        if size.delete(partial(_delete_rows, uow, statement, id)):
            jobs.enqueue(uow, DELETE, Purge(kind=kind, id=id, table=number, rows=size.rows))
            return
    delete_container(uow, kind, id)


def _delete_rows(uow: UnitOfWork, statement: Delete, id: str, limit: int) -> int:
    return uow.connection.execute(statement, {"_item_id": id, "_limit": limit}).rowcount


def delete_container(uow: UnitOfWork, kind: ContainerKind, id: str) -> None:
    """Delete a workspace or an organization with everything that is left in it, which the database does by foreign keys.

    Args:
        kind: ``workspace`` or ``organization``.
        id: Its id.
    """
    workspace_ids = uow.connection.execute(_INSIDE[kind], {"_id": id}).scalars().all()
    uow.connection.execute(_build_last_deletion(kind), {"_id": id})
    trash.expire(uow, _ENTRY_COLUMNS[kind], id)
    delete_agent_users(uow, workspace_ids)


@cache
def _build_last_deletion(kind: ContainerKind) -> Delete:
    table = _TABLES[kind]
    return delete(table).where(is_given(table.c.id))


@cache
def _build_deletions(kind: ContainerKind, dialect: str) -> tuple[Delete, ...]:
    """Return the statements that each delete some rows of a table in a container, from the inside out."""
    contents = find_contents(_TABLES[kind])
    return tuple(
        restrict(
            delete(table),
            select(*table.primary_key.columns).where(or_(*conditions)).limit(bindparam("_limit")),
            dialect,
        )
        for table, conditions in reversed(list(contents.items()))
        # The workspaces of an organization stay until the end, since they lead to the users of its agents.
        if table not in _TABLES.values()
    )
