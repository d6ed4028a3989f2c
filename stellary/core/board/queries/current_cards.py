"""Cards as they are now, for readers without a unit of work."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, select

from stellary.contract.cards import Card
from stellary.core.board.rows import card_rows
from stellary.core.board.tables import cards, projects
from stellary.core.db.base import is_among, is_given

_CARDS: Select[Any] = (
    select(projects.c.key, *card_rows.STORED)
    .join_from(cards, projects)
    .where(is_given(projects.c.workspace_id), is_among(cards.c.id))
)


def load_current_cards(connection: Connection, workspace_id: str, ids: Collection[str]) -> dict[str, Card]:
    """Return cards of a workspace by id, without their orders; deleted ones are left out.

    Args:
        connection: A connection to the database.
        workspace_id: The workspace, whose access was checked.
        ids: The ids of the cards.
    """
    if not ids:
        return {}
    rows = connection.execute(_CARDS, {"_workspace_id": workspace_id, "_ids": sorted(ids)})
    return {card.id: card for card in (card_rows.card(row[1:], row[0], None) for row in rows)}
