"""Checks of the API over a shell that is called in process: files, caching, documentation, tools, streams and limits."""

from stellary.core.api.uploads import FORM_MAX
from tests.server.running import Reachable, Reply
from tests.support import mcp
from tests.support.boards import Board
from tests.support.forms import FORM, form
from tests.support.in_process import SendRequest

REQUESTS_MAX = 60
"""The limit of requests per hour with which the API is mounted for these checks."""
DATA = bytes(range(256)) * 5000


def check_api(call_api: SendRequest, board: Board, prefix: str) -> None:
    """Check that the API works as over the reference server.

    Args:
        call_api: Calls the API, which is mounted with a limit of ``REQUESTS_MAX`` requests per hour.
        board: A board in the core of the API.
        prefix: The path at which it is mounted.
    """
    check_files(call_api, board)
    check_conditional_read(call_api, board)
    check_documentation(call_api, prefix)
    check_links(call_api, board, prefix)
    check_tools(call_api, board)
    check_stream(call_api, board)
    check_limit(call_api)


def check_files(call_api: SendRequest, board: Board) -> None:
    token = board.bearer
    attachments = f"{board.of(board.card())}/attachments"
    created = call_api(token, "POST", attachments, form(DATA), content_type=FORM)
    assert created.status == 201, created
    path = f"{attachments}/{created.json['id']}"
    whole = call_api(token, "GET", path)
    assert (whole.status, whole.body) == (200, DATA)
    part = call_api(token, "GET", path, range="bytes=256-511")
    assert (part.status, part.body) == (206, DATA[256:512])
    assert part.headers["content-range"] == f"bytes 256-511/{len(DATA)}"
    assert call_api(token, "GET", path, range=f"bytes={len(DATA)}-").status == 416
    head = call_api(token, "HEAD", path)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(DATA)))
    too_large = call_api(
        token, "POST", attachments, form(DATA), content_type=FORM, content_length=str(FORM_MAX + 1)
    )
    assert (too_large.status, too_large.json["code"]) == (413, "too_large")


def check_conditional_read(call_api: SendRequest, board: Board) -> None:
    token, path = board.bearer, f"{board.path}/columns"
    tag = call_api(token, "GET", path).headers["etag"]
    again = call_api(token, "GET", path, if_none_match=tag)
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert call_api(token, "GET", path, if_none_match='"other"').status == 200


def check_documentation(call_api: SendRequest, prefix: str) -> None:
    document = call_api(None, "GET", "/openapi.json").json
    assert (document["servers"], "/auth/me" in document["paths"]) == ([{"url": prefix}], True)
    assert f'"{prefix}/openapi.json"'.encode() in call_api(None, "GET", "/docs").body
    assert call_api(None, "GET", "/health/ready").json == {"status": "ready"}
    assert call_api(None, "GET", "/metrics").status == 404


def check_links(call_api: SendRequest, board: Board, prefix: str) -> None:
    """Check that the link to the next page has the prefix of the host."""
    board.card("Next")
    link = call_api(board.bearer, "GET", f"{board.path}/cards?limit=1").headers["link"]
    assert link.startswith(f"<{prefix}{board.path}/cards?")


def check_tools(call_api: SendRequest, board: Board) -> None:
    server, token = InProcess(call_api), board.bearer
    assert "create_card" in mcp.tools(server, token)
    outcome = mcp.call(server, token, "create_card", projectId="Launch", column="To Do", title="From a tool")
    assert not outcome.failed, outcome
    assert mcp.post(server, {}, None).status == 401


def check_stream(call_api: SendRequest, board: Board) -> None:
    stream = call_api(board.bearer, "GET", f"{board.flat}/events")
    assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
    stranger = board.world.bearer(
        board.world.person(f"stranger of {board.owner.user.name}".replace(" ", "-"))
    )
    assert call_api(stranger, "GET", f"{board.flat}/events").status == 404


def check_limit(call_api: SendRequest) -> None:
    replies = [call_api(None, "GET", "/auth/me") for _ in range(REQUESTS_MAX + 1)]
    assert {reply.status for reply in replies} == {401, 429}
    assert (replies[-1].status, replies[-1].json["code"]) == (429, "rate_limited")
    assert replies[-1].headers["x-ratelimit-limit"] == str(REQUESTS_MAX)
    assert int(replies[-1].headers["retry-after"]) > 0


class InProcess(Reachable):
    """A server that is called in process."""

    def __init__(self, call_api: SendRequest) -> None:
        self._call_api = call_api

    def ask(
        self, method: str, path: str, body: object = None, token: str | None = None, **headers: str
    ) -> Reply:
        return self._call_api(token, method, path, body, **headers)
