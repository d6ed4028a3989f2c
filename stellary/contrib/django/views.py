"""The views of the API: over WSGI, over ASGI, and in the transaction of a test."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.db import transaction
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, URLPattern
from django.views.decorators.csrf import csrf_exempt

from stellary.contrib.django import asgi, testing
from stellary.contrib.django.configuration import load_configuration
from stellary.contrib.django.cores import close_with_core, get_core
from stellary.contrib.django.requests import find_actor, set_headers
from stellary.contrib.django.units import is_active
from stellary.core import Actor, Core
from stellary.core.db import forks
from stellary.wsgi import Environ, WsgiApp

_REQUEST = "stellary.request"


class _Wsgi:
    """The WSGI application of this process, and the core that it serves."""

    def __init__(self) -> None:
        self.lock = forks.create_lock(self, "lock")
        self.core: Core | None = None
        self.app: WsgiApp | None = None


_wsgi = _Wsgi()


class ApiPattern(URLPattern):
    """A pattern that leads to the asynchronous view in an event loop, which only ASGI has, and else to the synchronous one."""

    def resolve(self, path: str) -> ResolverMatch | None:
        """Return the view for a path; None if the pattern does not match."""
        match = super().resolve(path)
        if match is not None and asgi.find_loop() is not None:
            match.func = serve_asgi
        return match


# The API refuses changes from pages of other sites itself, and opens its own transactions.
@transaction.non_atomic_requests
@csrf_exempt
def serve_wsgi(request: HttpRequest, tail: str) -> HttpResponseBase:
    """Answer a request over WSGI."""
    response = testing.answer_in_test(request, tail)
    if response is not None:
        return response
    environ = {
        **request.META,
        "HTTP_HOST": request.get_host(),
        "SCRIPT_NAME": _encode(request.path.removesuffix(tail).rstrip("/")),
        "PATH_INFO": _encode(f"/{tail}"),
        # If middleware has read the body, the request has kept it.
        "wsgi.input": request,
        _REQUEST: request,
    }
    streaming = StreamingHttpResponse()

    def start(status: str, headers: list[tuple[str, str]]) -> None:
        streaming.status_code = int(status.partition(" ")[0])
        set_headers(streaming, headers)

    streaming.streaming_content = _get_wsgi_app()(environ, start)
    return streaming


@transaction.non_atomic_requests
@csrf_exempt
async def serve_asgi(request: HttpRequest, tail: str) -> HttpResponseBase:
    """Answer a request over ASGI."""
    if testing.is_test():
        response: HttpResponseBase | None = await sync_to_async(testing.answer_in_test)(request, tail)
        if response is not None:
            return response
    return await asgi.respond(request, tail)


def _get_wsgi_app() -> WsgiApp:
    core = get_core()
    with _wsgi.lock:
        if _wsgi.core is not core or _wsgi.app is None:
            configuration = load_configuration()
            _wsgi.core = core
            _wsgi.app = WsgiApp(
                core,
                who=_identify,
                is_active=is_active,
                hide=configuration.hide,
                limits=configuration.limits,
                cors_origins=configuration.cors_origins,
                jobs=configuration.jobs,
            )
            close_with_core(_wsgi.app.close)
        return _wsgi.app


def _identify(environ: Environ) -> Actor | None:
    return find_actor(environ[_REQUEST])


def _encode(path: str) -> str:
    return path.encode().decode("latin-1")
