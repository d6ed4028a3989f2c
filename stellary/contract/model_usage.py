"""What calls of language models used. Section Agents of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from stellary.contract.endpoint import reads
from stellary.contract.limits import Range
from stellary.contract.policies import AGENTS_READ
from stellary.contract.refs import WorkspaceRef
from stellary.contract.wire import Request, Value, request, value

DAYS_MAX = 90
ModelPurpose = Literal["mission", "draft"]


@value
class ModelUsage(Value):
    """What the calls of a language model used, including calls that failed.

    Attributes:
        model: The model that was called last; None if none was called.
        calls: The number of requests to it.
        input_tokens: The tokens that were sent. If the provider reports none, four letters count as one.
        output_tokens: The tokens that were received.
        seconds: The duration of the calls.
    """

    model: str | None
    calls: int
    input_tokens: int
    output_tokens: int
    seconds: float


@value
class DailyUsage(ModelUsage):
    """What one model used on a day.

    Attributes:
        day: The day, in UTC.
        purpose: A ``mission`` of an agent, or a ``draft`` of a project.
    """

    day: datetime
    purpose: ModelPurpose


@value
class WorkspaceUsage(Value):
    """What the calls of language models used in a workspace.

    Attributes:
        daily_budget: The tokens that the workspace may use on a day, which begins at midnight UTC.
        tokens_today: The tokens that it has used today.
        days: What each model used, newest day first.
    """

    daily_budget: int
    tokens_today: int
    days: list[DailyUsage]


NO_USAGE = ModelUsage(model=None, calls=0, input_tokens=0, output_tokens=0, seconds=0.0)


def add_usage(first: ModelUsage, second: ModelUsage) -> ModelUsage:
    """Return the sum of two usages, with the model of the second, unless it has none.

    Args:
        first: The earlier usage.
        second: The later usage.
    """
    return ModelUsage(
        model=second.model or first.model,
        calls=first.calls + second.calls,
        input_tokens=first.input_tokens + second.input_tokens,
        output_tokens=first.output_tokens + second.output_tokens,
        seconds=first.seconds + second.seconds,
    )


@request
class GetModelUsage(Request):
    """The period of the usage.

    Attributes:
        days: The number of days, today included: 1 to 90.
    """

    days: Annotated[int, Range(1, DAYS_MAX)] = 30


GET_MODEL_USAGE = reads(
    "model_usage.get",
    WorkspaceRef,
    "usage",
    summary="Get the tokens that language models have used in a workspace, by day, purpose and model, and the daily budget.",
    takes=GetModelUsage,
    returns=WorkspaceUsage,
    policy=AGENTS_READ,
)
ENDPOINTS = (GET_MODEL_USAGE,)
