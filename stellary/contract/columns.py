"""Columns: the workflow stages of a board. Section Columns of the API reference."""

from __future__ import annotations

from typing import Annotated

from stellary.contract.cards import CardStatus, DroppedReference, Missing
from stellary.contract.endpoint import (
    BrokenAutomation,
    Collection,
    Deleted,
    acts,
    creates,
    deletes,
)
from stellary.contract.limits import Id, Name, Place, Range
from stellary.contract.policies import BOARD_DELETE, BOARD_READ, BOARD_WRITE
from stellary.contract.refs import ColumnRef, ProjectRef
from stellary.contract.wire import UNSET, DatedItem, Paged, Request, Unset, Value

WipLimit = Annotated[int, Range(1, 10_000)]


class Column(DatedItem):
    """A workflow stage of a scope's board.

    Attributes:
        order: The position in its scope: consecutive integers from 0.
        card_status: The status that a card gets when it enters the column; None leaves the status unchanged.
        wip_limit: The maximum number of unarchived cards; None means no limit.
        card_count: The number of unarchived cards.
        card_estimate: The sum of the estimates of these cards; None if none of them is estimated.
    """

    name: str
    project_id: str
    scope_id: str
    order: int
    card_status: CardStatus | None
    wip_limit: int | None
    card_count: int
    card_estimate: float | None = None


class ColumnCount(Value):
    """The number of unarchived cards in a column, and the sum of their estimates; None if none of them is estimated."""

    column_id: str
    scope_id: str
    name: str
    cards: int
    estimate: float | None = None


class ListColumns(Paged):
    """Filters for the list of columns.

    Attributes:
        scope_id: Only columns of this scope. Default: all columns of the project.
    """

    scope_id: Id | Unset = UNSET


class CreateColumn(Request):
    """The fields of a new column.

    Attributes:
        name: 1-100 characters.
        scope_id: Default: the project's default scope.
        order: The position in the scope, from 0. Default: the end.
        card_status: The status that a card gets when it enters the column; ``None`` (the default) leaves it unchanged.
        wip_limit: The maximum number of unarchived cards, 1 to 10 000; ``None`` (the default) means no limit.
    """

    name: Name
    scope_id: Id | Unset = UNSET
    order: Place | Unset = UNSET
    card_status: CardStatus | Unset | None = UNSET
    wip_limit: WipLimit | Unset | None = UNSET


class DuplicateColumn(Request):
    """The differences of a copy of a column.

    Attributes:
        name: Default: that of the column.
        attachments: Whether the files of its cards are copied too.
    """

    name: Name | Unset = UNSET
    attachments: bool = False


class TransferredColumn(Column):
    """A new column of another project, with the cards of the former one, which is in the trash.

    Attributes:
        dropped: What the cards have lost, each once.
        broken_automations: The rules that no longer run, since they need the former column.
    """

    dropped: list[DroppedReference]
    broken_automations: list[BrokenAutomation]


class TransferColumn(Request):
    """The scope of another project that a column and its cards are moved to.

    Attributes:
        scope_id: A scope of another project of the organization, in which you may change columns and cards as well.
        missing: What happens to labels, custom fields and options that the other project does not have, as for single cards.
    """

    scope_id: Id
    missing: Missing = "refuse"


class UpdateColumn(Request):
    """The fields to change. Omitted fields keep their values; ``None`` clears a nullable field.

    Attributes:
        order: The new position in the scope, from 0. A number beyond the end means the end.
        card_status: The status that a card gets when it enters the column from now on.
        wip_limit: The maximum number of unarchived cards, 1 to 10 000. Cards already above the limit stay.
    """

    name: Name | Unset = UNSET
    order: Place | Unset = UNSET
    card_status: CardStatus | Unset | None = UNSET
    wip_limit: WipLimit | Unset | None = UNSET


class DeleteColumn(Request):
    """The destination of the column's cards.

    Attributes:
        move_cards_to: The column to whose end all cards move, archived ones included. If the column has cards, this is
            required.
    """

    move_cards_to: Id | Unset = UNSET


_COLUMNS = Collection(ProjectRef, "columns", ColumnRef, Column)
CREATE_COLUMN = _COLUMNS.creates(
    "columns.create",
    summary="Create a column.",
    takes=CreateColumn,
    policy=BOARD_WRITE,
)
LIST_COLUMNS = _COLUMNS.lists(
    "columns.list",
    summary="List the columns of a project, ordered by scope, then by position.",
    takes=ListColumns,
    policy=BOARD_READ,
)
UPDATE_COLUMN = _COLUMNS.updates(
    "columns.update",
    summary="Rename or move a column, or change its card status or WIP limit.",
    takes=UpdateColumn,
    policy=BOARD_WRITE,
)
DELETE_COLUMN = deletes(
    "columns.delete",
    ColumnRef,
    summary="Delete a column. If the column has cards, `moveCardsTo` is required.",
    takes=DeleteColumn,
    returns=Deleted,
    policy=BOARD_DELETE,
)
DUPLICATE_COLUMN = creates(
    "columns.duplicate",
    ColumnRef,
    "duplicate",
    summary="Copy a column, with up to 500 cards that are not archived, to the place after it.",
    takes=DuplicateColumn,
    returns=Column,
    policy=BOARD_WRITE,
)
TRANSFER_COLUMN = acts(
    "columns.transfer",
    ColumnRef,
    "transfer",
    summary="Move a column with up to 500 cards to the end of a scope of another project, in one transaction.",
    takes=TransferColumn,
    returns=TransferredColumn,
    policy=BOARD_DELETE,
)
