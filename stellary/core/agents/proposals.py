"""Proposals of agents: listed and decided by people. Section Proposals of the API reference.

An approved proposal is executed in the transaction of the approval, within the rights of the person who approves. If
the items that it changes have changed since it was made, nothing is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import ColumnElement, Select, exists, literal, select, update

from stellary.contract.errors import Conflict, Forbidden
from stellary.contract.fields import replace_fields
from stellary.contract.proposals import (
    APPROVE_ALL,
    APPROVE_PROPOSAL,
    LIST_MISSION_PROPOSALS,
    LIST_PROPOSALS,
    REJECT_ALL,
    REJECT_PROPOSAL,
    ListProposals,
    Proposal,
    ProposalStatus,
    RejectProposal,
)
from stellary.contract.refs import AgentMissionRef, ProposalRef, WorkspaceRef
from stellary.contract.wire import UNSET, Listing, Paged
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts.audience import seen_by
from stellary.core.accounts.project_sight import is_visible, names_hidden, sees_named, sees_project
from stellary.core.accounts.rules import ProjectSight
from stellary.core.agents import access, external_mission_timeout, mission_log, missions, proposing, rows
from stellary.core.agents.approvals import BATCH, PENDING, carry_out, perform
from stellary.core.agents.row_types import ProposalRow, StoredMissionRow
from stellary.core.agents.rules import proposals as rules
from stellary.core.agents.tables import missions as missions_table
from stellary.core.agents.tables import proposals
from stellary.core.db.base import is_among, is_given
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.ports.blobs import discard

_HERE = select(proposals).where(is_given(proposals.c.workspace_id))
_SEEN = (
    proposals.c.named_projects.is_not(None),
    ~names_hidden(proposals.c.named_projects, is_visible),
    ~exists().where(missions_table.c.id == proposals.c.mission_id, ~is_visible(missions_table.c.project_id)),
)
_LISTS = {
    (name, is_limited): Pages(ProposalRow, rows.where(*_SEEN) if is_limited else rows, proposals.c.id)
    for name, rows in (
        ("workspace", _HERE),
        ("status", _HERE.where(is_given(proposals.c.status))),
        ("mission", select(proposals).where(is_given(proposals.c.mission_id))),
    )
    for is_limited in (False, True)
}
"""The lists of proposals, by what they are limited to, and whether the caller sees only some projects."""
# The condition on the status lets the second of two concurrent decisions update no row.
_DECIDE = update(proposals).where(is_given(proposals.c.id), is_among(proposals.c.status, "from"))
_RESUME = (
    update(missions_table)
    .where(is_given(missions_table.c.id, "mission_id"), missions_table.c.status == "awaiting_approval")
    .values(status="running", step=missions_table.c.step + 1)
)

_PENDING_ONLY: tuple[ProposalStatus, ...] = ("pending",)
# A batch that is not fully decided has approved proposals that have not been executed yet.
_NOT_CARRIED_OUT: tuple[ProposalStatus, ...] = ("pending", "approved")


@serves(LIST_PROPOSALS)
def list_proposals(uow: UnitOfWork, ref: WorkspaceRef, request: ListProposals) -> Listing[Proposal]:
    """Return the proposals of a workspace's agents, oldest first."""
    roles = accounts_access.workspace(uow, ref).roles
    parameters: dict[str, object] = {"_workspace_id": roles.workspace_id}
    if request.status is not UNSET:
        parameters["_status"] = request.status
    name = "workspace" if request.status is UNSET else "status"
    return _fetch(uow, name, roles.sight, request, parameters)


@serves(LIST_MISSION_PROPOSALS)
def list_mission_proposals(uow: UnitOfWork, ref: AgentMissionRef, request: Paged) -> Listing[Proposal]:
    """Return the proposals of a mission, oldest first."""
    loaded = access.mission(uow, ref)
    return _fetch(uow, "mission", loaded.roles.sight, request, {"_mission_id": loaded.row.id})


def _fetch(
    uow: UnitOfWork,
    name: str,
    sight: ProjectSight,
    request: Paged,
    parameters: dict[str, object],
) -> Listing[Proposal]:
    """Return a page of a list, without the proposals that name items of projects that the caller does not see."""
    if sight.is_limited:
        parameters |= sight.parameters
    return _LISTS[name, sight.is_limited].fetch(uow, request, rows.PROPOSALS.to_value, **parameters)


@serves(APPROVE_PROPOSAL)
def approve_proposal(uow: UnitOfWork, ref: ProposalRef) -> Proposal:
    """Approve a proposal and execute it; in a batch, once the other proposals are decided as well.

    Raises:
        Conflict: The proposal is decided already, or an item that it changes has changed since.
        Forbidden: The caller may not make the change.
    """
    return _decide_one(uow, ref, "approved", None)


