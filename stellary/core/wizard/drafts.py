"""Drafts: framed, refined by questions, planned and executed. Section AI Project Wizard of the API reference.

A planner may take its time, so it is asked with no transaction open; what it has said is written if the draft is still
the one that it was told about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from sqlalchemy import Row, bindparam, delete, insert, select, update

from stellary.contract.documents import GetDocument
from stellary.contract.endpoint import Ok, Policy
from stellary.contract.errors import Conflict, NotFound
from stellary.contract.paging import Listing, Paged
from stellary.contract.refs import DocumentRef, DraftRef, WorkspaceRef
from stellary.contract.wire import invalid
from stellary.contract.wizard import (
    BRIEF_MAX,
    CREATE_PROJECT_DRAFT,
    DELETE_PROJECT_DRAFT,
    DOCUMENTS_MAX,
    FEEDBACKS_MAX,
    GENERATE_ROADMAP,
    GET_PROJECT_DRAFT,
    LIST_PROJECT_DRAFTS,
    REFINE_PROJECT_DRAFT,
    ROUNDS_MAX,
    ContextDocument,
    CreateProjectDraft,
    DraftSummary,
    GenerateRoadmap,
    ProjectDraft,
    RefineProjectDraft,
)
from stellary.core.accounts import access as accounts_access
from stellary.core.board.rules.references import unknown
from stellary.core.db.row_types import RowType
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import Actor, UnitOfWork, serves
from stellary.core.kernel.units import Units
from stellary.core.knowledge.documents import get_document
from stellary.core.ports.planner import Brief, Refinement, Text
from stellary.core.wizard import access, rows
from stellary.core.wizard.rules import answers as answer_rules
from stellary.core.wizard.rules import fitting, stages
from stellary.core.wizard.tables import drafts

_LIST: Pages[Any] = Pages(
    RowType,
    select(*rows.SUMMARY).where(drafts.c.workspace_id == bindparam("_workspace_id")),
    drafts.c.id,
    newest_first=True,
)
_INSERT = insert(drafts).returning(*drafts.c)
_THIS = drafts.c.id == bindparam("_id")
_CHANGE = update(drafts).where(_THIS, drafts.c.version == bindparam("_version")).returning(*drafts.c)
_DELETE = delete(drafts).where(_THIS)


@attrs.frozen
class Thought:
    """What is to become of a draft, thought of when it had that version."""

    version: int
    changes: dict[str, Any]


# ---------------------------------------------------------------------------------------------- framing


@attrs.frozen
class Framed:
    """The texts of a draft to be, and how ready they are."""

    documents: list[ContextDocument]
    found: Refinement


def _frame(units: Units, actor: Actor, ref: WorkspaceRef, request: CreateProjectDraft) -> Framed:
    documents: list[ContextDocument] = []
    if request.document_ids:
        with units.read(actor) as uow:
            documents = _from_knowledge(uow, ref, request)
    return _framed(units.env, request, documents)


def _from_knowledge(uow: UnitOfWork, ref: WorkspaceRef, request: CreateProjectDraft) -> list[ContextDocument]:
    """The documents that are named, as somebody who may read them sees them now."""
    made = []
    for place, id in enumerate(dict.fromkeys(request.document_ids or ())):
        try:
            document = get_document(uow, ref.child(DocumentRef, id), GetDocument(content_format="markdown"))
        except NotFound:
            raise unknown(f"documentIds[{place}]") from None
        made.append(ContextDocument(title=document.title, content=document.content))
    return made


def _framed(env: Environment, request: CreateProjectDraft, known: Sequence[ContextDocument]) -> Framed:
    given = [
        ContextDocument(title=each.title or "", content=each.content)
        for each in request.context_documents or ()
    ]
    documents = [*given, *known]
    if len(documents) > DOCUMENTS_MAX:
        raise invalid(
            ("documentIds", f"must not be more than {DOCUMENTS_MAX} together with contextDocuments")
        )
    texts = [Text("", request.description or ""), *(Text(each.title, each.content) for each in documents)]
    if sum(len(each.content) for each in texts) > BRIEF_MAX:
        raise invalid(
            (
                "contextDocuments",
                f"must not have more than {BRIEF_MAX} characters together with the description",
            )
        )
    found = env.planner.refine(Brief(request.name, texts, env.clock().date()), 1)
    return Framed(documents, found)


@serves(CREATE_PROJECT_DRAFT, prepare=_frame)
def create_project_draft(
    uow: UnitOfWork, ref: WorkspaceRef, request: CreateProjectDraft, prepared: Framed | None = None
) -> ProjectDraft:
    """Begin a draft: its first questions are there at once.

    Raises:
        Invalid: The texts are too long together, or a document is not there.
        Unavailable: The planner does not answer.
    """
    workspace = accounts_access.workspace(uow, ref).row
    framed = prepared or _framed(uow.env, request, _from_knowledge(uow, ref, request))
    questions = fitting.fitted_questions(framed.found.questions, (), 1)
    row = {
        "id": uow.new_id(),
        "workspace_id": workspace.id,
        "name": request.name,
        "description": request.description or None,
        "context_documents": rows.stored(framed.documents),
        "stage": "framing",
        "round": 1 if questions else 0,
        "asked": rows.stored(questions),
        "open_ids": [each.id for each in questions],
        "answers": {},
        **_readiness(framed.found, 0),
        "roadmap": None,
        "feedback": [],
        "project_id": None,
        "created_by_id": uow.user_id,
        "version": 1,
        "created_at": uow.now,
        "updated_at": uow.now,
    }
    return rows.draft(uow.connection.execute(_INSERT, row).one())


def _readiness(found: Refinement, before: int) -> dict[str, Any]:
    """A score never falls, whatever the planner thinks of an answer."""
    missing = [fitting.shortened(each, fitting.NOTE_MAX) for each in found.missing][: fitting.NOTES_MAX]
    return {"readiness_score": max(before, min(found.score, 100)), "missing": missing}


@serves(LIST_PROJECT_DRAFTS)
def list_project_drafts(uow: UnitOfWork, ref: WorkspaceRef, request: Paged) -> Listing[DraftSummary]:
    """The drafts of a workspace, newest first."""
    workspace = accounts_access.workspace(uow, ref).row
    return _LIST.fetch(uow, request, rows.summary, _workspace_id=workspace.id)


@serves(GET_PROJECT_DRAFT)
def get_project_draft(uow: UnitOfWork, ref: DraftRef) -> ProjectDraft:
    """One draft."""
    return rows.draft(access.draft(uow, ref).row)


@serves(DELETE_PROJECT_DRAFT)
def delete_project_draft(uow: UnitOfWork, ref: DraftRef) -> Ok:
    """Delete a draft; what it has become stays."""
    row = access.draft(uow, ref).row
    uow.require_version(row.version)
    uow.connection.execute(_DELETE, {"_id": row.id})
    return Ok()


# ---------------------------------------------------------------------------------------------- refinement


def _refine(units: Units, actor: Actor, ref: DraftRef, request: RefineProjectDraft) -> Thought:
    return _refined(units.env, _seen(units, actor, ref, REFINE_PROJECT_DRAFT.policy), request)


def _seen(units: Units, actor: Actor, ref: DraftRef, policy: Policy) -> Row[Any]:
    with units.read(actor) as uow, uow.checking(policy):
        row: Row[Any] = access.draft(uow, ref).row
        return row


def _refined(env: Environment, row: Row[Any], request: RefineProjectDraft) -> Thought:
    said = request.answers or {}
    stage = stages.after(row.stage, "answer" if said else "look")
    if not said:
        return Thought(row.version, {"stage": stage} if stage != row.stage else {})
    asked = rows.asked(row)
    kept = answer_rules.checked(said, asked, row.open_ids)
    answers = {**row.answers, **kept}
    closed = not kept.keys().isdisjoint(row.open_ids)
    found = env.planner.refine(rows.brief(row, answers), row.round + 1)
    changes = {"stage": stage, "answers": answers, "roadmap": None, **_readiness(found, row.readiness_score)}
    if closed:
        questions = []
        if row.round < ROUNDS_MAX:
            questions = fitting.fitted_questions(found.questions, {each.id for each in asked}, row.round + 1)
        changes |= {
            "round": row.round + bool(questions),
            "asked": rows.stored([*asked, *questions]),
            "open_ids": [each.id for each in questions],
        }
    return Thought(row.version, changes)


@serves(REFINE_PROJECT_DRAFT, prepare=_refine)
def refine_project_draft(
    uow: UnitOfWork, ref: DraftRef, request: RefineProjectDraft, prepared: Thought | None = None
) -> ProjectDraft:
    """Take answers, and ask on: at most four rounds.

    Raises:
        Invalid: An answer is to no question, or not of its format.
        Conflict: The draft was executed, or changed meanwhile.
        Unavailable: The planner does not answer.
    """
    row = access.draft(uow, ref).row
    return _written(uow, row, prepared or _refined(uow.env, row, request))


def _written(uow: UnitOfWork, row: Row[Any], thought: Thought) -> ProjectDraft:
    if not thought.changes and thought.version == row.version:
        return rows.draft(row)
    written = {
        **thought.changes,
        "version": thought.version + 1,
        "updated_at": uow.now,
        "_id": row.id,
        "_version": thought.version,
    }
    after = uow.connection.execute(_CHANGE, written).first()
    if after is None:
        raise Conflict("the draft was changed meanwhile: look at it again", code="draft_changed")
    return rows.draft(after)


# ---------------------------------------------------------------------------------------------- roadmap


def _plan(units: Units, actor: Actor, ref: DraftRef, request: GenerateRoadmap) -> Thought:
    return _planned(units.env, _seen(units, actor, ref, GENERATE_ROADMAP.policy), request)


def _planned(env: Environment, row: Row[Any], request: GenerateRoadmap) -> Thought:
    stage = stages.after(row.stage, "generate")
    feedback = [*row.feedback, request.feedback] if request.feedback else row.feedback
    if len(feedback) > FEEDBACKS_MAX:
        raise Conflict(f"a draft takes feedback {FEEDBACKS_MAX} times at most", code="feedback_full")
    roadmap = fitting.fitted(env.planner.plan(rows.brief(row, feedback=feedback)))
    return Thought(row.version, {"stage": stage, "roadmap": rows.stored(roadmap), "feedback": feedback})


@serves(GENERATE_ROADMAP, prepare=_plan)
def generate_roadmap(
    uow: UnitOfWork, ref: DraftRef, request: GenerateRoadmap, prepared: Thought | None = None
) -> ProjectDraft:
    """Make the roadmap, or make it again.

    Raises:
        Conflict: The draft was executed, or changed meanwhile.
        Unavailable: The planner does not answer.
    """
    row = access.draft(uow, ref).row
    return _written(uow, row, prepared or _planned(uow.env, row, request))
