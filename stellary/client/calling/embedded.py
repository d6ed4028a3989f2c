"""Carriers over a port: the API in process, with no socket and no time-outs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from stellary.contract.port import Port, RawRequest, RawResponse


class PortCarrier:
    """A carrier for blocking callers: the port answers in the caller's thread."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def send(self, request: RawRequest, _: float, /) -> RawResponse:
        """Send the request. There is no time-out in process."""
        return self._port.send(request)

    def open(self, request: RawRequest, _: float, /) -> PortStream:
        """Open a stream; its blocks are read in the thread that waits for them."""
        return PortStream(self._port.stream(request))

    def close(self) -> None:
        """Close the port."""
        self._port.close()


class PortStream:
    """A streaming response of a port."""

    def __init__(self, response: RawResponse) -> None:
        self.status, self.headers = response.status, response.headers
        self.blocks: Any = iter([response.body]) if response.blocks is None else response.blocks

    def close(self) -> None:
        """End the stream."""
        end = getattr(self.blocks, "close", None)
        if end is not None:
            end()


class AsyncPortStream:
    """A streaming response for async callers: each block is awaited in a thread."""

    def __init__(self, response: RawResponse) -> None:
        self._stream = PortStream(response)
        self.status, self.headers = response.status, response.headers
        self.blocks = self._read_in_threads()

    async def _read_in_threads(self) -> AsyncIterator[bytes]:
        import asyncio

        while (block := await asyncio.to_thread(next, self._stream.blocks, None)) is not None:
            yield block

    async def close(self) -> None:
        """End the stream, and wake a thread that waits for its next block."""
        self._stream.close()


class AsyncPortCarrier:
    """A carrier for async callers: the port answers in a separate thread."""

    def __init__(self, port: Port) -> None:
        self._port = port

    async def send(self, request: RawRequest, _: float, /) -> RawResponse:
        """Send the request."""
        import asyncio

        return await asyncio.to_thread(self._port.send, request)

    async def open(self, request: RawRequest, _: float, /) -> AsyncPortStream:
        """Open a stream."""
        import asyncio

        return AsyncPortStream(await asyncio.to_thread(self._port.stream, request))

    async def close(self) -> None:
        """Close the port."""
        self._port.close()
