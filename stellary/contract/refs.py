"""Typed addresses of items. The prefix of a path (``/…/`` in the reference) is defined only here.

A ref holds the parts of a URL that identify an item. Its ``template`` is the published path: that of its base class, and its
``tail``. ``alias`` is a second path for the same item. An item of a project that has a flat path is also served below its project.

The classes inherit the comparison and the repr of ``Ref``, since generating them for each class doubles the import time of
this module.
"""

from __future__ import annotations

import attrs

from stellary.contract.addressing import Ref as Ref  # noqa: PLC0414 - passed on, to mypy too


class OrganizationRef(Ref, tail="/organizations/:orgSlug"):
    """An organization, by its slug."""

    org_slug: str


class OrganizationMemberRef(OrganizationRef, tail="/members/:userId"):
    """A member of an organization, by the user's id."""

    user_id: str


class WorkspacesRef(OrganizationRef, template="/orgs/:orgSlug"):
    """The collection of an organization's workspaces."""


class WorkspaceRef(WorkspacesRef, tail="/workspaces/:wsSlug"):
    """A workspace, by the slugs of its organization and its own."""

    ws_slug: str


class WorkspaceMemberRef(WorkspaceRef, tail="/members/:userId"):
    """A member of a workspace, by the user's id."""

    user_id: str


class InvitationRef(WorkspaceRef, tail="/invitations/:invitationId"):
    """An invitation to a workspace, as its admins see it."""

    invitation_id: str


class InvitationTokenRef(Ref, tail="/invitations/:token"):
    """An invitation, by the token from the e-mail."""

    token: str = attrs.field(repr=False)


class ApiTokenRef(Ref, tail="/api-tokens/:id"):
    """An API token of the caller."""

    id: str


class TrashedContainerRef(Ref, tail="/trash/:trashId"):
    """A deleted workspace or organization that the caller administers."""

    trash_id: str


class SessionRef(Ref, tail="/auth/sessions/:sessionId"):
    """A session of the caller."""

    session_id: str


class IdentityRef(Ref, tail="/auth/identities/:identityId"):
    """An identity of the caller."""

    identity_id: str


class NotificationRef(Ref, tail="/notifications/:id"):
    """A notification of the caller."""

    id: str


class ImportRef(WorkspaceRef, tail="/imports/:importId"):
    """An import in parts."""

    import_id: str


class ProjectRef(WorkspaceRef, tail="/projects/:projectId"):
    """A project of a workspace."""

    project_id: str


class ActivityRef(ProjectRef, tail="/activity/:activityId"):
    """An activity of a project."""

    activity_id: str


class ProjectMemberRef(ProjectRef, tail="/members/:userId"):
    """A member of a project, by the user's id."""

    user_id: str


class ColumnRef(ProjectRef, tail="/columns/:columnId"):
    """A column of a project."""

    column_id: str


class CardRef(ProjectRef, tail="/cards/:cardId"):
    """A card of a project, by its id or its key."""

    card_id: str


class CommentRef(CardRef, tail="/comments/:commentId"):
    """A comment on a card."""

    comment_id: str


class TimeEntryRef(CardRef, tail="/time-entries/:entryId"):
    """A time entry of a card."""

    entry_id: str


class FlatRef(WorkspaceRef, alias=ProjectRef.template):
    """The base class of refs of a workspace whose items are also served below their project."""

    project_id: str | None = attrs.field(default=None, kw_only=True)


class FlatCardRef(FlatRef, tail="/cards/:cardId"):
    """A card of a workspace in any project, by its id or its key."""

    card_id: str


class ChecklistItemRef(FlatCardRef, tail="/checklist/:itemId"):
    """An item of a card's checklist."""

    item_id: str


class CardLabelRef(FlatCardRef, tail="/labels/:labelId"):
    """A label on a card."""

    label_id: str


class LabelRef(FlatRef, tail="/labels/:labelId"):
    """A label of a project."""

    label_id: str


class AttachmentRef(CardRef, tail="/attachments/:attachmentId"):
    """A file on a card."""

    attachment_id: str


class ScopeRef(FlatRef, tail="/scopes/:scopeId"):
    """A scope of a project."""

    scope_id: str


class CustomFieldRef(FlatRef, tail="/custom-fields/:fieldId"):
    """The definition of a custom field of a project."""

    field_id: str


class RelationRef(FlatRef, tail="/relations/:relationId"):
    """A relation between two cards."""

    relation_id: str


class AutomationRef(ProjectRef, tail="/automations/:ruleId"):
    """An automation rule of a project."""

    rule_id: str


class MissionRef(WorkspaceRef, tail="/pilotage/missions/:id"):
    """A mission of a workspace's pilotage, by its short id."""

    id: str


class PilotagePriorityRef(WorkspaceRef, tail="/pilotage/priorities/:id"):
    """A priority of a workspace's pilotage, by its short id."""

    id: str


class TodoRef(WorkspaceRef, tail="/pilotage/todos/:id"):
    """A todo of a workspace's pilotage, by its short id."""

    id: str


class ActiveDocRef(WorkspaceRef, tail="/pilotage/docs/:id"):
    """An active document of a workspace's pilotage, by its short id."""

    id: str


class ProposedActionRef(WorkspaceRef, tail="/pilotage/actions/:id"):
    """A proposed action, by its short id."""

    id: str


class DraftRef(WorkspaceRef, tail="/project-drafts/:draftId"):
    """A project draft of a workspace."""

    draft_id: str


class AgentRef(WorkspaceRef, tail="/agents/:agentId"):
    """An agent of a workspace."""

    agent_id: str


class AgentTokenRef(AgentRef, tail="/tokens/:tokenId"):
    """A token of an agent."""

    token_id: str


class AgentMissionRef(WorkspaceRef, tail="/missions/:missionId"):
    """A mission of an agent."""

    mission_id: str


class ProposalRef(WorkspaceRef, tail="/proposals/:proposalId"):
    """A change that an agent has proposed."""

    proposal_id: str


class TrashedItemRef(WorkspaceRef, tail="/trash/:trashId"):
    """A deleted item in the trash of a workspace."""

    trash_id: str


class DocumentRef(WorkspaceRef, tail="/documents/:documentId"):
    """A document of a workspace."""

    document_id: str


class DocumentVersionRef(DocumentRef, tail="/versions/:versionId"):
    """A document as submitted for review."""

    version_id: str


class DocumentCommentRef(DocumentRef, tail="/comments/:commentId"):
    """A comment on a document."""

    comment_id: str


class SavedFilterRef(WorkspaceRef, tail="/saved-filters/:savedFilterId"):
    """A saved filter of a workspace."""

    saved_filter_id: str


class TemplateRef(WorkspaceRef, tail="/projects/templates/:templateId"):
    """A template of a workspace."""

    template_id: str


class WebhookRef(WorkspaceRef, tail="/webhooks/:webhookId"):
    """A webhook of a workspace."""

    webhook_id: str


class DeliveryRef(WebhookRef, tail="/deliveries/:deliveryId"):
    """A message of a webhook."""

    delivery_id: str
