"""Drafts: framing, refinement by questions, and roadmaps. Section AI Project Wizard of the API reference.

A planner may be slow, so it is called without an open transaction. Its result is written if the draft still has the
version that the planner received.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from typing import TypeVar

import attrs
from sqlalchemy import Boolean, bindparam, delete, insert, literal_column, or_, select

from stellary.contract.documents import GetDocument
from stellary.contract.endpoint import Ok, Policy
from stellary.contract.errors import Conflict, NotFound
from stellary.contract.limits import Length
from stellary.contract.model_usage import NO_USAGE, ModelUsage
from stellary.contract.refs import DocumentRef, DraftRef, WorkspaceRef
from stellary.contract.wire import Listing, Paged, Request, invalid, read
from stellary.contract.wizard import (
    ANSWER_MAX,
    BRIEF_MAX,
    CREATE_PROJECT_DRAFT,
    DELETE_PROJECT_DRAFT,
    DOCUMENTS_MAX,
    EDIT_ROADMAP,
    FEEDBACKS_MAX,
    GENERATE_ROADMAP,
    GET_PROJECT_DRAFT,
    LIST_PROJECT_DRAFTS,
    REFINE_PROJECT_DRAFT,
    ContextDocument,
    CreateProjectDraft,
    DraftSummary,
    EditRoadmap,
    GenerateRoadmap,
    ProjectDraft,
    Question,
    QuestionFormat,
    RefineProjectDraft,
    Roadmap,
)
from stellary.core.accounts import access as accounts_access
from stellary.core.board.rules.references import unknown
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.model_usage import WorkspaceAccount
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import Actor, Prepare, UnitOfWork, serves
from stellary.core.kernel.units import Units
from stellary.core.kernel.writes import delete_row
from stellary.core.knowledge.documents import get_document
from stellary.core.ports.planner import Brief, Refinement, Text
from stellary.core.wizard import access, planning, rows
from stellary.core.wizard.planning import DraftChange, PlanTask
from stellary.core.wizard.row_types import DraftRow, ListedDraftRow
from stellary.core.wizard.rules import edits, fitting, stages
from stellary.core.wizard.rules.edits import OPERATION_NAMES
from stellary.core.wizard.tables import drafts

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


Q = TypeVar("Q", bound=Request)
_LIST = Pages(
    ListedDraftRow,
    select(*rows.SUMMARY).where(
        is_given(drafts.c.workspace_id),
        or_(
            drafts.c.visibility == literal_column("'workspace'"),
            is_given(drafts.c.created_by_id, "user_id"),
            bindparam("_sees_all", type_=Boolean),
        ),
    ),
    drafts.c.id,
    newest_first=True,
)
_INSERT = Query(DraftRow, insert(drafts).returning(*rows.COLUMNS))
_THIS = is_given(drafts.c.id)
_EDITS = select(drafts.c.edits).where(_THIS)
_DELETE = delete(drafts).where(_THIS)
_NO_FEEDBACK = f"needs a language model, which is not configured: use PATCH {EDIT_ROADMAP.path} with the operations {OPERATION_NAMES}"


# ---------------------------------------------------------------------------------------------- framing


@attrs.frozen
class Framing:
    """The texts of a new draft, and the planner's first questions about them."""

    documents: list[ContextDocument]
    refinement: Refinement
    usage: ModelUsage


def _prepare_framing(
    units: Units, actor: Actor, ref: WorkspaceRef, request: CreateProjectDraft
) -> Framing | None:
    if planning.is_deferred(units.env):
        return None
    documents: list[ContextDocument] = []
    if request.document_ids:
        with units.read(actor) as uow:
            documents = _read_documents(uow, ref, request)

    def find_workspace_id() -> str:
        with units.read(actor) as uow, uow.checking(CREATE_PROJECT_DRAFT.policy):
            return accounts_access.workspace(uow, ref).row.id

    return _frame(WorkspaceAccount(units, find_workspace_id, "draft"), units.env, request, documents)


def _read_documents(uow: UnitOfWork, ref: WorkspaceRef, request: CreateProjectDraft) -> list[ContextDocument]:
    """Return the documents of the workspace that a request names, in their current version."""
    documents = []
    for place, id in enumerate(dict.fromkeys(request.document_ids or ())):
        try:
            document = get_document(uow, ref.child(DocumentRef, id), GetDocument(content_format="markdown"))
        except NotFound:
            raise unknown(f"documentIds[{place}]") from None
        documents.append(ContextDocument(title=document.title, content=document.content))
    return documents


def _frame(
    account: WorkspaceAccount,
    env: Environment,
    request: CreateProjectDraft,
    stored: Sequence[ContextDocument],
) -> Framing:
    documents = _collect_documents(request, stored)
    texts = [Text("", request.description or ""), *(Text(text.title, text.content) for text in documents)]
    brief = Brief(request.name, texts, env.clock().date(), account=account)
    return Framing(documents, env.planner.refine(brief, 1), account.usage)


