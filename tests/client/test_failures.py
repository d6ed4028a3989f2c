"""Misbehaving servers and networks, over real sockets, with both clients."""

import socket
import time

import httpx
import orjson
import pytest

from stellary import (
    AsyncStellary,
    ConnectionFailed,
    ServerError,
    Stellary,
    StellaryError,
    TimedOut,
)
from stellary.client.calling import retries
from stellary.client.testing import make
from stellary.contract.auth import Me, User
from stellary.contract.wire import dump
from tests.client.misbehaving import answer, hang_up, reset, say, stay_silent
from tests.support.colours import resolve, run_client
from tests.support.each_case import for_each

ME = Me(user=make(User))
GOOD = answer("200 OK", dump(ME), "X-Request-Id: req_1")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(retries, "PAUSE_FIRST", 0.0)


@pytest.fixture
def ask(colour):
    """Return a function that calls a client of each class."""
    return lambda url, call, **options: run_client(colour(url, token="synth_x", **options), call)


def me(client):
    return client.auth.me()


def log_out(client):
    return client.auth.logout()


@pytest.mark.parametrize(
    "failure",
    [
        reset,
        hang_up,
        say(b"HTTP/1.1 200 OK\r\nContent-Le"),
        say(b"this is no HTTP\r\n\r\n"),
        say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"),
    ],
    ids=["reset", "hung up", "half a head", "no http", "half a body", "bad chunk", "bad gzip"],
)
def test_repeatedly_broken_connection_raises(server, ask, failure):
    server.then(failure)
    with pytest.raises(ConnectionFailed, match=r"\(GET /auth/me, after 2 retries\)$") as caught:
        ask(server.url, me)
    assert (caught.value.reached, len(server.requests)) == (True, 3)
    server.then(failure, failure, GOOD)
    assert ask(server.url, me) == ME


def test_refused_connection_raises(ask):
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConnectionFailed, match=f"no connection to {url}: ") as caught:
        ask(url, log_out)
    assert (caught.value.reached, caught.value.retries) == (False, 2)


def test_unknown_host_raises(ask):
    with pytest.raises(ConnectionFailed, match=r"no connection to http://nowhere\.invalid: "):
        ask("http://nowhere.invalid", me, max_retries=0)


def test_retry_after_is_respected(server, ask):
    server.then(answer("429 Too Many Requests", b"{}", "Retry-After: 0.2"), GOOD)
    began = time.monotonic()
    assert ask(server.url, me) == ME
    assert time.monotonic() - began >= 0.2


def test_silent_server_raises_timeout(server, ask):
    server.then(stay_silent)
    began = time.monotonic()
    with pytest.raises(TimedOut, match="no answer in time") as caught:
        ask(server.url, me, timeout=0.3)
    assert caught.value.reached
    assert 0.2 < time.monotonic() - began < 15


def test_dripping_body_raises_timeout(server, ask):
    server.then(say(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n", *[b"x"] * 400, pause=0.05))
    with pytest.raises(TimedOut, match="not complete in time"):
        ask(server.url, me, timeout=0.3)


def test_an_unknown_status_is_an_error_of_its_class(server, ask):
    server.then(answer("599 Odd", b"{}"))
    with pytest.raises(ServerError, match="599 Error"):
        ask(server.url, me)


def test_redirect_raises(server, ask):
    server.then(answer("301 Moved Permanently", b"", "Location: https://pm.example.com/"))
    with pytest.raises(StellaryError, match=r"redirects to https://pm.example.com/; check the URL"):
        ask(server.url, me)


def test_an_answer_may_be_compressed(server, ask):
    import gzip

    server.then(answer("200 OK", gzip.compress(dump(ME)), "Content-Encoding: gzip"))
    assert ask(server.url, me) == ME


def test_invalid_url_raises(server, ask):
    server.then(GOOD)
    with pytest.raises(StellaryError, match="this request cannot be sent"):
        ask(server.url, lambda client: client.organizations.get("x" * 70_000))


async def test_client_is_closed_once_or_several_times(server, colour):
    server.then(GOOD)
    client = colour(server.url, token="synth_x")
    assert await resolve(me(client)) == ME
    for _ in range(2):
        await resolve(client.close())
        with pytest.raises(StellaryError, match="the client is closed"):
            await resolve(me(client))


@for_each("client_class, http_class", [(Stellary, httpx.Client), (AsyncStellary, httpx.AsyncClient)])
async def test_http_client_of_the_caller_is_not_closed(server, client_class, http_class):
    server.then(GOOD)
    http = http_class()
    client = client_class(server.url, token="synth_x", http_client=http)
    assert await resolve(me(client)) == ME
    await resolve(client.close())
    assert not http.is_closed


def test_closed_http_client_of_the_caller_raises(server):
    http = httpx.Client()
    http.close()
    with pytest.raises(StellaryError, match="the client is closed"):
        me(Stellary(server.url, http_client=http))


def test_error_of_a_hook_is_passed_on(server):
    def hook(request):
        raise RuntimeError("of the caller")

    with (
        httpx.Client(event_hooks={"request": [hook]}) as http,
        pytest.raises(RuntimeError, match="of the caller"),
    ):
        me(Stellary(server.url, http_client=http))


def test_polling_parses_each_url_once(server):
    server.then(GOOD)
    with Stellary(server.url, token="synth_x") as client:
        me(client)
        me(client)
        assert len(client._caller.carrier._requests._urls) == 1


def test_url_cache_is_bounded(server, monkeypatch):
    monkeypatch.setattr("stellary.client.calling.httpx_transport._URLS_MAX", 1)
    server.then(answer("200 OK", orjson.dumps([])))
    with Stellary(server.url, token="synth_x") as client:
        client.organizations.list()
        client.api_tokens.list()
        assert len(client._caller.carrier._requests._urls) == 1


def test_many_threads_share_one_client(server):
    from concurrent.futures import ThreadPoolExecutor

    server.then(GOOD)
    with Stellary(server.url, token="synth_x") as client, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: me(client), range(16))) == [ME] * 16
