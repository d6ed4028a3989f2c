"""Reactions of the board when a user leaves a workspace."""

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


def unassign_cards(uow: UnitOfWork, workspace_id: str, user_id: str) -> None:
    """Unassign the cards of a workspace that are assigned to a user or an agent.

    Args:
        uow: The unit of work.
        workspace_id: The workspace.
        user_id: The id of the user, or of the agent.
    """
    parameters = {"_workspace_id": workspace_id, "_user_id": user_id, "_now": uow.now}
    uow.connection.execute(_UNASSIGN, parameters)


def leave_boards(uow: UnitOfWork, events: Sequence[WorkspaceLeft]) -> None:
    """Delete the project memberships and card assignments of the users who left.

    Args:
        uow: The unit of work.
        events: The users who have left a workspace.
    """
    departures = [{"_workspace_id": event.workspace_id, "_user_id": event.user_id} for event in events]
    uow.connection.execute(_UNASSIGN, [{**departure, "_now": uow.now} for departure in departures])
    uow.connection.execute(_LEAVE_PROJECTS, departures)
