"""Raw responses of calls, and requests without a method, with both clients."""

import gc
import pickle

import httpx
import orjson
import pytest

from stellary import AsyncStellary, Conflict, Invalid, NotFound, Stellary, Unavailable, UnreadableAnswer
from stellary.client import Response, with_raw_response
from stellary.client.testing import RecordingPort, make
from stellary.contract.cards import Card
from stellary.contract.port import RawResponse
from stellary.contract.wire import dump
from tests.support.colours import resolve

PAGE = b"<html><h1>504</h1>upstream of gateway-7 timed out</html>"


class Gateway:
    """A client, and the responses that it receives in order."""

    def __init__(self, colour, *answers, token="synth_x"):
        self.requests = []
        self._answers = list(answers)
        http = {Stellary: httpx.Client, AsyncStellary: httpx.AsyncClient}[colour]
        sending = http(transport=httpx.MockTransport(self._answer))
        headers = {"x-team": "eng"}
        self.client = colour("http://pm.test/api", token, http_client=sending, headers=headers)

    def _answer(self, request):
        self.requests.append(request)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    @property
    def board(self):
        return self.client.workspace("acme", "eng").project("p1")


def json(value, status=200, **headers):
    return httpx.Response(
        status, content=dump(value), headers={"content-type": "application/json", **headers}
    )


# ------------------------------------------------------------------------------------------------- bodies of errors


async def test_the_page_of_a_proxy_is_kept_in_the_error(colour):
    gateway = Gateway(colour, httpx.Response(503, content=PAGE, headers={"retry-after": "0"}))
    with pytest.raises(Unavailable) as caught:
        await resolve(gateway.client.auth.me())
    assert caught.value.body == PAGE
    assert pickle.loads(pickle.dumps(caught.value)).body == PAGE
    assert "gateway-7" not in str(caught.value)


async def test_unreadable_body_is_kept_in_the_error(colour):
    with pytest.raises(UnreadableAnswer) as caught:
        await resolve(Gateway(colour, httpx.Response(200, content=PAGE)).client.auth.me())
    assert (caught.value.status, caught.value.body) == (200, PAGE)


# ------------------------------------------------------------------------------------------------- raw responses


async def test_a_raw_response_has_the_headers_and_the_value(colour):
    card = make(Card)
    gateway = Gateway(colour, json(card, **{"etag": '"3"', "x-request-id": "req_7", "set-cookie": "secret"}))
    response = await resolve(with_raw_response(gateway.board.cards.get)(card.id))
    assert isinstance(response, Response)
    assert (response.status, response.value, response.headers["etag"]) == (200, card, '"3"')
    assert (response.request_id, response.body) == ("req_7", dump(card))
    assert "secret" not in repr(response)


async def test_a_raw_response_is_that_of_the_last_attempt(colour):
    card = make(Card)
    gateway = Gateway(colour, httpx.Response(503, headers={"retry-after": "0"}), json(card))
    response = await resolve(with_raw_response(gateway.board.cards.update)(card, title="x"))
    assert (response.status, response.value, len(gateway.requests)) == (200, card, 2)


async def test_page_of_a_raw_response_has_a_next_page(colour):
    first, second = make(Card), make(Card)
    gateway = Gateway(colour, json([first], link='</x?cursor=c>; rel="next"'), json([second]))
    response = await resolve(with_raw_response(gateway.board.cards.list)(limit=1))
    assert response.value == [first]
    assert await resolve(response.value.next_page()) == [second]


async def test_next_page_of_a_raw_response_is_seen_by_later_hooks(colour):
    seen = []
    gateway = Gateway(colour, json([make(Card)], link='</x?cursor=c>; rel="next"'), json([]))
    response = await resolve(with_raw_response(gateway.board.cards.list)(limit=1))
    gateway.client.on_response(lambda request, answer: seen.append(answer.status))
    await resolve(response.value.next_page())
    assert seen == [200]


async def test_pages_of_a_raw_response_keep_no_earlier_responses(colour):
    links = [{"link": f'</x?cursor={number}>; rel="next"', "x-test": "kept"} for number in range(4)]
    answers = [json([make(Card)], **headers) for headers in links]
    response = await resolve(with_raw_response(Gateway(colour, *answers).board.cards.list)(limit=1))
    page = response.value
    for _ in range(3):
        page = await resolve(page.next_page())
    retained_responses = [
        item for item in gc.get_objects() if type(item) is RawResponse and "x-test" in item.headers
    ]
    assert len(retained_responses) <= 1


async def test_method_itself_still_returns_values(colour):
    card = make(Card)
    board = Gateway(colour, json(card)).board
    with_raw_response(board.cards.get)
    assert await resolve(board.cards.get(card)) == card


async def test_raw_response_raises_errors_of_the_method(colour):
    gateway = Gateway(colour, httpx.Response(404, content=b"{}"))
    with pytest.raises(NotFound):
        await resolve(with_raw_response(gateway.board.cards.get)("c"))


