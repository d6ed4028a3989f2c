"""Conversion of rows to activities."""

from __future__ import annotations

from stellary.contract.activities import Activity
from stellary.core.accounts.audience import name_of
from stellary.core.db.row_fields import RowFields
from stellary.core.notifications.row_types import ActivityColumns
from stellary.core.notifications.tables import activities

_FIELDS = RowFields(
    Activity,
    activities,
    computed=("id",),
    selected={"actor_name": name_of(activities.c.actor_id)},
    internal=("id", "seq"),
)
ACTIVITY = _FIELDS.columns
"""The columns of an activity that a statement selects, except its id."""


def activity_of(row: ActivityColumns, id: str) -> Activity:
    """Convert a row with the columns of ``ACTIVITY`` to an activity."""
    return _FIELDS.to_value(row, id=id)
