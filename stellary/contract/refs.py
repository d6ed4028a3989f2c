"""Typed addresses of items. The prefix of a path (``/…/`` in the reference) is defined only here.

A ref holds the parts of a URL that identify an item. ``template`` is the published path; ``alias`` is a second path for
the same item. An item of a project that has a flat path is also served below its project.

The classes inherit the comparison and the repr of ``Ref``, since generating them for each class doubles the import time of
this module.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from stellary.contract.addressing import Ref as Ref  # noqa: PLC0414 - passed on, to mypy too

_ORGANIZATION = "/organizations/:orgSlug"
_WORKSPACE = "/orgs/:orgSlug/workspaces/:wsSlug"
_PROJECT = _WORKSPACE + "/projects/:projectId"
_PILOTAGE = _WORKSPACE + "/pilotage"


@attrs.frozen(eq=False, repr=False)
class OrganizationRef(Ref):
    """An organization, by its slug."""

    template: ClassVar[str] = _ORGANIZATION
    org_slug: str


@attrs.frozen(eq=False, repr=False)
class OrganizationMemberRef(OrganizationRef):
    """A member of an organization, by the user's id."""

    template: ClassVar[str] = _ORGANIZATION + "/members/:userId"
    user_id: str


@attrs.frozen(eq=False, repr=False)
class WorkspacesRef(OrganizationRef):
    """The collection of an organization's workspaces."""

    template: ClassVar[str] = "/orgs/:orgSlug"


@attrs.frozen(eq=False, repr=False)
class WorkspaceRef(WorkspacesRef):
    """A workspace, by the slugs of its organization and its own."""

    template: ClassVar[str] = _WORKSPACE
    ws_slug: str


@attrs.frozen(eq=False, repr=False)
class WorkspaceMemberRef(WorkspaceRef):
    """A member of a workspace, by the user's id."""

    template: ClassVar[str] = _WORKSPACE + "/members/:userId"
    user_id: str


@attrs.frozen(eq=False, repr=False)
class InvitationRef(WorkspaceRef):
    """An invitation to a workspace, as its admins see it."""

    template: ClassVar[str] = _WORKSPACE + "/invitations/:invitationId"
    invitation_id: str


@attrs.frozen(eq=False, repr=False)
class InvitationTokenRef(Ref):
    """An invitation, by the token from the e-mail."""

    template: ClassVar[str] = "/invitations/:token"
    token: str = attrs.field(repr=False)


@attrs.frozen(eq=False, repr=False)
class ApiTokenRef(Ref):
    """An API token of the caller."""

    template: ClassVar[str] = "/api-tokens/:id"
    id: str


@attrs.frozen(eq=False, repr=False)
class TrashedContainerRef(Ref):
    """A deleted workspace or organization that the caller administers."""

    template: ClassVar[str] = "/trash/:trashId"
    trash_id: str


@attrs.frozen(eq=False, repr=False)
class SessionRef(Ref):
    """A session of the caller."""

    template: ClassVar[str] = "/auth/sessions/:sessionId"
    session_id: str


@attrs.frozen(eq=False, repr=False)
class IdentityRef(Ref):
    """An identity of the caller."""

    template: ClassVar[str] = "/auth/identities/:identityId"
    identity_id: str


@attrs.frozen(eq=False, repr=False)
class NotificationRef(Ref):
    """A notification of the caller."""

    template: ClassVar[str] = "/notifications/:id"
    id: str


@attrs.frozen(eq=False, repr=False)
class ImportRef(WorkspaceRef):
    """An import in parts."""

    template: ClassVar[str] = _WORKSPACE + "/imports/:importId"
    import_id: str


@attrs.frozen(eq=False, repr=False)
class ProjectRef(WorkspaceRef):
    """A project of a workspace."""

    template: ClassVar[str] = _PROJECT
    project_id: str


@attrs.frozen(eq=False, repr=False)
class ActivityRef(ProjectRef):
    """An activity of a project."""

    template: ClassVar[str] = _PROJECT + "/activity/:activityId"
    activity_id: str