@serves(REJECT_PROPOSAL)
def reject_proposal(uow: UnitOfWork, ref: ProposalRef, request: RejectProposal) -> Proposal:
    """Reject a proposal. In a batch, this also withdraws an approval until the last proposal is decided.

    Raises:
        Conflict: The proposal is decided already, or it is the last of a batch and an approved one can no longer be
            executed.
    """
    return _decide_one(uow, ref, "rejected", request.reason)


@serves(APPROVE_ALL)
def approve_all(uow: UnitOfWork, ref: AgentMissionRef) -> list[Proposal]:
    """Approve all open proposals of a mission and execute them in order: all of them, or none.

    Raises:
        Conflict: The mission has no pending proposal, or an item that one of them changes has changed since.
        Forbidden: The caller may not make one of the changes, or does not see the projects of one of them.
    """
    mission, open_rows = _lock_whole_mission(uow, ref)
    for row in open_rows:
        _decide(uow, row, "approved", None, _NOT_CARRIED_OUT)
    approved = carry_out(uow, ref, [(row, uow.user_id) for row in open_rows])
    _continue_mission(uow, mission)
    return approved


@serves(REJECT_ALL)
def reject_all(uow: UnitOfWork, ref: AgentMissionRef, request: RejectProposal) -> list[Proposal]:
    """Reject all open proposals of a mission.

    Raises:
        Conflict: The mission has no pending proposal.
        Forbidden: The caller does not see the projects of one of them.
    """
    mission, open_rows = _lock_whole_mission(uow, ref)
    rejected = [_decide(uow, row, "rejected", request.reason, _NOT_CARRIED_OUT) for row in open_rows]
    _continue_mission(uow, mission)
    return rejected


def _decide_one(uow: UnitOfWork, ref: ProposalRef, status: ProposalStatus, reason: str | None) -> Proposal:
    """Approve or reject a proposal, and continue its mission once none of its proposals is pending."""
    loaded = access.proposal(uow, ref)
    row = loaded.row
    mission = _lock_mission(uow, row.mission_id)
    if mission is not None and _is_batch(mission):
        return _decide_in_batch(uow, ref, loaded.roles.sight, mission, row.id, status, reason)
    decided = _decide(uow, row, status, reason)
    if decided.status == "approved":
        (decided,) = carry_out(uow, ref, [(row, uow.user_id)])
    if mission is not None:
        _continue_mission(uow, mission)
    return decided


def _lock_mission(uow: UnitOfWork, mission_id: str | None) -> StoredMissionRow | None:
    """Lock the mission of a proposal; None for a proposal that was made with an agent token.

    Raises:
        Conflict: The mission is over, or its batch is not complete yet.
    """
    if mission_id is None:
        return None
    mission = missions.lock_mission(uow, mission_id)
    if mission is None or mission.status not in missions.STARTED:
        raise missions.mission_over_error()
    if _is_batch(mission) and mission.status != "awaiting_approval":
        raise _make_unfinished_error()
    return mission


def _lock_whole_mission(
    uow: UnitOfWork, ref: AgentMissionRef
) -> tuple[StoredMissionRow, Sequence[ProposalRow]]:
    """Lock a mission that waits for decisions, and return it with its open proposals.

    Raises:
        Conflict: The mission does not wait for decisions.
        Forbidden: An open proposal concerns projects that the caller does not see.
    """
    loaded = access.mission(uow, ref)
    mission = _lock_mission(uow, loaded.row.id)
    assert mission is not None
    if mission.status != "awaiting_approval":
        raise _make_unfinished_error()
    open_rows = _list_batch(uow, mission) if _is_batch(mission) else _list_pending(uow, mission)
    open_rows = [row for row in open_rows if row.status != "rejected"]
    if not all(loaded.roles.sight.sees_all(row.named_projects) for row in open_rows):
        raise Forbidden(
            "some changes are in projects that you do not see; decide the others alone",
            code="hidden_projects",
        )
    return mission, open_rows


def _make_unfinished_error() -> Conflict:
    return Conflict("the mission has not finished proposing its changes yet", code="still_at_work")


def _is_batch(mission: StoredMissionRow) -> bool:
    """Return whether the proposals of a mission are decided as one."""
    return bool(mission.autonomy_mode == "approval")


def _list_batch(uow: UnitOfWork, mission: StoredMissionRow) -> Sequence[ProposalRow]:
    return BATCH.all(uow.connection, {"_mission_id": mission.id})


