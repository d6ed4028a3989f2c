"""The flow of a call, without I/O: attempts, pauses and a deadline. It yields what to do and is told how it went.

Drivers (``run`` and ``arun``, at the end) do what it yields. A call is repeated if

- there was no answer, or one of 408, 425, 429, 502, 503, 504 (500 too for a GET),
- and doing it twice does no more than doing it once: GET, PATCH (all of ours set values) and DELETE; a POST only with
  the ``Idempotency-Key`` that each call gets where the endpoint honours it, the same over all attempts,
- or no connection was made, so that nothing can have happened.

Never a 409, which another attempt would only meet again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any, Protocol

import attrs

from stellary.client.calling.call import Call
from stellary.client.calling.capture import Exchange, Watch, log
from stellary.client.errors import CallFailed, Unanswered
from stellary.contract.errors import ApiError, error_from
from stellary.contract.port import RawRequest, RawResponse

READ = 30.0
"""Seconds that one attempt may wait for bytes where the call has no time-out of its own."""
WHOLE = 90.0
"""Seconds that such a call may take as a whole, pauses included."""
SLOW = 300.0
"""Seconds that a call may take that carries a file or is thought about, and each attempt at it."""
PAUSE_FIRST, PAUSE_MAX, JITTER = 0.5, 8.0, 0.25
RETRY_AFTER_MAX = 60.0
"""Seconds of pause that a server can ask for, at most."""
PASSING = frozenset({408, 425, 429, 502, 503, 504})


@attrs.frozen
class Send:
    """To do: send the request, and come back within so many seconds."""

    request: RawRequest
    seconds: float


@attrs.frozen
class Pause:
    """To do: wait."""

    seconds: float


@attrs.frozen
class World:
    """What a flow asks the machine for.

    Attributes:
        clock: Seconds that only grow.
        now: The time of day, in UTC.
        chance: From 0 to 1.
    """

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    chance: Callable[[], float] = random.random


WORLD = World()
Flow = Generator[Send | Pause, RawResponse | None, Any]


def flow(call: Call, watch: Watch, world: World = WORLD) -> Flow:
    """Make a call.

    Yields:
        What to do next. A ``Send`` is answered by ``send(response)``, or by throwing an ``Unanswered`` in.

    Returns:
        The answer and its value, as a pair.

    Raises:
        ApiError, CallFailed: With the request, the request id and the number of retries in it.
    """
    options = call.options
    began = world.clock()
    longest, whole = (SLOW, SLOW) if call.plan.slow else (READ, WHOLE)
    if options.wait is not None:
        longest, whole = max(longest, options.wait), max(whole, options.wait)
    deadline = began + (options.timeout or whole)
    longest = options.timeout or longest
    tries = 0
    response: RawResponse | None = None
    value: Any
    try:
        while True:
            tries += 1
            failure: ApiError | Unanswered
            try:
                response = yield Send(call.request, min(longest, max(deadline - world.clock(), 0.001)))
            except Unanswered as error:
                failure, response = error, None
            else:
                assert response is not None
                if 200 <= response.status < 300:
                    value = call.plan.answer(response)
                    break
                failure = _failure(response, world)
            pause = _pause(failure, tries, world)
            if tries > options.retries or not _again(call, failure) or world.clock() + pause >= deadline:
                raise failure
            log.info("%s %s: trying again in %.1f s: %s", call.request.method, _path(call), pause, failure)
            yield Pause(pause)
    except (ApiError, CallFailed) as error:
        _place(error, call, response, tries)
        if not watch.idle:
            watch.saw(_exchange(call, response, tries, world.clock() - began, error))
        raise error from None
    if not watch.idle:
        watch.saw(_exchange(call, response, tries, world.clock() - began, None))
    return response, value


def _again(call: Call, failure: ApiError | Unanswered) -> bool:
    """Whether the call may be sent once more after that."""
    if isinstance(failure, Unanswered):
        if not failure.reached:
            return True
        # With If-Match the second attempt of a change that was made would be told that it comes too late.
        return call.repeatable and call.options.if_match is None
    if failure.status in PASSING:
        return call.repeatable
    return failure.status == 500 and call.request.method == "GET"


def _pause(failure: ApiError | Unanswered, tries: int, world: World) -> float:
    """Seconds before the next attempt: what the server asks for, or twice as long each time, less up to a quarter."""
    asked = getattr(failure, "retry_after", None)
    if asked is not None:
        return min(float(asked), RETRY_AFTER_MAX)
    pause: float = min(PAUSE_MAX, PAUSE_FIRST * 2 ** min(tries - 1, 10))
    return pause * (1.0 - JITTER * world.chance())


def failure_of(call: Call, response: RawResponse, world: World) -> ApiError:
    """What an answer says is wrong, with the request in it."""
    error = _failure(response, world)
    _place(error, call, response, 1)
    return error


def _failure(response: RawResponse, world: World) -> ApiError:
    error = error_from(response.status, response.body, response.headers)
    error.retry_after = retry_after(response.headers.get("retry-after"), world.now)
    if 300 <= response.status < 400 and "location" in response.headers:
        error.message = f"the server sends on to {response.headers['location'][:200]}; use that as the URL"
    return error


def retry_after(text: str | None, now: Callable[[], datetime]) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, be they counted or the way to a date; None if it says nothing."""
    if not text:
        return None
    text = text.strip()
    if text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 16:
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
        # A date in a time zone that is not said is in UTC, by RFC 9110.
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return max(0.0, (moment - now()).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _path(call: Call) -> str:
    return call.plan.shown(call.request.path)


def _place(error: ApiError | CallFailed, call: Call, response: RawResponse | None, tries: int) -> None:
    error.method, error.path = call.request.method, _path(call)
    error.retries = tries - 1
    if response is not None:
        error.request_id = error.request_id or response.headers.get("x-request-id")


def _exchange(
    call: Call, response: RawResponse | None, tries: int, seconds: float, error: Exception | None
) -> Exchange:
    headers = {} if response is None else dict(response.headers)
    return Exchange(
        operation=call.plan.operation,
        method=call.request.method,
        path=_path(call),
        query=call.request.query,
        status=None if response is None else response.status,
        headers=headers,
        request_id=headers.get("x-request-id"),
        tries=tries,
        ms=seconds * 1000,
        error=None if error is None else str(error),
    )


# ---------------------------------------------------------------------------------------------- the drivers


class Carrier(Protocol):
    """Carries one request over, and back within so many seconds.

    Raises:
        Unanswered: There was no answer. Nothing else.
    """

    def send(self, request: RawRequest, seconds: float, /) -> RawResponse: ...

    def close(self) -> None: ...


class AsyncCarrier(Protocol):
    """The same for callers that await."""

    async def send(self, request: RawRequest, seconds: float, /) -> RawResponse: ...

    async def close(self) -> None: ...


def run(steps: Flow, carrier: Carrier) -> Any:
    """Do what a flow yields, and give what it returns."""
    try:
        step = next(steps)
        while True:
            response = None
            try:
                if isinstance(step, Send):
                    response = carrier.send(step.request, step.seconds)
                else:
                    time.sleep(step.seconds)
            except Unanswered as error:
                step = steps.throw(error)
            else:
                step = steps.send(response)
    except StopIteration as done:
        return done.value


async def arun(steps: Flow, carrier: AsyncCarrier) -> Any:
    """The same, awaiting."""
    import asyncio

    try:
        step = next(steps)
        while True:
            response = None
            try:
                if isinstance(step, Send):
                    response = await carrier.send(step.request, step.seconds)
                else:
                    await asyncio.sleep(step.seconds)
            except Unanswered as error:
                step = steps.throw(error)
            else:
                step = steps.send(response)
    except StopIteration as done:
        return done.value
