"""Cards: the work items of a board."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, overload

from stellary.client.calling.method import Async, C, IdLike, Later, Sync
from stellary.client.methods.cards import CardHandleMethods, CardsMethods
from stellary.contract.cards import Card, CardInColumn

if TYPE_CHECKING:
    from stellary.client.calling.form import ReportProgress
    from stellary.client.calling.page import AsyncPage, Page
    from stellary.client.methods.checklists import Checklist
    from stellary.client.methods.comments import Comments
    from stellary.client.methods.custom_fields import CardCustomFields
    from stellary.client.methods.labels import CardLabels
    from stellary.client.methods.relations import Relations
    from stellary.client.resources.attachments import Attachments
    from stellary.client.transfer.progress import Progress
    from stellary.contract.activities import Activity


class Cards(CardsMethods[C]):
    """The cards of a project. ``create`` takes the column first. Call it with an id for the handle of one card."""

    @overload
    def create_all(
        self: Cards[Sync], cards: Iterable[CardInColumn], *, progress: Progress | None = None
    ) -> builtins.list[Card]: ...
    @overload
    def create_all(
        self: Cards[Async], cards: Iterable[CardInColumn], *, progress: Progress | None = None
    ) -> Later[builtins.list[Card]]: ...
    def create_all(self, cards: Iterable[CardInColumn], *, progress: Progress | None = None) -> Any:
        """Create any number of cards in order, by as many calls of ``create_many`` as necessary.

        Args:
            cards: The cards, which are created in batches of 100, all or none of each. If a call fails, earlier batches stay:
                ``error.created`` holds their cards, and row numbers in the message count from the first of all cards.
            progress: True for a progress bar; or a callback that receives the number of created cards and of all cards.

        Returns:
            The cards, in the order given.
        """
        from stellary.client.transfer.bulk_steps import create_cards
        from stellary.client.transfer.progress import show_progress
        from stellary.client.transfer.steps import run_steps, run_steps_async

        def work(report: ReportProgress | None) -> Any:
            steps = create_cards(self, cards, report)
            return run_steps_async(steps) if self._awaits else run_steps(steps)

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
