"""Departures: what somebody who has left a workspace leaves behind on its boards."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select, update

from stellary.core.board.tables import cards, project_members, projects
from stellary.core.kernel.events import WorkspaceLeft
from stellary.core.kernel.unit import UnitOfWork

_PROJECTS = select(projects.c.id).where(projects.c.workspace_id == bindparam("_workspace_id"))
_UNASSIGN = (
    update(cards)
    .where(cards.c.assignee_id == bindparam("_user_id"), cards.c.project_id.in_(_PROJECTS))
    .values(assignee_id=None, version=cards.c.version + 1, updated_at=bindparam("_now"))
)
_LEAVE_PROJECTS = delete(project_members).where(
    project_members.c.user_id == bindparam("_user_id"), project_members.c.project_id.in_(_PROJECTS)
)


def leave_boards(uow: UnitOfWork, events: Sequence[WorkspaceLeft]) -> None:
    """End the project memberships and assignments of who left. Other people's work on their cards stays theirs."""
    left = [{"_workspace_id": event.workspace_id, "_user_id": event.user_id} for event in events]
    uow.connection.execute(_UNASSIGN, [{**each, "_now": uow.now} for each in left])
    uow.connection.execute(_LEAVE_PROJECTS, left)
