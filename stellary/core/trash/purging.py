"""The purge of the trash: expired items are deleted, then their rows in batches, and after the rows their files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import partial
from typing import Final, NotRequired, TypedDict

from sqlalchemy import bindparam, delete, select, tuple_

from stellary.core.accounts import deleted_containers
from stellary.core.board import attachments
from stellary.core.db.base import is_among, is_given
from stellary.core.kernel import jobs
from stellary.core.kernel.grouping import group
from stellary.core.kernel.retention import BatchSize
from stellary.core.kernel.trash import USED_BLOBS, TrashRow, rows, trash
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications.purged_texts import enqueue_erasure, erase_texts
from stellary.core.ports.blobs import discard

PURGE: Final = "trash.purge"
"""The kind of the recurring job that deletes expired items."""
DELETE_ROWS: Final = "trash.delete_rows"
"""The kind of the job that deletes the rows and files of items."""
PAUSE = timedelta(hours=1)
ITEMS_MAX = 100
ERASED_MAX: Final = 2_000
"""The number of purged ids after which their texts are erased from messages, although the purge goes on."""

_EXPIRED = select(trash.c.id).where(trash.c.expires_at <= bindparam("_now")).limit(ITEMS_MAX)
_DELETE = (
    delete(trash)
    .where(is_among(trash.c.id))
    .returning(trash.c.id, trash.c.kind, trash.c.item_id, trash.c.workspace_id, trash.c.project_id)
)
_DELETE_INSIDE = delete(trash).where(is_given(trash.c.project_id)).returning(trash.c.id)
_NEXT_ROWS = (
    select(rows.c.table_name, rows.c.key)
    .where(is_given(rows.c.trash_id))
    .order_by(rows.c.table_name, rows.c.key)
    .limit(bindparam("_limit"))
)
_DELETE_ROWS = (
    delete(rows)
    .where(is_given(rows.c.trash_id), tuple_(rows.c.table_name, rows.c.key).in_(_NEXT_ROWS))
    .returning(rows.c.blob_key)
)
# One statement, which sees a file that is being restored in one of both places.
_SHARED = attachments.USED_BLOBS.union(USED_BLOBS)


def purge(uow: UnitOfWork, _: object) -> None:
    """Delete the items whose time is over, and schedule the next run."""
    expired_ids = uow.connection.execute(_EXPIRED, {"_now": uow.now}).scalars().all()
    _delete_items(uow, expired_ids)
    is_full = len(expired_ids) == ITEMS_MAX
    jobs.enqueue(uow, PURGE, {}, due_at=uow.now if is_full else uow.now + PAUSE, key=PURGE)


def purge_now(uow: UnitOfWork, item: TrashRow) -> bool:
    """Delete an item for good, with what was deleted from it before.

    Args:
        item: The item.

    Returns:
        False if another unit has restored or purged it.
    """
    if not _delete_items(uow, [item.id]):
        return False
    if item.kind == "project":
        inside = uow.connection.execute(_DELETE_INSIDE, {"_project_id": item.item_id}).scalars().all()
        _delete_rows_later(uow, inside, item.workspace_id, item.item_id)
    return True


class _PurgedItems(TypedDict):
    """The payload of the job: the entries of items in a project or a workspace, and the number of rows to delete next."""

    trashIds: list[str]
    rows: int
    # A job of an earlier version has no containers, and erases only texts about cards.
    workspaceId: NotRequired[str | None]
    projectId: NotRequired[str | None]
    # The ids of purged items whose texts are still in messages.
    purgedIds: NotRequired[list[str]]


def delete_rows(uow: UnitOfWork, payload: _PurgedItems) -> None:
    """Erase the texts of purged items from activities, delete a batch of their rows, and their files after the commit.

    Args:
        payload: The payload of the job.
    """
    trash_id, *remaining = payload["trashIds"]
    # A job of an earlier version has no size.
    size = BatchSize(payload.get("rows", BatchSize.MIN))
    limit = size.rows
    workspace_id, _ = containers = payload.get("workspaceId"), payload.get("projectId")
    purged_ids = [*payload.get("purgedIds", ())]
    if size.delete(partial(_delete_rows, uow, trash_id, *containers, purged_ids)) == limit:
        remaining = [trash_id, *remaining]
    # Each erasure reads all messages of the workspace.
    if workspace_id is not None and purged_ids and (len(purged_ids) >= ERASED_MAX or not remaining):
        enqueue_erasure(uow, workspace_id, purged_ids)
        purged_ids = []
    _delete_rows_later(uow, remaining, *containers, size.rows, purged_ids)


def _delete_rows(
    uow: UnitOfWork,
    trash_id: str,
    workspace_id: str | None,
    project_id: str | None,
    purged_ids: list[str],
    limit: int,
) -> int:
    """Delete rows of an item once no activity contains its texts, and their files; return ``limit`` if some may be left.

    The ids of the rows are added to ``purged_ids``.
    """
    next_rows = uow.connection.execute(_NEXT_ROWS, {"_trash_id": trash_id, "_limit": limit})
    keys_by_table = group((row.table_name, row.key) for row in next_rows)
    if not erase_texts(uow, workspace_id, project_id, keys_by_table):
        return limit
    for row_ids in keys_by_table.values():
        purged_ids += row_ids
    blob_keys = uow.connection.execute(_DELETE_ROWS, {"_trash_id": trash_id, "_limit": limit}).scalars().all()
    keys = {key for key in blob_keys if key is not None}
    shared_keys = uow.connection.execute(_SHARED, {"_keys": list(keys)}).scalars() if keys else ()
    for key in keys.difference(shared_keys):
        uow.after_commit.append(partial(discard, uow.env.blobs, key))
    return len(blob_keys)


def _delete_items(uow: UnitOfWork, ids: Collection[str]) -> bool:
    """Delete the entries of items, and their rows later; return whether there were any."""
    if not ids:
        return False
    deleted = uow.connection.execute(_DELETE, {"_ids": list(ids)}).all()
    containers = [(row.kind, row.item_id) for row in deleted if row.kind in ("workspace", "organization")]
    deleted_containers.enqueue(uow, containers)
    by_container = group(((row.workspace_id, row.project_id), row.id) for row in deleted)
    for container_ids, trash_ids in by_container.items():
        _delete_rows_later(uow, trash_ids, *container_ids)
    return bool(deleted)


def _delete_rows_later(
    uow: UnitOfWork,
    trash_ids: Sequence[str],
    workspace_id: str | None,
    project_id: str | None,
    rows: int = BatchSize.MIN,
    purged_ids: Sequence[str] = (),
) -> None:
    if trash_ids:
        containers = {"workspaceId": workspace_id, "projectId": project_id}
        payload = {"trashIds": trash_ids, "rows": rows, **containers, "purgedIds": purged_ids}
        jobs.enqueue(uow, DELETE_ROWS, payload)
