"""Cards: the work items of a board."""

from __future__ import annotations

import builtins
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from stellary.client.calling.call import CallPlan
from stellary.client.calling.method import Async, C, ItemHandle, Later, Resource, Sync
from stellary.contract.activities import LIST_ACTIVITY
from stellary.contract.cards import Card, CardChange, CardInColumn

if TYPE_CHECKING:
    from stellary.client.calling.page import AsyncPage, Page
    from stellary.client.transfer.card_rows import CardSource, NanMeaning, RowClass
    from stellary.client.transfer.progress import Progress
    from stellary.contract.activities import Activity

_HISTORY = CallPlan(LIST_ACTIVITY)


class CardBatches(Resource[C]):
    """Methods of a project's cards beside their endpoints: any number of cards, from frames too."""

    @overload
    def create_all(
        self: CardBatches[Sync],
        cards: CardSource,
        *,
        nan: NanMeaning = "omit",
        progress: Progress | None = None,
    ) -> builtins.list[Card]: ...
    @overload
    def create_all(
        self: CardBatches[Async],
        cards: CardSource,
        *,
        nan: NanMeaning = "omit",
        progress: Progress | None = None,
    ) -> Later[builtins.list[Card]]: ...
    def create_all(
        self, cards: CardSource, *, nan: NanMeaning = "omit", progress: Progress | None = None
    ) -> Any:
        """Create any number of cards in order, by as many calls of ``create_many`` as necessary.

        Args:
            cards: The cards, which are created in batches of 100, all or none of each: a frame of pandas or polars, or
                ``CardInColumn`` and dicts with the names of Python or of the API. Names may replace ids (``column``,
                ``assignee``, ``labels``), and custom fields are columns. Columns of ``frame()`` that a new card cannot have,
                such as ``number``, are ignored. If a call fails, earlier batches stay: ``error.created`` holds their cards, and
                row numbers in the message count from the first of all cards.
            nan: The meaning of NaN, NaT, NA and None in frames and dicts: ``omit`` leaves the field out, ``clear`` sends null.
            progress: True for a progress bar; or a callback that receives the number of created cards and of all cards.

        Returns:
            The cards, in the order given.

        Raises:
            Invalid: A column or a name is unknown, or a name and its id disagree; nothing was created.
            ModuleNotFoundError: ``cards`` is a frame, and narwhals is not installed.
        """
        return self._write_all(cards, CardInColumn, nan, progress)

    @overload
    def update_all(
        self: CardBatches[Sync],
        cards: CardSource,
        *,
        nan: NanMeaning = "omit",
        progress: Progress | None = None,
    ) -> builtins.list[Card]: ...
    @overload
    def update_all(
        self: CardBatches[Async],
        cards: CardSource,
        *,
        nan: NanMeaning = "omit",
        progress: Progress | None = None,
    ) -> Later[builtins.list[Card]]: ...
    def update_all(
        self, cards: CardSource, *, nan: NanMeaning = "omit", progress: Progress | None = None
    ) -> Any:
        """Update any number of cards, by as many calls of ``update_many`` as necessary.

        A frame that ``frame()`` has made can be edited and passed as it is. Rows with a ``version`` are compared with the cards
        of the project as they are when the call begins, which takes a request per 500 cards, and only what differs is sent. A
        row moves its card within its column if its ``order`` contradicts that of the others, whatever others have moved in
        between. Without a version, all fields are sent. Fields that cannot be written, such as ``number``, are ignored.

        Args:
            cards: The changes, which are applied in batches of 100, all or none of each: a frame of pandas or polars, or
                ``CardChange`` and dicts with the names of Python or of the API, each with an ``id``. Names may replace ids
                (``column``, ``assignee``, ``labels``), and custom fields are columns. If a call fails, earlier batches stay:
                ``error.created`` holds their cards.
            nan: The meaning of NaN, NaT, NA and None in frames and dicts: ``omit`` keeps the field, ``clear`` clears it.
            progress: True for a progress bar; or a callback that receives the number of updated cards and of all cards.

        Returns:
            The updated cards, in the order given, without those that nothing would change.

        Raises:
            Invalid: A column or a name is unknown, or a name and its id disagree; nothing was updated.
            PreconditionFailed: A card to update has changed between its ``version`` and this call; nothing was updated.
            ModuleNotFoundError: ``cards`` is a frame, and narwhals is not installed.
        """
        return self._write_all(cards, CardChange, nan, progress)

    def _write_all(self, cards: CardSource, cls: RowClass, nan: NanMeaning, progress: Progress | None) -> Any:
        from stellary.client.transfer.bulk_steps import write_cards
        from stellary.client.transfer.progress import run_showing_progress

        handle: Any = self
        steps = partial(write_cards, handle, cards, cls, nan)
        return run_showing_progress(self, steps, progress, "cards", "card")


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