def _collect_documents(
    request: CreateProjectDraft, stored: Sequence[ContextDocument]
) -> list[ContextDocument]:
    """Return the documents of a request, and those of the workspace that it names.

    Raises:
        Invalid: There are too many, or they are too long.
    """
    documents = [
        ContextDocument(title=document.title or "", content=document.content)
        for document in request.context_documents or ()
    ]
    documents += stored
    if len(documents) > DOCUMENTS_MAX:
        raise invalid(
            ("documentIds", f"must not be more than {DOCUMENTS_MAX} together with contextDocuments")
        )
    if len(request.description or "") + sum(len(text.content) for text in documents) > BRIEF_MAX:
        raise invalid(
            (
                "contextDocuments",
                f"must not have more than {BRIEF_MAX} characters together with the description",
            )
        )
    return documents


@serves(CREATE_PROJECT_DRAFT, prepare=_prepare_framing)
def create_project_draft(
    uow: UnitOfWork, ref: WorkspaceRef, request: CreateProjectDraft, prepared: Framing | None = None
) -> ProjectDraft:
    """Create a draft with its first questions.

    Args:
        uow: The unit.
        ref: The workspace.
        request: The brief.
        prepared: The result of the planner, if it was called before the unit.

    Raises:
        Invalid: The texts are too long together, or a document does not exist.
        Unavailable: The planner does not answer.
    """
    workspace = accounts_access.workspace(uow, ref).row
    framing, is_deferred = prepared, planning.is_deferred(uow.env)
    if framing is None:
        stored = _read_documents(uow, ref, request)
        if is_deferred:
            framing = Framing(_collect_documents(request, stored), Refinement([], 0, []), NO_USAGE)
        else:
            account = WorkspaceAccount(uow, partial(str, workspace.id), "draft")
            framing = _frame(account, uow.env, request, stored)
    questions = fitting.fit_questions(framing.refinement.questions, (), 1)
    row = {
        "id": uow.new_id(),
        "workspace_id": workspace.id,
        "name": request.name,
        "description": request.description or None,
        "context_documents": rows.to_json(framing.documents),
        "stage": "planning" if is_deferred else "framing",
        "round": 1 if questions else 0,
        "asked": rows.to_json(questions),
        "open_ids": [question.id for question in questions],
        "answers": {},
        **planning.to_readiness(framing.refinement, 0),
        "roadmap": None,
        "feedback": [],
        "usage": rows.to_json(framing.usage) if framing.usage.calls else None,
        "visibility": request.visibility,
        "project_id": None,
        "created_by_id": uow.user_id,
        "version": 1,
        "created_at": uow.now,
        "updated_at": uow.now,
    }
    draft = _INSERT.one(uow.connection, row)
    if is_deferred:
        return planning.defer(uow, ref.child(DraftRef, draft.id), draft, PlanTask("framing"))
    return rows.draft(draft)


@serves(LIST_PROJECT_DRAFTS)
def list_project_drafts(uow: UnitOfWork, ref: WorkspaceRef, request: Paged) -> Listing[DraftSummary]:
    """Return the drafts of a workspace that the caller sees, newest first."""
    roles = accounts_access.workspace(uow, ref).roles
    sees_all = roles.grants("ws_admin")
    return _LIST.fetch(
        uow,
        request,
        rows.summary,
        _workspace_id=roles.workspace_id,
        _user_id=roles.user_id,
        _sees_all=sees_all,
    )


@serves(GET_PROJECT_DRAFT)
def get_project_draft(uow: UnitOfWork, ref: DraftRef) -> ProjectDraft:
    """Return one draft."""
    draft = rows.draft(access.draft(uow, ref).row)
    if draft.stage == "planning":
        uow.unfinished = ref.path(), None
    return draft


@serves(DELETE_PROJECT_DRAFT)
def delete_project_draft(uow: UnitOfWork, ref: DraftRef) -> Ok:
    """Delete a draft, and stop its planner. A project that was created from it is kept."""
    row = access.draft(uow, ref).row
    uow.require_version(row.version)
    delete_row(uow, _DELETE, {"_id": row.id}, "Project draft")
    return Ok()


# ---------------------------------------------------------------------------------------------- refinement


def _prepare(policy: Policy, read_task: Callable[[Environment, DraftRow, Q], PlanTask | None]) -> Prepare:
    """Return the step before the unit of a request: it calls the planner, unless a job does, or there is nothing to plan."""

    def prepare(units: Units, actor: Actor, ref: DraftRef, request: Q) -> DraftChange | None:
        if planning.is_deferred(units.env):
            return None
        with units.read(actor) as uow, uow.checking(policy):
            row = access.draft(uow, ref).row
        task = read_task(units.env, row, request)
        return None if task is None else planning.call_planner(units, row, task)

    return prepare


