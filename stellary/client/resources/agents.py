"""Agents of a workspace, their tokens and missions, and what they propose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

from stellary.client.calling.display_registry import get_display
from stellary.client.calling.method import (
    Async,
    C,
    Id,
    Later,
    Resource,
    Sync,
    by_id,
    follows,
    iterates,
    method,
)
from stellary.contract.agent_missions import (
    CANCEL_MISSION,
    CREATE_MISSION,
    FOLLOW_MISSION,
    GET_MISSION,
    LIST_MISSIONS,
    AgentMission,
    MissionEntry,
)
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
from stellary.contract.proposals import (
    APPROVE_ALL,
    APPROVE_PROPOSAL,
    LIST_MISSION_PROPOSALS,
    LIST_PROPOSALS,
    REJECT_ALL,
    REJECT_PROPOSAL,
)

Teller = Callable[[MissionEntry], object]
Progress = bool | Teller


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

    @property
    def missions(self) -> AgentMissions[C]:
        """What it was asked to do."""
        return AgentMissions(self._caller, self._place)


class AgentTokens(Resource[C]):
    """The tokens of an agent; the answer to ``create`` alone holds the secret."""

    create = method(CREATE_AGENT_TOKEN)
    list = method(LIST_AGENT_TOKENS)
    iterate = iterates(LIST_AGENT_TOKENS)
    revoke = by_id(REVOKE_AGENT_TOKEN)


class AgentMissions(Resource[C]):
    """The missions of an agent; ``workspace.mission(id)`` is the handle of one."""

    create = method(CREATE_MISSION)
    list = method(LIST_MISSIONS)
    iterate = iterates(LIST_MISSIONS)


def _is_last(entry: MissionEntry) -> bool:
    return entry.kind == "done"


class MissionHandle(Resource[C]):
    """One mission, whatever its agent. ``for event in mission.stream()`` tells all of it, and ends with it."""

    stream = follows(FOLLOW_MISSION, _is_last)
    get = method(GET_MISSION)
    cancel = method(CANCEL_MISSION)
    proposals = method(LIST_MISSION_PROPOSALS)
    approve_all = method(APPROVE_ALL)
    reject_all = method(REJECT_ALL)

    @overload
    def wait(self: MissionHandle[Sync], progress: Progress | None = None) -> AgentMission: ...
    @overload
    def wait(self: MissionHandle[Async], progress: Progress | None = None) -> Later[AgentMission]: ...
    def wait(self, progress: Progress | None = None) -> Any:
        """Wait until the mission is over, or waits to be approved.

        Args:
            progress: True to show its log as it grows; or what is called with each entry of it.

        Returns:
            The mission as it is then.
        """
        tell = _teller(progress)
        return _awaited(self, tell) if self._awaits else _waited(self, tell)


def _teller(progress: Progress | None) -> Teller | None:
    if progress is not True:
        return progress or None
    return get_display().start_log()


def _waited(mission: Any, progress: Teller | None) -> AgentMission:
    found: AgentMission
    with mission.stream() as entries:
        for entry in entries:
            if progress is not None:
                progress(entry)
            # What is told may be long past: it may have been approved since.
            if _may_stand_still(entry) and _stands_still(found := mission.get()):
                return found
    found = mission.get()
    return found


async def _awaited(mission: Any, progress: Teller | None) -> AgentMission:
    found: AgentMission
    async with mission.stream() as entries:
        async for entry in entries:
            if progress is not None:
                progress(entry)
            if _may_stand_still(entry) and _stands_still(found := await mission.get()):
                return found
    found = await mission.get()
    return found


def _may_stand_still(entry: MissionEntry) -> bool:
    return entry.kind == "done" or entry.data.get("status") == "awaiting_approval"


def _stands_still(mission: AgentMission) -> bool:
    return mission.status not in ("queued", "running")


class Proposals(Resource[C]):
    """What the agents of a workspace want to change; ``approve`` and ``reject`` take a person's login."""

    list = method(LIST_PROPOSALS)
    iterate = iterates(LIST_PROPOSALS)
    approve = by_id(APPROVE_PROPOSAL)
    reject = by_id(REJECT_PROPOSAL)
