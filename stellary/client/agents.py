"""Agents of a workspace, their tokens and missions, and what they propose."""

from __future__ import annotations

from stellary.client._method import C, Id, Resource, by_id, iterates, method
from stellary.contract.agents import (
    CREATE_AGENT,
    CREATE_AGENT_TOKEN,
    DELETE_AGENT,
    GET_AGENT,
    LIST_AGENT_TOKENS,
    LIST_AGENTS,
    LIST_AUDIT,
    REVOKE_AGENT_TOKEN,
    UPDATE_AGENT,
)


class Agents(Resource[C]):
    """The agents of a workspace. Called with an id it gives the handle of one."""

    create = method(CREATE_AGENT)
    list = method(LIST_AGENTS)
    iterate = iterates(LIST_AGENTS)
    get = by_id(GET_AGENT)
    update = by_id(UPDATE_AGENT)
    delete = by_id(DELETE_AGENT)

    def __call__(self, agent: Id) -> AgentHandle[C]:
        return AgentHandle(self._caller, self._below(agent_id=agent))


class AgentHandle(Resource[C]):
    """One agent. ``audit`` lists what it has tried to do."""

    get = method(GET_AGENT)
    update = method(UPDATE_AGENT)
    delete = method(DELETE_AGENT)
    audit = method(LIST_AUDIT)

    @property
    def tokens(self) -> AgentTokens[C]:
        """The tokens with which programs act as the agent."""
        return AgentTokens(self._caller, self._place)


class AgentTokens(Resource[C]):
    """The tokens of an agent; the answer to ``create`` alone holds the secret."""

    create = method(CREATE_AGENT_TOKEN)
    list = method(LIST_AGENT_TOKENS)
    iterate = iterates(LIST_AGENT_TOKENS)
    revoke = by_id(REVOKE_AGENT_TOKEN)
