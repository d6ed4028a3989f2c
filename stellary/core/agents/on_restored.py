"""The reaction of agents when an item is restored from the trash."""

from __future__ import annotations

from collections.abc import Sequence

from stellary.core.agents import missions
from stellary.core.agents.tables import missions as table
from stellary.core.kernel import trash
from stellary.core.kernel.events import ItemRestored
from stellary.core.kernel.unit import UnitOfWork

CARD_DELETED = "the card was deleted while the mission was open"


def cancel_missions(uow: UnitOfWork, events: Sequence[ItemRestored]) -> None:
    """Cancel the restored missions that were open when their cards were deleted.

    Args:
        events: The restored items.
    """
    for event in events:
        for mission_id in sorted(trash.load_keys(uow, event.trash_id, table)):
            missions.cancel_if_active(uow, mission_id, uow.user_id, CARD_DELETED)
