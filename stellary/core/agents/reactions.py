"""Reactions of agents when a user loses rights or revokes all tokens, an item is restored, or a card leaves the workspace."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from stellary.core.agents import missions, rows
from stellary.core.agents.row_types import EndedTokenRow
from stellary.core.agents.tables import agent_tokens, agents
from stellary.core.agents.tables import missions as table
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import trash
from stellary.core.kernel.events import (
    AdminRightsLost,
    BecameGuest,
    CardTransferred,
    ItemRestored,
    TokensRevoked,
    WorkspaceLeft,
)
from stellary.core.kernel.grouping import group
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import UnitOfWork

CREATOR_LEFT = "the person who created it no longer has access to the workspace"
_REVOKE_ALL = delete(agent_tokens).where(is_given(agent_tokens.c.created_by_id, "user_id"))
_REVOKED = (
    *agent_tokens.c,
    *(
        select(column).where(agents.c.id == agent_tokens.c.agent_id).scalar_subquery().label(name)
        for name, column in (("agent_name", agents.c.name), ("workspace_id", agents.c.workspace_id))
    ),
)
_REVOKE_HERE = Query(
    EndedTokenRow,
    _REVOKE_ALL.where(
        agent_tokens.c.agent_id.in_(select(agents.c.id).where(is_given(agents.c.workspace_id)))
    ).returning(*_REVOKED),
)
_REVOKE_EVERYWHERE = Query(EndedTokenRow, _REVOKE_ALL.returning(*_REVOKED))
_ACTIVE_MISSIONS = (
    select(table.c.id)
    .where(
        is_given(table.c.workspace_id),
        is_given(table.c.created_by_id, "user_id"),
        table.c.status.in_(missions.ACTIVE),
    )
    .order_by(table.c.id)
)


def revoke_tokens(uow: UnitOfWork, events: Sequence[WorkspaceLeft | AdminRightsLost]) -> None:
    """Revoke the agent tokens created by users who may no longer create any.

    Args:
        events: The users who have left a workspace, or are no longer admins there.
    """
    for event in events:
        parameters = {"_user_id": event.user_id, "_workspace_id": event.workspace_id}
        revoked = _REVOKE_HERE.all(uow.connection, parameters)
        if revoked:
            _record_revoked(uow, revoked)
            uow.send_on_commit(ACCESS)


def revoke_all_tokens(uow: UnitOfWork, events: Sequence[TokensRevoked]) -> None:
    """Revoke the agent tokens that users created, in all workspaces.

    Args:
        events: The users who revoke all their tokens.
    """
    for event in events:
        _record_revoked(uow, _REVOKE_EVERYWHERE.all(uow.connection, {"_user_id": event.user_id}))
        uow.send_on_commit(ACCESS)


def _record_revoked(uow: UnitOfWork, revoked: Sequence[EndedTokenRow]) -> None:
    """Count revoked tokens, and emit their events."""
    uow.ended_counts["agent_tokens"] += len(revoked)
    for row in revoked:
        emit_change(uow, row.workspace_id, rows.TOKENS.to_value(row), None, agent=row.agent_name)


def cancel_missions(uow: UnitOfWork, events: Sequence[WorkspaceLeft | BecameGuest]) -> None:
    """Cancel the active missions that were created by users who may not create any more.

    Args:
        events: The users who have left a workspace, or are guests of it now.
    """
    for event in events:
        parameters = {"_user_id": event.user_id, "_workspace_id": event.workspace_id}
        for mission_id in uow.connection.execute(_ACTIVE_MISSIONS, parameters).scalars().all():
            missions.cancel_if_active(uow, mission_id, event.user_id, CREATOR_LEFT)
            uow.ended_counts["missions"] += 1


CARD_DELETED = "the card was deleted while the mission was open"
CARD_LEFT = "the card has left the workspace"
_OUTSIDE = (
    select(table.c.id)
    .where(
        is_among(table.c.card_id),
        table.c.workspace_id != bindparam("_workspace_id"),
        table.c.status.in_(missions.ACTIVE),
    )
    .order_by(table.c.id)
)


def cancel_restored_missions(uow: UnitOfWork, events: Sequence[ItemRestored]) -> None:
    """Cancel the restored missions that were open when their cards were deleted.

    Args:
        events: The restored items.
    """
    for event in events:
        for mission_id in sorted(trash.load_keys(uow, event.trash_id, table)):
            missions.cancel_if_active(uow, mission_id, uow.user_id, CARD_DELETED)


def cancel_missions_outside(uow: UnitOfWork, events: Sequence[CardTransferred]) -> None:
    """Cancel the open missions on cards that have left the workspace of the agent.

    Args:
        events: The transfers.
    """
    by_workspace = group((event.workspace_id, event.card.id) for event in events)
    for workspace_id, card_ids in by_workspace.items():
        parameters = {"_workspace_id": workspace_id, "_card_ids": card_ids}
        for mission_id in uow.connection.execute(_OUTSIDE, parameters).scalars().all():
            missions.cancel_if_active(uow, mission_id, uow.user_id, CARD_LEFT)
