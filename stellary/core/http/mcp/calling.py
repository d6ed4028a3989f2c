"""Tool calls: run the action of a tool in the core on behalf of an MCP client, and convert the response."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import TypeVar

import attrs
import orjson

from stellary.contract.errors import ApiError, NotFound
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.wire import UNSET, Request, load, wire_fields
from stellary.core import Core
from stellary.core.agents import missions
from stellary.core.api import action_calls
from stellary.core.db.errors import convert_unexpected_error, error_response
from stellary.core.http.mcp import lean
from stellary.core.http.mcp.tools import (
    TOOLS,
    WHO_AM_I,
    InWorkspace,
    OfLists,
    Tool,
    WaitForMission,
    build_tools,
)
from stellary.core.http.mcp.whoami import keep_workspace
from stellary.core.http.shares import Owner
from stellary.core.http.state import State
from stellary.core.http.threads import Threads
from stellary.core.kernel.actions import registered_actions
from stellary.core.kernel.unit import Actor

R = TypeVar("R", bound=Request)
NOTHING = b"null"
NO_MISSION = "No mission waits."
POLL_SECONDS = 0.5
Report = Callable[[float, float], Awaitable[None]]
NEEDS_APPROVAL = "Nothing has been changed yet: the change waits for approval."


@attrs.frozen
class McpClient:
    """The caller of one MCP request.

    Attributes:
        actor: The actor that the token belonged to when the request arrived.
        headers: The headers of requests to the core, which authenticates the token again.
        fixed: Whether ``actor`` acts regardless of the headers.
        workspace: The only accessible workspace, as ``acme/eng``; None for all that the actor has access to.
        is_gone: Returns whether the client has disconnected.
    """

    actor: Actor
    headers: Mapping[str, str] = attrs.field(repr=False)
    fixed: bool = False
    workspace: str | None = None
    is_gone: Callable[[], bool] = attrs.field(default=lambda: False, repr=False)


@attrs.frozen
class ToolResult:
    """The result of a tool call.

    Attributes:
        texts: The result for a model.
        data: The result for a program; None if there is none.
        failed: Whether it is an error.
    """

    texts: list[str]
    data: lean.Row | None
    failed: bool


class ToolRunner:
    """A runner of tools.

    Args:
        core: Runs the actions.
        threads: The threads in which the core runs.
        state: The state of the server; calls stop waiting when it closes.
        hidden_operations: The operations that the host leaves out of the API. Built-in tools for them are left out, too.

    Attributes:
        tools: The tools by name: the built-in ones and the actions of the host.
    """

    def __init__(
        self, core: Core, threads: Threads, state: State, hidden_operations: Collection[str]
    ) -> None:
        self.tools = {
            name: tool
            for name, tool in build_tools(registered_actions(core.env)).items()
            if name not in TOOLS or tool.action.endpoint.operation not in hidden_operations
        }
        self._core = core
        self._threads = threads
        self._state = state

    def tools_for(self, client: McpClient) -> list[Tool]:
        """Return the tools that the client's token may use."""
        is_agent = client.actor.agent_limits is not None
        return [
            tool
            for tool in self.tools.values()
            if (is_agent or not tool.for_agents)
            and action_calls.may_act(self._core.units, client.actor, tool.action)
        ]

    async def has_workspaces(self, client: McpClient) -> bool:
        """Return whether a client has to say which workspace a call concerns."""
        if client.workspace is not None or client.actor.agent_limits is not None:
            return False
        query = partial(self._core.units.run, action_calls.has_workspaces, client.actor, read_only=True)
        return await self._threads.run("read", query, Owner(user=client.actor.user_id))

    async def call(
        self, tool: Tool, client: McpClient, arguments: Mapping[str, object], report: Report | None = None
    ) -> ToolResult:
        """Call a tool, and return its result; errors are results too.

        Args:
            tool: The tool.
            client: The client that calls it.
            arguments: The arguments, as the client sent them.
            report: Called with the seconds so far and in all while a tool waits. Default: nothing is reported.
        """
        request_id = client.headers["x-request-id"]
        try:
            answer = await self._answer(tool, client, arguments, report)
        except ApiError as error:
            answer = error_response(error, request_id)
        except Exception as error:  # noqa: BLE001 - the library would send its text to the client
            answer = error_response(convert_unexpected_error(error, request_id), request_id)
        return _to_result(tool, answer)

    async def _answer(
        self, tool: Tool, client: McpClient, arguments: Mapping[str, object], report: Report | None
    ) -> RawResponse:
        params = dict(arguments)
        workspace = _check_workspace(client, _take(params, InWorkspace))
        if not tool.waits:
            return await self._run_action(tool, client, params, workspace)
        seconds = load(WaitForMission, params).seconds
        until = monotonic() + seconds
        while (answer := await self._run_action(tool, client, {}, workspace)).body == NOTHING:
            if not await self._wait_for_mission(client, until, seconds, report):
                break
        return answer

    async def _run_action(
        self, tool: Tool, client: McpClient, params: lean.Row, workspace: str | None
    ) -> RawResponse:
        fields = (_take(params, OfLists).fields if tool.many else UNSET) or None
        present: action_calls.Presenter = partial(lean.shorten, tool.returns, fields)
        if tool.action is WHO_AM_I and client.workspace is not None:
            present = partial(keep_workspace, client.workspace)
        if tool.many and "limit" in wire_fields(tool.takes):
            params = {"limit": lean.ROWS, **params}
        request = RawRequest("POST", "/mcp", headers=client.headers)
        actor = client.actor if client.fixed else None
        job = partial(
            action_calls.act, self._core.units, request, tool.action, params, workspace, actor, present
        )
        return await self._threads.run(
            "read" if tool.reads else "write", job, Owner(workspace, user=client.actor.user_id)
        )

    async def _wait_for_mission(
        self, client: McpClient, until: float, seconds: int, report: Report | None
    ) -> bool:
        """Wait for a mission of the agent; return False if none arrives in time, or the client has disconnected.

        Polling does not count against the agent's rate limit, and holds neither a thread nor a connection in between.
        """
        limits = client.actor.agent_limits
        if limits is None:
            return False
        while (remaining := until - monotonic()) > 0:
            if report is not None:
                await report(round(seconds - remaining, 1), seconds)
            await asyncio.sleep(min(POLL_SECONDS, remaining))
            if self._state.closed or client.is_gone():
                return False
            if await self._threads.run(
                "read", partial(missions.has_ready_mission, self._core.units, limits.agent_id)
            ):
                return True
        return False


