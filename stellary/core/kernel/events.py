"""What can happen: frozen values in the past tense, raised by services, settled by ``reactions`` before the commit."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Self

import attrs

from stellary.contract.activities import ActivityType
from stellary.contract.attachments import Attachment
from stellary.contract.cards import Card
from stellary.contract.comments import Comment
from stellary.contract.documents import DocumentStatus, DocumentSummary
from stellary.contract.projects import Project
from stellary.contract.relations import SeenRelationType


@attrs.define
class Chain:
    """What one event has led to, across all rules.

    Attributes:
        actions: How many have been run.
    """

    id: str
    actions: int = 0


@attrs.frozen
class Cause:
    """Why something has happened that nobody did by hand.

    Attributes:
        user_id: On whose behalf a rule did it.
        depth: How many rules led to each other.
    """

    chain: Chain
    user_id: str
    depth: int


@attrs.frozen(kw_only=True)
class BaseEvent:
    """Something that has happened; it is undone with the transaction in which it happened.

    Attributes:
        cause: What led to it; None if somebody did it by hand.
    """

    cause: Cause | None = attrs.field(default=None, init=False, eq=False, repr=False)

    def because(self, cause: Cause) -> Self:
        """The same, and what led to it."""
        made = copy.copy(self)
        object.__setattr__(made, "cause", cause)
        return made


@attrs.frozen(kw_only=True)
class Event(BaseEvent):
    """Something that has happened in a workspace."""

    workspace_id: str


@attrs.frozen(kw_only=True)
class TokensRevoked(BaseEvent):
    """A user has revoked every token that acts within the user's rights."""

    user_id: str


@attrs.frozen(kw_only=True)
class WorkspaceLeft(Event):
    """Somebody no longer belongs to a workspace, or no longer reaches it.

    Attributes:
        successor_id: The admin who takes over what serves the workspace.
    """

    user_id: str
    successor_id: str


@attrs.frozen(kw_only=True)
class AdminRightsLost(Event):
    """Somebody is no longer an admin of a workspace, but still reaches it.

    Attributes:
        successor_id: The admin who takes over what serves the workspace.
    """

    user_id: str
    successor_id: str


@attrs.frozen(kw_only=True)
class ProjectEvent(Event):
    """Something that has happened in a project."""

    project_id: str


@attrs.frozen(kw_only=True)
class ProjectCreated(ProjectEvent):
    """A project was made."""

    project: Project


@attrs.frozen(kw_only=True)
class ProjectUpdated(ProjectEvent):
    """Fields of a project were changed: ``changed`` lists them by their wire names."""

    project: Project
    changed: tuple[str, ...]


@attrs.frozen(kw_only=True)
class CardEvent(ProjectEvent):
    """Something that has happened to a card; ``card`` is as it is after that, or was last."""

    card: Card


@attrs.frozen(kw_only=True)
class CardCreated(CardEvent):
    """A card was made."""


@attrs.frozen(kw_only=True)
class CardUpdated(CardEvent):
    """Fields of a card were changed: ``changed`` lists them by their wire names."""

    before: Card
    changed: tuple[str, ...]


@attrs.frozen(kw_only=True)
class CardMoved(CardEvent):
    """A card went to another column; a new place in the same column is no move."""

    before: Card
    from_column: str
    to_column: str


@attrs.frozen(kw_only=True)
class CardArchived(CardEvent):
    """A card was archived."""


@attrs.frozen(kw_only=True)
class CardAssigned(CardEvent):
    """A card was given to somebody else, or to nobody."""

    before: Card


@attrs.frozen(kw_only=True)
class CardDeleted(CardEvent):
    """A card was deleted for good: ``commenter_ids`` had commented on it, which nobody can look up any more."""

    commenter_ids: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class ChecklistCompleted(CardEvent):
    """The last open item of a card's checklist was done."""


@attrs.frozen(kw_only=True)
class CardDue(CardEvent):
    """The moment has come at which a card is due."""


@attrs.frozen(kw_only=True)
class CommentAdded(CardEvent):
    """A comment was posted."""

    comment: Comment


@attrs.frozen(kw_only=True)
class CommentUpdated(CardEvent):
    """A comment says something else: ``before`` is what it said."""

    comment: Comment
    before: str


