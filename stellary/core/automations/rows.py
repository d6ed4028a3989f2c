"""Conversion of rows of rules and traces to values."""

from __future__ import annotations

from stellary.contract.automations import Automation, AutomationAction, AutomationTrace, TraceTarget
from stellary.core.automations.row_types import AutomationRow, TraceRow
from stellary.core.automations.tables import automations, traces
from stellary.core.db.row_fields import RowFields

RULE = tuple(automations.c)
_ACTION_FIELDS = RowFields(
    AutomationAction,
    automations,
    renamed={"type": "action_type", "params": "action_params"},
    internal=automations.c.keys(),
)
FIELDS = RowFields(Automation, automations, nested={"action": _ACTION_FIELDS}, internal=("armed_at",))
_TARGET_FIELDS = RowFields(TraceTarget, traces, internal=traces.c.keys())
_TRACE_FIELDS = RowFields(
    AutomationTrace,
    traces,
    computed=("target",),
    internal=("card_id", "card_key", "card_title", "event_id", "chain_id"),
)


def automation(row: AutomationRow) -> Automation:
    """Convert a row to a rule."""
    return FIELDS.to_value(row)


def trace(row: TraceRow) -> AutomationTrace:
    """Convert a row to a trace."""
    target = None if row.card_id is None else _TARGET_FIELDS.to_value(row)
    return _TRACE_FIELDS.to_value(row, target=target)
