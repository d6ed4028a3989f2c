"""The flow of a call, without I/O: attempts, pauses and a deadline. It yields each step and receives its result.

The drivers ``run`` and ``arun``, at the end, perform the steps. A call is repeated if

- there was no response, or one of 408, 425, 429, 502, 503, 504 (also an unexplained 500 for a GET),
- and repeating it is safe: GET, PATCH (which only sets values) and DELETE always; a POST with the
  ``Idempotency-Key`` that each call gets where the endpoint supports it, the same for all attempts,
- or no connection was made, so that the request cannot have had an effect.

If the answer to a DELETE was lost and another attempt is answered by 404, the item is gone, and the call succeeds.

A 409 is never repeated: another attempt would fail in the same way.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from stellary.client.calling.call import Call
from stellary.client.calling.capture import Exchange, Watch, log
from stellary.client.calling.telemetry import end_span, log_attempt, start_span
from stellary.client.errors import CallFailed, TimedOut, Unanswered
from stellary.contract.endpoint import Ok
from stellary.contract.errors import ApiError, ServerError, error_from
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.wire import as_dict, read

if TYPE_CHECKING:
    from opentelemetry.trace import Span

READ = 30.0
"""The seconds that an attempt may wait for bytes if the call has no time-out."""
WHOLE = 90.0
"""The seconds that a call without a time-out may take as a whole, including pauses."""
SLOW = 300.0
"""The seconds that an attempt may take if it carries a file, or if a language model may be involved."""
RESULT = 3_600.0
"""The seconds that a call without a time-out waits for the result of work that the server does in the background."""
PAUSE_FIRST, PAUSE_MAX, JITTER = 0.5, 8.0, 0.25
RETRY_AFTER_MAX = 60.0
"""The longest pause that a server can request, in seconds."""
PASSING = frozenset({408, 425, 429, 502, 503, 504})


@attrs.frozen
class Send:
    """A step: send the request and return the response within ``seconds``."""

    request: RawRequest
    seconds: float


@attrs.frozen
class Pause:
    """A step of a flow that waits."""

    seconds: float


@attrs.frozen
class World:
    """The clock and the source of randomness of a flow.

    Attributes:
        clock: Returns seconds that only increase.
        now: Returns the current time in UTC.
        chance: Returns a random number from 0 to 1.
    """

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    chance: Callable[[], float] = random.random


WORLD: World = World()
Flow = Generator[Send | Pause, RawResponse | None, Any]


def flow(call: Call, watch: Watch, world: World = WORLD) -> Flow:
    """Make a call.

    Args:
        call: The request and its options.
        watch: Receives the exchange when the call has ended.
        world: The clock and the source of randomness.

    Yields:
        The next step. Answer a ``Send`` by ``send(response)``, or by throwing ``Unanswered`` in.

    Returns:
        The response and its value, as a pair.

    Raises:
        ApiError, CallFailed: The call failed. The error has the request, the request id and the number of retries.
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
    is_lost = False
    value: Any
    span = start_span(call)
    try:
        while True:
            tries += 1
            failure: ApiError | Unanswered
            request = watch.prepare(call.request)
            try:
                response = yield Send(request, min(longest, max(deadline - world.clock(), 0.001)))
            except Unanswered as error:
                failure, response = error, None
                is_lost = is_lost or error.reached
                log_attempt(call, request, None)
            else:
                assert response is not None
                log_attempt(call, request, response)
                watch.notify(request, response)
                if 200 <= response.status < 300:
                    value = call.plan.answer(response)
                    break
                value = _confirm_deletion(call, response) if is_lost else None
                if value is not None:
                    break
                failure = _to_api_error(call, response, world)
                is_lost = is_lost or response.status in (502, 504)
            pause = choose_pause(failure, tries, world, PAUSE_FIRST, PAUSE_MAX)
            if tries > options.retries or not _may_retry(call, failure) or world.clock() + pause >= deadline:
                raise failure
            log.info(
                "%s %s: trying again in %.1f s: %s", call.request.method, _redact_path(call), pause, failure
            )
            yield Pause(pause)
    except (ApiError, CallFailed) as error:
        _add_request_details(error, call, response, tries)
        _finish(call, watch, span, response, tries, world.clock() - began, error)
        raise error from None
    except BaseException as error:
        # A hook has raised, or the caller was cancelled.
        end_span(span, response, tries, error)
        raise
    _finish(call, watch, span, response, tries, world.clock() - began, None)
    return response, value


def wait_for_result(call: Call, watch: Watch, world: World = WORLD) -> Flow:
    """Make a call; if the server works on an item in the background, look at the item until it has finished.

    Args:
        call: The request and its options.
        watch: Receives the exchanges.
        world: The clock and the source of randomness.

    Returns:
        The last response and its value, as a pair.

    Raises:
        TimedOut: The server needs more time than the call has.
    """
    deadline = world.clock() + (call.options.timeout or RESULT)
    accepted, value = yield from flow(call, watch, world)
    response = accepted
    while response.status == 202 or "retry-after" in response.headers:
        if call.options.progress is not None:
            call.options.progress(value)
        pause = retry_after(response.headers.get("retry-after"), world.now) or PAUSE_FIRST
        remaining = deadline - world.clock() - pause
        if remaining <= 0:
            error = TimedOut(f"the server still works on {value.id}: look at it later")
            _add_request_details(error, call, response, 1)
            raise error
        yield Pause(pause)
        response, value = yield from flow(call.plan.build_look(call, accepted, remaining), watch, world)
    return response, value


