"""Changes of a card that leave it where it stands: its labels, its checklist, whatever stands on its row."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, update

from stellary.contract.cards import Card
from stellary.core.board import card_rows
from stellary.core.board.access import LoadedCard
from stellary.core.board.rules.cards import build_events, increment_version, replace_fields
from stellary.core.board.tables import cards
from stellary.core.kernel.unit import UnitOfWork

_UPDATE = update(cards).where(cards.c.id == bindparam("_id"))


def change_card(uow: UnitOfWork, at: LoadedCard, **changes: Any) -> Card:
    """Change fields of a card that is held, and say what has happened; nothing does if nothing is different.

    Args:
        uow: The unit.
        at: The card, as ``access.lock_card`` has found it.
        changes: By the names of the card's fields; none of them is its place.
    """
    before = at.card
    after = increment_version(before, replace_fields(before, **changes), before.order, uow.now)
    if after is before:
        return before
    uow.connection.execute(_UPDATE, {"_id": before.id, **card_rows.differences(before, after)})
    for event in build_events(before, after, at.roles.workspace_id or ""):
        uow.emit(event)
    return after
