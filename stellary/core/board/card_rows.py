"""Cards as rows: the one place where a row becomes a ``Card``, and a ``Card`` a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stellary.contract.cards import Card
from stellary.contract.checklists import ChecklistItem
from stellary.contract.wire import as_dict, read
from stellary.core.board.rules.cards import differing
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
    checklist = [read(ChecklistItem, step) for step in steps]
    return Card(
        id=id,
        key=f"{project_key}-{number}",
        number=number,
        title=title,
        description=description,
        project_id=project_id,
        scope_id=scope_id,
        column_id=column_id,
        order=None if archived else order,
        archived=archived,
        status=status,
        priority=priority,
        start_date=start_date,
        due_date=due_date,
        completed_at=completed_at,
        assignee_id=assignee_id,
        created_by_id=created_by_id,
        label_ids=label_ids,
        custom_fields=custom_fields,
        checklist=checklist,
        checklist_progress=progress(checklist),
        comment_count=comment_count,
        attachment_count=attachment_count,
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )


def row(made: Card, position: int) -> dict[str, Any]:
    """All of a card as a row."""
    return {**{column.name: _stored(made, column.name) for column in STORED}, "position": position}


def differences(before: Card, after: Card, position: int | None = None) -> dict[str, Any]:
    """What an UPDATE writes to turn one state of a card into another.

    Args:
        before: As it is.
        after: As it is to be.
        position: The new one, if it gets one.
    """
    names = (name for name in differing(before, after) if name not in _NOT_STORED)
    found = {name: _stored(after, name) for name in names}
    return found if position is None else {**found, "position": position}


def _stored(made: Card, name: str) -> Any:
    found = getattr(made, name)
    return [as_dict(item) for item in found] if name == "checklist" else found
