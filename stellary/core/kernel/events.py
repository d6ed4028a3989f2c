"""Events: frozen values named in the past tense, emitted by services and handled by ``reactions`` before the commit."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self, dataclass_transform

import attrs

from stellary.contract.activities import ActivityType, EntityKind
from stellary.contract.attachments import Attachment
from stellary.contract.cards import Card
from stellary.contract.comments import Comment, DocumentComment
from stellary.contract.documents import DocumentStatus, DocumentSummary
from stellary.contract.projects import Project, ProjectMember
from stellary.contract.relations import SeenRelationType
from stellary.contract.rich_text import Node
from stellary.contract.roles import ProjectRole
from stellary.contract.trash import TrashKind
from stellary.contract.wire import Value
from stellary.core.kernel.causes import Cause

RENAMED = {"CommentAdded": "CommentCreated"}
"""The former names of events, which are deprecated, and may stand in stored jobs."""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(attrs.field,))
@attrs.frozen(kw_only=True, slots=False)
class BaseEvent:
    """Something that has happened. It is undone if its transaction is rolled back. Subclasses only declare their fields.

    Attributes:
        cause: The automation that caused it; None if a caller did it directly.
    """

    cause: Cause | None = attrs.field(default=None, init=False, eq=False, repr=False)

    def __init_subclass__(cls) -> None:
        attrs.frozen(cls, kw_only=True, slots=False)

    def because(self, cause: Cause) -> Self:
        """Return a copy of the event with a cause."""
        event = copy.copy(self)
        object.__setattr__(event, "cause", cause)
        return event


class Event(BaseEvent):
    """Something that has happened in a workspace."""

    workspace_id: str


class TokensRevoked(BaseEvent):
    """A user has revoked every token that acts with the user's rights."""

    user_id: str


class AccountTakenOver(BaseEvent):
    """An account whose address was not verified was given to the owner of the address. Someone else may have set it up."""

    user_id: str


class AddressReleased(BaseEvent):
    """An account no longer has an e-mail address: it was deleted, or has another address.

    Attributes:
        name: The name of the account if it was deleted, since others may use its name too from then on; otherwise None.
    """

    user_id: str
    email: str
    name: str | None = None


class RightsLost(Event):
    """A user has lost rights in a workspace. ``successor_id`` takes over the user's automations, agents and webhooks."""

    user_id: str
    successor_id: str


class WorkspaceLeft(RightsLost):
    """A user no longer belongs to a workspace, or no longer has access to it."""


class MemberDeactivated(WorkspaceLeft):
    """A user with access to a workspace was deactivated. Memberships and assignments stay, without any rights."""


class AdminRightsLost(RightsLost):
    """A user is no longer an admin of a workspace, but still has access to it."""


class BecameGuest(AdminRightsLost):
    """A member or admin of a workspace is a guest of it now."""


class ProjectEvent(Event):
    """Something that has happened in a project."""

    project_id: str


class ProjectCreated(ProjectEvent):
    """A project was created."""

    project: Project


class ProjectUpdated(ProjectEvent):
    """Fields of a project were changed: ``changed`` lists them by their wire names."""

    before: Project
    project: Project
    changed: tuple[str, ...]


class ItemChanged(Event):
    """An item of one of the ``ITEM_CLASSES`` was created, updated or deleted.

    Attributes:
        type: The type of the activity.
        kind, item_id, name: The kind, the id and the name of the item.
        project_id: The project that it belongs to; None if there is none.
        before, after: Its state before and after the change; None if it was created, or deleted.
        meta: Further details of the activity.
    """

    type: ActivityType
    kind: EntityKind
    item_id: str
    name: str
    project_id: str | None
    before: Value | None
    after: Value | None
    meta: Mapping[str, object]


class OrganizationItemChanged(BaseEvent):
    """An organization, one of its members or one of its workspaces was created, updated or deleted, with the attributes of ``ItemChanged``."""

    organization_id: str
    type: ActivityType
    kind: EntityKind
    item_id: str
    name: str
    before: Value | None
    after: Value | None
    meta: Mapping[str, object]


class WorkspacesRestored(BaseEvent):
    """Deleted workspaces were restored, alone or with their organization."""

    workspace_ids: tuple[str, ...]


class CardEvent(ProjectEvent):
    """Something that has happened to a card; ``card`` is its state afterwards, or its last one."""

    card: Card


class CardCreated(CardEvent):
    """A card was created: ``column`` is the name of its column."""

    column: str = ""


class TriggerFired(CardEvent):
    """The host has fired a trigger of its own for a card: ``trigger`` is its name, ``data`` the values of its fields."""

    trigger: str
    data: Mapping[str, object]


