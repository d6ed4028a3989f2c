"""Proposals: listed, approved and rejected, by people alone. Section Proposals of the API reference.

What is approved is done in the transaction of the approval, within the rights of whoever approves, and to what was
proposed: if something else has changed it since, nothing is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, bindparam, select, update

from stellary.contract.errors import Conflict, Invalid, NotFound
from stellary.contract.paging import Listing, Paged
from stellary.contract.proposals import (
    APPROVE_ALL,
    APPROVE_PROPOSAL,
    LIST_MISSION_PROPOSALS,
    LIST_PROPOSALS,
    REJECT_ALL,
    REJECT_PROPOSAL,
    ListProposals,
    Proposal,
    RejectProposal,
)
from stellary.contract.refs import AgentMissionRef, ProposalRef, WorkspaceRef
from stellary.contract.unset import UNSET
from stellary.core.accounts import access as accounts_access
from stellary.core.agents import absence, access, audit, gate, mission_log, missions, proposing, rows
from stellary.core.agents.rules import proposals as rules
from stellary.core.agents.tables import agents, proposals
from stellary.core.agents.tables import missions as missions_table
from stellary.core.events import CardEvent
from stellary.core.paging import Pages
from stellary.core.unit import Agency, UnitOfWork, serves

_HERE = select(proposals).where(proposals.c.workspace_id == bindparam("_workspace_id"))
_OF_MISSION = select(proposals).where(proposals.c.mission_id == bindparam("_mission_id"))
_LIST = Pages(_HERE, proposals.c.id)
_LIST_BY_STATUS = Pages(_HERE.where(proposals.c.status == bindparam("_status")), proposals.c.id)
_LIST_OF_MISSION = Pages(_OF_MISSION, proposals.c.id)
# In their order, whichever process has made each of them: the ids of two processes say nothing within a second.
_PENDING = _OF_MISSION.where(proposals.c.status == "pending").order_by(proposals.c.created_at, proposals.c.id)
# Whoever comes second finds that it is decided.
_DECIDE = (
    update(proposals)
    .where(proposals.c.id == bindparam("_id"), proposals.c.status == "pending")
    .values(
        status=bindparam("_status"),
        reason=bindparam("_reason"),
        decided_by_id=bindparam("_user_id"),
        decided_at=bindparam("_now"),
    )
)
_CHANGE = update(proposals).where(proposals.c.id == bindparam("_id")).returning(*proposals.c)
_AGENT: Select[Any] = select(agents.c.status, agents.c.tools, agents.c.project_ids).where(
    agents.c.id == bindparam("_agent_id")
)
_RESUME = (
    update(missions_table)
    .where(missions_table.c.id == bindparam("_mission_id"), missions_table.c.status == "awaiting_approval")
    .values(status="running", step=missions_table.c.step + 1)
)

Versions = dict[str, tuple[str, str]]
"""Of what was changed: the version before, and the one after."""


@serves(LIST_PROPOSALS)
def list_proposals(uow: UnitOfWork, ref: WorkspaceRef, request: ListProposals) -> Listing[Proposal]:
    """What the agents of a workspace have proposed, oldest first."""
    place = {"_workspace_id": accounts_access.workspace(uow, ref).row.id}
    if request.status is UNSET:
        return _LIST.fetch(uow, request, rows.proposal, **place)
    return _LIST_BY_STATUS.fetch(uow, request, rows.proposal, **place, _status=request.status)


@serves(LIST_MISSION_PROPOSALS)
def list_mission_proposals(uow: UnitOfWork, ref: AgentMissionRef, request: Paged) -> Listing[Proposal]:
    """What was proposed in a mission, oldest first."""
    mission = access.mission(uow, ref).row
    return _LIST_OF_MISSION.fetch(uow, request, rows.proposal, _mission_id=mission.id)


@serves(APPROVE_PROPOSAL)
def approve_proposal(uow: UnitOfWork, ref: ProposalRef) -> Proposal:
    """Make the change that was proposed.

    Raises:
        Conflict: It is decided, what it is about has changed, or all of its mission are decided together.
        Forbidden: Whoever approves may not do it.
    """
    row = access.proposal(uow, ref).row
    mission = _held(uow, row.mission_id, together=False)
    made = _approve(uow, ref, row, {})
    if mission is not None:
        _go_on(uow, mission)
    return made


@serves(REJECT_PROPOSAL)
def reject_proposal(uow: UnitOfWork, ref: ProposalRef, request: RejectProposal) -> Proposal:
    """Leave all as it is.

    Raises:
        Conflict: It is decided, or all of its mission are decided together.
    """
    row = access.proposal(uow, ref).row
    mission = _held(uow, row.mission_id, together=False)
    made = _reject(uow, row, request.reason)
    if mission is not None:
        _go_on(uow, mission)
    return made


@serves(APPROVE_ALL)
def approve_all(uow: UnitOfWork, ref: AgentMissionRef) -> list[Proposal]:
    """Make all changes that a mission has proposed, in their order: all of them, or none.

    Raises:
        Conflict: Nothing waits, or one of them is about what has changed.
        Forbidden: Whoever approves may not do one of them.
    """
    mission = _held(uow, access.mission(uow, ref).row.id, together=True)
    versions: Versions = {}
    made = [_approve(uow, ref, row, versions) for row in _waiting(uow, mission)]
    _go_on(uow, mission)
    return made


@serves(REJECT_ALL)
def reject_all(uow: UnitOfWork, ref: AgentMissionRef, request: RejectProposal) -> list[Proposal]:
    """Reject all that a mission has proposed.

    Raises:
        Conflict: Nothing waits.
    """
    mission = _held(uow, access.mission(uow, ref).row.id, together=True)
    made = [_reject(uow, row, request.reason) for row in _waiting(uow, mission)]
    _go_on(uow, mission)
    return made


def _held(uow: UnitOfWork, mission_id: str | None, *, together: bool) -> Any:
    """The mission of what is to be decided, which nobody else changes meanwhile."""
    if mission_id is None:
        return None
    mission = missions.held(uow, mission_id)
    if mission is None or mission.status not in missions.AT_WORK:
        raise missions.over()
    if together and mission.status != "awaiting_approval":
        raise Conflict("the mission has not proposed all of it yet", code="still_at_work")
    if not together and mission.autonomy_mode == "approval":
        raise Conflict("what this mission proposes is decided together", code="decided_together")
    return mission


def _waiting(uow: UnitOfWork, mission: Any) -> Sequence[Row[Any]]:
    return uow.connection.execute(_PENDING, {"_mission_id": mission.id}).fetchall()


def _decide(uow: UnitOfWork, row: Row[Any], status: str, reason: str | None) -> None:
    values = {"_id": row.id, "_status": status, "_reason": reason, "_user_id": uow.user_id, "_now": uow.now}
    if not uow.connection.execute(_DECIDE, values).rowcount:
        raise Conflict("the proposal is decided already", code="already_decided")


def _approve(uow: UnitOfWork, ref: WorkspaceRef, row: Row[Any], versions: Versions) -> Proposal:
    _decide(uow, row, "approved", None)
    agent = uow.connection.execute(_AGENT, {"_agent_id": row.agent_id}).one()
    if agent.status != "active":
        raise Conflict("the agent is suspended", code="agent_suspended")
    agency = Agency(
        agent_id=row.agent_id,
        principal_id=uow.user_id,
        workspace_id=row.workspace_id,
        tools=frozenset(agent.tools),
        project_ids=None if agent.project_ids is None else frozenset(agent.project_ids),
        at_once=True,
        mission_id=row.mission_id,
    )
    expected = rules.renewed(row.seen, versions)
    seen: dict[str, str] = {}
    before = len(uow.events)
    try:
        with proposing.watching(uow, seen), gate.acting(uow, agency):
            result = proposing.perform(uow, WorkspaceRef(ref.org_slug, ref.ws_slug), row)
    except (NotFound, Invalid) as error:
        raise rules.stale(f"what was proposed cannot be done any more: {error.message}") from None
    rules.check_fresh(expected, seen)
    _renew(uow, row, seen, before, versions)
    audit.record(uow, agency, row.action, "allowed", proposal_id=row.id)
    made = uow.connection.execute(_CHANGE, {"_id": row.id, "result": result}).one()
    _tell(uow, made)
    return rows.proposal(made)


def _renew(uow: UnitOfWork, row: Row[Any], seen: dict[str, str], before: int, versions: Versions) -> None:
    """What one proposal of a mission changes makes no other one of it stale."""
    for event in uow.events[before:]:
        if isinstance(event, CardEvent) and (key := f"card {event.card.id}") in seen:
            first = versions.get(key, (row.seen.get(key, seen[key]), ""))[0]
            versions[key] = (first, str(event.card.version))
    if row.mission_id is None:
        return
    for other in uow.connection.execute(_PENDING, {"_mission_id": row.mission_id}).fetchall():
        after = rules.renewed(other.seen, versions)
        if after != other.seen:
            uow.connection.execute(_CHANGE, {"_id": other.id, "seen": after}).one()


def _reject(uow: UnitOfWork, row: Row[Any], reason: str | None) -> Proposal:
    _decide(uow, row, "rejected", reason)
    made = uow.connection.execute(_CHANGE, {"_id": row.id, "result": None}).one()
    _tell(uow, made)
    if row.blob_key is not None:
        blobs, key = uow.core.blobs, row.blob_key
        uow.after_commit.append(lambda: blobs.discard(key))
    return rows.proposal(made)


def _tell(uow: UnitOfWork, row: Row[Any]) -> None:
    if row.mission_id is not None:
        mission_log.write(uow, row.mission_id, ("proposal", missions.told(row, row.status)))


def _go_on(uow: UnitOfWork, mission: Any) -> None:
    """Let a mission go on, or end, once nothing of it waits any more."""
    if mission.status != "awaiting_approval" or _waiting(uow, mission):
        return
    if mission.autonomy_mode == "approval":
        missions.end(uow, mission.id, "completed", ("awaiting_approval",), result=mission.result)
        return
    uow.connection.execute(_RESUME, {"_mission_id": mission.id})
    mission_log.write(uow, mission.id, ("status", {"status": "running"}))
    if missions.is_external(uow, mission.agent_id):
        absence.expect(uow, mission.id)
    else:
        missions.enqueue(uow, mission.id)
