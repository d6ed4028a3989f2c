"""Questions: what to ask next, by what the brief and the answers do not say yet; and how ready the brief is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stellary.contract.wizard import READY, Question, QuestionFormat
from stellary.core.ports.planner import Brief, Refinement
from stellary.core.wizard.rules.findings import Findings, found
from stellary.core.wizard.rules.fitting import shortened
from stellary.core.wizard.rules.messages import format_message
from stellary.core.wizard.rules.phases import missing, planned
from stellary.core.wizard.rules.plans import Plan

AT_ONCE = 4
"""Of the questions of a round."""
OPTIONS = 8
FEW = 3
"""Who names fewer things to be made is asked for more."""
PEOPLE_MAX = 1_000

_WEIGHTS: Mapping[str, int] = {
    "goal": 20,
    "work": 25,
    "audience": 10,
    "deadline": 10,
    "people": 10,
    "limits": 8,
    "success": 7,
    "start": 5,
    "risks": 5,
}
_DETAIL = 3
"""Of a question that asks for more about something that is known."""


def refined(brief: Brief, round: int) -> Refinement:
    """What to ask in a round, and how ready the brief is."""
    made = found(brief)
    plan = planned(made, brief)
    asked = {question.id for question in brief.asked}
    questions = [each for each in _Asking(made, plan, brief, round).all() if each.id not in asked]
    return Refinement(questions[:AT_ONCE], score(made, brief.answers), missing(made))


def score(made: Findings, answers: Mapping[str, Any]) -> int:
    """How much of what a plan stands on is known, of 100. No answer makes it less."""
    known: Mapping[str, object] = {
        "goal": made.goals,
        "audience": made.audience,
        "deadline": made.ends,
        "people": made.people or made.team,
        "limits": made.limits or "limits" in answers,
        "success": made.success,
        "start": made.starts,
        "risks": made.risks,
    }
    reached = sum(_WEIGHTS[aspect] for aspect, there in known.items() if there)
    reached += _WEIGHTS["work"] * min(len(made.work), FEW) // FEW
    return min(100, reached + _DETAIL * len(answers.keys() - _WEIGHTS.keys()))


def unready(made: Findings, answers: Mapping[str, Any]) -> Iterator[str]:
    """What a roadmap of a brief that is not ready has to say."""
    reached, lacking = score(made, answers), missing(made)
    if reached < READY and lacking:
        told = "; ".join(text[:1].lower() + text[1:] for text in lacking)
        yield format_message(made.language, "unready", score=reached, missing=told)


class _Asking:
    """What could be asked about a brief, in its language."""

    def __init__(self, made: Findings, plan: Plan, brief: Brief, round: int) -> None:
        self.made, self.plan, self.brief, self.round = made, plan, brief, round

    def _ask(
        self, id: str, format: QuestionFormat, options: list[str] | None = None, **parts: object
    ) -> Question:
        bounds = (1, PEOPLE_MAX) if format == "number" else (None, None)
        message_key = parts.pop("message_key", f"ask_{id}")
        return Question(
            id=id,
            text=format_message(self.made.language, str(message_key), **parts),
            format=format,
            options=options or [],
            # Without anything to be made there is nothing to plan.
            required=id == "work" and not self.made.work,
            min=bounds[0],
            max=bounds[1],
            round=self.round,
        )

    def all(self) -> Iterator[Question]:
        """What matters most first."""
        yield from self._what_for()
        yield from self._when_and_who()
        yield from self._within()
        yield from self._undecided()
        yield from self._weight()
        if not self.made.success:
            yield self._ask("success", "text")
        if not self.made.risks:
            yield self._ask("risks", "text")
        for place, text in enumerate(self.made.risks):
            yield self._ask(f"risk_{place}", "text", message_key="ask_handling", text=shortened(text, 200))

    def _what_for(self) -> Iterator[Question]:
        if not self.made.work:
            yield self._ask("work", "text")
        if not self.made.goals:
            yield self._ask("goal", "text", name=self.brief.name)
        if 0 < len(self.made.work) < FEW:
            yield self._ask("work", "text", message_key="ask_more_work", count=len(self.made.work))
        if not self.made.audience:
            yield self._ask("audience", "text")

    def _when_and_who(self) -> Iterator[Question]:
        if not self.made.ends:
            yield self._ask("deadline", "date")
        if not self.made.starts:
            yield self._ask("start", "date")
        if not self.made.team:
            yield self._ask("people", "number")

    def _within(self) -> Iterator[Question]:
        language = self.made.language
        if not self.made.limits:
            options = [
                format_message(language, f"limit_{each}")
                for each in ("budget", "law", "technology", "people", "none")
            ]
            yield self._ask("limits", "multi_choice", options)
        chosen = [
            each
            for each in self.brief.answers.get("limits") or ()
            if each != format_message(language, "limit_none")
        ]
        if chosen:
            yield self._ask("limits_detail", "text", chosen=", ".join(chosen))

    def _undecided(self) -> Iterator[Question]:
        for place, text in enumerate(dict.fromkeys(self.made.questions)):
            yield self._ask(
                f"decision_{place}", "text", message_key="ask_decision", text=shortened(text, 200)
            )

    def _weight(self) -> Iterator[Question]:
        options = _options(self.plan)
        if len(options) > 2:
            yield self._ask("first", "single_choice", options)
            if (first := self.brief.answers.get("first")) is not None:
                yield self._ask("later", "multi_choice", [each for each in options if each != first])


def _options(plan: Plan) -> list[str]:
    """What can matter more or less: pieces of work, those of each phase in turn."""
    columns = [
        [item.title for item in group.items if item.kind in (None, "build", "design")]
        for group in plan.groups
    ]
    turns = [column[turn] for turn in range(OPTIONS) for column in columns if turn < len(column)]
    return list(dict.fromkeys(shortened(title, 200) for title in turns))[:OPTIONS]
