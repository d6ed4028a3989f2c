"""Admission: rejected requests get their response before the body is read, and large hostile bodies need little memory."""

import gzip
import random
import socket
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest

from reference_server.protocol import KEPT_BODY_MAX
from stellary.core.http.body import LARGE, SMALL_MAX, STANDARD
from tests.server.processes import Forked, memory_of, peak_memory_of, quiet_settings, reset_peak_memory, serve
from tests.server.running import Reachable, Running, reply
from tests.support.server_parts import protocol
from tests.support.waiting import wait_until

IMPORT = "/orgs/acme/workspaces/eng/projects/import"
MEMORY_GROWTH_MAX = 50 * 1024
ATTACKS = 3


def head(path: str, token: str, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Authorization: Bearer {token}", "", ""]).encode()


def is_reset(connection: socket.socket) -> bool:
    """Send a byte, and return whether the server has closed the connection."""
    try:
        connection.sendall(b" ")
    except ConnectionError:
        return True
    return False


# ------------------------------------------------------------------------------------ before the body is read


@pytest.mark.parametrize("length", ["Content-Length: 5000000", "Transfer-Encoding: chunked"])
def test_bad_token_is_refused_before_the_body_has_arrived(server: Running, length: str):
    first = b'{"project":' + b" " * (SMALL_MAX + 1000)
    chunk = first if "Length" in length else b"%x\r\n%b\r\n" % (len(first), first)
    with server.connect() as connection:
        connection.sendall(head(IMPORT, "nonsense", length) + chunk)
        answer = reply(connection, "POST")
    assert (answer.status, answer.json["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("expects", [True, False])
def test_connection_of_a_refused_large_body_is_closed_once_its_client_has_the_response(
    sqlite_server: Running, expects: bool
):
    lines = ["Content-Length: 5000000", *(["Expect: 100-continue"] if expects else [])]
    with sqlite_server.connect() as connection:
        connection.sendall(head(IMPORT, "nonsense", *lines))
        if not expects:
            # More than the buffers of the system can take, so the server has to read it.
            connection.sendall(b" " * 4_900_000)
        answer = reply(connection, "POST")
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        assert connection.recv(1) == b""
        # aiohttp, which would parse and copy the body, has no part in it.
        assert not sqlite_server.http_server.connections
        assert len(sqlite_server.http_server.detached_protocols) == 1
    wait_until(lambda: not sqlite_server.http_server.detached_protocols)


def test_refused_large_body_is_discarded_for_a_limited_time(monkeypatch, sqlite_server: Running):
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.05)
    with sqlite_server.connect() as connection:
        connection.sendall(
            head(IMPORT, "nonsense", "Transfer-Encoding: chunked") + b"ffffff\r\n" + b" " * 20_000
        )
        wait_until(lambda: is_reset(connection))


def test_connection_is_kept_after_an_unwanted_body_of_moderate_size(sqlite_server: Running):
    body = b" " * (KEPT_BODY_MAX - 1)
    with sqlite_server.connect() as connection:
        for _ in range(2):
            connection.sendall(head(IMPORT, "nonsense", f"Content-Length: {len(body)}") + body[:SMALL_MAX])
            assert reply(connection, "POST").status == 401
            connection.sendall(body[SMALL_MAX:])


def test_caller_without_access_is_refused_before_the_body_has_arrived(server: Running):
    server.create_project(server.register("ann"))
    stranger = server.register("eve")
    with server.connect() as connection:
        connection.sendall(head(IMPORT, stranger, "Content-Length: 5000000") + b'{"project":')
        assert reply(connection, "POST").status == 404


def test_bad_token_is_refused_before_a_body_is_inflated(server: Running):
    bomb = gzip.compress(b'{"x":[' + b"{}," * 1_000_000 + b"{}]}")
    assert len(bomb) < SMALL_MAX
    assert server.ask("POST", IMPORT, bomb, "nonsense", content_encoding="gzip").status == 401


def test_client_that_expects_100_gets_it_once_admitted(server: Running):
    token = server.register()
    body = orjson.dumps({"name": "Acme", "slug": "acme"}) + b" " * 50_000
    expecting = f"Content-Length: {len(body)}", "Expect: 100-continue"
    with server.connect() as connection:
        connection.sendall(head("/organizations", "nonsense", *expecting))
        assert reply(connection, "POST").status == 401
    with server.connect() as connection:
        connection.sendall(head("/organizations", token, *expecting))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert reply(connection, "POST").status == 201


# -------------------------------------------------------------------------------------------- large and good


@pytest.mark.slow("sends large bodies")
def test_large_body_is_accepted_in_each_encoding(server: Running):
    token = server.register()
    path = server.create_project(token)
    column = server.ask("GET", f"{path}/columns", token=token).json[0]["id"]
    cards = [
        {"title": f"Card {n}", "columnId": column, "description": "x, {y}: [z] " * 20} for n in range(100)
    ]
    body = orjson.dumps({"cards": cards})
    assert len(body) > SMALL_MAX
    many = f"{path}/cards/bulk"
    chunked = b"".join(
        b"%x\r\n%b\r\n" % (len(body[n : n + 9000]), body[n : n + 9000]) for n in range(0, len(body), 9000)
    )
    answers = [
        server.ask("POST", many, body, token),
        server.ask("POST", many, gzip.compress(body), token, content_encoding="gzip"),
        server.ask("POST", many, zlib.compress(body), token, content_encoding="deflate"),
        server.ask("POST", many, zlib.compress(body)[2:-4], token, content_encoding="deflate"),
        server.send(head(many, token, "Transfer-Encoding: chunked"), chunked + b"0\r\n\r\n"),
    ]
    assert [answer.status for answer in answers] == [201] * 5, answers
    assert len(server.ask("GET", f"{path}/cards", token=token).json) == 500


def test_large_body_with_the_same_key_is_executed_once(server: Running):
    token = server.register()
    body = orjson.dumps({"name": "Acme", "slug": "acme"}) + b" " * 50_000
    first, second = (server.ask("POST", "/organizations", body, token, idempotency_key="k") for _ in range(2))
    assert (first.status, second.status) == (201, 201)
    assert first.json["id"] == second.json["id"]
    assert server.ask("POST", "/organizations", body + b" ", token, idempotency_key="k").status == 422


def test_large_invalid_body_gets_the_same_error_as_a_small_one(server: Running):
    token = server.register()
    large = server.ask("POST", "/organizations", b'{"name": 5}' + b" " * 50_000, token)
    small = server.ask("POST", "/organizations", b'{"name": 5}', token)
    assert (large.status, large.json["message"]) == (small.status, small.json["message"])


# ----------------------------------------------------------------------------------------------- large and bad


def test_body_with_too_many_values_is_too_large(server: Running):
    token = server.register()
    path = server.create_project(token)
    for target, values_max in ((f"{path}/cards/bulk", LARGE.values), ("/organizations", STANDARD.values)):
        answer = server.ask("POST", target, b'{"x":[' + b"0," * values_max + b"0]}", token)
        assert (answer.status, answer.json["code"]) == (413, "too_many_values")
        assert answer.json["message"] == f"the body must not hold more than {values_max} JSON values"


@pytest.mark.parametrize("size", [0, 200_000])
def test_encoded_body_that_is_incomplete_or_damaged_is_a_bad_request(sqlite_server: Running, size: int):
    token = sqlite_server.register()
    body = orjson.dumps({"name": "Acme", "slug": "acme"}) + bytes(random.choices(b" \n\t\r", k=size))
    packed, deflated = gzip.compress(body), zlib.compress(body)
    damaged = {"gzip": [packed[:-1], packed[:-8], packed + b"x", packed[:-8] + b"\0" * 8, packed + packed]}
    damaged |= {"deflate": [deflated[:-1], deflated[:-4], deflated + b"x"]}
    for encoding, bodies in damaged.items():
        for damaged_body in (*bodies, b"not packed at all", b"\x1f\x8b"):
            answer = sqlite_server.ask(
                "POST", "/organizations", damaged_body, token, content_encoding=encoding
            )
            assert (answer.status, answer.json["code"]) == (400, "invalid")
            assert "Content-Encoding" in answer.json["message"]


# ------------------------------------------------------------------------------------------- others meanwhile


@pytest.mark.slow("sends large bodies at once")
def test_hostile_bodies_use_little_memory_beside_writes(tmp_path, database_url: str):
    server = Forked(serve, quiet_settings(database_url, tmp_path))
    try:
        token = server.register()
        path = server.create_project(token)
        bomb = gzip.compress(b'{"project":{"name":"x"},"cards":[' + b"{}," * 11_000_000 + b"{}]}")
        assert len(bomb) > SMALL_MAX
        many = b'{"cards":[' + b"{}," * (LARGE.size // 3 - 10) + b"{}]}"

        def send_bomb() -> int:
            return server.ask("POST", IMPORT, bomb, "nonsense", content_encoding="gzip").status

        def send_many() -> int:
            return server.ask("POST", f"{path}/cards/bulk", many, token).status

        for attack, status in ((send_bomb, 401), (send_many, 413)):
            assert attack() == status
            reset_peak_memory(server.pid)
            before = memory_of(server.pid)
            for _ in range(ATTACKS):
                assert write_beside(server, token, path, attack) == status
            assert peak_memory_of(server.pid) - before <= MEMORY_GROWTH_MAX
    finally:
        server.kill()


def write_beside(server: Reachable, token: str, path: str, attack: Callable[[], int]) -> int:
    """Write while an attack lasts, and return the status of the attack."""
    with ThreadPoolExecutor(1) as pool:
        attacking = pool.submit(attack)
        while not attacking.done():
            assert server.ask("PATCH", path, {"description": "x"}, token).status == 200
        return attacking.result()
