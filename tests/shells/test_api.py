"""The API over the reference server, the ASGI and the WSGI application: files, streams, limits, documentation, MCP and the SDK."""

import gzip
import socket
from importlib.metadata import version

import orjson
import pytest

from stellary import Stellary
from stellary.contract.errors import NotFound
from tests.server.listening import SOON, listening
from tests.server.running import Running, encode_head
from tests.support import mcp
from tests.support.boards import ask, create_board
from tests.support.core_parts import (
    FORM_MAX,
    STANDARD,
    AccessEntry,
    Limits,
    RateLimit,
    http_streams,
    streams,
    transfers,
)
from tests.support.forms import FORM, form
from tests.support.shells import running_asgi
from tests.support.waiting import wait_until


def upload(server, board, data, name=b"hello.bin"):
    token = board.bearer
    path = f"{board.of(board.card())}/attachments"
    reply = server.ask("POST", path, form(data, name), token, content_type=FORM)
    return reply, f"{path}/{reply.json.get('id')}", token


def test_downloaded_file_equals_the_upload(server, board):
    data = bytes(range(256)) * 5000
    reply, path, token = upload(server, board, data)
    assert reply.status == 201, reply
    whole = server.ask("GET", path, token=token)
    assert (whole.status, whole.body) == (200, data)
    part = server.ask("GET", path, token=token, range="bytes=256-511")
    assert (part.status, part.body) == (206, data[256:512])
    assert part.headers["content-range"] == f"bytes 256-511/{len(data)}"
    beyond = server.ask("GET", path, token=token, range=f"bytes={len(data)}-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
    same = server.ask("GET", path, token=token, if_none_match=part.headers["etag"])
    assert (same.status, same.body) == (304, b"")
    head = server.ask("HEAD", path, token=token)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(data)))


def test_large_export_is_sent_from_a_file(server, board, monkeypatch):
    monkeypatch.setattr(transfers, "IN_MEMORY", 100)
    # An export contains its time, which without milliseconds is shorter.
    board.world.stop_clock()
    board.card(description="d" * 5_000)
    token, path = board.bearer, f"{board.path}/export"
    whole = server.ask("GET", path, token=token)
    assert (whole.status, whole.headers["content-length"]) == (200, str(len(whole.body)))
    packed = server.ask("GET", path, token=token, accept_encoding="gzip")
    assert (packed.status, packed.headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(packed.body) == whole.body
    head = server.ask("HEAD", path, token=token)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(whole.body)))
    with Stellary(server.url, token=token) as client:
        slugs = board.flat.split("/")
        file = client.workspace(slugs[2], slugs[4]).project(board.project["id"]).export()
    assert file.cards[0].description == "d" * 5_000


def test_conditional_read_returns_304_without_a_body(server, board):
    board.card("first")
    tails = ("", "/cards", "/cards?limit=1", "/board", "/columns", "/members", "/activity")
    for path in ("/auth/me", *(board.path + tail for tail in tails)):
        tag = server.ask("GET", path, token=board.bearer).headers["etag"]
        again = server.ask("GET", path, token=board.bearer, if_none_match=tag)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag), path
        assert "content-type" not in again.headers
        assert again.headers["x-request-id"]
        assert server.ask("GET", path, token=board.bearer, if_none_match='"other"').status == 200


def head_of_upload(board, length):
    """Return the path of a card's attachments, and the head of a request that uploads one."""
    path = f"{board.of(board.card())}/attachments"
    return path, encode_head("POST", path, board.bearer, length, content_type=FORM)


def test_declared_file_beyond_the_limit_is_rejected_unread(server, board):
    _, head = head_of_upload(board, FORM_MAX + 1)
    reply = server.send(head)
    assert (reply.status, reply.json["code"]) == (413, "too_large")


def test_body_beyond_the_limit_of_its_operation_is_rejected(server, board):
    token = board.bearer
    path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
    reply = server.ask("POST", path, b" " * (STANDARD.size + 1), token)
    assert (reply.status, reply.json["code"]) == (413, "too_large")
    compressed = gzip.compress(b" " * (STANDARD.size + 1))
    reply = server.ask("POST", path, compressed, token, content_encoding="gzip")
    assert (reply.status, reply.json["code"]) == (413, "too_large")
    compressed = gzip.compress(orjson.dumps({"title": "Inflated"}))
    reply = server.ask("POST", path, compressed, token, content_encoding="gzip")
    assert (reply.status, reply.json["title"]) == (201, "Inflated")


def test_body_in_chunks_is_read(sqlite_core):
    """Check a body without a declared length, which many WSGI servers do not read."""
    with running_asgi(sqlite_core) as server:
        body = orjson.dumps({"email": "ann@example.com", "password": "correct horse"})
        head = b"POST /auth/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        head += b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        reply = server.send(head, b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    assert reply.status == 201


