"""Streams: many connections that go on being answered, from few reads of the record.

Those who follow the same from the same place share a read, and its bytes. A read costs what a request costs; handing it
to one more connection some microseconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

import attrs
from aiohttp import HttpVersion11, web

from reference_server.threads import Threads
from stellary.contract.errors import RateLimited, Unavailable
from stellary.core import Core
from stellary.core.kernel import signals
from stellary.core.streaming import streams
from stellary.core.streaming.streams import Batch, Record

_log = logging.getLogger("stellary.server")

TICK_SECONDS = 0.5
TROUBLED_SECONDS = 1.0
STREAMS_MAX = 10_000
STREAMS_MAX_EACH = 100
"""How many may be open at once in one process, and of one caller."""
BACKLOG_MAX = 1 << 20
"""Bytes that may wait for a client; one that is further behind comes back for them later."""
CHECKS_AT_ONCE = 8


@attrs.frozen
class Opening:
    """What somebody may follow, from where, before the first byte of it is sent.

    Attributes:
        reader: Whose it is; None for nobody that is known.
        allowed: Whether that one still may, asked in a thread.
    """

    record: Record[Any]
    position: int
    reader: str | None
    allowed: Callable[[], bool]


class Follower:
    """A connection that follows a record.

    Args:
        transport: Of the connection.
        chunked: Whether blocks are sent as chunks of HTTP/1.1.
        opening: What it follows, and from where.
    """

    def __init__(self, transport: asyncio.Transport, chunked: bool, opening: Opening) -> None:
        loop = asyncio.get_running_loop()
        self.record = opening.record
        self.position = opening.position
        self.allowed = opening.allowed
        self.ended: asyncio.Future[None] = loop.create_future()
        self.checked = loop.time()
        self._transport = transport
        self._chunked = chunked

    def take(self, batch: Batch) -> None:
        """Send what was read, and go on from there."""
        self.position = batch.position
        if batch.frames:
            self.write(batch.frames)
        if batch.over:
            self.end()

    def write(self, block: bytes) -> None:
        """Send a block. What goes straight to the transport costs a fourth of what a response's own writer does."""
        if self.gone:
            self.end()
        if self.ended.done():
            return
        self._transport.write(b"%x\r\n%b\r\n" % (len(block), block) if self._chunked else block)
        if self._transport.get_write_buffer_size() > BACKLOG_MAX:
            self._transport.abort()
            self.end()

    def end(self) -> None:
        """Follow no longer."""
        if not self.ended.done():
            self.ended.set_result(None)

    @property
    def gone(self) -> bool:
        """Whether nobody is at the other end."""
        return self._transport.is_closing()


