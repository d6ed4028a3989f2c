"""Questions about information that is missing in the brief and the answers, and the readiness of the brief."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from stellary.contract.wizard import READY, Question, QuestionFormat
from stellary.core.ports.planner import Brief, Refinement
from stellary.core.wizard.rules.fitting import shorten
from stellary.core.wizard.rules.messages import format_message, list_messages
from stellary.core.wizard.rules.planning import Selection, select_phases, split_lines
from stellary.core.wizard.rules.reading import Findings

PER_ROUND = 4
"""The number of questions of a round."""
OPTIONS_MAX = 18
"""The number of phases that are offered."""
PER_KIND = 3
"""The maximum number of questions about single phases."""
WEEKS_MAX = 500

WEIGHTS: Mapping[str, int] = {
    "phases": 45,
    "work": 15,
    "goal": 10,
    "deadline": 8,
    "audience": 5,
    "limits": 5,
    "success": 5,
    "start": 4,
    "risks": 3,
}


def find_known(findings: Findings, brief: Brief) -> set[str]:
    """Return the kinds of information that a brief and its answers contain.

    Args:
        findings: The contents of the brief.
        brief: The brief, with the answers to questions.
    """
    has_work = any(not phase.is_bare for phase in [*findings.phases, *findings.beside])
    is_stated = {
        "work": has_work or any(name.startswith("work_") for name in brief.answers),
        "deadline": findings.deadline or findings.days,
        "start": findings.start,
        "goal": findings.facts.get("goals"),
        "limits": findings.facts.get("constraints"),
        **{name: findings.facts.get(name) for name in ("audience", "success", "risks")},
    }
    return {name for name in WEIGHTS if is_stated.get(name) or name in brief.answers}


def _find_readiness(
    findings: Findings, selection: Selection, stated_names: Collection[str]
) -> tuple[int, list[str]]:
    """Return the score of a brief, and descriptions of the missing information. Phases count as far as they have work."""
    phases = (
        [phase for _, phase in selection.phases] if findings.are_stated or "phases" in stated_names else []
    )
    share = sum(not phase.is_bare for phase in phases) / max(1, len(phases))
    stated = {name for name in stated_names if name != "phases"} | ({"phases"} if share == 1 else set())
    score = sum(WEIGHTS[name] for name in stated) + (int(WEIGHTS["phases"] * share) if share < 1 else 0)
    missing = [name for name in WEIGHTS if name not in stated]
    return score, [format_message(findings.language, f"missing_{name}") for name in missing]


def refine_brief(findings: Findings, brief: Brief, round: int) -> Refinement:
    """Return the questions of a round and the readiness of a brief.

    Args:
        findings: The contents of the brief.
        brief: The brief with its answers.
        round: The number of the round.
    """
    stated_names = find_known(findings, brief)
    asked_ids = {question.id for question in brief.questions} | brief.answers.keys()
    selection = select_phases(findings, brief)
    questions = _Questions(findings, selection, brief, round, stated_names).list_all()
    new = [question for question in questions if question.id not in asked_ids]
    return Refinement(new[:PER_ROUND], *_find_readiness(findings, selection, stated_names))


def find_notes(findings: Findings, selection: Selection, brief: Brief) -> Iterator[str]:
    """Yield the notes on a plan: missing information, unused parts with the reason, and facts of the brief.

    Args:
        findings: The contents of the brief.
        selection: The phases of the plan.
        brief: The brief, with the answers to questions.
    """
    language, stated_names = findings.language, find_known(findings, brief)
    score, missing = _find_readiness(findings, selection, stated_names)
    if score < READY and missing:
        text = "; ".join(name[:1].lower() + name[1:] for name in missing)
        yield format_message(language, "unready", score=score, missing=text)
    if findings.phases and not findings.are_stated and "phases" not in stated_names:
        yield format_message(language, "note_unstated")
    if findings.has_prose and "work" not in stated_names:
        yield format_message(language, "note_no_work")
    for _, phase in selection.unplaced:
        items = _join([item.title for item in phase.items])
        yield format_message(language, "note_unplaced", name=phase.name, items=items)
    lists = {
        "left_out": _join(selection.left_out),
        "unused": _join([f"“{name}”" for name in findings.unused]),
        "finished": _join(findings.finished),
        "past": ", ".join(sorted({day.isoformat() for day in findings.past})),
        "unclear": ", ".join(findings.unclear),
    }
    for name, text in lists.items():
        if text:
            yield format_message(language, f"note_{name}", text=text)
    yield from _find_fact_notes(findings, brief)


def _find_fact_notes(findings: Findings, brief: Brief) -> Iterator[str]:
    """Yield a note for each kind of fact that a roadmap has no field for, including answers to questions about it."""
    facts = findings.facts
    decisions = [
        f"{text} {brief.answers.get(f'decision_{place}', '')}".strip()
        for place, text in enumerate(dict.fromkeys(facts.get("questions", ())))
    ]
    answers = {"risks": "risks", "constraints": "limits_detail", "success": "success"}
    for role in ("out_of_scope", "later", "risks", "constraints", "success", "questions"):
        texts = decisions if role == "questions" else [*facts.get(role, ())]
        texts += split_lines(brief.answers.get(answers.get(role, "")))
        if texts:
            yield format_message(findings.language, f"note_{role}", text=_join(texts))


def _join(texts: list[str]) -> str:
    return shorten("; ".join(dict.fromkeys(text.strip(" .;") for text in texts if text.strip(" .;"))), 800)


class _Questions:
    """The questions that can be asked about a brief, in its language."""

    def __init__(
        self, findings: Findings, selection: Selection, brief: Brief, round: int, stated_names: set[str]
    ) -> None:
        self._findings, self._selection, self._brief = findings, selection, brief
        self._round, self._known, self._language = round, stated_names, findings.language

    def _ask(
        self,
        id: str,
        format: QuestionFormat = "text",
        options: Sequence[str] = (),
        key: str = "",
        **values: object,
    ) -> Question:
        bounds = (1, WEEKS_MAX) if format == "number" else (None, None)
        return Question(
            id=id,
            text=format_message(self._language, key or f"ask_{id}", **values),
            format=format,
            options=[*options],
            required=id == "work" and "work" not in self._known,
            min=bounds[0],
            max=bounds[1],
            round=self._round,
        )

    def list_all(self) -> list[Question]:
        """Return the questions, the most important first."""
        return [*self._ask_phases(), *self._ask_time(), *self._ask_content(), *self._ask_frame()]

    def _ask_phases(self) -> Iterator[Question]:
        names = [shorten(phase.name, 200) for phase in self._selection.candidates][:OPTIONS_MAX]
        none = format_message(self._language, "none_of_these")
        key = "ask_phases" if self._findings.phases or self._findings.beside else "ask_generic"
        yield self._ask("phases", "multi_choice", [*dict.fromkeys(names), none], key)
        if none in (self._brief.answers.get("phases") or ()):
            yield self._ask("phase_names")
        if "work" not in self._known:
            yield self._ask("work")

    def _ask_time(self) -> Iterator[Question]:
        if "deadline" not in self._known:
            past, unclear = self._findings.past, ", ".join(self._findings.unclear[:PER_KIND])
            key, day = ("ask_past", max(past).isoformat()) if past else ("ask_deadline", "")
            key, day = ("ask_unclear", unclear) if unclear else (key, day)
            yield self._ask("deadline", "date", key=key, day=day)
        if "goal" not in self._known:
            yield self._ask("goal", name=self._brief.name)

    def _ask_content(self) -> Iterator[Question]:
        language, selection = self._language, self._selection
        names = [phase.name for number, phase in selection.phases if number != 99][:OPTIONS_MAX]
        options = [*names, *list_messages(language, "own_phase"), *list_messages(language, "leave_out")]
        beside = [*selection.unplaced, *(entry for entry in selection.phases if entry[0] == 99)]
        for number, phase in beside[:PER_KIND] if names else ():
            values = {"name": phase.name, "count": len(phase.items)}
            yield self._ask(f"place_{number}", "single_choice", options, "ask_place", **values)
        bare = [entry for entry in selection.phases if entry[1].is_bare]
        for number, phase in bare[:PER_KIND]:
            yield self._ask(f"work_{number}", key="ask_work_in", name=phase.name)
        untimed = [entry for entry in selection.phases if entry[1].days is None and entry[1].period is None]
        for number, phase in untimed[:PER_KIND] if "phases" in self._known else ():
            yield self._ask(f"weeks_{number}", "number", key="ask_weeks", name=phase.name)
        for place, text in enumerate(dict.fromkeys(self._findings.facts.get("questions", ()))):
            yield self._ask(f"decision_{place}", key="ask_decision", text=shorten(text, 200))

    def _ask_frame(self) -> Iterator[Question]:
        answers, limits = self._brief.answers, list_messages(self._language, "limits")
        chosen = [option for option in answers.get("limits") or () if option != limits[-1]]
        questions = {
            "start": self._ask("start", "date"),
            "audience": self._ask("audience"),
            "limits": self._ask("limits", "multi_choice", limits),
            "limits_detail": self._ask("limits_detail", chosen=", ".join(map(str, chosen))),
            "success": self._ask("success"),
            "risks": self._ask("risks"),
        }
        excluded = self._known if chosen else {*self._known, "limits_detail"}
        yield from (question for name, question in questions.items() if name not in excluded)
        items = [item for _, phase in self._selection.phases for item in phase.items if not phase.is_bare]
        titles = list(dict.fromkeys(shorten(item.title, 200) for item in items))[:8]
        if len(titles) > 2:
            yield self._ask("first", "single_choice", titles)
            if (first := answers.get("first")) is not None:
                yield self._ask("later", "multi_choice", [title for title in titles if title != first])