@attrs.frozen(kw_only=True)
class CommentDeleted(CardEvent):
    """A comment was deleted."""

    comment_id: str
    author_id: str


@attrs.frozen(kw_only=True)
class NoticeGiven(CardEvent):
    """People were told something about a card: ``user_ids`` are theirs."""

    message: str
    user_ids: tuple[str, ...]


@attrs.frozen(kw_only=True)
class AttachmentAdded(CardEvent):
    """A file was put on a card."""

    attachment: Attachment


@attrs.frozen(kw_only=True)
class AttachmentRemoved(CardEvent):
    """A file was taken off a card."""

    attachment: Attachment


@attrs.frozen(kw_only=True)
class RelationAdded(CardEvent):
    """A card was related to another one; it happens to both, and each sees it from its own end."""

    type: SeenRelationType
    other: Card


@attrs.frozen(kw_only=True)
class RelationRemoved(CardEvent):
    """A card is related to another one no longer; it happens to both."""

    type: SeenRelationType
    other: Card


@attrs.frozen(kw_only=True)
class ProjectMemberAdded(ProjectEvent):
    """Somebody joined a project."""

    user_id: str


@attrs.frozen(kw_only=True)
class ProjectMemberRemoved(ProjectEvent):
    """Somebody was removed from a project, or left it."""

    user_id: str


@attrs.frozen(kw_only=True)
class ProjectImported(ProjectEvent):
    """A project was made of a file, told once for all of it: ``user_ids`` have cards in it or belong to it."""

    name: str
    columns: int
    cards: int
    user_ids: tuple[str, ...]


@attrs.frozen(kw_only=True)
class PilotageChanged(Event):
    """Something has happened in the pilotage of a workspace.

    Attributes:
        type: What, as the activity tells it.
        thing_id, title: To what.
        changed: The fields that were changed, by their wire names.
        concerned_id: Whom it concerns beside who did it.
    """

    type: ActivityType
    thing_id: str
    title: str
    changed: tuple[str, ...] = ()
    concerned_id: str | None = None


@attrs.frozen(kw_only=True)
class DocumentEvent(Event):
    """Something that has happened to a document; ``document`` is as it is after that, or was last.

    Attributes:
        project_id: That to which the document belongs; None for one of a workspace or an organization.
    """

    project_id: str | None
    document: DocumentSummary


@attrs.frozen(kw_only=True)
class DocumentCreated(DocumentEvent):
    """A document was made."""


@attrs.frozen(kw_only=True)
class DocumentUpdated(DocumentEvent):
    """A document was changed: ``changed`` lists the fields by their wire names.

    Attributes:
        before: The status that it had; another one means that a review has come to nothing.
    """

    changed: tuple[str, ...]
    before: DocumentStatus


@attrs.frozen(kw_only=True)
class DocumentWritten(Event):
    """A document says something else, or for somewhere else: each time, and not once in a while as it is told to people.

    Attributes:
        organization_id: In all of whose workspaces it is read; None if only in its own.
        content: As TipTap has it.
    """

    document_id: str
    is_new: bool
    project_id: str | None
    organization_id: str | None
    title: str
    tags: list[str]
    content: dict[str, Any]


@attrs.frozen(kw_only=True)
class DocumentDeleted(DocumentEvent):
    """A document was deleted for good."""


@attrs.frozen(kw_only=True)
class DocumentSubmitted(DocumentEvent):
    """A document waits for its review."""

    number: int


@attrs.frozen(kw_only=True)
class DocumentReviewed(DocumentEvent):
    """A document was reviewed: which of its versions, and who had submitted that."""

    number: int
    submitted_by_id: str


@attrs.frozen(kw_only=True)
class DocumentApproved(DocumentReviewed):
    """A document was approved."""


@attrs.frozen(kw_only=True)
class ChangesRequested(DocumentReviewed):
    """Changes of a document were requested."""


@attrs.frozen(kw_only=True)
class ActivitiesRecorded(Event):
    """What has happened was recorded: ``rows`` are the activities, by the names of their fields."""

    rows: tuple[Mapping[str, Any], ...]
