"""Answers: each of the format of its question, told by the question's id where it is not."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any

from stellary.contract.wire import invalid
from stellary.contract.wizard import ANSWER_MAX, Question, QuestionFormat

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def checked(
    answers: Mapping[str, Any], asked: Sequence[Question], open_ids: Collection[str]
) -> dict[str, Any]:
    """Answers as they are kept.

    Args:
        answers: By the ids of questions.
        asked: All questions that were asked.
        open_ids: Which of them are open.

    Raises:
        Invalid: One is to no question, or not of its format; or a round would be closed without what it requires.
    """
    known = {question.id: question for question in asked}
    problems: list[tuple[str, str]] = []
    kept: dict[str, Any] = {}
    for id, said in answers.items():
        path = f"answers.{id[:100]}"
        question = known.get(id)
        if question is None:
            problems.append((path, "must be an answer to a question of this draft"))
            continue
        made, wrong = _READ[question.format](said, question)
        if wrong:
            problems.append((path, wrong))
        else:
            kept[id] = made
    if not open_ids or answers.keys() & set(open_ids):
        problems += [
            (f"answers.{question.id}", "is required")
            for question in asked
            if question.required and question.id in open_ids and question.id not in answers
        ]
    if problems:
        raise invalid(*problems)
    return kept


Read = tuple[Any, str | None]
"""An answer as it is kept, and what is wrong with it."""


def _text(said: Any, _: Question) -> Read:
    if not isinstance(said, str):
        return None, "must be a string"
    if not said.strip():
        return None, "must not be blank"
    return said.strip(), None if len(said) <= ANSWER_MAX else f"must be 1 to {ANSWER_MAX} characters"


def _one_of(options: Sequence[str]) -> str:
    return "must be one of " + ", ".join(options)


def _single(said: Any, question: Question) -> Read:
    return said, None if isinstance(said, str) and said in question.options else _one_of(question.options)


def _multi(said: Any, question: Question) -> Read:
    if not isinstance(said, list):
        return None, "must be a list"
    for place, each in enumerate(said):
        if not isinstance(each, str) or each not in question.options:
            return None, f"[{place}] {_one_of(question.options)}"
        if each in said[:place]:
            return None, f"[{place}] must not be given twice"
    return said, None


def _number(said: Any, question: Question) -> Read:
    if isinstance(said, bool) or not isinstance(said, (int, float)) or not math.isfinite(said):
        return None, "must be a number"
    low = -math.inf if question.min is None else question.min
    high = math.inf if question.max is None else question.max
    if low <= said <= high:
        return said, None
    if question.max is None:
        return None, f"must be {question.min} or more"
    return None, f"must be at most {high}" if question.min is None else f"must be {low} to {high}"


def _date(said: Any, _: Question) -> Read:
    if isinstance(said, str) and _DATE.fullmatch(said):
        try:
            return date.fromisoformat(said).isoformat(), None
        except ValueError:
            pass
    return None, "must be an ISO 8601 date"


_READ: Mapping[QuestionFormat, Callable[[Any, Question], Read]] = {
    "text": _text,
    "single_choice": _single,
    "multi_choice": _multi,
    "number": _number,
    "date": _date,
}
