"""Answers: each must have the format of its question. Errors have the question's id."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date

from stellary.contract.limits import Length
from stellary.contract.wire import invalid
from stellary.contract.wizard import ANSWER_MAX, Question, QuestionFormat

_UNKNOWN = "must be an answer to a question of this draft"
_REQUIRED: Mapping[QuestionFormat, str] = {
    "text": "must be a string",
    "single_choice": "must be a string",
    "multi_choice": "must be a list",
    "number": "must be a number",
    "date": "must be an ISO 8601 date",
}
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
        value, problem = _check_answer(answer, question) if question else (None, _UNKNOWN)
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


def _check_answer(answer: object, question: Question) -> tuple[object, str | None]:
    """Return an answer in its stored form, and the problem if there is one."""
    match question.format, answer:
        case "text", str():
            problem = Length(1, ANSWER_MAX).problem(answer) if answer.strip() else "must not be blank"
            return answer.strip(), problem
        case "single_choice", _:
            return answer, _find_option_problem(answer, question.options)
        case "multi_choice", list():
            for place, option in enumerate(answer):
                twice = "must not be given twice" if option in answer[:place] else None
                if problem := _find_option_problem(option, question.options) or twice:
                    return None, f"[{place}] {problem}"
            return answer, None
        case "number", int() | float() if not isinstance(answer, bool) and math.isfinite(answer):
            return answer, _find_bound_problem(answer, question.min, question.max)
        case "date", str() if _DATE.fullmatch(answer):
            with suppress(ValueError):
                return date.fromisoformat(answer).isoformat(), None
    return None, _REQUIRED[question.format]


def _find_option_problem(answer: object, options: Sequence[str]) -> str | None:
    return None if answer in options else "must be one of " + ", ".join(options)


def _find_bound_problem(answer: float, low: int | None, high: int | None) -> str | None:
    if (low is None or low <= answer) and (high is None or answer <= high):
        return None
    if high is None:
        return f"must be {low} or more"
    return f"must be at most {high}" if low is None else f"must be {low} to {high}"
