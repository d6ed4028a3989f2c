"""Refs: the typed addresses of things. What stands before a path (``/…/`` in the reference) is decided here alone.

A ref holds the parts of a URL that name a thing; ``template`` is its published path, ``alias`` a second path under
which the same thing is served. A thing of a project that has a flat path is also served below its project.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import quote

import attrs

from stellary.contract.errors import Invalid
from stellary.contract.limits import ID_PATTERN, SLUG_PATTERN
from stellary.contract.naming import snake

R = TypeVar("R", bound="Ref")
_ORGANIZATION = "/organizations/:orgSlug"
_WORKSPACE = "/orgs/:orgSlug/workspaces/:wsSlug"
_PROJECT = _WORKSPACE + "/projects/:projectId"
_PILOTAGE = _WORKSPACE + "/pilotage"
_NOWHERE = ""


@attrs.frozen
class Ref:
    """The root: nothing stands before the path."""

    template: ClassVar[str] = ""
    alias: ClassVar[str | None] = None

    def path(self) -> str:
        """The published path, each part quoted.

        Raises:
            Invalid: A part is empty, ``.`` or ``..``, which would lead to another place, or cannot stand in a URL.
        """
        parts = []
        for part in self.template.split("/"):
            if not part.startswith(":"):
                parts.append(part)
                continue
            name = part[1:]
            text = getattr(self, snake(name))
            if text in ("", ".", ".."):
                raise Invalid(f"{name} must not be {text!r}", code="invalid_path")
            try:
                parts.append(quote(text, safe=""))
            except UnicodeEncodeError:
                raise Invalid(f"{name} must not contain half a surrogate pair", code="invalid_path") from None
        return "/".join(parts)

    @classmethod
    def at(cls, parts: Mapping[str, str]) -> Self:
        """The ref of what stood in a path. A part that cannot be an id or a slug becomes one that is nowhere, so that
        it is answered, and costs, as an unknown one.
        """
        return cls(**{name: text if _possible(name, text) else _NOWHERE for name, text in parts.items()})

    def child(self, kind: type[R], *ids: str) -> R:
        """The ref of something in this place: ``project.child(CardRef, card_id)``."""
        here = self._shared_with(kind)
        missing = [each.name for each in attrs.fields(kind) if each.name not in here and not each.kw_only]
        return kind(**here, **dict(zip(missing, ids, strict=True)))

    def parent(self, kind: type[R]) -> R:
        """The ref of the place that this stands in: ``card.parent(ProjectRef)``."""
        return kind(**self._shared_with(kind))

    def _shared_with(self, kind: type[Ref]) -> dict[str, Any]:
        own = {each.name for each in attrs.fields(type(self))}
        return {each.name: getattr(self, each.name) for each in attrs.fields(kind) if each.name in own}


_ID = re.compile(ID_PATTERN)
_PATTERNS = {
    "org_slug": re.compile(SLUG_PATTERN),
    "ws_slug": re.compile(SLUG_PATTERN),
    "token": re.compile(r"[A-Za-z0-9_-]{1,200}"),
    # Those of pilotage are short, and count: ``m-001``.
    "id": re.compile(r"[a-z0-9-]{1,40}"),
}


def _possible(name: str, text: str) -> bool:
    return _PATTERNS.get(name, _ID).fullmatch(text) is not None


def pattern(name: str) -> str:
    """The regular expression that a part of a path matches as a whole, by the name of the ref's field."""
    return _PATTERNS.get(name, _ID).pattern


def parameter_names(template: str) -> dict[str, str]:
    """The parameters of a template: wire name → name of the ref's field."""
    return {part[1:]: snake(part[1:]) for part in template.split("/") if part.startswith(":")}


@attrs.frozen
class OrganizationRef(Ref):
    """An organization, by its slug."""

    template: ClassVar[str] = _ORGANIZATION
    org_slug: str


