"""The bridge between requests of this server and the library that implements the MCP protocol.

Only this module and ``resources`` import the library, and it is itself imported by the first MCP request: both take 50 MB, which a server
without AI clients does not need.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

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

INSTRUCTIONS = (
    "Stellary holds the projects of teams: boards of cards in columns, documents, and pilotage (missions, priorities, "
    "todos, decisions). Projects, columns, cards, labels, people and documents can be given by name, you as `me`, and a "
    "workspace as `acme/eng`; `whoami` lists yours. If a name is ambiguous, the result lists the matches: call the tool "
    "again with an id. Lists have 25 rows; pass `next` as `cursor` for more, and other fields as `fields`. Changes by an agent may require approval: the result "
    "is then a proposal, and nothing has been changed yet."
)
_CLIENT = "stellary.client"
Context = ServerRequestContext[Any, Any]


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
            instructions=INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read,
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._get_prompt,
            get_tool_input_schema=self._find_schema,
        )
        self._manager, self._streaming_manager = (
            StreamableHTTPSessionManager(
                server, stateless=True, json_response=is_whole, max_request_body_size=body_max
            )
            for is_whole in (True, False)
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer requests while the context is open; unfinished ones are cancelled at its end."""
        async with self._manager.run(), self._streaming_manager.run():
            yield

    async def answer(self, request: RawRequest, client: McpClient) -> RawResponse:
        """Return the response to a request.

        Args:
            request: The request, with its whole body.
            client: The client that has sent it.
        """
        response = _CollectedResponse()
        body = _CompleteBody(request.body)
        await self._manager.handle_request(_build_scope(request, client), body.receive, response.send)
        return response.whole()

    async def stream(self, request: RawRequest, client: McpClient) -> RawResponse:
        """Return the response to a request as a stream of events, which may report progress before the result.

        Args:
            request: The request, with its whole body.
            client: The client that has sent it.
        """
        messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        handling = self._streaming_manager.handle_request(
            _build_scope(request, client), _CompleteBody(request.body).receive, messages.put
        )
        task = asyncio.create_task(handling)
        start = _CollectedResponse()
        await start.send(await messages.get())

        async def follow() -> AsyncGenerator[bytes]:
            try:
                more = True
                while more:
                    message = await messages.get()
                    more = message.get("more_body", False)
                    if message.get("body"):
                        yield message["body"]
            finally:
                task.cancel()
                await asyncio.wait({task})

        return attrs.evolve(start.whole(), blocks=LiveBlocks(follow()))

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

    async def _list_templates(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=resources.TEMPLATES)

    async def _read(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        return await resources.read_resource(self._runner, _client(context), str(params.uri))

    async def _list_prompts(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=resources.PROMPTS)

    async def _get_prompt(
        self, context: Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        return resources.build_prompt(params.name, params.arguments or {})


def _build_scope(request: RawRequest, client: McpClient) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (name.encode(), text.encode("latin-1", "replace")) for name, text in request.headers.items()
        ],
        _CLIENT: client,
    }


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
            destructive_hint=None if tool.reads or not tool.adds else False,
            idempotent_hint=None if tool.reads or not tool.repeatable else True,
            open_world_hint=False,
        ),
    )


class _CompleteBody:
    """A complete body in the form of ASGI, for a client that stays connected."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body

    async def receive(self) -> dict[str, Any]:
        if self._body is None:
            await asyncio.Event().wait()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _CollectedResponse:
    """A response that collects the messages of ASGI."""

    def __init__(self) -> None:
        self._status = 500
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = {name.decode(): text.decode() for name, text in message.get("headers", ())}
        else:
            self._body += message.get("body", b"")

    def whole(self) -> RawResponse:
        self._headers.pop("content-length", None)
        return RawResponse(self._status, self._headers, bytes(self._body))