def _read_answers(env: Environment, row: DraftRow, request: RefineProjectDraft) -> PlanTask | None:
    """Return the task of the planner; None without answers."""
    stages.find_next(row.stage, "answer" if request.answers else "look")
    if not request.answers:
        return None
    return PlanTask("refinement", check_answers(request.answers, rows.read_questions(row), row.open_ids))


@serves(REFINE_PROJECT_DRAFT, prepare=_prepare(REFINE_PROJECT_DRAFT.policy, _read_answers))
def refine_project_draft(
    uow: UnitOfWork, ref: DraftRef, request: RefineProjectDraft, prepared: DraftChange | None = None
) -> ProjectDraft:
    """Store answers, and return the questions of the next round, of four at most.

    Args:
        uow: The unit.
        ref: The draft.
        request: The answers.
        prepared: The result of the planner, if it was called before the unit.

    Raises:
        Invalid: An answer belongs to no question, or is not of its format.
        Conflict: The draft was executed, or changed since the planner received it.
        Unavailable: The planner does not answer.
    """
    row = access.draft(uow, ref).row
    task = _read_answers(uow.env, row, request)
    if task is None:
        stage = stages.find_next(row.stage, "look")
        return (
            planning.write_change(uow, row, DraftChange(row.version, {"stage": stage}))
            if stage != row.stage
            else rows.draft(row)
        )
    return _plan(uow, ref, row, task, prepared)


def _plan(
    uow: UnitOfWork, ref: DraftRef, row: DraftRow, task: PlanTask, prepared: DraftChange | None
) -> ProjectDraft:
    if planning.is_deferred(uow.env):
        return planning.defer(uow, ref, row, task)
    return planning.write_change(uow, row, prepared or planning.call_planner(uow, row, task))


# ---------------------------------------------------------------------------------------------- roadmap


def _read_feedback(env: Environment, row: DraftRow, request: GenerateRoadmap) -> PlanTask:
    stages.find_next(row.stage, "generate")
    if request.feedback and not getattr(env.planner, "reads_feedback", True):
        raise invalid(("feedback", _NO_FEEDBACK))
    if request.feedback and len(row.feedback) >= FEEDBACKS_MAX:
        raise Conflict(f"a draft accepts feedback at most {FEEDBACKS_MAX} times", code="feedback_full")
    return PlanTask("roadmap", feedback=request.feedback or None)


@serves(GENERATE_ROADMAP, prepare=_prepare(GENERATE_ROADMAP.policy, _read_feedback))
def generate_roadmap(
    uow: UnitOfWork, ref: DraftRef, request: GenerateRoadmap, prepared: DraftChange | None = None
) -> ProjectDraft:
    """Generate the roadmap, or generate it again.

    Args:
        uow: The unit.
        ref: The draft.
        request: The feedback on the current roadmap.
        prepared: The result of the planner, if it was called before the unit.

    Raises:
        Invalid: The planner reads no feedback.
        Conflict: The draft was executed, or changed since the planner received it.
        Unavailable: The planner does not answer.
    """
    row = access.draft(uow, ref).row
    return _plan(uow, ref, row, _read_feedback(uow.env, row, request), prepared)


# ---------------------------------------------------------------------------------------------- edits


@serves(EDIT_ROADMAP)
def edit_roadmap(uow: UnitOfWork, ref: DraftRef, request: EditRoadmap) -> ProjectDraft:
    """Change the roadmap by the ids of its parts, as one step, or undo the last step.

    Args:
        uow: The unit.
        ref: The draft.
        request: The operations.

    Raises:
        Invalid: An operation is not possible.
        Conflict: The draft has no roadmap, was executed or changed by another request, or there is nothing to undo.
        PreconditionFailed: The draft does not have the version in ``If-Match``.
    """
    row = access.draft(uow, ref).row
    uow.require_version(row.version)
    stages.find_next(row.stage, "edit")
    roadmap = rows.read_roadmap(row)
    assert roadmap is not None
    steps = list(uow.connection.execute(_EDITS, {"_id": row.id}).scalar_one())
    changes: dict[str, object] = {}
    if [operation.type for operation in request.operations] != ["undo"]:
        roadmap, step = edits.edit_roadmap(roadmap, request.operations, row.version + 1)
        steps = edits.fit_steps([*steps, step])
    elif not steps:
        raise Conflict("there is nothing to undo", code="nothing_to_undo")
    elif "order" in (step := steps.pop()):
        roadmap = edits.undo_step(roadmap, step)
    else:
        roadmap, changes = read(Roadmap, step["roadmap"]), {"feedback": step["feedback"]}
    changes |= {"roadmap": rows.to_json(roadmap), "edits": steps}
    return planning.write_change(uow, row, DraftChange(row.version, changes))
