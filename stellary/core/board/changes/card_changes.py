"""Changes of a card that keep its position: labels, checklist, custom fields."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, update

from stellary.contract.cards import Card
from stellary.contract.fields import replace_fields
from stellary.core.board.access import LoadedCard, require_row
from stellary.core.board.rows import card_rows
from stellary.core.board.rules.cards import build_events, increment_version
from stellary.core.board.tables import cards
from stellary.core.db.base import is_given
from stellary.core.kernel.unit import UnitOfWork

# The version stays: a comment or a file does not conflict with a change of the card.
_COUNTS = {
    count.name: update(cards)
    .where(is_given(cards.c.id, "card_id"), is_given(cards.c.project_id))
    .values({count.name: count + bindparam("_more"), "updated_at": bindparam("_now")})
    .returning(count)
    for count in (cards.c.comment_count, cards.c.attachment_count)
}


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
    uow.connection.execute(card_rows.UPDATE, {"_id": before.id, **card_rows.build_changes(before, after)})
    for event in build_events(before, after, loaded.roles.workspace_id):
        uow.emit(event)
    return after


def change_count(uow: UnitOfWork, count: Column[int], card_id: str, project_id: str, delta: int) -> int:
    """Change the number of a card's comments or attachments, and return it. The update locks the card's row.

    Args:
        count: The column with the number.
        card_id: The card.
        project_id: The project in which the access to the card was checked.
        delta: The difference.

    Raises:
        NotFound: The card was deleted in between, or has left the project.
    """
    change = {"_card_id": card_id, "_project_id": project_id, "_more": delta, "_now": uow.now}
    number: int = require_row(uow.connection.execute(_COUNTS[count.name], change).first(), "Card")[0]
    return number
