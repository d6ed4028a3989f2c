"""A busy project on PostgreSQL: requests that wait for its rows do not delay other tenants."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import attrs
import psycopg
import pytest

from stellary.core import Core
from stellary.core.db.postgres import WRITERS
from tests.server.running import Reply, Running, running
from tests.support.boards import Board
from tests.support.world import World

CREATORS = 12


@attrs.frozen
class BusyProject:
    """A project and the token of its owner."""

    board: Board
    bearer: str

    def create(self, server: Running) -> Reply:
        path = f"{self.board.path}/columns/{self.board.columns[0]['id']}/cards"
        return server.ask("POST", path, {"title": "a card"}, self.bearer)


def make_project(world: World, name: str) -> BusyProject:
    board = Board(world, world.person(name))
    return BusyProject(board, world.bearer(board.owner))


@pytest.fixture
def patient_url(postgres_url: str) -> str:
    """Return a database URL with a lock timeout that is longer than the test."""
    return f"{postgres_url}{'&' if '?' in postgres_url else '?'}options=-c%20lock_timeout%3D60s"


@contextlib.contextmanager
def lock_project(url: str, board: Board) -> Iterator[psycopg.Connection]:
    """Lock the row of a project until the block ends, as a slow transaction of another process does."""
    plain = url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(plain) as connection:
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
                wait_for_waiting(holder, WRITERS // 2)
                for _ in range(3):
                    assert server.ask("GET", other.board.path, token=other.bearer).status == 200
                    assert other.create(server).status == 201
                # The busy project itself can be read as well.
                assert server.ask("GET", busy.board.path, token=busy.bearer).status == 200
                assert not any(response.done() for response in creating)
            assert [response.result().status for response in creating] == [201] * CREATORS


def test_request_that_waits_too_long_for_a_row_returns_503(postgres_url):
    with closing(Core(postgres_url, bcrypt_rounds=4)) as core, running(core) as server:
        busy = make_project(World(core), "ann")
        with lock_project(postgres_url, busy.board):
            answer = busy.create(server)
        assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "busy", "1")
        assert busy.create(server).json["number"] == 1
