"""Checks that each call of an agent passes, with a token of its own or in a mission.

The gate checks the agent's status, tools and rate limit. The service checks the workspace, the projects, and the
rights of the person that the agent acts for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import select, update

from stellary.contract.errors import Forbidden
from stellary.contract.router import AnyEndpoint
from stellary.core.agents.row_types import CallWindowRow
from stellary.core.agents.rules import agents as rules
from stellary.core.agents.tables import agents
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.actions import AnyAction
from stellary.core.kernel.causes import Cause, Chain
from stellary.core.kernel.unit import Actor, AgentLimits, UnitOfWork

_THIS_AGENT = is_given(agents.c.id, "agent_id")
# The lock lets concurrent calls count one after the other.
_LOCK = Query(
    CallWindowRow,
    (
        select(
            agents.c.status,
            agents.c.max_actions,
            agents.c.window_seconds,
            agents.c.window_began_at,
            agents.c.window_actions,
        )
        .where(_THIS_AGENT)
        .with_for_update(key_share=True)
    ),
)
_STATUS = select(agents.c.status).where(_THIS_AGENT)
_COUNT = update(agents).where(_THIS_AGENT)


def check_call(limits: AgentLimits, endpoint: AnyEndpoint, actions: Mapping[str, AnyAction]) -> None:
    """Check that an agent's tools allow a call of an API endpoint.

    An endpoint requires the tool of the first of its actions: an agent that only has ``move_card`` cannot use the
    ``PATCH`` of cards.

    Args:
        limits: The limits of the agent.
        endpoint: The endpoint that it calls.
        actions: All actions by name.

    Raises:
        Forbidden: The tools or the agent's projects do not allow it.
    """
    names = (name for name, action in actions.items() if action.endpoint is endpoint)
    rules.check_tool(limits.tools, next(names, ""), rules.category(endpoint))
    rules.check_project_scope(endpoint, limits.project_ids)


def check_action(limits: AgentLimits, action: AnyAction) -> None:
    """Check that an agent's tools allow an action.

    Args:
        limits: The limits of the agent.
        action: The action that it runs.

    Raises:
        Forbidden: No agent may run the action, or the tools or the agent's projects do not allow it.
    """
    _actor_of(limits).require(action.policy)
    rules.check_tool(limits.tools, action.name, action.category)
    rules.check_project_scope(action.endpoint, limits.project_ids)


def may_use(limits: AgentLimits, action: AnyAction) -> bool:
    """Return whether an agent's tools and projects allow an action.

    Args:
        limits: The limits of the agent.
        action: The action.
    """
    try:
        check_action(limits, action)
    except Forbidden:
        return False
    return True


def check_active(uow: UnitOfWork, limits: AgentLimits) -> None:
    """Check that an agent is active. ``count_call`` includes this check; use it where no call is counted.

    Args:
        limits: The limits of the agent.

    Raises:
        Forbidden: The agent is suspended or deleted.
    """
    if uow.connection.execute(_STATUS, {"_agent_id": limits.agent_id}).scalar() != "active":
        raise _suspended_error()


def count_call(uow: UnitOfWork, limits: AgentLimits) -> None:
    """Count a call against the agent's rate limit. A rollback takes the count back.

    Args:
        limits: The limits of the agent.

    Raises:
        Forbidden: The agent is suspended or deleted.
        RateLimited: The agent has used up its rate limit.
    """
    row = _LOCK.first(uow.connection, {"_agent_id": limits.agent_id})
    if row is None or row.status != "active":
        raise _suspended_error()
    window = rules.Window(row.window_began_at, row.window_actions)
    after = rules.count_in_window(window, row.max_actions, row.window_seconds, uow.now)
    values = {"window_began_at": after.began_at, "window_actions": after.actions}
    uow.connection.execute(_COUNT, {"_agent_id": limits.agent_id, **values})


def _suspended_error() -> Forbidden:
    return Forbidden("the agent is suspended", code="agent_suspended")


@contextmanager
def act_as_agent(uow: UnitOfWork, limits: AgentLimits) -> Iterator[None]:
    """Run a block as the agent: events emitted in it name the agent as their actor.

    Args:
        limits: The limits of the agent.
    """
    if_match, uow.if_match = uow.if_match, None
    cause = Cause(Chain(uow.new_id()), limits.agent_id, 0, {"agent": limits.as_via()})
    try:
        with uow.caused_by(cause, _actor_of(limits)):
            yield
    finally:
        uow.if_match = if_match


def _actor_of(limits: AgentLimits) -> Actor:
    return Actor(limits.agent_id, agent_limits=limits)
