"""Project imports: a project created from a file. Section Project Import & Export of the API reference."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from stellary.contract.automations import ACTIONS_MAX, RULES_MAX, ActionToRun, ScheduleToRun, TriggerName
from stellary.contract.cards import CardFields, CardStatus, Title
from stellary.contract.checklists import CHECKLIST_MAX, AddChecklistItem
from stellary.contract.columns import WipLimit
from stellary.contract.comments import CommentText
from stellary.contract.custom_fields import FIELDS_MAX, CreateCustomField
from stellary.contract.documents import DocType, DocumentStatus, DocumentTitle, Tags
from stellary.contract.endpoint import creates
from stellary.contract.labels import CreateLabel
from stellary.contract.limits import EmailAddress, Items, Length, Name, Place, Range
from stellary.contract.policies import PROJECT_DUPLICATE, PROJECT_IMPORT
from stellary.contract.project_exports import Format
from stellary.contract.projects import CopiedContent, EstimateUnit, Project, ProjectDescription, ProjectKey
from stellary.contract.recurrences import Recurrence
from stellary.contract.refs import ProjectRef, WorkspaceRef
from stellary.contract.relations import SeenRelationType
from stellary.contract.rich_text import TipTap
from stellary.contract.roles import OthersRole, ProjectRole, Visibility
from stellary.contract.scopes import VIEW_TYPES, ScopeDescription, ViewType
from stellary.contract.wire import UNSET, JsonObject, Request, Unset, Value

FILE_MAX = 32 * 1024 * 1024
"""The maximum size of a project file, in bytes.

