"""Queries of recorded activities, and subqueries for other areas."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Text,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    type_coerce,
)

from stellary.contract.activities import Activity, ActivityType
from stellary.contract.wire import utc
from stellary.core.board.queries.card_counts import CARD_STATES
from stellary.core.db.base import IdType, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.paging import belongs_to
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications.feed import CONTAINER_ID, EARLIEST, FIRST_ID, TRANSACTION_MAX
from stellary.core.notifications.row_types import ActivityRow
from stellary.core.notifications.rows import ACTIVITY, activity_of
from stellary.core.notifications.rules import OF_PILOTAGE, FlowChange
from stellary.core.notifications.tables import APART_FROM_CARDS, activities

_OF_PILOTAGE = Query(
    ActivityRow,
    select(activities.c.id, *ACTIVITY)
    .where(is_given(activities.c.workspace_id), APART_FROM_CARDS, activities.c.type.in_(sorted(OF_PILOTAGE)))
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
