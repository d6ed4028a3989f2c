"""Conversions of a draft's row: to the value of the API, and to the brief of a planner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orjson import Fragment

from stellary.contract.wire import dump, read, wire_fields
from stellary.contract.wizard import (
    ContextDocument,
    DraftAnswer,
    DraftSummary,
    ProjectDraft,
    Question,
    Roadmap,
)
from stellary.core.kernel.model_usage import read_usage
from stellary.core.ports.llm import ModelAccount
from stellary.core.ports.planner import Brief, Text
from stellary.core.wizard.row_types import DraftRow, ListedDraftRow
from stellary.core.wizard.rules.edits import assign_ids
from stellary.core.wizard.tables import drafts

_SUMMARY = [field.name for field in wire_fields(DraftSummary).values()]
SUMMARY = tuple(drafts.c[name] for name in _SUMMARY)
COLUMNS = tuple(column for column in drafts.c if column.name != "edits")
"""All columns but the steps of ``undo``, which only edits read."""


def to_json(value: object) -> Fragment:
    """Return a value in wire format, for a JSON column."""
    return Fragment(dump(value))


def summary(row: ListedDraftRow) -> DraftSummary:
    """Return the draft of a row, without its texts."""
    return DraftSummary(**{name: getattr(row, name) for name in _SUMMARY})


def read_questions(row: DraftRow) -> list[Question]:
    """Return all questions of a draft, open or not."""
    return [read(Question, question) for question in row._mapping["asked"]]


def read_documents(row: DraftRow) -> list[ContextDocument]:
    """Return the context documents of a draft."""
    return [read(ContextDocument, document) for document in row.context_documents]


def read_roadmap(row: DraftRow) -> Roadmap | None:
    """Return the roadmap of a draft, or None before it is generated."""
    if row.roadmap is None:
        return None
    roadmap = read(Roadmap, row.roadmap)
    # Roadmaps that were generated before parts had ids.
    return roadmap if all(phase.id for phase in roadmap.phases) else assign_ids(roadmap, 0)


def draft(row: DraftRow) -> ProjectDraft:
    """Return the draft of a row."""
    questions = read_questions(row)
    return ProjectDraft(
        **{name: getattr(row, name) for name in _SUMMARY},
        description=row.description,
        context_documents=read_documents(row),
        questions=[question for question in questions if question.id in row.open_ids],
        answers=[
            DraftAnswer(
                question_id=question.id,
                text=question.text,
                format=question.format,
                value=row.answers[question.id],
            )
            for question in questions
            if question.id in row.answers
        ],
        missing=row.missing,
        roadmap=read_roadmap(row),
        feedback=row.feedback,
        usage=read_usage(row.usage),
    )


def brief(
    row: DraftRow,
    account: ModelAccount,
    answers: Mapping[str, object] | None = None,
    feedback: Sequence[str] | None = None,
) -> Brief:
    """Return a draft as a planner receives it.

    Args:
        row: The draft.
        account: Pays for calls of language models.
        answers: The answers; by default, those of the draft.
        feedback: The feedback; by default, that of the draft.
    """
    texts = [Text(document.title, document.content) for document in read_documents(row)]
    return Brief(
        name=row.name,
        texts=[Text("", row.description or ""), *texts],
        today=row.created_at.date(),
        questions=read_questions(row),
        answers=row.answers if answers is None else answers,
        feedback=row.feedback if feedback is None else feedback,
        before=read_roadmap(row),
        account=account,
    )
