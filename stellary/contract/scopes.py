"""Scopes: the work packages of a project, each with its own columns. Section Scopes of the API reference."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from stellary.contract.cards import CardStatus
from stellary.contract.columns import Column, WipLimit
from stellary.contract.endpoint import Ok, creates, deletes, lists, reads, updates
from stellary.contract.limits import Id, Items, Length, Name, Place
from stellary.contract.paging import Paged
from stellary.contract.policies import BOARD_DELETE, BOARD_READ, BOARD_WRITE
from stellary.contract.refs import ProjectRef, ScopeRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

ViewType = Literal["kanban", "list", "calendar", "roadmap", "stats"]
VIEW_TYPES: tuple[ViewType, ...] = ("kanban", "list", "calendar", "roadmap", "stats")

SCOPE_COLUMNS_MAX = 100
"""Columns that a new scope may bring along."""

ScopeDescription = Annotated[str, Length(0, 5000)]


@value
class ScopeView(Value):
    """One of the ways to look at a scope.

    Attributes:
        settings: What clients want to remember of it; kept as it was given.
    """

    type: ViewType
    settings: dict[str, Any]


@value
class Scope(Value):
    """A work package of a project.

    Attributes:
        order: The dense place in the project, from 0.
        is_default: Whether it takes the columns that name no scope; each project has one, which stays.
        active_view: In which everybody finds it.
        views: All that there are, with their settings.
        columns: By place.
    """

    id: str
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
    created_at: datetime
    updated_at: datetime


@request
class ScopeColumn(Request):
    """A column of a scope to be.

    Attributes:
        name: 1-100 characters.
        card_status: What a card becomes that enters.
        wip_limit: 1 to 10 000 unarchived cards.
    """

    name: Name
    card_status: CardStatus | Unset | None = UNSET
    wip_limit: WipLimit | Unset | None = UNSET


@request
class CreateScope(Request):
    """A scope to be, without cards.

    Attributes:
        columns: At most 100, in their order; like those of the default scope if not given.
        name: 1-100 characters.
        description: At most 5000 characters.
        order: The wanted index, from 0; the end if not given.
        start_date, due_date: A date means midnight UTC; the start is not after the due date.
    """

    name: Name
    description: ScopeDescription | Unset | None = UNSET
    order: Place | Unset = UNSET
    start_date: date | Unset | None = UNSET
    due_date: date | Unset | None = UNSET
    columns: Annotated[list[ScopeColumn], Items(0, SCOPE_COLUMNS_MAX)] | Unset = UNSET


@request
class UpdateScope(Request):
    """What is not named stays; ``None`` clears.

    Attributes:
        name: 1-100 characters.
        description: At most 5000 characters.
        order: The wanted index in the project, from 0; beyond the end means the end.
        start_date, due_date: A date means midnight UTC; the start is not after the due date.
    """

    name: Name | Unset = UNSET
    description: ScopeDescription | Unset | None = UNSET
    order: Place | Unset = UNSET
    start_date: date | Unset | None = UNSET
    due_date: date | Unset | None = UNSET


@request
class DeleteScope(Request):
    """What becomes of the cards.

    Attributes:
        move_cards_to: A column of another scope of the project, to whose end they go, archived ones too; without it,
            they are deleted with the scope.
    """

    move_cards_to: Id | Unset = UNSET


CREATE_SCOPE = creates(
    "scopes.create",
    ProjectRef,
    "scopes",
    summary="Create a scope, with columns like those of the default one.",
    takes=CreateScope,
    returns=Scope,
    policy=BOARD_WRITE,
)
LIST_SCOPES = lists(
    "scopes.list",
    ProjectRef,
    "scopes",
    summary="List the scopes of a project with their columns, by place.",
    takes=Paged,
    item=Scope,
    policy=BOARD_READ,
)
GET_SCOPE = reads(
    "scopes.get",
    ScopeRef,
    summary="One scope, with its columns and the settings of its views.",
    returns=Scope,
    policy=BOARD_READ,
)
UPDATE_SCOPE = updates(
    "scopes.update",
    ScopeRef,
    summary="Rename, describe, date or move a scope.",
    takes=UpdateScope,
    returns=Scope,
    policy=BOARD_WRITE,
)
DELETE_SCOPE = deletes(
    "scopes.delete",
    ScopeRef,
    summary="Delete a scope with its columns, and with its cards unless it is said where they go.",
    takes=DeleteScope,
    returns=Ok,
    policy=BOARD_DELETE,
)

ENDPOINTS = (CREATE_SCOPE, LIST_SCOPES, GET_SCOPE, UPDATE_SCOPE, DELETE_SCOPE)
