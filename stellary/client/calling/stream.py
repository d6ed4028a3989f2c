"""Streams: events as they happen, over connections that break and are made again.

What was missed meanwhile is asked for by the id of the last event that was seen: none is lost, and none comes twice.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import attrs

from stellary.client.calling.call import Call
from stellary.client.calling.retries import PASSING, WORLD, World, failure_of
from stellary.client.calling.sse import Decoder
from stellary.client.errors import Unanswered, UnreadableAnswer
from stellary.contract.errors import ApiError
from stellary.contract.port import RawRequest, RawResponse

T = TypeVar("T")
SILENCE = 45.0
"""Seconds without a byte after which a connection is given up: the server says something every 15."""
TRIES = 10
"""Attempts in a row without an answer until the stream gives up."""
PAUSE_FIRST, PAUSE_MAX = 1.0, 15.0
_NO_MORE = 204


def never(_: object) -> bool:
    """What a stream without a last event ends with."""
    return False


class Opened(Protocol):
    """An answer that goes on."""

    status: int
    headers: Any
    blocks: Iterator[bytes]

    def close(self) -> None: ...


class AsyncOpened(Protocol):
    """The same for callers that await."""

    status: int
    headers: Any
    blocks: AsyncIterator[bytes]

    async def close(self) -> None: ...


class Following(Generic[T]):
    """A stream as far as it can be worked out: what to ask for, what it says, and when to try again.

    Args:
        call: Makes the call anew for each connection: the token may have been renewed.
        read: Makes a value of an event's data.
        ends: Whether an event is the last one.
        world: What the machine is asked for.
    """

    def __init__(
        self,
        call: Callable[[], Call],
        read: Callable[[bytes], T],
        ends: Callable[[T], bool],
        world: World = WORLD,
    ) -> None:
        self._call = call
        self._read = read
        self._ends = ends
        self._world = world
        self._failed = 0
        self.decoder = Decoder()
        self.last_id = ""
        self._over = False

    def ended(self) -> bool:
        """Whether there will be no more, for good."""
        return self._over

    def request(self) -> RawRequest:
        """What to ask for now."""
        call = self._call()
        self._retries = call.options.retries
        headers = {**call.request.headers, "accept": "text/event-stream", "cache-control": "no-store"}
        if self.decoder.last_id:
            headers["last-event-id"] = self.decoder.last_id
        self.decoder.restart()
        return attrs.evolve(call.request, headers=headers)

    def opened(self, response: RawResponse) -> None:
        """An answer has begun; of one that is no stream the whole body is in it.

        Raises:
            ApiError: It says no.
            UnreadableAnswer: It is something else.
        """
        if response.status == _NO_MORE:
            self._over = True
        elif not 200 <= response.status < 300:
            raise failure_of(self._call(), response, self._world)
        elif not response.headers.get("content-type", "").startswith("text/event-stream"):
            raise UnreadableAnswer("the answer is no stream of events")

    def fed(self, block: bytes) -> Iterator[T]:
        """The events in a block."""
        self._failed = 0
        try:
            sent = self.decoder.feed(block)
        except ValueError as error:
            raise UnreadableAnswer(str(error)) from None
        for each in sent:
            value = self._read(each.data.encode())
            self.last_id = each.id
            self._over = self._over or self._ends(value)
            yield value

    def broken(self, failure: ApiError | Unanswered | None) -> float:
        """Seconds until another attempt.

        Args:
            failure: What went wrong; None if the server has ended the stream.

        Raises:
            ApiError, Unanswered: Another attempt would not help.
        """
        if isinstance(failure, ApiError) and failure.status not in PASSING:
            raise failure
        self._failed += 1
        if failure is not None and (self._retries == 0 or self._failed >= TRIES):
            raise failure
        asked = getattr(failure, "retry_after", None)
        if asked is not None:
            return min(float(asked), 60.0)
        first = PAUSE_FIRST if self.decoder.retry is None else self.decoder.retry
        pause: float = min(PAUSE_MAX, first * 2 ** min(self._failed - 1, 10))
        return pause * (1.0 - 0.25 * self._world.chance())


class EventStream(Generic[T]):
    """Events as they happen. A context manager, since it holds a connection; and an iterator without an end of its own.

    ``with workspace.events() as events:`` ``for activity in events: …``. All is told that happens from the beginning of the
    block on, or else from the first ``next``. A connection that breaks is made again, and what was missed comes then.
    Leaving the block, or ``close()`` from another thread, ends it.

    Raises:
        ApiError, Unanswered: At the beginning, or later: the server says no, or has not answered ten times in a row.
    """

    def __init__(self, carrier: Any, following: Following[T]) -> None:
        self._carrier = carrier
        self._following = following
        self._opened: Opened | None = None
        self._closed = False
        self._begun = False
        self._items = self._all()

    @property
    def last_event_id(self) -> str:
        """Of the last event that was seen: kept, it lets a later stream go on from there, by ``last_event_id``."""
        return self._following.last_id

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        self._begin()
        found: T = next(self._items)
        return found

    def __enter__(self) -> Self:
        self._begin()
        return self

    def _begin(self) -> None:
        """Connect, unless that was done."""
        if not self._begun:
            self._begun = True
            next(self._items, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the stream, and give its connection up."""
        self._closed = True
        if self._opened is not None:
            self._opened.close()

    def _done(self) -> bool:
        return self._closed or self._following.ended()

    def _all(self) -> Iterator[Any]:
        """Nothing once it is connected for the first time, and then the events."""
        following = self._following
        connected = False
        while not self._done():
            failure: ApiError | Unanswered | None = None
            try:
                self._opened = opened = self._carrier.open(following.request(), SILENCE)
                try:
                    following.opened(_answer(opened, b"".join(opened.blocks) if _is_short(opened) else b""))
                    if not connected:
                        connected = True
                        yield None
                    for block in () if following.ended() else opened.blocks:
                        yield from following.fed(block)
                        if self._done():
                            return
                finally:
                    opened.close()
            except (ApiError, Unanswered) as error:
                if self._done():
                    return
                failure = error
            if not self._done():
                time.sleep(following.broken(failure))


