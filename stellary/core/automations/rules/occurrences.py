"""Triggers of events, and the facts that conditions compare. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from stellary.contract.cards import Card
from stellary.contract.naming import wire_fields
from stellary.core.automations.rules.conditions import DATA, FIELDS, Facts
from stellary.core.kernel.causes import Chain
from stellary.core.kernel.events import (
    CardArchived,
    CardAssigned,
    CardCreated,
    CardDue,
    CardEvent,
    CardMoved,
    CardTransferred,
    CardUpdated,
    ChecklistCompleted,
    CommentCreated,
    TriggerFired,
)

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
    event: CardEvent

    @property
    def depth(self) -> int:
        return 0 if self.event.cause is None else self.event.cause.depth


def _is_assigned(event: CardCreated | CardAssigned) -> bool:
    return event.card.assignee_id is not None


def _has_changed_status(event: CardMoved | CardUpdated) -> bool:
    # A column can have a status, so a move can change the card's status.
    return event.before.status != event.card.status


TRIGGERS: Final[Mapping[type[CardEvent], Mapping[str, Callable[[Any], bool] | None]]] = {
    CardCreated: {"task_created": None, "task_added_to_board": None, "task_assigned": _is_assigned},
    CardMoved: {
        "task_moved": None,
        "task_added_to_board": lambda event: event.before.scope_id != event.card.scope_id,
        "task_status_changed": _has_changed_status,
    },
    CardTransferred: {
        "task_added_to_board": lambda event: not event.card.archived,
        "task_status_changed": _has_changed_status,
    },
    CardUpdated: {
        "field_changed": None,
        "task_added_to_board": lambda event: event.before.archived and not event.card.archived,
        "task_status_changed": _has_changed_status,
    },
    CardAssigned: {"task_assigned": _is_assigned},
    CardArchived: {"card_archived": None},
    CommentCreated: {"comment_added": None},
    ChecklistCompleted: {"checklist_complete": None},
    CardDue: {"due_date_reached": None},
    TriggerFired: {},
}
"""The triggers that events of a type match, each with its condition; None for one that always matches."""


def find_occurrences(events: Iterable[CardEvent]) -> Iterator[Occurrence]:
    """Yield the triggers of events, in order."""
    for event in events:
        if isinstance(event, TriggerFired):
            yield Occurrence(event.trigger, event)
        for trigger, is_matched in TRIGGERS[type(event)].items():
            if is_matched is None or is_matched(event):
                yield Occurrence(trigger, event)


def facts(event: CardEvent) -> Facts:
    """Return the facts of an event: the card's fields after the event, and the old and new values of changed fields."""
    values = card_facts(event.card)
    match event:
        case CardMoved():
            values |= {
                "fromColumnId": event.before.column_id,
                "toColumnId": event.card.column_id,
                "fromColumn": event.from_column,
                "toColumn": event.to_column,
            }
        case CardAssigned():
            values |= {"fromAssigneeId": event.before.assignee_id, "toAssigneeId": event.card.assignee_id}
        case CardCreated():
            values |= {"fromAssigneeId": None, "toAssigneeId": event.card.assignee_id}
        case CardUpdated():
            values |= {"changedFields": list(event.changed)}
        case CommentCreated():
            values |= {"comment": event.comment.content}
        case TriggerFired():
            values |= {DATA + name: value for name, value in event.data.items()}
        case _:
            pass
    if isinstance(event, CardMoved | CardUpdated):
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
