"""Questions about information that is missing in the brief and the answers, and the readiness of the brief."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import attrs

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


@attrs.frozen
class _Asked:
    """A question before its text is formatted in the language of the brief: that of ``ask_`` and its id, or of ``key``."""

    id: str
    format: QuestionFormat = "text"
    options: Sequence[str] = ()
    key: str = ""
    values: Mapping[str, object] = {}


def find_known(findings: Findings, brief: Brief) -> set[str]:
    """Return the kinds of information that a brief and its answers contain.

    Args:
        findings: The contents of the brief.
        brief: The brief, with the answers to questions.
    """
    confirmed = [phase for phase in findings.unread if phase.name in (brief.answers.get("phases") or ())]
    has_work = any(not phase.is_bare for phase in [*findings.phases, *findings.beside, *confirmed])
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
    has_phases = selection.phases and (findings.are_stated or "phases" in stated_names)
    with_work = sum(not phase.is_bare for _, phase in selection.phases)
    shares = dict.fromkeys(stated_names, 1.0)
    shares["phases"] = with_work / len(selection.phases) if has_phases else 0.0
    score = sum(int(weight * shares.get(name, 0)) for name, weight in WEIGHTS.items())
    missing = [name for name in WEIGHTS if shares.get(name, 0) < 1]
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
    new = [
        Question(
            id=question.id,
            text=format_message(findings.language, question.key or f"ask_{question.id}", **question.values),
            format=question.format,
            options=[*question.options],
            required=question.id == "work",
            min=1 if question.format == "number" else None,
            max=WEEKS_MAX if question.format == "number" else None,
            round=round,
        )
        for question in _list_questions(findings, selection, brief, stated_names)
        if question.id not in asked_ids
    ]
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
    if "work" not in stated_names:
        yield format_message(language, "note_no_work")
    for _, phase in selection.unplaced:
        items = _join([item.title for item in phase.items])
        yield format_message(language, "note_unplaced", name=phase.name, items=items)
    unread = [(phase.name, "; ".join(item.title for item in phase.items)) for phase in selection.unread]
    lists = {
        "unread": _join([f"“{name}” ({shorten(items, 100)})" for name, items in unread]),
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


def _list_questions(
    findings: Findings, selection: Selection, brief: Brief, stated_names: Collection[str]
) -> Iterator[_Asked]:
    """Yield the questions that can be asked about a brief, the most important first."""
    language, answers = findings.language, brief.answers
    names = [shorten(phase.name, 200) for phase in selection.candidates][:OPTIONS_MAX]
    none = format_message(language, "none_of_these")
    is_listed = findings.phases or findings.beside or findings.unread
    key = "ask_phases" if findings.are_stated else "ask_sections" if is_listed else "ask_generic"
    yield _Asked("phases", "multi_choice", [*dict.fromkeys(names), none], key)
    if none in (answers.get("phases") or ()):
        yield _Asked("phase_names")
    limits = list_messages(language, "limits")
    chosen = [str(option) for option in answers.get("limits") or () if option != limits[-1]]
    unclear, past = ", ".join(findings.unclear[:PER_KIND]), max(findings.past, default=None)
    key = "ask_unclear" if unclear else "ask_past" if past else "ask_deadline"
    about = [
        _Asked("work"),
        _Asked("deadline", "date", key=key, values={"day": unclear or past}),
        _Asked("goal", values={"name": brief.name}),
        *_ask_content(findings, selection, stated_names),
        _Asked("start", "date"),
        _Asked("audience"),
        _Asked("limits", "multi_choice", limits),
        *([_Asked("limits_detail", values={"chosen": ", ".join(chosen)})] if chosen else ()),
        _Asked("success"),
        _Asked("risks"),
    ]
    yield from (question for question in about if question.id not in stated_names)
    items = [item for _, phase in selection.phases for item in phase.items if not phase.is_bare]
    titles = list(dict.fromkeys(shorten(item.title, 200) for item in items))[:8]
    if len(titles) > 2:
        yield _Asked("first", "single_choice", titles)
        if (first := answers.get("first")) is not None:
            yield _Asked("later", "multi_choice", [title for title in titles if title != first])


def _ask_content(findings: Findings, selection: Selection, stated_names: Collection[str]) -> Iterator[_Asked]:
    language = findings.language
    names = [phase.name for number, phase in selection.phases if number != 99][:OPTIONS_MAX]
    options = [*names, *list_messages(language, "own_phase"), *list_messages(language, "leave_out")]
    beside = [*selection.unplaced, *(entry for entry in selection.phases if entry[0] == 99)]
    for number, phase in beside[:PER_KIND] if names else ():
        values = {"name": phase.name, "count": len(phase.items)}
        yield _Asked(f"place_{number}", "single_choice", options, "ask_place", values)
    bare = [entry for entry in selection.phases if entry[1].is_bare]
    for number, phase in bare[:PER_KIND]:
        yield _Asked(f"work_{number}", key="ask_work_in", values={"name": phase.name})
    untimed = [entry for entry in selection.phases if entry[1].days is None and entry[1].period is None]
    for number, phase in untimed[:PER_KIND] if "phases" in stated_names else ():
        yield _Asked(f"weeks_{number}", "number", key="ask_weeks", values={"name": phase.name})
    for place, text in enumerate(dict.fromkeys(findings.facts.get("questions", ()))):
        yield _Asked(f"decision_{place}", key="ask_decision", values={"text": shorten(text, 200)})
