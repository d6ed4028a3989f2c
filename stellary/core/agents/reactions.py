"""Reactions of agents when a user loses rights or revokes all tokens, an item is restored, or a card leaves the workspace.

Delegation: assigning a card to an agent, or mentioning the agent in a comment, starts a mission.

A mention is ``@`` and the slug of an agent of the workspace, at the beginning of a line or after a blank. The name of an
agent alone, as in "ask Scribe" or "@Scribe's list", starts nothing.
Only people delegate, and only with a token that may create missions. An assignment or a comment by an agent or by an
automation rule starts nothing. If the mission is not possible, the assignment or the comment stays as it is, and the person
is notified.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import attrs
from sqlalchemy import bindparam, delete, select

from stellary.contract.agent_missions import CREATE_MISSION, PROMPT_MAX, CreateAgentMission
from stellary.contract.errors import ApiError
from stellary.contract.refs import AgentRef
from stellary.core.accounts.people import workspace_ref
from stellary.core.agents import missions, rows
from stellary.core.agents.row_types import AgentNameRow, EndedTokenRow
from stellary.core.agents.tables import agent_tokens, agents
from stellary.core.agents.tables import missions as missions_table
from stellary.core.agents.tables import missions as table
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import trash
from stellary.core.kernel.events import (
    AdminRightsLost,
    BecameGuest,
    CardAssigned,
    CardCreated,
    CardEvent,
    CardTransferred,
    CommentCreated,
    ItemRestored,
    TokensRevoked,
    WorkspaceLeft,
)
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import AgentLimits, UnitOfWork

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
        emit_change(uow, row.workspace_id, rows.token(row), None, agent=row.agent_name)


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
    by_workspace: dict[str, list[str]] = defaultdict(list)
    for event in events:
        by_workspace[event.workspace_id].append(event.card.id)
    for workspace_id, card_ids in by_workspace.items():
        parameters = {"_workspace_id": workspace_id, "_card_ids": card_ids}
        for mission_id in uow.connection.execute(_OUTSIDE, parameters).scalars().all():
            missions.cancel_if_active(uow, mission_id, uow.user_id, CARD_LEFT)


_SELECT_AGENTS = select(agents.c.id, agents.c.name, agents.c.slug).where(
    is_given(agents.c.workspace_id), agents.c.status == "active"
)
_IN_WORKSPACE = Query(AgentNameRow, _SELECT_AGENTS)
_BY_ID = Query(AgentNameRow, _SELECT_AGENTS.where(is_given(agents.c.id)))
_ACTIVE = select(missions_table.c.id).where(
    is_given(missions_table.c.card_id),
    is_given(missions_table.c.agent_id),
    missions_table.c.status.in_(missions.ACTIVE),
)


_MENTION = re.compile(
    r"(?<!\S)@([a-z0-9][a-z0-9-]{0,59})(?<!-)(?![\w@/-]|['\u2019.]\w)[,:]?[ \t]*", re.IGNORECASE
)


@attrs.frozen
class _Delegation:
    """A task for an agent."""

    event: CardEvent
    agent_id: str
    prompt: str


def start_missions(uow: UnitOfWork, events: Sequence[CardAssigned | CardCreated | CommentCreated]) -> None:
    """Start the missions that a person delegates by assignments and comments.

    Args:
        events: The assignments, new cards and comments of the unit. Those that a rule or an agent caused start
            none.
    """
    if uow.actor.agent_limits is not None or not uow.actor.is_allowed(CREATE_MISSION.policy):
        return
    for event in events:
        if event.cause is None:
            for delegation in _find_delegations(uow, event):
                _start_mission(uow, delegation)


def _find_delegations(uow: UnitOfWork, event: CardEvent) -> Iterator[_Delegation]:
    if isinstance(event, CommentCreated):
        yield from _find_mentioned(uow, event)
        return
    card, assignee_id = event.card, event.card.assignee_id
    # The check of the request has cached which assignees are people, so no statement is needed for them.
    if assignee_id is None or (event.workspace_id, assignee_id) in uow.members:
        return
    parameters = {"_workspace_id": event.workspace_id, "_id": assignee_id}
    is_agent = _BY_ID.first(uow.connection, parameters) is not None
    active = {"_card_id": card.id, "_agent_id": assignee_id}
    if is_agent and uow.connection.execute(_ACTIVE, active).first() is None:
        text = f"{card.title}\n\n{card.description}" if card.description else card.title
        yield _Delegation(event, assignee_id, text)


def _find_mentioned(uow: UnitOfWork, event: CommentCreated) -> Iterator[_Delegation]:
    text = event.comment.content
    slugs = {slug.lower() for slug in _MENTION.findall(text)}
    rows = _IN_WORKSPACE.all(uow.connection, {"_workspace_id": event.workspace_id}) if slugs else ()
    for row in rows:
        if row.slug in slugs and (prompt := _remove_mentions(text, row.slug)):
            yield _Delegation(event, row.id, prompt)


def _remove_mentions(text: str, slug: str) -> str:
    """Return a comment without the mentions of an agent."""
    return _MENTION.sub(lambda mention: "" if mention[1].lower() == slug else mention[0], text).strip()


def _start_mission(uow: UnitOfWork, delegation: _Delegation) -> None:
    event = delegation.event
    ref = workspace_ref(uow, event.workspace_id).child(AgentRef, delegation.agent_id)
    request = CreateAgentMission(card_id=event.card.id, prompt=delegation.prompt[:PROMPT_MAX])
    try:
        missions.delegate_mission(uow, ref, request)
    except ApiError as error:
        # For example, the agent does not work in the project, or too many missions wait for the card.
        if error.status >= 500:
            raise
        limits = AgentLimits(delegation.agent_id, uow.user_id, event.workspace_id)
        missions.notify_requester(uow, limits, event.card.id, f"The mission cannot begin: {error.message}.")
