"""Errors at the line that called a method, with suggestions for misspelt names."""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback

import orjson
import pytest

from stellary import AsyncStellary, NotFound, Stellary, StellaryError
from stellary.client import project_setup
from stellary.client.calling import call
from stellary.client.testing import RecordingPort, make
from stellary.contract.cards import Card, CardInColumn
from stellary.contract.port import RawRequest, RawResponse
from tests.support.each_case import for_each

ROWS = [CardInColumn(column_id="k1", title="A")]


class MissingPort(RecordingPort):
    """A port that answers each request by 404."""

    message = "Card not found"

    def send(self, request: RawRequest) -> RawResponse:
        """Return the answer."""
        return RawResponse(404, {}, orjson.dumps({"message": self.message}))

    stream = send


PORT = MissingPort()
BOARD = Stellary.embedded(PORT).workspace("acme", "eng").project("p1")
ASYNC_BOARD = AsyncStellary.embedded(PORT).workspace("acme", "eng").project("p1")


def list_frames(error: BaseException) -> list[str]:
    """Return the modules of the client's frames in a traceback."""
    modules = [frame.f_globals["__name__"] for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [module for module in modules if module.startswith("stellary.")]


async def read_first(items: object) -> object:
    return [item async for item in items]


@for_each(
    "method",
    [
        lambda board: board.cards.get("c1"),
        lambda board: board.cards.list(),
        lambda board: board.cards.create("k1", title="A"),
        lambda board: board.cards.create_all(ROWS),
        lambda board: board.card("c1").attachments.upload(b"x", name="x"),
        lambda board: board.export(),
        lambda board: board.show(),
        project_setup.describe,
        lambda board: board.cards.iterate(),
        lambda board: board.cards.update("c1", title=make(Card)),
        lambda board: board.cards.update("c1", title=object()),
        lambda board: board.cards.update("c1", order=float("nan")),
        lambda board: board.cards(3),
        lambda board: board.cards.create(),
        lambda board: board.cards.list("k1"),
    ],
)
def test_traceback_of_an_error_has_at_most_one_frame_of_the_client(method):
    async def run() -> None:
        result = method(ASYNC_BOARD)
        await (result if inspect.isawaitable(result) else read_first(result))

    for attempt in (lambda: list(method(BOARD)), lambda: asyncio.run(run())):
        with pytest.raises((StellaryError, TypeError)) as caught:
            attempt()
        frames = list_frames(caught.value)
        assert len(frames) <= 1, frames


def test_frames_of_a_mistake_of_the_client_stay(monkeypatch):
    monkeypatch.setattr(call, "quote_part", lambda *_, **__: len(5))
    with pytest.raises(TypeError, match="has no len") as caught:
        BOARD.cards.get("c1")
    assert len(list_frames(caught.value)) > 1


def test_frames_stay_while_the_log_is_at_debug(caplog):
    with caplog.at_level(logging.DEBUG, "stellary.client"), pytest.raises(NotFound) as caught:
        BOARD.cards.get("c1")
    assert len(list_frames(caught.value)) > 3


def test_frames_of_other_code_stay():
    def fail(request: RawRequest) -> None:
        raise StellaryError("not now")

    client = Stellary.embedded(PORT)
    client.on_request(fail)
    with pytest.raises(StellaryError) as caught:
        client.organizations.list()
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "fail"


@for_each(
    "method, suggestion",
    [
        (
            lambda board: board.cards.create("k1", titel="A"),
            r"Cards\.create\(\) got .* keyword argument 'titel'.*mean 'title'",
        ),
        (lambda board: board.show(veiw="list"), "keyword argument 'veiw'.*mean 'view'"),
        (lambda board: project_setup.describe(projct=1), "keyword argument 'projct'.*mean 'project'"),
        (lambda board: board.crads, "'ProjectHandle' object has no attribute 'crads'; did you mean 'cards'"),
        (lambda board: board.cards.lst, "no attribute 'lst'; did you mean 'list'"),
        (lambda board: board.zzz, "no attribute 'zzz'$"),
    ],
)
def test_misspelt_name_is_answered_by_similar_ones(method, suggestion):
    for board in (BOARD, ASYNC_BOARD):
        with pytest.raises((TypeError, AttributeError), match=suggestion):
            method(board)


@for_each(
    "message, text",
    [
        ("the column has cards: moveCardsTo is required", "cards: move_cards_to (moveCardsTo) is required"),
        ('it is called "moveCardsTo", not dueDate', 'it is called "moveCardsTo", not dueDate'),
    ],
)
def test_text_of_an_error_names_parameters_of_the_method_as_in_python(message, text):
    port = MissingPort()
    port.message = message
    with pytest.raises(NotFound) as caught:
        Stellary.embedded(port).workspace("acme", "eng").project("p1").columns.delete("k1")
    assert text in str(caught.value)
    assert caught.value.message == message


def test_function_that_closes_an_async_client_is_a_coroutine_function():
    assert inspect.iscoroutinefunction(AsyncStellary.close)
