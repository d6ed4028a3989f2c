"""The port that records, and the values that it answers with."""

from __future__ import annotations

import pytest

from stellary import NotFound, RateLimited, Stellary
from stellary.client.testing import RecordingPort, make
from stellary.contract import ENDPOINTS
from stellary.contract.cards import Card
from stellary.contract.columns import Column
from stellary.contract.labels import Label
from stellary.contract.port import RawResponse
from stellary.contract.refs import CardRef


@pytest.fixture
def port():
    return RecordingPort()


@pytest.fixture
def cards(port):
    return (
        Stellary.embedded(port, token="synth_x", org="acme", workspace="eng")
        .workspace()
        .project("p" * 24)
        .cards
    )


def test_what_is_asked_is_kept(port, cards):
    cards.update("c" * 24, title="x")
    (recorded,) = port.requests
    assert (recorded.operation, recorded.method) == ("cards.update", "PATCH")
    assert recorded.path == f"/orgs/acme/workspaces/eng/projects/{'p' * 24}/cards/{'c' * 24}"
    assert (recorded.query, recorded.body) == ({}, {"title": "x"})
    assert recorded.headers["authorization"] == "Bearer synth_x"
    assert "synth_x" not in repr(recorded)
    assert isinstance(recorded.ref, CardRef)


def test_the_answers_come_in_turn_and_the_last_goes_on(port, cards):
    first, second = make(Card), make(Card)
    port.answer("cards.get", first, second)
    assert [cards.get("x"), cards.get("x"), cards.get("x")] == [first, second, second]


def test_an_answer_can_be_an_error(port, cards):
    port.answer("cards.get", NotFound("Card not found"))
    with pytest.raises(NotFound, match="404 Not Found: Card not found"):
        cards.get("x")


def test_an_answer_can_ask_to_wait(port, cards):
    port.answer("cards.get", RateLimited("slow down", retry_after=7))
    with pytest.raises(RateLimited) as caught:
        cards.with_options(retries=0).get("x")
    assert caught.value.retry_after == 7


def test_an_answer_can_be_made_of_the_request(port, cards):
    port.answer("cards.create", lambda recorded: make(Card, title=recorded.body["title"]))
    assert cards.create(make(Column), title="as asked").title == "as asked"


def test_an_answer_can_be_bytes(port, cards):
    port.answer("cards.list", RawResponse(200, {}, b"[]"))
    assert cards.list() == []


def test_without_an_answer_one_is_made_up(cards):
    assert isinstance(cards.get("x"), Card)
    assert cards.list() == []


def test_an_answer_to_nothing_is_refused(port):
    with pytest.raises(ValueError, match=r"there is no operation 'cards\.fly'"):
        port.answer("cards.fly", None)


def test_the_end_is_kept(port):
    with Stellary.embedded(port):
        assert not port.closed
    assert port.closed


def test_what_is_named_is_in_the_value():
    label = make(Label, name="bug", color="#22c55e")
    assert (label.name, label.color, len(label.id)) == ("bug", "#22c55e", 24)


def test_no_two_ids_are_the_same():
    assert make(Label).id != make(Label).id


def test_a_field_that_is_not_there_is_refused():
    with pytest.raises(TypeError, match="Label has no field colour"):
        make(Label, colour="x")


@pytest.mark.parametrize(
    "kind", sorted({each.returns for each in ENDPOINTS if isinstance(each.returns, type)}, key=str)
)
def test_every_value_can_be_made(kind):
    if kind.__module__.startswith("stellary"):
        assert isinstance(make(kind), kind)
