"""The audit log of agents: each attempted call, and its outcome."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import bindparam, delete, insert, select

from stellary.contract.agents import LIST_AUDIT, AuditEntry, AuditOutcome
from stellary.contract.paging import Listing, Paged
from stellary.contract.refs import AgentRef
from stellary.core.agents import access, rows
from stellary.core.agents.row_types import AuditRow
from stellary.core.agents.tables import agents, audit
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.retention import RetentionRule
from stellary.core.kernel.unit import NOBODY, AgentLimits, UnitOfWork, serves
from stellary.core.kernel.units import Units

ENTRIES_MAX = 10_000
DELETE_OLD_EVERY = 100
REASON_MAX = 1_000

_OF_AGENT = audit.c.agent_id == bindparam("_agent_id")
_LIST = Pages(AuditRow, select(audit).where(_OF_AGENT), audit.c.id, newest_first=True)
_INSERT = insert(audit)
_AGENT_EXISTS = select(agents.c.id).where(agents.c.id == bindparam("_agent_id"))
_old = audit.alias("old")
_DELETE_OLD = delete(audit).where(
    _OF_AGENT,
    audit.c.id
    <= select(_old.c.id)
    .where(_old.c.agent_id == bindparam("_agent_id"))
    .order_by(_old.c.id.desc())
    .limit(1)
    .offset(ENTRIES_MAX)
    .scalar_subquery(),
)
RETENTION = RetentionRule(audit, audit.c.created_at, lambda retention: timedelta(days=retention.audit_days))
"""The rule for old entries."""


@serves(LIST_AUDIT)
def list_audit(uow: UnitOfWork, ref: AgentRef, request: Paged) -> Listing[AuditEntry]:
    """Return the audit entries of an agent, newest first."""
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
    """Record a call of an agent; about one call in a hundred also deletes old entries.

    Args:
        uow: A unit of work that writes.
        limits: The agent's limits, which name the agent, its mission and the person it acts for.
        tool: The action or operation, cut to 100 characters.
        outcome: The result of the call.
        reason: The reason of a refusal, cut to 1,000 characters.
        proposal_id: The proposal that was created.
    """
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
    if int(id, 16) % DELETE_OLD_EVERY == 0:
        delete_old_entries(uow, limits.agent_id)


def record_refusal(units: Units, limits: AgentLimits, tool: str, reason: str) -> None:
    """Record a refused call in a transaction of its own, since that of the call is rolled back.

    Args:
        units: Opens the units of work.
        limits: The limits of the agent that called.
        tool: The name of the tool that it called.
        reason: The reason of the refusal, for people who read the audit log.
    """
    with units.transaction(NOBODY) as uow:
        if uow.connection.execute(_AGENT_EXISTS, {"_agent_id": limits.agent_id}).first() is not None:
            record(uow, limits, tool, "refused", reason=reason)


def delete_old_entries(uow: UnitOfWork, agent_id: str) -> None:
    """Delete all but the newest 10,000 entries of an agent.

    Args:
        agent_id: The agent.
    """
    uow.connection.execute(_DELETE_OLD, {"_agent_id": agent_id})
