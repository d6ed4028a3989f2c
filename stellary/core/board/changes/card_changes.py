"""Changes of a card that keep its position: labels, checklist, custom fields."""

from __future__ import annotations

from sqlalchemy import bindparam, update

from stellary.contract.cards import Card
from stellary.contract.fields import replace_fields
from stellary.core.board.access import LoadedCard
from stellary.core.board.rows import card_rows
from stellary.core.board.rules.cards import build_events, increment_version
from stellary.core.board.tables import cards
from stellary.core.kernel.unit import UnitOfWork

_UPDATE = update(cards).where(cards.c.id == bindparam("_id"))


def change_card(uow: UnitOfWork, loaded: LoadedCard, **changes: object) -> Card:
    """Change fields of a locked card and emit the events; do nothing if no field changes.

    Args:
        loaded: The card, as ``access.lock_card`` has loaded it.
        changes: The new values by field name, except for the position.
    """
    before = loaded.card
    after = increment_version(before, replace_fields(before, **changes), before.order, uow.now)
    if after is before:
        return before
    uow.connection.execute(_UPDATE, {"_id": before.id, **card_rows.build_changes(before, after)})
    for event in build_events(before, after, loaded.roles.workspace_id or ""):
        uow.emit(event)
    return after
