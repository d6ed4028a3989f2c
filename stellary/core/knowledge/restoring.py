"""Restoring documents and comments on them from the trash."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Column, exists, select, update

from stellary.contract.errors import Conflict
from stellary.contract.trash import RestoreItem
from stellary.core.board.queries.filters import is_in_project
from stellary.core.board.restoring.containers import (
    lock_project_of,
    missing_container,
)
from stellary.core.board.restoring.events import emit_restored
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import trash
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge import placing, rows
from stellary.core.knowledge.row_types import DocumentSummaryRow
from stellary.core.knowledge.tables import comments, documents

_SUMMARY = Query(DocumentSummaryRow, select(*rows.SUMMARY).where(is_given(documents.c.id)))
_PLACE = select(documents.c.parent_id, documents.c.workspace_id).where(is_given(documents.c.id))
_parents = documents.alias("parents")
_IS_ELSEWHERE = exists().where(
    _parents.c.id == documents.c.parent_id, _parents.c.workspace_id != documents.c.workspace_id
)
# The parent has left the workspace in between.
_MOVE_UP = update(documents).where(is_given(documents.c.workspace_id), _IS_ELSEWHERE)
_MOVE = update(documents).where(is_given(documents.c.id)).values(version=documents.c.version + 1)


def restore_document(uow: UnitOfWork, item: trash.TrashRow, _: RestoreItem) -> None:
    """Restore a document with its versions, below its parent if that exists. Its child documents move back below it.

    Args:
        item: The entry of the item.

    Raises:
        Conflict: Its project is gone.
    """
    row = trash.load_rows(uow, item.id, documents)[item.item_id]
    changes: dict[Column[object], object] = {}
    if item.project_id is not None:
        place = item.workspace_id or "", lock_project_of(uow, item)
        if row["scope_id"] is not None and not is_in_project(uow, *place, "scopeId", row["scope_id"]):
            changes = {
                documents.c.context_type: "project",
                documents.c.context_id: item.project_id,
                documents.c.scope_id: None,
            }
    trash.reinsert(uow, item.id, changes=changes)
    restore_children(uow, item)
    document = _SUMMARY.first(uow.connection, {"_id": item.item_id})
    emit_restored(uow, item, None if document is None else rows.SUMMARY_FIELDS.to_value(document))


def restore_comment(uow: UnitOfWork, item: trash.TrashRow, _: RestoreItem) -> str:
    """Restore a comment on a document; return the document in words.

    Args:
        item: The entry of the item.

    Raises:
        Conflict: The document is gone.
    """
    document_id = trash.load_rows(uow, item.id, comments)[item.item_id]["document_id"]
    trash.lock(uow, documents, document_id)
    row = _SUMMARY.first(uow.connection, {"_id": document_id})
    if row is None:
        raise missing_container(uow, "document", document_id)
    trash.reinsert(uow, item.id)
    document = rows.SUMMARY_FIELDS.to_value(row)
    emit_restored(uow, item, document, meta={"documentId": document_id})
    return f'document "{document.title}"'


def restore_children(uow: UnitOfWork, item: trash.TrashRow) -> None:
    """Move documents back below restored ones, if they are still where the deletion has moved them.

    Args:
        item: The restored item: a document, or a container of documents.
    """
    uow.connection.execute(_MOVE_UP, {"_workspace_id": item.workspace_id, "parent_id": None})
    for child_id, parent_id in trash.load_rows(uow, item.id, documents.c.parent_id).items():
        child = uow.connection.execute(_PLACE, {"_id": child_id}).first()
        parent = uow.connection.execute(_PLACE, {"_id": parent_id}).first()
        if child is None or parent is None or child.parent_id not in (None, parent.parent_id):
            continue
        if child.workspace_id == parent.workspace_id:
            with suppress(Conflict):
                placing.check_no_cycle(uow, parent.workspace_id, child_id, parent_id)
                uow.connection.execute(
                    _MOVE, {"_id": child_id, "parent_id": parent_id, "updated_at": uow.now}
                )
