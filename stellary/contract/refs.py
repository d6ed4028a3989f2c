"""Typed addresses of items. The prefix of a path (``/…/`` in the reference) is defined only here.

A ref holds the parts of a URL that identify an item. ``template`` is the published path; ``alias`` is a second path for
the same item. An item of a project that has a flat path is also served below its project.

The classes inherit the comparison and the repr of ``Ref``, since generating them for each class doubles the import time of
this module.
"""

from __future__ import annotations

import attrs

from stellary.contract.addressing import Ref as Ref  # noqa: PLC0414 - passed on, to mypy too

_ORGANIZATION = "/organizations/:orgSlug"
_WORKSPACE = "/orgs/:orgSlug/workspaces/:wsSlug"
_PROJECT = _WORKSPACE + "/projects/:projectId"
_PILOTAGE = _WORKSPACE + "/pilotage"


class OrganizationRef(Ref, template=_ORGANIZATION):
    """An organization, by its slug."""

    org_slug: str


class OrganizationMemberRef(OrganizationRef, template=_ORGANIZATION + "/members/:userId"):
    """A member of an organization, by the user's id."""

    user_id: str


class WorkspacesRef(OrganizationRef, template="/orgs/:orgSlug"):
    """The collection of an organization's workspaces."""


class WorkspaceRef(WorkspacesRef, template=_WORKSPACE):
    """A workspace, by the slugs of its organization and its own."""

    ws_slug: str


class WorkspaceMemberRef(WorkspaceRef, template=_WORKSPACE + "/members/:userId"):
    """A member of a workspace, by the user's id."""

    user_id: str


class InvitationRef(WorkspaceRef, template=_WORKSPACE + "/invitations/:invitationId"):
    """An invitation to a workspace, as its admins see it."""

    invitation_id: str


class InvitationTokenRef(Ref, template="/invitations/:token"):
    """An invitation, by the token from the e-mail."""

    token: str = attrs.field(repr=False)


class ApiTokenRef(Ref, template="/api-tokens/:id"):
    """An API token of the caller."""

    id: str


class TrashedContainerRef(Ref, template="/trash/:trashId"):
    """A deleted workspace or organization that the caller administers."""

    trash_id: str


class SessionRef(Ref, template="/auth/sessions/:sessionId"):
    """A session of the caller."""

    session_id: str


class IdentityRef(Ref, template="/auth/identities/:identityId"):
    """An identity of the caller."""

    identity_id: str


class NotificationRef(Ref, template="/notifications/:id"):
    """A notification of the caller."""

    id: str


class ImportRef(WorkspaceRef, template=_WORKSPACE + "/imports/:importId"):
    """An import in parts."""

    import_id: str


class ProjectRef(WorkspaceRef, template=_PROJECT):
    """A project of a workspace."""

    project_id: str


class ActivityRef(ProjectRef, template=_PROJECT + "/activity/:activityId"):
    """An activity of a project."""

    activity_id: str


class ProjectMemberRef(ProjectRef, template=_PROJECT + "/members/:userId"):
    """A member of a project, by the user's id."""

    user_id: str


class ColumnRef(ProjectRef, template=_PROJECT + "/columns/:columnId"):
    """A column of a project."""

    column_id: str


class CardRef(ProjectRef, template=_PROJECT + "/cards/:cardId"):
    """A card of a project, by its id or its key."""

    card_id: str


class CommentRef(CardRef, template=_PROJECT + "/cards/:cardId/comments/:commentId"):
    """A comment on a card."""

    comment_id: str


class TimeEntryRef(CardRef, template=_PROJECT + "/cards/:cardId/time-entries/:entryId"):
    """A time entry of a card."""

    entry_id: str


class FlatCardRef(WorkspaceRef, template=_WORKSPACE + "/cards/:cardId", alias=_PROJECT + "/cards/:cardId"):
    """A card of a workspace in any project, by its id or its key."""

    card_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


class ChecklistItemRef(
    FlatCardRef,
    template=_WORKSPACE + "/cards/:cardId/checklist/:itemId",
    alias=_PROJECT + "/cards/:cardId/checklist/:itemId",
):
    """An item of a card's checklist."""

    item_id: str


class CardLabelRef(
    FlatCardRef,
    template=_WORKSPACE + "/cards/:cardId/labels/:labelId",
    alias=_PROJECT + "/cards/:cardId/labels/:labelId",
):
    """A label on a card."""

    label_id: str


