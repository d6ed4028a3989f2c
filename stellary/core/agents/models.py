"""A brain that asks a language model, through pydantic-ai. Extra ``agents``.

All tools are deferred: the model requests calls, and the run ends. The gate makes the calls, or a person decides on
them. Another run continues from the stored messages, in any process and any time later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import attrs
import orjson

from stellary.contract.errors import Invalid
from stellary.contract.schemas import Schemas
from stellary.contract.wire import invalid
from stellary.core.agents.brains import ModelUser, Task, ToolAnswer, ToolCall, Turn
from stellary.core.agents.rules.tool_results import drop_old_results, shorten_result
from stellary.core.kernel.actions import AnyAction
from stellary.core.ports.llm import LETTERS_PER_TOKEN, ModelRunner, Refused, enclose_text

ModelUsers = Literal["all", "admins"] | Collection[str]
"""The people who may use a model: all, admins of the organization, or those in some workspaces, as ``acme/eng``."""
AllowedModels = Collection[str] | Mapping[str, ModelUsers]

if TYPE_CHECKING:
    from pydantic_ai.models import Model

SECONDS = 300.0
"""The time limit for one answer, in seconds; reasoning models need minutes."""
SILENCE = 120.0
"""The longest time without any data, in seconds."""

ANSWER_TOKENS_MAX = 8_192
"""The maximum number of tokens of an answer, including the reasoning of the model."""
HISTORY_SHARE = 16
"""The divisor of the remaining budget that gives the size of the results of tools in a request."""

ARGUMENT_RETRIES = 2
"""The number of times that a model may repeat a call whose arguments were not JSON."""


class ModelBrain:
    """A brain that calls the agent's model: ``openai:gpt-5-mini``, or any other that pydantic-ai supports.

    Args:
        models: The names of the models that agents may use, since the operator pays for them; or who may use each.
            Default: none.
        resolve: Returns the model of pydantic-ai for the name in an agent's settings. By default, pydantic-ai finds it.
        seconds: The time limit for one answer.

    Raises:
        ValueError: The users of a model are another text than ``all`` or ``admins``.
    """

    def __init__(
        self,
        models: AllowedModels = (),
        resolve: Callable[[str], Model | str] = lambda name: name,
        seconds: float = SECONDS,
    ) -> None:
        self._users = models if isinstance(models, Mapping) else dict.fromkeys(models, "all")
        for name, users in self._users.items():
            if isinstance(users, str) and users not in ("all", "admins"):
                raise ValueError(f"{name} must be for all, admins or a list of workspaces, not {users!r}")
        self._resolve = resolve
        self._seconds = seconds
        self._models = ModelRunner()

    def close(self) -> None:
        """Close the connections to providers; the next task opens new ones."""
        self._models.close()

    def check_model(self, model: str | None, user: ModelUser) -> None:
        """Check that a person may use a model.

        Args:
            model: The name of the model.
            user: The person.

        Raises:
            Invalid: The model is not among those that this server allows the person.
        """
        allowed = sorted(name for name, users in self._users.items() if _includes(users, user))
        if model not in allowed:
            names = ", ".join(allowed) or "none"
            raise invalid(("model", f"must be one of the models that this server allows: {names}"))

    def think(self, task: Task, /) -> Turn:
        """Return the model's next turn; an error if it is not allowed any more, or another runtime began the mission.

        Raises:
            Unavailable: The model cannot be called at the moment.
        """
        try:
            self.check_model(task.model, task.model_user)
        except Invalid as error:
            return Turn(error=f"The agent's {error.message}. Nothing was changed.")
        match task.history:
            case None | {"ids": _}:
                pass
            case ["model", history]:
                task = attrs.evolve(task, history=history)
            case _:
                return Turn(error=_OTHER_RUNTIME)
        try:
            return self._models.ask(
                task.model or "",
                task.account,
                self._resolve,
                lambda model: self._run_model(model, task),
                task.waiting,
            )
        except Refused as refused:
            return Turn(error=str(refused))

    async def _run_model(self, model: Model, task: Task) -> Turn:
        from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults
        from pydantic_ai.messages import ModelMessagesTypeAdapter

        agent: Any = Agent(
            model,
            output_type=[str, DeferredToolRequests],
            toolsets=[_toolset(task.tools)],
            instructions=f"{_RULES} Today is {task.now.date()}.",
        )
        limits: Any = {
            "model_settings": {"timeout": min(SILENCE, self._seconds), "max_tokens": ANSWER_TOKENS_MAX},
            "timeout": self._seconds,
        }
        if task.history is None:
            run = await agent.run(_build_prompt(task), **limits)
        else:
            results = _build_results(task.history["ids"], task.answers)
            letters = task.account.count_remaining() * LETTERS_PER_TOKEN // HISTORY_SHARE
            new_letters = len(orjson.dumps(results))
            history = drop_old_results(task.history["messages"], letters - new_letters)
            run = await agent.run(
                message_history=ModelMessagesTypeAdapter.validate_python(history),
                deferred_tool_results=DeferredToolResults(calls=results),
                **limits,
            )
        messages = orjson.loads(run.all_messages_json())
        if not isinstance(run.output, DeferredToolRequests):
            return Turn(history={"messages": messages, "ids": []}, result=run.output)
        requested_calls = run.output.calls
        return Turn(
            history={"messages": messages, "ids": [call.tool_call_id for call in requested_calls]},
            message=_find_text(messages[-1]),
            calls=[
                ToolCall(f"call-{n}", call.tool_name, _params(call.args))
                for n, call in enumerate(requested_calls)
            ],
        )


_OTHER_RUNTIME = "The runtime of the agent was changed during the mission, and its model cannot continue it."


def _includes(users: ModelUsers, user: ModelUser) -> bool:
    return users == "all" or (user.is_admin if users == "admins" else user.workspace in users)


_RULES = " ".join(Path(__file__).with_name("model_rules.txt").read_text("utf-8").split())


def _build_prompt(task: Task) -> str:
    card = task.card
    facts = {
        "cardId": card.id,
        "key": card.key,
        "projectId": card.project_id,
        "title": card.title,
        "description": card.description,
        "status": card.status,
        "priority": card.priority,
    }
    return f"{enclose_text('task', task.prompt)}\n{enclose_text('card', facts)}"


def _toolset(tools: Sequence[AnyAction]) -> Any:
    from pydantic_ai.toolsets import ExternalToolset

    class Tools(ExternalToolset[Any]):
        """A toolset that lets the model repeat a call whose arguments are not JSON."""

        async def get_tools(self, ctx: Any) -> dict[str, Any]:
            tools = await super().get_tools(ctx)
            return {
                name: dataclasses.replace(tool, max_retries=ARGUMENT_RETRIES) for name, tool in tools.items()
            }

    return Tools([_definition(tool) for tool in tools])


def _definition(tool: AnyAction) -> Any:
    from pydantic_ai.tools import ToolDefinition

    schemas = Schemas("#/$defs/")
    schemas.of(tool.takes)
    definitions = dict(schemas.definitions)
    schema = dict(definitions.pop(tool.takes.__name__))
    if definitions:
        schema["$defs"] = definitions
    return ToolDefinition(
        name=tool.name,
        description=tool.summary,
        parameters_json_schema=cast("dict[str, object]", _drop_limits(schema)),
        kind="external",
    )


def _drop_limits(schema: object) -> object:
    """Return a schema without the limits of values, which are a third of it; a value beyond them is refused anyway."""
    if isinstance(schema, list):
        return [_drop_limits(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    # A property may be called like a limit.
    return {
        word: _drop_limits(content)
        for word, content in schema.items()
        if word not in _LIMITS or isinstance(content, dict)
    }


_LIMITS = frozenset(
    "pattern default minLength maxLength minItems maxItems uniqueItems minimum maximum".split()  # noqa: SIM905
)


def _build_results(ids: Sequence[str], answers: Sequence[ToolAnswer]) -> dict[str, Any]:
    """Return the results of calls by the model's own ids; a call beyond the limit gets an error."""
    results: dict[str, Any] = {
        id: {"error": "too many calls in one turn: this one was not executed"} for id in ids
    }
    results.update(zip(ids, map(_outcome, answers), strict=False))
    return results


def _outcome(answer: ToolAnswer) -> Any:
    if answer.outcome == "done":
        return {"ok": True} if answer.value is None else shorten_result(answer.value)
    if answer.outcome == "gathered":
        return {"gathered": "it will be executed at the end of the mission, if a person approves it"}
    return {"rejected" if answer.outcome == "rejected" else "error": answer.why or "no reason was given"}


def _params(args: Any) -> dict[str, Any]:
    """Parse the arguments of a call; the gate then rejects those that are not an object."""
    try:
        params = orjson.loads(args) if isinstance(args, str) else args
    except orjson.JSONDecodeError:
        return {"arguments": str(args)[:1000]}
    if params is None:
        return {}
    return params if isinstance(params, dict) else {"arguments": params}


def _find_text(message: Any) -> str | None:
    """Return the text of a model's message, without its calls."""
    parts = [part["content"] for part in message["parts"] if part["part_kind"] == "text"]
    return "\n".join(filter(None, parts)) or None
