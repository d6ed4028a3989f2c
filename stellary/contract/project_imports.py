"""Project imports: a project made of a file. Section Project Import & Export of the API reference."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from stellary.contract.automations import RULES_MAX, ActionToRun, Trigger
from stellary.contract.cards import CardStatus, Priority, Title
from stellary.contract.cards import Description as CardDescription
from stellary.contract.checklists import CHECKLIST_MAX, AddChecklistItem
from stellary.contract.columns import WipLimit
from stellary.contract.comments import CommentText
from stellary.contract.custom_fields import FIELDS_MAX, CreateCustomField
from stellary.contract.documents import DocType, DocumentStatus, DocumentTitle, Tags
from stellary.contract.endpoint import creates
from stellary.contract.labels import CreateLabel
from stellary.contract.limits import EmailAddress, Items, Length, Name, Place, Range
from stellary.contract.policies import PROJECT_IMPORT
from stellary.contract.project_exports import Format
from stellary.contract.projects import Description, Project, ProjectKey
from stellary.contract.refs import WorkspaceRef
from stellary.contract.relations import SeenRelationType
from stellary.contract.rich_text import TipTap
from stellary.contract.scopes import VIEW_TYPES, ScopeDescription, ViewType
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

FILE_MAX = 32 * 1024 * 1024
"""Bytes of a project's JSON: 500 cards with long descriptions and many comments, in scripts whose letters take three."""
COLUMNS_MAX = 50
CARDS_MAX = 500
SCOPES_MAX = 100
LABELS_MAX = 1_000
MEMBERS_MAX = 5_000
DOCUMENTS_MAX = 1_000
BELOW_CARD_MAX = 5_000
"""Of a card's comments, relations and files."""
IN_ALL_MAX = 20_000
"""Of the comments of all cards together, and of their relations."""

FileId = Annotated[str, Length(1, 100)]
"""What something is called within the file, for the rest of it to refer to."""

Number = Annotated[int, Range(1, 2_000_000_000)]


@request
class ImportedPerson(Request):
    """Somebody, as the file knows them."""

    tolerant: ClassVar[bool] = True

    name: Name | Unset = UNSET
    email: EmailAddress | Unset | None = UNSET


@request
class ImportedMember(ImportedPerson):
    """A member of the project, who becomes one here if the e-mail address is that of somebody of the workspace."""


@request
class ImportedProject(Request):
    """The project itself.

    Attributes:
        name: 1-100 characters.
        description: At most 5000 characters.
        key: Kept if no other project of the workspace has it, else one is made of the name.
        archived: Whether it shall be put away.
        last_number: No card made later has this number, or a lower one.
    """

    tolerant: ClassVar[bool] = True

    name: Name
    description: Description | Unset | None = UNSET
    key: ProjectKey | Unset = UNSET
    archived: bool = False
    last_number: Annotated[int, Range(0, 2_000_000_000)] = 0


@request
class ImportedView(Request):
    """What is remembered of a view of a scope: 50 settings at most, and 10 000 bytes of JSON."""

    tolerant: ClassVar[bool] = True

    type: ViewType
    settings: dict[str, Any]


@request
class ImportedScope(Request):
    """A work package, after those before it.

    Attributes:
        id: What the file's columns call it.
        is_default: Of one of them; the first one if of none.
    """

    tolerant: ClassVar[bool] = True

    name: Name
    id: FileId | Unset = UNSET
    description: ScopeDescription | Unset | None = UNSET
    is_default: bool = False
    start_date: date | Unset | None = UNSET
    due_date: date | Unset | None = UNSET
    active_view: ViewType = "kanban"
    views: Annotated[list[ImportedView], Items(0, len(VIEW_TYPES))] | Unset = UNSET


@request
class ImportedColumn(Request):
    """A column, after those of its scope before it.

    Attributes:
        id: What the file's cards call it.
        scope_id: A scope of the file; the default one if not given.
        wip_limit: A column that holds more keeps them.
    """

    tolerant: ClassVar[bool] = True

    name: Name
    id: FileId | Unset = UNSET
    scope_id: FileId | Unset = UNSET
    card_status: CardStatus | Unset | None = UNSET
    wip_limit: WipLimit | Unset | None = UNSET