class LabelRef(WorkspaceRef, template=_WORKSPACE + "/labels/:labelId", alias=_PROJECT + "/labels/:labelId"):
    """A label of a project."""

    label_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


class AttachmentRef(CardRef, template=_PROJECT + "/cards/:cardId/attachments/:attachmentId"):
    """A file on a card."""

    attachment_id: str


class ScopeRef(WorkspaceRef, template=_WORKSPACE + "/scopes/:scopeId", alias=_PROJECT + "/scopes/:scopeId"):
    """A scope of a project."""

    scope_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


class CustomFieldRef(
    WorkspaceRef, template=_WORKSPACE + "/custom-fields/:fieldId", alias=_PROJECT + "/custom-fields/:fieldId"
):
    """The definition of a custom field of a project."""

    field_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


class RelationRef(
    WorkspaceRef, template=_WORKSPACE + "/relations/:relationId", alias=_PROJECT + "/relations/:relationId"
):
    """A relation between two cards."""

    relation_id: str
    project_id: str | None = attrs.field(default=None, kw_only=True)


class AutomationRef(ProjectRef, template=_PROJECT + "/automations/:ruleId"):
    """An automation rule of a project."""

    rule_id: str


class MissionRef(WorkspaceRef, template=_PILOTAGE + "/missions/:id"):
    """A mission of a workspace's pilotage, by its short id."""

    id: str


class PilotagePriorityRef(WorkspaceRef, template=_PILOTAGE + "/priorities/:id"):
    """A priority of a workspace's pilotage, by its short id."""

    id: str


class TodoRef(WorkspaceRef, template=_PILOTAGE + "/todos/:id"):
    """A todo of a workspace's pilotage, by its short id."""

    id: str


class ActiveDocRef(WorkspaceRef, template=_PILOTAGE + "/docs/:id"):
    """An active document of a workspace's pilotage, by its short id."""

    id: str


class ProposedActionRef(WorkspaceRef, template=_PILOTAGE + "/actions/:id"):
    """A proposed action, by its short id."""

    id: str


class DraftRef(WorkspaceRef, template=_WORKSPACE + "/project-drafts/:draftId"):
    """A project draft of a workspace."""

    draft_id: str


class AgentRef(WorkspaceRef, template=_WORKSPACE + "/agents/:agentId"):
    """An agent of a workspace."""

    agent_id: str


class AgentTokenRef(AgentRef, template=_WORKSPACE + "/agents/:agentId/tokens/:tokenId"):
    """A token of an agent."""

    token_id: str


class AgentMissionRef(WorkspaceRef, template=_WORKSPACE + "/missions/:missionId"):
    """A mission of an agent."""

    mission_id: str


class ProposalRef(WorkspaceRef, template=_WORKSPACE + "/proposals/:proposalId"):
    """A change that an agent has proposed."""

    proposal_id: str


class TrashedItemRef(WorkspaceRef, template=_WORKSPACE + "/trash/:trashId"):
    """A deleted item in the trash of a workspace."""

    trash_id: str


class DocumentRef(WorkspaceRef, template=_WORKSPACE + "/documents/:documentId"):
    """A document of a workspace."""

    document_id: str


class DocumentVersionRef(DocumentRef, template=_WORKSPACE + "/documents/:documentId/versions/:versionId"):
    """A document as submitted for review."""

    version_id: str


class DocumentCommentRef(DocumentRef, template=_WORKSPACE + "/documents/:documentId/comments/:commentId"):
    """A comment on a document."""

    comment_id: str


class SavedFilterRef(WorkspaceRef, template=_WORKSPACE + "/saved-filters/:savedFilterId"):
    """A saved filter of a workspace."""

    saved_filter_id: str


class TemplateRef(WorkspaceRef, template=_WORKSPACE + "/projects/templates/:templateId"):
    """A template of a workspace."""

    template_id: str


class WebhookRef(WorkspaceRef, template=_WORKSPACE + "/webhooks/:webhookId"):
    """A webhook of a workspace."""

    webhook_id: str


class DeliveryRef(WebhookRef, template=_WORKSPACE + "/webhooks/:webhookId/deliveries/:deliveryId"):
    """A message of a webhook."""

    delivery_id: str
