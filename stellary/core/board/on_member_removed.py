"""Reactions of the board when a user leaves a workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import and_, bindparam, delete, select, update

from stellary.contract.fields import replace_fields
from stellary.core.accounts.project_sight import is_shared, is_stranger
from stellary.core.board.queries.current_cards import load_current_cards
from stellary.core.board.tables import cards, project_members, projects, saved_filters
from stellary.core.db.base import is_among, is_given
from stellary.core.kernel.events import (
    AdminRightsLost,
    CardUnassigned,
    ItemRestored,
    ProjectEvent,
    ProjectMemberLeft,
    WorkspaceLeft,
)
from stellary.core.kernel.unit import UnitOfWork

_BATCH = 500

_PROJECTS = select(projects.c.id).where(is_given(projects.c.workspace_id))
_FREE = {"assignee_id": None, "version": cards.c.version + 1, "updated_at": bindparam("_now")}
_UNASSIGN = (
    update(cards)
    .where(is_given(cards.c.assignee_id, "user_id"), cards.c.project_id.in_(_PROJECTS))
    .values(_FREE)
    .returning(cards.c.id)
)
_STRANGERS = select(cards.c.id, cards.c.assignee_id).where(
    cards.c.assignee_id.is_not(None),
    is_stranger(cards.c.assignee_id, cards.c.project_id, bindparam("_workspace_id")),
)
_STRANGERS_HERE = _STRANGERS.where(is_given(cards.c.project_id))
_STRANGER = _STRANGERS.where(is_given(cards.c.assignee_id, "user_id"), cards.c.project_id.in_(_PROJECTS))
_UNASSIGN_THESE = update(cards).where(is_among(cards.c.id)).values(_FREE)
_MEMBERSHIPS = and_(is_given(project_members.c.user_id), project_members.c.project_id.in_(_PROJECTS))
_LEFT_PROJECTS = (
    select(project_members.c.project_id).where(_MEMBERSHIPS).order_by(project_members.c.project_id)
)
_LEAVE_PROJECTS = delete(project_members).where(_MEMBERSHIPS)
_DELETE_OWN_FILTERS = delete(saved_filters).where(
    is_given(saved_filters.c.workspace_id),
    is_given(saved_filters.c.created_by_id, "user_id"),
    ~saved_filters.c.shared,
)


def unassign_cards(uow: UnitOfWork, workspace_id: str, user_id: str) -> None:
    """Unassign the cards of a workspace that are assigned to a user or an agent.

    Args:
        workspace_id: The workspace.
        user_id: The id of the user, or of the agent.
    """
    parameters = {"_workspace_id": workspace_id, "_user_id": user_id, "_now": uow.now}
    card_ids = uow.connection.execute(_UNASSIGN, parameters).scalars()
    _emit_unassigned(uow, workspace_id, dict.fromkeys(card_ids, user_id))


def unassign_strangers(
    uow: UnitOfWork, events: Sequence[ProjectEvent | AdminRightsLost | ItemRestored]
) -> None:
    """Unassign the cards that are assigned to people who do not see their projects.

    Args:
        events: The changes after which people may no longer see a project.
    """
    places = {
        (event.workspace_id, "_user_id", event.user_id)
        if isinstance(event, AdminRightsLost)
        else (event.workspace_id, "_project_id", event.project_id)
        for event in events
        if isinstance(event, AdminRightsLost)
        or not (event.project_id is None or is_shared(uow, event.workspace_id, event.project_id))
    }
    for workspace_id, name, id in sorted(places):
        statement = _STRANGER if name == "_user_id" else _STRANGERS_HERE
        parameters = {"_workspace_id": workspace_id, name: id}
        assigned = {row.id: row.assignee_id for row in uow.connection.execute(statement, parameters)}
        for first in range(0, len(assigned), _BATCH):
            ids = sorted(assigned)[first : first + _BATCH]
            uow.connection.execute(_UNASSIGN_THESE, {"_ids": ids, "_now": uow.now})
        _emit_unassigned(uow, workspace_id, assigned)


def _emit_unassigned(uow: UnitOfWork, workspace_id: str, former: Mapping[str, str]) -> None:
    """Emit that cards were unassigned from the users of a mapping by card."""
    card_ids = sorted(former)
    for first in range(0, len(card_ids), _BATCH):
        cards_by_id = load_current_cards(uow.connection, workspace_id, card_ids[first : first + _BATCH])
        for card_id in sorted(cards_by_id):
            card = cards_by_id[card_id]
            before = replace_fields(card, assignee_id=former[card_id])
            ids = {"workspace_id": workspace_id, "project_id": card.project_id}
            uow.emit(CardUnassigned(**ids, card=card, before=before))


def leave_boards(uow: UnitOfWork, events: Sequence[WorkspaceLeft]) -> None:
    """Delete the project memberships, card assignments and own saved filters of the users who left.

    Args:
        events: The users who have left a workspace.
    """
    for event in events:
        ids = {"workspace_id": event.workspace_id, "user_id": event.user_id}
        unassign_cards(uow, **ids)
        parameters = {f"_{name}": id for name, id in ids.items()}
        project_ids = uow.connection.execute(_LEFT_PROJECTS, parameters).scalars().all()
        uow.connection.execute(_LEAVE_PROJECTS, parameters)
        uow.connection.execute(_DELETE_OWN_FILTERS, parameters)
        for project_id in project_ids:
            uow.emit(ProjectMemberLeft(**ids, project_id=project_id))
