"""A world without a network: a script drives flows, and the simulated time."""

from datetime import UTC, datetime, timedelta

import attrs

from stellary.client.calling.call import Call, CallOptions, CallPlan
from stellary.client.calling.capture import Watch
from stellary.client.calling.retries import Pause, Send, World, flow
from stellary.client.errors import ConnectionFailed, Unanswered
from stellary.client.testing import example, example_request
from stellary.contract import ENDPOINTS
from stellary.contract.errors import StellaryError
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.router import AnyEndpoint
from stellary.contract.wire import dump

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@attrs.frozen
class Outcome:
    """The outcome of one attempt.

    Attributes:
        status: Of an answer; None if there is none.
        reached: Whether the request had arrived, if there is none.
        took: Seconds, if the attempt has so many.
    """

    status: int | None
    reached: bool = True
    took: float = 0.0
    headers: dict[str, str] = attrs.field(factory=dict)
    body: bytes | None = None


@attrs.define
class Simulation:
    """The requests, pauses and result of a flow.

    Attributes:
        sent, allowed: The requests, and how many seconds each was given.
        pauses: In seconds.
        spent: Seconds of the whole.
    """

    sent: list[RawRequest] = attrs.field(factory=list)
    allowed: list[float] = attrs.field(factory=list)
    pauses: list[float] = attrs.field(factory=list)
    spent: float = 0.0
    result: object = None
    error: Exception | None = None


def find_endpoint(operation: str) -> AnyEndpoint:
    return next(candidate for candidate in ENDPOINTS if candidate.operation == operation)


def encode_answer(value: object) -> bytes:
    """Return the body of a response with a value: the bytes of a file, text, or JSON."""
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else dump(value)


def build_call(operation: str, **options: object) -> Call:
    """Return a call of an operation with example arguments."""
    plan = CallPlan(find_endpoint(operation))
    place = dict.fromkeys(plan.names, "665f1a2b3c4d5e6f7a8b9c0d")
    arguments = plan.build_payload(**example_request(plan.endpoint))
    return plan.call(place, arguments, {"authorization": "Bearer secret"}, CallOptions(**options))


def simulate(
    call: Call, outcomes: list[Outcome], *, chance: float = 0.0, watch: Watch | None = None
) -> Simulation:
    """Run a flow to its end; the last outcome is repeated."""
    seen = Simulation()
    world = World(
        clock=lambda: 1000.0 + seen.spent,
        now=lambda: NOON + timedelta(seconds=seen.spent),
        chance=lambda: chance,
    )
    steps = flow(call, watch or Watch(), world)
    remaining = list(outcomes)
    try:
        step = next(steps)
        while True:
            if isinstance(step, Pause):
                seen.pauses.append(step.seconds)
                seen.spent += step.seconds
                step = steps.send(None)
                continue
            assert isinstance(step, Send)
            seen.sent.append(step.request)
            seen.allowed.append(step.seconds)
            outcome = remaining.pop(0) if len(remaining) > 1 else remaining[0]
            seen.spent += min(outcome.took, step.seconds)
            step = (
                steps.throw(make_failure(outcome))
                if outcome.status is None
                else steps.send(answer(call, outcome))
            )
    except StopIteration as done:
        seen.result = done.value
    except StellaryError as error:
        seen.error = error
    return seen


def make_failure(outcome: Outcome) -> Unanswered:
    return ConnectionFailed("the connection broke", reached=outcome.reached)


def answer(call: Call, outcome: Outcome) -> RawResponse:
    assert outcome.status is not None
    body = outcome.body
    if body is None:
        value = example(call.plan.endpoint) if outcome.status < 300 else {"message": "no"}
        body = value if isinstance(value, bytes) else dump(value)
    return RawResponse(outcome.status, outcome.headers, body)