@attrs.frozen(eq=False, repr=False)
class ProjectMemberRef(ProjectRef):
    """A member of a project, by the user's id."""

    template: ClassVar[str] = _PROJECT + "/members/:userId"
    user_id: str


@attrs.frozen(eq=False, repr=False)
class ColumnRef(ProjectRef):
    """A column of a project."""

    template: ClassVar[str] = _PROJECT + "/columns/:columnId"
    column_id: str


@attrs.frozen(eq=False, repr=False)
class CardRef(ProjectRef):
    """A card of a project, by its id or its key."""

    template: ClassVar[str] = _PROJECT + "/cards/:cardId"
    card_id: str


@attrs.frozen(eq=False, repr=False)
class CommentRef(CardRef):
    """A comment on a card."""

    template: ClassVar[str] = _PROJECT + "/cards/:cardId/comments/:commentId"
    comment_id: str


@attrs.frozen(eq=False, repr=False)
class TimeEntryRef(CardRef):
    """A time entry of a card."""

    template: ClassVar[str] = _PROJECT + "/cards/:cardId/time-entries/:entryId"
    entry_id: str


@attrs.frozen(eq=False, repr=False)
class FlatCardRef(WorkspaceRef):
    """A card of a workspace in any project, by its id or its key."""

    template: ClassVar[str] = _WORKSPACE + "/cards/:cardId"
    alias: ClassVar[str | None] = _PROJECT + "/cards/:cardId"
    card_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(eq=False, repr=False)
class ChecklistItemRef(FlatCardRef):
    """An item of a card's checklist."""

    template: ClassVar[str] = _WORKSPACE + "/cards/:cardId/checklist/:itemId"
    alias: ClassVar[str | None] = _PROJECT + "/cards/:cardId/checklist/:itemId"
    item_id: str


@attrs.frozen(eq=False, repr=False)
class CardLabelRef(FlatCardRef):
    """A label on a card."""

    template: ClassVar[str] = _WORKSPACE + "/cards/:cardId/labels/:labelId"
    alias: ClassVar[str | None] = _PROJECT + "/cards/:cardId/labels/:labelId"
    label_id: str


@attrs.frozen(eq=False, repr=False)
class LabelRef(WorkspaceRef):
    """A label of a project."""

    template: ClassVar[str] = _WORKSPACE + "/labels/:labelId"
    alias: ClassVar[str | None] = _PROJECT + "/labels/:labelId"
    label_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(eq=False, repr=False)
class AttachmentRef(CardRef):
    """A file on a card."""

    template: ClassVar[str] = _PROJECT + "/cards/:cardId/attachments/:attachmentId"
    attachment_id: str


@attrs.frozen(eq=False, repr=False)
class ScopeRef(WorkspaceRef):
    """A scope of a project."""

    template: ClassVar[str] = _WORKSPACE + "/scopes/:scopeId"
    alias: ClassVar[str | None] = _PROJECT + "/scopes/:scopeId"
    scope_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(eq=False, repr=False)
class CustomFieldRef(WorkspaceRef):
    """The definition of a custom field of a project."""

    template: ClassVar[str] = _WORKSPACE + "/custom-fields/:fieldId"
    alias: ClassVar[str | None] = _PROJECT + "/custom-fields/:fieldId"
    field_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(eq=False, repr=False)
class RelationRef(WorkspaceRef):
    """A relation between two cards."""

    template: ClassVar[str] = _WORKSPACE + "/relations/:relationId"
    alias: ClassVar[str | None] = _PROJECT + "/relations/:relationId"
    relation_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(eq=False, repr=False)
class AutomationRef(ProjectRef):
    """An automation rule of a project."""

    template: ClassVar[str] = _PROJECT + "/automations/:ruleId"
    rule_id: str


@attrs.frozen(eq=False, repr=False)
class MissionRef(WorkspaceRef):
    """A mission of a workspace's pilotage, by its short id."""

    template: ClassVar[str] = _PILOTAGE + "/missions/:id"
    id: str


