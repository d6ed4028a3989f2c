"""Calling: a tool's arguments to the core and its answer back, on behalf of whoever asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any

import attrs
import orjson

from reference_server.mcp.tools import TOOLS, WORKSPACE, InWorkspace, Tool, WaitForMission
from reference_server.shares import Owner
from reference_server.state import State
from reference_server.threads import Threads
from stellary.contract.errors import ApiError, NotFound, ServerError
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.unset import UNSET
from stellary.contract.wire import load
from stellary.core import Core
from stellary.core.agents import missions
from stellary.core.api import action_calls
from stellary.core.db.errors import error_response
from stellary.core.kernel.unit import Actor

_log = logging.getLogger("stellary.server")

NOTHING = b"null"
NONE_WAITS = "No mission waits."
LOOK_SECONDS = 0.5
WAITS = "Nothing has been changed yet: this waits for somebody to approve it."


@attrs.frozen
class Client:
    """Who asks, in one request.

    Attributes:
        actor: As the token said when the request came.
        headers: With which the core is asked: it reads the token anew.
        fixed: Whether ``actor`` acts, whatever the headers say.
        place: The only workspace that is there, as ``acme/eng``; None for all that the actor reaches.
        gone: Whether nobody waits for the answer any more.
    """

    actor: Actor
    headers: Mapping[str, str] = attrs.field(repr=False)
    fixed: bool = False
    place: str | None = None
    gone: Callable[[], bool] = attrs.field(default=lambda: False, repr=False)


@attrs.frozen
class Outcome:
    """What came of a call.

    Attributes:
        texts: For a model to read.
        data: The same for a program; None where there is nothing.
        failed: Whether it is an error.
    """

    texts: list[str]
    data: dict[str, Any] | None
    failed: bool


class Caller:
    """Calls tools.

    Args:
        core: Does what they say.
        threads: Where.
        state: Says when the server is about to stop, and nobody is to wait any longer.
    """

    def __init__(self, core: Core, threads: Threads, state: State) -> None:
        self._core = core
        self._threads = threads
        self._state = state

    def tools_for(self, client: Client) -> list[Tool]:
        """The tools that are of use to somebody, as far as the token says."""
        is_agent = client.actor.agent_limits is not None
        return [
            tool
            for tool in TOOLS.values()
            if (is_agent or not tool.for_agents)
            and action_calls.may_act(self._core.units, client.actor, tool.action.name)
        ]

    async def call(self, tool: Tool, client: Client, arguments: Mapping[str, Any]) -> Outcome:
        """Call a tool. Whatever goes wrong is an outcome."""
        request_id = client.headers["x-request-id"]
        try:
            answer = await self._answer(tool, client, arguments)
        except ApiError as error:
            answer = error_response(error, request_id)
        except Exception:  # noqa: BLE001 - the library would tell the client what it says
            _log.exception("request %s failed", request_id)
            failed = ServerError("the server has failed; the request id helps to find out why")
            answer = error_response(failed, request_id)
        return _outcome(answer)

    async def _answer(self, tool: Tool, client: Client, arguments: Mapping[str, Any]) -> RawResponse:
        own = {name: said for name, said in arguments.items() if name != WORKSPACE}
        place = _place(client, {name: said for name, said in arguments.items() if name == WORKSPACE})
        if not tool.waits:
            return await self._acted(tool, client, own, place)
        until = monotonic() + load(WaitForMission, own).seconds
        while (answer := await self._acted(tool, client, {}, place)).body == NOTHING:
            if not await self._comes(client, until):
                break
        return answer

    async def _acted(
        self, tool: Tool, client: Client, params: Mapping[str, Any], place: str | None
    ) -> RawResponse:
        request = RawRequest("POST", "/mcp", headers=client.headers)
        actor = client.actor if client.fixed else None
        job = partial(action_calls.act, self._core.units, request, tool.action.name, params, place, actor)
        return await self._threads.run("read" if tool.reads else "write", job, Owner(place))

    async def _comes(self, client: Client, until: float) -> bool:
        """Wait until a mission is there for an agent; False if none comes in time, or nobody waits any more.

        Looking costs the agent nothing, and holds neither a thread nor a connection in between.
        """
        limits = client.actor.agent_limits
        if limits is None:
            return False
        while (left := until - monotonic()) > 0:
            await asyncio.sleep(min(LOOK_SECONDS, left))
            if self._state.closed or client.gone():
                return False
            if await self._threads.run(
                "read", partial(missions.has_ready_mission, self._core.units, limits.agent_id)
            ):
                return True
        return False


def _place(client: Client, said: Mapping[str, Any]) -> str | None:
    found = load(InWorkspace, said).workspace
    if client.place is None:
        return None if found is UNSET else found
    if found not in (UNSET, client.place):
        raise NotFound("Workspace not found")
    return client.place


def _outcome(answer: RawResponse) -> Outcome:
    data: dict[str, Any] | None = orjson.loads(answer.body)
    if data is not None and answer.status >= 400:
        return Outcome([_sentence(data)], data, failed=True)
    waits = [WAITS] if answer.status == 202 else []
    told = NONE_WAITS if data is None else answer.body.decode()
    return Outcome([*waits, told], data, failed=False)


def _sentence(error: Mapping[str, Any]) -> str:
    return f"{error['message']} ({error['code']})"
