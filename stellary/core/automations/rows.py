"""Conversion of rows of rules and traces to values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from stellary.contract.automations import (
    Automation,
    AutomationAction,
    AutomationSchedule,
    AutomationTrace,
    TraceTarget,
)
from stellary.contract.fields import replace_fields
from stellary.core.accounts.rules import ProjectSight
from stellary.core.automations.row_types import AutomationRow, StoredAction, TraceRow
from stellary.core.automations.tables import automations, traces
from stellary.core.automations.triggers import SCHEDULE
from stellary.core.db.row_fields import RowFields
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.writes import StoredItems
from stellary.core.pilotage.references import NOTHING, describe_rules, name_action_part

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
    computed=("actions", "schedule", "references", "broken", "problem"),
    derived={
        "further_actions": lambda rule: [
            StoredAction(type=a.type, params=a.params) for a in rule.actions[1:]
        ],
        "schedule": lambda rule: rule.schedule and dict(rule.schedule),
    },
    internal=("noticed_at",),
)
_OF_CARD = ("card_id", "card_key", "card_title")
_TARGET_FIELDS = RowFields(TraceTarget, traces, converted=_OF_CARD, internal=traces.c.keys())
_TRACE_FIELDS = RowFields(
    AutomationTrace,
    traces,
    computed=("target",),
    internal=(*_OF_CARD, "event_id", "chain_id"),
)


def automation(uow: UnitOfWork, row: AutomationRow, sight: ProjectSight) -> Automation:
    """Convert a row to a rule.

    Args:
        row: The row.
        sight: The projects that its reader sees.
    """
    (rule,) = automations_of(uow, [row], sight)
    return rule


def automations_of(
    uow: UnitOfWork, rule_rows: Sequence[AutomationRow], sight: ProjectSight
) -> list[Automation]:
    """Convert rows to rules.

    Args:
        rule_rows: The rows.
        sight: The projects that their reader sees.
    """
    described = describe_rules(uow, [row.id for row in rule_rows], sight)
    needs = [described.get(row.id, NOTHING) for row in rule_rows]
    return [
        FIELDS.to_value(
            row,
            actions=list_actions(row),
            schedule=to_schedule(row),
            references=need.references,
            broken=need.problem is not None,
            problem=need.problem,
        )
        for row, need in zip(rule_rows, needs, strict=True)
    ]


def index_params(rule: Automation) -> dict[str, Mapping[str, object]]:
    """Return the filters of a rule's schedule and the params of its actions, by the part that references have."""
    params: dict[str, Mapping[str, object]] = {SCHEDULE: (rule.schedule and rule.schedule.cards) or {}}
    return params | {name_action_part(index): action.params for index, action in enumerate(rule.actions)}


def with_params(
    rule: Automation, conditions: Mapping[str, object], params: Sequence[Mapping[str, object]]
) -> Automation:
    """Return a rule with other conditions and params.

    Args:
        rule: The rule.
        conditions: The new conditions.
        params: The new params, in the order of ``index_params``.
    """
    filters, *all_params = params
    actions = [
        replace_fields(action, params=part) for action, part in zip(rule.actions, all_params, strict=True)
    ]
    schedule = rule.schedule
    if schedule is not None and schedule.cards is not None:
        schedule = replace_fields(schedule, cards=filters)
    return replace_fields(rule, conditions=conditions, action=actions[0], actions=actions, schedule=schedule)


def to_schedule(row: AutomationRow) -> AutomationSchedule | None:
    """Return the schedule of a rule."""
    return None if row.schedule is None else AutomationSchedule(**row.schedule)


def list_actions(row: AutomationRow) -> list[AutomationAction]:
    """Return the actions of a rule, in the order in which they run."""
    further = [AutomationAction(**action) for action in row.further_actions]
    return [_ACTION_FIELDS.to_value(row), *further]


def trace(row: TraceRow) -> AutomationTrace:
    """Convert a row to a trace."""
    target = None if row.card_id is None else _TARGET_FIELDS.to_value(row)
    return _TRACE_FIELDS.to_value(row, target=target)
