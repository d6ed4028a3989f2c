"""Cards: the work items of a board. Section Cards of the API reference."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from stellary.contract.checklists import CHECKLIST_MAX, AddChecklistItem, ChecklistItem, ChecklistProgress
from stellary.contract.endpoint import Ok, creates, deletes, lists, reads, updates
from stellary.contract.limits import Id, Items, Length, Named, Pattern, Place
from stellary.contract.paging import Paged
from stellary.contract.policies import BOARD_DELETE, BOARD_READ, BOARD_WRITE
from stellary.contract.refs import CardRef, ColumnRef, ProjectRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

TITLE_MAX = 500
DESCRIPTION_MAX = 5000
LABELS_MAX = 100
BULK_MAX = 500
FIELD_FILTERS_MAX = 10

Priority = Literal["low", "medium", "high"]
CardStatus = Literal["open", "in_progress", "done"]

Title = Annotated[str, Length(1, TITLE_MAX)]
Description = Annotated[str, Length(0, DESCRIPTION_MAX)]
LabelIds = Annotated[list[Id], Items(0, LABELS_MAX)]
FieldFilter = Annotated[
    str, Pattern(r"[0-9a-f]{24}:[^\0]{0,5000}", "must be the id of a custom field, a colon, and a value")
]


@value
class Card(Value):
    """A work item.

    Attributes:
        key: The project's key and the number: ``LAUNCH-12``.
        order: The dense place among the column's unarchived cards, from 0; None when archived.
        completed_at: When it became ``done``; None unless it is.
        created_by_id: The user or the agent that made it.
        custom_fields: What was entered, by the id of the custom field.
        version: Grows with each change; the ``ETag`` of the card.
    """

    id: str
    key: str
    number: int
    title: str
    description: str | None
    project_id: str
    scope_id: str
    column_id: str
    order: int | None
    archived: bool
    status: CardStatus
    priority: Priority | None
    start_date: datetime | None
    due_date: datetime | None
    completed_at: datetime | None
    assignee_id: str | None
    created_by_id: str
    label_ids: list[str]
    custom_fields: dict[str, Any]
    checklist: list[ChecklistItem]
    checklist_progress: ChecklistProgress
    comment_count: int
    attachment_count: int
    version: int
    created_at: datetime
    updated_at: datetime


@value
class StatusCounts(Value):
    """How many cards have each status."""

    open: int
    in_progress: int
    done: int


@value
class PriorityCounts(Value):
    """How many cards have each priority, and how many have none."""

    low: int
    medium: int
    high: int
    none: int


@request
class ListCards(Paged):
    """Which cards; all of the project, archived ones too, if nothing is named. An id that is not there is a 400.

    Attributes:
        column_id, scope_id: Only those of that column, or of that scope.
        assignee_id: Only those of that person; ``none`` (in Python ``None``) for those of nobody.
        label_id: Only those with that label; ``none`` (in Python ``None``) for those without any.
        archived: Only those that are, or only those that are not.
        priority: Only those of that priority; ``none`` (in Python ``None``) for those without one.
        due_before: Due before that moment; cards without a due date are not meant.
        due_after: Due at that moment or later.
        q: A text to be found in the title, the description or the key, without regard to case.
        updated_since: What has changed at that moment or later.
        custom_field: ``<fieldId>:<value>``, may be given 10 times: cards of which the field has that value, or has it
            among its options; with nothing after the colon, those of which it has none.
    """

    column_id: Id | Unset = UNSET
    scope_id: Id | Unset = UNSET
    assignee_id: Id | Unset | None = UNSET
    label_id: Id | Unset | None = UNSET
    priority: Priority | Unset | None = UNSET
    status: CardStatus | Unset = UNSET
    archived: bool | Unset = UNSET
    due_before: date | Unset = UNSET
    due_after: date | Unset = UNSET
    q: Annotated[str, Length(1, 200)] | Unset = UNSET
    updated_since: date | Unset = UNSET
    custom_field: Annotated[list[FieldFilter], Items(1, FIELD_FILTERS_MAX)] | Unset = UNSET


@request
class CreateCard(Request):
    """A card to be, at the end of its column.

    Attributes:
        title: 1-500 characters.
        description: At most 5000 characters.
        status: That of the column if not given, else ``open``.
        start_date, due_date: A date means midnight UTC; the start is not after the due date.
        assignee_id: Somebody who reaches the workspace.
        label_ids: Labels of the project.
        custom_fields: Values by the id of the custom field, as ``custom_fields.set_values`` takes them.
        checklist: At most 100 steps.
    """

    title: Title
    description: Description | Unset | None = UNSET
    priority: Priority | Unset | None = UNSET
    status: CardStatus | Unset = UNSET
    start_date: date | Unset | None = UNSET
    due_date: date | Unset | None = UNSET
    assignee_id: Id | Unset | None = UNSET
    label_ids: LabelIds | Unset = UNSET
    custom_fields: dict[str, Any] | Unset = UNSET
    checklist: Annotated[list[AddChecklistItem], Items(0, CHECKLIST_MAX)] | Unset = UNSET


@request
class ChecklistEntry(AddChecklistItem):
    """A step of a checklist that replaces the one before. With the ``_id`` of a step that is there, it stays that one."""

    id: Annotated[str, Named("_id")] | Unset = UNSET


@request
class UpdateCard(Request):
    """What is not named stays; ``None`` clears.

    Attributes:
        column_id: The card moves there: to its end unless a place is named.
        order: The wanted index among the column's unarchived cards; beyond the end means the end.
        before: A card of that column, before which to stand; it beats ``order``.
        after: A card of that column, after which to stand; it beats ``order``.
        archived: Taken from the board, or put back at the end of its column.
        label_ids: All labels that the card shall have.
        custom_fields: Those that are named change; null clears one.
        checklist: The whole list; steps that are not in it are deleted.
    """

    title: Title | Unset = UNSET
    description: Description | Unset | None = UNSET
    priority: Priority | Unset | None = UNSET
    status: CardStatus | Unset = UNSET
    start_date: date | Unset | None = UNSET
    due_date: date | Unset | None = UNSET
    assignee_id: Id | Unset | None = UNSET
    column_id: Id | Unset = UNSET
    order: Place | Unset = UNSET
    before: Id | Unset = UNSET
    after: Id | Unset = UNSET
    archived: bool | Unset = UNSET
    label_ids: LabelIds | Unset = UNSET
    custom_fields: dict[str, Any] | Unset = UNSET
    checklist: Annotated[list[ChecklistEntry], Items(0, CHECKLIST_MAX)] | Unset = UNSET


@request
class CardInColumn(CreateCard):
    """One card of many to be, with the column in which it shall be."""

    column_id: Id


@request
class CardChange(UpdateCard):
    """One change of many, with the card that it is about."""

    id: Id


@request
class CreateCards(Request):
    """1 to 500 cards to be, in the order in which they shall stand."""

    cards: Annotated[list[CardInColumn], Items(1, BULK_MAX)]


@request
class UpdateCards(Request):
    """1 to 500 changes, applied in order; a card is named once."""

    cards: Annotated[list[CardChange], Items(1, BULK_MAX)]


LIST_CARDS = lists(
    "cards.list",
    ProjectRef,
    "cards",
    summary="List the cards of a project, across all columns.",
    takes=ListCards,
    item=Card,
    policy=BOARD_READ,
)
CREATE_CARD = creates(
    "cards.create",
    ColumnRef,
    "cards",
    summary="Create a card at the end of a column.",
    takes=CreateCard,
    returns=Card,
    policy=BOARD_WRITE,
)
GET_CARD = reads(
    "cards.get", CardRef, summary="One card, with its checklist.", returns=Card, policy=BOARD_READ
)
UPDATE_CARD = updates(
    "cards.update",
    CardRef,
    summary="Change, move, assign, archive or restore a card; only the fields that are named.",
    takes=UpdateCard,
    returns=Card,
    policy=BOARD_WRITE,
)
DELETE_CARD = deletes(
    "cards.delete",
    CardRef,
    summary="Delete a card for good, with its comments and attachments.",
    returns=Ok,
    policy=BOARD_DELETE,
)
CREATE_CARDS = creates(
    "cards.create_many",
    ProjectRef,
    "cards/bulk",
    summary="Create up to 500 cards at once: all or none; the answer has them in the order given.",
    takes=CreateCards,
    returns=list[Card],
    policy=BOARD_WRITE,
)
UPDATE_CARDS = updates(
    "cards.update_many",
    ProjectRef,
    "cards/bulk",
    summary="Change up to 500 cards at once: all or none; the answer has them in the order given.",
    takes=UpdateCards,
    returns=list[Card],
    policy=BOARD_WRITE,
)

ENDPOINTS = (LIST_CARDS, CREATE_CARD, GET_CARD, UPDATE_CARD, DELETE_CARD, CREATE_CARDS, UPDATE_CARDS)
