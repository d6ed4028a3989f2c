"""The recording port, and the values that it returns."""

from datetime import UTC, date, datetime, timedelta

import pytest

from stellary import Invalid, MethodNotAllowed, NotFound, RateLimited, Stellary, UnverifiedWebhook
from stellary.client.testing import RecordingPort, make, sign_webhook
from stellary.client.webhooks import verify
from stellary.contract import ENDPOINTS
from stellary.contract.cards import Card, CardInColumn
from stellary.contract.columns import Column
from stellary.contract.labels import Label
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.refs import CardRef
from stellary.contract.signatures import secret_of
from stellary.contract.webhooks import WebhookMessage
from tests.support.each_case import for_each


@pytest.fixture
def cards(port):
    return (
        Stellary.embedded(port, token="synth_x", org="acme", workspace="eng")
        .workspace()
        .project("p" * 24)
        .cards
    )


def test_requests_are_recorded(port, cards):
    cards.update("c" * 24, title="x")
    (recorded,) = port.requests
    assert (recorded.operation, recorded.method) == ("cards.update", "PATCH")
    assert recorded.path == f"/orgs/acme/workspaces/eng/projects/{'p' * 24}/cards/{'c' * 24}"
    assert (recorded.query, recorded.body) == ({}, {"title": "x"})
    assert recorded.headers["authorization"] == "Bearer synth_x"
    assert "synth_x" not in repr(recorded)
    assert isinstance(recorded.ref, CardRef)


def test_answers_are_returned_in_order_and_the_last_is_repeated(port, cards):
    first, second = make(Card), make(Card)
    port.answer("cards.get", first, second)
    assert [cards.get("x"), cards.get("x"), cards.get("x")] == [first, second, second]


def test_answer_can_be_a_list_without_pages(port, cards):
    port.answer("cards.create_many", [make(Card, title="One")])
    assert [
        card.title for card in cards.create_many(cards=[CardInColumn(column_id="a" * 24, title="One")])
    ] == ["One"]


def test_an_answer_can_ask_to_wait(port, cards):
    port.answer("cards.get", RateLimited("slow down", retry_after=7))
    with pytest.raises(RateLimited) as caught:
        cards.with_options(retries=0).get("x")
    assert caught.value.retry_after == 7


def test_answer_can_be_a_function_of_the_request(port, cards):
    port.answer("cards.create", lambda recorded: make(Card, title=recorded.body["title"]))
    assert cards.create(make(Column), title="as asked").title == "as asked"


def test_an_answer_can_be_bytes(port, cards):
    port.answer("cards.list", RawResponse(200, {}, b"[]"))
    assert cards.list() == []


def test_an_answer_of_plain_text_is_sent_as_it_is(port):
    entries = Stellary.embedded(port).workspace("acme", "eng").project("p1").time_entries
    assert entries.export() == ""
    port.answer("time_entries.export", "day,card\r\n")
    assert entries.export() == "day,card\r\n"
    response = port.send(RawRequest("GET", port.requests[-1].path))
    assert response.headers["content-type"] == "text/csv; charset=utf-8"


def test_example_is_returned_without_an_answer(cards):
    assert isinstance(cards.get("x"), Card)
    assert cards.list() == []


def test_the_ids_of_a_request_are_kept_as_they_were_given(port):
    board = Stellary.embedded(port).workspace("acme", "eng").project("p1")
    board.card("c1").comments.list()
    board.cards.update("QL-7", title="x")
    board.card("c1").attachments.list()
    refs = [recorded.ref for recorded in port.requests]
    assert [ref.card_id for ref in refs] == ["c1", "QL-7", "c1"]
    assert {(ref.org_slug, ref.ws_slug, ref.project_id) for ref in refs} == {("acme", "eng", "p1")}


