"""The API over each shell without a network: the applications for hosts are called directly, in the test process."""

import asyncio
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, closing, contextmanager
from functools import partial
from http.client import HTTPConnection
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import unquote

import flask
import orjson
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI, Request

from stellary.asgi import AsgiApp
from stellary.contract.endpoint import EVENT_STREAM
from stellary.contrib import fastapi as fastapi_helper
from stellary.contrib import flask as flask_helper
from stellary.core import Actor, Core
from stellary.core.http.limits import NO_LIMITS, Limits
from stellary.wsgi import WsgiApp
from tests.server.running import Reply, read
from tests.support.shells import running_aiohttp

SOON = 20.0
PREFIX = "/pm"
"""The path at which the helpers for frameworks mount the API."""
USER_HEADER = "x-user"
"""The header with the user that a host has logged in."""
FindActor = Callable[[str], Actor]
"""Returns the actor for a value of that header."""


class SendRequest(Protocol):
    """A function that sends a request; its arguments are those of ``World.call``."""

    def __call__(
        self, token: str | None, method: str, path: str, body: Any = None, **headers: str
    ) -> Reply: ...


def encode_request(token: str | None, body: Any, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of a request as they are sent."""
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    if token is not None:
        fields["authorization"] = f"Bearer {token}"
    if body is None:
        return b"", fields
    fields.setdefault("content-type", "application/json")
    return body if isinstance(body, bytes) else orjson.dumps(body), fields


def is_stream(headers: Mapping[str, str]) -> bool:
    """Return whether a response is an event stream, which does not end by itself."""
    return headers.get("content-type") == EVENT_STREAM


# ------------------------------------------------------------------------------------------------- WSGI


def call_wsgi(
    app: Any,
    prefix: str,
    token: str | None,
    method: str,
    path: str,
    body: Any = None,
    environ: Mapping[str, Any] = MappingProxyType({}),
    **headers: str,
) -> Reply:
    """Call a WSGI application, and return the response with its body.

    Args:
        app: The application.
        prefix: The prefix of the API in the application.
        token: A bearer token, or None.
        method: The HTTP method.
        path: The path below the prefix, with the query.
        body: Data to be encoded as JSON, or bytes.
        environ: Other variables of the request.
        headers: ``if_match="3"`` stands for ``If-Match``.
    """
    data, fields = encode_request(token, body, headers)
    path_info, _, query = path.partition("?")
    variables: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": prefix + path_info,
        "QUERY_STRING": query,
        "REQUEST_URI": prefix + path,
        "CONTENT_TYPE": fields.pop("content-type", ""),
        "CONTENT_LENGTH": fields.pop("content-length", str(len(data))),
        "REMOTE_ADDR": "192.0.2.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(data),
        "wsgi.errors": io.StringIO(),
        **{f"HTTP_{name.upper().replace('-', '_')}": text for name, text in fields.items()},
        **environ,
    }
    started: list[tuple[str, list[tuple[str, str]]]] = []
    blocks = app(variables, lambda status, sent, *_: started.append((status, sent)))
    status, sent = started[0]
    answer_headers = {name.lower(): text for name, text in sent}
    try:
        answer = b"" if is_stream(answer_headers) else b"".join(blocks)
    finally:
        blocks.close()
    return Reply(int(status[:3]), answer_headers, answer)


@contextmanager
def calling_wsgi(
    core: Core, find_actor: FindActor | None = None, limits: Limits = NO_LIMITS
) -> Iterator[SendRequest]:
    """Yield a function that calls the WSGI application of a core."""

    def who(environ: dict[str, Any]) -> Actor | None:
        return _find_actor_of(find_actor, environ.get("HTTP_X_USER"))

    app = WsgiApp(core, who=who if find_actor else None, is_active=bool, limits=limits, jobs=False)
    with closing(app):
        yield partial(call_wsgi, app, "")


def _find_actor_of(find_actor: FindActor | None, user: str | None) -> Actor | None:
    return find_actor(user) if user and find_actor else None


@contextmanager
def calling_flask(
    core: Core, find_actor: FindActor | None = None, limits: Limits = NO_LIMITS
) -> Iterator[SendRequest]:
    """Yield a function that calls a Flask application which has mounted the API."""

    def who() -> Actor | None:
        return _find_actor_of(find_actor, flask.request.headers.get(USER_HEADER))

    host = flask.Flask("host")
    api = flask_helper.mount(host, PREFIX, core, who=who, is_active=bool, limits=limits, jobs=False)
    with closing(api):
        yield partial(call_wsgi, host, PREFIX)


# ------------------------------------------------------------------------------------------------- ASGI


async def call_asgi(
    app: Any, prefix: str, token: str | None, method: str, path: str, body: Any, headers: dict[str, str]
) -> Reply:
    """Call an ASGI application, and return the response with its body; see ``call_wsgi``."""
    data, fields = encode_request(token, body, headers)
    raw_path, _, query = f"{prefix}{path}".partition("?")
    if data:
        fields.setdefault("content-length", str(len(data)))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "root_path": "",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), text.encode("latin-1")) for name, text in fields.items()],
        "client": ("192.0.2.1", 1),
        "server": ("localhost", 80),
    }
    received: list[Any] = [{"type": "http.request", "body": data, "more_body": False}]
    parts: list[bytes] = []
    is_answered = asyncio.Event()
    answer_headers: dict[str, str] = {}
    status = 0

    async def receive() -> Any:
        if not received:
            # The client stays connected.
            await asyncio.Event().wait()
        return received.pop()

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            answer_headers.update(
                (name.decode().lower(), text.decode("latin-1")) for name, text in message["headers"]
            )
        else:
            parts.append(message.get("body", b""))
        if is_stream(answer_headers):
            is_answered.set()

    answering = asyncio.create_task(app(scope, receive, send))
    answering.add_done_callback(lambda _: is_answered.set())
    await is_answered.wait()
    if not answering.done():
        answering.cancel()
    await asyncio.wait({answering})
    if not answering.cancelled() and (error := answering.exception()) is not None:
        raise error
    return Reply(status, answer_headers, b"".join(parts))


@contextmanager
def calling_on_loop(
    app: Any, prefix: str, running: AbstractAsyncContextManager[Any]
) -> Iterator[SendRequest]:
    """Yield a function that calls an ASGI application on an event loop, while its lifespan runs."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running):

        def call(token: str | None, method: str, path: str, body: Any = None, **headers: str) -> Reply:
            return portal.call(call_asgi, app, prefix, token, method, path, body, headers)

        yield call


@contextmanager
def calling_asgi(
    core: Core, find_actor: FindActor | None = None, limits: Limits = NO_LIMITS
) -> Iterator[SendRequest]:
    """Yield a function that calls the ASGI application of a core."""

    def who(scope: Any) -> Actor | None:
        return _find_actor_of(find_actor, dict(scope["headers"]).get(USER_HEADER.encode(), b"").decode())

    app = AsgiApp(core, who=who if find_actor else None, is_active=bool, limits=limits, jobs=False)
    with calling_on_loop(app, "", app.running()) as call:
        yield call


@contextmanager
def calling_fastapi(
    core: Core, find_actor: FindActor | None = None, limits: Limits = NO_LIMITS
) -> Iterator[SendRequest]:
    """Yield a function that calls a FastAPI application which has mounted the API."""

    def who(request: Request) -> Actor | None:
        return _find_actor_of(find_actor, request.headers.get(USER_HEADER))

    host = FastAPI()
    fastapi_helper.mount(host, PREFIX, core, who=who, is_active=bool, limits=limits, jobs=False)
    with calling_on_loop(host, PREFIX, host.router.lifespan_context(host)) as call:
        yield call


@contextmanager
def calling_aiohttp(
    core: Core, _: FindActor | None = None, limits: Limits = NO_LIMITS
) -> Iterator[SendRequest]:
    """Yield a function that calls the reference server, on one connection: it has no form without sockets."""
    with running_aiohttp(core, limits=limits) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=SOON)

        def call(token: str | None, method: str, path: str, body: Any = None, **headers: str) -> Reply:
            data, fields = encode_request(token, body, headers)
            connection.request(method, path, data or None, fields)
            answer = connection.getresponse()
            if answer.getheader("content-type") == EVENT_STREAM:
                # The next request opens another connection.
                connection.close()
                return Reply(answer.status, {"content-type": EVENT_STREAM}, b"")
            return read(answer)

        try:
            yield call
        finally:
            connection.close()


CALLERS: dict[str, Callable[..., AbstractContextManager[SendRequest]]] = {
    "asgi": calling_asgi,
    "wsgi": calling_wsgi,
    "aiohttp": calling_aiohttp,
    "fastapi": calling_fastapi,
    "flask": calling_flask,
}
"""The functions that call the API over each shell that can run in the test process; Django is configured once per process."""
