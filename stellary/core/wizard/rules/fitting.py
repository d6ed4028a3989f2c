"""Fitting: adapts the results of a planner to the limits of the API and of a project."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import get_args

from stellary.contract.cards import DESCRIPTION_MAX, TITLE_MAX, Priority
from stellary.contract.checklists import CHECKLIST_MAX
from stellary.contract.fields import replace_fields
from stellary.contract.jsonic import character_problem
from stellary.contract.project_imports import CARDS_MAX, COLUMNS_MAX
from stellary.contract.wizard import (
    DAYS_MAX,
    QUESTIONS_MAX,
    Deliverable,
    NotUnderstood,
    Phase,
    Question,
    QuestionFormat,
    Roadmap,
)

NAME_MAX = 100
NOTES_MAX = 50
NOTE_MAX = 1_000
QUESTION_MAX = 500
OPTIONS_MAX = 20
ID_MAX = 50


def shorten(text: str, most: int) -> str:
    """Return a text on one line, cut between words if possible.

    Args:
        text: The text.
        most: The maximum number of characters.
    """
    text = " ".join(_clean(text[: 4 * most]).split()) if len(text) > most else " ".join(_clean(text).split())
    if len(text) <= most:
        return text
    head = text[: most - 1]
    between = head.rfind(" ")
    return (head[:between] if between > most // 2 else head).rstrip(" ,;:.\u2013-") + "…"


def _clean(text: str) -> str:
    if character_problem(text) is None:
        return text
    return text.replace("\0", " ").encode("utf-8", "replace").decode()


def _body(text: str | None) -> str | None:
    if text is None or not (text := _clean(text).strip()):
        return None
    return text if len(text) <= DESCRIPTION_MAX else text[: DESCRIPTION_MAX - 1] + "…"


def fit_roadmap(roadmap: Roadmap) -> Roadmap:
    """Return a roadmap within the limits of the API and of a project. Its notes list omitted parts."""
    before = sum(len(phase.deliverables) for phase in roadmap.phases)
    phases = list(_fit_phases(roadmap.phases))
    after = sum(len(phase.deliverables) for phase in phases)
    notes = [shorten(note, NOTE_MAX) for note in roadmap.notes if note.strip()][: NOTES_MAX - 1]
    if before > after:
        notes.append(
            f"{after} of {before} deliverables: a project is created with at most {CARDS_MAX} cards."
        )
    refused = [
        NotUnderstood(text=shorten(part.text, NOTE_MAX), reason=shorten(part.reason, NOTE_MAX))
        for part in roadmap.not_understood[:NOTES_MAX]
    ]
    days = max([1, *(phase.end_day + 1 for phase in phases)])
    return replace_fields(roadmap, days=days, phases=phases, notes=notes, not_understood=refused)


def _fit_phases(phases: Sequence[Phase]) -> Iterator[Phase]:
    remaining = CARDS_MAX
    for place, phase in enumerate(phases[:COLUMNS_MAX]):
        deliverables = [fit for item in phase.deliverables[:remaining] if (fit := _fit_deliverable(item))]
        remaining -= len(deliverables)
        start = _day(phase.start_day)
        yield Phase(
            name=shorten(phase.name, NAME_MAX) or str(place + 1),
            description=_body(phase.description),
            start_day=min([start, *(item.start_day for item in deliverables)]),
            end_day=max([start, _day(phase.end_day), *(item.end_day for item in deliverables)]),
            deliverables=deliverables,
        )


def _fit_deliverable(item: Deliverable) -> Deliverable | None:
    title = shorten(item.title, TITLE_MAX)
    if not title:
        return None
    start = _day(item.start_day)
    return Deliverable(
        title=title,
        description=_body(item.description),
        priority=item.priority if item.priority in get_args(Priority) else None,
        checklist=[step for text in item.checklist if (step := shorten(text, TITLE_MAX))][:CHECKLIST_MAX],
        start_day=start,
        end_day=max(start, _day(item.end_day)),
    )


def _day(day: int) -> int:
    return min(max(0, day), DAYS_MAX)


def fit_questions(questions: Iterable[Question], earlier_ids: Collection[str], round: int) -> list[Question]:
    """Return the valid questions of a round: with a new id, a text, and options for a choice.

    Args:
        questions: The questions of a planner.
        earlier_ids: The ids of the questions of earlier rounds.
        round: The number of the round.
    """
    by_id: dict[str, Question] = {}
    for question in questions:
        options = list(dict.fromkeys(text for option in question.options if (text := shorten(option, 200))))
        is_choice = question.format in ("single_choice", "multi_choice")
        is_valid = (
            question.format in get_args(QuestionFormat)
            and question.text.strip()
            and (len(options) > 1 or not is_choice)
        )
        id = question.id[:ID_MAX]
        if not is_valid or not id or id in earlier_ids or id in by_id or len(by_id) == QUESTIONS_MAX:
            continue
        text, options = shorten(question.text, QUESTION_MAX), options[:OPTIONS_MAX] if is_choice else []
        by_id[id] = replace_fields(question, id=id, text=text, options=options, round=round)
    return list(by_id.values())