def _confirm_deletion(call: Call, response: RawResponse) -> Ok | None:
    """Return the confirmation of a DELETE whose item does not exist, unless it contains more than lists of consequences."""
    if response.status != 404 or call.request.method != "DELETE" or call.plan.returns is None:
        return None
    value: Ok = read(call.plan.returns, {"ok": True})
    return None if None in as_dict(value).values() else value


def _finish(
    call: Call,
    watch: Watch,
    span: Span | None,
    response: RawResponse | None,
    tries: int,
    seconds: float,
    error: Exception | None,
) -> None:
    """End the span of a call, and record its exchange."""
    end_span(span, response, tries, error)
    if watch.idle:
        return
    headers = {} if response is None else dict(response.headers)
    watch.record(
        Exchange(
            operation=call.plan.operation,
            method=call.request.method,
            path=_redact_path(call),
            query=call.request.query,
            status=None if response is None else response.status,
            headers=headers,
            request_id=headers.get("x-request-id"),
            tries=tries,
            ms=seconds * 1000,
            error=None if error is None else str(error),
        )
    )


def _may_retry(call: Call, failure: ApiError | Unanswered) -> bool:
    """Return whether the call may be sent again after a failure."""
    if isinstance(failure, Unanswered):
        if not failure.reached:
            return True
        # With If-Match, repeating a change that has succeeded would fail with 412.
        return call.repeatable and call.options.if_match is None
    if failure.status in PASSING:
        return call.repeatable
    # Any other code has a cause that another attempt cannot change, such as tables that are not migrated.
    is_unexplained = failure.code == ServerError.default_code
    return failure.status == 500 and is_unexplained and call.request.method == "GET"


def choose_pause(
    failure: ApiError | Unanswered | None, tries: int, world: World, first: float, longest: float
) -> float:
    """Return the seconds before the next attempt: as the server requests, or else doubled each time, minus up to a quarter.

    Args:
        failure: The error of the last attempt; None if it has none.
        tries: The number of attempts.
        world: The source of chance.
        first: The seconds after the first attempt.
        longest: The seconds at most, unless the server requests more.
    """
    requested = getattr(failure, "retry_after", None)
    if requested is not None:
        return min(float(requested), RETRY_AFTER_MAX)
    pause: float = min(longest, first * 2 ** min(tries - 1, 10))
    return pause * (1.0 - JITTER * world.chance())


def failure_of(call: Call, response: RawResponse, world: World) -> ApiError:
    """Return the error in a response, with the details of the request.

    Args:
        call: The call that failed.
        response: A response whose status is not 2xx.
        world: The clock of the client.
    """
    error = _to_api_error(call, response, world)
    _add_request_details(error, call, response, 1)
    return error


def _to_api_error(call: Call, response: RawResponse, world: World) -> ApiError:
    error = error_from(response.status, response.body, response.headers)
    error.retry_after = retry_after(response.headers.get("retry-after"), world.now)
    if 300 <= response.status < 400 and "location" in response.headers:
        location = response.headers["location"][:200]
        base, _, ending = location.partition(call.request.path)
        moved = base and len(base) < len(location) and ending[:1] in ("", "?")
        advice = f"use {base} as the URL of the client" if moved else "check the URL of the client"
        error.message = f"the server redirects to {location}; {advice}"
    return error


def retry_after(text: str | None, now: Callable[[], datetime]) -> float | None:
    """Return the seconds that a ``Retry-After`` header requests, as a number or until a date; None if it is not valid.

    Args:
        text: The value of the header; None if it is missing.
        now: Returns the current time.
    """
    if not text:
        return None
    text = text.strip()
    if text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 16:
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
        # RFC 9110: a date without a time zone is in UTC.
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return max(0.0, (moment - now()).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _redact_path(call: Call) -> str:
    return call.plan.redact_path(call.request.path)


def _add_request_details(
    error: ApiError | CallFailed, call: Call, response: RawResponse | None, tries: int
) -> None:
    error.method, error.path = call.request.method, _redact_path(call)
    error.retries = tries - 1
    if isinstance(error, ApiError):
        error.parameters = call.plan.wire_names
    if response is not None:
        error.request_id = error.request_id or response.headers.get("x-request-id")


# ---------------------------------------------------------------------------------------------- the drivers


class Carrier(Protocol):
    """Sends one request, and returns its response within ``seconds``.

    Raises:
        Unanswered: There was no response. No other error is raised.
    """

    def send(self, request: RawRequest, seconds: float, /) -> RawResponse: ...

    def close(self) -> None: ...


class AsyncCarrier(Protocol):
    """A carrier for async callers."""

    async def send(self, request: RawRequest, seconds: float, /) -> RawResponse: ...

    async def close(self) -> None: ...


def run(steps: Flow, carrier: Carrier) -> Any:
    """Perform the steps of a flow, and return its result.

    Args:
        steps: The flow: a generator that yields requests and pauses.
        carrier: Sends the requests.
    """
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
    """Perform the steps of a flow without blocking, and return its result.

    Args:
        steps: The flow: a generator that yields requests and pauses.
        carrier: Sends the requests.
    """
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
