"""Planning: calls of the planner for a draft, in the request that asks for it, or in a job if the planner is slow.

A draft that a job plans has the stage ``planning``. Nothing but its deletion changes it until the result is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, TypedDict

import attrs
from sqlalchemy import delete, func, select, update

from stellary.contract.errors import Conflict
from stellary.contract.refs import DraftRef
from stellary.contract.wizard import ROUNDS_MAX, ProjectDraft
from stellary.core.accounts.locks import lock_workspace
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.model_usage import UsageColumn, WorkspaceAccount, read_usage
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.units import Units
from stellary.core.ports.llm import CallerGone, caller_is_gone, may_finish_later
from stellary.core.ports.planner import Planner, Refinement
from stellary.core.wizard import rows
from stellary.core.wizard.reader import BriefReader, FallbackPlanner
from stellary.core.wizard.row_types import DraftRow
from stellary.core.wizard.rules import fitting
from stellary.core.wizard.rules.edits import assign_ids
from stellary.core.wizard.tables import drafts

Stage = Literal["framing", "refinement", "roadmap"]
PLAN = "wizard.plan"
PLANNING_MAX = 20
"""The number of drafts of a workspace that jobs may plan at a time."""

_THIS = is_given(drafts.c.id)
_IN_VERSION = (_THIS, is_given(drafts.c.version))
_IS_PLANNED = drafts.c.stage == "planning"
_CHANGE = Query(DraftRow, update(drafts).where(*_IN_VERSION).returning(*rows.COLUMNS))
_PLANNED = Query(DraftRow, select(*rows.COLUMNS).where(*_IN_VERSION, _IS_PLANNED))
_DELETE = delete(drafts).where(*_IN_VERSION)
_COUNT = select(func.count()).where(is_given(drafts.c.workspace_id), _IS_PLANNED)
_USAGE = UsageColumn(drafts)


@attrs.frozen
class PlanTask:
    """The task of a planner.

    Attributes:
        stage: The stage that its result leads to: ``framing`` and ``refinement`` ask for questions, ``roadmap`` for a
            roadmap.
        answers: New answers, in the form in which they are stored.
        feedback: New feedback on the roadmap.
    """

    stage: Stage
    answers: Mapping[str, object] = attrs.field(factory=dict)
    feedback: str | None = None


class _Payload(TypedDict):
    """The payload of a job: a version of a draft, and the fields of the task."""

    draftId: str
    version: int
    stage: Stage
    answers: Mapping[str, object]
    feedback: str | None


@attrs.frozen
class DraftChange:
    """Changes to a draft, computed from one version of it."""

    version: int
    changes: Mapping[str, object]


def call_planner(
    source: Units | UnitOfWork, row: DraftRow, task: PlanTask, planner: Planner | None = None
) -> DraftChange:
    """Call the planner for a draft, and return the changes to it.

    Args:
        source: Opens units; or the open unit, in which the usage of a model is then recorded.
        row: The draft.
        task: The task.
        planner: The planner. Default: that of the environment.

    Raises:
        Unavailable: The planner does not answer.
    """
    planner = planner or source.env.planner
    account = WorkspaceAccount(
        source, partial(str, row.workspace_id), "draft", read_usage(row.usage), partial(_USAGE.add, id=row.id)
    )
    changes: dict[str, object] = {"stage": task.stage}
    if row.roadmap is not None:
        # The last step to undo brings the roadmap back as it is.
        changes["edits"] = [{"roadmap": row.roadmap, "feedback": row.feedback}]
    if task.stage == "roadmap":
        feedback = [*row.feedback, task.feedback] if task.feedback else row.feedback
        roadmap = fitting.fit_roadmap(planner.plan(rows.brief(row, account, feedback=feedback)))
        changes |= {"roadmap": rows.to_json(assign_ids(roadmap, row.version + 1)), "feedback": feedback}
        return DraftChange(row.version, changes)
    answers = {**row.answers, **task.answers}
    refinement = planner.refine(rows.brief(row, account, answers), row.round + 1)
    changes |= {"answers": answers, "roadmap": None, **to_readiness(refinement, row.readiness_score)}
    if task.stage == "framing" or not task.answers.keys().isdisjoint(row.open_ids):
        earlier, questions = rows.read_questions(row), []
        if row.round < ROUNDS_MAX:
            ids = {question.id for question in earlier}
            questions = fitting.fit_questions(refinement.questions, ids, row.round + 1)
        changes |= {
            "round": row.round + bool(questions),
            "asked": rows.to_json([*earlier, *questions]),
            "open_ids": [question.id for question in questions],
        }
    return DraftChange(row.version, changes)


def to_readiness(refinement: Refinement, score: int) -> dict[str, object]:
    """Return the columns of the readiness. The score never decreases.

    Args:
        refinement: The result of the planner.
        score: The score so far.
    """
    missing = [fitting.shorten(text, fitting.NOTE_MAX) for text in refinement.missing][: fitting.NOTES_MAX]
    return {"readiness_score": max(score, min(refinement.score, 100)), "missing": missing}


def write_change(uow: UnitOfWork, row: DraftRow, change: DraftChange) -> ProjectDraft:
    """Write changes to a draft, and return it.

    Args:
        row: The draft.
        change: The changes.

    Raises:
        Conflict: The draft was changed since they were computed.
    """
    after = _write(uow, row.id, change.version, change.changes)
    if after is None:
        raise Conflict("the draft was changed in the meantime: read it again", code="draft_changed")
    return rows.draft(after)


def _write(uow: UnitOfWork, id: str, version: int, changes: Mapping[str, object]) -> DraftRow | None:
    values = {**changes, "version": version + 1, "updated_at": uow.now}
    return _CHANGE.first(uow.connection, {**values, "_id": id, "_version": version})


# ---------------------------------------------------------------------------------------------- as a job


def is_deferred(env: Environment) -> bool:
    """Return whether a job calls the planner: it is slow, and the caller can be told where to look for the result."""
    return may_finish_later.get() and getattr(env.planner, "is_slow", False)


def defer(uow: UnitOfWork, ref: DraftRef, row: DraftRow, task: PlanTask) -> ProjectDraft:
    """Let a job plan a draft.

    Args:
        ref: The draft.
        row: Its row. A new one has the stage ``planning`` already, and is deleted if its client disconnects.
        task: The task of the planner.

    Raises:
        Conflict: The draft was changed by another request, or too many drafts of the workspace are being planned.
    """
    is_new = row.stage == "planning"
    lock_workspace(uow, ref)
    count = uow.connection.execute(_COUNT, {"_workspace_id": row.workspace_id}).scalar_one()
    if count - is_new >= PLANNING_MAX:
        raise Conflict(
            f"{PLANNING_MAX} drafts of the workspace are being planned: wait for one of them",
            code="planning_full",
        )
    draft = (
        rows.draft(row) if is_new else write_change(uow, row, DraftChange(row.version, {"stage": "planning"}))
    )
    payload = {"draftId": row.id, "version": draft.version, **attrs.asdict(task)}
    jobs.enqueue(uow, PLAN, payload, workspace_id=row.workspace_id)

    def cancel(later: UnitOfWork) -> None:
        if is_new:
            later.connection.execute(_DELETE, {"_id": row.id, "_version": draft.version})
        else:
            _write(later, row.id, draft.version, {"stage": row.stage})

    uow.unfinished = ref.path(), cancel
    return draft


def run(units: Units, payload: _Payload, keep: Callable[[], None]) -> None:
    """Plan a draft, unless it was deleted, or its client has disconnected before it was told where to look.

    Args:
        units: The units of work of the core.
        payload: The payload of the job: ``draftId``, ``version`` and the fields of the task.
        keep: Renews the claim of the job.
    """

    def is_unwanted() -> bool:
        keep()
        return _load(units, payload) is None

    before = caller_is_gone.set(is_unwanted)
    try:
        _plan(units, payload)
    except CallerGone:
        return
    finally:
        caller_is_gone.reset(before)


def give_up(units: Units, payload: _Payload, why: str) -> None:
    """Plan a draft without a model after the last attempt of its job.

    Args:
        units: Opens the units of work.
        payload: The payload of the job.
        why: The last error.
    """
    _plan(units, payload, FallbackPlanner(BriefReader(), why))


def _plan(units: Units, payload: _Payload, planner: Planner | None = None) -> None:
    row = _load(units, payload)
    if row is not None:
        if planner is None and not getattr(units.env.planner, "is_slow", False):
            planner = FallbackPlanner(units.env.planner, "the process that runs jobs has none")
        task = PlanTask(payload["stage"], payload["answers"], payload["feedback"])
        change = call_planner(units, row, task, planner)
        units.run(lambda uow: _write(uow, row.id, change.version, change.changes))


def _load(units: Units, payload: _Payload) -> DraftRow | None:
    parameters = {"_id": payload["draftId"], "_version": payload["version"]}
    return units.run(lambda uow: _PLANNED.first(uow.connection, parameters), read_only=True)
