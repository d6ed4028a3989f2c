"""The API inside a Flask application."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from flask import Flask, request
from werkzeug.wrappers import Response as WsgiResponse

from stellary.contract.errors import ApiError
from stellary.core import Core
from stellary.core.db.errors import error_response
from stellary.core.http.context import make_request_id
from stellary.core.http.limits import Limits
from stellary.core.kernel.unit import Actor
from stellary.wsgi import STREAMS_MAX, IsActive, WsgiApp

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def mount(
    app: Flask,
    path: str,
    core: Core,
    *,
    who: Callable[[], Actor | None] | None = None,
    is_active: IsActive | None = None,
    hide: Collection[str] = (),
    limits: Limits | None = None,
    cors_origins: Sequence[str] = (),
    streams_max: int = STREAMS_MAX,
    jobs: bool = True,
) -> WsgiApp:
    """Mount the API of a core in an application, and answer its errors.

    The functions that the application registers with ``before_request`` run before each request to the API. An
    ``ApiError`` that a view of the application raises becomes the response of the API.

    Args:
        app: The application.
        path: The prefix of the API, such as ``/pm``.
        core: A migrated core, which the caller closes.
        who: Returns the actor of the current request, from ``flask.session`` or ``flask.g``; None if nobody is logged in.
            By default, bearer tokens decide.
        is_active: Returns whether your user with an external id may still use the API; called for each request with an API
            token of yours. By default, your users have no API tokens: their operations are left out.
        hide: The operations to leave out, such as ``auth.login``, or ``auth.*`` for all of a section.
        limits: The limits of requests and logins. By default, those of the reference server.
        cors_origins: The origins whose pages may call the API from a browser. Default: none.
        streams_max: The number of event streams in this process. Each occupies a thread of the server. Default: 20.
        jobs: Whether this process runs background jobs and sends webhook messages. Default: True.

    Returns:
        The mounted application.

    Raises:
        ValueError: ``hide`` names an unknown operation.
    """

    def identify(_: dict[str, Any]) -> Actor | None:
        assert who is not None
        return who()

    api = WsgiApp(
        core,
        who=None if who is None else identify,
        is_active=is_active,
        hide=hide,
        limits=limits,
        cors_origins=cors_origins,
        streams_max=streams_max,
        jobs=jobs,
    )

    def answer(**_: str) -> WsgiResponse:
        environ = {
            **request.environ,
            "SCRIPT_NAME": request.environ.get("SCRIPT_NAME", "") + path,
            "PATH_INFO": request.environ["PATH_INFO"].removeprefix(path),
        }
        return WsgiResponse.from_app(api, environ)

    for rule in (f"{path}/", f"{path}/<path:_>"):
        app.add_url_rule(
            rule, endpoint="stellary", view_func=answer, methods=_METHODS, provide_automatic_options=False
        )
    app.register_error_handler(ApiError, _respond_to_error)
    return api


def _respond_to_error(error: ApiError) -> WsgiResponse:
    raw = error_response(error, make_request_id(request.headers.get("X-Request-Id")))
    return WsgiResponse(raw.body, raw.status, raw.headers)
