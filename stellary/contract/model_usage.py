"""The usage of language models, and the keys of workspaces that pay for it. Section Agents of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from stellary.contract.endpoint import acts, reads
from stellary.contract.limits import Pattern, Range, Secret
from stellary.contract.policies import AGENT_TOKENS, AGENTS_READ
from stellary.contract.refs import WorkspaceRef
from stellary.contract.wire import Request, Value

DAYS_MAX = 90
ModelPurpose = Literal["mission", "draft"]


class ModelUsage(Value):
    """The usage of a language model, including calls that failed.

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


class DailyUsage(ModelUsage):
    """The usage of one model on a day.

    Attributes:
        day: The day, in UTC.
        purpose: A ``mission`` of an agent, or a ``draft`` of a project.
    """

    day: datetime
    purpose: ModelPurpose


class WorkspaceUsage(Value):
    """The usage of language models in a workspace.

    Attributes:
        daily_budget: The tokens that the workspace may use on a day, which begins at midnight UTC.
        tokens_today: The tokens that it has used today.
        own_keys: The providers of models for which the workspace has a key of its own.
        days: The usage of each model, newest day first.
    """

    daily_budget: int
    tokens_today: int
    own_keys: list[str]
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


class GetModelUsage(Request):
    """The period of the usage.

    Attributes:
        days: The number of days, today included: 1 to 90.
    """

    days: Annotated[int, Range(1, DAYS_MAX)] = 30


class SetModelKey(Request):
    """A key of a workspace.

    Attributes:
        provider: The provider of models, as in front of their names: ``openai`` in ``openai:gpt-5-mini``.
        secret: The key, which is stored encrypted and never returned; None removes it.
    """

    provider: Annotated[str, Pattern(r"[a-z0-9-]{1,60}", "must be a provider such as openai")]
    secret: (
        Annotated[
            str, Pattern("[!-~]{1,1000}", "must be 1 to 1000 ASCII characters without spaces"), Secret()
        ]
        | None
    )


GET_MODEL_USAGE = reads(
    "model_usage.get",
    WorkspaceRef,
    "usage",
    summary="Get the tokens that language models have used in a workspace, by day, purpose and model, and the daily budget.",
    takes=GetModelUsage,
    returns=WorkspaceUsage,
    policy=AGENTS_READ,
)
SET_MODEL_KEY = acts(
    "model_usage.set_key",
    WorkspaceRef,
    "model-keys",
    summary="Set or remove the key with which calls of a provider's models are paid, instead of the server's.",
    takes=SetModelKey,
    policy=AGENT_TOKENS,
)
