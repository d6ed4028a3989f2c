"""Calling: a tool's arguments to the core and its answer back, on behalf of whoever asks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

import attrs
import orjson

from reference_server.mcp.tools import TOOLS, WORKSPACE, InWorkspace, Tool
from reference_server.threads import Threads
from stellary.contract.errors import ApiError, NotFound, ServerError
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.unset import UNSET
from stellary.contract.wire import load
from stellary.core import Core, action_calls
from stellary.core.failures import error_response
from stellary.core.unit import Actor

_log = logging.getLogger("stellary.server")

WAITS = "Nothing has been changed yet: this waits for somebody to approve it."


@attrs.frozen
class Client:
    """Who asks, in one request.

    Attributes:
        actor: As the token said when the request came.
        headers: With which the core is asked: it reads the token anew.
        fixed: Whether ``actor`` acts, whatever the headers say.
        place: The only workspace that is there, as ``acme/eng``; None for all that the actor reaches.
    """

    actor: Actor
    headers: Mapping[str, str] = attrs.field(repr=False)
    fixed: bool = False
    place: str | None = None


@attrs.frozen
class Outcome:
    """What came of a call.

    Attributes:
        texts: For a model to read.
        data: The same for a program.
        failed: Whether it is an error.
    """

    texts: list[str]
    data: dict[str, Any]
    failed: bool


class Caller:
    """Calls tools.

    Args:
        core: Does what they say.
        threads: Where.
    """

    def __init__(self, core: Core, threads: Threads) -> None:
        self._core = core
        self._threads = threads

    def tools_for(self, client: Client) -> list[Tool]:
        """The tools that are of use to somebody, as far as the token says."""
        return [tool for tool in TOOLS.values() if action_calls.may_act(self._core, client.actor, tool.name)]

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
        request = RawRequest("POST", "/mcp", headers=client.headers)
        actor = client.actor if client.fixed else None
        job = partial(action_calls.act, self._core, request, tool.name, own, place, actor)
        return await self._threads.run("view" if tool.reads else "begin", job)


def _place(client: Client, said: Mapping[str, Any]) -> str | None:
    found = load(InWorkspace, said).workspace
    if client.place is None:
        return None if found is UNSET else found
    if found not in (UNSET, client.place):
        raise NotFound("Workspace not found")
    return client.place


def _outcome(answer: RawResponse) -> Outcome:
    data = orjson.loads(answer.body)
    if answer.status >= 400:
        return Outcome([_sentence(data)], data, failed=True)
    waits = [WAITS] if answer.status == 202 else []
    return Outcome([*waits, answer.body.decode()], data, failed=False)


def _sentence(error: Mapping[str, Any]) -> str:
    return f"{error['message']} ({error['code']})"
