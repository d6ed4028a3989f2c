"""Server-sent events, without I/O: bytes in, in blocks of any size, and events out."""

from __future__ import annotations

import codecs
import re

import attrs

_BREAK = re.compile(rb"\r\n|\n|\r")
_RETRY_MAX = 60_000
EVENT_MAX = 16 << 20
"""Bytes that an event may have: one without an end must not fill the memory."""


@attrs.frozen
class Sent:
    """An event as it was sent.

    Attributes:
        id: Of the last event that had one.
        event: Its kind.
    """

    id: str
    event: str
    data: str


class Decoder:
    """Makes events of a stream.

    Attributes:
        last_id: Of the last event that had one; where to go on after a break.
        retry: Seconds that the server asks for before another attempt, if it does.
    """

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self.retry: float | None = None
        self.restart()

    def restart(self) -> None:
        """Another connection: what the one before has left half said is dropped."""
        self._buffer = b""
        self._begun = False
        self._id = self.last_id
        self._event = ""
        self._data: list[str] = []

    def feed(self, block: bytes) -> list[Sent]:
        """The events that are complete with this block.

        Raises:
            ValueError: An event is longer than any can be.
        """
        self._buffer += block
        if not self._begun and len(self._buffer) >= len(codecs.BOM_UTF8):
            self._buffer = self._buffer.removeprefix(codecs.BOM_UTF8)
            self._begun = True
        if len(self._buffer) > EVENT_MAX:
            raise ValueError("an event has no end")
        found: list[Sent] = []
        start = 0
        for end in _BREAK.finditer(self._buffer):
            if end.end() == len(self._buffer) and end.group() == b"\r":
                # The other half of the break may be on its way.
                break
            line, start = self._buffer[start : end.start()].decode("utf-8", "replace"), end.end()
            if line:
                self._field(line)
            elif (event := self._dispatched()) is not None:
                found.append(event)
        self._buffer = self._buffer[start:]
        return found

    def _field(self, line: str) -> None:
        name, _, said = line.partition(":")
        said = said.removeprefix(" ")
        if name == "data":
            self._data.append(said)
        elif name == "event":
            self._event = said
        elif name == "id" and "\0" not in said:
            self._id = said
        elif name == "retry" and said.isascii() and said.isdigit():
            self.retry = min(int(said), _RETRY_MAX) / 1000

    def _dispatched(self) -> Sent | None:
        event, data = self._event, self._data
        self._event, self._data = "", []
        self.last_id = self._id
        if not data:
            return None
        return Sent(self.last_id, event or "message", "\n".join(data))
