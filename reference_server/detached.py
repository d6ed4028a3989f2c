"""Protocols that take over a connection from aiohttp, so that all that aiohttp keeps for a connection can be freed."""

from __future__ import annotations

import asyncio

_BUFFER_BYTES = 64 << 10
BURST_BYTES = 256 << 10
PAUSE_SECONDS = 0.008
"""Unwanted data is read in bursts with a pause after each: at most 32 MB per second of a connection."""


class DiscardingProtocol(asyncio.BufferedProtocol):
    """A connection whose response has been sent while its client still sends an unwanted body.

    The data is read and discarded until the client disconnects or the time is over. If the server closed the connection
    earlier, the system would reset it, and the client might not be able to read the response. Nothing is
    parsed or copied: all such connections share one buffer. Pauses make the client wait, and not other clients.

    Args:
        transport: The transport of the connection.
        seconds: The longest time to read, in seconds.
        open_protocols: The protocols of this module whose connections are open; this one adds and removes itself.
    """

    __slots__ = ("_burst", "_end_timer", "_loop", "_open_protocols", "_pause_timer", "_transport")
    _buffer = bytearray(_BUFFER_BYTES)

    def __init__(
        self, transport: asyncio.Transport, seconds: float, open_protocols: set[asyncio.BaseProtocol]
    ) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._open_protocols = open_protocols
        open_protocols.add(self)
        self._burst = 0
        self._end_timer = self._loop.call_later(seconds, transport.close)
        self._pause_timer: asyncio.TimerHandle | None = None
        # The client learns that there is no further response.
        transport.write_eof()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Discard the data, and pause after a burst."""
        self._burst += nbytes
        if self._burst >= BURST_BYTES:
            self._burst = 0
            self._transport.pause_reading()
            self._pause_timer = self._loop.call_later(PAUSE_SECONDS, self._transport.resume_reading)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_timer.cancel()
        if self._pause_timer is not None:
            self._pause_timer.cancel()
        self._open_protocols.discard(self)