@attrs.frozen(eq=False, repr=False)
class PilotagePriorityRef(WorkspaceRef):
    """A priority of a workspace's pilotage, by its short id."""

    template: ClassVar[str] = _PILOTAGE + "/priorities/:id"
    id: str


@attrs.frozen(eq=False, repr=False)
class TodoRef(WorkspaceRef):
    """A todo of a workspace's pilotage, by its short id."""

    template: ClassVar[str] = _PILOTAGE + "/todos/:id"
    id: str


@attrs.frozen(eq=False, repr=False)
class ActiveDocRef(WorkspaceRef):
    """An active document of a workspace's pilotage, by its short id."""

    template: ClassVar[str] = _PILOTAGE + "/docs/:id"
    id: str


@attrs.frozen(eq=False, repr=False)
class ProposedActionRef(WorkspaceRef):
    """A proposed action, by its short id."""

    template: ClassVar[str] = _PILOTAGE + "/actions/:id"
    id: str


@attrs.frozen(eq=False, repr=False)
class DraftRef(WorkspaceRef):
    """A project draft of a workspace."""

    template: ClassVar[str] = _WORKSPACE + "/project-drafts/:draftId"
    draft_id: str


@attrs.frozen(eq=False, repr=False)
class AgentRef(WorkspaceRef):
    """An agent of a workspace."""

    template: ClassVar[str] = _WORKSPACE + "/agents/:agentId"
    agent_id: str


@attrs.frozen(eq=False, repr=False)
class AgentTokenRef(AgentRef):
    """A token of an agent."""

    template: ClassVar[str] = _WORKSPACE + "/agents/:agentId/tokens/:tokenId"
    token_id: str


@attrs.frozen(eq=False, repr=False)
class AgentMissionRef(WorkspaceRef):
    """A mission of an agent."""

    template: ClassVar[str] = _WORKSPACE + "/missions/:missionId"
    mission_id: str


@attrs.frozen(eq=False, repr=False)
class ProposalRef(WorkspaceRef):
    """A change that an agent has proposed."""

    template: ClassVar[str] = _WORKSPACE + "/proposals/:proposalId"
    proposal_id: str


@attrs.frozen(eq=False, repr=False)
class TrashedItemRef(WorkspaceRef):
    """A deleted item in the trash of a workspace."""

    template: ClassVar[str] = _WORKSPACE + "/trash/:trashId"
    trash_id: str


@attrs.frozen(eq=False, repr=False)
class DocumentRef(WorkspaceRef):
    """A document of a workspace."""

    template: ClassVar[str] = _WORKSPACE + "/documents/:documentId"
    document_id: str


@attrs.frozen(eq=False, repr=False)
class DocumentVersionRef(DocumentRef):
    """A document as submitted for review."""

    template: ClassVar[str] = _WORKSPACE + "/documents/:documentId/versions/:versionId"
    version_id: str


@attrs.frozen(eq=False, repr=False)
class DocumentCommentRef(DocumentRef):
    """A comment on a document."""

    template: ClassVar[str] = _WORKSPACE + "/documents/:documentId/comments/:commentId"
    comment_id: str


@attrs.frozen(eq=False, repr=False)
class SavedFilterRef(WorkspaceRef):
    """A saved filter of a workspace."""

    template: ClassVar[str] = _WORKSPACE + "/saved-filters/:savedFilterId"
    saved_filter_id: str


@attrs.frozen(eq=False, repr=False)
class TemplateRef(WorkspaceRef):
    """A template of a workspace."""

    template: ClassVar[str] = _WORKSPACE + "/projects/templates/:templateId"
    template_id: str


@attrs.frozen(eq=False, repr=False)
class WebhookRef(WorkspaceRef):
    """A webhook of a workspace."""

    template: ClassVar[str] = _WORKSPACE + "/webhooks/:webhookId"
    webhook_id: str


@attrs.frozen(eq=False, repr=False)
class DeliveryRef(WebhookRef):
    """A message of a webhook."""

    template: ClassVar[str] = _WORKSPACE + "/webhooks/:webhookId/deliveries/:deliveryId"
    delivery_id: str
