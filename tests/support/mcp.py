"""Tool calls at ``/mcp``, as JSON over HTTP."""

from typing import Any

import attrs

from tests.server.running import Reachable, Reply

ACCEPT = "application/json, text/event-stream"
VERSION = "2025-11-25"


@attrs.frozen
class Outcome:
    """The outcome of a tool call."""

    failed: bool
    data: Any
    texts: list[str] = attrs.field(factory=list)

    @property
    def status(self) -> int:
        """The status with which the API answers the same request."""
        if self.failed:
            return self.data["statusCode"]
        return 202 if self.texts[0].startswith("Nothing has been changed yet") else 200


def post(server: Reachable, message: Any, token: str | None, **headers: str) -> Reply:
    """Send a message, and return the answer."""
    sent = {"accept": ACCEPT, "mcp_protocol_version": VERSION, **headers}
    return server.ask("POST", "/mcp", message, token, **sent)


def send(server: Reachable, method: str, params: Any, token: str | None, **headers: str) -> Any:
    """Send a request of the protocol, which must succeed, and return the answer."""
    answer = post(server, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, token, **headers)
    assert answer.status == 200, answer
    return answer.json


def tools(server: Reachable, token: str | None) -> dict[str, Any]:
    """Return the tools on offer, by name."""
    return {tool["name"]: tool for tool in send(server, "tools/list", {}, token)["result"]["tools"]}


def call(server: Reachable, token: str | None, name: str, **arguments: Any) -> Outcome:
    """Call a tool."""
    return outcome(send(server, "tools/call", {"name": name, "arguments": arguments}, token)["result"])


def outcome(result: Any) -> Outcome:
    """Return the outcome of a call from the result of the protocol."""
    texts = [content["text"] for content in result["content"]]
    return Outcome(result["isError"], result.get("structuredContent"), texts)
