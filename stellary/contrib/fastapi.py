"""The API inside a FastAPI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from stellary.asgi import AsgiApp, AsgiScope, IsActive, call_host
from stellary.contract.errors import BY_STATUS, ApiError
from stellary.core import Core
from stellary.core.db.errors import error_response
from stellary.core.http.context import make_request_id
from stellary.core.http.limits import Limits
from stellary.core.kernel.unit import Actor


def mount(
    app: FastAPI,
    path: str,
    core: Core,
    *,
    who: Callable[[Request], Actor | Awaitable[Actor | None] | None] | None = None,
    is_active: IsActive | None = None,
    hide: Collection[str] = (),
    limits: Limits | None = None,
    cors_origins: Sequence[str] = (),
    jobs: bool = True,
) -> AsgiApp:
    """Mount the API of a core in an application, run it in the application's lifespan, and answer its errors.

    The lifespan of the application begins before the API runs, and ends after it, so that it can migrate and close the
    core. An ``ApiError`` that a route of the application raises becomes the response of the API.

    Args:
        app: The application.
        path: The prefix of the API, such as ``/pm``.
        core: A core, which the application has migrated when its lifespan has begun, and closes.
        who: Returns the actor of a request, from the session of the application; None if nobody is logged in. Functions
            that are not coroutines run in a thread. It may raise ``HTTPException`` with a status of 400 to 499. By default,
            bearer tokens decide.
        is_active: Returns whether your user with an external id may still use the API; called for each request with an API
            token of yours. By default, your users have no API tokens: their operations are left out.
        hide: The operations to leave out, such as ``auth.login``, or ``auth.*`` for all of a section. Pass
            ``LOGIN_OPERATIONS`` of ``stellary.contrib`` if your users log in to your application. Default: none.
        limits: The limits of requests and logins. By default, those of the reference server.
        cors_origins: The origins whose pages may call the API from a browser. Leave it empty if ``CORSMiddleware`` of the
            application adds such headers; the API itself refuses changes with a cookie from pages of other origins. Default:
            none.
        jobs: Whether this process runs background jobs and sends webhook messages. Default: True.

    Returns:
        The mounted application.

    Raises:
        ValueError: ``hide`` names an unknown operation.
    """

    async def identify(scope: AsgiScope) -> Actor | None:
        assert who is not None
        try:
            return await call_host(who, Request(scope))
        except HTTPException as error:
            raise _convert_error(error) from error

    api = AsgiApp(
        core,
        who=None if who is None else identify,
        is_active=is_active,
        hide=hide,
        limits=limits,
        cors_origins=cors_origins,
        jobs=jobs,
    )
    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def run(host: FastAPI) -> AsyncIterator[Any]:
        async with lifespan(host) as state, api.running():
            yield state

    app.router.lifespan_context = run
    app.mount(path, api)
    app.add_exception_handler(ApiError, _respond_to_error)
    return api


def _convert_error(error: HTTPException) -> Exception:
    """Return the error of the API for one of FastAPI; the error itself if it is not a response to a bad request."""
    if not 400 <= error.status_code < 500:
        return error
    converted = BY_STATUS.get(error.status_code, ApiError)(str(error.detail))
    converted.status = error.status_code
    return converted


def _respond_to_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    raw = error_response(error, make_request_id(request.headers.get("x-request-id")))
    return Response(raw.body, raw.status, raw.headers)
