"""Rows of cards: the only module that converts a row to a ``Card``, and a ``Card`` to a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stellary.contract.cards import Card
from stellary.contract.checklists import ChecklistItem
from stellary.contract.wire import as_dict, read, wire_fields
from stellary.core.board.rules.cards import find_changed_fields
from stellary.core.board.rules.checklists import progress
from stellary.core.board.tables import cards

STORED = (
    cards.c.id,
    cards.c.number,
    cards.c.title,
    cards.c.description,
    cards.c.project_id,
    cards.c.scope_id,
    cards.c.column_id,
    cards.c.archived,
    cards.c.status,
    cards.c.priority,
    cards.c.start_date,
    cards.c.due_date,
    cards.c.completed_at,
    cards.c.assignee_id,
    cards.c.created_by_id,
    cards.c.label_ids,
    cards.c.custom_fields,
    cards.c.checklist,
    cards.c.comment_count,
    cards.c.attachment_count,
    cards.c.version,
    cards.c.created_at,
    cards.c.updated_at,
)
"""The columns that a statement selects of a card, in the order that ``card`` expects."""

_NOT_STORED = {"key", "order", "checklist_progress"}
_NEW = object.__new__
_SLOTS = [getattr(Card, field.name).__set__ for field in wire_fields(Card).values()]
_NO_PROGRESS = progress(())


def card(stored: Iterable[Any], project_key: str, order: int | None) -> Card:
    """Return the card of a row.

    Args:
        stored: The values of ``STORED``.
        project_key: The prefix of its key.
        order: Its order; ignored for an archived card.
    """
    (
        id,
        number,
        title,
        description,
        project_id,
        scope_id,
        column_id,
        archived,
        status,
        priority,
        start_date,
        due_date,
        completed_at,
        assignee_id,
        created_by_id,
        label_ids,
        custom_fields,
        steps,
        comment_count,
        attachment_count,
        version,
        created_at,
        updated_at,
    ) = stored
    checklist = [read(ChecklistItem, step) for step in steps] if steps else []
    new_card = _NEW(Card)
    # Setting the slots directly takes half the time of a call with 26 keywords.
    values = (
        id,
        f"{project_key}-{number}",
        number,
        title,
        description,
        project_id,
        scope_id,
        column_id,
        None if archived else order,
        archived,
        status,
        priority,
        start_date,
        due_date,
        completed_at,
        assignee_id,
        created_by_id,
        label_ids,
        custom_fields,
        checklist,
        progress(checklist) if steps else _NO_PROGRESS,
        comment_count,
        attachment_count,
        version,
        created_at,
        updated_at,
    )
    for set_slot, value in zip(_SLOTS, values, strict=True):
        set_slot(new_card, value)
    return new_card


def row(new_card: Card, position: int) -> dict[str, Any]:
    """Return the row of a card."""
    return {
        **{column.name: _get_stored_value(new_card, column.name) for column in STORED},
        "position": position,
    }


def build_changes(before: Card, after: Card, position: int | None = None) -> dict[str, Any]:
    """Return the columns that an UPDATE writes to turn one state of a card into another.

    Args:
        before: The stored state.
        after: The new state.
        position: The new position, if it changes.
    """
    names = (name for name in find_changed_fields(before, after) if name not in _NOT_STORED)
    changes = {name: _get_stored_value(after, name) for name in names}
    return changes if position is None else {**changes, "position": position}


def _get_stored_value(new_card: Card, name: str) -> Any:
    value = getattr(new_card, name)
    return [as_dict(item) for item in value] if name == "checklist" else value
