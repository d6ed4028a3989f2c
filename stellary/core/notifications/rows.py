"""Conversion of rows to activities."""

from __future__ import annotations

from stellary.contract.activities import Activity
from stellary.core.accounts.audience import name_of
from stellary.core.notifications.row_types import ActivityColumns
from stellary.core.notifications.tables import activities

ACTIVITY = (
    activities.c.type,
    activities.c.actor_id,
    name_of(activities.c.actor_id).label("actor_name"),
    activities.c.workspace_id,
    activities.c.project_id,
    activities.c.card_id,
    activities.c.meta,
    activities.c.created_at,
)
"""The columns of an activity that a statement selects, except its id."""


def activity_of(row: ActivityColumns, id: str) -> Activity:
    """Convert a row with the columns of ``ACTIVITY`` to an activity."""
    return Activity(
        id=id,
        type=row.type,
        actor_id=row.actor_id,
        actor_name=row.actor_name,
        workspace_id=row.workspace_id,
        project_id=row.project_id,
        card_id=row.card_id,
        meta=row.meta,
        created_at=row.created_at,
    )
