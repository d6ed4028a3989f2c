"""Recorded activities: their queries for other areas, and changes of them.

Those of moved documents follow them, and purged items lose their texts.

What remains of a purged item is who changed it, when and how. The watches of purged cards are deleted as well, since no foreign key deletes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any, Final, get_args

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Text,
    TextClause,
    and_,
    bindparam,
    case,
    delete,
    func,
    not_,
    null,
    or_,
    select,
    type_coerce,
    update,
)

from stellary.contract.activities import Activity, ActivityType, EntityKind
from stellary.contract.wire import utc
from stellary.core.board.queries.card_counts import CARD_STATES
from stellary.core.db.base import IdType, json_text
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.events import DocumentTransferredOut
from stellary.core.kernel.paging import belongs_to
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications.erasure import ERASE_MESSAGES
from stellary.core.notifications.feed import CONTAINER_ID, EARLIEST, FIRST_ID, TRANSACTION_MAX
from stellary.core.notifications.row_types import ActivityMetaRow, ActivityRow
from stellary.core.notifications.rules import OF_PILOTAGE, PURGED, FlowChange
from stellary.core.notifications.tables import (
    APART_FROM_CARDS,
    NOT_OF_CARDS,
    activities,
    notifications,
    watches,
)
from stellary.core.notifications.visibility import ACTIVITY, activity_of

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


def _is_one_of(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    return column.in_(bindparam(name, expanding=True))


_OF_CARDS = _select(_is_one_of(activities.c.card_id, "_keys"))
_IN_PROJECT = (
    activities.c.project_id == bindparam("_project_id"),
    NOT_OF_CARDS,
    _is_one_of(activities.c.entity, "_kinds"),
)
_OF_PROJECT = _select(*_IN_PROJECT)
_OF_ITEMS = _select(*_IN_PROJECT, _is_one_of(activities.c.entity_id, "_keys"))
_OF_DOCUMENTS = _select(
    activities.c.workspace_id == bindparam("_workspace_id"),
    APART_FROM_CARDS,
    activities.c.project_id.is_(None),
    _is_one_of(activities.c.entity_id, "_keys"),
    order=[activities.c.id],
)
_document_id = json_text(activities.c.meta, "documentId")
# That a document has left another place belongs to the history of that place.
_OF_MOVED = select(activities.c.id).where(
    activities.c.workspace_id == bindparam("_workspace_id"),
    activities.c.project_id.is_not_distinct_from(bindparam("_project_id")),
    NOT_OF_CARDS,
    APART_FROM_CARDS,
    activities.c.entity.in_(("document", "document_comment")),
    activities.c.type != "document_transferred_out",
    or_(_is_one_of(activities.c.entity_id, "_keys"), _is_one_of(_document_id, "_keys")),
)
_FOLLOW_NOTIFICATIONS = update(notifications).where(notifications.c.activity_id.in_(_OF_MOVED))
_FOLLOW = update(activities).where(activities.c.id.in_(_OF_MOVED))
_RELATIONS = Query(
    ActivityMetaRow,
    select(activities.c.seq, activities.c.meta).where(
        _is_one_of(activities.c.card_id, "_keys"), activities.c.entity == "relation"
    ),
)
_UPDATE_META = update(activities).where(activities.c.seq == bindparam("_seq")).values(meta=bindparam("_meta"))
_ERASE = _UPDATE_META.values(changes=null(), item=null())
_DELETE_WATCHES = delete(watches).where(_is_one_of(watches.c.card_id, "_keys"))


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
    erased = [{"_seq": row.seq, "_meta": purge_meta(row.meta)} for row in rows]
    if erased:
        uow.connection.execute(_ERASE, erased)


def _erase_other_titles(uow: UnitOfWork, rows: Sequence[ActivityMetaRow], card_ids: set[str]) -> None:
    """Remove the titles of purged cards from the activities of cards that had a relation with them."""
    other_ids = sorted({str(row.meta["otherCardId"]) for row in rows if "otherCardId" in row.meta} - card_ids)
    revised = [
        {"_seq": row.seq, "_meta": {**row.meta, "otherCardTitle": PURGED}}
        for row in (_RELATIONS.all(uow.connection, {"_keys": other_ids}) if other_ids else ())
        if row.meta.get("otherCardId") in card_ids
    ]
    if revised:
        uow.connection.execute(_UPDATE_META, revised)


_OF_PILOTAGE = Query(
    ActivityRow,
    select(activities.c.id, *ACTIVITY)
    .where(
        activities.c.workspace_id == bindparam("_workspace_id"),
        APART_FROM_CARDS,
        activities.c.type.in_(sorted(OF_PILOTAGE)),
    )
    .order_by(activities.c.id.desc())
    .limit(bindparam("_limit")),
)

# Within a JSON string, such as a title, these quotes would be escaped.
_TO_PROGRESS = '%"toStatus":"in_progress"%'

_FLOW_PAGE = 1_000
_AFTER_ALL = "g"
_MOVES: tuple[ActivityType, ...] = (
    "card_created",
    "card_moved",
    "card_transferred",
    "card_transferred_out",
    "card_archived",
    "card_deleted",
    "column_deleted",
    "project_imported",
)
_META, _CHANGES = type_coerce(activities.c.meta, Text), type_coerce(activities.c.changes, Text)
_WAS_DONE = _CHANGES.like('%{"field":"status","from":"done",%')
_ESTIMATES = _CHANGES.like('%{"field":"estimate",%')
# A card that returns to a restored column is done since the time at which it was completed before.
_RETURNS = and_(activities.c.type == "card_moved", _CHANGES.like('%{"field":"completedAt",%'))
# The columns are those of FlowChange.
_PAGE = (
    select(activities.c.id)
    .where(
        belongs_to(activities.c.project_id, CONTAINER_ID),
        activities.c.id >= FIRST_ID,
        activities.c.id < bindparam("_last_id", type_=IdType),
        activities.c.created_at >= bindparam("_since", type_=activities.c.created_at.type),
    )
    .order_by(activities.c.project_id.desc(), activities.c.id.desc())
    .limit(_FLOW_PAGE)
    .cte("page")
)
_END, _NUMBER = (select(function(_PAGE.c.id)).scalar_subquery() for function in (func.min, func.count))
_MOVES_CARDS = or_(
    activities.c.type.in_(_MOVES),
    and_(activities.c.type == "item_restored", activities.c.entity == "card"),
    and_(
        activities.c.type == "card_updated",
        or_(_META.like('%"toColumnId":%'), _META.like('%"fromStatus":%'), _ESTIMATES),
    ),
)
# The last activity of the page, which tells how far it was read, belongs to it in any case.
_FLOW: Select[Any] = (
    select(
        _MOVES_CARDS,
        _NUMBER,
        *(activities.c[name] for name in ("id", "type", "created_at", "card_id", "entity_id", "meta")),
        case((activities.c.type == "column_deleted", activities.c.item)),
        and_(activities.c.type == "card_deleted", _WAS_DONE),
        case((or_(_ESTIMATES, _RETURNS), activities.c.changes)),
        CARD_STATES.c.column_id,
        CARD_STATES.c.is_done,
        CARD_STATES.c.archived,
        CARD_STATES.c.estimate,
        CARD_STATES.c.created_at,
    )
    .select_from(activities.outerjoin(CARD_STATES, CARD_STATES.c.id == activities.c.card_id))
    .where(
        belongs_to(activities.c.project_id, CONTAINER_ID),
        activities.c.id >= _END,
        activities.c.id < bindparam("_last_id", type_=IdType),
        or_(_MOVES_CARDS, activities.c.id == _END),
    )
    .order_by(activities.c.project_id.desc(), activities.c.id.desc())
    .limit(_FLOW_PAGE)
)
_FIRST = (
    select(activities.c.created_at, activities.c.type)
    .where(belongs_to(activities.c.project_id, CONTAINER_ID))
    .order_by(activities.c.project_id, activities.c.id)
    .limit(1)
)


def load_flow_pages(
    uow: UnitOfWork, project_id: str, since: date
) -> Iterator[tuple[int, Iterator[FlowChange]]]:
    """Yield pages of activities, the newest first: the number of all, and those that can move a card or delete a column.

    Args:
        project_id: The project.
        since: The first day, in UTC.
    """
    begin, last_id, number = utc(since), _AFTER_ALL, _FLOW_PAGE
    parameters = {
        "_container_id": project_id,
        "_project_id": project_id,
        "_since": begin,
        "_begun_since": begin - min(TRANSACTION_MAX, begin - EARLIEST),
    }
    while number == _FLOW_PAGE:
        rows = uow.connection.execute(_FLOW, {**parameters, "_last_id": last_id}).fetchall()
        if not rows:
            return
        _, number, last_id, *_ = rows[-1]
        yield number, (FlowChange(*change) for is_change, _, *change in rows if is_change)


def find_first_recorded_day(uow: UnitOfWork, project_id: str) -> date | None:
    """Return the first day on which the activities of a project are complete; None if it has none.

    This is the day of its creation or import, or the day after the first activity if earlier ones were deleted.

    Args:
        project_id: The project.
    """
    row = uow.connection.execute(_FIRST, {"_container_id": project_id}).first()
    if row is None:
        return None
    day: date = row.created_at.astimezone(UTC).date()
    return day if row.type in ("project_created", "project_imported") else day + timedelta(1)


def first_in_progress(card_ids: Select[Any]) -> Select[Any]:
    """Return a statement for the time at which cards were first ``in_progress``: card_id, began_at.

    Cards without such a record are left out: they were never in progress, or only before statuses were recorded.

    Args:
        card_ids: A statement for the ids of the cards, restricted to those that the caller may see.
    """
    return (
        select(activities.c.card_id, func.min(activities.c.created_at).label("began_at"))
        .where(
            activities.c.card_id.in_(card_ids),
            type_coerce(activities.c.meta, Text).like(_TO_PROGRESS),
        )
        .group_by(activities.c.card_id)
    )


def last_activity(project_id: ColumnElement[str]) -> ScalarSelect[datetime | None]:
    """Return a subquery for the time of the last activity of a project and its cards."""
    return (
        select(activities.c.created_at)
        .where(activities.c.project_id == project_id)
        .order_by(activities.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def list_pilotage_activity(uow: UnitOfWork, workspace_id: str, limit: int) -> list[Activity]:
    """Return the latest activities of a workspace's pilotage, newest first.

    Args:
        workspace_id: The workspace.
        limit: The maximum number of activities.
    """
    activity_rows = _OF_PILOTAGE.all(uow.connection, {"_workspace_id": workspace_id, "_limit": limit})
    return [activity_of(row, row.id) for row in activity_rows]
