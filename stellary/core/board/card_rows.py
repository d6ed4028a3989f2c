"""Cards as rows: the one place where a row becomes a ``Card``, and a ``Card`` a row."""

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
"""What a statement selects of a card, in the order in which ``card`` takes it."""

_NOT_STORED = {"key", "order", "checklist_progress"}
_NEW = object.__new__
_SLOTS = [getattr(Card, field.name).__set__ for field in wire_fields(Card).values()]
_NOTHING_TO_DO = progress(())


def card(stored: Iterable[Any], project_key: str, order: int | None) -> Card:
    """The card of a row.

    Args:
        stored: The values of ``STORED``.
        project_key: With which its key begins.
        order: Its place, as counted; told only of a card that is not archived.
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
    card_value = _NEW(Card)
    # Straight into the slots, in the order of the fields: half the time of a call by 26 keywords.
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
        progress(checklist) if steps else _NOTHING_TO_DO,
        comment_count,
        attachment_count,
        version,
        created_at,
        updated_at,
    )
    for put, value in zip(_SLOTS, values, strict=True):
        put(card_value, value)
    return card_value


def row(card_value: Card, position: int) -> dict[str, Any]:
    """All of a card as a row."""
    return {**{column.name: _stored(card_value, column.name) for column in STORED}, "position": position}


def differences(before: Card, after: Card, position: int | None = None) -> dict[str, Any]:
    """What an UPDATE writes to turn one state of a card into another.

    Args:
        before: As it is.
        after: As it is to be.
        position: The new one, if it gets one.
    """
    names = (name for name in find_changed_fields(before, after) if name not in _NOT_STORED)
    value = {name: _stored(after, name) for name in names}
    return value if position is None else {**value, "position": position}


def _stored(card_value: Card, name: str) -> Any:
    value = getattr(card_value, name)
    return [as_dict(item) for item in value] if name == "checklist" else value
