"""The API inside a FastAPI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from stellary.asgi import AsgiApp, AsgiScope, identify_caller
from stellary.contract.errors import ApiError
from stellary.core import Core
from stellary.core.http.context import make_request_id
from stellary.core.http.limits import Limits
from stellary.core.kernel.unit import Actor


def mount(
    app: FastAPI,
    path: str,
    core: Core,
    *,
    who: Callable[[Request], Actor | Awaitable[Actor | None] | None] | None = None,
    hide: Collection[str] = (),
    limits: Limits | None = None,
    jobs: bool = True,
) -> AsgiApp:
    """Mount the API of a core in an application, run it in the application's lifespan, and answer its errors.

    An ``ApiError`` that a route of the application raises becomes the response of the API.

    Args:
        app: The application.
        path: The prefix of the API, such as ``/pm``.
        core: A migrated core, which the caller closes.
        who: Returns the actor of a request, from the session of the application; None if nobody is logged in. Functions
            that are not coroutines run in a thread. By default, bearer tokens decide.
        hide: The operations to leave out, such as ``auth.login``, or ``auth.*`` for all of a section.
        limits: The limits of requests and logins. By default, those of the reference server.
        jobs: Whether this process runs background jobs and sends webhook messages. Default: True.

    Returns:
        The mounted application.

    Raises:
        ValueError: ``hide`` names an unknown operation.
    """

    async def identify(scope: AsgiScope) -> Actor | None:
        assert who is not None
        return await identify_caller(who, Request(scope))

    api = AsgiApp(core, who=None if who is None else identify, hide=hide, limits=limits, jobs=jobs)
    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def run(host: FastAPI) -> AsyncIterator[Any]:
        async with api.running(), lifespan(host) as state:
            yield state

    app.router.lifespan_context = run
    app.mount(path, api)
    app.add_exception_handler(ApiError, _respond_to_error)
    return api


def _respond_to_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    request_id = make_request_id(request.headers.get("x-request-id"))
    return JSONResponse(error.to_body(request_id), error.status)
