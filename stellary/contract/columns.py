"""Columns: the workflow stages of a board. Section Columns of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from stellary.contract.cards import CardStatus
from stellary.contract.endpoint import Ok, creates, deletes, lists, updates
from stellary.contract.limits import Id, Name, Place, Range
from stellary.contract.paging import Paged
from stellary.contract.policies import BOARD_DELETE, BOARD_READ, BOARD_WRITE
from stellary.contract.refs import ColumnRef, ProjectRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

WipLimit = Annotated[int, Range(1, 10_000)]


@value
class Column(Value):
    """A stage of a scope's board.

    Attributes:
        order: The dense place in its scope, from 0.
        card_status: What a card becomes that enters; None leaves it as it is.
        wip_limit: How many unarchived cards it takes at most; None: any number.
        card_count: Of unarchived cards.
    """

    id: str
    name: str
    project_id: str
    scope_id: str
    order: int
    card_status: CardStatus | None
    wip_limit: int | None
    card_count: int
    created_at: datetime
    updated_at: datetime


@value
class ColumnCount(Value):
    """How many unarchived cards a column holds."""

    column_id: str
    scope_id: str
    name: str
    cards: int


@request
class ListColumns(Paged):
    """Which columns; all of the project if nothing is named.

    Attributes:
        scope_id: Those of this scope.
    """

    scope_id: Id | Unset = UNSET


@request
class CreateColumn(Request):
    """A column to be.

    Attributes:
        name: 1-100 characters.
        scope_id: The project's default scope if not given.
        order: The wanted index, from 0; the end if not given.
        card_status: What a card becomes that enters.
        wip_limit: 1 to 10 000 unarchived cards.
    """

    name: Name
    scope_id: Id | Unset = UNSET
    order: Place | Unset = UNSET
    card_status: CardStatus | Unset | None = UNSET
    wip_limit: WipLimit | Unset | None = UNSET


@request
class UpdateColumn(Request):
    """What is not named stays; ``None`` clears.

    Attributes:
        order: The wanted index in the scope, from 0; beyond the end means the end.
        card_status: What a card becomes that enters from now on.
        wip_limit: 1 to 10 000 unarchived cards; a column that holds more keeps them.
    """

    name: Name | Unset = UNSET
    order: Place | Unset = UNSET
    card_status: CardStatus | Unset | None = UNSET
    wip_limit: WipLimit | Unset | None = UNSET


@request
class DeleteColumn(Request):
    """What becomes of the cards.

    Attributes:
        move_cards_to: The column to whose end they go, archived ones too; without it, a column that holds cards is
            not deleted.
    """

    move_cards_to: Id | Unset = UNSET


CREATE_COLUMN = creates(
    "columns.create",
    ProjectRef,
    "columns",
    summary="Create a column.",
    takes=CreateColumn,
    returns=Column,
    policy=BOARD_WRITE,
)
LIST_COLUMNS = lists(
    "columns.list",
    ProjectRef,
    "columns",
    summary="List the columns of a project, by scope and then by place.",
    takes=ListColumns,
    item=Column,
    policy=BOARD_READ,
)
UPDATE_COLUMN = updates(
    "columns.update",
    ColumnRef,
    summary="Rename or move a column, or change what it does to its cards.",
    takes=UpdateColumn,
    returns=Column,
    policy=BOARD_WRITE,
)
DELETE_COLUMN = deletes(
    "columns.delete",
    ColumnRef,
    summary="Delete a column; one that holds cards only if it is said where they go.",
    takes=DeleteColumn,
    returns=Ok,
    policy=BOARD_DELETE,
)

ENDPOINTS = (CREATE_COLUMN, LIST_COLUMNS, UPDATE_COLUMN, DELETE_COLUMN)
