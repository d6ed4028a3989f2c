"""Reactions of rules to the deletion and the return of items that they need."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, select

from stellary.contract.automations import Automation
from stellary.core.automations import rows
from stellary.core.automations.row_types import AutomationRow
from stellary.core.automations.tables import automations
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import Event
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.pilotage import references

_RULES = Query(
    AutomationRow,
    select(automations)
    .where(automations.c.id.in_(bindparam("_ids", expanding=True)))
    .order_by(automations.c.id),
)


def mark_references(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """Mark rules and proposed actions that lack an item as broken, mend those that have it again, and tell their owners.

    Args:
        uow: The unit of work.
        events: The events, some of which are deletions or returns of items.
    """
    changes = references.find_changes(uow, events)
    before = _load_rules(uow, changes.workspaces_by_rule)
    references.mark(uow, changes)
    for rule in _load_rules(uow, changes.workspaces_by_rule).values():
        if rule.problem != before[rule.id].problem:
            workspace_id = changes.workspaces_by_rule[rule.id]
            emit_change(uow, workspace_id, before[rule.id], rule)
            if rule.broken:
                uow.broken_rules[rule.id] = rule.name


def _load_rules(uow: UnitOfWork, ids: Collection[str]) -> dict[str, Automation]:
    rule_rows = _RULES.all(uow.connection, {"_ids": sorted(ids)}) if ids else []
    return {rule.id: rule for rule in rows.automations_of(uow, rule_rows)}
