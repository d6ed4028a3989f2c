"""Changes of activities that were recorded before: those of moved documents follow them, and purged items lose their texts.

What remains of a purged item is who changed it, when and how. The watches of purged cards are deleted as well, since no foreign key deletes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final, get_args

from sqlalchemy import (
    ColumnElement,
    Text,
    TextClause,
    bindparam,
    delete,
    not_,
    null,
    or_,
    select,
    type_coerce,
    update,
)

from stellary.contract.activities import EntityKind
from stellary.core.db.base import is_among, is_given, json_text
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.events import DocumentTransferredOut
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications.erasure import ERASE_MESSAGES
from stellary.core.notifications.row_types import ActivityMetaRow
from stellary.core.notifications.rules import PURGED
from stellary.core.notifications.tables import (
    APART_FROM_CARDS,
    NOT_OF_CARDS,
    activities,
    notifications,
    watches,
)

BATCH_MAX: Final = 200
"""The number of activities that are changed at most before the transaction ends."""

_KINDS: Final = {
    "stellary_attachments": "attachment",
    "stellary_automations": "automation",
    "stellary_columns": "column",
    "stellary_custom_fields": "custom_field",
    "stellary_document_comments": "document_comment",
    "stellary_documents": "document",
    "stellary_labels": "label",
    "stellary_scopes": "scope",
}
"""The kinds of items whose activities are found by the item's id, by the table of the items."""

_TEXTS: Final = frozenset(
    {
        "cardTitle",
        "documentTitle",
        "fileName",
        "message",
        "name",
        "notes",
        "otherCardTitle",
        "project",
        "title",
    }
)
"""The fields of a meta that contain texts of the item."""


def _select(
    *conditions: ColumnElement[bool] | TextClause, order: Sequence[ColumnElement[Any]] = ()
) -> Query[ActivityMetaRow]:
    """Build the statement for activities that still contain texts; the order selects its index."""
    is_purged = type_coerce(activities.c.meta, Text).like('%"purged":true%')
    statement = select(activities.c.seq, activities.c.meta).where(*conditions, not_(is_purged))
    return Query(ActivityMetaRow, statement.order_by(*order).limit(bindparam("_limit")))


_OF_CARDS = _select(is_among(activities.c.card_id, "keys"))
_IN_PROJECT = (is_given(activities.c.project_id), NOT_OF_CARDS, is_among(activities.c.entity, "kinds"))
_OF_PROJECT = _select(*_IN_PROJECT)
_OF_ITEMS = _select(*_IN_PROJECT, is_among(activities.c.entity_id, "keys"))
_OF_DOCUMENTS = _select(
    is_given(activities.c.workspace_id),
    APART_FROM_CARDS,
    activities.c.project_id.is_(None),
    is_among(activities.c.entity_id, "keys"),
    order=[activities.c.id],
)
_document_id = json_text(activities.c.meta, "documentId")
# That a document has left another place belongs to the history of that place.
_OF_MOVED = select(activities.c.id).where(
    is_given(activities.c.workspace_id),
    activities.c.project_id.is_not_distinct_from(bindparam("_project_id")),
    NOT_OF_CARDS,
    APART_FROM_CARDS,
    activities.c.entity.in_(("document", "document_comment")),
    activities.c.type != "document_transferred_out",
    or_(is_among(activities.c.entity_id, "keys"), is_among(_document_id, "keys")),
)
_FOLLOW_NOTIFICATIONS = update(notifications).where(notifications.c.activity_id.in_(_OF_MOVED))
_FOLLOW = update(activities).where(activities.c.id.in_(_OF_MOVED))
_RELATIONS = Query(
    ActivityMetaRow,
    select(activities.c.seq, activities.c.meta).where(
        is_among(activities.c.card_id, "keys"), activities.c.entity == "relation"
    ),
)
_UPDATE_META = update(activities).where(is_given(activities.c.seq))
_ERASE = _UPDATE_META.values(changes=null(), item=null())
_DELETE_WATCHES = delete(watches).where(is_among(watches.c.card_id, "keys"))


