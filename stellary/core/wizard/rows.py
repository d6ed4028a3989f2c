"""Rows: a draft as the wire has it, and as a planner is given it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orjson import Fragment
from sqlalchemy import Row

from stellary.contract.wire import dump, read, wire_fields
from stellary.contract.wizard import (
    ContextDocument,
    DraftAnswer,
    DraftSummary,
    ProjectDraft,
    Question,
    Roadmap,
)
from stellary.core.ports.planner import Brief, Text
from stellary.core.wizard.tables import drafts

_SUMMARY = [field.name for field in wire_fields(DraftSummary).values()]
SUMMARY = tuple(drafts.c[name] for name in _SUMMARY)


def stored(made: object) -> Fragment:
    """Something of the wire as a JSON column takes it."""
    return Fragment(dump(made))


def summary(row: Row[Any]) -> DraftSummary:
    """The draft of a row without its texts."""
    return DraftSummary(**{name: getattr(row, name) for name in _SUMMARY})


def asked(row: Row[Any]) -> list[Question]:
    """All questions that a draft was asked."""
    return [read(Question, each) for each in row.asked]


def roadmap(row: Row[Any]) -> Roadmap | None:
    """What a draft will be, if that is known."""
    return None if row.roadmap is None else read(Roadmap, row.roadmap)


def draft(row: Row[Any]) -> ProjectDraft:
    """The draft of a row."""
    questions = asked(row)
    return ProjectDraft(
        **{name: getattr(row, name) for name in _SUMMARY},
        description=row.description,
        context_documents=[read(ContextDocument, each) for each in row.context_documents],
        questions=[each for each in questions if each.id in row.open_ids],
        answers=[
            DraftAnswer(question_id=each.id, text=each.text, format=each.format, value=row.answers[each.id])
            for each in questions
            if each.id in row.answers
        ],
        missing=row.missing,
        roadmap=roadmap(row),
        feedback=row.feedback,
    )


def brief(
    row: Row[Any], answers: Mapping[str, Any] | None = None, feedback: Sequence[str] | None = None
) -> Brief:
    """A draft as a planner is given it; with other answers, or feedback, than it has as yet."""
    return Brief(
        name=row.name,
        texts=[
            Text("", row.description or ""),
            *(Text(each["title"], each["content"]) for each in row.context_documents),
        ],
        today=row.created_at.date(),
        asked=asked(row),
        answers=row.answers if answers is None else answers,
        feedback=row.feedback if feedback is None else feedback,
        before=roadmap(row),
    )
