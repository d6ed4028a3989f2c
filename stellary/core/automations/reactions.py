"""Reactions of rules to the deletion and the return of items that they need, and of the users who own them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import attrs
from sqlalchemy import bindparam, select, update

from stellary.contract.automations import Automation
from stellary.contract.custom_fields import CustomField
from stellary.core.accounts.rules import SEES_ALL
from stellary.core.automations import rows, traces
from stellary.core.automations.acting import build_case
from stellary.core.automations.row_types import AutomationRow
from stellary.core.automations.rules.file_references import rename_options
from stellary.core.automations.tables import automations
from stellary.core.board.queries.recipient_queries import select_project_ids
from stellary.core.board.rules import custom_fields
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import AccountTakenOver, Event, ItemChanged, WorkspaceLeft
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.pilotage import references

_RULES = Query(
    AutomationRow,
    select(automations).where(is_among(automations.c.id)).order_by(automations.c.id),
)


def mark_references(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """Mark rules and proposed actions that lack an item as broken, mend those that have it again, and tell their owners.

    Args:
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
                uow.broken_rules[rule.id] = rule.project_id, rule.name


def follow_options(uow: UnitOfWork, events: Sequence[ItemChanged]) -> None:
    """Rename the options of custom fields in rules, and mark rules that name a removed option as broken.

    Args:
        events: Changes of items, some of which are changes of custom fields.
    """
    for event in events:
        before, after = event.before, event.after
        if not (isinstance(before, CustomField) and isinstance(after, CustomField)):
            continue
        names = custom_fields.renamed_options(before, after)
        removed = custom_fields.find_removed_options(before, after)
        if names or removed:
            for rule in _load_rules(uow, references.find_rules(uow, event.workspace_id, after.id)).values():
                _rename_options(uow, event, rule, names, removed)


def _rename_options(
    uow: UnitOfWork, event: ItemChanged, rule: Automation, names: Mapping[str, str], removed: set[str]
) -> None:
    renamed: list[dict[str, object]] = []
    for part, data in {"conditions": rule.conditions, **rows.index_params(rule)}.items():
        used: set[str] = set()

        def rename(value: object, used: set[str] = used) -> object:
            texts = (
                text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)
            )
            used.update(removed.intersection(texts))
            return custom_fields.rename_options(value, names)

        renamed.append(rename_options(data, event.item_id, rename))
        lost = {
            references.StoredReference(
                references.UNRESOLVED,
                f"the option {name!r} of {event.name!r} was removed",
                project_id=event.project_id,
            )
            for name in used
        }
        references.add_references(uow, event.workspace_id, lost, automation_id=rule.id, part=part)
    rows.FIELDS.update(uow, rule, rows.with_params(rule, renamed[0], renamed[1:]))
    (changed,) = _load_rules(uow, [rule.id]).values()
    emit_change(uow, event.workspace_id, rule, changed)


def _load_rules(uow: UnitOfWork, ids: Collection[str]) -> dict[str, Automation]:
    rule_rows = _RULES.all(uow.connection, {"_ids": sorted(ids)}) if ids else []
    return {rule.id: rule for rule in rows.automations_of(uow, rule_rows, SEES_ALL)}


_TURN_OFF_RULES = (
    update(automations)
    .where(is_given(automations.c.owner_id, "user_id"), automations.c.enabled)
    .values(enabled=False, updated_at=bindparam("_now"))
    .returning(*rows.RULE)
)
_TURN_OFF_ALL = Query(AutomationRow, _TURN_OFF_RULES)
_IN_WORKSPACE = automations.c.project_id.in_(select_project_ids(bindparam("_workspace_id")))
_TURN_OFF = Query(AutomationRow, _TURN_OFF_RULES.where(_IN_WORKSPACE))


def turn_off(uow: UnitOfWork, events: Sequence[WorkspaceLeft | AccountTakenOver]) -> None:
    """Turn off the rules of users who left, and of accounts that were given to others, and record a trace for each.

    Args:
        events: The users who have left a workspace, and the accounts.
    """
    trace_rows: list[dict[str, object]] = []
    for event in events:
        parameters = {"_user_id": event.user_id, "_now": uow.now}
        query, error = _TURN_OFF_ALL, traces.TAKEN_OVER
        if isinstance(event, WorkspaceLeft):
            parameters["_workspace_id"] = event.workspace_id
            query, error = _TURN_OFF, traces.OWNER_LEFT
        rules = query.all(uow.connection, parameters)
        uow.ended_counts["automations"] += len(rules)
        for rule in rules:
            case = build_case(rule, "", "owner_left", uow.new_id(), uow.new_id(), None)
            case = attrs.evolve(case, triggered_by_id=uow.actor.user_id)
            trace_rows.append(case.trace(event.user_id, "failure", error))
    traces.record(uow, trace_rows)
