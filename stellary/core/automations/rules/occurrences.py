"""Occurrences: which trigger an event is, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from stellary.contract.automations import Trigger
from stellary.contract.cards import Card
from stellary.core.automations.rules.conditions import Facts
from stellary.core.kernel.events import (
    CardAssigned,
    CardCreated,
    CardDue,
    CardEvent,
    CardMoved,
    CardUpdated,
    Chain,
    ChecklistCompleted,
)

CHAIN_DEPTH_MAX = 10
CHAIN_ACTIONS_MAX = 100
UNIT_ACTIONS_MAX = 100
"""Of a chain, and of one transaction: what goes beyond is stopped, or done after it."""

TOO_DEEP: Final = f"stopped: {CHAIN_DEPTH_MAX} rules have led to each other"
TOO_MANY: Final = f"stopped: one event has led to {CHAIN_ACTIONS_MAX} actions"


@attrs.frozen
class Occurrence:
    """Something that has happened, as a rule sees it."""

    trigger: Trigger
    event: CardEvent

    @property
    def depth(self) -> int:
        return 0 if self.event.cause is None else self.event.cause.depth


def occurrences(events: Iterable[CardEvent]) -> Iterator[Occurrence]:
    """The triggers that events are, in their order."""
    for event in events:
        for trigger in _triggers(event):
            yield Occurrence(trigger, event)


def _triggers(event: CardEvent) -> Iterator[Trigger]:
    match event:
        case CardCreated():
            yield "task_created"
            yield "task_added_to_board"
            if event.card.assignee_id is not None:
                yield "task_assigned"
        case CardMoved():
            yield "task_moved"
            if event.before.scope_id != event.card.scope_id:
                yield "task_added_to_board"
        case CardAssigned() if event.card.assignee_id is not None:
            yield "task_assigned"
        case CardUpdated() if event.before.archived and not event.card.archived:
            yield "task_added_to_board"
        case ChecklistCompleted():
            yield "checklist_complete"
        case CardDue():
            yield "due_date_reached"
        case _:
            pass
    # A column may bring its status along, so that a move is one of these too.
    if isinstance(event, CardMoved | CardUpdated) and event.before.status != event.card.status:
        yield "task_status_changed"


def facts(event: CardEvent) -> Facts:
    """What can be asked of an event: its card's fields as they are after it, and what was before."""
    found = card_facts(event.card)
    match event:
        case CardMoved():
            found |= {
                "fromColumnId": event.before.column_id,
                "toColumnId": event.card.column_id,
                "fromColumn": event.from_column,
                "toColumn": event.to_column,
            }
        case CardAssigned():
            found |= {"fromAssigneeId": event.before.assignee_id, "toAssigneeId": event.card.assignee_id}
        case CardCreated():
            found |= {"fromAssigneeId": None, "toAssigneeId": event.card.assignee_id}
        case _:
            pass
    if isinstance(event, CardMoved | CardUpdated):
        found |= {"fromStatus": event.before.status, "toStatus": event.card.status}
    return found


def card_facts(card: Card) -> dict[str, Any]:
    """What can be asked of a card."""
    progress = card.checklist_progress
    found: dict[str, Any] = {
        "key": card.key,
        "number": card.number,
        "title": card.title,
        "description": card.description,
        "status": card.status,
        "priority": card.priority,
        "columnId": card.column_id,
        "scopeId": card.scope_id,
        "assigneeId": card.assignee_id,
        "createdById": card.created_by_id,
        "labelIds": card.label_ids,
        "archived": card.archived,
        "startDate": card.start_date,
        "dueDate": card.due_date,
        "completedAt": card.completed_at,
        "createdAt": card.created_at,
        "checklistTotal": progress.total,
        "checklistDone": progress.done,
        "checklistPercent": progress.percent,
        "commentCount": card.comment_count,
        "attachmentCount": card.attachment_count,
    }
    return found | {f"customFields.{id}": value for id, value in card.custom_fields.items()}


def concerns(occurrence: Occurrence, armed_at: datetime) -> bool:
    """Whether a rule had been waiting when the moment came. Only of a due date is that a question."""
    due = occurrence.event.card.due_date
    return occurrence.trigger != "due_date_reached" or due is None or due > armed_at


def stopped(depth: int, chain: Chain) -> str | None:
    """Why a rule does not act on what has happened, though its conditions hold; None if it may.

    A chain of rules that lead to each other ends: it is at most so deep, and runs at most so many actions.

    Args:
        depth: How many rules have led to the event.
        chain: That it belongs to.
    """
    if depth >= CHAIN_DEPTH_MAX:
        return TOO_DEEP
    return TOO_MANY if chain.actions >= CHAIN_ACTIONS_MAX else None


def with_place(params: Mapping[str, Any], takes: set[str], project_id: str, card_id: str) -> dict[str, Any]:
    """Params of an action, about the card and the project of the event where they name no other.

    Args:
        params: As the rule has them.
        takes: The wire names that the action takes.
        project_id: Of the rule.
        card_id: Of the event.
    """
    place = {"projectId": project_id, "cardId": card_id}
    return {name: id for name, id in place.items() if name in takes} | dict(params)
