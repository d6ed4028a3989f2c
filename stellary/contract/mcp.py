"""MCP: one endpoint for AI clients, which find their tools there. Section MCP Integration of the API reference."""

from __future__ import annotations

from typing import Annotated, Any

from stellary.contract.endpoint import acts
from stellary.contract.limits import Whole
from stellary.contract.policies import ANYBODY_KNOWN
from stellary.contract.refs import Ref
from stellary.contract.wire import Request, request


@request
class McpMessage(Request):
    """A JSON-RPC message of the Model Context Protocol. Its answers, and the errors in them, are the protocol's own."""

    message: Annotated[dict[str, Any], Whole()]


MCP = acts(
    "mcp.endpoint",
    Ref,
    "mcp",
    summary="The tools for AI clients, by the Model Context Protocol: Streamable HTTP, without sessions.",
    takes=McpMessage,
    returns=dict[str, Any],
    policy=ANYBODY_KNOWN,
)

ENDPOINTS = (MCP,)
