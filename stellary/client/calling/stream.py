"""Streams: events as they happen, over connections that are re-established when they break.

A new connection continues after the id of the last event received, so that no event is lost or repeated.
"""

from __future__ import annotations

import codecs
import io
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import attrs

from stellary.client.calling.call import Call
from stellary.client.calling.carriers import OpenStream
from stellary.client.calling.retries import PASSING, WORLD, choose_pause, failure_of
from stellary.client.calling.short_errors import SHORT_ERRORS
from stellary.client.errors import Unanswered, UnreadableAnswer
from stellary.contract.errors import ApiError, StellaryError
from stellary.contract.port import RawRequest, RawResponse

_Utf8Decoder = codecs.getincrementaldecoder("utf-8-sig")
_RETRY_MAX = 60_000
EVENT_MAX = 16 << 20
"""The largest event, in characters, so that an endless event cannot fill the memory."""


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

    def __init__(self) -> None:
        self.last_id = ""
        self.retry: float | None = None
        self.restart()

    def restart(self) -> None:
        """Prepare for another connection, discarding an incomplete event of the last one."""
        self._text = io.IncrementalNewlineDecoder(_Utf8Decoder("replace"), translate=True)
        self._line: list[str] = []
        self._line_size = 0
        self._id = self.last_id
        self._event = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, block: bytes) -> list[ServerSentEvent]:
        """Return the events that this block completes.

        Raises:
            ValueError: An event exceeds the size limit.
        """
        events: list[ServerSentEvent] = []
        for number, text in enumerate(self._text.decode(block).split("\n")):
            if number and (event := self._end_line()) is not None:
                events.append(event)
            # A long line comes in many blocks, and is joined once.
            self._line.append(text)
            self._line_size += len(text)
            if self._size + self._line_size > EVENT_MAX:
                raise ValueError("an event exceeds the size limit")
        return events

    def _end_line(self) -> ServerSentEvent | None:
        line = "".join(self._line)
        self._line, self._line_size = [], 0
        if not line:
            return self._dispatch()
        self._field(line)
        return None

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._size += len(value) + 1
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = min(int(value), _RETRY_MAX) / 1000

    def _dispatch(self) -> ServerSentEvent | None:
        event, data = self._event, self._data
        self._event, self._data, self._size = "", [], 0
        self.last_id = self._id
        if not data:
            return None
        return ServerSentEvent(self.last_id, event or "message", "\n".join(data))


T = TypeVar("T")
SILENCE = 45.0
"""Seconds without a byte after which a connection counts as broken. The server sends something every 15 seconds."""
TRIES = 10
"""Failed attempts in a row after which the stream fails."""
PAUSE_FIRST, PAUSE_MAX = 1.0, 15.0
_NO_MORE = 204


@attrs.define(eq=False)
class StreamFlow(Generic[T]):
    """The part of a stream that does no I/O: what to request, how to parse it, and when to reconnect.

    Args:
        call: Returns the call for a new connection; the token may have been renewed.
        read: Parses the data of an event.
        ends: Returns whether an event is the last one.
    """

    _call: Callable[[], Call]
    _read: Callable[[bytes], T]
    _ends: Callable[[T], bool]
    decoder: Decoder = attrs.field(factory=Decoder, init=False)
    last_id: str = attrs.field(default="", init=False)
    _failed: int = attrs.field(default=0, init=False)
    _over: bool = attrs.field(default=False, init=False)
    _retries: int = attrs.field(default=0, init=False)

    def is_over(self) -> bool:
        """Return whether the stream has ended permanently."""
        return self._over

    def request(self) -> RawRequest:
        """Return the request for the next connection."""
        call = self._call()
        self._retries = call.options.retries
        headers = {**call.request.headers, "accept": "text/event-stream", "cache-control": "no-store"}
        if self.decoder.last_id:
            headers["last-event-id"] = self.decoder.last_id
        self.decoder.restart()
        return attrs.evolve(call.request, headers=headers)

    def check_response(self, response: OpenStream, body: bytes) -> None:
        """Check a response that has begun.

        Args:
            response: The response.
            body: Its whole body if it is not a stream.

        Raises:
            ApiError: The response is an error.
            UnreadableAnswer: The response is not a stream of events.
        """
        if response.status == _NO_MORE:
            self._over = True
        elif not 200 <= response.status < 300:
            raw = RawResponse(response.status, response.headers, body)
            raise failure_of(self._call(), raw, WORLD)
        elif not response.headers.get("content-type", "").startswith("text/event-stream"):
            raise UnreadableAnswer("the answer is not an event stream")

    def parse_block(self, block: bytes) -> Iterator[T]:
        """Yield the events in a block.

        Raises:
            UnreadableAnswer: The block is not a valid part of an event stream.
        """
        self._failed = 0
        try:
            events = self.decoder.feed(block)
        except ValueError as error:
            raise UnreadableAnswer(str(error)) from None
        for event in events:
            value = self._read(event.data.encode())
            self.last_id = event.id
            self._over = self._over or self._ends(value)
            yield value

    def pause_before_retry(self, failure: ApiError | Unanswered | None) -> float:
        """Return the seconds until the next attempt.

        Args:
            failure: The error; None if the server has ended the stream.

        Raises:
            ApiError, Unanswered: Another attempt would not help.
        """
        if isinstance(failure, ApiError) and failure.status not in PASSING:
            raise failure
        self._failed += 1
        if failure is not None and (self._retries == 0 or self._failed >= TRIES):
            raise failure
        first = PAUSE_FIRST if self.decoder.retry is None else self.decoder.retry
        return choose_pause(failure, self._failed, WORLD, first, PAUSE_MAX)


