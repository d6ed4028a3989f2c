"""A decoder of server-sent events, without I/O: it takes blocks of bytes of any size, and returns events."""

from __future__ import annotations

import codecs
import re

import attrs

_BREAK = re.compile(rb"\r\n|\n|\r")
_RETRY_MAX = 60_000
EVENT_MAX = 16 << 20
"""The largest event, in bytes, so that an endless event cannot fill the memory."""


@attrs.frozen
class ServerSentEvent:
    """An event as it was received.

    Attributes:
        id: The id of the last event that had one.
        event: The type of the event.
    """

    id: str
    event: str
    data: str


class Decoder:
    """A decoder of the bytes of a stream.

    Attributes:
        last_id: The id of the last event that had one; a new connection continues after it.
        retry: Seconds that the server requests before a reconnect, or None.
    """

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self.retry: float | None = None
        self.restart()

    def restart(self) -> None:
        """Prepare for another connection, discarding an incomplete event of the last one."""
        self._buffer = b""
        self._started = False
        self._id = self.last_id
        self._event = ""
        self._data: list[str] = []

    def feed(self, block: bytes) -> list[ServerSentEvent]:
        """Return the events that this block completes.

        Raises:
            ValueError: An event exceeds the size limit.
        """
        self._buffer += block
        if not self._started and len(self._buffer) >= len(codecs.BOM_UTF8):
            self._buffer = self._buffer.removeprefix(codecs.BOM_UTF8)
            self._started = True
        if len(self._buffer) > EVENT_MAX:
            raise ValueError("an event exceeds the size limit")
        events: list[ServerSentEvent] = []
        start = 0
        for line_break in _BREAK.finditer(self._buffer):
            if line_break.end() == len(self._buffer) and line_break.group() == b"\r":
                # The next block may begin with the other half of the line break.
                break
            line, start = (
                self._buffer[start : line_break.start()].decode("utf-8", "replace"),
                line_break.end(),
            )
            if line:
                self._field(line)
            elif (event := self._dispatch()) is not None:
                events.append(event)
        self._buffer = self._buffer[start:]
        return events

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = min(int(value), _RETRY_MAX) / 1000

    def _dispatch(self) -> ServerSentEvent | None:
        event, data = self._event, self._data
        self._event, self._data = "", []
        self.last_id = self._id
        if not data:
            return None
        return ServerSentEvent(self.last_id, event or "message", "\n".join(data))
