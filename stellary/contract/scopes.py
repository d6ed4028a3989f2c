"""Scopes: the work packages of a project, each with its own columns. Section Scopes of the API reference."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, get_args

from stellary.contract.cards import CardStatus
from stellary.contract.columns import Column, WipLimit
from stellary.contract.endpoint import Collection, Deleted, deletes
from stellary.contract.limits import Id, Items, Length, Name, Place
from stellary.contract.policies import BOARD_DELETE, BOARD_READ, BOARD_WRITE
from stellary.contract.refs import ProjectRef, ScopeRef
from stellary.contract.wire import UNSET, DatedItem, Request, Unset, Value

ViewType = Literal["kanban", "list", "calendar", "roadmap", "stats"]
VIEW_TYPES: tuple[ViewType, ...] = get_args(ViewType)

SCOPE_COLUMNS_MAX = 100
"""The maximum number of columns that a new scope can be created with."""

ScopeDescription = Annotated[str, Length(0, 5000)]


class ScopeView(Value):
    """A view of a scope.

    Attributes:
        settings: Settings that clients store with the view; returned unchanged.
    """

    type: ViewType
    settings: dict[str, Any]


class Scope(DatedItem):
    """A work package of a project.

    Attributes:
        order: The position in the project: consecutive integers from 0.
        is_default: Whether columns created without a scope go here. Each project has exactly one default scope, which
            cannot be deleted.
        active_view: The view in which the scope opens for everyone.
        views: All available views with their settings.
        columns: Ordered by position.
    """

    project_id: str
    name: str
    description: str | None
    order: int
    is_default: bool
    start_date: datetime | None
    due_date: datetime | None
    active_view: ViewType
    views: list[ScopeView]
    columns: list[Column]


class ScopeColumn(Request):
    """A column of a new scope.

    Attributes:
        name: 1-100 characters.
        card_status: The status that a card gets when it enters the column; ``None`` (the default) leaves it unchanged.
        wip_limit: The maximum number of unarchived cards, 1 to 10 000; ``None`` (the default) means no limit.
    """

    name: Name
    card_status: CardStatus | Unset | None = UNSET
    wip_limit: WipLimit | Unset | None = UNSET


class ScopeFields(Request):
    """The fields that a scope is created and changed with, in the same form.

    Attributes:
        name: 1-100 characters.
        description: At most 5000 characters.
        start_date, due_date: A date without a time means midnight UTC. The start date must not be after the due date.
    """

    name: Name | Unset = UNSET
    description: ScopeDescription | Unset | None = UNSET
    order: Place | Unset = UNSET
    start_date: date | Unset | None = UNSET
    due_date: date | Unset | None = UNSET


class CreateScope(ScopeFields):
    """The fields of a new scope.

    Attributes:
        columns: At most 100, in order. Default: columns like those of the default scope.
        order: The position in the project, from 0. Default: the end.
    """

    name: Name
    columns: Annotated[list[ScopeColumn], Items(0, SCOPE_COLUMNS_MAX)] | Unset = UNSET


class UpdateScope(ScopeFields):
    """The fields to change. Omitted fields keep their values; ``None`` clears a nullable field.

    Attributes:
        order: The new position in the project, from 0. A number beyond the end means the end.
    """


class DeleteScope(Request):
    """The destination of the scope's cards.

    Attributes:
        move_cards_to: A column of another scope of the project, to whose end all cards move, archived ones included. If
            omitted, the cards are deleted with the scope.
    """

    move_cards_to: Id | Unset = UNSET


_SCOPES = Collection(ProjectRef, "scopes", ScopeRef, Scope)
CREATE_SCOPE = _SCOPES.creates(
    "scopes.create",
    summary="Create a scope, by default with columns like those of the default scope.",
    takes=CreateScope,
    policy=BOARD_WRITE,
)
LIST_SCOPES = _SCOPES.lists(
    "scopes.list",
    summary="List the scopes of a project with their columns, in order.",
    policy=BOARD_READ,
)
GET_SCOPE = _SCOPES.reads(
    "scopes.get",
    summary="Get a scope with its columns and view settings.",
    policy=BOARD_READ,
)
UPDATE_SCOPE = _SCOPES.updates(
    "scopes.update",
    summary="Update a scope's name, description, dates or position.",
    takes=UpdateScope,
    policy=BOARD_WRITE,
)
DELETE_SCOPE = deletes(
    "scopes.delete",
    ScopeRef,
    summary="Delete a scope with its columns. Its cards are deleted too, unless `moveCardsTo` is given.",
    takes=DeleteScope,
    returns=Deleted,
    policy=BOARD_DELETE,
)
