"""Project drafts: from a brief to a project, by questions and a roadmap. Section AI Project Wizard of the API reference."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from stellary.contract.cards import Priority
from stellary.contract.endpoint import Ok, acts, creates, deletes, lists, reads
from stellary.contract.limits import Id, Items, Length, Name
from stellary.contract.paging import Paged
from stellary.contract.policies import DRAFT_AUTHOR, DRAFTS
from stellary.contract.projects import Project
from stellary.contract.refs import DraftRef, WorkspaceRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

DRAFT_DESCRIPTION_MAX = 100_000
DOCUMENTS_MAX = 20
DOCUMENT_MAX = 100_000
BRIEF_MAX = 200_000
"""Of the characters of the description and of all documents together."""
ROUNDS_MAX = 4
QUESTIONS_MAX = 8
"""Of a round."""
ANSWER_MAX = 5_000
FEEDBACK_MAX = 2_000
FEEDBACKS_MAX = 50
READY = 60
"""From here on a roadmap says nothing of what is missing."""

DraftStage = Literal["framing", "refinement", "roadmap", "executed"]
QuestionFormat = Literal["text", "single_choice", "multi_choice", "number", "date"]


@value
class ContextDocument(Value):
    """A text that the draft is made with, beside its description."""

    title: str
    content: str


@value
class Question(Value):
    """Something that the plan would be better for knowing.

    Attributes:
        id: What the answer is given to; it stays the same as long as the draft is there.
        format: What an answer is: a text, one of ``options``, a list of some of them, a number, an ISO 8601 date.
        options: Of a choice.
        required: Whether the round can be closed without it.
        min, max: Of a number, both included; None where there is no bound.
        round: 1 to 4.
    """

    id: str
    text: str
    format: QuestionFormat
    options: list[str]
    required: bool
    min: int | None
    max: int | None
    round: int


@value
class DraftAnswer(Value):
    """What was answered to a question; the last one, if it was answered more than once."""

    question_id: str
    text: str
    format: QuestionFormat
    value: Any


@value
class Deliverable(Value):
    """What will be a card.

    Attributes:
        checklist: The titles of its steps.
        start_day, end_day: Its first and its last day, counted from 0, which is the roadmap's ``start_date``.
    """

    title: str
    description: str | None
    priority: Priority | None
    checklist: list[str]
    start_day: int
    end_day: int


@value
class Phase(Value):
    """What will be a column.

    Attributes:
        start_day, end_day: Its first and its last day, counted from 0.
    """

    name: str
    description: str | None
    start_day: int
    end_day: int
    deliverables: list[Deliverable]


@value
class NotUnderstood(Value):
    """A part of the feedback that has changed nothing, and why not."""

    text: str
    reason: str


@value
class Roadmap(Value):
    """What the project will be.

    Attributes:
        start_date: The day 0; None for the day on which the draft is executed.
        days: How many days it takes.
        notes: What whoever reads it should know: what is missing, what does not fit.
        not_understood: What of the feedback has changed nothing.
    """

    start_date: datetime | None
    days: int
    phases: list[Phase]
    notes: list[str]
    not_understood: list[NotUnderstood]


@value
class DraftSummary(Value):
    """A draft as lists show it: without its texts.

    Attributes:
        readiness_score: 0-100; it rises with what is answered.
        project_id: What it has become; None before, and when that was deleted.
        version: Grows with each change.
    """

    id: str
    workspace_id: str
    name: str
    stage: DraftStage
    round: int
    readiness_score: int
    project_id: str | None
    created_by_id: str
    version: int
    created_at: datetime
    updated_at: datetime


@value
class ProjectDraft(DraftSummary):
    """A project to be.

    Attributes:
        round: Of the questions, 1 to 4; 0 if none was asked.
        questions: Those that are open: what ``refine`` takes answers to.
        missing: What is not known yet, in words.
        feedback: What was said to the roadmap, the oldest first; each roadmap keeps to all of it.
        version: Grows with each change; the ``ETag`` of the draft.
    """

    description: str | None
    context_documents: list[ContextDocument]
    questions: list[Question]
    answers: list[DraftAnswer]
    missing: list[str]
    roadmap: Roadmap | None
    feedback: list[str]


@request
class GivenDocument(Request):
    """A text to make the draft with: minutes of a meeting, a specification, a letter.

    Attributes:
        content: Plain text or Markdown, at most 100 000 characters.
    """

    content: Annotated[str, Length(1, DOCUMENT_MAX)]
    title: Annotated[str, Length(1, 200)] | Unset = UNSET


@request
class CreateProjectDraft(Request):
    """A brief.

    Attributes:
        name: Of the project to be, 1-100 characters.
        description: What it is about, plain text or Markdown: headings and lists are read as what they are.
        context_documents: 20 at most, and 200 000 characters together with the description.
        document_ids: Documents of the workspace's knowledge, as they are now, beside those: 20 at most in all.
    """

    name: Name
    description: Annotated[str, Length(0, DRAFT_DESCRIPTION_MAX)] | Unset | None = UNSET
    context_documents: Annotated[list[GivenDocument], Items(0, DOCUMENTS_MAX)] | Unset | None = UNSET
    document_ids: Annotated[list[Id], Items(0, DOCUMENTS_MAX)] | Unset = UNSET


@request
class RefineProjectDraft(Request):
    """Answers.

    Attributes:
        answers: By the ids of questions, those of earlier rounds too: a text, a number, one option or a list of them, an
            ISO 8601 date. Answers close the round: what is not required may be left out. Without any nothing changes.
    """

    answers: dict[str, Any] | Unset = UNSET


@request
class GenerateRoadmap(Request):
    """What the roadmap should be like.

    Attributes:
        feedback: What to change: ``add a phase for testing after Build``, ``remove …``, ``merge … and …``, ``shorter``,
            ``start on 2026-05-01``. What was said before still holds, unless it is taken back: ``undo``.
    """

    feedback: Annotated[str, Length(1, FEEDBACK_MAX)] | Unset = UNSET


@request
class ExecuteProjectDraft(Request):
    """How the project is to be made.

    Attributes:
        name: That of the draft if not given.
        start_date: That of the roadmap if not given, else today.
    """

    name: Name | Unset = UNSET
    start_date: date | Unset = UNSET


CREATE_PROJECT_DRAFT = creates(
    "project_drafts.create",
    WorkspaceRef,
    "project-drafts",
    summary="Begin a project with a brief; the answer has the first questions.",
    takes=CreateProjectDraft,
    returns=ProjectDraft,
    policy=DRAFTS,
    thinks=True,
)
LIST_PROJECT_DRAFTS = lists(
    "project_drafts.list",
    WorkspaceRef,
    "project-drafts",
    summary="List the drafts of a workspace, newest first, without their texts.",
    takes=Paged,
    item=DraftSummary,
    policy=DRAFTS,
)
GET_PROJECT_DRAFT = reads(
    "project_drafts.get",
    DraftRef,
    summary="One draft with its questions, answers and roadmap.",
    returns=ProjectDraft,
    policy=DRAFTS,
)
DELETE_PROJECT_DRAFT = deletes(
    "project_drafts.delete",
    DraftRef,
    summary="Delete a draft; a project that was made of it stays.",
    returns=Ok,
    policy=DRAFT_AUTHOR,
)
REFINE_PROJECT_DRAFT = acts(
    "project_drafts.refine",
    DraftRef,
    "refine",
    summary="Answer questions; the answer has the next ones and the readiness score. A roadmap that was there has to be generated again.",
    takes=RefineProjectDraft,
    returns=ProjectDraft,
    policy=DRAFT_AUTHOR,
    thinks=True,
)
GENERATE_ROADMAP = acts(
    "project_drafts.generate_roadmap",
    DraftRef,
    "generate-roadmap",
    summary="Generate the roadmap, or generate it again with feedback.",
    takes=GenerateRoadmap,
    returns=ProjectDraft,
    policy=DRAFT_AUTHOR,
    thinks=True,
)
EXECUTE_PROJECT_DRAFT = creates(
    "project_drafts.execute",
    DraftRef,
    "execute",
    summary="Make the project, once: phases become columns, deliverables become cards.",
    takes=ExecuteProjectDraft,
    returns=Project,
    policy=DRAFT_AUTHOR,
)
ENDPOINTS = (
    CREATE_PROJECT_DRAFT,
    LIST_PROJECT_DRAFTS,
    GET_PROJECT_DRAFT,
    DELETE_PROJECT_DRAFT,
    REFINE_PROJECT_DRAFT,
    GENERATE_ROADMAP,
    EXECUTE_PROJECT_DRAFT,
)