def _list_pending(uow: UnitOfWork, mission: StoredMissionRow) -> Sequence[ProposalRow]:
    return PENDING.all(uow.connection, {"_mission_id": mission.id})


def _decide(
    uow: UnitOfWork,
    row: ProposalRow,
    status: ProposalStatus,
    reason: str | None,
    before: Sequence[ProposalStatus] = _PENDING_ONLY,
) -> Proposal:
    """Write a decision about a proposal that has one of some states, and return the proposal. A rejected file is discarded."""
    decision = {"status": status, "reason": reason, "decided_by_id": uow.user_id, "decided_at": uow.now}
    if not uow.connection.execute(_DECIDE, {"_id": row.id, "_from": list(before), **decision}).rowcount:
        raise Conflict("the proposal is decided already", code="already_decided")
    proposal = rows.PROPOSALS.to_value(row)
    decided = replace_fields(proposal, **decision)
    emit_change(uow, row.workspace_id, proposal, decided)
    if row.mission_id is not None:
        mission_log.write(uow, row.mission_id, ("proposal", missions.proposal_entry(row, status)))
    if status == "rejected" and row.blob_key is not None:
        uow.after_commit.append(partial(discard, uow.env.blobs, row.blob_key))
    return decided


def _decide_in_batch(
    uow: UnitOfWork,
    ref: WorkspaceRef,
    sight: ProjectSight,
    mission: StoredMissionRow,
    proposal_id: str,
    status: ProposalStatus,
    reason: str | None,
) -> Proposal:
    """Decide one proposal of a batch. The last decision executes all approved proposals, and ends the mission.

    The mission is locked, so that concurrent decisions are made one after the other, and exactly one is the last.
    """
    batch = _list_batch(uow, mission)
    row = next(row for row in batch if row.id == proposal_id)
    before = _PENDING_ONLY if status == "approved" else _NOT_CARRIED_OUT
    decided = _decide(uow, row, status, reason, before)
    if any(other.status == "pending" for other in batch if other.id != row.id):
        if status == "approved":
            # A rehearsal tells the person now if the change is not allowed or not possible.
            with proposing.rehearse(uow):
                perform(uow, ref, row, uow.user_id, {})
        return decided
    approved = [
        (other, other.decided_by_id or "")
        for other in _list_batch(uow, mission)
        if other.status == "approved"
    ]
    carried_out = carry_out(uow, ref, approved, decided=row.id, sight=sight)
    _end_batch(uow, mission)
    return next((proposal for proposal in carried_out if proposal.id == row.id), decided)


def _continue_mission(uow: UnitOfWork, mission: StoredMissionRow) -> None:
    """Resume or end a mission once none of its proposals is pending."""
    if mission.status != "awaiting_approval" or _list_pending(uow, mission):
        return
    if _is_batch(mission):
        _end_batch(uow, mission)
        return
    uow.connection.execute(_RESUME, {"_mission_id": mission.id})
    mission_log.write(uow, mission.id, ("status", {"status": "running"}))
    if missions.is_external(uow, mission.agent_id):
        external_mission_timeout.schedule_check(uow, mission.id)
    else:
        missions.enqueue(uow, mission.workspace_id, mission.id)


def _end_batch(uow: UnitOfWork, mission: StoredMissionRow) -> None:
    """End a mission whose batch is decided, with a result that lists the changes made and not made."""
    decisions = [(row.summary, row.status, row.reason) for row in _list_batch(uow, mission)]
    final_turn = mission.history or {}
    result = rules.describe_batch(
        decisions, final_turn.get("result") or mission.result, final_turn.get("remarks")
    )
    is_rejected = any(status == "rejected" for _, status, _ in decisions)
    missions.end_mission(
        uow, mission.id, "completed", ("awaiting_approval",), result=result, posts=is_rejected
    )


def select_pending_proposals(user_id: ColumnElement[str]) -> Select[str]:
    """Return a statement for the pending proposals of a user's missions, with their kind, summary, place and time.

    Args:
        user_id: The parameter with the id of the user.
    """
    return (
        select(
            literal("proposal").label("kind"),
            proposals.c.id,
            proposals.c.summary.label("title"),
            proposals.c.workspace_id,
            missions_table.c.project_id,
            proposals.c.created_at,
            proposals.c.named_projects,
        )
        .join_from(proposals, missions_table, missions_table.c.id == proposals.c.mission_id)
        .where(
            proposals.c.status == "pending",
            sees_named(user_id, proposals.c.named_projects, proposals.c.workspace_id),
            missions_table.c.created_by_id == user_id,
            proposals.c.workspace_id.in_(seen_by(user_id)),
            sees_project(user_id, missions_table.c.project_id, proposals.c.workspace_id),
        )
    )
