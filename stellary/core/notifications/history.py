"""History: what is on record of how things came to be as they are, as parts that other areas' statements are built of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, Text, bindparam, func, select, type_coerce

from stellary.contract.activities import Activity
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications.rows import ACTIVITY, activity_of
from stellary.core.notifications.rules import OF_PILOTAGE
from stellary.core.notifications.tables import activities

_OF_PILOTAGE = (
    select(activities.c.id, *ACTIVITY)
    .where(
        activities.c.workspace_id == bindparam("_workspace_id"),
        # What happens outside of projects has an index of its own.
        activities.c.project_id.is_(None),
        activities.c.type.in_(sorted(OF_PILOTAGE)),
    )
    .order_by(activities.c.id.desc())
    .limit(bindparam("_limit"))
)

# Within a text, such as a title, each of these quotes would have a backslash before it.
_TO_PROGRESS = '%"toStatus":"in_progress"%'


def first_in_progress(card_ids: Select[Any]) -> Select[Any]:
    """When cards were first ``in_progress``: card_id, began_at.

    A card of which that is not on record is left out: it never was, or it was before statuses were recorded.

    Args:
        card_ids: Which cards, by a statement that reaches them from what the caller may see.
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
    """When something last happened in the project that a statement selects, or to one of its cards."""
    return (
        select(activities.c.created_at)
        .where(activities.c.project_id == project_id)
        .order_by(activities.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def of_pilotage(uow: UnitOfWork, workspace_id: str, limit: int) -> list[Activity]:
    """What has happened in the pilotage of a workspace, the newest first."""
    found = uow.connection.execute(_OF_PILOTAGE, {"_workspace_id": workspace_id, "_limit": limit})
    return [activity_of(row, row.id) for row in found]
