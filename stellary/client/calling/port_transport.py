"""A port as a transport of httpx."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import httpx

from stellary.client.calling.carriers import read_in_threads
from stellary.contract.port import Port, RawRequest, RawResponse


class PortTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A port as a transport of httpx, for programs that use their own httpx client.

    ``httpx.Client(transport=PortTransport(core.port(actor)), base_url="http://stellary")`` sends requests to the core in process.
    """

    def __init__(self, port: Port) -> None:
        self._port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request in the calling thread."""
        return _response(self._port.stream(_raw(request, request.read())))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request in a separate thread."""
        raw = _raw(request, await request.aread())
        response = await asyncio.to_thread(self._port.stream, raw)
        return _response(response, read_in_threads)

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    async def aclose(self) -> None:
        """Close the port."""
        self._port.close()


def _raw(request: httpx.Request, body: bytes) -> RawRequest:
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    return RawRequest(request.method, path, query, dict(request.headers), body)


def _response(raw: RawResponse, wrap: Callable[[Iterable[bytes]], Any] = iter) -> httpx.Response:
    headers: Any = dict(raw.headers)
    body: Any = raw.body if raw.blocks is None else wrap(raw.blocks)
    return httpx.Response(raw.status, headers=headers, content=body)
