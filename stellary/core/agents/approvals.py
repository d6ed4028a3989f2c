"""Execution of approved proposals, within the rights of the person who approved them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from stellary.contract.errors import Conflict, Forbidden, Invalid, NotFound
from stellary.contract.proposals import Proposal
from stellary.contract.refs import WorkspaceRef
from stellary.core.accounts.rules import SEES_ALL, ProjectSight
from stellary.core.agents import audit, gate, proposing, rows
from stellary.core.agents.row_types import AgentLimitsRow, ProposalRow
from stellary.core.agents.rules import proposals as rules
from stellary.core.agents.tables import agents, proposals
from stellary.core.board.changes.settled_answers import as_json, settle_answer
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import CardEvent
from stellary.core.kernel.unit import AgentLimits, UnitOfWork

# By time and not by id: within a second, ids of two processes are not in the order of creation.
_OF_MISSION = (
    select(proposals).where(is_given(proposals.c.mission_id)).order_by(proposals.c.created_at, proposals.c.id)
)
BATCH = Query(ProposalRow, _OF_MISSION)
PENDING = Query(ProposalRow, _OF_MISSION.where(proposals.c.status == "pending"))
CHANGE = Query(ProposalRow, update(proposals).where(is_given(proposals.c.id)).returning(*proposals.c))
_AGENT = Query(
    AgentLimitsRow,
    select(agents.c.status, agents.c.tools, agents.c.project_ids).where(is_given(agents.c.id, "agent_id")),
)

Versions = dict[str, tuple[str, str]]
"""The version before and after the unit of work, by the key of each changed item."""


def carry_out(
    uow: UnitOfWork,
    ref: WorkspaceRef,
    approved: Sequence[tuple[ProposalRow, str]],
    decided: str | None = None,
    sight: ProjectSight = SEES_ALL,
) -> list[Proposal]:
    """Execute approved proposals of one mission in order, and store their results.

    Args:
        ref: The workspace.
        approved: The row of each proposal, with the id of the person who approved it and whose rights apply.
        decided: The id of the proposal that the caller has just decided, if the others were approved before.
        sight: The projects that the caller sees. Errors name no other proposals that name items of others.

    Raises:
        Conflict: An item that a proposal changes has changed since, or the agent is suspended.
        Forbidden: The person may not do it.
    """
    versions: Versions = {}
    before, answers = len(uow.events), []
    for row, person_id in approved:
        try:
            answers.append(perform(uow, ref, row, person_id, versions))
        except (Conflict, Forbidden) as error:
            if decided in (None, row.id):
                raise
            if not sight.sees_all(row.named_projects):
                raise rules.stale(
                    "another approved proposal, about projects that you do not see, cannot be carried out"
                ) from None
            raise rules.stale(
                f"another proposal of the mission, {row.summary!r}, was approved and cannot be carried out: "
                f"{error.message}; reject it first"
            ) from None
    answers = settle_answer(uow, answers)
    # Changes by automations that reacted to the proposal do not make other proposals stale either.
    for event in uow.events[before:]:
        if isinstance(event, CardEvent) and (key := f"card {event.card.id}") in versions:
            versions[key] = (versions[key][0], str(event.card.version))
    for mission_id in {row.mission_id for row, _ in approved if row.mission_id is not None}:
        _renew_pending(uow, mission_id, versions)
    results = (
        {"_id": row.id, "result": as_json(answer)} for (row, _), answer in zip(approved, answers, strict=True)
    )
    return [rows.PROPOSALS.to_value(CHANGE.one(uow.connection, values)) for values in results]


def perform(
    uow: UnitOfWork, ref: WorkspaceRef, row: ProposalRow, principal_id: str, versions: Versions
) -> object:
    """Execute one proposal, and return the result of the service.

    Args:
        ref: The workspace.
        row: The proposal's row.
        principal_id: The person whose rights apply.
        versions: Versions changed by other proposals of the mission in this unit; changes of this one are added.

    Raises:
        Conflict: The agent is suspended, or an item that the proposal is based on has changed since.
    """
    agent = _AGENT.one(uow.connection, {"_agent_id": row.agent_id})
    if agent.status != "active":
        raise Conflict("the agent is suspended", code="agent_suspended")
    limits = AgentLimits(
        agent_id=row.agent_id,
        principal_id=principal_id,
        workspace_id=row.workspace_id,
        tools=frozenset(agent.tools),
        project_ids=None if agent.project_ids is None else frozenset(agent.project_ids),
        at_once=True,
        mission_id=row.mission_id,
    )
    expected = rules.renew_versions(row.seen, versions)
    seen: dict[str, str] = {}
    before = len(uow.events)
    try:
        with proposing.record_versions(uow, seen), gate.act_as_agent(uow, limits):
            answer = proposing.perform(uow, WorkspaceRef(ref.org_slug, ref.ws_slug), row)
    except (NotFound, Invalid) as error:
        raise rules.stale(f"the proposed change is no longer possible: {error.message}") from None
    rules.check_fresh(expected, seen)
    for event in uow.events[before:]:
        if isinstance(event, CardEvent) and (key := f"card {event.card.id}") in seen:
            first = versions.get(key, (row.seen.get(key, seen[key]), ""))[0]
            versions[key] = (first, str(event.card.version))
    audit.record(uow, limits, row.action, "allowed", proposal_id=row.id)
    return answer


def _renew_pending(uow: UnitOfWork, mission_id: str, versions: Versions) -> None:
    """Update the versions that pending proposals of a mission expect, so that they do not go stale."""
    for other in PENDING.all(uow.connection, {"_mission_id": mission_id}):
        after = rules.renew_versions(other.seen, versions)
        if after != other.seen:
            CHANGE.one(uow.connection, {"_id": other.id, "seen": after})
