"""The Model Context Protocol endpoint for AI clients. Section MCP Integration of the API reference."""

from __future__ import annotations

from typing import Annotated, Any

from stellary.contract.endpoint import acts
from stellary.contract.limits import Whole
from stellary.contract.policies import ANYBODY_KNOWN
from stellary.contract.refs import Ref
from stellary.contract.wire import Request


class McpMessage(Request):
    """A JSON-RPC message of the Model Context Protocol. Responses and their errors follow the protocol."""

    message: Annotated[dict[str, Any], Whole()]


MCP = acts(
    "mcp.endpoint",
    Ref,
    "mcp",
    summary="Call tools over the Model Context Protocol (Streamable HTTP, without sessions).",
    takes=McpMessage,
    returns=dict[str, Any],
    policy=ANYBODY_KNOWN,
)
