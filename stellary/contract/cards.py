"""Cards: the work items of a board. Section Cards of the API reference."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from stellary.contract.checklists import CHECKLIST_MAX, AddChecklistItem, ChecklistItem, ChecklistProgress
from stellary.contract.endpoint import Collection, Deleted, acts, creates, deletes, lists, updates
from stellary.contract.limits import Id, Items, Length, Named, Pattern, Place, Range, RelativeDay, Repeatable
from stellary.contract.policies import BOARD_DELETE, BOARD_READ, BOARD_WRITE, CARDS_READ
from stellary.contract.recurrences import CardRecurrence, Recurrence
from stellary.contract.refs import CardRef, ColumnRef, ProjectRef, Ref, WorkspaceRef
from stellary.contract.wire import UNSET, DatedItem, Paged, PageLimit, Request, Unset, Value

TITLE_MAX = 500
DESCRIPTION_MAX = 5000
LABELS_MAX = 100
BULK_MAX = 500
FIELD_FILTERS_MAX = 10
FILTER_MAX = 2000

Priority = Literal["low", "medium", "high"]
Missing = Literal["refuse", "create", "drop"]
CardStatus = Literal["open", "in_progress", "done"]

IdFilter = Annotated[Id, Repeatable(takes_none=False)]
NullableIdFilter = Annotated[Id, Repeatable()]
DayFilter = Annotated[date, RelativeDay()]
ChecklistState = Literal["incomplete", "complete", "none", "any"]
Filter = Annotated[str, Length(1, FILTER_MAX)]

Title = Annotated[str, Length(1, TITLE_MAX)]
Description = Annotated[str, Length(0, DESCRIPTION_MAX)]
Estimate = Annotated[float, Range(0, 10_000, decimals=2)]
LabelIds = Annotated[list[Id], Items(0, LABELS_MAX)]
FieldFilter = Annotated[
    str, Pattern(r"[0-9a-f]{24}:[^\0]{0,5000}", "must be the id of a custom field, a colon, and a value")
]

FieldFilters = Annotated[list[FieldFilter], Items(1, FIELD_FILTERS_MAX)]


class Card(DatedItem):
    """A work item.

    Attributes:
        key: The project's key and the card's number: ``LAUNCH-12``.
        order: The position among the column's unarchived cards: consecutive integers from 0. None if the card is
            archived.
        completed_at: When the card's status became ``done``; None unless it is ``done`` now.
        created_by_id: The id of the user or agent that created the card.
        custom_fields: Values by custom field id.
        recurrence: When the card is made again; None if it is not.
        version: Increases with every change; the card's ``ETag``.
        estimate: The estimated work, in the ``estimateUnit`` of the project; None if it is not estimated.
    """

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
    recurrence: CardRecurrence | None
    version: int
    estimate: float | None = None


class StatusCounts(Value):
    """The number of cards in each status."""

    open: int
    in_progress: int
    done: int


class PriorityCounts(Value):
    """The number of cards with each priority, and with none."""

    low: int
    medium: int
    high: int
    none: int


class MainCardFilters(Paged):
    """The filters of cards that tools have too: ``filter`` expresses all others.

    Attributes:
        column_id, scope_id: Only cards in this column or scope.
        assignee_id: Only cards assigned to this user, or to ``me``; ``none`` (in Python ``None``) for unassigned cards, ``any``
            for all others.
        label_id: Only cards with this label; ``none`` (in Python ``None``) for cards without labels, ``any`` for others.
        priority: Only cards with this priority; ``none`` (in Python ``None``) for cards without one, ``any`` for others.
        status: Only cards with this status.
        archived: True for archived cards only, false for unarchived cards only. Default: both.
        due_before: Only cards due before this time. Cards without a due date are excluded.
        due_after: Only cards due at this time or later. Cards without a due date are excluded.
        q: Text to look for in the title, description and key, ignoring case; 1-200 characters.
        updated_since: Only cards changed at this time or later.
        filter: A condition in words, with or without an order, such as ``assignee = me and due < +3d order by due``.
        saved: The id or the name of a saved filter. Its order holds unless the request has another.
    """

    column_id: IdFilter | Unset = UNSET
    scope_id: IdFilter | Unset = UNSET
    assignee_id: NullableIdFilter | Unset | None = UNSET
    label_id: NullableIdFilter | Unset | None = UNSET
    priority: Annotated[Literal["low", "medium", "high", "any"], Repeatable()] | Unset | None = UNSET
    status: Annotated[CardStatus, Repeatable(takes_none=False)] | Unset = UNSET
    archived: bool | Unset = UNSET
    due_before: DayFilter | Unset = UNSET
    due_after: DayFilter | Unset = UNSET
    q: Annotated[str, Length(1, 200)] | Unset = UNSET
    updated_since: DayFilter | Unset = UNSET
    filter: Filter | Unset = UNSET
    saved: Annotated[str, Length(1, 100)] | Unset = UNSET


class CardFilters(MainCardFilters):
    """Filters for a list of cards: only cards that match all of them.

    Attributes:
        created_before, completed_before: Only cards that were created or completed before this time.
        created_after, completed_after: Only cards that were created or completed at this time or later.
        checklist: Only cards with unfinished items, with finished items only, without items, or with any.
        blocked: True for cards that an unfinished card blocks only, false for all others.
        sort: Up to 3 fields to sort by, descending after a minus sign: ``dueDate,-priority``. Cards without a value come last.
        fields: The fields of the response, such as ``title,dueDate``; ``id`` is always included. Default: all.
    """

    created_before: DayFilter | Unset = UNSET
    created_after: DayFilter | Unset = UNSET
    completed_before: DayFilter | Unset = UNSET
    completed_after: DayFilter | Unset = UNSET
    checklist: ChecklistState | Unset = UNSET
    blocked: bool | Unset = UNSET
    sort: Annotated[str, Length(1, 100)] | Unset = UNSET
    fields: Annotated[str, Length(1, 500)] | Unset = UNSET


class ListCards(CardFilters):
    """Filters for the list of cards.

    Without filters, the list has all cards of the project, archived ones included. An id that does not exist is a 400. A repeated
    parameter selects cards that match any of its values, and a time may be a day: ``today``, ``+7d``, ``-2w``.

    Attributes:
        custom_field: ``<fieldId>:<value>``; can be repeated up to 10 times. Only cards whose field has this value, or
            has it among its selected options. With nothing after the colon: only cards without a value in this field.
    """

    custom_field: FieldFilters | Unset = UNSET


class FindCards(CardFilters):
    """Filters for the cards of several projects.

    Cards of archived projects are left out. The cards of each project are in order of creation, unless ``sort`` is given, for which the
    filters must select at most 1,000 cards. A repeated parameter selects cards that match any of its values.

    Attributes:
        project_id: Only cards of this project.
        limit: 1 to 500. Default: 100; unlike other lists, this one is always paged.
    """

    project_id: IdFilter | Unset = UNSET
    limit: PageLimit = 100


class CardFields(Request):
    """The fields that a card is created, changed and imported with, in the same form.

    Attributes:
        description: At most 5000 characters.
        start_date, due_date: A date without a time means midnight UTC. The start date must not be after the due date.
        estimate: 0 to 10 000, with up to two decimals, in the ``estimateUnit`` of the project.
    """

    title: Title | Unset = UNSET
    description: Description | Unset | None = UNSET
    priority: Priority | Unset | None = UNSET
    status: CardStatus | Unset = UNSET
    start_date: date | Unset | None = UNSET
    due_date: date | Unset | None = UNSET
    estimate: Estimate | Unset | None = UNSET


class CreateCard(CardFields):
    """The fields of a new card.

    Attributes:
        title: 1-500 characters.
        description: At most 5000 characters.
        status: Default: the status that the column assigns, or ``open`` if it assigns none.
        start_date, due_date: A date without a time means midnight UTC. The start date must not be after the due date.
        estimate: 0 to 10 000, with up to two decimals, in the ``estimateUnit`` of the project.
        assignee_id: The id of a user with access to the workspace.
        label_ids: Ids of labels of the project; at most 100.
        custom_fields: Values by custom field id, in the format of ``custom_fields.set_values``.
        checklist: At most 100 items.
        recurrence: When the card is made again.
    """

    title: Title
    assignee_id: Id | Unset | None = UNSET
    label_ids: LabelIds | Unset = UNSET
    custom_fields: dict[str, Any] | Unset = UNSET
    checklist: Annotated[list[AddChecklistItem], Items(0, CHECKLIST_MAX)] | Unset = UNSET
    recurrence: Recurrence | Unset | None = UNSET


class DuplicateCard(Request):
    """The differences of a copy of a card, which has no relations and no recurrence.

    Attributes:
        title: Default: that of the card.
        column_id: The column in which the copy is created, at the end. Default: that of the card.
        comments: Whether the comments are copied too.
        attachments: Whether the files are copied too.
    """

    title: Title | Unset = UNSET
    column_id: Id | Unset = UNSET
    comments: bool = False
    attachments: bool = False


class ChecklistEntry(AddChecklistItem):
    """An item of a checklist that replaces the previous one. The ``_id`` of an existing item keeps that item."""

    id: Annotated[str, Named("_id")] | Unset = UNSET


class UpdateCard(CardFields):
    """The fields to change. Omitted fields keep their values; ``None`` clears a nullable field.

    Attributes:
        title: 1-500 characters.
        column_id: Move the card to this column: to its end, unless a position is given.
        order: The new position among the column's unarchived cards, from 0. A number beyond the end means the end.
        before: Put the card directly before this card of the column. Takes precedence over ``order``.
        after: Put the card directly after this card of the column. Takes precedence over ``order``.
        archived: True takes the card off the board; false puts it back at the end of its column.
        label_ids: Replaces all labels of the card.
        custom_fields: Values by custom field id. Omitted fields keep their values; null clears one.
        checklist: Replaces the whole checklist. Existing items that are not in the list are deleted.
        recurrence: Replaces the recurrence; null ends the series.
        apply_to: ``this`` keeps the other fields of the request from the later cards of the series; ``later``, the default,
            applies them to this card and all later ones. Cards that exist already are not changed.
    """

    assignee_id: Id | Unset | None = UNSET
    column_id: Id | Unset = UNSET
    order: Place | Unset = UNSET
    before: Id | Unset = UNSET
    after: Id | Unset = UNSET
    archived: bool | Unset = UNSET
    label_ids: LabelIds | Unset = UNSET
    custom_fields: dict[str, Any] | Unset = UNSET
    checklist: Annotated[list[ChecklistEntry], Items(0, CHECKLIST_MAX)] | Unset = UNSET
    recurrence: Recurrence | Unset | None = UNSET
    apply_to: Literal["this", "later"] | Unset = UNSET


class CardInColumn(CreateCard):
    """A new card of a bulk request, and the column to create it in."""

    column_id: Id


class CardChange(UpdateCard):
    """A change of a bulk request, and the card to apply it to."""

    id: Id


class CreateCards(Request):
    """The cards to create: 1 to 500, in the order in which they are to appear on the board."""

    cards: Annotated[list[CardInColumn], Items(1, BULK_MAX)]


class UpdateCards(Request):
    """The changes to apply, in order: 1 to 500, at most one per card."""

    cards: Annotated[list[CardChange], Items(1, BULK_MAX)]


class DroppedReference(Value):
    """A label, a value or the assignee that a card has lost, since the project that it entered does not have it.

    Attributes:
        kind: ``option`` is a value of a ``select`` or ``multi-select`` field; an ``estimate`` is lost if the other project has
            another ``estimateUnit``.
        name: The name of the label, the custom field, the option or the person; the unit of the estimate.
    """

    kind: Literal["label", "custom_field", "option", "estimate", "assignee"]
    name: str


class TransferredCard(Card):
    """A card in its new project: its ``id`` is the same, its ``key`` is new.

    Attributes:
        dropped: The labels, values and the assignee that the card has lost.
    """

    dropped: list[DroppedReference]


class TransferCard(Request):
    """The column of another project that a card is moved to.

    Labels and custom fields of the other project are used if they have the same name; fields must also have the same type, and
    options the same name.

    Attributes:
        column_id: A column of another project of the organization, in which you may change cards as well.
        missing: What happens to labels, custom fields and options that the other project does not have: ``refuse`` (the default)
            changes nothing, and the error names them; ``create`` creates them; ``drop`` removes them from the card. An estimate in another unit can only be dropped.
    """

    column_id: Id
    missing: Missing = "refuse"


class TransferCards(TransferCard):
    """The cards to move to a column of another project, to its end, in this order: 1 to 500."""

    card_ids: Annotated[list[Id], Items(1, BULK_MAX)]


_CARDS = Collection(ProjectRef, "cards", CardRef, Card)
LIST_CARDS = _CARDS.lists(
    "cards.list",
    summary="List all cards of a project, across all columns.",
    takes=ListCards,
    policy=BOARD_READ,
)
LIST_WORKSPACE_CARDS = lists(
    "cards.list_in_workspace",
    WorkspaceRef,
    "cards",
    summary="List the cards of all projects of a workspace that you see.",
    takes=FindCards,
    item=Card,
    policy=BOARD_READ,
)
LIST_ALL_CARDS = lists(
    "cards.list_all",
    Ref,
    "cards",
    summary="List the cards of all projects that you see, in all workspaces.",
    takes=FindCards,
    item=Card,
    policy=CARDS_READ,
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
GET_CARD = _CARDS.reads("cards.get", summary="Get a card with its checklist.", policy=BOARD_READ)
UPDATE_CARD = _CARDS.updates(
    "cards.update",
    summary="Update, move, assign, archive or restore a card. Only include the fields to change.",
    takes=UpdateCard,
    policy=BOARD_WRITE,
)
DELETE_CARD = deletes(
    "cards.delete",
    CardRef,
    summary="Move a card to the trash, with its comments and attachments.",
    returns=Deleted,
    policy=BOARD_DELETE,
)
DUPLICATE_CARD = creates(
    "cards.duplicate",
    CardRef,
    "duplicate",
    summary="Copy a card to the end of a column of its project.",
    takes=DuplicateCard,
    returns=Card,
    policy=BOARD_WRITE,
)
CREATE_CARDS = creates(
    "cards.create_many",
    ProjectRef,
    "cards/bulk",
    summary="Create up to 500 cards in one transaction: all of them or none. The response lists them in request order.",
    takes=CreateCards,
    returns=list[Card],
    policy=BOARD_WRITE,
)
UPDATE_CARDS = updates(
    "cards.update_many",
    ProjectRef,
    "cards/bulk",
    summary="Update up to 500 cards in one transaction: all of them or none. The response lists them in request order.",
    takes=UpdateCards,
    returns=list[Card],
    policy=BOARD_WRITE,
)
TRANSFER_CARD = acts(
    "cards.transfer",
    CardRef,
    "transfer",
    summary="Move a card to a column of another project of the organization. It gets a new key; its former key still leads to it.",
    takes=TransferCard,
    returns=TransferredCard,
    policy=BOARD_WRITE,
)
TRANSFER_CARDS = acts(
    "cards.transfer_many",
    ProjectRef,
    "cards/bulk/transfer",
    summary="Move up to 500 cards to a column of another project in one transaction: all of them or none.",
    takes=TransferCards,
    returns=list[TransferredCard],
    policy=BOARD_WRITE,
)
