"""The parts that the bare server and the floor share; they listen as the reference server does."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable
from typing import Protocol

import uvloop
from aiohttp import web

CARDS = "/orgs/{org}/workspaces/{ws}/projects/{project}/cards"


def answer(body: bytes, status: int = 200) -> web.Response:
    """Return a response with a JSON body."""
    return web.Response(body=body, status=status, content_type="application/json")


class Handlers(Protocol):
    """The handlers of the measured requests."""

    async def whoami(self, request: web.Request, /) -> web.StreamResponse: ...

    async def list_cards(self, request: web.Request, /) -> web.StreamResponse: ...

    async def get(self, request: web.Request, /) -> web.StreamResponse: ...

    async def create(self, request: web.Request, /) -> web.StreamResponse: ...

    async def move(self, request: web.Request, /) -> web.StreamResponse: ...


def make_app(handlers: Handlers) -> web.Application:
    """Return the application of some handlers."""
    app = web.Application()
    app.router.add_get("/auth/me", handlers.whoami)
    app.router.add_get(CARDS, handlers.list_cards)
    app.router.add_get(CARDS + "/{card}", handlers.get)
    app.router.add_post(CARDS.replace("/cards", "/columns/{column}/cards"), handlers.create)
    app.router.add_patch(CARDS + "/{card}", handlers.move)
    return app


async def _nothing() -> None: ...


def serve(
    app: web.Application,
    on_open: Callable[[], Awaitable[None]] = _nothing,
    on_close: Callable[[], Awaitable[None]] = _nothing,
) -> None:
    """Listen on a free port, print it, and serve until a signal arrives.

    Args:
        app: The application.
        on_open: Called before serving, on the same event loop.
        on_close: Called after serving.
    """

    async def run() -> None:
        await on_open()
        runner = web.AppRunner(app, access_log=None, handle_signals=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000)
        print(f"ready {runner.addresses[0][1]}", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()
            await on_close()

    with contextlib.suppress(web.GracefulExit, KeyboardInterrupt):
        uvloop.run(run())
