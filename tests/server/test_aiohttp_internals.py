"""The private attributes of aiohttp that the server reads mean what they did in the versions that are allowed."""

import asyncio
import inspect
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from reference_server.aiohttp_internals import ATTRIBUTES, ObservableRequestHandler
from reference_server.protocol import Connection

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HALF = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
CHANGED = f"aiohttp {aiohttp.__version__} has changed what reference_server/aiohttp_internals.py reads: "


@asynccontextmanager
async def connect(release: asyncio.Event) -> AsyncIterator[ObservableRequestHandler]:
    """Yield a connection whose requests are answered once ``release`` is set."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    loop = asyncio.get_running_loop()
    server = web.Server(handle)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        _, connection = await loop.connect_accepted_socket(
            lambda: ObservableRequestHandler(server, loop=loop), ours
        )
        try:
            await settle()
            yield connection
        finally:
            release.set()
            await server.shutdown(1)


async def settle() -> None:
    """Let all tasks run that are ready."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attribute_exists(name):
    assert name in web.RequestHandler.__slots__, f"{CHANGED}there is no RequestHandler.{name}"


@pytest.mark.slow("waits for a second of the clock")
async def test_connection_waits_except_while_a_request_is_answered():
    release = asyncio.Event()
    async with connect(release) as connection:
        assert connection.is_waiting, f"{CHANGED}_waiter of a new connection"
        connection.data_received(REQUEST)
        await settle()
        assert not connection.is_waiting, f"{CHANGED}_waiter while a request is answered"
        release.set()
        await settle()
        assert connection.is_waiting, f"{CHANGED}_waiter after a response"
        task = connection.handler_task
    assert task.done(), f"{CHANGED}_task_handler"


@pytest.mark.slow("waits for a second of the clock")
async def test_time_of_the_last_response_is_known():
    release = asyncio.Event()
    async with connect(release) as connection:
        connected_at = connection.answered_at
        connection.data_received(REQUEST)
        await asyncio.sleep(0.02)
        released_at = asyncio.get_running_loop().time()
        release.set()
        await settle()
        answered_at = connection.answered_at
        assert connected_at < released_at <= answered_at <= asyncio.get_running_loop().time(), (
            f"{CHANGED}_next_keepalive_close_time"
        )


async def test_complete_requests_are_queued_until_they_are_begun():
    async with connect(asyncio.Event()) as connection:
        connection.data_received(REQUEST[:-2])
        assert connection.queued_count == 0, f"{CHANGED}_messages with an incomplete header"
        connection.data_received(REQUEST[-2:] + REQUEST)
        assert connection.queued_count == 2, f"{CHANGED}_messages with two requests"
        await settle()
        assert connection.queued_count == 1, f"{CHANGED}_messages when the first has begun"
        assert not connection.is_last_queued_invalid, f"{CHANGED}an item of _messages"


@pytest.mark.parametrize("is_started", [True, False])
async def test_body_is_found_that_invalid_http_cuts_off(is_started):
    async with connect(asyncio.Event()) as connection:
        connection.data_received(HALF)
        if is_started:
            await settle()
        connection.data_received(b"no size\r\n")
        assert connection.is_last_queued_invalid, f"{CHANGED}an item of _messages"
        body = connection.body_before_last_queued
        assert body is not None, f"{CHANGED}_current_request" if is_started else f"{CHANGED}_messages"
        assert body.read_nowait() == b"a"
        assert not body.is_eof()


async def test_no_body_is_found_without_a_request():
    async with connect(asyncio.Event()) as connection:
        connection.data_received(b"no http\r\n\r\n")
        assert connection.is_last_queued_invalid
        assert connection.body_before_last_queued is None


def test_connections_use_no_other_private_attribute_of_aiohttp():
    names = set(re.findall(r"\bself\.(_[a-z]\w*)", inspect.getsource(Connection)))
    assert names <= {*Connection.__slots__, *vars(Connection)}
