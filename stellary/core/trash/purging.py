"""The purge of the trash: expired items are deleted, then their rows in batches, and after the rows their files."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from functools import partial
from typing import Final, TypedDict

from sqlalchemy import bindparam, delete, select, tuple_

from stellary.core.accounts import container_purge
from stellary.core.kernel import jobs
from stellary.core.kernel.retention import BatchSize
from stellary.core.kernel.trash import TrashRow, rows, trash
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.ports.blobs import discard

PURGE: Final = "trash.purge"
"""The kind of the recurring job that deletes expired items."""
DELETE_ROWS: Final = "trash.delete_rows"
"""The kind of the job that deletes the rows and files of items."""
PAUSE = timedelta(hours=1)
ITEMS_MAX = 100

_EXPIRED = select(trash.c.id).where(trash.c.expires_at <= bindparam("_now")).limit(ITEMS_MAX)
_DELETE = (
    delete(trash)
    .where(trash.c.id.in_(bindparam("_ids", expanding=True)))
    .returning(trash.c.id, trash.c.kind, trash.c.item_id)
)
_DELETE_INSIDE = delete(trash).where(trash.c.project_id == bindparam("_project_id")).returning(trash.c.id)
_DELETE_ROWS = (
    delete(rows)
    .where(
        rows.c.trash_id == bindparam("_trash_id"),
        tuple_(rows.c.table_name, rows.c.key).in_(
            select(rows.c.table_name, rows.c.key)
            .where(rows.c.trash_id == bindparam("_trash_id"))
            .limit(bindparam("_limit"))
        ),
    )
    .returning(rows.c.blob_key)
)


def purge(uow: UnitOfWork, _: object) -> None:
    """Delete the items whose time is over, and schedule the next run."""
    expired_ids = uow.connection.execute(_EXPIRED, {"_now": uow.now}).scalars().all()
    _delete_items(uow, expired_ids)
    is_full = len(expired_ids) == ITEMS_MAX
    jobs.enqueue(uow, PURGE, {}, due_at=uow.now if is_full else uow.now + PAUSE, key=PURGE)


def purge_now(uow: UnitOfWork, item: TrashRow) -> bool:
    """Delete an item for good, with what was deleted from it before.

    Args:
        uow: The unit of work.
        item: The item.

    Returns:
        False if another unit has restored or purged it.
    """
    if not _delete_items(uow, [item.id]):
        return False
    if item.kind == "project":
        inside = uow.connection.execute(_DELETE_INSIDE, {"_project_id": item.item_id})
        _delete_rows_later(uow, inside.scalars().all())
    return True


class _PurgedItems(TypedDict):
    """The payload of the job: the entries of the items, and the number of rows to delete next."""

    trashIds: list[str]
    rows: int


def delete_rows(uow: UnitOfWork, payload: _PurgedItems) -> None:
    """Delete a batch of the rows of purged items, and their files after the commit.

    Args:
        uow: The unit of work.
        payload: The entries of the items, ``trashIds``, and the size of the batch, ``rows``.
    """
    trash_id, *remaining = payload["trashIds"]
    # A job of an earlier version has no size.
    size = BatchSize(payload.get("rows", BatchSize.MIN))
    limit = size.rows
    if size.delete(partial(_delete_rows, uow, trash_id)) == limit:
        remaining = [trash_id, *remaining]
    _delete_rows_later(uow, remaining, size.rows)


def _delete_rows(uow: UnitOfWork, trash_id: str, limit: int) -> int:
    """Delete rows of an item, and their files after the commit; return the number of rows."""
    blob_keys = uow.connection.execute(_DELETE_ROWS, {"_trash_id": trash_id, "_limit": limit}).scalars().all()
    for blob_key in blob_keys:
        if blob_key is not None:
            uow.after_commit.append(partial(discard, uow.env.blobs, blob_key))
    return len(blob_keys)


def _delete_items(uow: UnitOfWork, ids: Collection[str]) -> bool:
    """Delete the entries of items, and their rows later; return whether there were any."""
    if not ids:
        return False
    deleted = uow.connection.execute(_DELETE, {"_ids": list(ids)}).all()
    containers = [(row.kind, row.item_id) for row in deleted if row.kind in ("workspace", "organization")]
    container_purge.enqueue(uow, containers)
    _delete_rows_later(uow, [row.id for row in deleted])
    return bool(deleted)


def _delete_rows_later(uow: UnitOfWork, trash_ids: Collection[str], rows: int = BatchSize.MIN) -> None:
    if trash_ids:
        jobs.enqueue(uow, DELETE_ROWS, _PurgedItems(trashIds=list(trash_ids), rows=rows))
