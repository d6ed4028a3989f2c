"""Activity: the history of a project, newest first. Section Activity Types of the API reference."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal, get_args

from stellary.contract.cards import Card
from stellary.contract.endpoint import acts, lists
from stellary.contract.limits import Id, Named
from stellary.contract.policies import BOARD_DELETE, BOARD_READ, ORGANIZATION_ADMIN, WORKSPACE_ACTIVITY
from stellary.contract.refs import ActivityRef, OrganizationRef, ProjectRef, WorkspaceRef
from stellary.contract.wire import UNSET, JsonObject, Paged, PageLimit, RecordedItem, Unset, Value

ActivityType = Literal[
    "card_created",
    "card_updated",
    "card_moved",
    "card_archived",
    "card_deleted",
    "card_assigned",
    "comment_added",
    "member_added",
    "member_updated",
    "member_removed",
    "comment_updated",
    "comment_deleted",
    "notice_given",
    "attachment_added",
    "attachment_removed",
    "relation_added",
    "relation_removed",
    "project_created",
    "project_updated",
    "project_imported",
    "document_created",
    "document_updated",
    "document_transferred",
    "document_transferred_out",
    "document_deleted",
    "document_submitted",
    "document_approved",
    "document_changes_requested",
    "document_comment_added",
    "document_comment_updated",
    "document_comment_deleted",
    "item_restored",
    "card_transferred",
    "card_transferred_out",
    "mission_created",
    "mission_updated",
    "mission_deleted",
    "priority_created",
    "priority_updated",
    "priority_deleted",
    "todo_created",
    "todo_updated",
    "todo_deleted",
    "decision_created",
    "doc_created",
    "doc_updated",
    "doc_deleted",
    "action_proposed",
    "action_approved",
    "action_rejected",
    "action_applied",
    "action_reopened",
    "project_deleted",
    "scope_created",
    "scope_updated",
    "scope_deleted",
    "column_created",
    "column_updated",
    "column_deleted",
    "label_created",
    "label_updated",
    "label_deleted",
    "custom_field_created",
    "custom_field_updated",
    "custom_field_deleted",
    "automation_created",
    "automation_updated",
    "automation_deleted",
    "workspace_updated",
    "workspace_member_added",
    "workspace_member_updated",
    "workspace_member_removed",
    "invitation_created",
    "invitation_updated",
    "invitation_revoked",
    "webhook_created",
    "webhook_updated",
    "webhook_deleted",
    "agent_created",
    "agent_updated",
    "agent_deleted",
    "agent_token_created",
    "agent_token_revoked",
    "agent_mission_created",
    "agent_mission_updated",
    "proposal_created",
    "proposal_updated",
    "workspace_created",
    "workspace_deleted",
    "organization_created",
    "organization_updated",
    "organization_deleted",
    "organization_member_added",
    "organization_member_updated",
    "organization_member_removed",
    "item_purged",
    "time_entry_created",
    "time_entry_updated",
    "time_entry_deleted",
]
"""The nine published types come first. Types from ``mission_created`` to ``action_reopened`` occur in pilotage and have no
project."""

ACTIVITY_TYPES: Final[Mapping[str, ActivityType]] = {name: name for name in get_args(ActivityType)}
"""The types of activities by name, so that a name that is made of parts must be one of them."""

EntityKind = Literal[
    "card",
    "comment",
    "attachment",
    "relation",
    "time_entry",
    "member",
    "project",
    "scope",
    "column",
    "label",
    "custom_field",
    "automation",
    "document",
    "document_comment",
    "mission",
    "priority",
    "todo",
    "decision",
    "doc",
    "action",
    "workspace",
    "workspace_member",
    "invitation",
    "webhook",
    "agent",
    "agent_token",
    "agent_mission",
    "proposal",
    "organization",
    "organization_member",
]
"""The kinds of items that activities are about."""


class FieldChange(Value):
    """The change of one field.

    Attributes:
        field: The wire name of the field. ``customFields.<fieldId>`` is the value of one custom field, and
            ``checklist.<itemId>`` is one item of a checklist.
        from_: The value before the change, in the form in which responses contain it; None if there was none. In JSON ``from``.
        to: The value after the change; None if there is none.
        names: The names at that time of the items whose ids ``field``, ``from_`` and ``to`` contain, by id.
        diff: For a text of more than 2,000 characters, a unified diff from the old text to the new one, in place of
            ``from_`` and ``to``; empty if it has more than 100,000 characters; otherwise None.
    """

    field: str
    from_: Annotated[Any, Named("from")]
    to: Any
    names: dict[str, str]
    diff: str | None


class ViaItem(Value):
    """An automation rule, a token or another means by which a change was made, with its name at that time."""

    id: str
    name: str | None


class ViaAgent(Value):
    """The agent that made a change.

    Attributes:
        mission: The id of the mission that it worked on; None outside of missions.
        principal_id: The user within whose rights it acted: the creator of its token, or the user who approved its proposal.
    """

    id: str
    name: str | None
    mission: str | None
    principal_id: str | None


class Via(Value):
    """The means by which a change was made, unless it was a direct request of the actor.

    Attributes:
        rule: The automation rule that made it on behalf of the actor; without a name if it is a rule of another project.
        agent: The agent that made it.
        token: The API token or agent token of the request.
        import_: The project that an import created. In JSON ``import``.
        action: The proposed action that was applied on behalf of the actor, who approved it; its name is the action type.
        recurrence: The card whose recurrence made the next card of its series; its name is the key.
        undo: The activity that was undone; its name is the type.
        skipped_rule: The rule that had made the change that was undone, and did not react to the undo.
    """

    rule: ViaItem | None = None
    agent: ViaAgent | None = None
    token: ViaItem | None = None
    import_: Annotated[ViaItem | None, Named("import")] = None
    action: ViaItem | None = None
    recurrence: ViaItem | None = None
    undo: ViaItem | None = None
    skipped_rule: ViaItem | None = None


class Activity(RecordedItem):
    """A change in a workspace or an organization.

    Attributes:
        workspace_id: The workspace; None for the activity of an organization.
        actor_id: The id of the user or agent that caused it.
        project_id, card_id: The project and card concerned; None if there is none. They may have been deleted since.
        entity, entity_id: The kind and the id of the item that was changed. The id is None for activities that were
            recorded by an earlier version.
        changes: The fields that were changed, with their values before and after. Empty for a change without fields, and
            for activities that were recorded by an earlier version.
        via: The means by which the change was made; None for a direct request after a login.
        meta: Details for display, by name instead of id: ``{"fromColumn": "To Do", …}``.
    """

    type: ActivityType
    actor_id: str
    actor_name: str | None
    workspace_id: str | None
    project_id: str | None
    card_id: str | None
    entity: EntityKind
    entity_id: str | None
    changes: list[FieldChange]
    via: Via | None
    meta: dict[str, Any]


class Assignee(Value):
    """The user or agent to whom a card is assigned, who need not be a member of its project."""

    user_id: str
    email: str
    name: str


class WorkspaceEvent(Activity):
    """An activity as event streams and webhooks send it, with the changed item, so that no request for it is necessary.

    Attributes:
        card: The card of the activity as it is when the event is sent; None if it has been deleted. Its ``order`` is None
            in a stream: the position follows from ``changes`` and ``meta``.
        assignee: The assignee of ``card``; None if there is none.
        item: The changed item, unless it is a card or belongs to one, after the change, or its last state before a
            deletion, in the form in which responses contain it; for a file of a card, the file; for a comment on a document,
            the document; otherwise None.
        comment: The comment of the activity as it is when the event is sent, in the form in which responses contain it;
            None if the activity is not about one, or it has been deleted.
    """

    card: Card | None
    assignee: Assignee | None
    item: JsonObject | None
    comment: JsonObject | None = None


class ActivityFilters(Paged):
    """Filters for activity. The newest activity comes first.

    Attributes:
        limit: 1 to 500. Default: 50; like notifications, this list is always paged.
        actor_id: Only activity of this user or agent.
        type: Only activity of this type.
        entity: Only activity about items of this kind.
        since: Only activity recorded at this time or later.
    """

    limit: PageLimit = 50
    actor_id: Id | Unset = UNSET
    type: ActivityType | Unset = UNSET
    entity: EntityKind | Unset = UNSET
    since: date | Unset = UNSET


class ListActivity(ActivityFilters):
    """Filters for the activity of a project. The newest activity comes first.

    Attributes:
        card_id: Only activity on this card, by its id or its key. It may have been deleted since.
    """

    card_id: Id | Unset = UNSET


LIST_ACTIVITY = lists(
    "projects.activity",
    ProjectRef,
    "activity",
    summary="List the activity of a project, or of one of its cards, newest first.",
    takes=ListActivity,
    item=Activity,
    policy=BOARD_READ,
)

LIST_WORKSPACE_ACTIVITY = lists(
    "workspaces.activity",
    WorkspaceRef,
    "activity",
    summary="List the activity of a workspace, newest first: all but that of cards, as far as the caller may read the items.",
    takes=ActivityFilters,
    item=Activity,
    policy=WORKSPACE_ACTIVITY,
)

LIST_ORGANIZATION_ACTIVITY = lists(
    "organizations.activity",
    OrganizationRef,
    "activity",
    summary="List the activity of an organization, newest first: changes of its members, its workspaces and itself.",
    takes=ActivityFilters,
    item=Activity,
    policy=ORGANIZATION_ADMIN,
)

UNDO_ACTIVITY = acts(
    "activity.undo",
    ActivityRef,
    "undo",
    summary="Take back a change of a card's fields, position, labels or checklist, unless they have changed since.",
    returns=Card,
    policy=BOARD_DELETE,
)