class _BaseStream(ABC, Generic[T]):
    """The base class of both streams."""

    def __init__(self, carrier: Any, flow: StreamFlow[T]) -> None:
        self._carrier = carrier
        self._flow = flow
        self._started = False
        self._items = self._iterate()

    @abstractmethod
    def _iterate(self) -> Any:
        """Yield None when the stream is connected for the first time, and then its events."""

    @property
    def last_event_id(self) -> str:
        """The id of the last event received. Pass it as ``last_event_id`` to continue from there in a later stream."""
        return self._flow.last_id


class EventStream(_BaseStream[T]):
    """Events as they happen. The stream holds a connection, so use it in a ``with`` block. Iterating never ends by itself.

    ``with workspace.events() as events:`` ``for activity in events: …``. The stream starts with the block, or
    without a block with the first ``next``. A connection that breaks is re-established, and missed events are
    delivered then. Leaving the block, or ``close()`` from another thread, ends the stream.

    Raises:
        ApiError, Unanswered: At the beginning or later: the server has rejected the request, or ten attempts in a row failed.
    """

    _response: OpenStream | None = None
    _closed = False

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with SHORT_ERRORS:
            self._connect()
            event: T = self._step()
        return event

    def _step(self, *default: None) -> Any:
        """Return the next item; after an error, the next step connects again and continues after the last event."""
        try:
            return next(self._items, *default)
        except StellaryError:
            self._started, self._items = False, self._iterate()
            raise

    def __enter__(self) -> Self:
        with SHORT_ERRORS:
            self._connect()
        return self

    def _connect(self) -> None:
        """Connect, unless the stream is connected already."""
        if not self._started:
            self._started = True
            self._step(None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the stream, and close its connection."""
        self._closed = True
        if self._response is not None:
            self._response.close()

    def _is_done(self) -> bool:
        return self._closed or self._flow.is_over()

    def _iterate(self) -> Iterator[Any]:
        flow = self._flow
        connected = False
        while not self._is_done():
            failure: ApiError | Unanswered | None = None
            try:
                self._response = response = self._carrier.open(flow.request(), SILENCE)
                try:
                    flow.check_response(response, b"".join(response.blocks) if _is_short(response) else b"")
                    if not connected:
                        connected = True
                        yield None
                    for block in () if flow.is_over() else response.blocks:
                        yield from flow.parse_block(block)
                        if self._is_done():
                            return
                finally:
                    response.close()
            except (ApiError, Unanswered) as error:
                if self._is_done():
                    return
                failure = error
            if not self._is_done():
                time.sleep(flow.pause_before_retry(failure))


class AsyncEventStream(_BaseStream[T]):
    """Events as they happen, for async callers: ``async with workspace.events() as events:`` ``async for activity in events: …``."""

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        with SHORT_ERRORS:
            await self._connect()
            event: T = await self._step()
        return event

    async def _step(self, *default: None) -> Any:
        try:
            return await anext(self._items, *default)
        except StellaryError:
            self._started, self._items = False, self._iterate()
            raise

    async def __aenter__(self) -> Self:
        with SHORT_ERRORS:
            await self._connect()
        return self

    async def _connect(self) -> None:
        if not self._started:
            self._started = True
            await self._step(None)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the stream, and close its connection."""
        await self._items.aclose()

    async def _iterate(self) -> Any:
        import asyncio

        flow = self._flow
        connected = False
        while not flow.is_over():
            failure: ApiError | Unanswered | None = None
            try:
                response: OpenStream = await self._carrier.open(flow.request(), SILENCE)
                try:
                    body = (
                        b"".join([block async for block in response.blocks]) if _is_short(response) else b""
                    )
                    flow.check_response(response, body)
                    if not connected:
                        connected = True
                        yield None
                    if flow.is_over():
                        return
                    async for block in response.blocks:
                        for event in flow.parse_block(block):
                            yield event
                        if flow.is_over():
                            return
                finally:
                    await response.close()
            except (ApiError, Unanswered) as error:
                failure = error
            await asyncio.sleep(flow.pause_before_retry(failure))


def _is_short(response: OpenStream) -> bool:
    """Return whether a response is not a stream, so that it can be read to its end."""
    return not 200 <= response.status < 300