def test_stream_delivers_events_until_access_is_lost(server, world, board):
    member = world.person("bob")
    board.join(member)
    with listening(server, f"{board.flat}/events", world.bearer(member)) as client:
        assert (client.status, client.answer.headers["content-type"]) == (200, "text/event-stream")
        assert client.answer.headers["x-accel-buffering"] == "no"
        assert client.block() == {"retry": "1000"}
        card = board.card("First")
        event = client.event()
        assert (event["event"], event["type"], event["cardId"]) == ("activity", "card_created", card["id"])
        assert event["meta"]["cardTitle"] == "First"
        board.comment(card)
        assert client.event()["type"] == "comment_added"
        world.ask(board.owner, "DELETE", f"{board.flat}/members/{member.id}")
        assert client.ends()


def test_stream_continues_after_the_last_event(server, board):
    token = board.bearer
    with listening(server, f"{board.flat}/events", token) as client:
        board.card("One")
        last_id = client.event()["id"]
    missed = [board.card(title)["title"] for title in ("Two", "Three")]
    for query, headers in (("", {"last_event_id": last_id}), (f"?lastEventId={last_id}", {})):
        with listening(server, f"{board.flat}/events{query}", token, **headers) as client:
            assert [client.event()["meta"]["cardTitle"] for _ in missed] == missed
            board.card("Four")
            assert client.event()["meta"]["cardTitle"] == "Four"
            missed.append("Four")


def test_stream_of_a_client_that_has_gone_ends(serve, core, monkeypatch):
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(http_streams, "TICK_SECONDS", 0.02)
    entries: list[AccessEntry] = []
    with serve(core, access_log=entries.append) as server:
        board = create_board(core)
        token = board.bearer
        with listening(server, f"{board.flat}/events", token) as client:
            assert client.block() == {"retry": "1000"}
            client.answer.close()
        wait_until(lambda: any(entry.path.endswith("/events") for entry in entries))


def test_number_of_streams_is_limited(serve, sqlite_core):
    board = create_board(sqlite_core)
    path, token = f"{board.flat}/events", board.bearer
    with serve(sqlite_core, streams_max=1) as server, listening(server, path, token) as client:
        assert client.block() == {"retry": "1000"}
        assert server.ask("GET", path, token=token).status == 503


def test_head_of_a_stream_returns_only_headers(server, board, monkeypatch):
    # The stream of such a request does not count afterwards.
    monkeypatch.setattr(http_streams, "STREAMS_PER_CALLER_MAX", 1)
    for _ in range(2):
        reply = server.ask("HEAD", f"{board.flat}/events", token=board.bearer)
        assert (reply.status, reply.headers["content-type"], reply.body) == (200, "text/event-stream", b"")


def test_request_limits_are_enforced(serve_anywhere, sqlite_core):
    with serve_anywhere(sqlite_core, limits=Limits(requests=RateLimit(2, 3600))) as server:
        replies = [server.ask("GET", "/auth/me", token="x") for _ in range(3)]
    assert [reply.status for reply in replies] == [401, 401, 429]
    assert [reply.headers["x-ratelimit-remaining"] for reply in replies] == ["1", "0", "0"]


def test_limit_of_failed_logins_is_enforced(serve_anywhere, sqlite_core):
    with serve_anywhere(sqlite_core, limits=Limits(logins=RateLimit(2, 3600))) as server:
        server.register()
        wrong = {"email": "ann@example.com", "password": "wrong horse"}
        assert [server.ask("POST", "/auth/login", wrong).status for _ in range(3)] == [401, 401, 429]


def test_limit_of_invalid_tokens_is_enforced(serve_anywhere, sqlite_core):
    with serve_anywhere(sqlite_core, limits=Limits(bad_tokens=RateLimit(2, 3600))) as server:
        valid = server.register()
        assert server.ask("GET", "/auth/me", token=valid).status == 200
        statuses = [server.ask("GET", "/auth/me", token=f"bad{number}").status for number in range(4)]
        assert statuses == [401, 401, 429, 429]
        assert server.ask("GET", "/auth/me", token=valid).status == 200
        assert server.ask("GET", "/health/live", token="bad").status == 200


def test_documentation_is_served(server):
    about = {"name": "Stellary", "version": version("stellary"), "openapi": "/openapi.json", "docs": "/docs"}
    assert server.ask("GET", "/").json == about
    document = server.ask("GET", "/openapi.json").json
    assert (document["openapi"], "/auth/login" in document["paths"]) == ("3.1.0", True)
    has_metrics = isinstance(server, Running)
    assert ("/metrics" in document["paths"]) == has_metrics
    assert server.ask("GET", "/metrics").status == (200 if has_metrics else 404)
    assert server.ask("GET", "/openapi.json").json == document
    assert b"Stellary API" in server.ask("GET", "/docs").body
    assert server.ask("GET", "/health/live").json == {"status": "ok"}
    assert server.ask("GET", "/health/ready").json == {"status": "ready"}


