"""Carriers over a port: the API in process, with no socket and no time-outs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from stellary.contract.port import Port, RawRequest, RawResponse


class PortCarrier:
    """A port, for callers that block: it answers in their thread."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def send(self, request: RawRequest, _: float, /) -> RawResponse:
        """Hand the request over; a port in process takes the time that it takes."""
        return self._port.send(request)

    def open(self, request: RawRequest, _: float, /) -> PortStream:
        """Begin a stream: what happens is read in the thread that waits for it."""
        return PortStream(self._port.stream(request))

    def close(self) -> None:
        """Close the port."""
        self._port.close()


class PortStream:
    """An answer of a port that goes on."""

    def __init__(self, response: RawResponse) -> None:
        self.status, self.headers = response.status, response.headers
        self.blocks: Any = iter([response.body]) if response.blocks is None else response.blocks

    def close(self) -> None:
        """End it."""
        end = getattr(self.blocks, "close", None)
        if end is not None:
            end()


class AsyncPortStream:
    """The same for callers that await: each block is waited for in a thread."""

    def __init__(self, response: RawResponse) -> None:
        self._stream = PortStream(response)
        self.status, self.headers = response.status, response.headers
        self.blocks = self._awaited()

    async def _awaited(self) -> AsyncIterator[bytes]:
        import asyncio

        while (block := await asyncio.to_thread(next, self._stream.blocks, None)) is not None:
            yield block

    async def close(self) -> None:
        """End it; a thread that waits is woken."""
        self._stream.close()


class AsyncPortCarrier:
    """A port, for callers that await: it answers in a thread of its own."""

    def __init__(self, port: Port) -> None:
        self._port = port

    async def send(self, request: RawRequest, _: float, /) -> RawResponse:
        """Hand the request over."""
        import asyncio

        return await asyncio.to_thread(self._port.send, request)

    async def open(self, request: RawRequest, _: float, /) -> AsyncPortStream:
        """Begin a stream."""
        import asyncio

        return AsyncPortStream(await asyncio.to_thread(self._port.stream, request))

    async def close(self) -> None:
        """Close the port, where it is."""
        self._port.close()
