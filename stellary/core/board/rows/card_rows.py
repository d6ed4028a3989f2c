"""Rows of cards: the only module that converts a row to a ``Card``, and a ``Card`` to a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import update

from stellary.contract.cards import Card
from stellary.contract.checklists import ChecklistItem
from stellary.contract.recurrences import CardRecurrence
from stellary.contract.wire import as_dict, dump, read
from stellary.core.board.rules.checklists import progress
from stellary.core.board.tables import cards
from stellary.core.db.base import is_given
from stellary.core.db.row_fields import RowFields

FIELDS = RowFields(
    Card,
    cards,
    computed=("key", "order", "checklist_progress"),
    internal=("position", "recurs_at", "recurs_after"),
)

STORED = FIELDS.columns
"""The columns that a statement selects of a card, in the order that ``card`` expects."""

UPDATE = update(cards).where(is_given(cards.c.id))
UPDATE_OF_VERSION = UPDATE.where(is_given(cards.c.version))
UPDATE_TO_NEXT_VERSION = UPDATE.values(version=cards.c.version + 1)
"""The update of a card that increments its version, whatever that is. The parameters name the columns that it changes."""

_NEW = object.__new__
# Setting the slots directly takes half the time of a call with all fields as keywords.
_SET_STORED = [getattr(Card, name).__set__ for name in FIELDS.names]
_SET_KEY, _SET_ORDER, _SET_CHECKLIST, _SET_PROGRESS, _SET_RECURRENCE = (
    getattr(Card, name).__set__ for name in ("key", "order", "checklist", "checklist_progress", "recurrence")
)
_NO_PROGRESS = progress(())


def card(stored: Iterable[Any], project_key: str, order: int | None) -> Card:
    """Return the card of a row.

    Args:
        stored: The values of ``STORED``.
        project_key: The prefix of its key.
        order: Its order; ignored for an archived card.
    """
    new_card = _NEW(Card)
    for set_slot, value in zip(_SET_STORED, stored, strict=True):
        set_slot(new_card, value)
    _SET_KEY(new_card, f"{project_key}-{new_card.number}")
    _SET_ORDER(new_card, None if new_card.archived else order)
    if new_card.checklist:
        checklist = [read(ChecklistItem, item) for item in new_card.checklist]
        _SET_CHECKLIST(new_card, checklist)
        _SET_PROGRESS(new_card, progress(checklist))
    else:
        _SET_PROGRESS(new_card, _NO_PROGRESS)
    if new_card.recurrence is not None:
        _SET_RECURRENCE(new_card, read(CardRecurrence, new_card.recurrence))
    return new_card


def row(new_card: Card, position: int) -> dict[str, Any]:
    """Return the row of a card.

    Args:
        new_card: The card.
        position: Its position in the column.
    """
    special = {"checklist": _to_json(new_card.checklist), **_recurrence_to_row(new_card.recurrence)}
    return FIELDS.to_row(new_card, **special, position=position)


def build_changes(before: Card, after: Card, position: int | None = None) -> dict[str, Any]:
    """Return the columns that an UPDATE writes to turn one state of a card into another.

    Args:
        before: The stored state.
        after: The new state.
        position: The new position, if it changes.
    """
    # Also if it is the same: changes of the same columns share a plan.
    changes = {"updated_at": after.updated_at, **FIELDS.to_changes(before, after)}
    if "checklist" in changes:
        changes["checklist"] = _to_json(after.checklist)
    if "recurrence" in changes:
        changes |= _recurrence_to_row(after.recurrence)
    return changes if position is None else {**changes, "position": position}


def _recurrence_to_row(recurrence: CardRecurrence | None) -> dict[str, object]:
    """Return the columns of a recurrence."""
    if recurrence is None:
        return {"recurrence": None, "recurs_at": None, "recurs_after": None}
    return {
        "recurrence": orjson.loads(dump(recurrence)),
        "recurs_at": recurrence.next_at,
        "recurs_after": recurrence.occurrence_at if recurrence.create == "on_schedule" else None,
    }


def _to_json(checklist: Iterable[ChecklistItem]) -> list[dict[str, object]]:
    return [as_dict(item) for item in checklist]
