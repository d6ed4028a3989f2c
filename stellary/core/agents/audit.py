"""Audit: what agents have tried to do, whatever became of it."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select

from stellary.contract.agents import LIST_AUDIT, AuditEntry, AuditOutcome
from stellary.contract.paging import Listing, Paged
from stellary.contract.refs import AgentRef
from stellary.core.agents import access, rows
from stellary.core.agents.tables import agents, audit
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import NOBODY, AgentLimits, UnitOfWork, serves
from stellary.core.kernel.units import Units

KEPT = 10_000
FORGETS_EVERY = 100
REASON_MAX = 1_000

_OF_AGENT = audit.c.agent_id == bindparam("_agent_id")
_LIST = Pages(select(audit).where(_OF_AGENT), audit.c.id, newest_first=True)
_INSERT = insert(audit)
_IS_THERE = select(agents.c.id).where(agents.c.id == bindparam("_agent_id"))
_old = audit.alias("old")
_FORGET = delete(audit).where(
    _OF_AGENT,
    audit.c.id
    <= select(_old.c.id)
    .where(_old.c.agent_id == bindparam("_agent_id"))
    .order_by(_old.c.id.desc())
    .limit(1)
    .offset(KEPT)
    .scalar_subquery(),
)


@serves(LIST_AUDIT)
def list_audit(uow: UnitOfWork, ref: AgentRef, request: Paged) -> Listing[AuditEntry]:
    """What an agent has tried, newest first."""
    agent = access.agent(uow, ref).row
    return _LIST.fetch(uow, request, rows.audit_entry, _agent_id=agent.id)


def record(
    uow: UnitOfWork,
    limits: AgentLimits,
    tool: str,
    outcome: AuditOutcome,
    *,
    reason: str | None = None,
    proposal_id: str | None = None,
) -> None:
    """Note what an agent has tried; and now and then forget what it tried long ago."""
    id = uow.new_id()
    row = {
        "id": id,
        "agent_id": limits.agent_id,
        "mission_id": limits.mission_id,
        "tool": tool[:100],
        "outcome": outcome,
        "reason": reason and reason[:REASON_MAX],
        "on_behalf_of_id": limits.principal_id,
        "proposal_id": proposal_id,
        "created_at": uow.now,
    }
    uow.connection.execute(_INSERT, row)
    if int(id, 16) % FORGETS_EVERY == 0:
        forget(uow, limits.agent_id)


def refused(units: Units, limits: AgentLimits, tool: str, reason: str) -> None:
    """Note what was refused, in a unit of its own: that of the call was undone."""
    with units.transaction(NOBODY) as uow:
        if uow.connection.execute(_IS_THERE, {"_agent_id": limits.agent_id}).first() is not None:
            record(uow, limits, tool, "refused", reason=reason)


def forget(uow: UnitOfWork, agent_id: str) -> None:
    """Keep the newest ten thousand entries of an agent."""
    uow.connection.execute(_FORGET, {"_agent_id": agent_id})
