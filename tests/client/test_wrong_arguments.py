"""Arguments of the wrong type, and tokens that a function returns."""

import asyncio
import re
import threading
from contextlib import suppress

import httpx
import pytest

from stellary import ApiError, AsyncStellary, Invalid, Stellary
from stellary.client import project_setup, webhooks
from stellary.client.testing import RecordingPort, make
from stellary.contract.cards import Card
from tests.support.each_case import for_each

PORT = RecordingPort()
CLIENT = Stellary.embedded(PORT, token="synth_x")
BOARD = CLIENT.workspace("acme", "eng").project("p1")
CARD = make(Card)
SECRET = "whsec_c2VjcmV0"
SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")


@for_each(
    "call, message",
    [
        (lambda: BOARD.cards.update("c1", title=CARD), "cards.update(): title must be a text, not Card"),
        (lambda: BOARD.labels.create(name=BOARD.card("c1")), "name must be a text, not CardHandle"),
        (lambda: BOARD.cards.update("c1", due_date=CARD), "due_date must be a plain value, not Card"),
        (lambda: CLIENT.organizations.create(name="A", slug=CARD), "slug must be a text, not Card"),
        (lambda: BOARD.cards.get(3), "card must be a text, or a value that has its id, not int"),
        (lambda: CLIENT.workspace("acme", 3), "workspace must be a text, or a value that has its slug"),
        (lambda: Stellary(token=b"synth_x"), "token must be str, not bytes"),
        (lambda: Stellary(http_client=httpx.AsyncClient()), "http_client must be Client, not AsyncClient"),
        (lambda: AsyncStellary(http_client=httpx.Client()), "http_client must be AsyncClient, not Client"),
        (lambda: Stellary.embedded("http://x"), "embedded() takes a port, such as core.port(actor), not str"),
        (lambda: webhooks.verify({}, b"{}", None), "secret must be str or list or tuple, not NoneType"),
        (lambda: webhooks.verify({}, "{}", SECRET), "body must be bytes or bytearray, not str"),
        (lambda: project_setup.plan("p1", {}), "at must be WorkspaceHandle or ProjectHandle, not str"),
    ],
)
def test_argument_of_the_wrong_type_raises_a_type_error_that_names_it(call, message):
    sent = len(PORT.requests)
    with pytest.raises(TypeError, match=re.escape(message)):
        call()
    assert len(PORT.requests) == sent


WRONG = (None, 3, b"x", 1.5, [1], {"a": 1}, object(), CARD, CLIENT, BOARD)


@for_each(
    "call",
    [
        lambda value: Stellary(token=value),
        lambda value: Stellary(headers=value),
        lambda value: Stellary(headers={"x": value}),
        lambda value: Stellary(http_client=value),
        lambda value: BOARD.with_options(headers=value),
        lambda value: BOARD.with_options(idempotency_key=value),
        lambda value: BOARD.with_options(token=value),
        lambda value: BOARD.with_options(if_match=value),
        lambda value: CLIENT.request(value, "/organizations"),
        lambda value: CLIENT.request("GET", value),
        lambda value: CLIENT.request("GET", "/organizations", params=value, headers=value),
        lambda value: project_setup.plan(value, {"project": {"name": "P"}}),
        project_setup.apply,
        project_setup.describe,
        lambda value: webhooks.verify(value, b"{}", SECRET),
        lambda value: webhooks.verify(dict.fromkeys(SIGNED, value), b"{}", SECRET),
        lambda value: webhooks.verify({}, value, SECRET),
        lambda value: webhooks.verify({}, b"{}", value),
        lambda value: BOARD.card("c1").attachments.upload(value, name="x"),
        lambda value: BOARD.card("c1").attachments.upload(b"x", name=value),
    ],
)
def test_value_of_any_class_is_taken_or_refused_by_a_documented_error(call):
    for value in WRONG:
        with suppress(TypeError, ValueError, ApiError):
            call(value)


@for_each(
    "keywords, message",
    [
        ({"title": float("nan")}, "title must be a text, not nan"),
        ({"due_date": float("nan")}, "due_date (dueDate) must be a date or a time, not nan"),
        ({"order": float("inf")}, "order must be an integer, not inf"),
        ({"label_ids": [float("nan")]}, "label_ids[0] (labelIds[0]) must be a text, not nan"),
    ],
)
def test_nan_is_reported_by_the_type_of_its_parameter(keywords, message):
    with pytest.raises(Invalid) as caught:
        BOARD.cards.update("c1", **keywords)
    assert str(caught.value) == f"400 Bad Request: {message}"


def test_function_returns_the_token_of_each_attempt():
    port, tokens = RecordingPort(), iter(["one", "two\n", "three"])
    client = Stellary.embedded(port, token=lambda: next(tokens))
    client.organizations.list()
    client.with_options(timeout=3).request("GET", "/organizations")
    assert [request.headers["authorization"] for request in port.requests] == ["Bearer one", "Bearer two"]
    with client.workspace("acme", "eng").events():
        assert port.requests[-1].headers["authorization"] == "Bearer three"


def test_threads_get_the_token_of_their_own_call():
    port, together = RecordingPort(), threading.Barrier(8, timeout=20)

    def return_own_name() -> str:
        together.wait()
        return threading.current_thread().name

    client = Stellary.embedded(port, token=return_own_name)
    threads = [
        threading.Thread(target=client.organizations.list, name=f"synth_{number}") for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sent = {request.headers["authorization"] for request in port.requests}
    assert sent == {f"Bearer synth_{number}" for number in range(8)}


def test_coroutine_function_returns_the_token_of_an_async_client():
    async def load_token() -> str:
        return "fresh"

    async def list_organizations(client: AsyncStellary) -> object:
        return await client.organizations.list()

    port = RecordingPort()
    client = AsyncStellary.embedded(port, token=load_token)
    asyncio.run(list_organizations(client))
    asyncio.run(list_organizations(client.with_options(token=lambda: "plain")))
    sent = [request.headers["authorization"] for request in port.requests]
    assert sent == ["Bearer fresh", "Bearer plain"]
    with pytest.raises(TypeError, match=r"^the function for the token must return a text, not coroutine$"):
        Stellary.embedded(port, token=load_token).organizations.list()