def _take(arguments: lean.Row, params_class: type[R]) -> R:
    """Take the parameters of a class out of the arguments of a tool."""
    names = wire_fields(params_class).keys() & arguments.keys()
    return load(params_class, {name: arguments.pop(name) for name in names})


def _check_workspace(client: McpClient, request: InWorkspace) -> str | None:
    workspace = request.workspace
    if client.workspace is None:
        return None if workspace is UNSET else workspace
    if workspace not in (UNSET, client.workspace):
        raise NotFound("Workspace not found")
    return client.workspace


def _to_result(tool: Tool, answer: RawResponse) -> ToolResult:
    data = orjson.loads(answer.body)
    if answer.status >= 400:
        return ToolResult([f"{data['message']} ({data['code']})"], data, failed=True)
    if answer.status == 200 and tool.many and tool.returns is not None:
        return ToolResult([_to_table(data["items"], data.get("next"))], data, failed=False)
    notes = [NEEDS_APPROVAL] if answer.status == 202 else []
    text = NO_MISSION if data is None and tool.for_agents else answer.body.decode()
    # An action of the host may return null or a plain value, which is no structured content.
    return ToolResult([*notes, text], data if isinstance(data, dict) else None, failed=False)


def _to_table(rows: Sequence[lean.Row], next_page: str | None) -> str:
    """Return the rows of a list as a table with tabs, which costs a model less than JSON."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *([_to_cell(row.get(name)) for name in names] for row in rows)]
    more = [f"next: {next_page}"] if next_page else []
    return "\n".join(["\t".join(line) for line in lines if line] + more) or "Nothing found."


def _to_cell(cell: object) -> str:
    if isinstance(cell, list) and all(isinstance(part, str) for part in cell):
        cell = ", ".join(cell)
    text = cell if isinstance(cell, str) else "" if cell is None else orjson.dumps(cell).decode()
    return " ".join(text.split())
