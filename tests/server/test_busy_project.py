"""One busy project on PostgreSQL: those who wait for its rows make nobody else wait."""

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
class Place:
    """A project of somebody's, and its owner's token."""

    board: Board
    bearer: str

    def create(self, server: Running) -> Reply:
        path = f"{self.board.path}/columns/{self.board.columns[0]['id']}/cards"
        return server.ask("POST", path, {"title": "a card"}, self.bearer)


def place(world: World, name: str) -> Place:
    board = Board(world, world.person(name))
    return Place(board, world.bearer(board.owner))


@pytest.fixture
def patient_url(postgres_url: str) -> str:
    """A URL with which a locked row is waited for as long as a test takes."""
    return f"{postgres_url}{'&' if '?' in postgres_url else '?'}options=-c%20lock_timeout%3D60s"


@contextlib.contextmanager
def locked(url: str, board: Board) -> Iterator[psycopg.Connection]:
    """Hold the row of a project, as a slow transaction of another process does."""
    plain = url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(plain) as connection:
        connection.execute(
            "SELECT FROM stellary_projects WHERE id = %s FOR NO KEY UPDATE", [board.project["id"]]
        )
        yield connection
        connection.rollback()


def wait_for_waiting(connection: psycopg.Connection, count: int) -> None:
    """Wait until so many connections wait for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    for _ in range(1_000):
        connection.execute("SELECT pg_stat_clear_snapshot()")
        if connection.execute(waiting).fetchone()[0] >= count:
            return
        threading.Event().wait(0.01)
    raise AssertionError("too few wait")


def test_another_tenant_reads_and_writes_while_all_who_create_in_a_project_wait(patient_url, postgres_url):
    with closing(Core(patient_url, bcrypt_rounds=4)) as core, running(core) as server:
        world = World(core)
        busy, other = place(world, "ann"), place(world, "bob")
        with ThreadPoolExecutor(CREATORS) as pool:
            with locked(postgres_url, busy.board) as holder:
                creating: list[Future[Reply]] = [pool.submit(busy.create, server) for _ in range(CREATORS)]
                wait_for_waiting(holder, WRITERS // 2)
                for _ in range(3):
                    assert server.ask("GET", other.board.path, token=other.bearer).status == 200
                    assert other.create(server).status == 201
                # The busy project itself can be read, too.
                assert server.ask("GET", busy.board.path, token=busy.bearer).status == 200
                assert not any(each.done() for each in creating)
            assert [each.result().status for each in creating] == [201] * CREATORS


def test_who_waits_for_a_row_for_too_long_is_told_to_try_again(postgres_url):
    with closing(Core(postgres_url, bcrypt_rounds=4)) as core, running(core) as server:
        busy = place(World(core), "ann")
        with locked(postgres_url, busy.board):
            answer = busy.create(server)
        assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "busy", "1")
        assert busy.create(server).json["number"] == 1
