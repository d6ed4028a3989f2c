"""A busy project on PostgreSQL: requests that wait for its rows do not delay other tenants."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial

import attrs
import psycopg
import pytest
from sqlalchemy import Connection, create_engine

from stellary.core import Core
from tests.core.agents.agent_api import AgentApi
from tests.server.running import Reply, Running, encode_head, running
from tests.support.boards import Board
from tests.support.core_parts import Database
from tests.support.databases import with_lock_timeout
from tests.support.world import World

CREATORS = 12
Call = Callable[[], Reply]


@attrs.frozen
class BusyProject:
    """A project and the token of its owner."""

    board: Board
    bearer: str

    def create(self, server: Running, column: int = 0, **body: object) -> Reply:
        return self.create_in(server, self.board.columns[column]["id"], **body)

    def create_in(
        self, server: Running, column_id: str, title: str = "a card", key: str | None = None, **body: object
    ) -> Reply:
        headers = {} if key is None else {"idempotency_key": key}
        path = f"{self.board.path}/columns/{column_id}/cards"
        return server.ask("POST", path, {"title": title, **body}, self.bearer, **headers)

    def numbers(self, server: Running) -> list[int]:
        cards = server.ask("GET", f"{self.board.path}/cards", token=self.bearer).json
        return sorted(card["number"] for card in cards)


def make_project(world: World, name: str) -> BusyProject:
    board = Board(world, world.person(name))
    return BusyProject(board, board.bearer)


@pytest.fixture
def patient_url(postgres_url: str) -> str:
    """Return a database URL with a lock timeout that is longer than the test."""
    return with_lock_timeout(postgres_url, "60s")


@contextlib.contextmanager
def lock_project(url: str, board: Board) -> Iterator[psycopg.Connection]:
    """Lock the row of a project until the block ends, as a slow transaction of another process does."""
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://")) as connection:
        connection.execute(
            "SELECT FROM stellary_projects WHERE id = %s FOR NO KEY UPDATE", [board.project["id"]]
        )
        yield connection
        connection.rollback()


def wait_for_waiting(connection: psycopg.Connection, count: int) -> None:
    """Wait until ``count`` connections wait for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    for _ in range(1_000):
        connection.execute("SELECT pg_stat_clear_snapshot()")
        if connection.execute(waiting).fetchone()[0] >= count:
            return
        threading.Event().wait(0.01)
    raise AssertionError("too few connections wait for a lock")


def test_other_tenant_reads_and_writes_while_creations_in_a_project_wait(patient_url, postgres_url):
    with closing(Core(patient_url, bcrypt_rounds=4)) as core, running(core) as server:
        world = World(core)
        busy, other = make_project(world, "ann"), make_project(world, "bob")
        with ThreadPoolExecutor(CREATORS) as pool:
            with lock_project(postgres_url, busy.board) as holder:
                creating: list[Future[Reply]] = [pool.submit(busy.create, server) for _ in range(CREATORS)]
                wait_for_waiting(holder, 1)
                for _ in range(3):
                    assert server.ask("GET", other.board.path, token=other.bearer).status == 200
                    assert other.create(server).status == 201
                # The busy project itself can be read as well.
                assert server.ask("GET", busy.board.path, token=busy.bearer).status == 200
                assert not any(response.done() for response in creating)
            assert [response.result().status for response in creating] == [201] * CREATORS


def test_request_that_waits_too_long_for_a_row_returns_503(postgres_url):
    core = Core(with_lock_timeout(postgres_url, "50ms"), bcrypt_rounds=4)
    with closing(core), running(core) as server:
        busy = make_project(World(core), "ann")
        with lock_project(postgres_url, busy.board):
            answer = busy.create(server)
        assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "busy", "1")
        assert busy.create(server).json["number"] == 1


@pytest.fixture
def groups(monkeypatch) -> list[int]:
    """Return the numbers of units in each common commit; 0 for a group that was lost."""
    sizes: list[int] = []
    gathering, writing = Database.gathering, Database.writing
    thread = threading.local()

    @contextlib.contextmanager
    def count_group(database: Database) -> Iterator[None]:
        sizes.append(0)
        thread.units = 0
        with gathering(database):
            yield
            units = thread.units
        sizes[-1] = units

    @contextlib.contextmanager
    def count_unit(database: Database) -> Iterator[Connection]:
        with writing(database) as connection:
            thread.units = getattr(thread, "units", -1) + 1
            yield connection

    monkeypatch.setattr(Database, "gathering", count_group)
    monkeypatch.setattr(Database, "writing", count_unit)
    return sizes