class AsyncEventStream(Generic[T]):
    """The same for callers that await: ``async with workspace.events() as events:`` ``async for activity in events: …``."""

    def __init__(self, carrier: Any, following: Following[T]) -> None:
        self._carrier = carrier
        self._following = following
        self._begun = False
        self._items = self._all()

    @property
    def last_event_id(self) -> str:
        """Of the last event that was seen: kept, it lets a later stream go on from there, by ``last_event_id``."""
        return self._following.last_id

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        await self._begin()
        found: T = await anext(self._items)
        return found

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            await anext(self._items, None)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the stream, and give its connection up."""
        await self._items.aclose()

    async def _all(self) -> Any:
        import asyncio

        following = self._following
        connected = False
        while not following.ended():
            failure: ApiError | Unanswered | None = None
            try:
                opened: AsyncOpened = await self._carrier.open(following.request(), SILENCE)
                try:
                    whole = b"".join([block async for block in opened.blocks]) if _is_short(opened) else b""
                    following.opened(_answer(opened, whole))
                    if not connected:
                        connected = True
                        yield None
                    if following.ended():
                        return
                    async for block in opened.blocks:
                        for each in following.fed(block):
                            yield each
                        if following.ended():
                            return
                finally:
                    await opened.close()
            except (ApiError, Unanswered) as error:
                failure = error
            await asyncio.sleep(following.broken(failure))


def _is_short(opened: Opened | AsyncOpened) -> bool:
    """Whether an answer is no stream, so that it can be read to its end."""
    return not 200 <= opened.status < 300


def _answer(opened: Opened | AsyncOpened, body: bytes) -> RawResponse:
    return RawResponse(opened.status, opened.headers, body)
