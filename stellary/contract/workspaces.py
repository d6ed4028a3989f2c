"""Workspaces, their members, and invitations to them. Section Workspaces of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from stellary.contract.endpoint import Collection, acts, creates, deletes, lists, updates
from stellary.contract.limits import EmailAddress, Id, Length, Name, Secret, Slug
from stellary.contract.organizations import EndedRights, MemberRemoved
from stellary.contract.policies import (
    INVITEE,
    ORGANIZATION_MEMBER,
    ORGANIZATION_READ,
    WORKSPACE_ADMIN,
    WORKSPACE_ADMIN_OR_SELF,
    WORKSPACE_DELETE,
    WORKSPACE_READ,
)
from stellary.contract.refs import (
    InvitationRef,
    InvitationTokenRef,
    WorkspaceMemberRef,
    WorkspaceRef,
    WorkspacesRef,
)
from stellary.contract.roles import PilotageRole, ProjectRole, WorkspaceRole
from stellary.contract.wire import UNSET, DatedItem, RecordedItem, Request, Unset, Value

Cycle = Annotated[str, Length(1, 50)]


class Workspace(DatedItem):
    """A container for projects and pilotage inside an organization.

    Attributes:
        slug: The identifier used in URLs; unique in the organization.
        is_personal: Whether it was created with its owner's account. Only the owner has access to a personal workspace.
        my_role, my_pilotage_role: The caller's effective roles. Admins and the owner of the organization are admins and
            pilotage owners of its workspaces without being members.
        pilotage_cycle: The name of the current pilotage cycle; ``v1`` until it is changed. Empty for guests.
    """

    name: str
    slug: str
    organization_id: str
    owner_id: str
    is_personal: bool
    my_role: WorkspaceRole
    my_pilotage_role: PilotageRole
    pilotage_cycle: str


class WorkspaceMember(Value):
    """A member of a workspace.

    Attributes:
        deactivated_at: When the account was deactivated. The user cannot do anything until it is reactivated. None if it
            is active.
        created_at: When the user became a member.
    """

    user_id: str
    role: WorkspaceRole
    pilotage_role: PilotageRole
    email: str
    name: str
    deactivated_at: datetime | None
    created_at: datetime


class UpdatedWorkspaceMember(WorkspaceMember):
    """A member after a role change.

    Attributes:
        ended: The invitations, webhooks, automations, agent tokens and missions that ended because the member is no
            longer an admin.
    """

    ended: EndedRights


class Invitation(RecordedItem):
    """A pending invitation for one person. It can be accepted once and expires after 7 days.

    Attributes:
        project_id, project_role: The project that the person also becomes a member of, and the role there; None without
            one.
    """

    email: str
    role: WorkspaceRole
    invited_by_id: str
    expires_at: datetime
    project_id: str | None = None
    project_role: ProjectRole | None = None


class CreatedInvitation(Invitation):
    """An invitation that has just been sent.

    Attributes:
        token: The secret token, only returned in this response; None if the server sends e-mails, since the token then proves
            that the caller reads those of the address.
    """

    token: Annotated[str | None, Secret()]


class AcceptedInvitation(Value):
    """The workspace that an accepted invitation gives access to.

    Attributes:
        org_slug: The slug of the workspace's organization.
    """

    org_slug: str
    workspace: Workspace


class CreateWorkspace(Request):
    """The fields of a new workspace.

    Attributes:
        name: 1-100 characters.
        slug: 2-60 lowercase letters, digits and hyphens; unique in the organization.
    """

    name: Name
    slug: Slug


class UpdateWorkspace(Request):
    """The fields to change. Omitted fields keep their values.

    Attributes:
        name: 1-100 characters.
        slug: The new identifier in URLs. URLs with the old one stop working.
        pilotage_cycle: The name of the current pilotage cycle; 1-50 characters.
    """

    name: Name | Unset = UNSET
    slug: Slug | Unset = UNSET
    pilotage_cycle: Cycle | Unset = UNSET


class UpdateWorkspaceMember(Request):
    """The fields to change. Omitted fields keep their values.

    Attributes:
        role: A ``guest`` sees only the projects that they are a member of.
        pilotage_role: Guests have the role ``viewer``, and do not see the pilotage.
    """

    role: WorkspaceRole | Unset = UNSET
    pilotage_role: PilotageRole | Unset = UNSET


class InviteMember(Request):
    """The e-mail address to invite, and the role. Only an account with this e-mail address can accept.

    Attributes:
        role: A ``guest`` sees only the projects that they are a member of.
        project_id: A project that the person also becomes a member of.
        project_role: The role in that project. Default: ``viewer``.
    """

    email: EmailAddress
    role: WorkspaceRole = "member"
    project_id: Id | Unset = UNSET
    project_role: ProjectRole | Unset = UNSET


_WORKSPACES = Collection(WorkspacesRef, "workspaces", WorkspaceRef, Workspace)
_INVITATIONS = Collection(WorkspaceRef, "invitations", InvitationRef, Invitation)

CREATE_WORKSPACE = _WORKSPACES.creates(
    "workspaces.create",
    summary="Create a workspace. The caller becomes its owner, an admin and a pilotage owner.",
    takes=CreateWorkspace,
    policy=ORGANIZATION_MEMBER,
)
LIST_WORKSPACES = _WORKSPACES.lists(
    "workspaces.list",
    summary="List the workspaces of an organization that the caller has access to.",
    policy=ORGANIZATION_READ,
)
GET_WORKSPACE = _WORKSPACES.reads(
    "workspaces.get",
    summary="Get a workspace by its slug.",
    policy=WORKSPACE_READ,
)
UPDATE_WORKSPACE = _WORKSPACES.updates(
    "workspaces.update",
    summary="Update a workspace's name, slug or pilotage cycle.",
    takes=UpdateWorkspace,
    policy=WORKSPACE_ADMIN,
)
DELETE_WORKSPACE = _WORKSPACES.deletes(
    "workspaces.delete",
    summary="Move a workspace with everything in it to the trash.",
    policy=WORKSPACE_DELETE,
)
LIST_WORKSPACE_MEMBERS = lists(
    "workspaces.list_members",
    WorkspaceRef,
    "members",
    summary="List the members of a workspace with their roles.",
    item=WorkspaceMember,
    policy=WORKSPACE_READ,
)
UPDATE_WORKSPACE_MEMBER = updates(
    "workspaces.update_member",
    WorkspaceMemberRef,
    summary="Update a member's workspace role or pilotage role.",
    takes=UpdateWorkspaceMember,
    returns=UpdatedWorkspaceMember,
    policy=WORKSPACE_ADMIN,
)
REMOVE_WORKSPACE_MEMBER = deletes(
    "workspaces.remove_member",
    WorkspaceMemberRef,
    summary="Remove a member, or leave; also from projects and assigned cards. The response lists what ended.",
    returns=MemberRemoved,
    policy=WORKSPACE_ADMIN_OR_SELF,
)
INVITE_MEMBER = creates(
    "workspaces.invite",
    WorkspaceRef,
    "members/invite",
    summary="Send an e-mail invitation to join the workspace. Replaces an earlier invitation of the same person, and within an hour only changes its role if the server sends e-mails.",
    takes=InviteMember,
    returns=CreatedInvitation,
    policy=WORKSPACE_ADMIN,
)
LIST_INVITATIONS = _INVITATIONS.lists(
    "invitations.list",
    summary="List the pending invitations of a workspace.",
    policy=WORKSPACE_ADMIN,
)
REVOKE_INVITATION = _INVITATIONS.deletes(
    "invitations.revoke",
    summary="Revoke an invitation.",
    policy=WORKSPACE_ADMIN,
)
ACCEPT_INVITATION = acts(
    "invitations.accept",
    InvitationTokenRef,
    "accept",
    summary="Accept an invitation with the token from the invitation e-mail. The caller becomes a member.",
    returns=AcceptedInvitation,
    policy=INVITEE,
)
