"""AsyncStellary in several event loops, and with many calls at a time."""

import asyncio
import threading

import httpx
import pytest
import respx

from stellary import AsyncStellary, StellaryError, TimedOut
from stellary.client.calling import async_httpx_transport
from tests.client.misbehaving import answer, stay_silent
from tests.support.waiting import wait_for

GOOD = answer("200 OK", b"[]")


def test_one_client_works_in_one_event_loop_after_another(server):
    server.then(GOOD)
    client = AsyncStellary(server.url, "synth_x")

    async def ask():
        return await asyncio.gather(*(client.organizations.list() for _ in range(3)))

    assert [asyncio.run(ask()) for _ in range(3)] == [[[], [], []]] * 3
    asyncio.run(client.close())
    with pytest.raises(StellaryError, match="the client is closed"):
        asyncio.run(ask())


def test_connections_are_closed_with_their_event_loop(server):
    server.then(GOOD)
    client = AsyncStellary(server.url, "synth_x")
    pools = []

    async def ask():
        await client.organizations.list()
        pools.extend(client._caller.carrier._loops.values())

    asyncio.run(ask())
    assert [client.is_closed for pool in pools for client in pool.connections.open] == [True]


def test_one_client_works_in_two_event_loops_at_a_time(server):
    server.then(GOOD)
    client = AsyncStellary(server.url, "synth_x")
    both, answers = threading.Barrier(2), []

    async def ask():
        await client.organizations.list()
        await asyncio.to_thread(both.wait, 10)
        answers.append(await client.organizations.list())

    threads = [threading.Thread(target=asyncio.run, args=[ask()]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == [[], []]


def test_closing_ends_the_connections_of_other_running_loops(server):
    server.then(GOOD)
    client = AsyncStellary(server.url, "synth_x")
    started, closed = threading.Event(), threading.Event()
    pools = []

    async def stay():
        await client.organizations.list()
        pools.extend(client._caller.carrier._loops.values())
        started.set()
        await asyncio.to_thread(closed.wait, 10)
        while not next(iter(pools[0].connections.open)).is_closed:  # noqa: ASYNC110 - httpx has no event for it
            await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=[asyncio.wait_for(stay(), 20)])
    thread.start()
    assert started.wait(10)
    asyncio.run(client.close())
    closed.set()
    thread.join(20)
    assert next(iter(pools[0].connections.open)).is_closed


async def test_concurrent_calls_are_limited_to_connections():
    on_their_way, most = 0, 0

    async def reply(request):
        nonlocal on_their_way, most
        on_their_way += 1
        most = max(most, on_their_way)
        await asyncio.sleep(0.001)
        on_their_way -= 1
        return httpx.Response(200, content=b"[]")

    with respx.mock() as router:
        router.get("http://pm.test/organizations").mock(side_effect=reply)
        async with AsyncStellary("http://pm.test") as client:
            answers = await asyncio.gather(*(client.organizations.list() for _ in range(400)))
    assert (len(answers), most) == (400, async_httpx_transport._CONCURRENT)


async def test_waiting_for_a_connection_counts_toward_the_timeout(server, monkeypatch):
    monkeypatch.setattr(async_httpx_transport, "_CONCURRENT", 1)
    server.then(stay_silent)
    async with AsyncStellary(server.url, max_retries=0) as client:
        first = asyncio.create_task(client.organizations.list())
        await wait_for(lambda: server.requests)
        with pytest.raises(TimedOut, match="no connection became free in time") as caught:
            await client.with_options(timeout=0.05).organizations.list()
        assert not caught.value.reached
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_cancelled_call_releases_its_connection(server, monkeypatch):
    monkeypatch.setattr(async_httpx_transport, "_CONCURRENT", 1)
    server.then(stay_silent, GOOD)
    async with AsyncStellary(server.url) as client:
        waits = [asyncio.create_task(client.organizations.list()) for _ in range(3)]
        await wait_for(lambda: server.requests)
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        assert await client.organizations.list() == []
