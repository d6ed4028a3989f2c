"""The gate: what an agent does comes through here, with a token of its own or in a mission.

Its tools, its window, and whether it works at all are asked here; the workspace, its projects and the rights of whom it
acts for are checked by the service. Whatever comes of a call is noted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Select, bindparam, select, update

from stellary.contract.errors import Forbidden
from stellary.contract.router import AnyEndpoint
from stellary.core.agents.rules import agents as rules
from stellary.core.agents.tables import agents
from stellary.core.kernel.actions import AnyAction
from stellary.core.kernel.events import Cause, Chain
from stellary.core.kernel.unit import Actor, AgentLimits, UnitOfWork

_THIS = agents.c.id == bindparam("_agent_id")
# Held, so that of two calls at once the second counts from what the first has left.
_HOLD: Select[Any] = (
    select(
        agents.c.status,
        agents.c.max_actions,
        agents.c.window_seconds,
        agents.c.window_began_at,
        agents.c.window_actions,
    )
    .where(_THIS)
    .with_for_update(key_share=True)
)
_STATUS = select(agents.c.status).where(_THIS)
_COUNT = update(agents).where(_THIS)


def check_call(limits: AgentLimits, endpoint: AnyEndpoint, actions: Mapping[str, AnyAction]) -> None:
    """Whether an agent may call an endpoint of the API, as far as its tools say.

    The first action that stands for an endpoint stands for the whole of it: with ``move_card`` alone nobody changes a
    card in all the ways that an endpoint has.

    Raises:
        Forbidden: It may not.
    """
    names = (name for name, action in actions.items() if action.endpoint is endpoint)
    rules.check_tool(limits.tools, next(names, ""), rules.category(endpoint))
    rules.check_place(endpoint, limits.project_ids)


def check_action(limits: AgentLimits, action: AnyAction) -> None:
    """Whether an agent may do something by its name, as far as its tools say.

    Raises:
        Forbidden: It may not.
    """
    if action.policy.agent == "-":
        raise Forbidden("agents may not do that, whatever their mode", code="not_for_agents")
    rules.check_tool(limits.tools, action.name, action.category)
    rules.check_place(action.endpoint, limits.project_ids)


def check_active(uow: UnitOfWork, limits: AgentLimits) -> None:
    """Whether an agent works at all. A call asks that as it is ``count``ed; this is for what is not one.

    Raises:
        Forbidden: It is suspended, or gone.
    """
    if uow.connection.execute(_STATUS, {"_agent_id": limits.agent_id}).scalar() != "active":
        raise _suspended()


def count(uow: UnitOfWork, limits: AgentLimits) -> None:
    """Count a call. It is not counted if the unit is undone.

    Raises:
        Forbidden: The agent is suspended, or gone.
        RateLimited: It has done enough for the moment.
    """
    row = uow.connection.execute(_HOLD, {"_agent_id": limits.agent_id}).first()
    if row is None or row.status != "active":
        raise _suspended()
    window = rules.Window(row.window_began_at, row.window_actions)
    after = rules.counted(window, row.max_actions, row.window_seconds, uow.now)
    values = {"window_began_at": after.began_at, "window_actions": after.actions}
    uow.connection.execute(_COUNT, {"_agent_id": limits.agent_id, **values})


def _suspended() -> Forbidden:
    return Forbidden("the agent is suspended", code="agent_suspended")


@contextmanager
def acting(uow: UnitOfWork, limits: AgentLimits) -> Iterator[None]:
    """A part of a unit in which an agent acts, and what happens is told as its doing."""
    accepted, uow.if_match = uow.if_match, None
    cause = Cause(Chain(uow.new_id()), limits.agent_id, 0)
    try:
        with uow.caused_by(cause, Actor(limits.agent_id, agent_limits=limits)):
            yield
    finally:
        uow.if_match = accepted
