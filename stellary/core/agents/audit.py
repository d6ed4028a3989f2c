"""The audit log of agents: each attempted call, and its outcome."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert, select

from stellary.contract.agents import LIST_AUDIT, AuditEntry, AuditOutcome
from stellary.contract.fields import replace_fields
from stellary.contract.refs import AgentRef
from stellary.contract.wire import Listing, Paged
from stellary.core.agents import access, rows
from stellary.core.agents.proposing import find_ids
from stellary.core.agents.rules.missions import HIDDEN
from stellary.core.agents.tables import agents, audit
from stellary.core.db.base import is_given
from stellary.core.db.row_types import RowType
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.retention import CountLimit, RetentionRule
from stellary.core.kernel.unit import NOBODY, AgentLimits, UnitOfWork, serves
from stellary.core.kernel.units import Units
from stellary.core.knowledge.resolve_names import find_items

ENTRIES_MAX = 10_000
REASON_MAX = 1_000

_OF_AGENT = is_given(audit.c.agent_id)
_ALL, _OWN = (
    Pages(RowType, select(audit).where(_OF_AGENT), audit.c.id, newest_first=True, residual=residual)
    for residual in ([], [is_given(audit.c.on_behalf_of_id, "user_id")])
)
_INSERT = insert(audit)
_AGENT_EXISTS = select(agents.c.id).where(is_given(agents.c.id, "agent_id"))
LIMIT = CountLimit(audit, "agent_id", ENTRIES_MAX)
"""The limit of the entries of an agent."""
RETENTION = RetentionRule(audit, audit.c.created_at, lambda retention: timedelta(days=retention.audit_days))
"""The rule for old entries."""


@serves(LIST_AUDIT)
def list_audit(uow: UnitOfWork, ref: AgentRef, request: Paged) -> Listing[AuditEntry]:
    """Return the audit entries of an agent, newest first."""
    loaded = access.agent(uow, ref)
    sight = loaded.roles.sight
    if sight.is_limited:
        # The reason of a refusal may name any project that the person for whom the agent acted has seen then.
        parameters = {"_agent_id": loaded.row.id, "_user_id": loaded.roles.user_id}
        page = _OWN.fetch(uow, request, rows.AUDIT.to_value, **parameters)
        ids = find_ids([entry.reason for entry in page.items])
        items = find_items(uow, loaded.row.workspace_id, ids)
        hidden = {id for id, (_, project_id) in items.items() if not sight.sees(project_id)}
        entries = [
            entry if hidden.isdisjoint(find_ids(entry.reason)) else replace_fields(entry, reason=HIDDEN)
            for entry in page.items
        ]
        return Listing(entries, page.next)
    return _ALL.fetch(uow, request, rows.AUDIT.to_value, _agent_id=loaded.row.id)


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
        limits: The agent's limits, which name the agent, its mission and the person it acts for.
        tool: The action or operation, cut to 100 characters.
        outcome: The result of the call.
        reason: The reason of a refusal, cut to 1,000 characters.
        proposal_id: The proposal that was created.
    """
    row = {
        "id": uow.new_id(),
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
    LIMIT.apply(uow, [row])


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