def erase_texts(
    uow: UnitOfWork,
    workspace_id: str | None,
    project_id: str | None,
    keys_by_table: Mapping[str, Sequence[str]],
) -> bool:
    """Remove the texts of purged items from some activities, and then the watches of cards.

    Args:
        workspace_id: The workspace of the items.
        project_id: Their project; None if they belong to no project.
        keys_by_table: The ids of the items by the name of their table.

    Returns:
        False if more activities may contain texts.
    """
    kinds = sorted(_KINDS.keys() & keys_by_table.keys())
    item_ids = [id for name in kinds for id in keys_by_table[name]]
    parameters: dict[str, object] = {
        "_workspace_id": workspace_id,
        "_project_id": project_id,
        "_limit": BATCH_MAX,
    }
    if card_ids := keys_by_table.get("stellary_cards"):
        rows = _OF_CARDS.all(uow.connection, {"_keys": card_ids, "_limit": BATCH_MAX})
        _erase(uow, rows)
        _erase_other_titles(uow, rows, set(card_ids))
        if len(rows) == BATCH_MAX:
            return False
        uow.connection.execute(_DELETE_WATCHES, {"_keys": card_ids})
    if "stellary_projects" in keys_by_table:
        query = _OF_PROJECT
        parameters["_kinds"] = [kind for kind in get_args(EntityKind) if kind != "card"]
    elif item_ids:
        query = _OF_DOCUMENTS if project_id is None else _OF_ITEMS
        parameters |= {"_keys": item_ids, "_kinds": [_KINDS[name] for name in kinds]}
    else:
        return True
    rows = query.all(uow.connection, parameters)
    _erase(uow, rows)
    return len(rows) < BATCH_MAX


def follow_documents(uow: UnitOfWork, events: Sequence[DocumentTransferredOut]) -> None:
    """Move the activities of documents and of their comments, and the notifications of them, to where the documents are now.

    Args:
        events: The documents that have left their place.
    """
    for move, group in groupby(events, lambda event: (event.workspace_id, event.project_id, event.place)):
        former = {
            "_workspace_id": move[0],
            "_project_id": move[1],
            "_keys": [item.document.id for item in group],
        }
        workspace_id, project_id = move[2]
        uow.connection.execute(_FOLLOW_NOTIFICATIONS, {**former, "workspace_id": workspace_id})
        uow.connection.execute(_FOLLOW, {**former, "workspace_id": workspace_id, "project_id": project_id})


def enqueue_erasure(uow: UnitOfWork, workspace_id: str, item_ids: Sequence[str]) -> None:
    """Add the job that removes the texts of items from the messages of the webhooks of a workspace.

    Args:
        workspace_id: The workspace.
        item_ids: The ids of the items.
    """
    jobs.enqueue(uow, ERASE_MESSAGES, {"workspaceId": workspace_id, "after": "", "itemIds": item_ids})


def purge_meta(meta: Mapping[str, object]) -> dict[str, object]:
    """Return the meta of an activity without the texts of its item, which was purged."""
    texts = {name: PURGED for name in _TEXTS & meta.keys() if meta[name]}
    return {**meta, **texts, "purged": True}


def _erase(uow: UnitOfWork, rows: Sequence[ActivityMetaRow]) -> None:
    erased = [{"_seq": row.seq, "meta": purge_meta(row.meta)} for row in rows]
    if erased:
        uow.connection.execute(_ERASE, erased)


def _erase_other_titles(uow: UnitOfWork, rows: Sequence[ActivityMetaRow], card_ids: set[str]) -> None:
    """Remove the titles of purged cards from the activities of cards that had a relation with them."""
    other_ids = sorted({str(row.meta["otherCardId"]) for row in rows if "otherCardId" in row.meta} - card_ids)
    revised = [
        {"_seq": row.seq, "meta": {**row.meta, "otherCardTitle": PURGED}}
        for row in (_RELATIONS.all(uow.connection, {"_keys": other_ids}) if other_ids else ())
        if row.meta.get("otherCardId") in card_ids
    ]
    if revised:
        uow.connection.execute(_UPDATE_META, revised)
