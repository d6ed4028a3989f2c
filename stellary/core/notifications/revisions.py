"""Documents that one person saves repeatedly: the record of the first save gets the values of the later ones."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select, update

from stellary.core.db.row_types import Query
from stellary.core.kernel.events import DocumentRevised
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications.activity import find_mentioned, record
from stellary.core.notifications.changes import merge_changes, to_json
from stellary.core.notifications.row_types import RevisedActivityRow
from stellary.core.notifications.tables import APART_FROM_CARDS, activities

# The record is among the last few minutes of the workspace, so the index is read from its end.
_LAST = Query(
    RevisedActivityRow,
    select(activities.c.seq, activities.c.changes, activities.c.meta)
    .where(
        activities.c.workspace_id == bindparam("_workspace_id"),
        APART_FROM_CARDS,
        activities.c.entity_id == bindparam("_document_id"),
        activities.c.type.in_(("document_created", "document_updated")),
        activities.c.actor_id == bindparam("_actor_id"),
    )
    .order_by(activities.c.id.desc())
    .limit(1),
)
_UPDATE = update(activities).where(activities.c.seq == bindparam("_seq"))


def merge_revisions(uow: UnitOfWork, events: Sequence[DocumentRevised]) -> None:
    """Add further changes of documents to the last records of their changes.

    A document without such a record, such as one that was just imported, gets one, and so does a change that mentions
    users.

    Args:
        events: The changes.
    """
    for event in events:
        parameters = {"_workspace_id": event.workspace_id, "_document_id": event.document.id}
        row = _LAST.first(uow.connection, {**parameters, "_actor_id": uow.user_id})
        if row is None or event.old is None or event.new is None or find_mentioned(uow, event):
            record(uow, [event])
            continue
        changes = merge_changes(row.changes or (), event.old, event.new)
        changed = row.meta.get("changed")
        meta = dict(row.meta)
        if isinstance(changed, list):
            meta["changed"] = list(dict.fromkeys([*changed, *event.changed]))
        uow.connection.execute(
            _UPDATE,
            {"_seq": row.seq, "changes": changes or None, "meta": meta, "item": to_json(event.document)},
        )
