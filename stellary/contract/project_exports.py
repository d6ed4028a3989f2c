"""Project exports: a project as one file. Section Project Import & Export of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from stellary.contract.automations import AutomationSchedule
from stellary.contract.cards import CardStatus, Priority
from stellary.contract.custom_fields import FieldType
from stellary.contract.documents import DocType, DocumentStatus
from stellary.contract.endpoint import reads
from stellary.contract.policies import BOARD_READ
from stellary.contract.projects import EstimateUnit
from stellary.contract.recurrences import Creation
from stellary.contract.refs import ProjectRef
from stellary.contract.relations import SeenRelationType
from stellary.contract.roles import OthersRole, ProjectRole, Visibility
from stellary.contract.scopes import ScopeView, ViewType
from stellary.contract.wire import DatedItem, JsonObject, RecordedItem, Value

Format = Literal["stellary.project/1"]
FORMAT: Final[Format] = "stellary.project/1"


class FilePerson(Value):
    """A person mentioned in the file.

    Attributes:
        email: None for a person without access to the workspace.
    """

    name: str
    email: str | None


class FileMember(FilePerson):
    """A member of the project, with the role in it."""

    role: ProjectRole


class FileProject(Value):
    """The project itself.

    Attributes:
        last_number: The highest card number ever assigned. Numbers are never reused.
    """

    name: str
    description: str | None
    key: str
    archived: bool
    last_number: int
    member_role: OthersRole
    visibility: Visibility
    estimate_unit: EstimateUnit


class FileScope(Value):
    """A scope. Scopes are listed in order.

    Attributes:
        views: The views with stored settings.
    """

    id: str
    name: str
    description: str | None
    is_default: bool
    start_date: datetime | None
    due_date: datetime | None
    active_view: ViewType
    views: list[ScopeView]


class FileColumn(Value):
    """A column. The columns of a scope are listed in order."""

    id: str
    scope_id: str
    name: str
    card_status: CardStatus | None
    wip_limit: int | None


class FileLabel(Value):
    """A label."""

    id: str
    name: str
    color: str


class FileCustomField(Value):
    """A custom field."""

    id: str
    name: str
    type: FieldType
    options: list[str]
    required: bool


class FileChecklistItem(Value):
    """A checklist item of a card. Items are listed in order."""

    title: str
    done: bool


class FileComment(Value):
    """A comment. The oldest comment comes first.

    Attributes:
        author: The author; for a comment that was itself imported, the author named in that import.
    """

    author: FilePerson
    content: str
    created_at: datetime
    updated_at: datetime


class FileRelation(Value):
    """A relation of the card. A relation between two cards of the file is listed on only one of them.

    Attributes:
        target_card_id: A card of the file; None for a card of another project.
        target_key: The key of the target card, for display: ``OPS-3``.
    """

    type: SeenRelationType
    target_card_id: str | None
    target_key: str


class FileAttachment(RecordedItem):
    """The metadata of a file on the card. Download its content by ``id`` from the exporting server."""

    original_name: str
    mime_type: str
    size: int
    uploaded_by: FilePerson


class FileRecurrence(Value):
    """The recurrence of a card.

    Attributes:
        column_id: A column of the file, if it still exists.
        later: The fields of later cards that differ from this one, which no import reads.
    """

    rule: str
    time_zone: str
    create: Creation
    until: datetime | None
    count: int | None
    column_id: str
    later: JsonObject


class FileCard(Value):
    """A card. The unarchived cards of a column are listed in order.

    Attributes:
        assignee: The assignee's e-mail address.
        custom_fields: Values by the ids of the file's custom fields.
    """

    id: str
    number: int
    title: str
    description: str | None
    column_id: str
    status: CardStatus
    priority: Priority | None
    start_date: datetime | None
    due_date: datetime | None
    estimate: float | None
    archived: bool
    assignee: str | None
    label_ids: list[str]
    custom_fields: JsonObject
    checklist: list[FileChecklistItem]
    comments: list[FileComment]
    relations: list[FileRelation]
    attachments: list[FileAttachment]
    created_by: FilePerson
    created_at: datetime
    completed_at: datetime | None
    recurrence: FileRecurrence | None


class FileDocument(DatedItem):
    """A document of the project, or of one of its scopes.

    Attributes:
        scope_id: A scope of the file; None for a document of the project as a whole.
        parent_id: A document of the file; None if the document has no parent in it.
        status: The state of the review. Imported documents are drafts.
        content: A TipTap document.
    """

    title: str
    doc_type: DocType
    scope_id: str | None
    parent_id: str | None
    tags: list[str]
    status: DocumentStatus
    author: FilePerson
    content: dict[str, Any]
    comments: list[FileComment]


class FileAction(Value):
    """The action of a rule.

    Attributes:
        params: The action's parameters, with ids of the file and with people by e-mail address.
    """

    type: str
    params: dict[str, Any]


class FileAutomation(Value):
    """An automation rule of the project. Rules are listed in the order in which they run.

    Attributes:
        conditions: With ids of the file and with people by e-mail address. A person without access to the workspace is
            given by an id, which has no meaning elsewhere.
        action: The first of the actions.
        actions: All actions, in the order in which they run.
        schedule: With ids of the file, like the conditions.
        owner: The user with whose rights the rule ran. An imported rule runs with the rights of the importing user.
    """

    name: str
    trigger: str
    conditions: dict[str, Any]
    action: FileAction
    actions: list[FileAction]
    schedule: AutomationSchedule | None
    enabled: bool
    owner: FilePerson


class ProjectFile(Value):
    """A project as one file, in the format that ``projects.import`` accepts.

    Its ids are only meaningful inside the file.

    Attributes:
        columns: Ordered by scope, then by position.
        cards: Ordered by column, then by position; archived cards are last.
        members: The members of the project.
        documents: In order of creation.
        automations: In the order in which they run.
    """

    format: Format
    exported_at: datetime
    project: FileProject
    scopes: list[FileScope]
    columns: list[FileColumn]
    labels: list[FileLabel]
    custom_fields: list[FileCustomField]
    cards: list[FileCard]
    members: list[FileMember]
    documents: list[FileDocument]
    automations: list[FileAutomation]


EXPORT_PROJECT = reads(
    "projects.export",
    ProjectRef,
    "export",
    summary="Export a project as one JSON file: scopes, columns, cards, labels, custom fields, members, documents and automations.",
    returns=ProjectFile,
    policy=BOARD_READ,
)