def test_example_has_ids_of_the_path_and_fields_of_the_body(port):
    board = Stellary.embedded(port).workspace("acme", "eng").project("p1")
    assert (board.get().id, board.cards.get("c1").id, board.cards.get("c1").project_id) == ("p1", "c1", "p1")
    card = board.cards.update("c1", title="as asked", order=3, due_date=date(2026, 4, 1))
    assert (card.id, card.title, card.due_date) == ("c1", "as asked", datetime(2026, 4, 1, tzinfo=UTC))
    created = board.column("k1").cards.create(title="new")
    assert (created.title, created.column_id, len(created.id)) == ("new", "k1", 24)


def test_a_request_that_the_api_refuses_is_refused(port):
    client = Stellary.embedded(port)
    board = client.workspace("acme", "eng").project("p1")
    with pytest.raises(Invalid, match="title must be 1 to 500 characters"):
        board.cards.create("k1", title="")
    with pytest.raises(Invalid, match="limit must be 1 to 500"):
        board.cards.list(limit=501)
    with pytest.raises(Invalid, match="priority must be one of"):
        board.cards.update("c1", priority="urgent")
    with pytest.raises(NotFound, match="there is nothing at /nowhere"):
        client.request("GET", "/nowhere")
    with pytest.raises(MethodNotAllowed):
        client.request("PUT", "/auth/me")


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("cards.get", make(Column)),
        ("cards.get", [make(Card)]),
        ("cards.get", None),
        ("cards.list", make(Card)),
        ("cards.list", [make(Column)]),
        ("cards.create_many", make(Card)),
        ("cards.create_many", [make(Column)]),
        ("attachments.download", "text"),
    ],
    ids=range(8),
)
def test_answer_of_another_type_raises(port, cards, operation, answer):
    with pytest.raises(TypeError, match=rf"^{operation} answers "):
        port.answer(operation, answer)
    port.answer("cards.get", lambda _: "nonsense")
    with pytest.raises(TypeError, match=r"^cards\.get answers Card, not 'nonsense'"):
        cards.get("x")


def test_no_answer_and_no_operation_are_refused(port):
    with pytest.raises(ValueError, match=r"no answer to cards\.get was given"):
        port.answer("cards.get")
    with pytest.raises(ValueError, match=r"no operation 'cards\.gte'; did you mean 'cards\.get'"):
        port.answer("cards.gte", make(Card))


def test_a_list_is_divided_into_pages(port, cards):
    rows = [make(Card) for _ in range(5)]
    port.answer("cards.list", rows)
    page = cards.list(limit=2)
    seen = []
    while page:
        seen.append(len(page))
        page = page.next_page()
    assert seen == [2, 2, 1]
    assert list(cards.iterate(limit=2)) == rows == cards.list()
    assert cards.list(limit=5).next_cursor is None


def test_pages_take_no_later_answers(port, cards):
    first, second = [make(Card), make(Card)], [make(Card)]
    port.answer("cards.list", first, second)
    assert list(cards.iterate(limit=1)) == first
    assert list(cards.iterate(limit=1)) == second
    with pytest.raises(Invalid, match="cursor must be one that was answered"):
        Stellary.embedded(RecordingPort()).organizations.list(cursor="made-up")


def test_made_value_has_the_given_fields():
    label = make(Label, name="bug", color="#22c55e")
    assert (label.name, label.color, len(label.id)) == ("bug", "#22c55e", 24)


def test_no_two_ids_are_the_same():
    assert make(Label).id != make(Label).id


def test_unknown_field_raises():
    with pytest.raises(TypeError, match="Label has no field colour"):
        make(Label, colour="x")


@for_each("kind", {endpoint.returns for endpoint in ENDPOINTS if isinstance(endpoint.returns, type)})
def test_every_value_can_be_made(kind):
    if kind.__module__.startswith("stellary"):
        assert isinstance(make(kind), kind)


def test_signed_webhook_message_can_be_verified():
    secret = secret_of(b"a key of the test")
    message = make(WebhookMessage, type="card_moved")
    headers, body = sign_webhook(secret, message, id="msg_1")
    assert verify(headers, body, secret) == ("msg_1", message)
    headers, body = sign_webhook(secret, message, sent_at=datetime.now(UTC) - timedelta(minutes=6))
    with pytest.raises(UnverifiedWebhook, match="seconds from now"):
        verify(headers, body, secret)
