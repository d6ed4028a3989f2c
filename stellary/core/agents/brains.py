"""Brains: who thinks for an agent. A brain is asked again and again what to do next, and does nothing itself.

It gets what is to be done and what came of its last calls, and says which calls it wants to be made. The gate makes
them. Between two turns nothing is in memory: what a brain wants to know again is its ``history``, which is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, cast

import attrs

from stellary.contract.cards import Card
from stellary.core.agents.rules import instructions, proposals
from stellary.core.kernel.actions import AnyAction
from stellary.core.kernel.environment import Environment
from stellary.core.ports.llm import nobody_asks

Outcome = Literal["done", "gathered", "rejected", "refused"]


@attrs.frozen
class ToolCall:
    """Something that a brain wants to be done: an action by its name, with its params as JSON."""

    id: str
    name: str
    params: Mapping[str, Any]


@attrs.frozen
class ToolAnswer:
    """What came of a call.

    Attributes:
        outcome: ``gathered`` where it is decided with all others at the end.
        value: What the action has answered, as JSON.
        why: Why it was rejected or refused.
    """

    call: ToolCall
    outcome: Outcome
    value: Any = None
    why: str | None = None


@attrs.frozen
class Task:
    """What a brain is asked.

    Attributes:
        prompt: What is to be done.
        card: What it is about.
        tools: What may be called.
        now: The moment.
        model: The name of a language model, if one is meant to think.
        history: What the last turn has said to be kept; None in the first one.
        answers: What came of the calls of the last turn.
        waiting: To be called now and then by whoever takes long, at least twice a minute: it says to others that the mission
            is being thought about. It raises once nobody waits for the answer any more; what it raises is to be let through.
    """

    prompt: str
    card: Card
    tools: Sequence[AnyAction]
    now: datetime
    model: str | None = None
    history: Any = None
    answers: Sequence[ToolAnswer] = ()
    waiting: Callable[[], None] = attrs.field(default=nobody_asks, eq=False, repr=False)


@attrs.frozen
class Turn:
    """What a brain says.

    Attributes:
        history: To be told in the next turn; JSON.
        message: For people to read.
        calls: What is to be done before the next turn.
        result: What came of the mission: there is no next turn. If proposals of a batch wait, it is what is to be said
            once all of them are approved.
        remarks: What else is to be said if some of them are rejected.
        error: Why it cannot be done: there is none either.
    """

    history: Any = None
    message: str | None = None
    calls: Sequence[ToolCall] = ()
    result: str | None = None
    error: str | None = None
    remarks: str | None = None


class Brain(Protocol):
    """Thinks for agents.

    Raises anything if it cannot for the moment: it is asked again later. One that has a ``close`` is closed with its core.
    """

    def think(self, task: Task, /) -> Turn: ...


def find_brain(env: Environment, runtime: str) -> Brain:
    """Return the brain that a core was made with for a runtime."""
    return cast("Brain", env.brains[runtime])


class RulesBrain:
    """The built-in one: understands plain instructions, and says which ones it does not."""

    def think(self, task: Task, /) -> Turn:
        if task.history is None:
            return self._begin(task)
        return self._end(task)

    def _begin(self, task: Task) -> Turn:
        read = instructions.read(task.prompt, task.now.date())
        if not read.steps:
            return Turn(error=f"{_not_understood(read.misunderstood)} {instructions.UNDERSTOOD}")
        about = {"cardId": task.card.id, "projectId": task.card.project_id}
        takes = {tool.name: tool.takes for tool in task.tools}
        calls = [
            ToolCall(f"call-{number}", step.action, instructions.placed(step, about, takes.get(step.action)))
            for number, step in enumerate(read.steps, 1)
        ]
        said = f"I will {'; '.join(step.said for step in read.steps)}."
        if read.misunderstood:
            said += f" {_not_understood(read.misunderstood)}"
        return Turn(history={"misunderstood": list(read.misunderstood)}, message=said, calls=calls)

    def _end(self, task: Task) -> Turn:
        done = [answer.call.name for answer in task.answers if answer.outcome in ("done", "gathered")]
        rejected = [
            proposals.describe_rejection(answer.call.name, answer.why)
            for answer in task.answers
            if answer.outcome == "rejected"
        ]
        refused = [
            f"{answer.call.name} was refused ({answer.why})"
            for answer in task.answers
            if answer.outcome == "refused"
        ]
        misunderstood = task.history["misunderstood"]
        remarks = _not_understood(misunderstood) if misunderstood else None
        outcome = proposals.describe_outcome(done, [*rejected, *refused], remarks)
        if done or rejected:
            return Turn(result=outcome, remarks=proposals.describe_outcome((), refused, remarks))
        return Turn(error=outcome)


def _not_understood(said: Sequence[str]) -> str:
    return f"I did not understand: {'; '.join(repr(each) for each in said)}."
