"""Events of items whose classes share a form: one function emits the creation, update or deletion of any of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from stellary.contract.activities import ACTIVITY_TYPES, EntityKind
from stellary.contract.agent_missions import AgentMission
from stellary.contract.agents import Agent, AgentToken
from stellary.contract.automations import Automation
from stellary.contract.columns import Column
from stellary.contract.custom_fields import CustomField
from stellary.contract.labels import Label
from stellary.contract.organizations import Organization, OrganizationMember
from stellary.contract.projects import Project, ProjectMember
from stellary.contract.proposals import Proposal
from stellary.contract.proposed_actions import ProposedAction
from stellary.contract.scopes import Scope
from stellary.contract.time_entries import TimeEntry
from stellary.contract.webhooks import Webhook
from stellary.contract.wire import Value
from stellary.contract.workspaces import Invitation, Workspace, WorkspaceMember
from stellary.core.kernel.causes import Cause, Chain
from stellary.core.kernel.events import ItemChanged, ItemNoticeGiven, NoticeGiven, OrganizationItemChanged
from stellary.core.kernel.unit import Actor, UnitOfWork


@attrs.frozen
class ItemClass:
    """The names that the activities about the items of a class have.

    Attributes:
        kind: The kind of the items, with which their types of activities begin.
        id: The field with the id of an item.
        name: The field with the name of an item.
        project_id: The field with the id of the project in whose activity the item appears, if the class has it; None if
            the project's readers may not read the items.
        verbs: The ends of the types of activities, for a creation, an update and a deletion.
        left_out: The fields that no record contains, since they depend on the caller or are part of a secret.
    """

    kind: EntityKind
    id: str = "id"
    name: str = "name"
    project_id: str | None = "project_id"
    verbs: tuple[str, str, str] = ("created", "updated", "deleted")
    left_out: tuple[str, ...] = ()

    def describe_change(self, before: Value | None, after: Value | None) -> dict[str, Any]:
        """Return the fields of the event of a change.

        Args:
            before: The state before the change; None if the item was created.
            after: The state after the change; None if it was deleted.

        Raises:
            KeyError: There is no such type of activity.
        """
        created, updated, deleted = self.verbs
        verb = created if before is None else deleted if after is None else updated
        item = after or before
        return {
            "type": ACTIVITY_TYPES[f"{self.kind}_{verb}"],
            "kind": self.kind,
            "item_id": getattr(item, self.id),
            "name": getattr(item, self.name),
            "before": before,
            "after": after,
        }


_MEMBERSHIP = ("added", "updated", "removed")
_REVOCABLE = ("created", "updated", "revoked")

ITEM_CLASSES: Final[Mapping[type[Value], ItemClass]] = {
    Agent: ItemClass("agent"),
    # The prompt may be the text of a comment, which must not remain after the deletion of the comment.
    AgentMission: ItemClass(
        "agent_mission",
        name="prompt",
        project_id=None,
        left_out=("prompt", "result", "progress", "pending_proposals"),
    ),
    AgentToken: ItemClass("agent_token", verbs=_REVOCABLE, left_out=("prefix",)),
    Automation: ItemClass("automation", left_out=("references", "problem")),
    Column: ItemClass("column"),
    CustomField: ItemClass("custom_field"),
    Invitation: ItemClass("invitation", name="email", project_id=None, verbs=_REVOCABLE),
    Label: ItemClass("label"),
    Organization: ItemClass("organization", left_out=("my_role",)),
    OrganizationMember: ItemClass("organization_member", id="user_id", verbs=_MEMBERSHIP),
    Project: ItemClass("project", project_id="id"),
    ProjectMember: ItemClass("member", id="user_id", verbs=_MEMBERSHIP),
    Proposal: ItemClass("proposal", name="summary", left_out=("params", "result")),
    ProposedAction: ItemClass(
        "action", name="action_type", left_out=("payload", "references", "problem", "result")
    ),
    Scope: ItemClass("scope"),
    TimeEntry: ItemClass(
        "time_entry", name="card_key", left_out=("note", "card_key", "card_title", "user_name")
    ),
    Webhook: ItemClass("webhook", name="url"),
    Workspace: ItemClass("workspace", left_out=("my_role", "my_pilotage_role")),
    WorkspaceMember: ItemClass("workspace_member", id="user_id", verbs=_MEMBERSHIP),
}
"""The classes of items whose changes are recorded by their fields."""


def emit_change(
    uow: UnitOfWork,
    workspace_id: str | None,
    before: Value | None,
    after: Value | None,
    **meta: object,
) -> None:
    """Emit the creation, update or deletion of an item; nothing if its states are equal, unless ``changed`` names fields.

    Args:
        workspace_id: The workspace.
        before: The state before the change, of a class of ``ITEM_CLASSES``; None if the item was created.
        after: The state after the change, of the same class; None if it was deleted.
        **meta: Further details of the activity.
    """
    item = after or before
    if item is not None and ("changed" in meta or before != after):
        item_class = ITEM_CLASSES[type(item)]
        project_id = item_class.project_id and getattr(item, item_class.project_id, None)
        fields = item_class.describe_change(before, after)
        uow.emit(ItemChanged(workspace_id=workspace_id or "", project_id=project_id, **fields, meta=meta))


def emit_notice(
    uow: UnitOfWork, user_id: str, notice: ItemNoticeGiven | NoticeGiven, **via: Mapping[str, str | None]
) -> None:
    """Emit a notice that no request has asked for.

    Args:
        user_id: The user on whose behalf it is given.
        notice: The notice.
        **via: The rule by which it is given, as ``Cause.via``.
    """
    with uow.caused_by(Cause(Chain(uow.new_id()), user_id, 0, via), Actor(user_id)):
        uow.emit(notice)


def emit_member_change(
    uow: UnitOfWork, workspace_id: str, project_id: str, before: ProjectMember, after: ProjectMember
) -> None:
    """Emit the update of a member of a project, whose fields do not contain the project.

    Args:
        workspace_id: The workspace.
        project_id: The project.
        before: The state before the change.
        after: The state after the change.
    """
    fields = ITEM_CLASSES[ProjectMember].describe_change(before, after)
    uow.emit(ItemChanged(workspace_id=workspace_id, project_id=project_id, **fields, meta={}))


def emit_organization_change(
    uow: UnitOfWork, organization_id: str, before: Value | None, after: Value | None
) -> None:
    """Emit a change that concerns an organization as a whole; nothing if the states of the item are equal.

    Args:
        organization_id: The organization.
        before: The state before the change, of a class of ``ITEM_CLASSES``; None if the item was created.
        after: The state after the change, of the same class; None if it was deleted.
    """
    item = after or before
    if item is not None and before != after:
        fields = ITEM_CLASSES[type(item)].describe_change(before, after)
        uow.emit(OrganizationItemChanged(organization_id=organization_id, **fields, meta={}))
