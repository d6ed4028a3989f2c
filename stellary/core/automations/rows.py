"""Conversion of rows of rules and traces to values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from stellary.contract.automations import Automation, AutomationAction, AutomationTrace, TraceTarget
from stellary.core.automations.row_types import AutomationRow, TraceRow
from stellary.core.automations.tables import automations, traces
from stellary.core.db.row_fields import RowFields
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.writes import StoredItems
from stellary.core.pilotage.references import NOTHING, describe_rules

RULE = tuple(automations.c)
_ACTION_FIELDS = RowFields(
    AutomationAction,
    automations,
    renamed={"type": "action_type", "params": "action_params"},
    internal=automations.c.keys(),
)


class RuleColumns(TypedDict):
    """The column of a new rule that is not a field."""

    armed_at: datetime


FIELDS = StoredItems(
    Automation,
    automations,
    "Automation",
    RuleColumns,
    nested={"action": _ACTION_FIELDS},
    computed=("references", "broken", "problem"),
)
_OF_CARD = ("card_id", "card_key", "card_title")
_TARGET_FIELDS = RowFields(TraceTarget, traces, converted=_OF_CARD, internal=traces.c.keys())
_TRACE_FIELDS = RowFields(
    AutomationTrace,
    traces,
    computed=("target",),
    internal=(*_OF_CARD, "event_id", "chain_id"),
)


def automation(uow: UnitOfWork, row: AutomationRow) -> Automation:
    """Convert a row to a rule.

    Args:
        row: The row.
    """
    (rule,) = automations_of(uow, [row])
    return rule


def automations_of(uow: UnitOfWork, rule_rows: Sequence[AutomationRow]) -> list[Automation]:
    """Convert rows to rules.

    Args:
        rule_rows: The rows.
    """
    described = describe_rules(uow, [row.id for row in rule_rows])
    needs = [described.get(row.id, NOTHING) for row in rule_rows]
    return [
        FIELDS.to_value(
            row, references=need.references, broken=need.problem is not None, problem=need.problem
        )
        for row, need in zip(rule_rows, needs, strict=True)
    ]


def trace(row: TraceRow) -> AutomationTrace:
    """Convert a row to a trace."""
    target = None if row.card_id is None else _TARGET_FIELDS.to_value(row)
    return _TRACE_FIELDS.to_value(row, target=target)
