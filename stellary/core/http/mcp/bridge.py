"""The bridge between requests of this server and the library that implements the MCP protocol.

Only this module and ``resources`` import the library, and it is itself imported by the first MCP request: both take 50 MB, which a server
without AI clients does not need.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any, TypeVar, cast

import attrs
import mcp_types as types
from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.schemas import Schema
from stellary.core.http.files import LiveBlocks
from stellary.core.http.mcp import resources
from stellary.core.http.mcp.calling import McpClient, ToolRunner
from stellary.core.http.mcp.tools import Tool, input_schema, output_schema

_CLIENT = "stellary.client"
_OF_CONNECTION = ("connection", "content-length")
"""The headers that the server decides; WSGI forbids the first."""
T = TypeVar("T")
Context = ServerRequestContext[Any, Any]
LibraryMessage = MutableMapping[str, Any]


class Bridge:
    """The MCP library, serving the tools.

    Args:
        runner: Runs the tools.
        version: The version of this server.
        body_max: The maximum size of a request, in bytes.
    """

    def __init__(self, runner: ToolRunner, version: str, body_max: int) -> None:
        self._runner = runner
        server: Server[Any] = Server(
            "stellary",
            version=version,
            title="Stellary",
            instructions=resources.TEXTS["instructions"],
            on_list_tools=self._list,
            on_call_tool=self._call,
            on_list_resources=self._list_resources,
            on_list_resource_templates=_always(
                types.ListResourceTemplatesResult(resource_templates=resources.TEMPLATES)
            ),
            on_read_resource=self._read,
            on_list_prompts=_always(types.ListPromptsResult(prompts=resources.PROMPTS)),
            on_get_prompt=self._get_prompt,
            get_tool_input_schema=self._find_schema,
        )
        self._managers = [
            StreamableHTTPSessionManager(
                server, stateless=True, json_response=not streams, max_request_body_size=body_max
            )
            for streams in (False, True)
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer requests while the context is open; unfinished ones are cancelled at its end."""
        async with self._managers[False].run(), self._managers[True].run():
            yield

    async def answer(self, request: RawRequest, client: McpClient, *, streams: bool = False) -> RawResponse:
        """Return the response to a request.

        Args:
            request: The request, with its whole body.
            client: The client that has sent it.
            streams: Whether the response is a stream of events, with the progress before the result. Default: False.
        """
        scope = {
            "type": "http",
            "method": request.method,
            "path": request.path,
            "query_string": b"",
            "headers": [
                (name.encode(), text.encode("latin-1", "replace")) for name, text in request.headers.items()
            ],
            _CLIENT: client,
        }
        messages: asyncio.Queue[LibraryMessage | None] = asyncio.Queue()
        # Nothing follows the body: the library then waits for a disconnection, which does not come.
        requests: asyncio.Queue[LibraryMessage] = asyncio.Queue()
        requests.put_nowait({"type": "http.request", "body": request.body, "more_body": False})
        manager = self._managers[streams]
        task = asyncio.create_task(manager.handle_request(scope, requests.get, messages.put))
        task.add_done_callback(lambda _: messages.put_nowait(None))
        parts = _follow(task, messages)
        start = cast("RawResponse", await anext(parts))
        body = cast("AsyncGenerator[bytes]", parts)
        if streams:
            return attrs.evolve(start, blocks=LiveBlocks(body))
        async with aclosing(body):
            return attrs.evolve(start, body=b"".join([block async for block in body]))

    def reports_progress(self, message: object) -> bool:
        """Return whether a message calls a tool that waits, and asks for progress.

        Args:
            message: The message, as the client sent it.
        """
        try:
            params = message["params"]  # type: ignore[index]
            return "progressToken" in params["_meta"] and self._runner.tools[params["name"]].waits
        except (KeyError, TypeError):
            return False

    def _find_schema(self, name: str) -> Schema | None:
        tool = self._runner.tools.get(name)
        return None if tool is None else input_schema(tool)

    async def _list(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        client = _client(context)
        has_workspaces = await self._runner.has_workspaces(client)
        return types.ListToolsResult(
            tools=[_describe_tool(tool, has_workspaces) for tool in self._runner.tools_for(client)]
        )

    async def _call(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = self._runner.tools.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, "There is no such tool; tools/list lists the available ones")
        report = partial(context.session.report_progress, message="Waiting for a mission.")
        outcome = await self._runner.call(tool, _client(context), params.arguments or {}, report)
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text) for text in outcome.texts],
            structured_content=outcome.data,
            is_error=outcome.failed,
        )

    async def _list_resources(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        cursor = None if params is None else params.cursor
        return await resources.list_resources(self._runner, _client(context), cursor)

    async def _read(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        return await resources.read_resource(self._runner, _client(context), str(params.uri))

    async def _get_prompt(
        self, context: Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        return resources.build_prompt(params.name, params.arguments or {})


def _always(result: T) -> Callable[[Context, object], Awaitable[T]]:
    """Return a handler whose result is always the same."""

    async def handle(context: Context, params: object) -> T:
        return result

    return handle


def _client(context: Context) -> McpClient:
    assert context.request is not None
    client: McpClient = context.request.scope[_CLIENT]
    return client


def _describe_tool(tool: Tool, has_workspaces: bool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        description=tool.summary,
        input_schema=input_schema(tool, has_workspaces),
        output_schema=output_schema(tool),
        # Hints that equal the default of the protocol are left out.
        annotations=types.ToolAnnotations(
            read_only_hint=tool.reads or None,
            destructive_hint=False if tool.adds else None,
            idempotent_hint=tool.repeatable or None,
            open_world_hint=False,
        ),
    )


async def _follow(
    task: asyncio.Task[None], messages: asyncio.Queue[LibraryMessage | None]
) -> AsyncGenerator[RawResponse | bytes]:
    """Yield the beginning of a response in the form of ASGI, and the blocks of its body. Its task ends with the generator."""
    try:
        while (message := await messages.get()) is not None:
            if message["type"] == "http.response.start":
                decoded = ((name.decode(), text.decode()) for name, text in message.get("headers", ()))
                headers = {name: text for name, text in decoded if name.lower() not in _OF_CONNECTION}
                yield RawResponse(message["status"], headers)
            elif message.get("body"):
                yield message["body"]
        await task
    finally:
        task.cancel()
