"""Idempotency keys: a repeated request is executed once."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from stellary.contract.labels import CREATE_LABEL
from stellary.contract.port import RawRequest
from stellary.core import NOBODY
from stellary.core.kernel.idempotency import Attempt
from tests.support.boards import Board, create_board
from tests.support.tables import count_rows
from tests.support.tables import idempotency_keys as keys
from tests.support.world import at_once, outcome

REQUEST = RawRequest("POST", "/", "", {}, b"")


def post(board, name, key, *, by=None, path=None):
    """Create a label with an idempotency key."""
    path = path or f"{board.path}/labels"
    return board.world.call(by or board.owner, "POST", path, {"name": name}, idempotency_key=key)


def labels(board):
    return board.world.ask(board.owner, "GET", f"{board.path}/labels")


def test_a_repetition_carries_the_version_of_the_first_answer(board):
    path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
    first, again = (
        board.world.call(board.owner, "POST", path, {"title": "x"}, idempotency_key="k") for _ in range(2)
    )
    assert first.headers["etag"] == again.headers["etag"] == '"1"'


def test_a_key_is_its_users(board, bob):
    board.join(bob)
    assert post(board, "bug", "k").status == 201
    assert post(board, "ux", "k", by=bob).status == 201


@pytest.mark.parametrize("change", ["body", "path"])
def test_a_key_that_was_used_for_something_else_is_refused(board, change):
    other = Board(board.world, board.owner, board.workspace)
    post(board, "bug", "k")
    answer = (
        post(board, "ux", "k") if change == "body" else post(board, "bug", "k", path=f"{other.path}/labels")
    )
    assert outcome(answer) == (422, "idempotency_key_reused")


def test_without_a_key_a_request_is_carried_out_each_time(board):
    path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
    responses = [board.world.ask(board.owner, "POST", path, {"title": "x"}) for _ in range(2)]
    assert responses[0]["id"] != responses[1]["id"]
    assert count_rows(board.world.core, keys) == 0


@pytest.mark.parametrize(("key", "expected"), [("", 400), ("k" * 255, 201), ("k" * 256, 400)])
def test_a_key_has_from_1_to_255_characters(board, key, expected):
    assert post(board, "bug", key).status == expected


def test_a_key_is_of_any_characters(board):
    assert post(board, "bug", "ключ \udcff").status == 201
    assert post(board, "bug", "ключ \udcff").status == 201


def test_rejected_request_can_be_repeated(board):
    post(board, "bug", "other")
    assert post(board, "bug", "k").status == 409
    label = next(label for label in labels(board) if label["name"] == "bug")
    board.world.ask(board.owner, "DELETE", f"{board.flat}/labels/{label['id']}")
    assert post(board, "bug", "k").status == 201


def test_a_key_is_undone_with_its_effect(board):
    def half_done():
        with board.world.core.begin(board.owner.actor) as uow:
            Attempt(uow, "k", CREATE_LABEL, REQUEST, b"").store(post_answer)
            raise LookupError

    post_answer = post(board, "bug", "other")
    with pytest.raises(LookupError):
        half_done()
    assert count_rows(board.world.core, keys) == 1


def test_a_key_counts_for_a_day(board, clock):
    first = post(board, "bug", "k")
    clock.advance(timedelta(hours=24) - timedelta(milliseconds=1))
    assert post(board, "bug", "k").body == first.body
    clock.advance(timedelta(milliseconds=1))
    assert outcome(post(board, "bug", "k")) == (409, "duplicate_name")
    assert post(board, "ux", "k").status == 201
    assert post(board, "ux", "k").headers["idempotency-replayed"] == "true"


def test_response_with_a_secret_is_not_stored(board):
    def ask(name="ci"):
        body = {"name": name, "scopes": ["account:read"]}
        return board.world.call(board.bearer, "POST", "/api-tokens", body, idempotency_key="k")

    assert ask().status == 201
    assert outcome(ask()) == (409, "already_done")
    assert ask("other").status == 422
    with board.world.core.view(NOBODY) as uow:
        assert uow.connection.execute(select(keys.c.body)).scalar() is None
    assert len(board.world.ask(board.bearer, "GET", "/api-tokens")) == 1


def test_concurrent_requests_with_one_key_are_executed_once(board):
    for number in range(5):
        name, before = str(number), len(labels(board))
        answers = at_once(*[lambda name=name: post(board, name, name)] * 4)
        assert len(labels(board)) == before + 1
        assert {answer.status for answer in answers} <= {201, 409}
        assert {outcome(answer)[1] for answer in answers if answer.status == 409} <= {"in_flight"}
        assert len({answer.body for answer in answers if answer.status == 201}) == 1


@pytest.mark.slow("waits for another request")
def test_request_in_progress_returns_409_immediately(postgres_core):
    """On SQLite there is one writer at a time: a repetition waits for its turn, and finds the answer."""
    board = create_board(postgres_core)
    with postgres_core.begin(board.owner.actor) as uow:
        Attempt(uow, "k", CREATE_LABEL, REQUEST, b"")
        assert outcome(post(board, "bug", "k")) == (409, "in_flight")
    assert post(board, "bug", "k").status == 201
