"""Queries of recorded activities, and subqueries for other areas."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, Text, bindparam, func, select, type_coerce

from stellary.contract.activities import Activity
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications.row_types import ActivityRow
from stellary.core.notifications.rows import ACTIVITY, activity_of
from stellary.core.notifications.rules import OF_PILOTAGE
from stellary.core.notifications.tables import APART_FROM_CARDS, activities

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