class CardUpdated(CardEvent):
    """Fields of a card were changed: ``changed`` lists them by their wire names."""

    before: Card
    changed: tuple[str, ...]


class CardMoved(CardEvent):
    """A card was moved to another column; a new position in the same column is not a move."""

    before: Card
    from_column: str
    to_column: str


class CardReturned(CardMoved):
    """A card was moved back to a column that was restored from the trash. Rules do not react, and no one is notified."""


class CardTransferred(CardMoved):
    """A card has entered another project; ``project_id`` is that project, and ``before`` has the one that it has left."""


class CardTransferredOut(ProjectEvent):
    """A card has left the project for another one, which readers of this event may not see; ``card`` is its last state."""

    card: Card


class CardArchived(CardEvent):
    """A card was archived."""

    before: Card


class CardAssigned(CardEvent):
    """The assignee of a card was changed or removed."""

    before: Card


class CardUnassigned(CardAssigned):
    """The assignee of a card has left the workspace, or was an agent that was deleted. No one is notified."""


class CardDeleted(CardEvent):
    """A card was deleted: ``commenter_ids`` had commented on it, which can no longer be looked up."""

    commenter_ids: tuple[str, ...] = ()


class ChecklistCompleted(CardEvent):
    """The last open item of a card's checklist was done."""


class CardDue(CardEvent):
    """The due date of a card was reached."""


class CommentCreated(CardEvent):
    """A comment was posted."""

    comment: Comment


class CommentUpdated(CardEvent):
    """The text of a comment was changed: ``before`` is the old text."""

    comment: Comment
    before: str


class CommentDeleted(CardEvent):
    """A comment was deleted."""

    comment_id: str
    author_id: str


class NoticeGiven(CardEvent):
    """The users ``user_ids`` were notified about a card, maybe by a reminder."""

    message: str
    user_ids: tuple[str, ...]
    is_reminder: bool = False


class ItemNoticeGiven(Event):
    """The users ``user_ids`` were notified about an item of the project or of none, which may name items of some projects."""

    kind: EntityKind
    item_id: str
    name: str
    project_id: str | None
    message: str
    user_ids: tuple[str, ...]
    named_projects: tuple[str, ...] | None = None


class AttachmentAdded(CardEvent):
    """A file was attached to a card."""

    attachment: Attachment


class AttachmentRemoved(CardEvent):
    """A file was removed from a card."""

    attachment: Attachment


class RelationAdded(CardEvent):
    """A relation between two cards was created. Both get the event, each with its own point of view."""

    type: SeenRelationType
    other: Card
    relation_id: str


class RelationRemoved(CardEvent):
    """A relation between two cards was removed. Both get the event."""

    type: SeenRelationType
    other: Card
    relation_id: str


class ProjectMemberAdded(ProjectEvent):
    """A user joined a project."""

    user_id: str
    member: ProjectMember


class ProjectMemberRemoved(ProjectEvent):
    """A user was removed from a project, or left it."""

    user_id: str


class InvitationAccepted(ProjectEvent):
    """A user has accepted an invitation to a workspace that leads into a project, with a role there."""

    user_id: str
    role: ProjectRole


class ProjectMemberLeft(ProjectMemberRemoved):
    """A member of a project has left the workspace. No one is notified."""


class ProjectImported(ProjectEvent):
    """A project was imported, with one event for all its contents.

    Attributes:
        user_ids: The ids of its members and assignees.
        column_cards: The columns: ``id``, ``name``, and the number of unarchived cards, ``cards``.
        key: The key of the project.
        indexed_key: The key in the search entries of its cards, which were written before the project had its key.
    """

    name: str
    columns: int
    cards: int
    user_ids: tuple[str, ...]
    column_cards: tuple[Mapping[str, str | int], ...] = ()
    key: str = ""
    indexed_key: str = ""


class CardsImported(ProjectEvent):
    """Cards were imported, which readers find once all are: their project is expected to get the key ``project_key``."""

    project_key: str
    cards: tuple[Card, ...]
    comments: tuple[Comment, ...]


class PilotageChanged(Event):
    """Something that has happened in the pilotage of a workspace.

    Attributes:
        type: The type of the activity.
        thing_id, title: The item that was changed.
        before, after: Its state before and after the change; None if it was created, or deleted.
        changed: The changed fields, by their wire names.
        concerned_id: The user to notify, besides the one who made the change.
    """

    type: ActivityType
    thing_id: str
    title: str
    before: Value | None
    after: Value | None
    changed: tuple[str, ...] = ()
    concerned_id: str | None = None


