"""Project drafts: from a brief to a project, with questions and a roadmap.

Section AI Project Wizard of the API reference.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

import attrs

from stellary.contract.cards import Priority
from stellary.contract.endpoint import Collection, creates, lists
from stellary.contract.limits import Id, Items, Length, Name, Range
from stellary.contract.model_usage import ModelUsage
from stellary.contract.policies import DRAFT_AUTHOR, DRAFTS
from stellary.contract.projects import Project
from stellary.contract.refs import DraftRef, WorkspaceRef
from stellary.contract.roles import Visibility
from stellary.contract.wire import UNSET, DatedItem, Request, Unset, Value

DRAFT_DESCRIPTION_MAX = 100_000
DOCUMENTS_MAX = 20
DOCUMENT_MAX = 100_000
BRIEF_MAX = 200_000
"""The maximum number of characters of the description and all documents together."""
ROUNDS_MAX = 4
QUESTIONS_MAX = 8
"""The maximum number of questions in a round."""
ANSWER_MAX = 5_000
FEEDBACK_MAX = 2_000
FEEDBACKS_MAX = 50
OPERATIONS_MAX = 100
"""The maximum number of operations of a request."""
DAYS_MAX = 36_500
READY = 60
"""The readiness score from which a roadmap does not mention missing information."""

DraftStage = Literal["framing", "refinement", "roadmap", "executed", "planning"]
QuestionFormat = Literal["text", "single_choice", "multi_choice", "number", "date"]
RoadmapOperationType = Literal["add", "rename", "move", "remove", "split", "set_dates", "undo"]
PartId = Annotated[str, Length(1, 40)]
PartName = Annotated[str, Length(1, 500)]
PlanDay = Annotated[int, Range(0, DAYS_MAX)]


class ContextDocument(Value):
    """A text that the draft is based on, in addition to its description."""

    title: str
    content: str


class Question(Value):
    """A question whose answer would improve the plan.

    Attributes:
        id: The id to answer it with; stable for the lifetime of the draft.
        format: The format of the answer: a text, one of ``options``, a list of some of them, a number, or an ISO 8601
            date.
        options: The choices, for a choice.
        required: Whether the round cannot be completed without an answer.
        min, max: The bounds of a number, both inclusive; None for no bound.
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


class DraftAnswer(Value):
    """The answer to a question. If a question was answered repeatedly, the latest answer."""

    question_id: str
    text: str
    format: QuestionFormat
    value: Any


class Deliverable(Value):
    """A future card.

    Attributes:
        id: The id to change it by; new in each generated roadmap.
        checklist: The titles of its checklist items.
        checklist_ids: The ids of its checklist items, in the same order.
        start_day, end_day: Its first and last day, counted from day 0, the roadmap's ``start_date``.
    """

    title: str
    description: str | None
    priority: Priority | None
    checklist: list[str]
    start_day: int
    end_day: int
    id: str = ""
    checklist_ids: list[str] = attrs.field(default=())


class Phase(Value):
    """A future column.

    Attributes:
        id: The id to change it by; new in each generated roadmap.
        start_day, end_day: Its first and last day, counted from day 0.
    """

    name: str
    description: str | None
    start_day: int
    end_day: int
    deliverables: list[Deliverable]
    id: str = ""


class NotUnderstood(Value):
    """A part of the feedback that had no effect, and the reason."""

    text: str
    reason: str


class Roadmap(Value):
    """The plan of the project.

    Attributes:
        start_date: Day 0; None for the day on which the draft is executed.
        days: The duration in days.
        notes: Remarks for the reader: missing information, conflicts.
        not_understood: The parts of the feedback that had no effect.
    """

    start_date: datetime | None
    days: int
    phases: list[Phase]
    notes: list[str]
    not_understood: list[NotUnderstood]


class DraftSummary(DatedItem):
    """A draft without its texts, as in lists.

    Attributes:
        stage: ``planning`` while a language model works on it; it can be deleted then, and nothing else.
        readiness_score: 0-100; rises with the questions answered.
        project_id: The created project; None before the draft is executed, and after that project was deleted.
        version: Increases with every change.
        visibility: Who sees the draft, and the project that becomes of it: ``workspace``, all members of the workspace;
            ``private``, only its author and the admins of the workspace.
    """

    workspace_id: str
    name: str
    stage: DraftStage
    round: int
    readiness_score: int
    project_id: str | None
    created_by_id: str
    version: int
    visibility: Visibility = "workspace"


class ProjectDraft(DraftSummary):
    """A draft of a project.

    Attributes:
        round: The round of questions, 1 to 4; 0 if none were asked.
        questions: The open questions, to be answered with ``refine``.
        missing: The missing information, in words.
        feedback: All feedback on the roadmap, oldest first. Every new roadmap takes all of it into account.
        usage: What the language model that plans has used for the draft.
        version: Increases with every change; the draft's ``ETag``.
    """

    description: str | None
    context_documents: list[ContextDocument]
    questions: list[Question]
    answers: list[DraftAnswer]
    missing: list[str]
    roadmap: Roadmap | None
    feedback: list[str]
    usage: ModelUsage


class GivenDocument(Request):
    """A text to base the draft on, such as meeting minutes, a specification or a letter.

    Attributes:
        content: Plain text or Markdown, at most 100 000 characters.
    """

    content: Annotated[str, Length(1, DOCUMENT_MAX)]
    title: Annotated[str, Length(1, 200)] | Unset = UNSET


