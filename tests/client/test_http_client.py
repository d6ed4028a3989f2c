"""An httpx client of the caller: its settings apply to each request, with both clients."""

import math
from http.cookiejar import CookieJar

import httpx
import pytest
import respx

from stellary import AsyncStellary, Stellary
from stellary.client.testing import RecordingPort
from tests.support.colours import resolve

HTTP_CLIENTS = {Stellary: httpx.Client, AsyncStellary: httpx.AsyncClient}


class Sent:
    """A client over an httpx client with some options, and the requests that it sends."""

    def __init__(self, colour, token="synth_x", *, headers=None, timeout=None, **options):
        self.requests = []
        http = HTTP_CLIENTS[colour](transport=httpx.MockTransport(self._answer), **options)
        self.client = colour("http://pm.test/api", token, http_client=http, headers=headers, timeout=timeout)

    def _answer(self, request):
        self.requests.append(request)
        return httpx.Response(200, content=b"[]", headers={"set-cookie": "session=1"})

    async def request(self, **query):
        """Call once, and return the request."""
        await resolve(self.client.organizations.list(**query))
        return self.requests[-1]

    async def timeout(self, **query):
        return (await self.request(**query)).extensions["timeout"]


async def test_its_headers_parameters_and_cookies_are_sent(colour):
    sent = Sent(colour, headers={"x-team": "client"}, params={"tenant": "a b"}, cookies={"affinity": "7"})
    sent.client._caller.carrier._client.headers.update({"X-Gateway": "g", "X-Team": "http"})
    request = await sent.request(limit=5)
    assert str(request.url) == "http://pm.test/api/organizations?tenant=a+b&limit=5"
    assert request.headers["x-gateway"] == "g"
    assert request.headers["cookie"] == "affinity=7"
    assert request.headers["x-team"] == "client"  # what the Stellary client was told wins
    assert request.headers["accept"] == "application/json"
    assert request.headers["user-agent"].startswith("stellary-python/")


async def test_its_cookies_are_kept_from_answer_to_request(colour):
    sent = Sent(colour)
    await sent.request()
    assert (await sent.request()).headers["cookie"] == "session=1"


async def test_cookies_of_responses_are_not_read_without_it(colour, monkeypatch):
    monkeypatch.setattr(CookieJar, "extract_cookies", lambda *_: pytest.fail("cookies were read"))
    with respx.mock(base_url="http://pm.test") as api:
        route = api.get("/organizations")
        route.respond(json=[], headers={"set-cookie": "session=1"})
        client = colour("http://pm.test", "synth_x")
        for _ in range(2):
            assert await resolve(client.organizations.list()) == []
        assert "cookie" not in route.calls.last.request.headers


async def test_user_agent_of_the_http_client_is_kept(colour):
    sent = Sent(colour)
    sent.client._caller.carrier._client.headers["user-agent"] = "nightly-report/2"
    assert (await sent.request()).headers["user-agent"] == "nightly-report/2"


async def test_token_replaces_auth_of_the_http_client(colour):
    sent = Sent(colour, auth=("me", "password"))
    assert (await sent.request()).headers["authorization"] == "Bearer synth_x"


async def test_auth_of_the_http_client_applies_without_token(colour, monkeypatch):
    monkeypatch.setenv("STELLARY_TOKEN", "synth_environment")
    sent = Sent(colour, "", auth=("me", "password"))
    assert (await sent.request()).headers["authorization"].startswith("Basic ")


async def test_header_of_the_http_client_applies_without_token(colour):
    sent = Sent(colour, "")
    sent.client._caller.carrier._client.headers["authorization"] = "Bearer gateway"
    assert (await sent.request()).headers["authorization"] == "Bearer gateway"


async def test_default_timeouts_apply_without_own_ones(colour):
    timeouts = await Sent(colour).timeout()
    assert timeouts == {"connect": 5, "read": pytest.approx(30), "write": pytest.approx(30), "pool": 5}


async def test_its_time_outs_bound_each_wait(colour):
    sent = Sent(colour)
    sent.client._caller.carrier._client.timeout = httpx.Timeout(3, connect=1)
    assert await sent.timeout() == {"connect": 1, "read": 3, "write": 3, "pool": 3}


@pytest.mark.parametrize(("patience", "wait", "read"), [(120, 120, 120), (None, math.inf, None)])
async def test_longer_timeout_of_the_http_client_is_respected(colour, patience, wait, read):
    transport = httpx.MockTransport(
        lambda request: requests.append(request) or httpx.Response(200, content=b"[]")
    )
    requests = []
    client = colour("http://pm.test", http_client=HTTP_CLIENTS[colour](transport=transport, timeout=patience))
    await resolve(client.organizations.list())
    assert client._caller.options.wait == wait
    assert requests[0].extensions["timeout"]["read"] == (read and pytest.approx(read, abs=1))


async def test_the_time_out_of_a_call_bounds_its_waits(colour):
    assert (await Sent(colour, timeout=2).timeout())["read"] == pytest.approx(2, abs=0.5)


async def test_embedded_client_sets_no_wait():
    assert Stellary.embedded(RecordingPort())._caller.options.wait is None
