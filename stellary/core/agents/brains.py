"""Brains: the programs that decide what an agent does next.

A brain gets a task and the results of its last calls, and returns the calls to make next. The gate makes them.
Between two turns nothing is kept in memory: a brain's state is its ``history``, which is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, cast

import attrs

from stellary.contract.cards import Card
from stellary.contract.errors import Invalid
from stellary.contract.refs import WorkspaceRef
from stellary.contract.wire import invalid
from stellary.core.accounts.rules import CallerRoles
from stellary.core.agents.rules import agents as rules
from stellary.core.agents.rules import proposals
from stellary.core.kernel.actions import AnyAction
from stellary.core.kernel.environment import Environment
from stellary.core.ports.llm import ModelAccount, end_without_caller

EXTERNAL = "external"
"""The runtime of agents whose missions an external program works on; it has no brain."""
StepOutcome = Literal["done", "gathered", "rejected", "refused"]


@attrs.frozen
class ToolCall:
    """A call that a brain requests: an action by its name, with its params as JSON."""

    id: str
    name: str
    params: Mapping[str, Any]


@attrs.frozen
class ToolAnswer:
    """The result of a call.

    Attributes:
        call: The call.
        outcome: ``gathered`` for a proposal in a batch, which is decided at the end of the mission.
        value: The result of the action, as JSON.
        why: The reason why the call was rejected or refused.
        summary: The change that was made or proposed, in words; None if there was none.
    """

    call: ToolCall
    outcome: StepOutcome
    value: Any = None
    why: str | None = None
    summary: str | None = None


@attrs.frozen
class ModelUser:
    """The person who chooses a model for an agent, or whose mission calls it.

    Attributes:
        workspace: The workspace of the agent, as ``acme/eng``.
        is_admin: Whether the person is an admin of the organization.
    """

    workspace: str
    is_admin: bool


@attrs.frozen
class Task:
    """The input of a brain's turn.

    Attributes:
        prompt: The task.
        card: The card of the mission.
        tools: The actions that may be called.
        now: The time.
        requester_id: The id of the user who created the mission.
        model: The name of a language model, if the agent has one.
        model_user: The creator of the mission, if the agent has a model.
        history: The history that the last turn returned; None in the first turn.
        answers: The results of the last turn's calls.
        account: Pays for calls of language models.
        waiting: A slow brain calls this at least twice a minute to keep the mission claimed. It raises when the answer is no
            longer needed; let the exception pass.
    """

    prompt: str
    card: Card
    tools: Sequence[AnyAction]
    now: datetime
    requester_id: str = ""
    model: str | None = None
    model_user: ModelUser = ModelUser("", is_admin=False)
    history: Any = None
    answers: Sequence[ToolAnswer] = ()
    account: ModelAccount = attrs.field(factory=ModelAccount, eq=False, repr=False)
    waiting: Callable[[], None] = attrs.field(default=end_without_caller, eq=False, repr=False)


@attrs.frozen
class Turn:
    """The output of a brain's turn.

    Attributes:
        history: Passed to the next turn; JSON.
        message: A text for people.
        calls: The calls to make before the next turn.
        all_or_nothing: Whether no call is made unless all of them are possible. They are rehearsed first, in order; if one is
            refused, all are refused.
        result: The result of the mission, which ends it. If proposals of a batch are pending, it is used once all are
            approved.
        error: The reason why the task cannot be done, which ends the mission as well.
        remarks: Text to add to the result if some of the batch are rejected.
    """

    history: Any = None
    message: str | None = None
    calls: Sequence[ToolCall] = ()
    all_or_nothing: bool = False
    result: str | None = None
    error: str | None = None
    remarks: str | None = None


class Brain(Protocol):
    """A program that decides the next steps of an agent.

    Any exception means that it is unavailable at the moment; the turn is tried again later. A ``close``
    method, if there is one, is called when the core closes. A method ``check_model``, if there is one, is called with
    the model of an agent and a ``ModelUser`` before the agent is saved, and raises ``Invalid`` for one that cannot be used.
    """

    def think(self, task: Task, /) -> Turn: ...


def build_model_user(ref: WorkspaceRef, roles: CallerRoles) -> ModelUser:
    """Return a person as the user of a model.

    Args:
        ref: The workspace.
        roles: The person's roles there.
    """
    return ModelUser(f"{ref.org_slug}/{ref.ws_slug}", roles.leads_organization)


def check_runtime(env: Environment, runtime: str, model: str | None, user: ModelUser) -> None:
    """Check that agents can have a runtime and a model.

    Args:
        env: The environment in which brains are registered.
        runtime: The runtime of the agent.
        model: The model of the agent, if it has one.
        user: The person who saves the agent.

    Raises:
        Invalid: No brain is registered for the runtime, or its brain does not allow the model.
    """
    runtimes = [*env.brains, EXTERNAL]
    if runtime not in runtimes:
        raise invalid(("runtime", f"must be one of {', '.join(runtimes)}"))
    rules.check_model(runtime, model)
    check_model = getattr(env.brains.get(runtime), "check_model", None)
    if check_model is not None:
        check_model(model, user)


def think(env: Environment, runtime: str, task: Task) -> Turn:
    """Return the next turn of the brain of a runtime, which ends the mission if the host has removed the runtime.

    Args:
        env: The environment in which brains are registered.
        runtime: The name of the runtime.
        task: The task.
    """
    brain = env.brains.get(runtime)
    if brain is None:
        return Turn(error=f"The runtime {runtime} does not exist any more. Nothing was changed.")
    return cast("Brain", brain).think(task)


class RulesBrain:
    """The built-in brain. It follows plain instructions that it understands as a whole, or does nothing."""

    def think(self, task: Task, /) -> Turn:
        if task.history is None:
            return self._begin(task)
        return self._end(task)

    def _begin(self, task: Task) -> Turn:
        # Imported on first use: most processes never read instructions.
        from stellary.core.agents.rules import instructions

        context = instructions.InstructionContext(task.card, task.requester_id, task.now.date())
        # The prompt of a delegated card begins with its title, which is not an instruction if a description follows.
        prompt = task.prompt.removeprefix(f"{task.card.title}\n\n")
        try:
            requested = instructions.read(prompt, context)
        except instructions.InstructionError as error:
            return Turn(error=f"{error} {error.effect}")
        calls = [
            ToolCall(f"call-{number}", action, params) for number, (action, params) in enumerate(requested, 1)
        ]
        plan = "; ".join(_describe_call(call, task) for call in calls)
        return Turn(history={}, message=f"My plan: {plan}", calls=calls, all_or_nothing=True)

    def _end(self, task: Task) -> Turn:
        done, rejected, refused = list[str](), list[str](), list[str]()
        for answer in task.answers:
            summary = answer.summary or _describe_call(answer.call, task)
            if answer.outcome in ("done", "gathered"):
                done.append(summary)
            elif answer.outcome == "rejected":
                rejected.append(proposals.describe_rejection(summary, answer.why))
            else:
                refused.append(f"{summary} (refused: {answer.why})")
        outcome = proposals.describe_outcome(done, [*rejected, *refused])
        if done or rejected:
            return Turn(result=outcome, remarks=proposals.describe_outcome((), refused))
        return Turn(error=outcome)


def add_fallback(brains: Mapping[str, Brain]) -> dict[str, Brain]:
    """Return brains by runtime with the one that combines ``built_in`` and ``model``, unless the host replaces it."""
    combined = BuiltInElseModelBrain(brains["built_in"], brains["model"])
    return {**brains, rules.BUILT_IN_ELSE_MODEL: brains.get(rules.BUILT_IN_ELSE_MODEL, combined)}


@attrs.frozen
class BuiltInElseModelBrain:
    """A brain that follows plain instructions, and passes a task that it does not understand to the agent's model.

    Without a model, or with one that the server does not allow any more, the task is refused. A change that is understood
    but not possible, such as a move to an unknown column, is never passed on.

    Attributes:
        built_in: The brain that gets each task first.
        model: The brain that gets the tasks that the first one refuses in its first turn.
    """

    built_in: Brain
    model: Brain

    def check_model(self, model: str | None, user: ModelUser) -> None:
        """Check that a person may use a model; having none is possible.

        Args:
            model: The name of the model, or None.
            user: The person.

        Raises:
            Invalid: The server does not allow it.
        """
        check_model = getattr(self.model, "check_model", None)
        if model is not None and check_model is not None:
            check_model(model, user)

    def think(self, task: Task, /) -> Turn:
        match task.history:
            case [str() as name, history]:
                pass
            case history:
                # The first turn, or one after the agent had one of the two runtimes.
                name = "model" if history else "built_in"
        brain: Brain = getattr(self, name)
        turn = brain.think(attrs.evolve(task, history=history))
        if task.history is None and turn.error is not None and self._may_ask(task):
            name, turn = "model", self.model.think(task)
        return attrs.evolve(turn, history=[name, turn.history])

    def _may_ask(self, task: Task) -> bool:
        try:
            self.check_model(task.model, task.model_user)
        except Invalid:
            return False
        return task.model is not None


def _describe_call(call: ToolCall, task: Task) -> str:
    """Return a call in words: what its tool does, with its parameters."""
    params = {name: value for name, value in call.params.items() if name not in ("cardId", "projectId")}
    summaries = {tool.name: tool.summary for tool in task.tools}
    return proposals.summarize(summaries.get(call.name, call.name.replace("_", " ")), params)
