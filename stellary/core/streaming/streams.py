"""Streams of server-sent events, read from an append-only record.

A stream is a position in a record, and a function that reads from there. The server (on its event loop) or a
port (in the thread of its caller) reads when a signal announces new events.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Generic, TypeVar

import attrs

from stellary.contract.endpoint import EVENT_STREAM, Policy
from stellary.contract.port import RawResponse
from stellary.contract.wire import Stream
from stellary.core.kernel import signals
from stellary.core.kernel.units import Units

T = TypeVar("T")

HEARTBEAT_SECONDS = 15.0
"""Seconds after which an idle stream sends a comment, and the access of its reader is checked again."""
POLL_SECONDS = 5.0
"""Seconds after which the record is read without a signal, since a process may have died before it sent one."""
PENDING_SECONDS = 0.02
"""Seconds after which the record is read again while another transaction may still add an earlier row."""

OPENING = b"retry: 1000\n\n"
HEARTBEAT = b": still here\n\n"


@attrs.frozen
class Batch:
    """The events read in one step.

    Attributes:
        position: The position from which to continue reading.
        frames: The events as bytes to send; empty if there are none.
        more: Whether further events can be read right away.
        pending: Whether another transaction is about to add events that cannot be read yet.
        over: Whether the record has ended.
    """

    position: int
    frames: bytes = b""
    more: bool = False
    pending: bool = False
    over: bool = False


@attrs.frozen
class Record(Stream[T], Generic[T]):
    """A record to stream from.

    Attributes:
        topic: The topic of the signals that announce new events.
        after: The last position that the reader has received; None starts at the end.
        read: Reads the events after a position; for None it returns the position of the end, without events.
        view: The part of the events that the reader may see. Streams with the same topic and view read the same events.
        sight: The projects of the workspace that the reader sees; the stream ends when they change. None if it shows none.
        policies: The policies, beside that of the endpoint, that give the reader access to this part.
    """

    topic: str
    after: int | None
    read: Callable[[Units, int | None], Batch]
    view: Hashable = None
    sight: Hashable = None
    policies: Collection[Policy] = ()


@attrs.frozen
class StreamResponse(RawResponse):
    """A response whose body continues with the events of a record."""

    record: Record[Any] = attrs.field(kw_only=True, eq=False, repr=False)


def build_stream_response(record: Record[Any]) -> StreamResponse:
    """Return the response that streams a record."""
    # A proxy that buffers responses would delay the events.
    headers = {"content-type": EVENT_STREAM, "x-accel-buffering": "no"}
    return StreamResponse(200, headers, OPENING, record=record)


def frame(id: int, event: str, data: bytes) -> bytes:
    """Return an event as server-sent bytes. The data is JSON, which contains no line breaks.

    Args:
        id: The id of the event, from which a reader resumes.
        event: The type of the event.
        data: The JSON of the event.
    """
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (id, event.encode("ascii"), data)


def frames(events: Iterable[tuple[int, str, bytes]]) -> bytes:
    """Return several events as server-sent bytes."""
    return b"".join(frame(*event) for event in events)


class StreamReader:
    """An iterator over the blocks of a stream, in the reading thread. It ends when the reader loses access.

    Args:
        units: Opens the units of work.
        record: The record to read.
        is_allowed: Returns whether the reader still has access. Called after access changes, and every 15 seconds.
    """

    def __init__(self, units: Units, record: Record[Any], is_allowed: Callable[[], bool]) -> None:
        self._units = units
        self._record = record
        self._is_allowed = is_allowed
        self._topics: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._closed = False
        # The position is read now, so that events before the first read are not missed.
        self._position = record.read(units, None).position if record.after is None else record.after
        self._blocks = self._read_blocks()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._blocks)

    def close(self) -> None:
        """End the stream; from any thread."""
        self._closed = True
        self._topics.put("")

    def _read_blocks(self) -> Iterator[bytes]:
        record = self._record
        with self._units.env.signals.listening(self._receive):
            yield OPENING
            batch = Batch(self._position, more=True)
            checked_at = time.monotonic()
            while True:
                topics = set() if batch.more else self._wait_for_topics(self._timeout(batch, checked_at))
                if self._closed:
                    return
                if time.monotonic() - checked_at >= HEARTBEAT_SECONDS:
                    checked_at = time.monotonic()
                    topics.add(signals.ACCESS)
                    yield HEARTBEAT
                if topics - {record.topic} and not self._is_allowed():
                    return
                batch = record.read(self._units, batch.position)
                if batch.frames:
                    yield batch.frames
                if batch.over:
                    return

    def _receive(self, topic: str) -> None:
        if topic in (self._record.topic, signals.ACCESS, signals.EVERYTHING):
            self._topics.put(topic)

    def _timeout(self, batch: Batch, checked_at: float) -> float:
        if batch.pending:
            return PENDING_SECONDS
        return max(0.0, min(POLL_SECONDS, checked_at + HEARTBEAT_SECONDS - time.monotonic()))

    def _wait_for_topics(self, seconds: float) -> set[str]:
        """Return the topics of the signals received, as soon as there is one; none after the timeout."""
        topics: set[str] = set()
        with suppress(queue.Empty):
            topics.add(self._topics.get(timeout=seconds))
            while True:
                topics.add(self._topics.get_nowait())
        return topics
