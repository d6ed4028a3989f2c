"""Reactions of agents when an item is restored from the trash, or a card leaves the workspace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import bindparam, select

from stellary.core.agents import missions
from stellary.core.agents.tables import missions as table
from stellary.core.db.base import is_among
from stellary.core.kernel import trash
from stellary.core.kernel.events import CardTransferred, ItemRestored
from stellary.core.kernel.unit import UnitOfWork

CARD_DELETED = "the card was deleted while the mission was open"
CARD_LEFT = "the card has left the workspace"
_OUTSIDE = (
    select(table.c.id)
    .where(
        is_among(table.c.card_id),
        table.c.workspace_id != bindparam("_workspace_id"),
        table.c.status.in_(missions.ACTIVE),
    )
    .order_by(table.c.id)
)


def cancel_missions(uow: UnitOfWork, events: Sequence[ItemRestored]) -> None:
    """Cancel the restored missions that were open when their cards were deleted.

    Args:
        events: The restored items.
    """
    for event in events:
        for mission_id in sorted(trash.load_keys(uow, event.trash_id, table)):
            missions.cancel_if_active(uow, mission_id, uow.user_id, CARD_DELETED)


def cancel_missions_outside(uow: UnitOfWork, events: Sequence[CardTransferred]) -> None:
    """Cancel the open missions on cards that have left the workspace of the agent.

    Args:
        events: The transfers.
    """
    by_workspace: dict[str, list[str]] = defaultdict(list)
    for event in events:
        by_workspace[event.workspace_id].append(event.card.id)
    for workspace_id, card_ids in by_workspace.items():
        parameters = {"_workspace_id": workspace_id, "_card_ids": card_ids}
        for mission_id in uow.connection.execute(_OUTSIDE, parameters).scalars().all():
            missions.cancel_if_active(uow, mission_id, uow.user_id, CARD_LEFT)
