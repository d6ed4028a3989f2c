"""The bare server: aiohttp, uvloop and orjson return the same bytes and do nothing else. ``python -m benchmarks.bare SITE``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from benchmarks.serving import answer, make_app, serve


class Bare:
    """Handlers that respond with prepared bytes."""

    def __init__(self, site: dict[str, Any]) -> None:
        self._me = orjson.dumps(site["me"])
        self._cards = orjson.dumps(site["cards"])
        self._card = orjson.dumps(site["cards"][0])

    async def whoami(self, request: web.Request) -> web.StreamResponse:
        return answer(self._me)

    async def list_cards(self, request: web.Request) -> web.StreamResponse:
        return answer(self._cards)

    async def get(self, request: web.Request) -> web.StreamResponse:
        return answer(self._card)

    async def create(self, request: web.Request) -> web.StreamResponse:
        orjson.loads(await request.read())
        return answer(self._card, 201)

    async def move(self, request: web.Request) -> web.StreamResponse:
        orjson.loads(await request.read())
        return answer(self._card)


if __name__ == "__main__":
    serve(make_app(Bare(orjson.loads(Path(sys.argv[1]).read_bytes()))))
