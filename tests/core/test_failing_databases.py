"""Errors of failing databases: the status tells callers whether to retry."""

from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import DataError, OperationalError

from stellary.contract.errors import Unavailable
from stellary.contract.port import RawRequest
from stellary.core.api.dispatch import may_read_on
from stellary.core.db.retries import TRIES
from tests.support.boards import Board
from tests.support.world import outcome


class Locked(Exception):
    """As psycopg tells of a row that was locked by somebody else for too long."""

    sqlstate = "55P03"


class Undone(Exception):
    """As psycopg tells of a unit that was undone for the sake of another one."""

    sqlstate = "40001"


@contextmanager
def failing(error, times=None):
    """Meanwhile each statement fails, or the first so many."""
    failed = []

    def fail(*_):
        if times is None or len(failed) < times:
            failed.append(error)
            raise error

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        yield failed
    finally:
        event.remove(Engine, "before_cursor_execute", fail)


def of(kind, cause):
    return kind("SELECT s3cret", {}, cause)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (of(OperationalError, Exception("database or disk is full")), 507, "storage_full"),
        (
            of(OperationalError, Exception("could not extend file: No space left on device")),
            507,
            "storage_full",
        ),
        (of(OperationalError, Locked()), 503, "busy"),
        (of(OperationalError, Exception("server closed the connection")), 503, "unavailable"),
        (of(DataError, Exception("constraint s3cret")), 500, "internal_error"),
    ],
)
def test_a_failure_is_told_by_its_kind(world, error, status, code, ann):
    with failing(error):
        answer = world.call(ann, "POST", "/organizations", {"name": "Acme", "slug": "acme"})
    assert outcome(answer) == (status, code)
    assert "s3cret" not in answer.body.decode()
    assert ("retry-after" in answer.headers) == (status == 503)
    assert [organization["slug"] for organization in world.ask(ann, "GET", "/organizations")] == ["ann"]


def test_a_unit_that_was_undone_for_another_one_is_begun_again(world, ann):
    with failing(of(OperationalError, Undone()), TRIES - 1) as failed:
        answer = world.call(ann, "GET", "/organizations")
    assert answer.status == 200
    assert len(failed) == TRIES - 1


def test_a_unit_that_is_undone_each_time_is_given_up(world, ann):
    with failing(of(OperationalError, Undone())) as failed:
        answer = world.call(ann, "GET", "/organizations")
    assert answer.status == 503
    assert len(failed) == TRIES


def test_access_to_a_stream_is_not_lost_while_the_database_is_away(core, world):
    board = Board(world, world.person("ann"))
    request = RawRequest("GET", f"{board.flat}/events", "", {"authorization": f"Bearer {board.bearer}"}, b"")
    with failing(of(OperationalError, Exception("server closed the connection"))), pytest.raises(Unavailable):
        may_read_on(core.units, request, None, policies=())
    assert may_read_on(core.units, request, None, policies=())


def test_a_core_says_whose_token_it_is(core, world, ann):
    assert core.authenticate(world.bearer(ann)).user_id == ann.id
