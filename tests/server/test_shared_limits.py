"""Limits of several servers together: counted in PostgreSQL or in Redis, and by each server alone while these are away."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from types import SimpleNamespace

import attrs
import pytest
from sqlalchemy import select

from stellary.core import Core
from stellary.core.http import shared_counts
from stellary.core.http import streams as server_streams
from stellary.core.http.shared_counts import SharedCounts
from tests.server.listening import listening
from tests.server.running import Running, running
from tests.support.boards import create_board
from tests.support.core_parts import NO_LIMITS, Limits, parse_limit
from tests.support.ports import free_port
from tests.support.redis import needs_redis, running_redis
from tests.support.server_parts import Settings
from tests.support.tables import login_attempts
from tests.support.waiting import knows_peers, wait_until
from tests.support.world import at_once

SECRET = "8f3b1c0d9e7a45626b0f4d2c7e1a9583"
REQUESTS = attrs.evolve(NO_LIMITS, requests=parse_limit("20/hour"))
BAD_TOKENS = attrs.evolve(NO_LIMITS, bad_tokens=parse_limit("4/hour"))


@pytest.fixture(params=["postgresql", pytest.param("redis", marks=needs_redis)])
def start(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[Callable[[Limits], list[Running]]]:
    """Yield a function that starts two servers on one database, which count there or in Redis."""
    with ExitStack() as stack:
        url = stack.enter_context(running_redis(free_port())) if request.param == "redis" else None

        def start_servers(limits: Limits) -> list[Running]:
            servers = []
            for _ in range(2):
                core = stack.enter_context(closing(Core(postgres_url, jwt_secret=SECRET, bcrypt_rounds=4)))
                settings = Settings(limits=limits, limits_url=url, jobs=False)
                servers.append(stack.enter_context(running(core, settings)))
            wait_until(lambda: all(knows_peers(server.core) for server in servers))
            return servers

        yield start_servers


@pytest.mark.slow("runs two servers")
def test_requests_to_all_servers_count_against_one_limit(start):
    pair = start(REQUESTS)
    answers = at_once(*[partial(pair[number % 2].ask, "GET", "/auth/me", token="x") for number in range(30)])
    assert sorted(answer.status for answer in answers) == [401] * 20 + [429] * 10
    # Each has a number of its own.
    remaining = [answer.headers["x-ratelimit-remaining"] for answer in answers if answer.status == 401]
    assert sorted(map(int, remaining)) == [*range(20)]
    assert [server.ask("GET", "/auth/me", token="y").status for server in pair] == [401, 401]


@pytest.mark.slow("runs two servers")
def test_invalid_tokens_count_on_all_servers(start):
    here, there = start(BAD_TOKENS)
    statuses = [here.ask("GET", "/auth/me", token=f"bad{number}").status for number in range(5)]
    assert statuses == [401, 401, 401, 401, 429]
    # A server learns of the others with the first invalid token of an address.
    assert [there.ask("GET", "/auth/me", token=f"bad{number}").status for number in range(2)] == [401, 429]


@pytest.mark.slow("runs two servers")
def test_streams_of_a_caller_count_on_all_servers(start, monkeypatch):
    # None of these windows ends during the test.
    window = int(time.time() // server_streams.REPORT_SECONDS) + 1
    windows, reported = [window], Counter()
    add = SharedCounts.add

    async def add_and_note(counts: SharedCounts, key: str, amount: int, until: float):
        count = await add(counts, key, amount, until)
        reported[id(counts), until] += amount
        return count

    monkeypatch.setattr(SharedCounts, "add", add_and_note)
    monkeypatch.setattr(server_streams, "_list_windows", lambda: [*windows])
    for name, value in (("STREAMS_PER_CALLER_MAX", 4), ("SHARED_MIN", 1)):
        monkeypatch.setattr(server_streams, name, value)
    here, there = start(NO_LIMITS)
    board = create_board(here.core)
    path, bearer = f"{board.flat}/events", board.bearer

    def opens(server: Running) -> bool:
        with listening(server, path, bearer) as client:
            return client.status == 200

    with ExitStack() as stack:
        clients = [
            stack.enter_context(listening(server, path, bearer)) for server in (here, there, here, there)
        ]
        assert [client.block() for client in clients] == [{"retry": "1000"}] * 4
        assert [opens(server) for server in (here, there)] == [False, False]
        # Those that are refused count no longer. Before the next window begins, both report for it, too.
        wait_until(lambda: [*reported.values()] == [2, 2])
        windows.append(window + 1)
        wait_until(lambda: [*reported.values()] == [2, 2, 2, 2])
        assert [opens(server) for server in (here, there)] == [False, False]
        del windows[0]
        assert [opens(server) for server in (here, there)] == [False, False]
    wait_until(lambda: opens(here) and opens(there))


def test_streams_are_reported_for_the_next_window_shortly_before_it(monkeypatch):
    def list_windows(now: float) -> list[int]:
        monkeypatch.setattr(server_streams, "time", SimpleNamespace(time=lambda: now))
        return server_streams._list_windows()

    assert [list_windows(now) for now in (540, 594, 596, 600)] == [[9], [9], [9, 10], [10]]


def test_a_server_that_is_alone_counts_by_itself(postgres_url: str):
    with closing(Core(postgres_url)) as core, running(core, Settings(limits=REQUESTS, jobs=False)) as server:
        wait_until(lambda: not core.relay.has_peers)
        assert [server.ask("GET", "/auth/me", token="x").status for _ in range(21)] == [401] * 20 + [429]
        with core.database.reading() as connection:
            assert connection.execute(select(login_attempts)).all() == []


@needs_redis
@pytest.mark.slow("runs Redis twice")
def test_servers_count_alone_while_redis_is_away(sqlite_core: Core, monkeypatch, caplog):
    monkeypatch.setattr(shared_counts, "AWAY_SECONDS", 0.5)
    port = free_port()
    tokens = map(str, itertools.count())

    def count_alternately(servers: list[Running]) -> list[str]:
        token = next(tokens)
        answers = [server.ask("GET", "/auth/me", token=token) for server in servers]
        return [answer.headers["x-ratelimit-remaining"] for answer in answers]

    with ExitStack() as stack:
        settings = Settings(limits=REQUESTS, limits_url=f"redis://127.0.0.1:{port}", jobs=False)
        pair = [stack.enter_context(running(sqlite_core, settings)) for _ in range(2)]
        assert count_alternately(pair * 2) == ["19", "19", "18", "18"]
        assert sum("limits count per process" in text for text in caplog.messages) == 2
        assert b"stellary_limit_store_failures_total 1.0" in pair[0].ask("GET", "/metrics").body
        with running_redis(port):
            wait_until(lambda: count_alternately(pair * 2) == ["19", "18", "17", "16"])
        assert count_alternately(pair * 2) == ["19", "19", "18", "18"]


async def test_additions_that_wait_are_sent_together():
    sent = []

    def add(amounts):
        sent.append(dict(amounts))
        return {key: (100 + amount, 5.0) for key, (amount, _) in amounts.items()}

    shared = SharedCounts(add, asyncio.to_thread, lambda: True, lambda: None)
    additions = [("a", 1, 1.0), ("b", 1, 1.0), ("a", 2, 1.0), ("a", -1, 1.0)]
    counts = await asyncio.gather(*(shared.add(*addition) for addition in additions))
    assert counts == [(101, 5.0), (101, 5.0), (103, 5.0), (102, 5.0)]
    assert sent == [{"a": (2, 1.0), "b": (1, 1.0)}]
