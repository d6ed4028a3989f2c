"""Delegation: assigning a card to an agent, or mentioning the agent in a comment, starts a mission.

A mention is ``@`` and the slug of an agent of the workspace, at the beginning of a line or after a blank. The name of an
agent alone, as in "ask Scribe" or "@Scribe's list", starts nothing.
Only people delegate, and only with a token that may create missions. An assignment or a comment by an agent or by an
automation rule starts nothing. If the mission is not possible, the assignment or the comment stays as it is, and the person
is notified.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlalchemy import select

from stellary.contract.agent_missions import CREATE_MISSION, PROMPT_MAX, CreateAgentMission
from stellary.contract.errors import ApiError
from stellary.contract.refs import AgentRef
from stellary.core.accounts.places import workspace_ref
from stellary.core.agents import missions
from stellary.core.agents.row_types import AgentSlugRow
from stellary.core.agents.tables import agents
from stellary.core.agents.tables import missions as missions_table
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import CardAssigned, CardCreated, CardEvent, CommentCreated
from stellary.core.kernel.unit import AgentLimits, UnitOfWork

_SELECT_AGENTS = select(agents.c.id, agents.c.slug).where(
    is_given(agents.c.workspace_id), agents.c.status == "active"
)
_IN_WORKSPACE = Query(AgentSlugRow, _SELECT_AGENTS)
_BY_ID = Query(AgentSlugRow, _SELECT_AGENTS.where(is_given(agents.c.id)))
_ACTIVE = select(missions_table.c.id).where(
    is_given(missions_table.c.card_id),
    is_given(missions_table.c.agent_id),
    missions_table.c.status.in_(missions.ACTIVE),
)


_MENTION = re.compile(
    r"(?<!\S)@([a-z0-9][a-z0-9-]{0,59})(?<!-)(?![\w@/-]|['\u2019.]\w)[,:]?[ \t]*", re.IGNORECASE
)


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
            for agent_id, prompt in _find_delegations(uow, event):
                _start_mission(uow, event, agent_id, prompt)


def _find_delegations(uow: UnitOfWork, event: CardEvent) -> Iterator[tuple[str, str]]:
    """Yield the agents that an event delegates its card to, and their prompts."""
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
        yield assignee_id, text


def _find_mentioned(uow: UnitOfWork, event: CommentCreated) -> Iterator[tuple[str, str]]:
    text = event.comment.content
    slugs = {slug.lower() for slug in _MENTION.findall(text)}
    rows = _IN_WORKSPACE.all(uow.connection, {"_workspace_id": event.workspace_id}) if slugs else ()
    for row in rows:
        if row.slug in slugs and (prompt := _remove_mentions(text, row.slug)):
            yield row.id, prompt


def _remove_mentions(text: str, slug: str) -> str:
    """Return a comment without the mentions of an agent."""
    return _MENTION.sub(lambda mention: "" if mention[1].lower() == slug else mention[0], text).strip()


def _start_mission(uow: UnitOfWork, event: CardEvent, agent_id: str, prompt: str) -> None:
    ref = workspace_ref(uow, event.workspace_id).child(AgentRef, agent_id)
    request = CreateAgentMission(card_id=event.card.id, prompt=prompt[:PROMPT_MAX])
    try:
        missions.delegate_mission(uow, ref, request)
    except ApiError as error:
        # For example, the agent does not work in the project, or too many missions wait for the card.
        if error.status >= 500:
            raise
        limits = AgentLimits(agent_id, uow.user_id, event.workspace_id)
        missions.notify_requester(uow, limits, event.card.id, f"The mission cannot begin: {error.message}.")
