"""Protocols that take over a connection from aiohttp, so that all that aiohttp keeps for a connection can be freed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from reference_server.aiohttp_internals import ObservableRequestHandler

BURST_BYTES = 1 << 20
PAUSE_SECONDS = 0.032
"""Unwanted data is read in bursts with a pause after each: at most 32 MB per second of a connection."""
SEND_SECONDS = 60.0
"""The seconds after which a client that receives nothing of its response is disconnected."""


class DetachableConnection(ObservableRequestHandler):
    """A connection of aiohttp that can be handed over to another protocol."""

    __slots__ = ("detached_protocols",)

    detached_protocols: set[asyncio.BaseProtocol]
    """The protocols to which the server's connections were handed over."""

    def detach(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the transport over to another protocol, and end this connection, with its task and its buffers."""
        transport = self.transport
        assert transport is not None
        transport.set_protocol(protocol)
        self.transport = None
        self.connection_lost(None)
        # aiohttp may have paused it.
        transport.resume_reading()


class SendWatch:
    """A timer that disconnects a client that receives nothing of its response for a while.

    Args:
        transport: The transport of the connection, whose buffer is full.
    """

    __slots__ = ("_timer", "_transport", "_unsent")

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._start()

    def _start(self) -> None:
        self._unsent = self._transport.get_write_buffer_size()
        self._timer = asyncio.get_running_loop().call_later(SEND_SECONDS, self._check)

    def _check(self) -> None:
        if self._transport.get_write_buffer_size() >= self._unsent:
            self._transport.abort()
        else:
            self._start()

    def stop(self) -> None:
        """Stop the timer: the buffer has been sent, or the connection is closed."""
        self._timer.cancel()


class TransportConnection:
    """A stream that is sent directly to the transport, which costs a quarter of using the response's writer.

    Args:
        transport: The transport of the connection.
        chunked: Whether to send blocks as chunks of HTTP/1.1.
    """

    __slots__ = ("_chunked", "_transport")

    def __init__(self, transport: asyncio.Transport, chunked: bool) -> None:
        self._transport = transport
        self._chunked = chunked

    def write(self, block: bytes) -> None:
        """Send a block soon, without waiting."""
        self._transport.write(b"%x\r\n%b\r\n" % (len(block), block) if self._chunked else block)

    def count_unsent(self) -> int:
        """Return the number of bytes that have not been sent yet."""
        return self._transport.get_write_buffer_size()

    def is_gone(self) -> bool:
        """Return whether the client has disconnected."""
        return self._transport.is_closing()

    def abort(self) -> None:
        """Disconnect the client."""
        self._transport.abort()


class StreamProtocol(TransportConnection, asyncio.Protocol):
    """A connection on which a stream is sent. What its client sends is ignored.

    Args:
        transport: The transport of the connection.
        chunked: Whether to send blocks as chunks of HTTP/1.1.
        open_protocols: The protocols of this module whose connections are open; this one adds and removes itself.

    Attributes:
        on_lost: Called when the connection is closed.
    """

    __slots__ = ("_open_protocols", "_send_watch", "on_lost")

    def __init__(
        self, transport: asyncio.Transport, chunked: bool, open_protocols: set[asyncio.BaseProtocol]
    ) -> None:
        super().__init__(transport, chunked)
        self._open_protocols = open_protocols
        open_protocols.add(self)
        self._send_watch: SendWatch | None = None
        self.on_lost: Callable[[], None] | None = None

    def finish(self) -> None:
        """End the stream, and close the connection once everything is sent."""
        if not self._transport.is_closing():
            if self._chunked:
                self._transport.write(b"0\r\n\r\n")
            self._transport.close()
            if self._send_watch is None and self._transport.get_write_buffer_size():
                # The system would wait for a client that receives nothing as long as it answers.
                self._send_watch = SendWatch(self._transport)

    def pause_writing(self) -> None:
        self._send_watch = SendWatch(self._transport)

    def resume_writing(self) -> None:
        if self._send_watch is not None:
            self._send_watch.stop()
            self._send_watch = None

    def connection_lost(self, exc: Exception | None) -> None:
        self.resume_writing()
        self._open_protocols.discard(self)
        on_lost, self.on_lost = self.on_lost, None
        if on_lost is not None:
            on_lost()


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
    _buffer = bytearray(64 << 10)

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

    def end_response(self) -> None:
        """Tell the client that there is no further response."""
        if not self._transport.is_closing():
            self._transport.write_eof()

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
