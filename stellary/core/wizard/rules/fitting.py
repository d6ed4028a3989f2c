"""Fitting: whatever a planner says is made to keep the limits of the wire and of a project."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import get_args

from stellary.contract.cards import DESCRIPTION_MAX, TITLE_MAX, Priority
from stellary.contract.checklists import CHECKLIST_MAX
from stellary.contract.jsonic import character_problem
from stellary.contract.project_imports import CARDS_MAX, COLUMNS_MAX
from stellary.contract.wizard import (
    QUESTIONS_MAX,
    Deliverable,
    NotUnderstood,
    Phase,
    Question,
    QuestionFormat,
    Roadmap,
)

NAME_MAX = 100
DAYS_MAX = 36_500
NOTES_MAX = 50
NOTE_MAX = 1_000
QUESTION_MAX = 500
OPTIONS_MAX = 20
ID_MAX = 50


def shortened(text: str, most: int) -> str:
    """A text on one line, cut between words where that is possible."""
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


def fitted(roadmap: Roadmap) -> Roadmap:
    """A roadmap that can be told, and be made a project of; what is too much is left out, and told in its notes."""
    wanted = sum(len(phase.deliverables) for phase in roadmap.phases)
    phases = list(_phases(roadmap.phases))
    kept = sum(len(phase.deliverables) for phase in phases)
    notes = [shortened(note, NOTE_MAX) for note in roadmap.notes if note.strip()][: NOTES_MAX - 1]
    if wanted > kept:
        notes.append(f"{kept} of {wanted} deliverables: a project is made with {CARDS_MAX} cards at most.")
    return Roadmap(
        start_date=roadmap.start_date,
        days=max([1, *(phase.end_day + 1 for phase in phases)]),
        phases=phases,
        notes=notes,
        not_understood=[
            NotUnderstood(text=shortened(each.text, NOTE_MAX), reason=shortened(each.reason, NOTE_MAX))
            for each in roadmap.not_understood[:NOTES_MAX]
        ],
    )


def _phases(phases: Sequence[Phase]) -> Iterator[Phase]:
    left = CARDS_MAX
    for place, phase in enumerate(phases[:COLUMNS_MAX]):
        deliverables = [made for each in phase.deliverables[:left] if (made := _deliverable(each))]
        left -= len(deliverables)
        start = _day(phase.start_day)
        yield Phase(
            name=shortened(phase.name, NAME_MAX) or str(place + 1),
            description=_body(phase.description),
            start_day=min([start, *(each.start_day for each in deliverables)]),
            end_day=max([start, _day(phase.end_day), *(each.end_day for each in deliverables)]),
            deliverables=deliverables,
        )


def _deliverable(made: Deliverable) -> Deliverable | None:
    title = shortened(made.title, TITLE_MAX)
    if not title:
        return None
    start = _day(made.start_day)
    return Deliverable(
        title=title,
        description=_body(made.description),
        priority=made.priority if made.priority in get_args(Priority) else None,
        checklist=[step for each in made.checklist if (step := shortened(each, TITLE_MAX))][:CHECKLIST_MAX],
        start_day=start,
        end_day=max(start, _day(made.end_day)),
    )


def _day(day: int) -> int:
    return min(max(0, day), DAYS_MAX)


def fitted_questions(questions: Iterable[Question], asked: Collection[str], round: int) -> list[Question]:
    """The questions of a round, as many as are good: with an id of their own, a text, and options where they are chosen."""
    made: dict[str, Question] = {}
    for each in questions:
        options = list(dict.fromkeys(text for said in each.options if (text := shortened(said, 200))))[
            :OPTIONS_MAX
        ]
        chosen = each.format in ("single_choice", "multi_choice")
        good = (
            each.format in get_args(QuestionFormat) and each.text.strip() and (len(options) > 1 or not chosen)
        )
        id = each.id[:ID_MAX]
        if not good or not id or id in asked or id in made or len(made) == QUESTIONS_MAX:
            continue
        made[id] = Question(
            id=id,
            text=shortened(each.text, QUESTION_MAX),
            format=each.format,
            options=options if chosen else [],
            required=each.required,
            min=each.min,
            max=each.max,
            round=round,
        )
    return list(made.values())