@request
class ImportedLabel(CreateLabel):
    """A label.

    Attributes:
        id: What the file's cards call it.
    """

    tolerant: ClassVar[bool] = True

    id: FileId | Unset = UNSET


@request
class ImportedCustomField(CreateCustomField):
    """A custom field.

    Attributes:
        id: What the file's cards call it.
    """

    tolerant: ClassVar[bool] = True

    id: FileId | Unset = UNSET


@request
class ImportedChecklistItem(AddChecklistItem):
    """A step of a card."""

    tolerant: ClassVar[bool] = True


@request
class ImportedComment(Request):
    """A comment, after those before it.

    Attributes:
        author: Whose words they are; whoever imports if not given.
        created_at, updated_at: The moment of the import if not given; what is still to come becomes that too.
    """

    tolerant: ClassVar[bool] = True

    content: CommentText
    author: ImportedPerson | Unset = UNSET
    created_at: date | Unset = UNSET
    updated_at: date | Unset = UNSET


@request
class ImportedRelation(Request):
    """How the card belongs together with another one.

    Attributes:
        type: Read as a sentence: this card ``blocks`` that one. What it says from one end is not said again from the
            other.
        target_card_id: A card of the file. None for one that is not in it: that relation is not carried over.
        target_key: What that one is called, to be told.
    """

    tolerant: ClassVar[bool] = True

    type: SeenRelationType
    target_card_id: FileId | None
    target_key: Annotated[str, Length(0, 100)] | Unset = UNSET


@request
class ImportedAttachment(Request):
    """A file on the card. Its bytes are not in this file, so that it is not carried over, but told."""

    tolerant: ClassVar[bool] = True

    original_name: Annotated[str, Length(0, 255)]
    id: FileId | Unset = UNSET
    mime_type: Annotated[str, Length(0, 255)] | Unset = UNSET
    size: Annotated[int, Range(0, 2**53)] | Unset = UNSET
    uploaded_by: ImportedPerson | Unset = UNSET
    created_at: date | Unset = UNSET


@request
class ImportedCard(Request):
    """A card. Those of a column that are not archived stand in it in their order here.

    Attributes:
        title: 1-500 characters.
        column_index: Its column, counted from 0 in ``columns``; or ``column_id`` says which, one of the two.
        column_id: Its column, by the id that it has in the file.
        description: At most 5000 characters.
        id: What the file's relations call it.
        number: Kept; the next free one if not given.
        status: That of the column if not given, else ``open``.
        assignee: By e-mail address. Who is nobody of the workspace is assigned nothing, and told.
        label_ids: By the ids that they have in the file.
        custom_fields: Values by the ids that the custom fields have in the file.
        created_by: Told, not kept: whoever imports has made the cards here.
        created_at: The moment of the import if not given; what is still to come becomes that too.
        completed_at: Of a card that is ``done``, no earlier than ``created_at``; the moment of the import if not given.
    """

    tolerant: ClassVar[bool] = True

    title: Title
    column_index: Place | Unset = UNSET
    priority: Priority | Unset | None = UNSET
    description: CardDescription | Unset | None = UNSET
    column_id: FileId | Unset = UNSET
    id: FileId | Unset = UNSET
    number: Number | Unset = UNSET
    status: CardStatus | Unset = UNSET
    start_date: date | Unset | None = UNSET
    due_date: date | Unset | None = UNSET
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


@request
class ImportedDocument(Request):
    """A document, as a draft of whoever imports it.

    Attributes:
        id: What other documents of the file call it.
        scope_id: A scope of the file; the project as a whole if not given.
        parent_id: A document of the file, below which it stands.
        status: Where its review was: nothing is kept of that, since it was not made here.
        content: A TipTap document.
    """

    tolerant: ClassVar[bool] = True

    title: DocumentTitle
    id: FileId | Unset = UNSET
    doc_type: DocType = "document"
    scope_id: FileId | Unset | None = UNSET
    parent_id: FileId | Unset | None = UNSET
    tags: Tags | Unset = UNSET
    status: DocumentStatus = "draft"
    author: ImportedPerson | Unset = UNSET
    content: TipTap | Unset = UNSET
    created_at: date | Unset = UNSET
    updated_at: date | Unset = UNSET


