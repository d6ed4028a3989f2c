"""Carriers over a port: the API in process, with no socket and no time-outs."""

from __future__ import annotations

from stellary.contract.port import Port, RawRequest, RawResponse


class PortCarrier:
    """A port, for callers that block: it answers in their thread."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def send(self, request: RawRequest, _: float, /) -> RawResponse:
        """Hand the request over; a port in process takes the time that it takes."""
        return self._port.send(request)

    def close(self) -> None:
        """Close the port."""
        self._port.close()


class AsyncPortCarrier:
    """A port, for callers that await: it answers in a thread of its own."""

    def __init__(self, port: Port) -> None:
        self._port = port

    async def send(self, request: RawRequest, _: float, /) -> RawResponse:
        """Hand the request over."""
        import asyncio

        return await asyncio.to_thread(self._port.send, request)

    async def close(self) -> None:
        """Close the port, where it is."""
        self._port.close()