Enough for 500 cards with long descriptions and many comments, in scripts that take three bytes per character.
"""
COLUMNS_MAX = 50
CARDS_MAX = 500
SCOPES_MAX = 100
LABELS_MAX = 1_000
MEMBERS_MAX = 5_000
DOCUMENTS_MAX = 1_000
BELOW_CARD_MAX = 5_000
"""The maximum number of comments, of relations and of attachments per card, and of comments per document."""
IN_ALL_MAX = 20_000
"""The maximum number of comments, and of relations, over all cards, and of comments over all documents."""

FileId = Annotated[str, Length(1, 100)]
"""An id inside the file, for references from other parts of the file."""

Number = Annotated[int, Range(1, 2_000_000_000)]


class TolerantRequest(Request):
    """A part of a file, which may come from a newer version: unknown fields are ignored."""

    tolerant = True


class ImportedPerson(TolerantRequest):
    """A person mentioned in the file."""

    name: Name | Unset = UNSET
    email: EmailAddress | Unset | None = UNSET


class ImportedMember(ImportedPerson):
    """A member of the project.

    Becomes a member here if the e-mail address belongs to a user with access to the workspace. The importer becomes a
    manager, whatever the role.
    """

    role: ProjectRole | Unset = UNSET


class ImportedProject(TolerantRequest):
    """The project itself.

    Attributes:
        name: 1-100 characters.
        description: At most 5000 characters.
        key: Kept if no other project of the workspace uses it; otherwise a key is derived from the name.
        archived: Whether to create the project archived.
        last_number: Cards created later get higher numbers than this.
        member_role: The role of the members of the workspace who are not members of the project.
        visibility: Who sees the project.
        estimate_unit: The unit of its cards' estimates.
    """

    name: Name
    description: ProjectDescription | Unset | None = UNSET
    key: ProjectKey | Unset = UNSET
    archived: bool = False
    last_number: Annotated[int, Range(0, 2_000_000_000)] = 0
    member_role: OthersRole | Unset = UNSET
    visibility: Visibility | Unset = UNSET
    estimate_unit: EstimateUnit | Unset = UNSET


class ImportedView(TolerantRequest):
    """The stored settings of a view of a scope: at most 50 settings and 10 000 bytes of JSON."""

    type: ViewType
    settings: dict[str, Any]


class ImportedScope(TolerantRequest):
    """A scope. Scopes are created in the order of the file.

    Attributes:
        id: The id that the file's columns refer to.
        is_default: True for at most one scope. Default: the first scope is the default one.
    """

    name: Name
    id: FileId | Unset = UNSET
    description: ScopeDescription | Unset | None = UNSET
    is_default: bool = False
    start_date: date | Unset | None = UNSET
    due_date: date | Unset | None = UNSET
    active_view: ViewType = "kanban"
    views: Annotated[list[ImportedView], Items(0, len(VIEW_TYPES))] | Unset = UNSET


class ImportedColumn(TolerantRequest):
    """A column. The columns of a scope are created in the order of the file.

    Attributes:
        id: The id that the file's cards refer to.
        scope_id: A scope of the file. Default: the default scope.
        wip_limit: The maximum number of unarchived cards. Imported cards may exceed it.
    """

    name: Name
    id: FileId | Unset = UNSET
    scope_id: FileId | Unset = UNSET
    card_status: CardStatus | Unset | None = UNSET
    wip_limit: WipLimit | Unset | None = UNSET


class ImportedLabel(CreateLabel):
    """A label.

    Attributes:
        id: The id that the file's cards refer to.
    """

    tolerant = True

    id: FileId | Unset = UNSET


class ImportedCustomField(CreateCustomField):
    """A custom field.

    Attributes:
        id: The id that the file's cards refer to.
    """

    tolerant = True

    id: FileId | Unset = UNSET


class ImportedChecklistItem(AddChecklistItem):
    """A checklist item of a card."""

    tolerant = True


class ImportedComment(TolerantRequest):
    """A comment. The comments of a card or a document are created in the order of the file.

    Attributes:
        author: The author. Default: the importing user.
        created_at, updated_at: Default: the time of the import, which also replaces times in the future.
    """

    content: CommentText
    author: ImportedPerson | Unset = UNSET
    created_at: date | Unset = UNSET
    updated_at: date | Unset = UNSET


class ImportedRelation(TolerantRequest):
    """A relation of the card.

    Attributes:
        type: Reads as a sentence: this card ``blocks`` the target card. List each relation on one of its two cards
            only; repeating it is a 400.
        target_card_id: A card of the file. A relation with None is not imported, and is reported.
        target_key: The key of the target card, for the report.
    """

    type: SeenRelationType
    target_card_id: FileId | None
    target_key: Annotated[str, Length(0, 100)] | Unset = UNSET


class ImportedAttachment(TolerantRequest):
    """A file on the card. Its content is not part of the project file, so it is not imported, but reported."""

    original_name: Annotated[str, Length(0, 255)]
    id: FileId | Unset = UNSET
    mime_type: Annotated[str, Length(0, 255)] | Unset = UNSET
    size: Annotated[int, Range(0, 2**53)] | Unset = UNSET
    uploaded_by: ImportedPerson | Unset = UNSET
    created_at: date | Unset = UNSET


class ImportedRecurrence(Recurrence):
    """The recurrence of a card. The importing user becomes its owner, and a series whose time has passed does not go on.

    Attributes:
        column_id: The column in which cards are made, by its id in the file. Default, also for an unknown column: that of the card.
        later: Only reported: the next card is like this one.
    """

    tolerant = True

    column_id: FileId | Unset = UNSET
    later: JsonObject | Unset = UNSET


class ImportedCard(CardFields):
    """A card. The unarchived cards of a column are created in the order of the file.

    Attributes:
        title: 1-500 characters.
        column_index: The card's column as an index into ``columns``, from 0. Give either this or ``column_id``.
        column_id: The card's column, by its id in the file.
        description: At most 5000 characters.
        id: The id that the file's relations refer to.
        number: Kept. Default: the next free number.
        status: Default: the status that the column assigns, or ``open`` if it assigns none.
        assignee: The assignee's e-mail address. Without access to the workspace, the card stays unassigned, and this is
            reported.
        label_ids: Labels by their ids in the file.
        custom_fields: Values by the ids of the custom fields in the file.
        created_by: Only reported: the importing user becomes the creator.
        created_at: Default: the time of the import, which also replaces a time in the future.
        completed_at: For a card that is ``done``; not earlier than ``created_at``. Default: the time of the import.
    """

    tolerant = True

    title: Title
    column_index: Place | Unset = UNSET
    column_id: FileId | Unset = UNSET
    id: FileId | Unset = UNSET
    number: Number | Unset = UNSET
    archived: bool = False
    assignee: EmailAddress | Unset | None = UNSET
    label_ids: Annotated[list[FileId], Items(0, 100)] | Unset = UNSET
    custom_fields: dict[str, Any] | Unset = UNSET
    checklist: Annotated[list[ImportedChecklistItem], Items(0, CHECKLIST_MAX)] | Unset = UNSET
    comments: Annotated[list[ImportedComment], Items(0, BELOW_CARD_MAX)] | Unset = UNSET
    relations: Annotated[list[ImportedRelation], Items(0, BELOW_CARD_MAX)] | Unset = UNSET
    attachments: Annotated[list[ImportedAttachment], Items(0, BELOW_CARD_MAX)] | Unset = UNSET
    created_by: ImportedPerson | Unset = UNSET
    created_at: date | Unset = UNSET
    completed_at: date | Unset | None = UNSET
    recurrence: ImportedRecurrence | Unset | None = UNSET


class ImportedDocument(TolerantRequest):
    """A document. It becomes a draft of the importing user.

    Attributes:
        id: The id that other documents of the file refer to.
        scope_id: A scope of the file. Default: the project as a whole.
        parent_id: The parent, a document of the file.
        status: Ignored: reviews of another server are not imported.
        content: A TipTap document.
    """

    title: DocumentTitle
    id: FileId | Unset = UNSET
    doc_type: DocType = "document"
    scope_id: FileId | Unset | None = UNSET
    parent_id: FileId | Unset | None = UNSET
    tags: Tags | Unset = UNSET
    status: DocumentStatus = "draft"
    author: ImportedPerson | Unset = UNSET
    content: TipTap | Unset = UNSET
    comments: Annotated[list[ImportedComment], Items(0, BELOW_CARD_MAX)] | Unset = UNSET
    created_at: date | Unset = UNSET
    updated_at: date | Unset = UNSET


class ImportedAction(ActionToRun):
    """The action of a rule."""

    tolerant = True


class ImportedSchedule(ScheduleToRun):
    """The times at which a rule runs."""

    tolerant = True


class ImportedAutomation(TolerantRequest):
    """An automation rule. Rules run in the order of the file, with the rights of the importing user.

    Attributes:
        name: Default: composed of the trigger and the action.
        conditions: With ids of the file. A rule that refers to items that do not exist here is disabled, and this is
            reported.
        action: The only action; required without ``actions``, and otherwise equal to the first of them.
        actions: 1-10 actions, in the order in which they run.
        schedule: Required for the trigger ``schedule``, with ids of the file.
        owner: Only reported: the importing user becomes the owner.
    """

    trigger: TriggerName
    action: ImportedAction | Unset = UNSET
    actions: Annotated[list[ImportedAction], Items(1, ACTIONS_MAX)] | Unset = UNSET
    schedule: ImportedSchedule | Unset | None = UNSET
    name: Name | Unset = UNSET
    conditions: dict[str, Any] | Unset | None = UNSET
    enabled: bool = True
    owner: ImportedPerson | Unset = UNSET


class ProjectHeader(TolerantRequest):
    """The parts of a project file apart from its columns and cards.

    Attributes:
        project: At least its ``name``.
        format: ``stellary.project/1``.
        scopes: At most 100, in order. Default: one scope, which is the default one.
        labels: At most 1000.
        custom_fields: At most 100.
        members: By e-mail address. People without access to the workspace are not added, and this is reported.
        documents: At most 1000; they become drafts.
        automations: At most 100. Importing them with a token requires all scopes; without, they are skipped, and this
            is reported.
        exported_at: The time of the export; ignored.
    """

    project: ImportedProject
    format: Format | Unset = UNSET
    scopes: Annotated[list[ImportedScope], Items(1, SCOPES_MAX)] | Unset = UNSET
    labels: Annotated[list[ImportedLabel], Items(0, LABELS_MAX)] | Unset = UNSET
    custom_fields: Annotated[list[ImportedCustomField], Items(0, FIELDS_MAX)] | Unset = UNSET
    members: Annotated[list[ImportedMember], Items(0, MEMBERS_MAX)] | Unset = UNSET
    documents: Annotated[list[ImportedDocument], Items(0, DOCUMENTS_MAX)] | Unset = UNSET
    automations: Annotated[list[ImportedAutomation], Items(0, RULES_MAX)] | Unset = UNSET
    exported_at: date | Unset = UNSET


class ImportProject(ProjectHeader):
    """A project file as ``projects.export`` writes it, or a shorter one.

    Unknown fields are ignored and listed in the response. Everything else must be valid, or nothing is created.

    Attributes:
        columns: At most 50, in order.
        cards: At most 500, archived ones included. Larger projects are imported in parts, by ``imports.create``.
    """

    columns: Annotated[list[ImportedColumn], Items(0, COLUMNS_MAX)] | Unset = UNSET
    cards: Annotated[list[ImportedCard], Items(0, CARDS_MAX)] | Unset = UNSET


NotCarriedKind = Literal[
    "assignee", "attachment", "automation", "creator", "key", "member", "recurrence", "relation", "review"
]


class NotCarried(Value):
    """An item of the file that could not be imported.

    Attributes:
        path: The path in the file: ``cards[3].attachments[0]``; for an item in several places, ``cards[].assignee``.
        name: The item's name.
        count: The number of places where the item occurs.
        reason: Why it could not be imported, in a sentence.
    """

    kind: NotCarriedKind
    path: str
    name: str
    count: int
    reason: str


class ProjectImport(Project):
    """The created project, and a report on the import.

    Attributes:
        column_ids: The ids of the new columns, in the order of the file.
        card_ids: The ids of the new cards, in the order of the file.
        ignored: The unknown fields of the file, each once: ``cards[].cover``.
        not_carried: The items that could not be imported.
    """

    column_ids: list[str]
    card_ids: list[str]
    ignored: list[str]
    not_carried: list[NotCarried]


class DuplicateProject(Request):
    """A copy of a project.

    Attributes:
        name: 1-100 characters.
        content: ``all`` copies everything, ``skeleton`` everything except cards and documents.
    """

    name: Name
    content: CopiedContent = "all"


DUPLICATE_PROJECT = creates(
    "projects.duplicate",
    ProjectRef,
    "duplicate",
    summary="Copy a project of up to 5,000 cards, as an import of its export. The caller becomes a member.",
    takes=DuplicateProject,
    returns=ProjectImport,
    policy=PROJECT_DUPLICATE,
)
IMPORT_PROJECT = creates(
    "projects.import",
    WorkspaceRef,
    "projects/import",
    summary="Import a project from a JSON file, as projects.export writes it or shorter: all of it or nothing.",
    takes=ImportProject,
    returns=ProjectImport,
    policy=PROJECT_IMPORT,
)
