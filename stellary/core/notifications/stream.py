"""The event stream of a workspace, which delivers its activities in the order in which they were recorded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection, bindparam, func, select

from stellary.contract.activities import WorkspaceEvent
from stellary.contract.comments import Comment, DocumentComment
from stellary.contract.refs import WorkspaceRef
from stellary.contract.wire import UNSET, Follow, Stream, dump
from stellary.contract.workspace_events import STREAM_EVENTS
from stellary.core.accounts import access
from stellary.core.accounts.people import read_people
from stellary.core.accounts.project_sight import is_visible
from stellary.core.accounts.rules import SEES_ALL
from stellary.core.board import comments as card_comments
from stellary.core.board.queries.current_cards import load_current_cards
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.commit_watermark import CommitWatermark
from stellary.core.kernel.signals import of_workspace
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.units import Units
from stellary.core.knowledge import comments as document_comments
from stellary.core.notifications.row_types import StreamedActivityRow
from stellary.core.notifications.rows import ACTIVITY, event_of
from stellary.core.notifications.tables import activities
from stellary.core.notifications.visibility import IS_SEEN, list_hidden_kinds, list_role_policies
from stellary.core.streaming.streams import Batch, Record, frames

BATCH_SIZE = 200

_LAST = select(func.coalesce(func.max(activities.c.seq), 0))
_LAST_HERE = _LAST.where(is_given(activities.c.workspace_id))
_ACTIVITIES = (
    select(activities.c.seq, activities.c.id, activities.c.item, *ACTIVITY)
    .where(
        is_given(activities.c.workspace_id),
        activities.c.seq > bindparam("_after"),
        activities.c.seq <= bindparam("_end"),
    )
    .order_by(activities.c.seq)
    .limit(BATCH_SIZE)
)
_SHOWN = activities.c.entity.not_in(bindparam("_hidden_kinds", expanding=True))
_AFTER = Query(StreamedActivityRow, _ACTIVITIES.where(_SHOWN))
_MEMBERS_AFTER = Query(StreamedActivityRow, _ACTIVITIES.where(_SHOWN, is_visible(activities.c.project_id)))
_LIMITED_AFTER = Query(StreamedActivityRow, _ACTIVITIES.where(_SHOWN, IS_SEEN))


@serves(STREAM_EVENTS)
def stream_events(uow: UnitOfWork, ref: WorkspaceRef, request: Follow) -> Stream[WorkspaceEvent]:
    """Stream the activities of a workspace whose items the caller may read."""
    loaded = access.workspace(uow, ref)
    workspace, sight = loaded.row, loaded.roles.sight
    hidden_kinds = list_hidden_kinds(uow.actor, loaded.roles)
    after = None
    if request.last_event_id is not UNSET:
        # A number beyond the end means that the database was restored from a backup. The end is read now, so
        # that activities before the first read are sent as well.
        last = uow.connection.execute(_LAST_HERE, {"_workspace_id": workspace.id}).scalar_one()
        after = min(int(request.last_event_id), last)
    parameters = {"_workspace_id": workspace.id, "_hidden_kinds": hidden_kinds, **sight.parameters}
    query = _AFTER if sight == SEES_ALL else _LIMITED_AFTER if sight.is_limited else _MEMBERS_AFTER
    return Record(
        of_workspace(workspace.id),
        after,
        partial(_read, query, parameters),
        view=(hidden_kinds, sight),
        sight=sight,
        policies=list_role_policies(uow.actor, loaded.roles, STREAM_EVENTS.policy),
    )


def commit_watermark() -> CommitWatermark:
    """Create the commit watermark of the activity table, for a core to keep."""
    return CommitWatermark(activities)


def _read(
    query: Query[StreamedActivityRow], parameters: Mapping[str, object], units: Units, after: int | None
) -> Batch:
    """Read the activities after a number; on PostgreSQL up to the commit watermark."""
    if units.database.is_sqlite:
        # SQLite has one writer at a time, so rows become visible in order.
        with units.database.reading() as connection:
            end = connection.execute(_LAST).scalar_one()
            return _read_batch(connection, query, parameters, after, end, False)
    with units.database.writing() as connection:
        end, pending = units.env.watermark.read(connection)
        return _read_batch(connection, query, parameters, after, end, pending)


def _read_batch(
    connection: Connection,
    query: Query[StreamedActivityRow],
    parameters: Mapping[str, object],
    after: int | None,
    end: int,
    pending: bool,
) -> Batch:
    if after is None or after >= end:
        # The watermark may briefly be behind the last batch; the position never moves back, so nothing is sent twice.
        return Batch(end if after is None else after, pending=pending)
    rows = query.all(connection, {**parameters, "_after": after, "_end": end})
    card_ids = {row.card_id for row in rows if row.card_id}
    current = load_current_cards(connection, str(parameters["_workspace_id"]), card_ids)
    # A card that has left the project in between may be in one that the reader does not see.
    cards = {f"{id} {card.project_id}": card for id, card in current.items()}
    people_by_id = read_people(connection, {card.assignee_id for card in cards.values() if card.assignee_id})
    comments = _read_comments(connection, rows, cards)
    blocks = frames(
        (
            row.seq,
            "activity",
            dump(
                event_of(
                    row,
                    cards.get(f"{row.card_id} {row.project_id}"),
                    people_by_id,
                    comments.get(row.entity_id or ""),
                )
            ),
        )
        for row in rows
    )
    has_more = len(rows) == BATCH_SIZE
    return Batch(rows[-1].seq if has_more else end, blocks, has_more, pending)


def _read_comments(
    connection: Connection, rows: Sequence[StreamedActivityRow], cards: Collection[str]
) -> Mapping[str, Comment | DocumentComment]:
    """Return the comments of activities by id, without those on cards and documents that are not in their place any more."""
    on_cards = [
        row.entity_id or ""
        for row in rows
        if row.entity == "comment" and f"{row.card_id} {row.project_id}" in cards
    ]
    places = {
        row.entity_id or "": (row.workspace_id, row.project_id)
        for row in rows
        if row.entity == "document_comment"
    }
    return {
        **card_comments.ROWS.read_current(connection, on_cards),
        **document_comments.read_current_comments(connection, places),
    }
