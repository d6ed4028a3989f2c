"""Streams: what is read on and on from a record, as server-sent events.

A stream is a place in a record and a way to read on from there. Whoever carries it (the server on its event loop, a
port in the thread of its caller) reads when news says that there is more.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Generic, TypeVar

import attrs

from stellary.contract.endpoint import EVENT_STREAM
from stellary.contract.port import RawResponse
from stellary.contract.streaming import Stream
from stellary.core.kernel import signals
from stellary.core.kernel.units import Units

T = TypeVar("T")

HEARTBEAT_SECONDS = 15.0
"""After which a stream on which nothing happens says that it is there, and that its reader still may read is checked."""
POLL_SECONDS = 5.0
"""After which it is read whether or not there was news: another process may have died before it told of something."""
PENDING_SECONDS = 0.02
"""After which it is read again where another transaction is about to put something before what was found."""

OPENING = b"retry: 1000\n\n"
HEARTBEAT = b": still here\n\n"


@attrs.frozen
class Batch:
    """What was read from some place on.

    Attributes:
        position: Where to read on.
        frames: Events, ready to be sent; empty if there are none.
        more: Whether there is more already.
        pending: Whether there will be more at once, though it cannot be read yet.
        over: Whether that was the end, for good.
    """

    position: int
    frames: bytes = b""
    more: bool = False
    pending: bool = False
    over: bool = False


@attrs.frozen
class Record(Stream[T], Generic[T]):
    """A record that is followed.

    Attributes:
        topic: What ``news`` calls it. Streams of one topic read the same.
        after: The position that the reader has seen; None for what happens from now on.
        read: Reads on after a position; after None it finds out where the end is, and reads nothing.
    """

    topic: str
    after: int | None
    read: Callable[[Units, int | None], Batch]


@attrs.frozen
class StreamResponse(RawResponse):
    """An answer that goes on, and what it goes on with."""

    record: Record[Any] = attrs.field(kw_only=True, eq=False, repr=False)


def streaming(record: Record[Any]) -> StreamResponse:
    """The answer to who wants to follow that."""
    # A proxy that gathers what it passes on would hold events back.
    headers = {"content-type": EVENT_STREAM, "x-accel-buffering": "no"}
    return StreamResponse(200, headers, OPENING, record=record)


def frame(id: int, event: str, data: bytes) -> bytes:
    """One event as it is sent. JSON has no line breaks of its own."""
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (id, event.encode("ascii"), data)


def frames(events: Iterable[tuple[int, str, bytes]]) -> bytes:
    """Several of them."""
    return b"".join(frame(*each) for each in events)


class Followed:
    """A stream block by block, in the thread of whoever reads it; it ends with its reader's rights if not before.

    Args:
        units: Whose record it is.
        record: What is followed.
        allowed: Whether its reader still may read; asked when somebody has lost access, and now and then.
    """

    def __init__(self, units: Units, record: Record[Any], allowed: Callable[[], bool]) -> None:
        self._units = units
        self._record = record
        self._allowed = allowed
        self._bell: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._closed = False
        # At once: what happens until the first block is asked for is told as well.
        self._position = record.read(units, None).position if record.after is None else record.after
        self._blocks = self._all()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._blocks)

    def close(self) -> None:
        """End it, from any thread."""
        self._closed = True
        self._bell.put("")

    def _all(self) -> Iterator[bytes]:
        record = self._record
        with self._units.env.signals.listening(self._ring):
            yield OPENING
            batch = Batch(self._position, more=True)
            checked = time.monotonic()
            while True:
                topics = set() if batch.more else self._rung(self._patience(batch, checked))
                if self._closed:
                    return
                if time.monotonic() - checked >= HEARTBEAT_SECONDS:
                    checked = time.monotonic()
                    topics.add(signals.ACCESS)
                    yield HEARTBEAT
                if topics - {record.topic} and not self._allowed():
                    return
                batch = record.read(self._units, batch.position)
                if batch.frames:
                    yield batch.frames
                if batch.over:
                    return

    def _ring(self, topic: str) -> None:
        if topic in (self._record.topic, signals.ACCESS, signals.EVERYTHING):
            self._bell.put(topic)

    def _patience(self, batch: Batch, checked: float) -> float:
        if batch.pending:
            return PENDING_SECONDS
        return max(0.0, min(POLL_SECONDS, checked + HEARTBEAT_SECONDS - time.monotonic()))

    def _rung(self, seconds: float) -> set[str]:
        """What has been told of, as soon as there is something; nothing after so many seconds."""
        topics: set[str] = set()
        with suppress(queue.Empty):
            topics.add(self._bell.get(timeout=seconds))
            while True:
                topics.add(self._bell.get_nowait())
        return topics