@attrs.frozen
class OrganizationMemberRef(OrganizationRef):
    """A member of an organization, by the user's id."""

    template: ClassVar[str] = _ORGANIZATION + "/members/:userId"
    user_id: str


@attrs.frozen
class WorkspacesRef(OrganizationRef):
    """Where an organization's workspaces are listed and made."""

    template: ClassVar[str] = "/orgs/:orgSlug"


@attrs.frozen
class WorkspaceRef(WorkspacesRef):
    """A workspace, by the slugs of its organization and its own."""

    template: ClassVar[str] = _WORKSPACE
    ws_slug: str


@attrs.frozen
class WorkspaceMemberRef(WorkspaceRef):
    """A member of a workspace, by the user's id."""

    template: ClassVar[str] = _WORKSPACE + "/members/:userId"
    user_id: str


@attrs.frozen
class InvitationRef(WorkspaceRef):
    """An invitation to a workspace, as its admins see it."""

    template: ClassVar[str] = _WORKSPACE + "/invitations/:invitationId"
    invitation_id: str


@attrs.frozen
class InvitationTokenRef(Ref):
    """An invitation, by the secret that was mailed."""

    template: ClassVar[str] = "/invitations/:token"
    token: str = attrs.field(repr=False)


@attrs.frozen
class ApiTokenRef(Ref):
    """An API token of the caller."""

    template: ClassVar[str] = "/api-tokens/:id"
    id: str


@attrs.frozen
class NotificationRef(Ref):
    """A notification of the caller."""

    template: ClassVar[str] = "/notifications/:id"
    id: str


@attrs.frozen
class ProjectRef(WorkspaceRef):
    """A project of a workspace."""

    template: ClassVar[str] = _PROJECT
    project_id: str


@attrs.frozen
class ProjectMemberRef(ProjectRef):
    """A member of a project, by the user's id."""

    template: ClassVar[str] = _PROJECT + "/members/:userId"
    user_id: str


@attrs.frozen
class ColumnRef(ProjectRef):
    """A column of a project."""

    template: ClassVar[str] = _PROJECT + "/columns/:columnId"
    column_id: str


@attrs.frozen
class CardRef(ProjectRef):
    """A card of a project."""

    template: ClassVar[str] = _PROJECT + "/cards/:cardId"
    card_id: str


@attrs.frozen
class CommentRef(CardRef):
    """A comment on a card."""

    template: ClassVar[str] = _PROJECT + "/cards/:cardId/comments/:commentId"
    comment_id: str


@attrs.frozen
class FlatCardRef(WorkspaceRef):
    """A card of a workspace, whatever its project."""

    template: ClassVar[str] = _WORKSPACE + "/cards/:cardId"
    alias: ClassVar[str | None] = _PROJECT + "/cards/:cardId"
    card_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class ChecklistItemRef(FlatCardRef):
    """An item of a card's checklist."""

    template: ClassVar[str] = _WORKSPACE + "/cards/:cardId/checklist/:itemId"
    alias: ClassVar[str | None] = _PROJECT + "/cards/:cardId/checklist/:itemId"
    item_id: str


@attrs.frozen
class CardLabelRef(FlatCardRef):
    """A label as it hangs on a card."""

    template: ClassVar[str] = _WORKSPACE + "/cards/:cardId/labels/:labelId"
    alias: ClassVar[str | None] = _PROJECT + "/cards/:cardId/labels/:labelId"
    label_id: str


@attrs.frozen
class LabelRef(WorkspaceRef):
    """A label of a project."""

    template: ClassVar[str] = _WORKSPACE + "/labels/:labelId"
    alias: ClassVar[str | None] = _PROJECT + "/labels/:labelId"
    label_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class AttachmentRef(CardRef):
    """A file on a card."""

    template: ClassVar[str] = _PROJECT + "/cards/:cardId/attachments/:attachmentId"
    attachment_id: str