def test_hidden_operations_do_not_exist(serve, sqlite_core):
    with serve(sqlite_core, hide={"auth.*", "system.docs"}) as server:
        login = server.ask("POST", "/auth/login", {"email": "a@example.com", "password": "x"})
        assert (login.status, login.json["code"]) == (404, "unknown_path")
        assert server.ask("GET", "/docs").status == 404
        paths = server.ask("GET", "/openapi.json").json["paths"]
        assert not any(path.startswith("/auth") for path in paths)
        assert "/organizations" in paths


def test_hidden_operations_are_no_tools(serve, sqlite_core):
    board = create_board(sqlite_core)
    token = board.bearer
    with serve(sqlite_core, hide={"cards.create"}) as server:
        assert "update_card" in mcp.tools(server, token)
        assert "create_card" not in mcp.tools(server, token)
        arguments = {"projectId": "Launch", "column": "To Do", "title": "Hidden"}
        refused = mcp.send(server, "tools/call", {"name": "create_card", "arguments": arguments}, token)
        assert refused["error"]["message"].startswith("There is no such tool")
    assert ask(board, "GET", f"{board.path}/cards") == []


def test_unknown_hidden_operation_is_an_error(serve, sqlite_core):
    with (
        pytest.raises(ValueError, match=r"^no operation is called login$"),
        serve(sqlite_core, hide={"login"}),
    ):
        pass


def test_mcp_lists_tools(server, board):
    token = board.bearer
    assert "create_card" in mcp.tools(server, token)
    outcome = mcp.call(server, token, "create_card", projectId="Launch", column="To Do", title="From a tool")
    assert not outcome.failed, outcome
    params = {"name": "wait_for_mission", "arguments": {}, "_meta": {"progressToken": 1}}
    events = mcp.post(server, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, token)
    assert (events.headers["content-type"], b"(agents_only)" in events.body) == ("text/event-stream", True)


def test_sdk_works_over_http(server, board):
    client = Stellary(server.url, token=board.bearer)
    project = client.workspace(board.workspace.organization.slug, board.workspace.slug).project(
        board.project["id"]
    )
    to_do, *_ = project.columns.list()
    card = project.cards.create(to_do.id, title="From the SDK")
    assert [listed.title for listed in project.cards.list()] == ["From the SDK"]
    project.cards.delete(card.id)
    with pytest.raises(NotFound):
        project.cards.get(card.id)
    client.close()


def test_response_is_compressed(server, board):
    for number in range(20):
        board.card(f"Card {number}")
    reply = server.ask("GET", f"{board.path}/cards", token=board.bearer, accept_encoding="gzip")
    assert reply.headers["content-encoding"] == "gzip"
    assert len(orjson.loads(gzip.decompress(reply.body))) == 20


def test_cors_headers_are_added_for_allowed_origins(serve_anywhere, sqlite_core):
    origin = "https://app.example.com"
    with serve_anywhere(sqlite_core, cors_origins=(origin,)) as server:
        # Errors too, so that the page can read what was wrong.
        for path, status in (("/health/live", 200), ("/auth/me", 401)):
            reply = server.ask("GET", path, origin=origin)
            assert (reply.status, reply.headers["access-control-allow-origin"]) == (status, origin)
            assert "X-Request-Id" in reply.headers["access-control-expose-headers"]
            assert reply.headers["vary"] == "Origin"
        preflight = server.ask("OPTIONS", "/auth/me", origin=origin, access_control_request_method="PATCH")
        assert (preflight.status, preflight.body) == (204, b"")
        assert preflight.headers["access-control-allow-origin"] == origin
        assert "PATCH" in preflight.headers["access-control-allow-methods"]
        assert "Authorization" in preflight.headers["access-control-allow-headers"]


def test_path_with_an_encoded_slash_is_one_part(server, board):
    reply = server.ask("GET", f"{board.path}/cards/a%2Fb", token=board.bearer)
    assert (reply.status, reply.json["message"]) == (404, "Card not found")


def test_disconnected_upload_stores_nothing(server, board):
    path, head = head_of_upload(board, 100_000)
    with socket.create_connection(("127.0.0.1", server.port), timeout=SOON) as connection:
        connection.sendall(head + form(b"x" * 500)[:400])
    assert server.ask("GET", path, token=board.bearer).json == []
