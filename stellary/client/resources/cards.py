"""Cards: the work items of a board."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, overload

from stellary.client.calling.method import Async, C, IdLike, Later, Sync
from stellary.client.methods.cards import CardHandleMethods, CardsMethods
from stellary.contract.cards import Card, CardChange, CardInColumn

if TYPE_CHECKING:
    from stellary.client.calling.form import ReportProgress
    from stellary.client.calling.page import AsyncPage, Page
    from stellary.client.methods.checklists import Checklist
    from stellary.client.methods.comments import Comments
    from stellary.client.methods.custom_fields import CardCustomFields
    from stellary.client.methods.labels import CardLabels
    from stellary.client.methods.relations import Relations
    from stellary.client.methods.time_entries import TimeEntries
    from stellary.client.resources.attachments import Attachments
    from stellary.client.transfer.card_rows import CardSource, NanMeaning, RowClass
    from stellary.client.transfer.progress import Progress
    from stellary.contract.activities import Activity


class Cards(CardsMethods[C]):
    """The cards of a project. ``create`` takes the column first. Call it with an id for the handle of one card."""

    @overload
    def create_all(
        self: Cards[Sync], cards: CardSource, *, nan: NanMeaning = "omit", progress: Progress | None = None
    ) -> builtins.list[Card]: ...
    @overload
    def create_all(
        self: Cards[Async], cards: CardSource, *, nan: NanMeaning = "omit", progress: Progress | None = None
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
        self: Cards[Sync], cards: CardSource, *, nan: NanMeaning = "omit", progress: Progress | None = None
    ) -> builtins.list[Card]: ...
    @overload
    def update_all(
        self: Cards[Async], cards: CardSource, *, nan: NanMeaning = "omit", progress: Progress | None = None
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
        from stellary.client.transfer.progress import show_progress

        def work(report: ReportProgress | None) -> Any:
            return self._run_steps(write_cards(self, cards, cls, nan, report))

        return show_progress(progress, "cards", "card", work, awaits=self._awaits)

    def __call__(self, card: IdLike) -> CardHandle[C]:
        return CardHandle(self._caller, self._extend_path(card_id=card))


class CardHandle(CardHandleMethods[C]):
    """One card."""

    @overload
    def history(self: CardHandle[Sync], *, limit: int = 50) -> Page[Activity]: ...
    @overload
    def history(self: CardHandle[Async], *, limit: int = 50) -> Later[AsyncPage[Activity]]: ...
    def history(self, *, limit: int = 50) -> Any:
        """Return the activities of the card, newest first, also after its deletion. A notebook shows them as a table.

        Args:
            limit: The number of activities per page, 1 to 500.

        Returns:
            The first page; ``board.activity.list(card_id=…)`` takes further filters.
        """
        from stellary.client.methods.activity import ProjectActivity

        return ProjectActivity(self._caller, self._path_params).list(card_id=self.id, limit=limit)

    @property
    def comments(self) -> Comments[C]:
        """The comments on the card."""
        from stellary.client.methods.comments import Comments

        return Comments(self._caller, self._path_params)

    @property
    def time_entries(self) -> TimeEntries[C]:
        """The time that was spent on the card."""
        from stellary.client.methods.time_entries import TimeEntries

        return TimeEntries(self._caller, self._path_params)

    @property
    def attachments(self) -> Attachments[C]:
        """The files on the card."""
        from stellary.client.resources.attachments import Attachments

        return Attachments(self._caller, self._path_params)

    @property
    def checklist(self) -> Checklist[C]:
        """The checklist of the card."""
        from stellary.client.methods.checklists import Checklist

        return Checklist(self._caller, self._path_params)

    @property
    def labels(self) -> CardLabels[C]:
        """The labels on the card."""
        from stellary.client.methods.labels import CardLabels

        return CardLabels(self._caller, self._path_params)

    @property
    def custom_fields(self) -> CardCustomFields[C]:
        """The custom field values of the card."""
        from stellary.client.methods.custom_fields import CardCustomFields

        return CardCustomFields(self._caller, self._path_params)

    @property
    def relations(self) -> Relations[C]:
        """The relations of the card to other cards."""
        from stellary.client.methods.relations import Relations

        return Relations(self._caller, self._path_params)
