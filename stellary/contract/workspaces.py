"""Workspaces, their members, and invitations to them. Section Workspaces of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from stellary.contract.departures import EndedRights, MemberRemoved
from stellary.contract.endpoint import Ok, acts, creates, deletes, lists, reads, updates
from stellary.contract.limits import EmailAddress, Length, Name, Secret, Slug
from stellary.contract.paging import Paged
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
from stellary.contract.roles import MemberRole, PilotageRole, WorkspaceRole
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

Cycle = Annotated[str, Length(1, 50)]


@value
class Workspace(Value):
    """A place for projects and pilotage inside an organization.

    Attributes:
        slug: Its address; unique in the organization.
        is_personal: Whether it was made with its owner's account; nobody else reaches such a one.
        my_role, my_pilotage_role: The caller's, as they hold: who leads the organization is an admin and a pilotage
            owner without being a member.
        pilotage_cycle: What it calls the current cycle of its pilotage; ``v1`` until it says otherwise.
    """

    id: str
    name: str
    slug: str
    organization_id: str
    owner_id: str
    is_personal: bool
    my_role: WorkspaceRole
    my_pilotage_role: PilotageRole
    pilotage_cycle: str
    created_at: datetime
    updated_at: datetime


@value
class WorkspaceMember(Value):
    """Somebody who belongs to a workspace.

    Attributes:
        created_at: Since when.
    """

    user_id: str
    role: WorkspaceRole
    pilotage_role: PilotageRole
    email: str
    name: str
    created_at: datetime


@value
class UpdatedWorkspaceMember(WorkspaceMember):
    """A member after a change.

    Attributes:
        ended: What ended with the role of an admin, if the member was one and is none any more.
    """

    ended: EndedRights


@value
class Invitation(Value):
    """A standing invitation: good for 7 days, for one person, once."""

    id: str
    email: str
    role: WorkspaceRole
    invited_by_id: str
    expires_at: datetime
    created_at: datetime


@value
class CreatedInvitation(Invitation):
    """An invitation that has just been sent.

    Attributes:
        token: Its secret, shown this once.
    """

    token: Annotated[str, Secret()]


@value
class AcceptedInvitation(Value):
    """Where an invitation has led.

    Attributes:
        org_slug: Of the workspace's organization.
    """

    org_slug: str
    workspace: Workspace


@request
class CreateWorkspace(Request):
    """A workspace to be.

    Attributes:
        name: 1-100 characters.
        slug: 2-60 lower-case letters, digits and hyphens; unique in the organization.
    """

    name: Name
    slug: Slug


@request
class UpdateWorkspace(Request):
    """What is not named stays.

    Attributes:
        name: 1-100 characters.
        slug: A new address; the former one leads nowhere.
        pilotage_cycle: What the current cycle of the pilotage is called; 1-50 characters.
    """

    name: Name | Unset = UNSET
    slug: Slug | Unset = UNSET
    pilotage_cycle: Cycle | Unset = UNSET


@request
class UpdateWorkspaceMember(Request):
    """What is not named stays."""

    role: MemberRole | Unset = UNSET
    pilotage_role: PilotageRole | Unset = UNSET


@request
class InviteMember(Request):
    """Whom to invite, and as what. The account that accepts must have this e-mail address."""

    email: EmailAddress
    role: MemberRole = "member"


CREATE_WORKSPACE = creates(
    "workspaces.create",
    WorkspacesRef,
    "workspaces",
    summary="Create a workspace; the caller becomes its owner, an admin and a pilotage owner.",
    takes=CreateWorkspace,
    returns=Workspace,
    policy=ORGANIZATION_MEMBER,
)
LIST_WORKSPACES = lists(
    "workspaces.list",
    WorkspacesRef,
    "workspaces",
    summary="List the workspaces of an organization that the caller reaches.",
    takes=Paged,
    item=Workspace,
    policy=ORGANIZATION_READ,
)
GET_WORKSPACE = reads(
    "workspaces.get",
    WorkspaceRef,
    summary="One workspace, by its slug.",
    returns=Workspace,
    policy=WORKSPACE_READ,
)
UPDATE_WORKSPACE = updates(
    "workspaces.update",
    WorkspaceRef,
    summary="Change a workspace's name or slug.",
    takes=UpdateWorkspace,
    returns=Workspace,
    policy=WORKSPACE_ADMIN,
)
DELETE_WORKSPACE = deletes(
    "workspaces.delete",
    WorkspaceRef,
    summary="Delete a workspace with all that is in it. Its owner only.",
    returns=Ok,
    policy=WORKSPACE_DELETE,
)
LIST_WORKSPACE_MEMBERS = lists(
    "workspaces.list_members",
    WorkspaceRef,
    "members",
    summary="List a workspace's members with their roles.",
    takes=Paged,
    item=WorkspaceMember,
    policy=WORKSPACE_READ,
)
UPDATE_WORKSPACE_MEMBER = updates(
    "workspaces.update_member",
    WorkspaceMemberRef,
    summary="Change a member's role in the workspace or in its pilotage.",
    takes=UpdateWorkspaceMember,
    returns=UpdatedWorkspaceMember,
    policy=WORKSPACE_ADMIN,
)
REMOVE_WORKSPACE_MEMBER = deletes(
    "workspaces.remove_member",
    WorkspaceMemberRef,
    summary="Remove a member, or leave: also from the workspace's projects and cards; the answer says what ended.",
    returns=MemberRemoved,
    policy=WORKSPACE_ADMIN_OR_SELF,
)
INVITE_MEMBER = creates(
    "workspaces.invite",
    WorkspaceRef,
    "members/invite",
    summary="Invite somebody by e-mail; an earlier invitation of the same person is replaced.",
    takes=InviteMember,
    returns=CreatedInvitation,
    policy=WORKSPACE_ADMIN,
    keeps_secret=True,
)
LIST_INVITATIONS = lists(
    "invitations.list",
    WorkspaceRef,
    "invitations",
    summary="List the invitations that wait to be accepted.",
    takes=Paged,
    item=Invitation,
    policy=WORKSPACE_ADMIN,
)
REVOKE_INVITATION = deletes(
    "invitations.revoke",
    InvitationRef,
    summary="Take an invitation back.",
    returns=Ok,
    policy=WORKSPACE_ADMIN,
)
ACCEPT_INVITATION = acts(
    "invitations.accept",
    InvitationTokenRef,
    "accept",
    summary="Accept an invitation by the token that was mailed; the caller becomes a member.",
    returns=AcceptedInvitation,
    policy=INVITEE,
)

ENDPOINTS = (
    CREATE_WORKSPACE,
    LIST_WORKSPACES,
    GET_WORKSPACE,
    UPDATE_WORKSPACE,
    DELETE_WORKSPACE,
    LIST_WORKSPACE_MEMBERS,
    UPDATE_WORKSPACE_MEMBER,
    REMOVE_WORKSPACE_MEMBER,
    INVITE_MEMBER,
    LIST_INVITATIONS,
    REVOKE_INVITATION,
    ACCEPT_INVITATION,
)
