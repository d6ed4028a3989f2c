"""Cards: the work items of a board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from stellary.client.calling.call import CallPlan
from stellary.client.calling.method import Async, C, ItemHandle, Later, Sync
from stellary.contract.activities import LIST_ACTIVITY

if TYPE_CHECKING:
    from stellary.client.calling.page import AsyncPage, Page
    from stellary.contract.activities import Activity

_HISTORY = CallPlan(LIST_ACTIVITY)


class CardHistory(ItemHandle[C]):
    """A method of a card's handle beside its endpoints: its history."""

    @overload
    def history(self: CardHistory[Sync], *, limit: int = 50) -> Page[Activity]: ...
    @overload
    def history(self: CardHistory[Async], *, limit: int = 50) -> Later[AsyncPage[Activity]]: ...
    def history(self, *, limit: int = 50) -> Any:
        """Return the activities of the card, newest first, also after its deletion. A notebook shows them as a table.

        Args:
            limit: The number of activities per page, 1 to 500.

        Returns:
            The first page; ``board.activity.list(card_id=…)`` takes further filters.
        """
        payload = _HISTORY.build_payload(card_id=self.id, limit=limit)
        return self._caller.list(_HISTORY, self._path_params, payload)