def collect(
    holder: psycopg.Connection, pool: ThreadPoolExecutor, first: Call, *followers: Call
) -> list[Future[Reply]]:
    """Send a request that waits for the locked project, then others that wait for the first; return all replies."""
    replies = [pool.submit(first)]
    wait_for_waiting(holder, 1)
    replies += [pool.submit(call) for call in followers]
    # They arrive within that time; if one is late, it is in a group of its own, and the numbers are the same.
    threading.Event().wait(0.3)
    return replies


@pytest.mark.slow("races many requests")
def test_creations_that_wait_for_each_other_are_committed_together(postgres_url, groups):
    with closing(Core(postgres_url, bcrypt_rounds=4)) as core, running(core) as server:
        busy = make_project(World(core), "ann")
        label = busy.board.label()["id"]
        calls: list[Call] = [
            partial(busy.create, server, number % 3, labelIds=[label], assigneeId=busy.board.owner.id)
            for number in range(6)
        ]
        calls += [partial(busy.create, server, labelIds=["f" * 24])]
        calls += [partial(busy.create_in, server, "f" * 24)]
        calls += [partial(busy.create, server, key="same"), partial(busy.create, server, key="same")]
        del groups[:]
        with ThreadPoolExecutor(CREATORS) as pool:
            with lock_project(postgres_url, busy.board) as holder:
                replies = collect(holder, pool, partial(busy.create, server, 2), *calls)
            answers = [reply.result() for reply in replies]
        assert [answer.status for answer in answers] == [201] * 7 + [400, 404] + [201] * 2
        # One with the key has created a card, and the other one has the same response.
        assert answers[-1].body == answers[-2].body
        assert sum("idempotency-replayed" in answer.headers for answer in answers) == 1
        assert {answer.json["number"] for answer in answers if answer.status == 201} == set(range(1, 9))
        assert busy.numbers(server) == list(range(1, 9))
        assert max(groups) > 4
        feed = server.ask("GET", f"{busy.board.path}/activity?limit=100", token=busy.bearer).json
        assert sum(activity["type"] == "card_created" for activity in feed) == 8


@pytest.mark.slow("waits while a row is locked")
def test_client_that_disconnects_does_not_affect_its_group(postgres_url):
    with closing(Core(postgres_url, bcrypt_rounds=4)) as core, running(core) as server:
        busy = make_project(World(core), "ann")
        path = f"{busy.board.path}/columns/{busy.board.columns[0]['id']}/cards"
        body = b'{"title":"x"}'
        with ThreadPoolExecutor(CREATORS) as pool:
            with lock_project(postgres_url, busy.board) as holder:
                replies = collect(holder, pool, partial(busy.create, server), partial(busy.create, server))
                with server.connect() as connection:
                    connection.sendall(encode_head("POST", path, busy.bearer, len(body)) + body)
                    threading.Event().wait(0.1)
            assert [reply.result().status for reply in replies] == [201, 201]
        assert busy.numbers(server) == [1, 2, 3]


@pytest.mark.slow("waits for a time limit")
def test_creations_that_wait_too_long_for_a_row_return_503_and_change_nothing(postgres_url, groups):
    core = Core(with_lock_timeout(postgres_url, "50ms"), bcrypt_rounds=4)
    with closing(core), running(core) as server:
        busy = make_project(World(core), "ann")
        with ThreadPoolExecutor(CREATORS) as pool, lock_project(postgres_url, busy.board):
            replies = [pool.submit(busy.create, server) for _ in range(CREATORS)]
            assert {reply.result().status for reply in replies} == {503}
        assert 0 in groups
        assert busy.create(server).json["number"] == 1
        assert busy.numbers(server) == [1]


def test_creations_with_an_engine_of_the_host_are_committed_one_by_one(postgres_url, groups):
    engine = create_engine(postgres_url)
    with closing(Core(engine, bcrypt_rounds=4)) as core, running(core) as server:
        busy = make_project(World(core), "ann")
        with ThreadPoolExecutor(CREATORS) as pool:
            replies = [pool.submit(busy.create, server) for _ in range(CREATORS)]
            assert {reply.result().json["number"] for reply in replies} == set(range(1, CREATORS + 1))
        assert groups == []
    engine.dispose()


@pytest.mark.slow("waits while a row is locked")
def test_agents_create_cards_in_commits_of_their_own(postgres_url, groups):
    with closing(Core(postgres_url, bcrypt_rounds=4)) as core, running(core) as server:
        busy = make_project(World(core), "ann")
        agent_api = AgentApi(busy.board.world, busy.board.owner, busy.board.workspace)
        as_agent = attrs.evolve(busy, bearer=agent_api.token(agent_api.agent()))
        del groups[:]
        with ThreadPoolExecutor(CREATORS) as pool:
            with lock_project(postgres_url, busy.board) as holder:
                by_agent = partial(as_agent.create, server)
                replies = collect(holder, pool, partial(busy.create, server), by_agent, by_agent)
            assert [reply.result().status for reply in replies] == [201] * 3
        assert groups == []
