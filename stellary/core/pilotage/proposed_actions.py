"""Proposed actions: suggested, reviewed once, applied once. Section Proposed Actions of the API reference.

Each step is an UPDATE with a condition on the status, in the transaction of its effect, so of two concurrent requests
only one takes effect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from sqlalchemy import ColumnElement, Select, String, bindparam, cast, func, literal, null, select, update

from stellary.contract.errors import ApiError, Conflict, Forbidden, NotFound, ServerError
from stellary.contract.fields import get_set_fields, replace_fields
from stellary.contract.proposed_actions import (
    APPLY_ACTION,
    GET_ACTION,
    LIST_ACTIONS,
    PROPOSE_ACTION,
    REVIEW_ACTION,
    ListActions,
    ProposeAction,
    ProposedAction,
    ProposedActionStatus,
    ReviewAction,
)
from stellary.contract.refs import ProposedActionRef, WorkspaceRef
from stellary.contract.wire import Listing, Paged
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts import people
from stellary.core.accounts.audience import reviewed_by
from stellary.core.accounts.project_sight import sees_all_projects
from stellary.core.accounts.rules import SEES_ALL, ProjectSight
from stellary.core.board.changes.settled_answers import as_json, settle_answer
from stellary.core.db.base import IdType, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import actions
from stellary.core.kernel.causes import Cause, Chain
from stellary.core.kernel.events import BecameGuest, WorkspaceLeft
from stellary.core.kernel.unit import Actor, UnitOfWork, serves
from stellary.core.pilotage import access, references, rows, rules
from stellary.core.pilotage.action_params import resolve_payload
from stellary.core.pilotage.ledger import ACTIONS, row_parameters
from stellary.core.pilotage.row_types import ActionRow, OpenCountRow
from stellary.core.pilotage.tables import actions as table

_HERE = is_given(table.c.workspace_id)
_CHANGE_STATUS = Query(
    ActionRow,
    update(table).where(ACTIONS.this, is_given(table.c.status, "from")).returning(*table.c),
)
_UPDATE = Query(ActionRow, update(table).where(ACTIONS.this).returning(*table.c))
_REOPEN = Query(
    ActionRow,
    update(table)
    .where(_HERE, table.c.status == "approved", is_given(table.c.reviewed_by_id, "user_id"))
    .values(status="suggested", reviewed_by_id=None, review_reason=None, reviewed_at=None)
    .returning(*table.c),
)
_COUNT_OPEN = Query(
    OpenCountRow,
    select(table.c.status, func.count().label("waiting"))
    .where(_HERE, table.c.status.in_(sorted(rules.OPEN)))
    .group_by(table.c.status),
)
_LATEST = Query(
    ActionRow, select(table).where(_HERE).order_by(table.c.number.desc()).limit(bindparam("_limit"))
)


@serves(PROPOSE_ACTION)
def propose_action(uow: UnitOfWork, ref: WorkspaceRef, request: ProposeAction) -> ProposedAction:
    """Propose an action. Nothing is executed."""
    workspace = accounts_access.workspace(uow, ref).row
    payload = request.payload or {}
    resolved_payload, needed = resolve_payload(uow, ref, workspace.id, request.action_type, payload)
    values = {"payload": payload, "resolved_payload": resolved_payload, "status": "suggested"}
    item = ACTIONS.add(
        uow, workspace.id, {**get_set_fields(request, ProposedAction), **values}, change="proposed"
    )
    references.add_references(uow, workspace.id, needed, action_number=ACTIONS.parse_number(item.id))
    return rows.describe(uow, workspace.id, [item], SEES_ALL)[0]


@serves(LIST_ACTIONS)
def list_actions(uow: UnitOfWork, ref: WorkspaceRef, request: ListActions) -> Listing[ProposedAction]:
    """Return the proposed actions of a workspace, oldest first."""
    loaded = accounts_access.workspace(uow, ref)
    listing = ACTIONS.fetch(uow, loaded.row.id, request, request.status)
    items = rows.describe(uow, loaded.row.id, listing.items, loaded.roles.sight)
    return Listing(items, listing.next)


@serves(GET_ACTION)
def get_action(uow: UnitOfWork, ref: ProposedActionRef) -> ProposedAction:
    """Return one proposed action."""
    return _describe(uow, _load(uow, ref))


def _load(uow: UnitOfWork, ref: ProposedActionRef) -> ActionRow:
    """Check access to a proposed action.

    Raises:
        NotFound: The caller sees no such action, or not the projects that it concerns.
    """
    loaded = access.action(uow, ref)
    row, sight = loaded.row, loaded.roles.sight
    if sight.is_limited and not rows.describe(uow, row.workspace_id, [ACTIONS.to_value(uow, row)], sight):
        raise NotFound(f"{ACTIONS.name} not found")
    return row


@serves(REVIEW_ACTION)
def review_action(uow: UnitOfWork, ref: ProposedActionRef, request: ReviewAction) -> ProposedAction:
    """Approve or reject a suggested action, or reject an approved one that can no longer be applied.

    Raises:
        Conflict: The status of the action does not allow it; or the action is to be approved, but cannot be applied.
    """
    action_row = _load(uow, ref)
    # The action will run with the approver's rights, so the membership is locked until the approval is committed.
    if not people.reaching(uow, action_row.workspace_id, [uow.user_id]):
        raise NotFound("Workspace not found")
    status: ProposedActionStatus = "approved" if request.approved else "rejected"
    reason = (request.reason or "").strip() or None
    problem = _describe(uow, action_row).problem
    if request.approved and problem is not None and action_row.status == rules.BEFORE[status]:
        raise _failed_error(problem)
    is_stuck = action_row.status == "approved" and problem is not None and not request.approved
    before: ProposedActionStatus = "approved" if is_stuck else rules.BEFORE[status]
    review = {"reviewed_by_id": uow.user_id, "review_reason": reason, "reviewed_at": uow.now}
    row = _change_status(uow, action_row, before, status, **review)
    return _describe(uow, row)


@serves(APPLY_ACTION)
def apply_action(uow: UnitOfWork, ref: ProposedActionRef) -> ProposedAction:
    """Execute an approved action, with the rights of the person who approved it.

    Raises:
        Conflict: The action is not approved, was applied already, or is not possible; then nothing is changed.
    """
    action_row = _load(uow, ref)
    problem = _describe(uow, action_row).problem
    if problem is not None and action_row.status == rules.BEFORE["applied"]:
        raise _failed_error(problem)
    row = _change_status(
        uow, action_row, rules.BEFORE["applied"], "applied", applied_by_id=uow.user_id, applied_at=uow.now
    )
    answer = settle_answer(uow, _run_as_approver(uow, ref.parent(WorkspaceRef), row))
    parameters = row_parameters(row.workspace_id, row.number)
    return _describe(uow, _UPDATE.one(uow.connection, {**parameters, "result": as_json(answer)}))


def _describe(uow: UnitOfWork, row: ActionRow) -> ProposedAction:
    (described,) = rows.describe(uow, row.workspace_id, [ACTIONS.to_value(uow, row)], SEES_ALL)
    return described


def reopen_approved(uow: UnitOfWork, events: Sequence[WorkspaceLeft | BecameGuest]) -> None:
    """Set actions back to ``suggested`` that were approved by users who may not approve any more.

    Args:
        events: The users who have left a workspace, or are guests of it now.
    """
    for event in events:
        parameters = {"_workspace_id": event.workspace_id, "_user_id": event.user_id, "updated_at": uow.now}
        for row in _REOPEN.all(uow.connection, parameters):
            action = ACTIONS.to_value(uow, row)
            before = replace_fields(action, status="approved", reviewed_by_id=event.user_id)
            ACTIONS.emit_change(uow, row, "reopened", before, action, concerned_id=row.created_by_id)


def count_open(uow: UnitOfWork, workspace_id: str, sight: ProjectSight) -> dict[ProposedActionStatus, int]:
    """Return the number of actions to review and to apply, by status.

    Args:
        workspace_id: The workspace.
        sight: The projects that the caller sees.
    """
    if sight.is_limited:
        items = [
            item
            for status in get_args(ProposedActionStatus)
            if status in rules.OPEN
            for item in ACTIONS.fetch(uow, workspace_id, Paged(), status).items
        ]
        return Counter(item.status for item in rows.describe(uow, workspace_id, items, sight))
    status_rows = _COUNT_OPEN.all(uow.connection, {"_workspace_id": workspace_id})
    return {row.status: row.waiting for row in status_rows}


def list_latest(uow: UnitOfWork, workspace_id: str, sight: ProjectSight, limit: int) -> list[ProposedAction]:
    """Return the latest proposed actions, newest first.

    Args:
        workspace_id: The workspace.
        sight: The projects that the caller sees.
        limit: The maximum number of actions.
    """
    action_rows = _LATEST.all(uow.connection, {"_workspace_id": workspace_id, "_limit": limit})
    items = [ACTIONS.to_value(uow, row) for row in action_rows]
    return rows.describe(uow, workspace_id, items, sight)


def _change_status(
    uow: UnitOfWork,
    action_row: ActionRow,
    before: ProposedActionStatus,
    status: ProposedActionStatus,
    **values: object,
) -> ActionRow:
    """Change the status of an action, if it still has the status before."""
    parameters = row_parameters(action_row.workspace_id, action_row.number)
    changes = {"updated_at": uow.now, "status": status, **values}
    row = _CHANGE_STATUS.first(uow.connection, {**parameters, "_from": before, **changes})
    if row is None:
        raise rules.transition_error(ACTIONS.lock(uow, action_row).status, status)
    # The condition of the update has checked the status, which may differ from the one that was loaded.
    action_before = replace_fields(ACTIONS.to_value(uow, action_row), status=before)
    ACTIONS.emit_change(
        uow, row, status, action_before, ACTIONS.to_value(uow, row), concerned_id=row.created_by_id
    )
    return row


def _run_as_approver(uow: UnitOfWork, ref: WorkspaceRef, row: ActionRow) -> object:
    # Only an approved action is applied.
    approver = row.reviewed_by_id or ""
    try:
        via = {"action": {"id": rules.short_id("action", row.number), "name": row.action_type}}
        with uow.caused_by(Cause(Chain(uow.new_id()), approver, 0, via), Actor(approver)):
            return actions.run(uow, ref, row.action_type, row.resolved_payload or row.payload)
    except ServerError:
        raise
    except (NotFound, Forbidden) as error:
        if not people.reaches(uow, row.workspace_id, approver):
            raise Conflict(
                "the approver no longer has access to the workspace", code="approver_left"
            ) from None
        raise _failed_error(error.message) from None
    except ApiError as error:
        raise _failed_error(error.message) from None


def _failed_error(why: str) -> Conflict:
    return Conflict(f"the action cannot be applied: {why}", code="action_failed")


def select_suggested_actions(user_id: ColumnElement[str]) -> Select[str]:
    """Return a statement for the suggested actions that a user may review: kind, number as text, explanation, place, time.

    Args:
        user_id: The parameter with the id of the user.
    """
    return select(
        literal("action").label("kind"),
        cast(table.c.number, String).label("id"),
        table.c.explanation.label("title"),
        table.c.workspace_id,
        cast(null(), IdType).label("project_id"),
        table.c.created_at,
        null().label("named_projects"),
    ).where(
        table.c.status == "suggested",
        table.c.workspace_id.in_(reviewed_by(user_id)),
        # A suggested action may name items of any project.
        sees_all_projects(user_id, table.c.workspace_id),
    )
