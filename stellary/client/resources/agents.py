"""Agents of a workspace, their tokens, missions and proposals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

from stellary.client.calling.display_registry import get_display
from stellary.client.calling.method import (
    Async,
    C,
    IdLike,
    ItemHandle,
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

LogCallback = Callable[[MissionEntry], object]
LogOption = bool | LogCallback


class Agents(Resource[C]):
    """The agents of a workspace. Call ``agents(id)`` for the handle of one."""

    create = method(CREATE_AGENT)
    list = method(LIST_AGENTS)
    iterate = iterates(LIST_AGENTS)
    get = by_id(GET_AGENT)
    update = by_id(UPDATE_AGENT)
    delete = by_id(DELETE_AGENT)

    def __call__(self, agent: IdLike) -> AgentHandle[C]:
        return AgentHandle(self._caller, self._extend_path(agent_id=agent))


class AgentHandle(ItemHandle[C]):
    """One agent. ``audit`` lists the actions that it has attempted."""

    get = method(GET_AGENT)
    update = method(UPDATE_AGENT)
    delete = method(DELETE_AGENT)
    audit = method(LIST_AUDIT)

    @property
    def tokens(self) -> AgentTokens[C]:
        """The tokens with which programs act as the agent."""
        return AgentTokens(self._caller, self._path_params)

    @property
    def missions(self) -> AgentMissions[C]:
        """The missions of the agent."""
        return AgentMissions(self._caller, self._path_params)


class AgentTokens(Resource[C]):
    """The tokens of an agent. Only the result of ``create`` holds the secret."""

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


class MissionHandle(ItemHandle[C]):
    """One mission of any agent. ``for event in mission.stream()`` yields its whole log, and ends when the mission ends."""

    stream = follows(FOLLOW_MISSION, _is_last)
    get = method(GET_MISSION)
    cancel = method(CANCEL_MISSION)
    proposals = method(LIST_MISSION_PROPOSALS)
    approve_all = method(APPROVE_ALL)
    reject_all = method(REJECT_ALL)

    @overload
    def wait(self: MissionHandle[Sync], progress: LogOption | None = None) -> AgentMission: ...
    @overload
    def wait(self: MissionHandle[Async], progress: LogOption | None = None) -> Later[AgentMission]: ...
    def wait(self, progress: LogOption | None = None) -> Any:
        """Wait until the mission has ended or waits for approval.

        Args:
            progress: True to show the log as it grows; or a callback that receives each entry of the log.

        Returns:
            The mission in its state at that time.
        """
        callback = _to_log_callback(progress)
        return _wait_async(self, callback) if self._awaits else _wait(self, callback)


def _to_log_callback(progress: LogOption | None) -> LogCallback | None:
    if progress is not True:
        return progress or None
    return get_display().start_log()


def _wait(mission: Any, progress: LogCallback | None) -> AgentMission:
    state: AgentMission
    with mission.stream() as entries:
        for entry in entries:
            if progress is not None:
                progress(entry)
            # The entry may be old, and the mission may have been approved since then, so check its current state.
            if _may_have_stopped(entry) and _has_stopped(state := mission.get()):
                return state
    state = mission.get()
    return state


async def _wait_async(mission: Any, progress: LogCallback | None) -> AgentMission:
    state: AgentMission
    async with mission.stream() as entries:
        async for entry in entries:
            if progress is not None:
                progress(entry)
            if _may_have_stopped(entry) and _has_stopped(state := await mission.get()):
                return state
    state = await mission.get()
    return state


def _may_have_stopped(entry: MissionEntry) -> bool:
    return entry.kind == "done" or entry.data.get("status") == "awaiting_approval"


def _has_stopped(mission: AgentMission) -> bool:
    return mission.status not in ("queued", "running")


class Proposals(Resource[C]):
    """The changes that agents of a workspace have proposed. ``approve`` and ``reject`` require a person's login."""

    list = method(LIST_PROPOSALS)
    iterate = iterates(LIST_PROPOSALS)
    approve = by_id(APPROVE_PROPOSAL)
    reject = by_id(REJECT_PROPOSAL)
