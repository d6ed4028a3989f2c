"""Streams: many open connections that are served from few reads of the database.

Connections that follow the same view of a record from the same position share one read and its result. A read costs as
much as a request; sending the result to another connection takes microseconds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Hashable, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Protocol

import attrs

from stellary.contract.errors import RateLimited, Unavailable
from stellary.core import Core
from stellary.core.accounts.login_attempts import attempts_key
from stellary.core.http.shared_counts import SharedCounts
from stellary.core.http.threads import Threads
from stellary.core.kernel import signals
from stellary.core.streaming import streams
from stellary.core.streaming.streams import Batch, Record

_log = logging.getLogger("stellary.server")

TICK_SECONDS = 0.5
TROUBLED_SECONDS = 1.0
STREAMS_MAX = 10_000
STREAMS_PER_CALLER_MAX = 100
"""The maximum number of open streams per process, and per caller."""
SHARED_MIN = 10
"""The number of open streams of a caller from which on a process reports it to the other servers."""
REPORT_SECONDS, EARLY_SECONDS = 60.0, 5.0
"""The length of the windows for which a process reports these numbers, and how long before a window. A dead one reports none."""
BACKLOG_MAX = 1 << 20
"""The maximum number of bytes that wait for a client. A slower client is disconnected, and continues after it reconnects."""
CONCURRENT_CHECKS = 8


@attrs.frozen
class StreamStart:
    """A stream that a caller may follow, before its first byte is sent.

    Attributes:
        record: The record to follow.
        position: The position in the record to start after.
        reader: The id of the caller; None if there is none.
        allowed: Checks, in a thread, whether the caller may still read.
    """

    record: Record[Any]
    position: int
    reader: str | None
    allowed: Callable[[], bool]


class StreamConnection(Protocol):
    """A connection that a stream is sent on."""

    def write(self, block: bytes) -> None:
        """Send a block soon, without waiting."""
        ...

    def count_unsent(self) -> int:
        """Return the number of bytes that have not been sent yet."""
        ...

    def is_gone(self) -> bool:
        """Return whether the client has disconnected."""
        ...

    def abort(self) -> None:
        """Disconnect the client."""
        ...


@attrs.define(eq=False)
class Follower:
    """A connection that follows a record.

    Args:
        streams: The streams of the process, which this one leaves at its end.
        connection: The connection.
        start: The record, and the position to start after.
        on_end: Called once, at the end of the stream.

    Attributes:
        position: The position of the last event that was sent.
        checked: The time at which the access of the reader was last checked, on the clock of the event loop.
        is_over: Whether the stream has ended.
    """

    _streams: Streams
    _connection: StreamConnection
    start: StreamStart
    _on_end: Callable[[], object]
    position: int
    checked: float = attrs.field(factory=lambda: asyncio.get_running_loop().time())
    is_over: bool = False

    def take(self, batch: Batch) -> None:
        """Send a batch, and continue after it."""
        self.position = batch.position
        if batch.frames:
            self.write(batch.frames)
        if batch.over:
            self.end()

    def write(self, block: bytes) -> None:
        """Send a block, or disconnect a client that is too slow."""
        if self.gone:
            self.end()
        if self.is_over:
            return
        self._connection.write(block)
        if self._connection.count_unsent() > BACKLOG_MAX:
            self._connection.abort()
            self.end()

    def end(self) -> None:
        """End the stream."""
        if not self.is_over:
            self.is_over = True
            self._streams.remove(self)
            self._on_end()

    @property
    def gone(self) -> bool:
        """True if the client has disconnected."""
        return self._connection.is_gone()


def _too_many() -> RateLimited:
    return RateLimited(f"{STREAMS_PER_CALLER_MAX} streams are open already; close some", retry_after=5)


def _list_windows() -> list[int]:
    """Return the numbers of the windows for which streams are reported: the current one, and the next one shortly before it."""
    now = time.time()
    return sorted({int(moment // REPORT_SECONDS) for moment in (now, now + EARLY_SECONDS)})


class Streams:
    """All streams of this process.

    Args:
        core: The core with the records.
        threads: The threads in which records are read.
        streams_max: The number of streams that may be open. Default: 10,000.
        shared: The counts that other servers share. By default, there are no other servers.
    """

    def __init__(
        self,
        core: Core,
        threads: Threads,
        streams_max: int | None = None,
        shared: SharedCounts | None = None,
    ) -> None:
        self._streams_max = streams_max
        self._shared = shared
        # What the other servers know of each caller with many streams: the number in this process, by window.
        self._reported: dict[str, dict[int, int]] = {}
        self._core = core
        self._threads = threads
        self._followers: dict[str, set[Follower]] = defaultdict(set)
        self._readers: Counter[str | None] = Counter()
        self._stale: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._suspect: set[Follower] = set()
        self._closed = False

    # ------------------------------------------------------------------------------------------ one connection

    async def open(self, record: Record[Any], reader: str | None, allowed: Callable[[], bool]) -> StreamStart:
        """Check that another stream may be opened, and return it with its start position.

        The stream counts from now on, so call ``release`` at its end, whether it was sent or not.

        Args:
            record: The events of the stream.
            reader: The caller, by whom open streams are counted; None for none.
            allowed: Returns whether the caller still has access.

        Raises:
            Unavailable: Too many are open.
            RateLimited: The reader has too many open.
        """
        streams_max = STREAMS_MAX if self._streams_max is None else self._streams_max
        if self._readers.total() >= streams_max:
            raise Unavailable("too many streams are open; try again", code="busy", retry_after=5)
        if self._readers[reader] >= STREAMS_PER_CALLER_MAX:
            raise _too_many()
        # Counted before the first await, during which others are opened.
        self._readers[reader] += 1
        try:
            if (
                self._shared is not None
                and reader is not None
                and self._readers[reader] >= SHARED_MIN
                and await self._report(self._shared, reader) > STREAMS_PER_CALLER_MAX
            ):
                raise _too_many()
            position = record.after
            if position is None:
                position = (await self._read(record, None)).position
            await self._note_readers({reader})
        except BaseException:
            self.release(reader)
            raise
        return StreamStart(record, position, reader, allowed)

    def release(self, reader: str | None) -> None:
        """Stop counting a stream of a caller. Call it once for each stream that was opened."""
        self._readers[reader] -= 1
        if not self._readers[reader]:
            del self._readers[reader]

    async def _report(self, shared: SharedCounts, reader: str) -> int:
        """Report to the other servers how many streams of a caller are open here, and return the number on all servers."""
        count, reported, windows = self._readers[reader], self._reported.get(reader, {}), _list_windows()
        self._reported[reader] = dict.fromkeys(windows, count)
        key = partial(attempts_key, "streams", reader)
        additions = (
            shared.add(key(str(window)), count - reported.get(window, 0), (window + 1) * REPORT_SECONDS)
            for window in windows
        )
        total, *_ = await asyncio.gather(*additions)
        return count if total is None else total[0]

    async def _report_changes(self, shared: SharedCounts) -> None:
        """Report to the other servers what has changed, and what they need for the next window."""
        windows = _list_windows()
        due = [
            reader
            for reader, reported in self._reported.items()
            if reported != dict.fromkeys(windows, self._readers[reader])
        ]
        await asyncio.gather(*(self._report(shared, reader) for reader in due))
        for reader in due:
            if not self._readers[reader]:
                del self._reported[reader]

    def follow(
        self, connection: StreamConnection, start: StreamStart, on_end: Callable[[], object]
    ) -> Follower:
        """Send events, without a task, until the client disconnects or loses access, the item that is followed ends, or the process stops.

        Args:
            connection: The connection, on which the headers of the response have been sent.
            start: The stream.
            on_end: Called once, at the end of the stream.

        Returns:
            The follower, whose ``end`` may be called when the client has disconnected.
        """
        follower = Follower(self, connection, start, on_end, start.position)
        self._followers[start.record.topic].add(follower)
        if self._closed:
            follower.end()
        else:
            follower.write(streams.OPENING)
            self._read_soon(start.record.topic)
        return follower

    def remove(self, follower: Follower) -> None:
        """Send no more events to a follower."""
        topic = follower.start.record.topic
        self._followers[topic].discard(follower)
        if not self._followers[topic]:
            del self._followers[topic]

    async def send(self, connection: StreamConnection, start: StreamStart) -> None:
        """Send events as ``follow`` does, and return at the end of the stream.

        Args:
            connection: The connection, on which the headers of the response have been sent.
            start: The stream.
        """
        ended = asyncio.Event()
        follower = self.follow(connection, start, ended.set)
        try:
            await ended.wait()
        finally:
            follower.end()

    # ------------------------------------------------------------------------------------------ all of them

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen to the core's signals while the context is open."""
        loop = asyncio.get_running_loop()

        def forward_signal(topic: str) -> None:
            # Called in the thread of the commit.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._on_signal, topic)

        ticking = asyncio.create_task(self._tick())
        with self._core.env.signals.listening(forward_signal):
            try:
                yield
            finally:
                self.close()
                tasks = {ticking, *self._tasks.values()}
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    def close(self) -> None:
        """End all streams; clients reconnect, and continue where they were."""
        self._closed = True
        for follower in self._all():
            follower.end()

    def _all(self) -> list[Follower]:
        return [follower for here in self._followers.values() for follower in here]

    def _on_signal(self, topic: str) -> None:
        if topic in (signals.ACCESS, signals.EVERYTHING):
            self._check_soon(self._all())
        if topic == signals.EVERYTHING:
            for followed_topic in [*self._followers]:
                self._read_soon(followed_topic)
        elif topic in self._followers:
            self._read_soon(topic)

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        polled = loop.time()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = loop.time()
            due = []
            for follower in self._all():
                if follower.gone:
                    follower.end()
                elif now - follower.checked >= streams.HEARTBEAT_SECONDS:
                    follower.checked = now
                    follower.write(streams.HEARTBEAT)
                    due.append(follower)
            self._check_soon(due)
            if self._shared is not None and self._reported:
                await self._report_changes(self._shared)
            # On SQLite no other process writes.
            if not self._core.database.is_sqlite and now - polled >= streams.POLL_SECONDS:
                polled = now
                for topic in [*self._followers]:
                    self._read_soon(topic)

    # ------------------------------------------------------------------------------------------ reading

    def _read_soon(self, topic: str) -> None:
        self._stale.add(topic)
        self._start(topic, partial(self._refresh, topic))

    def _start(self, name: str, work: Callable[[], Any]) -> None:
        """Run a function in a task, unless a task of that name is running."""

        async def run_once() -> None:
            try:
                await work()
            finally:
                # There is no await after the last check, so that a later call starts a new task.
                del self._tasks[name]

        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(run_once())

    async def _refresh(self, topic: str) -> None:
        """Read new events for all followers of a topic, until all are up to date."""
        while topic in self._stale:
            self._stale.discard(topic)
            try:
                pause = await self._read_on(topic)
            except Exception as error:  # noqa: BLE001 - the database may be back soon
                _log.warning("a stream waits: %s: %s", type(error).__name__, error)
                pause = TROUBLED_SECONDS
            if pause is not None:
                self._stale.add(topic)
                await asyncio.sleep(pause)

    async def _read_on(self, topic: str) -> float | None:
        """Read once from each position, for each view; return the seconds until there is more, or None."""
        pause: float | None = None
        groups: dict[tuple[int, Hashable], list[Follower]] = defaultdict(list)
        for follower in self._followers.get(topic, set()):
            groups[follower.position, follower.start.record.view].append(follower)
        for (position, _), group in sorted(groups.items(), key=lambda item: item[0][0]):
            batch = await self._read(group[0].start.record, position)
            if batch.frames:
                await self._note_readers({follower.start.reader for follower in group})
            for follower in group:
                follower.take(batch)
            if batch.more and not batch.over:
                pause = 0.0
            elif batch.pending and pause is None:
                pause = streams.PENDING_SECONDS
        return pause

    async def _note_readers(self, readers: set[str | None]) -> None:
        """Let readers of events see at least the state of these events in what they read next, also from a replica."""
        replicas = self._core.units.replicas
        if replicas is not None:
            await self._threads.run("read", partial(replicas.note, [*filter(None, readers)]))

    async def _read(self, record: Record[Any], position: int | None) -> Batch:
        return await self._threads.run("read", lambda: record.read(self._core.units, position))

    # ------------------------------------------------------------------------------------------ rights

    def _check_soon(self, followers: Iterable[Follower]) -> None:
        self._suspect.update(followers)
        if self._suspect:
            self._start("", self._check)

    async def _check(self) -> None:
        """End the streams of callers who have lost access."""
        while self._suspect:
            checked = [self._suspect.pop() for _ in range(min(CONCURRENT_CHECKS, len(self._suspect)))]
            try:
                allowed = await asyncio.gather(
                    *(self._threads.run("read", follower.start.allowed) for follower in checked)
                )
            except Unavailable:
                self._suspect.update(checked)
                await asyncio.sleep(TROUBLED_SECONDS)
                continue
            for follower, may in zip(checked, allowed, strict=True):
                if not may:
                    follower.end()
