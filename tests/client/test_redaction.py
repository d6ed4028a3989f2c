"""No repr, error or traceback shows a token or a password, also where tracebacks show local variables."""

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from stellary import AsyncStellary, Stellary
from stellary.client.testing import Recorded, RecordingPort
from stellary.client.webhooks import verify
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.redaction import SecretStr, conceal_headers
from tests.support.each_case import for_each

# Module globals are not shown by tracebacks; local variables are.
SECRET = "synth_" + "s3cr3t" * 20
HALF = "s3cr3t"
SESSION = b'{"access_token": "%b", "user": 5}' % SECRET.encode()
URL = "http://pm.test"


def http_client(handler: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(handler))


def respond(status: int, body: bytes) -> httpx.Client:
    return http_client(lambda _: httpx.Response(status, content=body))


def raise_error(error: BaseException) -> httpx.Client:
    def handler(_: httpx.Request) -> httpx.Response:
        raise error

    return http_client(handler)


class BrokenPort(RecordingPort):
    """A port with a defect."""

    def send(self, request: RawRequest, /) -> RawResponse:
        raise RuntimeError("a defect")

    stream = send


def client_of(http: httpx.Client) -> Stellary:
    return Stellary(URL, SECRET, http_client=http, max_retries=0)


def register_taken_address():
    headers = {"cookie": SecretStr(SECRET)}
    Stellary.register(URL, "a@b.c", SECRET, http_client=respond(409, b"{}"), headers=headers)


def read_session_too_slowly():
    def drip():
        import time

        yield SESSION
        time.sleep(0.02)
        yield SESSION

    http = http_client(lambda _: httpx.Response(201, content=drip()))
    client_of(http).with_options(timeout=0.01).auth.login(email="a@b.c", password=SECRET)


def lose_connection_while_reading_session():
    def break_off():
        yield SESSION
        raise httpx.ReadError("broken")

    client_of(http_client(lambda _: httpx.Response(201, content=break_off()))).auth.login(
        email="a@b.c", password=SECRET
    )


def cancel_request_of_async_client():
    async def ask(url: str) -> None:
        async with AsyncStellary(url, SECRET) as client, asyncio.timeout(0.3):
            await client.auth.me()

    # It listens, so that connections are made, and never answers.
    with socket.create_server(("127.0.0.1", 0)) as server:
        asyncio.run(ask(f"http://127.0.0.1:{server.getsockname()[1]}"))


def lose_connection_while_async_client_reads_session():
    async def break_off() -> AsyncIterator[bytes]:
        yield SESSION
        raise httpx.ReadError("broken")

    async def ask() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(201, content=break_off()))
        client = AsyncStellary(URL, http_client=httpx.AsyncClient(transport=transport), max_retries=0)
        await client.auth.login(email="a@b.c", password=SECRET)

    asyncio.run(ask())


def log_in_to_async_client_with_wrong_password():
    async def ask() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(401, content=SESSION))
        await AsyncStellary.login(URL, "a@b.c", SECRET, http_client=httpx.AsyncClient(transport=transport))

    asyncio.run(ask())


@for_each(
    "scenario",
    [
        lambda: Stellary(SECRET),
        lambda: Stellary(f"http://me:{SECRET}@pm.test"),
        lambda: Stellary(f"http://[{SECRET}"),
        lambda: Stellary(URL, SECRET + " x"),
        lambda: Stellary(URL, timeout=-1),
        lambda: Stellary(URL, headers={"Authorization": f"Bearer {SECRET}\n"}),
        lambda: Stellary(URL, timeout=-1, headers={"Cookie": f"session={SECRET}"}),
        lambda: client_of(respond(200, b"")).with_options(headers={"authorization": SECRET}, timeout=-1),
        lambda: client_of(respond(200, b"")).with_options(headers={"authorization": SECRET + "\n"}),
        lambda: client_of(raise_error(httpx.ConnectError("refused"))).organizations.get("a"),
        lambda: client_of(raise_error(KeyboardInterrupt())).organizations.get("a"),
        lambda: client_of(raise_error(ZeroDivisionError())).organizations.get("a"),
        lambda: Stellary.embedded(BrokenPort(), token=SECRET).organizations.get("a"),
        lambda: next(Stellary.embedded(BrokenPort(), token=SECRET).workspace("a", "b").events()),
        lambda: client_of(respond(401, b"{}")).organizations.get("a"),
        lambda: client_of(respond(201, SESSION)).auth.login(email="a@b.c", password=SECRET),
        lambda: Stellary.login(URL, "a@b.c", SECRET, http_client=respond(401, b"{}")),
        register_taken_address,
        lambda: client_of(respond(200, b"")).auth.change_password(
            current_password=SECRET, new_password=object()
        ),
        lambda: client_of(respond(200, b"")).auth.login(email="a@b.c", password=SECRET, nonsense=1),
        lambda: client_of(respond(404, b"{}")).invitations.accept(SECRET),
        lambda: client_of(raise_error(httpx.ReadError("broken"))).invitations.accept(SECRET),
        lambda: verify({}, b"", "whsec_" + SECRET),
        read_session_too_slowly,
        lose_connection_while_reading_session,
        cancel_request_of_async_client,
        lose_connection_while_async_client_reads_session,
        log_in_to_async_client_with_wrong_password,
    ],
)
def test_traceback_with_locals_shows_no_secret(scenario, monkeypatch):
    monkeypatch.setenv("STELLARY_TOKEN", SECRET)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - the scenarios raise different ones
        scenario()
    traceback_text = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert f"in {scenario.__name__}" in traceback_text
    assert HALF not in traceback_text


@pytest.mark.parametrize(
    "value",
    [
        RawRequest("GET", "/auth/me", headers={"authorization": f"Bearer {SECRET}", "accept": "*/*"}),
        RawRequest("POST", "/auth/login", body=SECRET.encode()),
        RawResponse(201, {"set-cookie": SECRET}, SESSION),
        Recorded("auth.me", "GET", "/auth/me", None, {}, None, {"authorization": SECRET}),
    ],
)
def test_repr_shows_no_secret(value):
    assert HALF not in repr(value)


def test_repr_of_a_request_shows_the_other_headers():
    assert "'accept': '*/*'" in repr(RawRequest("GET", "/", headers={"accept": "*/*", "cookie": SECRET}))


def test_secret_string_differs_from_its_text_only_in_repr():
    secret = SecretStr(SECRET)
    assert (secret, str(secret), f"{secret}", len(secret)) == (SECRET, SECRET, SECRET, len(SECRET))
    assert [repr(secret), repr(secret[:9]), repr(secret.strip())] == ["'***'"] * 3


def test_only_headers_that_may_hold_a_credential_are_hidden():
    headers = {"Authorization": "a", "Cookie": "b", "X-Api-Key": "c", "Accept": "d", "Idempotency-Key": "e"}
    assert conceal_headers(headers) == headers
    hidden = [name for name, text in conceal_headers(headers).items() if repr(text) == "'***'"]
    assert hidden == ["Authorization", "Cookie", "X-Api-Key"]