@attrs.frozen
class ScopeRef(WorkspaceRef):
    """A work package of a project."""

    template: ClassVar[str] = _WORKSPACE + "/scopes/:scopeId"
    alias: ClassVar[str | None] = _PROJECT + "/scopes/:scopeId"
    scope_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class CustomFieldRef(WorkspaceRef):
    """The definition of a custom field of a project."""

    template: ClassVar[str] = _WORKSPACE + "/custom-fields/:fieldId"
    alias: ClassVar[str | None] = _PROJECT + "/custom-fields/:fieldId"
    field_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class RelationRef(WorkspaceRef):
    """A relation between two cards."""

    template: ClassVar[str] = _WORKSPACE + "/relations/:relationId"
    alias: ClassVar[str | None] = _PROJECT + "/relations/:relationId"
    relation_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class AutomationRef(ProjectRef):
    """An automation rule of a project."""

    template: ClassVar[str] = _PROJECT + "/automations/:ruleId"
    rule_id: str


@attrs.frozen
class MissionRef(WorkspaceRef):
    """A mission of a workspace's pilotage, by its short id."""

    template: ClassVar[str] = _PILOTAGE + "/missions/:id"
    id: str


@attrs.frozen
class PilotagePriorityRef(WorkspaceRef):
    """A priority of a workspace's pilotage, by its short id."""

    template: ClassVar[str] = _PILOTAGE + "/priorities/:id"
    id: str


@attrs.frozen
class TodoRef(WorkspaceRef):
    """A todo of a workspace's pilotage, by its short id."""

    template: ClassVar[str] = _PILOTAGE + "/todos/:id"
    id: str


@attrs.frozen
class ActiveDocRef(WorkspaceRef):
    """An active document of a workspace's pilotage, by its short id."""

    template: ClassVar[str] = _PILOTAGE + "/docs/:id"
    id: str


@attrs.frozen
class ProposedActionRef(WorkspaceRef):
    """An action that somebody has proposed, by its short id."""

    template: ClassVar[str] = _PILOTAGE + "/actions/:id"
    id: str


@attrs.frozen
class DraftRef(WorkspaceRef):
    """A project draft of a workspace."""

    template: ClassVar[str] = _WORKSPACE + "/project-drafts/:draftId"
    draft_id: str


@attrs.frozen
class AgentRef(WorkspaceRef):
    """An agent of a workspace."""

    template: ClassVar[str] = _WORKSPACE + "/agents/:agentId"
    agent_id: str


@attrs.frozen
class AgentTokenRef(AgentRef):
    """A token of an agent."""

    template: ClassVar[str] = _WORKSPACE + "/agents/:agentId/tokens/:tokenId"
    token_id: str


@attrs.frozen
class AgentMissionRef(WorkspaceRef):
    """A mission of an agent."""

    template: ClassVar[str] = _WORKSPACE + "/missions/:missionId"
    mission_id: str


@attrs.frozen
class ProposalRef(WorkspaceRef):
    """A change that an agent has proposed."""

    template: ClassVar[str] = _WORKSPACE + "/proposals/:proposalId"
    proposal_id: str


@attrs.frozen
class DocumentRef(WorkspaceRef):
    """A document of a workspace."""

    template: ClassVar[str] = _WORKSPACE + "/documents/:documentId"
    document_id: str


@attrs.frozen
class DocumentVersionRef(DocumentRef):
    """A document as it was submitted for review."""

    template: ClassVar[str] = _WORKSPACE + "/documents/:documentId/versions/:versionId"
    version_id: str


@attrs.frozen
class WebhookRef(WorkspaceRef):
    """A webhook of a workspace."""

    template: ClassVar[str] = _WORKSPACE + "/webhooks/:webhookId"
    webhook_id: str


@attrs.frozen
class DeliveryRef(WebhookRef):
    """A message of a webhook."""

    template: ClassVar[str] = _WORKSPACE + "/webhooks/:webhookId/deliveries/:deliveryId"
    delivery_id: str
