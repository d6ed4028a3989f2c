"""Project exports: a project as one file. Section Project Import & Export of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from stellary.contract.automations import Trigger
from stellary.contract.cards import CardStatus, Priority
from stellary.contract.custom_fields import FieldType
from stellary.contract.documents import DocType, DocumentStatus
from stellary.contract.endpoint import reads
from stellary.contract.policies import BOARD_READ
from stellary.contract.refs import ProjectRef
from stellary.contract.relations import SeenRelationType
from stellary.contract.scopes import ScopeView, ViewType
from stellary.contract.wire import Value, value

Format = Literal["stellary.project/1"]
FORMAT: Final[Format] = "stellary.project/1"


@value
class FilePerson(Value):
    """Somebody, for whoever reads the file elsewhere.

    Attributes:
        email: None for somebody who does not, or no longer, reach the workspace.
    """

    name: str
    email: str | None


@value
class FileProject(Value):
    """The project itself.

    Attributes:
        last_number: Of the newest card that it ever had: no number is given twice.
    """

    name: str
    description: str | None
    key: str
    archived: bool
    last_number: int


@value
class FileScope(Value):
    """A work package; they stand in their order.

    Attributes:
        views: Those of which something is remembered.
    """

    id: str
    name: str
    description: str | None
    is_default: bool
    start_date: datetime | None
    due_date: datetime | None
    active_view: ViewType
    views: list[ScopeView]


@value
class FileColumn(Value):
    """A column; those of a scope stand in their order."""

    id: str
    scope_id: str
    name: str
    card_status: CardStatus | None
    wip_limit: int | None


@value
class FileLabel(Value):
    """A label."""

    id: str
    name: str
    color: str


@value
class FileCustomField(Value):
    """A custom field."""

    id: str
    name: str
    type: FieldType
    options: list[str]
    required: bool


@value
class FileChecklistItem(Value):
    """A step of a card; they stand in their order."""

    title: str
    done: bool


@value
class FileComment(Value):
    """A comment; the oldest comes first.

    Attributes:
        author: Whose words they are; of a comment that was imported itself, whom that import named.
    """

    author: FilePerson
    content: str
    created_at: datetime
    updated_at: datetime


@value
class FileRelation(Value):
    """How the card belongs together with another one. What two cards of the file have stands with one of them.

    Attributes:
        target_card_id: A card of the file; None for one of another project.
        target_key: ``OPS-3``, for a person to read.
    """

    type: SeenRelationType
    target_card_id: str | None
    target_key: str


@value
class FileAttachment(Value):
    """A file on the card, but for its bytes: those are downloaded by its ``id``, from where it was exported."""

    id: str
    original_name: str
    mime_type: str
    size: int
    uploaded_by: FilePerson
    created_at: datetime


@value
class FileCard(Value):
    """A card. Those of a column that are not archived stand in their order.

    Attributes:
        assignee: By e-mail address.
        custom_fields: By the ids of the file's custom fields.
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
    archived: bool
    assignee: str | None
    label_ids: list[str]
    custom_fields: dict[str, Any]
    checklist: list[FileChecklistItem]
    comments: list[FileComment]
    relations: list[FileRelation]
    attachments: list[FileAttachment]
    created_by: FilePerson
    created_at: datetime
    completed_at: datetime | None


@value
class FileDocument(Value):
    """A document of the project, or of one of its scopes.

    Attributes:
        scope_id: A scope of the file; None for one of the project as a whole.
        parent_id: A document of the file; None for one that stands below none of these.
        status: Where its review was; an import makes drafts.
        content: A TipTap document.
    """

    id: str
    title: str
    doc_type: DocType
    scope_id: str | None
    parent_id: str | None
    tags: list[str]
    status: DocumentStatus
    author: FilePerson
    content: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@value
class FileAction(Value):
    """What a rule does.

    Attributes:
        params: As the action takes them, with the ids of the file, and people by e-mail address.
    """

    type: str
    params: dict[str, Any]


@value
class FileAutomation(Value):
    """A rule of the project; they act in their order.

    Attributes:
        conditions: With the ids of the file, and people by e-mail address; of those who do not reach the workspace, the
            id stays, which means nothing elsewhere.
        owner: On whose behalf it acted; an imported one acts for whoever imports it.
    """

    name: str
    trigger: Trigger
    conditions: dict[str, Any]
    action: FileAction
    enabled: bool
    owner: FilePerson


@value
class ProjectFile(Value):
    """A project as one file, which ``projects.import`` takes. Its ids mean nothing outside of it.

    Attributes:
        columns: By scope and then by place.
        cards: By column and then by place, the archived ones last.
        members: The project's.
        documents: In the order in which they were made.
        automations: In the order in which they act.
    """

    format: Format
    exported_at: datetime
    project: FileProject
    scopes: list[FileScope]
    columns: list[FileColumn]
    labels: list[FileLabel]
    custom_fields: list[FileCustomField]
    cards: list[FileCard]
    members: list[FilePerson]
    documents: list[FileDocument]
    automations: list[FileAutomation]


EXPORT_PROJECT = reads(
    "projects.export",
    ProjectRef,
    "export",
    summary="The whole project as one file: scopes, columns, cards with all that is on them, labels, fields, members, documents, rules.",
    returns=ProjectFile,
    policy=BOARD_READ,
)

ENDPOINTS = (EXPORT_PROJECT,)
