"""Answers: each must have the format of its question. Errors have the question's id."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date

from stellary.contract.wire import invalid
from stellary.contract.wizard import ANSWER_MAX, Question, QuestionFormat

_UNKNOWN = "must be an answer to a question of this draft"
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def check_answers(
    answers: Mapping[str, object], questions: Sequence[Question], open_ids: Collection[str]
) -> dict[str, object]:
    """Return answers in the form in which they are stored.

    Args:
        answers: The answers, by the ids of questions.
        questions: All questions of the draft.
        open_ids: The ids of the open ones.

    Raises:
        Invalid: An answer belongs to no question, or is not of its format; or a required answer is missing.
    """
    by_id = {question.id: question for question in questions}
    problems: list[tuple[str, str]] = []
    checked: dict[str, object] = {}
    for id, answer in answers.items():
        question = by_id.get(id)
        value, problem = _READ[question.format](answer, question) if question else (None, _UNKNOWN)
        if problem:
            problems.append((f"answers.{id[:100]}", problem))
        else:
            checked[id] = value
    if not open_ids or answers.keys() & set(open_ids):
        problems += [
            (f"answers.{question.id}", "is required")
            for question in questions
            if question.required and question.id in open_ids and question.id not in answers
        ]
    if problems:
        raise invalid(*problems)
    return checked


Checked = tuple[object, str | None]
"""An answer in its stored form, and the problem if there is one."""


def _text(answer: object, _: Question) -> Checked:
    if not isinstance(answer, str):
        return None, "must be a string"
    if not answer.strip():
        return None, "must not be blank"
    return answer.strip(), None if len(answer) <= ANSWER_MAX else f"must be 1 to {ANSWER_MAX} characters"


def _one_of(options: Sequence[str]) -> str:
    return "must be one of " + ", ".join(options)


def _single(answer: object, question: Question) -> Checked:
    is_option = isinstance(answer, str) and answer in question.options
    return answer, None if is_option else _one_of(question.options)


def _multi(answer: object, question: Question) -> Checked:
    if not isinstance(answer, list):
        return None, "must be a list"
    for place, option in enumerate(answer):
        if not isinstance(option, str) or option not in question.options:
            return None, f"[{place}] {_one_of(question.options)}"
        if option in answer[:place]:
            return None, f"[{place}] must not be given twice"
    return answer, None


def _number(answer: object, question: Question) -> Checked:
    if isinstance(answer, bool) or not isinstance(answer, (int, float)) or not math.isfinite(answer):
        return None, "must be a number"
    low = -math.inf if question.min is None else question.min
    high = math.inf if question.max is None else question.max
    if low <= answer <= high:
        return answer, None
    if question.max is None:
        return None, f"must be {question.min} or more"
    return None, f"must be at most {high}" if question.min is None else f"must be {low} to {high}"


def _date(answer: object, _: Question) -> Checked:
    with suppress(ValueError):
        if isinstance(answer, str) and _DATE.fullmatch(answer):
            return date.fromisoformat(answer).isoformat(), None
    return None, "must be an ISO 8601 date"


_READ: Mapping[QuestionFormat, Callable[[object, Question], Checked]] = {
    "text": _text,
    "single_choice": _single,
    "multi_choice": _multi,
    "number": _number,
    "date": _date,
}