@request
class ImportedAction(ActionToRun):
    """What a rule does."""

    tolerant: ClassVar[bool] = True


@request
class ImportedAutomation(Request):
    """A rule, which acts on behalf of whoever imports it, after those before it.

    Attributes:
        name: Made of the trigger and the action if not given.
        conditions: With the ids of the file. A rule that names what is not here is turned off, and told.
        owner: On whose behalf it acted; told, not kept.
    """

    tolerant: ClassVar[bool] = True

    trigger: Trigger
    action: ImportedAction
    name: Name | Unset = UNSET
    conditions: dict[str, Any] | Unset | None = UNSET
    enabled: bool = True
    owner: ImportedPerson | Unset = UNSET


@request
class ImportProject(Request):
    """A project to be: what ``projects.export`` gives, or as much of it as there is to say.

    What is not known is left aside and named in the answer; everything else has to be right, or nothing is made.

    Attributes:
        project: At least its ``name``.
        columns: 50 at most, in their order.
        cards: 500 at most, archived ones included.
        format: ``stellary.project/1``.
        scopes: 100 at most, in their order; one, which is the default, if not given.
        labels: 1000 at most.
        custom_fields: 100 at most.
        members: By e-mail address. Who is nobody of the workspace is not let in, and told.
        documents: 1000 at most; they become drafts.
        automations: 100 at most. A token needs all scopes for them; without, they are not carried over, and told.
        exported_at: When it was made; it changes nothing.
    """

    tolerant: ClassVar[bool] = True

    project: ImportedProject
    columns: Annotated[list[ImportedColumn], Items(0, COLUMNS_MAX)] | Unset = UNSET
    cards: Annotated[list[ImportedCard], Items(0, CARDS_MAX)] | Unset = UNSET
    format: Format | Unset = UNSET
    scopes: Annotated[list[ImportedScope], Items(1, SCOPES_MAX)] | Unset = UNSET
    labels: Annotated[list[ImportedLabel], Items(0, LABELS_MAX)] | Unset = UNSET
    custom_fields: Annotated[list[ImportedCustomField], Items(0, FIELDS_MAX)] | Unset = UNSET
    members: Annotated[list[ImportedMember], Items(0, MEMBERS_MAX)] | Unset = UNSET
    documents: Annotated[list[ImportedDocument], Items(0, DOCUMENTS_MAX)] | Unset = UNSET
    automations: Annotated[list[ImportedAutomation], Items(0, RULES_MAX)] | Unset = UNSET
    exported_at: date | Unset = UNSET


NotCarriedKind = Literal[
    "assignee", "attachment", "automation", "creator", "key", "member", "relation", "review"
]


@value
class NotCarried(Value):
    """Something of the file that the project does not have.

    Attributes:
        path: Where it stands in the file: ``cards[3].attachments[0]``; of what stands in many places, ``cards[].assignee``.
        name: What it is called.
        count: In how many places it stands.
        reason: Why not, in a sentence.
    """

    kind: NotCarriedKind
    path: str
    name: str
    count: int
    reason: str


@value
class ProjectImport(Project):
    """The project that was made, and what became of the file.

    Attributes:
        column_ids: The ids of its columns, in the file's order.
        card_ids: The ids of its cards, in the file's order.
        ignored: Fields of the file that are not known, each once: ``cards[].cover``.
        not_carried: What is known and could not be kept.
    """

    column_ids: list[str]
    card_ids: list[str]
    ignored: list[str]
    not_carried: list[NotCarried]


IMPORT_PROJECT = creates(
    "projects.import",
    WorkspaceRef,
    "projects/import",
    summary="Make a project of a file, as projects.export gives it or shorter: all of it or nothing.",
    takes=ImportProject,
    returns=ProjectImport,
    policy=PROJECT_IMPORT,
)

ENDPOINTS = (IMPORT_PROJECT,)
