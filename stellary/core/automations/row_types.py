"""The rows of automations, as their statements select them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

from stellary.core.db.row_types import RowType


class StoredAction(TypedDict):
    """An action after the first one of a rule."""

    type: str
    params: dict[str, object]


class StoredSchedule(TypedDict):
    """A schedule as it is stored."""

    rule: str
    time_zone: str
    cards: dict[str, object] | None


class AutomationRow(RowType):
    """A rule."""

    id: str
    project_id: str
    name: str
    trigger: str
    conditions: dict[str, Any]
    further_actions: list[StoredAction]
    schedule: StoredSchedule | None
    next_run_at: datetime | None
    enabled: bool
    owner_id: str
    armed_at: datetime


class EnabledRow(AutomationRow):
    """An enabled rule, and whether it lacks an item that it needs."""

    broken: bool


class ScheduledRow(AutomationRow):
    """A rule with a schedule, and its workspace."""

    workspace_id: str


class TraceRow(RowType):
    """A trace of a rule."""

    card_id: str | None