class Streams:
    """All who follow something in this process.

    Args:
        core: Whose records are followed.
        threads: Where they are read.
    """

    def __init__(self, core: Core, threads: Threads) -> None:
        self._core = core
        self._threads = threads
        self._followers: dict[str, set[Follower]] = defaultdict(set)
        self._readers: Counter[str | None] = Counter()
        self._stale: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._suspect: set[Follower] = set()
        self._closed = False

    # ------------------------------------------------------------------------------------------ one connection

    async def open(self, record: Record[Any], reader: str | None, allowed: Callable[[], bool]) -> Opening:
        """See that there is room for one more, and from where it is to be sent.

        Raises:
            Unavailable: Too many are open.
            RateLimited: The reader has too many open.
        """
        if self._readers.total() >= STREAMS_MAX:
            raise Unavailable("too many streams are open; try again", code="busy", retry_after=5)
        if self._readers[reader] >= STREAMS_MAX_EACH:
            raise RateLimited(f"{STREAMS_MAX_EACH} streams are open already; close some", retry_after=5)
        position = record.after
        if position is None:
            position = (await self._read(record, None)).position
        return Opening(record, position, reader, allowed)

    async def send(self, request: web.BaseRequest, answer: web.StreamResponse, opening: Opening) -> None:
        """Answer a request until it is over: the record, the reader's rights, the connection or this process."""
        await answer.prepare(request)
        transport = request.transport
        if request.method == "HEAD" or transport is None or self._closed:
            return
        follower = Follower(transport, request.version >= HttpVersion11, opening)
        self._join(follower, opening)
        try:
            follower.write(streams.OPENING)
            self._read_soon(opening.record.topic)
            await follower.ended
        finally:
            self._leave(follower, opening)
        if not follower.gone:
            with suppress(ConnectionError):
                await answer.write_eof()

    def _join(self, follower: Follower, opening: Opening) -> None:
        self._readers[opening.reader] += 1
        self._followers[opening.record.topic].add(follower)

    def _leave(self, follower: Follower, opening: Opening) -> None:
        follower.end()
        self._readers -= Counter([opening.reader])
        here = self._followers[opening.record.topic]
        here.discard(follower)
        if not here:
            del self._followers[opening.record.topic]

    # ------------------------------------------------------------------------------------------ all of them

    async def running(self) -> AsyncIterator[None]:
        """Listen to the core's news until the generator is closed."""
        loop = asyncio.get_running_loop()

        def ring(topic: str) -> None:
            # Called where the commit was.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._rang, topic)

        ticking = asyncio.create_task(self._tick())
        with self._core.env.signals.listening(ring):
            try:
                yield
            finally:
                self.close()
                tasks = {ticking, *self._tasks.values()}
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    def close(self) -> None:
        """End them all: whoever follows comes back, and goes on from where it was."""
        self._closed = True
        for follower in self._all():
            follower.end()

    def _all(self) -> list[Follower]:
        return [follower for here in self._followers.values() for follower in here]

    def _rang(self, topic: str) -> None:
        if topic in (signals.ACCESS, signals.EVERYTHING):
            self._check_soon(self._all())
        if topic == signals.EVERYTHING:
            for each in [*self._followers]:
                self._read_soon(each)
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
            # On SQLite nobody else writes.
            if not self._core.database.is_sqlite and now - polled >= streams.POLL_SECONDS:
                polled = now
                for topic in [*self._followers]:
                    self._read_soon(topic)

    # ------------------------------------------------------------------------------------------ reading

    def _read_soon(self, topic: str) -> None:
        self._stale.add(topic)
        self._start(topic, partial(self._refresh, topic))

    def _start(self, name: str, work: Callable[[], Any]) -> None:
        """Do something in a task, one of each name at a time."""

        async def done_once() -> None:
            try:
                await work()
            finally:
                # In the step in which it has found nothing more to do: what is asked for from now on begins another.
                del self._tasks[name]

        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(done_once())

    async def _refresh(self, topic: str) -> None:
        """Read on for all who follow a topic, until all are at its end."""
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
        """Read once from each place where somebody is. In how many seconds there is more; None if that was all."""
        pause: float | None = None
        here = self._followers.get(topic, set())
        for position in sorted({follower.position for follower in here}):
            group = [follower for follower in here if follower.position == position]
            if not group:
                continue
            batch = await self._read(group[0].record, position)
            for follower in group:
                follower.take(batch)
            if batch.more and not batch.over:
                pause = 0.0
            elif batch.pending and pause is None:
                pause = streams.PENDING_SECONDS
        return pause

    async def _read(self, record: Record[Any], position: int | None) -> Batch:
        return await self._threads.run("read", lambda: record.read(self._core.units, position))

    # ------------------------------------------------------------------------------------------ rights

    def _check_soon(self, followers: Iterable[Follower]) -> None:
        self._suspect.update(followers)
        if self._suspect:
            self._start("", self._check)

    async def _check(self) -> None:
        """End what those follow who may no longer."""
        while self._suspect:
            some = [self._suspect.pop() for _ in range(min(CHECKS_AT_ONCE, len(self._suspect)))]
            try:
                allowed = await asyncio.gather(*(self._threads.run("read", each.allowed) for each in some))
            except Unavailable:
                self._suspect.update(some)
                await asyncio.sleep(TROUBLED_SECONDS)
                continue
            for follower, may in zip(some, allowed, strict=True):
                if not may:
                    follower.end()
