"""Conversion of rows of rules and traces to values."""

from __future__ import annotations

from stellary.contract.automations import Automation, AutomationAction, AutomationTrace, TraceTarget
from stellary.contract.wire import wire_fields
from stellary.core.automations.row_types import AutomationRow, TraceRow
from stellary.core.automations.tables import automations

RULE = tuple(automations.c)
_FIELDS = [field.name for field in wire_fields(Automation).values() if field.name != "action"]


def automation(row: AutomationRow) -> Automation:
    """Convert a row to a rule."""
    return Automation(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        trigger=row.trigger,
        conditions=row.conditions,
        action=AutomationAction(type=row.action_type, params=row.action_params),
        enabled=row.enabled,
        owner_id=row.owner_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def automation_row(rule: Automation) -> dict[str, object]:
    """Convert a rule to a row, without ``armed_at``."""
    row = {name: getattr(rule, name) for name in _FIELDS}
    return row | {"action_type": rule.action.type, "action_params": rule.action.params}


def trace(row: TraceRow) -> AutomationTrace:
    """Convert a row to a trace."""
    target = None
    if row.card_id is not None:
        target = TraceTarget(
            card_id=row.card_id, card_key=row.card_key or "", card_title=row.card_title or ""
        )
    return AutomationTrace(
        id=row.id,
        automation_id=row.automation_id,
        event=row.event,
        actor_id=row.actor_id,
        triggered_by_id=row.triggered_by_id,
        target=target,
        result=row.result,
        error=row.error,
        duration_ms=row.duration_ms,
        depth=row.depth,
        created_at=row.created_at,
    )
