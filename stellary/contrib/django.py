"""The API inside a Django project that is served over WSGI."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from django.db import transaction
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import URLPattern, re_path
from django.views.decorators.csrf import csrf_exempt

from stellary.core import Core
from stellary.core.http.limits import Limits
from stellary.core.kernel.unit import Actor
from stellary.wsgi import STREAMS_MAX, Environ, WsgiApp

_REQUEST = "stellary.request"


class ApiSite:
    """The API of a core in a Django project: ``path("pm/", include(site.urls))``.

    The middleware of the project runs before each request to the API. The view is exempt from ``ATOMIC_REQUESTS``, and from
    the CSRF middleware: the API itself refuses changes from pages of other sites.

    Args:
        core: A migrated core, which the caller closes after this site.
        who: Returns the actor of a request, usually from ``request.user``; None if nobody is logged in. By default, bearer
            tokens decide.
        hide: The operations to leave out, such as ``auth.login``, or ``auth.*`` for all of a section.
        limits: The limits of requests and logins. By default, those of the reference server.
        streams_max: The number of event streams in this process. Each occupies a thread of the server. Default: 20.
        jobs: Whether this process runs background jobs and sends webhook messages. Default: True.

    Raises:
        ValueError: ``hide`` names an unknown operation.
    """

    def __init__(
        self,
        core: Core,
        *,
        who: Callable[[HttpRequest], Actor | None] | None = None,
        hide: Collection[str] = (),
        limits: Limits | None = None,
        streams_max: int = STREAMS_MAX,
        jobs: bool = True,
    ) -> None:
        self._app = WsgiApp(
            core,
            who=None if who is None else partial(_identify, who),
            hide=hide,
            limits=limits,
            streams_max=streams_max,
            jobs=jobs,
        )

    @property
    def urls(self) -> list[URLPattern]:
        """The URL patterns of the API."""
        view: Any = transaction.non_atomic_requests(csrf_exempt(self._answer))
        return [re_path(r"^(?P<tail>.*)$", view)]

    def close(self) -> None:
        """End streams, finish what has begun, and stop the threads."""
        self._app.close()

    def _answer(self, request: HttpRequest, tail: str) -> StreamingHttpResponse:
        prefix = request.path.removesuffix(tail).rstrip("/")
        environ = {
            **request.META,
            "SCRIPT_NAME": _encode(prefix),
            "PATH_INFO": _encode(f"/{tail}"),
            # If middleware has read the body, the request has kept it.
            "wsgi.input": request,
            _REQUEST: request,
        }
        response = StreamingHttpResponse()

        def start(status: str, headers: list[tuple[str, str]]) -> None:
            response.status_code = int(status.partition(" ")[0])
            for name, text in headers:
                response[name] = text

        response.streaming_content = self._app(environ, start)
        return response


def _identify(who: Callable[[HttpRequest], Actor | None], environ: Environ) -> Actor | None:
    return who(environ[_REQUEST])


def _encode(path: str) -> str:
    return path.encode().decode("latin-1")
