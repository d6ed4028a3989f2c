"""Proposed actions: suggested, reviewed once, applied once. Section Proposed Actions of the API reference.

Whoever comes second finds the action as the first one left it: each step is an UPDATE of an action that is still what it
has to be, in the transaction of the effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update

from stellary.contract.errors import ApiError, Conflict, Forbidden, NotFound, ServerError
from stellary.contract.paging import Listing
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
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts import people
from stellary.core.board.settled_answers import as_json, settle_answer
from stellary.core.kernel import actions
from stellary.core.kernel.events import Cause, Chain, WorkspaceLeft
from stellary.core.kernel.unit import Actor, UnitOfWork, serves
from stellary.core.pilotage import access, rows, rules
from stellary.core.pilotage.ledger import ACTIONS
from stellary.core.pilotage.tables import actions as table

_HERE = table.c.workspace_id == bindparam("_workspace_id")
_STEP = (
    update(table)
    .where(ACTIONS.this, table.c.status == bindparam("_from"))
    .values(updated_at=bindparam("_now"))
    .returning(*table.c)
)
_KEEP = update(table).where(ACTIONS.this).returning(*table.c)
_WITHDRAW = (
    update(table)
    .where(_HERE, table.c.status == "approved", table.c.reviewed_by_id == bindparam("_user_id"))
    .values(
        status="suggested",
        reviewed_by_id=None,
        review_reason=None,
        reviewed_at=None,
        updated_at=bindparam("_now"),
    )
    .returning(*table.c)
)
_WAITING = (
    select(table.c.status, func.count().label("waiting"))
    .where(_HERE, table.c.status.in_(sorted(rules.OPEN)))
    .group_by(table.c.status)
)
_LATEST = select(table).where(_HERE).order_by(table.c.number.desc()).limit(bindparam("_limit"))


@serves(PROPOSE_ACTION)
def propose_action(uow: UnitOfWork, ref: WorkspaceRef, request: ProposeAction) -> ProposedAction:
    """Propose an action. Nothing is done, whatever it says."""
    workspace = accounts_access.workspace(uow, ref).row
    return ACTIONS.add(
        uow,
        workspace.id,
        "proposed",
        action_type=request.action_type,
        explanation=request.explanation,
        payload=request.payload or {},
        status="suggested",
    )


@serves(LIST_ACTIONS)
def list_actions(uow: UnitOfWork, ref: WorkspaceRef, request: ListActions) -> Listing[ProposedAction]:
    """The proposed actions in the order in which they were proposed."""
    workspace = accounts_access.workspace(uow, ref).row
    return ACTIONS.fetch(uow, workspace.id, request, request.status)


@serves(GET_ACTION)
def get_action(uow: UnitOfWork, ref: ProposedActionRef) -> ProposedAction:
    """One proposed action."""
    return rows.action(uow, access.action(uow, ref).row)


@serves(REVIEW_ACTION)
def review_action(uow: UnitOfWork, ref: ProposedActionRef, request: ReviewAction) -> ProposedAction:
    """Approve or reject a suggested action.

    Raises:
        Conflict: It is suggested no longer.
    """
    found = access.action(uow, ref).row
    # What is approved bears the rights of who approves: nobody approves and leaves at the same moment.
    if not people.reaching(uow, found.workspace_id, [uow.user_id]):
        raise NotFound("Workspace not found")
    to: ProposedActionStatus = "approved" if request.approved else "rejected"
    said = (request.reason or "").strip() or None
    row = _step(uow, found, to, reviewed_by_id=uow.user_id, review_reason=said, reviewed_at=uow.now)
    return rows.action(uow, row)


@serves(APPLY_ACTION)
def apply_action(uow: UnitOfWork, ref: ProposedActionRef) -> ProposedAction:
    """Do what was proposed, with the rights of whoever approved it.

    Raises:
        Conflict: It is not approved, was applied already, or cannot be done; then nothing has been done.
    """
    found = access.action(uow, ref).row
    row = _step(uow, found, "applied", applied_by_id=uow.user_id, applied_at=uow.now)
    answer = settle_answer(uow, _run(uow, ref.parent(WorkspaceRef), row))
    place = {"_workspace_id": row.workspace_id, "_number": row.number, "result": as_json(answer)}
    return rows.action(uow, uow.connection.execute(_KEEP, place).one())


def withdraw(uow: UnitOfWork, events: Sequence[WorkspaceLeft]) -> None:
    """Take back what those have approved who have left: it would be done with rights that are gone."""
    for event in events:
        left = {"_workspace_id": event.workspace_id, "_user_id": event.user_id, "_now": uow.now}
        for row in uow.connection.execute(_WITHDRAW, left).fetchall():
            ACTIONS.tell(uow, row, "reopened", concerned_id=row.created_by_id)


def waiting(uow: UnitOfWork, workspace_id: str) -> dict[ProposedActionStatus, int]:
    """How many actions of a workspace are to be reviewed, and to be applied."""
    found = uow.connection.execute(_WAITING, {"_workspace_id": workspace_id})
    return {row.status: row.waiting for row in found}


def latest(uow: UnitOfWork, workspace_id: str, limit: int) -> list[ProposedAction]:
    """The actions that were proposed last, the newest first."""
    found = uow.connection.execute(_LATEST, {"_workspace_id": workspace_id, "_limit": limit})
    return [rows.action(uow, row) for row in found]


def _step(uow: UnitOfWork, found: Row[Any], to: ProposedActionStatus, **values: Any) -> Row[Any]:
    """Let an action become something else, if it is what it has to be for that."""
    place = {"_workspace_id": found.workspace_id, "_number": found.number, "_from": rules.BEFORE[to]}
    row = uow.connection.execute(_STEP, {**place, "_now": uow.now, "status": to, **values}).first()
    if row is None:
        raise rules.not_from(ACTIONS.row(uow, found.workspace_id, found.number).status, to)
    ACTIONS.tell(uow, row, to, concerned_id=row.created_by_id)
    return row


def _run(uow: UnitOfWork, ref: WorkspaceRef, row: Row[Any]) -> Any:
    problem = rows.problem(uow, row.action_type, row.payload)
    if problem is not None:
        raise _failed(problem)
    approver: str = row.reviewed_by_id
    try:
        with uow.caused_by(Cause(Chain(uow.new_id()), approver, 0), Actor(approver)):
            return actions.run(uow, ref, row.action_type, row.payload)
    except ServerError:
        raise
    except (NotFound, Forbidden) as error:
        if not people.reaches(uow, row.workspace_id, approver):
            raise Conflict(
                "whoever approved it no longer reaches the workspace", code="approver_left"
            ) from None
        raise _failed(error.message) from None
    except ApiError as error:
        raise _failed(error.message) from None


def _failed(why: str) -> Conflict:
    return Conflict(f"the action cannot be applied: {why}", code="action_failed")