async def test_method_without_request_has_no_raw_response(colour):
    board = Gateway(colour, json([])).board
    with pytest.raises(TypeError, match=r"with_raw_response takes a method of a handle"):
        with_raw_response(len)
    with pytest.raises(TypeError, match=r"iterate\(\) makes no request by itself"):
        await resolve(with_raw_response(board.cards.iterate)())


# ------------------------------------------------------------------------------------------------- any request


async def test_any_request_can_be_sent(colour):
    gateway = Gateway(colour, json({"ok": True}, 201, **{"x-request-id": "req_7"}))
    response = await resolve(
        gateway.client.request(
            "post",
            "/orgs/acme/new%20thing",
            params={"tag": ["a", "b c", True], "archived": False},
            json={"title": "x"},
            headers={"X-Day": "1"},
        )
    )
    (sent,) = gateway.requests
    url = "http://pm.test/api/orgs/acme/new%20thing?tag=a&tag=b+c&tag=true&archived=false"
    assert (sent.method, str(sent.url)) == ("POST", url)
    assert orjson.loads(sent.content) == {"title": "x"}
    assert (sent.headers["authorization"], sent.headers["x-team"]) == ("Bearer synth_x", "eng")
    assert (sent.headers["x-day"], sent.headers["content-type"]) == ("1", "application/json")
    assert (response.status, response.value, response.request_id) == (201, {"ok": True}, "req_7")


async def test_any_request_is_retried_and_logged_like_a_method(colour):
    busy = httpx.Response(503, headers={"retry-after": "0"})
    gateway = Gateway(colour, busy, json([1]))
    with gateway.client.capture() as calls:
        assert (await resolve(gateway.client.request("GET", "/new"))).value == [1]
    assert [(call.operation, call.path, call.tries) for call in calls] == [("request", "/new", 2)]
    gateway = Gateway(colour, busy)
    with pytest.raises(Unavailable, match=r"\(POST /new, request|\(POST /new\)"):
        await resolve(gateway.client.request("POST", "/new", json={}))
    assert len(gateway.requests) == 1


async def test_a_post_with_a_key_is_retried(colour):
    gateway = Gateway(colour, httpx.Response(503, headers={"retry-after": "0"}), json({}, 201))
    await resolve(gateway.client.with_options(idempotency_key="k").request("POST", "/new", content=b"x"))
    assert [sent.headers["idempotency-key"] for sent in gateway.requests] == ["k", "k"]


async def test_a_version_is_sent_with_any_change(colour):
    gateway = Gateway(colour, json({}))
    await resolve(gateway.client.with_options(if_match=3).request("PATCH", "/new", json={}))
    assert gateway.requests[0].headers["if-match"] == '"3"'


async def test_errors_of_any_request_are_those_of_the_api(colour):
    gateway = Gateway(colour, json({"message": "taken", "code": "conflict"}, 409))
    with pytest.raises(Conflict, match=r"409 Conflict: taken \(POST /new\)"):
        await resolve(gateway.client.request("POST", "/new"))


@pytest.mark.parametrize(
    ("kind", "body", "value"),
    [
        ("text/plain", b"a,b", b"a,b"),
        ("application/problem+json", b'{"a": 1}', {"a": 1}),
        ("application/json; charset=utf-8", b"[]", []),
        ("application/json", b"", None),
    ],
)
async def test_the_value_of_any_request_is_json_or_bytes(colour, kind, body, value):
    gateway = Gateway(colour, httpx.Response(200, content=body, headers={"content-type": kind}))
    assert (await resolve(gateway.client.request("GET", "/new"))).value == value


async def test_invalid_json_raises(colour):
    gateway = Gateway(colour, httpx.Response(200, content=b"{", headers={"content-type": "application/json"}))
    with pytest.raises(UnreadableAnswer, match="cannot be read as JSON"):
        await resolve(gateway.client.request("GET", "/new"))


@pytest.mark.parametrize(
    "path",
    [
        *("", "new", "http://other.test/", "//other.test/x", "/a/../b", "/a/%2e%2E/b", "/.", "/a//b"),
        *("/a?b=c", "/a#b", "/a b", "/é", "/a\nb", "/a\\b", "/a/"),
    ],
)
def test_invalid_path_raises(path):
    port = RecordingPort()
    with pytest.raises(ValueError, match="the path must begin with a slash"):
        Stellary.embedded(port).request("GET", path)
    assert port.requests == []


def test_invalid_request_raises():
    client = Stellary.embedded(RecordingPort())
    with pytest.raises(ValueError, match="no HTTP method 'FETCH'"):
        client.request("fetch", "/auth/me")
    with pytest.raises(ValueError, match="json or content, not both"):
        client.request("POST", "/auth/me", json={}, content=b"")
    with pytest.raises(ValueError, match="cannot be sent"):
        client.request("GET", "/auth/me", headers={"a": "b\n"})
    with pytest.raises(Invalid, match="a must be a finite number"):
        client.request("POST", "/auth/me", json={"a": float("nan")})
