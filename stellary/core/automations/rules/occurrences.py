"""Triggers of events, and the facts that conditions compare. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from stellary.contract.cards import Card
from stellary.contract.naming import wire_fields
from stellary.core.automations.rules.conditions import DATA, FIELDS, Facts
from stellary.core.kernel import events
from stellary.core.kernel.causes import Chain

CHANGE_TRIGGERS: Final = ("comment_added", "card_archived", "field_changed")
"""Triggers of frequent events: only workspaces with the flag ``has_change_rules`` have rules for them."""

CHAIN_DEPTH_MAX = 10
CHAIN_ACTIONS_MAX = 100
UNIT_ACTIONS_MAX = 100
"""Limits: a chain of rules that exceeds its limit is stopped; actions beyond the limit of a transaction run as jobs."""

TOO_DEEP: Final = f"stopped: {CHAIN_DEPTH_MAX} rules have led to each other"
TOO_MANY: Final = f"stopped: one event has led to {CHAIN_ACTIONS_MAX} actions"


_CARD_FACTS: Final = {fact: field.name for fact, field in wire_fields(Card).items() if fact in FIELDS}
"""The facts that are fields of a card, with their names."""


@attrs.frozen
class Occurrence:
    """An event with the trigger that it matches."""

    trigger: str
    event: events.CardEvent

    @property
    def depth(self) -> int:
        return 0 if self.event.cause is None else self.event.cause.depth


def _is_assigned(event: events.CardCreated | events.CardAssigned) -> bool:
    return event.card.assignee_id is not None


def _has_changed_status(event: events.CardMoved | events.CardUpdated) -> bool:
    # A column can have a status, so a move can change the card's status.
    return event.before.status != event.card.status


TRIGGERS: Final[Mapping[type[events.CardEvent], Mapping[str, Callable[[Any], bool] | None]]] = {
    events.CardCreated: {"task_created": None, "task_added_to_board": None, "task_assigned": _is_assigned},
    events.CardMoved: {
        "task_moved": None,
        "task_added_to_board": lambda event: event.before.scope_id != event.card.scope_id,
        "task_status_changed": _has_changed_status,
    },
    events.CardTransferred: {
        "task_added_to_board": lambda event: not event.card.archived,
        "task_status_changed": _has_changed_status,
    },
    events.CardUpdated: {
        "field_changed": None,
        "task_added_to_board": lambda event: event.before.archived and not event.card.archived,
        "task_status_changed": _has_changed_status,
    },
    events.CardAssigned: {"task_assigned": _is_assigned},
    events.CardArchived: {"card_archived": None},
    events.CommentCreated: {"comment_added": None},
    events.ChecklistCompleted: {"checklist_complete": None},
    events.CardDue: {"due_date_reached": None},
    events.TriggerFired: {},
}
"""The triggers that events of a type match, each with its condition; None for one that always matches."""


def find_occurrences(card_events: Iterable[events.CardEvent]) -> Iterator[Occurrence]:
    """Yield the triggers of events, in order."""
    for event in card_events:
        if isinstance(event, events.TriggerFired):
            yield Occurrence(event.trigger, event)
        for trigger, is_matched in TRIGGERS[type(event)].items():
            if is_matched is None or is_matched(event):
                yield Occurrence(trigger, event)


def facts(event: events.CardEvent) -> Facts:
    """Return the facts of an event: the card's fields after the event, and the old and new values of changed fields."""
    values = card_facts(event.card)
    match event:
        case events.CardMoved():
            values |= {
                "fromColumnId": event.before.column_id,
                "toColumnId": event.card.column_id,
                "fromColumn": event.from_column,
                "toColumn": event.to_column,
            }
        case events.CardAssigned():
            values |= {"fromAssigneeId": event.before.assignee_id, "toAssigneeId": event.card.assignee_id}
        case events.CardCreated():
            values |= {"fromAssigneeId": None, "toAssigneeId": event.card.assignee_id}
        case events.CardUpdated():
            values |= {"changedFields": list(event.changed)}
        case events.CommentCreated():
            values |= {"comment": event.comment.content}
        case events.TriggerFired():
            values |= {DATA + name: value for name, value in event.data.items()}
        case _:
            pass
    if isinstance(event, events.CardMoved | events.CardUpdated):
        values |= {"fromStatus": event.before.status, "toStatus": event.card.status}
    return values


def card_facts(card: Card) -> dict[str, object]:
    """Return the facts of a card."""
    progress = card.checklist_progress
    values: dict[str, object] = {fact: getattr(card, name) for fact, name in _CARD_FACTS.items()}
    values |= {
        "checklistTotal": progress.total,
        "checklistDone": progress.done,
        "checklistPercent": progress.percent,
    }
    return values | {f"customFields.{id}": value for id, value in card.custom_fields.items()}


def was_armed(occurrence: Occurrence, armed_at: datetime) -> bool:
    """Return whether a rule was already enabled when a card became due; True for other triggers.

    Args:
        occurrence: The trigger and its event.
        armed_at: The time at which the rule was enabled.
    """
    due = occurrence.event.card.due_date
    return occurrence.trigger != "due_date_reached" or due is None or due > armed_at


def find_stop_reason(depth: int, chain: Chain, count: int = 1) -> str | None:
    """Return the reason why a chain of rules must not continue; None if it may.

    Args:
        depth: The number of rules that led to the event.
        chain: The chain that the event belongs to.
        count: The number of actions of the next rule. Default: 1.
    """
    if depth >= CHAIN_DEPTH_MAX:
        return TOO_DEEP
    return TOO_MANY if chain.actions + count > CHAIN_ACTIONS_MAX else None


def with_event_ids(
    params: Mapping[str, object], takes: set[str], project_id: str, card_id: str | None
) -> dict[str, object]:
    """Return an action's params, completed by the card and the project of the event.

    Args:
        params: The rule's params, which take precedence.
        takes: The wire names that the action takes.
        project_id: The rule's project.
        card_id: The event's card, if it has one.
    """
    if "cardId" in params:
        # It may be a card of another project.
        return dict(params)
    event_ids = {"projectId": project_id, "cardId": card_id}
    return {name: id for name, id in event_ids.items() if name in takes and id is not None} | dict(params)
