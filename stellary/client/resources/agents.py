"""Waiting for the mission of an agent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

from stellary.client.calling.display_registry import get_display
from stellary.client.calling.method import Async, C, Later, Resource, Sync
from stellary.contract.agent_missions import AgentMission, MissionEntry

LogCallback = Callable[[MissionEntry], object]
LogOption = bool | LogCallback


class MissionWait(Resource[C]):
    """A method of a mission's handle beside its endpoints: it waits for the end."""

    @overload
    def wait(self: MissionWait[Sync], progress: LogOption | None = None) -> AgentMission: ...
    @overload
    def wait(self: MissionWait[Async], progress: LogOption | None = None) -> Later[AgentMission]: ...
    def wait(self, progress: LogOption | None = None) -> Any:
        """Wait until the mission has ended or waits for approval.

        Args:
            progress: True to show the log as it grows; or a callback that receives each entry of the log.

        Returns:
            The mission in its state at that time.
        """
        callback = get_display().LiveLog() if progress is True else progress or None
        return _wait_async(self, callback) if self._awaits else _wait(self, callback)


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