class DocumentEvent(Event):
    """Something that has happened to a document; ``document`` is its state afterwards, or its last one.

    Attributes:
        project_id: The project that the document belongs to; None for a document of a workspace or an organization.
        old, new: The recorded fields before and after the change; None if the document was created, or deleted.
        texts: The plain texts of the content before and after the change; empty unless the change has written it.
    """

    project_id: str | None
    document: DocumentSummary
    old: Value | None = attrs.field(default=None, repr=False)
    new: Value | None = attrs.field(default=None, repr=False)
    texts: tuple[str, str] = attrs.field(default=("", ""), repr=False)


class DocumentCreated(DocumentEvent):
    """A document was created."""


class DocumentUpdated(DocumentEvent):
    """A document was changed: ``changed`` lists the fields by their wire names, and ``before`` is the previous status.

    If the status differs, a pending review was withdrawn.
    """

    changed: tuple[str, ...]
    before: DocumentStatus


class DocumentRevised(DocumentUpdated):
    """A document was saved again within ten minutes by the same user; the change is added to the record of the first."""


class DocumentTransferred(DocumentUpdated):
    """A document has entered another project or workspace; ``old`` has the one that it has left."""


class DocumentTransferredOut(DocumentEvent):
    """A document has left the project or workspace of this event for another ``place``: a workspace and maybe a project."""

    place: tuple[str, str | None]


class DocumentWritten(Event):
    """The content or the context of a document was changed. Emitted for each change, unlike ``DocumentUpdated``.

    Attributes:
        is_moved: Whether it has another context than before.
        organization_id: The organization whose workspaces all show it; None if only its own workspace does.
        content: The content as TipTap JSON.
        comments: The comments that were imported with it.
    """

    document_id: str
    is_new: bool
    project_id: str | None
    organization_id: str | None
    title: str
    tags: list[str]
    content: Node
    is_moved: bool = False
    comments: Sequence[DocumentComment] = ()


class DocumentDeleted(DocumentEvent):
    """A document was deleted."""


class DocumentSubmitted(DocumentEvent):
    """A document was submitted for review."""

    number: int


class DocumentReviewed(DocumentEvent):
    """A document was reviewed: ``number`` is the version, and ``submitted_by_id`` the user who submitted it."""

    number: int
    submitted_by_id: str


class DocumentApproved(DocumentReviewed):
    """A document was approved."""


class ChangesRequested(DocumentReviewed):
    """Changes of a document were requested."""


class DocumentCommentEvent(DocumentEvent):
    """Something that has happened to a comment on a document; ``comment`` is its state afterwards, or its last one."""

    comment: DocumentComment


class DocumentCommentCreated(DocumentCommentEvent):
    """A comment was posted on a document."""


class DocumentCommentUpdated(DocumentCommentEvent):
    """The text of a comment on a document was changed: ``before`` is the old text."""

    before: str


class DocumentCommentDeleted(DocumentCommentEvent):
    """A comment on a document was deleted."""


class TrashEvent(Event):
    """Something that has happened to an item in the trash, whose entry was ``trash_id``, in a project or in none."""

    trash_id: str
    kind: TrashKind
    item_id: str
    name: str
    key: str | None
    project_id: str | None


class ItemPurged(TrashEvent):
    """A person has deleted an item in the trash for good, before its time was over."""


class ItemRestored(TrashEvent):
    """A deleted item was restored from the trash, with all that was deleted with it.

    Attributes:
        new_name: Its new name, or the new key of a project; None if it has the former one.
        card: The card that it is, or belongs to; None if there is none.
        item: Its state, unless it is a card or belongs to one; otherwise None.
    """

    new_name: str | None = None
    card: Card | None = None
    item: Value | None = None
    meta: Mapping[str, object] = attrs.field(factory=dict)


class ContentRestored(ItemRestored):
    """A column or a card was restored with the scope that contained it."""


class ActivitiesRecorded(Event):
    """Activities were recorded: ``rows`` are their columns by name; their cards and comments are those after the changes."""

    rows: tuple[Mapping[str, Any], ...]
    cards: Mapping[str, Card] = attrs.field(factory=dict, repr=False)
    comments: Mapping[str, Comment | DocumentComment] = attrs.field(factory=dict, repr=False)


def __getattr__(name: str) -> type[BaseEvent]:
    if name not in RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"{name} is called {RENAMED[name]} now", DeprecationWarning, stacklevel=2)
    renamed: type[BaseEvent] = globals()[RENAMED[name]]
    return renamed