class CreateProjectDraft(Request):
    """The brief of a new draft.

    Attributes:
        name: The name of the future project; 1-100 characters.
        description: The subject of the project, as plain text or Markdown. Markdown headings and lists are taken into
            account.
        context_documents: At most 20, and at most 200 000 characters together with the description.
        document_ids: Documents of the workspace to copy as context; at most 20 together with ``context_documents``.
        visibility: Who sees the draft and the future project; ``private`` hides the draft from all but you and the admins.
    """

    name: Name
    description: Annotated[str, Length(0, DRAFT_DESCRIPTION_MAX)] | Unset | None = UNSET
    context_documents: Annotated[list[GivenDocument], Items(0, DOCUMENTS_MAX)] | Unset | None = UNSET
    document_ids: Annotated[list[Id], Items(0, DOCUMENTS_MAX)] | Unset = UNSET
    visibility: Visibility = "workspace"


class RefineProjectDraft(Request):
    """Answers to the draft's questions.

    Attributes:
        answers: Answers by question id, also to questions of earlier rounds: a text, a number, one option or a list of
            options, or an ISO 8601 date. Answers complete the round; optional questions may be left out. Without
            answers, nothing changes.
    """

    answers: dict[str, Any] | Unset = UNSET


class GenerateRoadmap(Request):
    """Options for the roadmap.

    Attributes:
        feedback: Changes to make, in words. Only for a planner that uses a language model; otherwise, change the roadmap
            with ``PATCH …/roadmap``. Earlier feedback still applies.
    """

    feedback: Annotated[str, Length(1, FEEDBACK_MAX)] | Unset = UNSET


class RoadmapOperation(Request):
    """A change of one part of the roadmap: a phase, a deliverable or a checklist item.

    Attributes:
        type: ``add``, ``rename``, ``move``, ``remove``, ``split`` (the parts in ``partIds`` move to a new part after it),
            ``set_dates`` (of a phase or deliverable), or, as the only operation, ``undo`` (the last request, or the last
            generation).
        id: The part to change; not for ``add`` and ``undo``.
        parent_id: For ``add`` and ``move``, the phase or deliverable to put the part into. Default: a new phase is added,
            and a part moves within its parent.
        position: For ``add`` and ``move``, the index in the parent, from 0. Default: the end.
        name: For ``add``, ``rename`` and ``split``, the name, different from those beside it; of a phase, at most 100
            characters.
        part_ids: For ``split``, the deliverables or checklist items that the new part receives.
        start_day, end_day: For ``set_dates``, the first and the last day, counted from day 0. Default: unchanged. The
            phase of a deliverable is extended to its days; the deliverables of a phase move with it, and end with it.
    """

    type: RoadmapOperationType
    id: PartId | Unset = UNSET
    parent_id: PartId | Unset = UNSET
    position: Annotated[int, Range(0, 500)] | Unset = UNSET
    name: PartName | Unset = UNSET
    part_ids: Annotated[list[PartId], Items(1, 500)] | Unset = UNSET
    start_day: PlanDay | Unset = UNSET
    end_day: PlanDay | Unset = UNSET


class EditRoadmap(Request):
    """Changes to the roadmap.

    Attributes:
        operations: The changes, in order: 1 to 100. All are made, or none; together they are one step that ``undo`` reverts.
    """

    operations: Annotated[list[RoadmapOperation], Items(1, OPERATIONS_MAX)]


class ExecuteProjectDraft(Request):
    """Options for the project.

    Attributes:
        name: Default: the name of the draft.
        start_date: Default: the start date of the roadmap, or today if it has none.
        visibility: Who sees the project, and from then on the draft. Default: as the draft.
    """

    name: Name | Unset = UNSET
    start_date: date | Unset = UNSET
    visibility: Visibility | Unset = UNSET


_DRAFTS = Collection(WorkspaceRef, "project-drafts", DraftRef, ProjectDraft)
CREATE_PROJECT_DRAFT = _DRAFTS.creates(
    "project_drafts.create",
    summary="Create a project draft from a brief. The response contains the first questions.",
    takes=CreateProjectDraft,
    policy=DRAFTS,
    thinks=True,
)
LIST_PROJECT_DRAFTS = lists(
    "project_drafts.list",
    WorkspaceRef,
    "project-drafts",
    summary="List the drafts of a workspace, newest first, without their texts.",
    item=DraftSummary,
    policy=DRAFTS,
)
GET_PROJECT_DRAFT = _DRAFTS.reads(
    "project_drafts.get",
    summary="Get a draft with its questions, answers and roadmap.",
    policy=DRAFTS,
)
DELETE_PROJECT_DRAFT = _DRAFTS.deletes(
    "project_drafts.delete",
    summary="Delete a draft. A project that was created from it is kept.",
    policy=DRAFT_AUTHOR,
)
REFINE_PROJECT_DRAFT = _DRAFTS.acts(
    "project_drafts.refine",
    "refine",
    summary="Submit answers. Returns the next questions and the readiness score. An existing roadmap must be generated again.",
    takes=RefineProjectDraft,
    policy=DRAFT_AUTHOR,
    thinks=True,
)
GENERATE_ROADMAP = _DRAFTS.acts(
    "project_drafts.generate_roadmap",
    "generate-roadmap",
    summary="Generate the roadmap, or generate it again, which replaces its edits. `undo` brings them back.",
    takes=GenerateRoadmap,
    policy=DRAFT_AUTHOR,
    thinks=True,
)
EDIT_ROADMAP = _DRAFTS.updates(
    "project_drafts.edit_roadmap",
    "roadmap",
    summary="Change phases, deliverables and checklist items of the roadmap by their ids. Honors `If-Match`.",
    takes=EditRoadmap,
    policy=DRAFT_AUTHOR,
)
EXECUTE_PROJECT_DRAFT = creates(
    "project_drafts.execute",
    DraftRef,
    "execute",
    summary="Create the project, once: phases become columns, deliverables become cards.",
    takes=ExecuteProjectDraft,
    returns=Project,
    policy=DRAFT_AUTHOR,
)
