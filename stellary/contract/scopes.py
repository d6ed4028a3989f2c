"""Scopes: the work packages of a project, each with its own columns. Section Scopes of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from stellary.contract.columns import Column
from stellary.contract.wire import Value, value

ViewType = Literal["kanban", "list", "calendar", "roadmap", "stats"]


@value
class Scope(Value):
    """A work package of a project.

    Attributes:
        order: The dense place in the project, from 0.
        is_default: Whether it takes the columns that name no scope; each project has one, which stays.
        columns: By place.
    """

    id: str
    project_id: str
    name: str
    description: str | None
    order: int
    is_default: bool
    start_date: datetime | None
    due_date: datetime | None
    active_view: ViewType
    columns: list[Column]
    created_at: datetime
    updated_at: datetime
