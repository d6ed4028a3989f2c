"""Reactions of the board when a user leaves a workspace."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, bindparam, delete, select, update

from stellary.contract.fields import replace_fields
from stellary.core.board.queries.current_cards import load_current_cards
from stellary.core.board.tables import cards, project_members, projects
from stellary.core.kernel.events import CardUnassigned, ProjectMemberLeft, WorkspaceLeft
from stellary.core.kernel.unit import UnitOfWork

_BATCH = 500

_PROJECTS = select(projects.c.id).where(projects.c.workspace_id == bindparam("_workspace_id"))
_UNASSIGN = (
    update(cards)
    .where(cards.c.assignee_id == bindparam("_user_id"), cards.c.project_id.in_(_PROJECTS))
    .values(assignee_id=None, version=cards.c.version + 1, updated_at=bindparam("_now"))
    .returning(cards.c.id)
)
_MEMBERSHIPS = and_(
    project_members.c.user_id == bindparam("_user_id"), project_members.c.project_id.in_(_PROJECTS)
)
_LEFT_PROJECTS = (
    select(project_members.c.project_id).where(_MEMBERSHIPS).order_by(project_members.c.project_id)
)
_LEAVE_PROJECTS = delete(project_members).where(_MEMBERSHIPS)


def unassign_cards(uow: UnitOfWork, workspace_id: str, user_id: str) -> None:
    """Unassign the cards of a workspace that are assigned to a user or an agent.

    Args:
        workspace_id: The workspace.
        user_id: The id of the user, or of the agent.
    """
    parameters = {"_workspace_id": workspace_id, "_user_id": user_id, "_now": uow.now}
    card_ids = sorted(uow.connection.execute(_UNASSIGN, parameters).scalars())
    for first in range(0, len(card_ids), _BATCH):
        cards_by_id = load_current_cards(uow.connection, workspace_id, card_ids[first : first + _BATCH])
        for card_id in sorted(cards_by_id):
            card = cards_by_id[card_id]
            before = replace_fields(card, assignee_id=user_id)
            uow.emit(
                CardUnassigned(
                    workspace_id=workspace_id, project_id=card.project_id, card=card, before=before
                )
            )


def leave_boards(uow: UnitOfWork, events: Sequence[WorkspaceLeft]) -> None:
    """Delete the project memberships and card assignments of the users who left.

    Args:
        events: The users who have left a workspace.
    """
    for event in events:
        ids = {"workspace_id": event.workspace_id, "user_id": event.user_id}
        unassign_cards(uow, **ids)
        parameters = {f"_{name}": id for name, id in ids.items()}
        project_ids = uow.connection.execute(_LEFT_PROJECTS, parameters).scalars().all()
        uow.connection.execute(_LEAVE_PROJECTS, parameters)
        for project_id in project_ids:
            uow.emit(ProjectMemberLeft(**ids, project_id=project_id))
