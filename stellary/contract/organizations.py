"""Organizations: the top-level containers, and their members. Section Organizations of the API reference."""

from __future__ import annotations

from datetime import datetime

from stellary.contract.endpoint import Collection, Ok, acts, deletes, updates
from stellary.contract.limits import EmailAddress, Name, Slug
from stellary.contract.policies import (
    ACCOUNT_ANY,
    ACCOUNT_FULL,
    ORGANIZATION_ADMIN,
    ORGANIZATION_DELETE,
    ORGANIZATION_LEAVE,
    ORGANIZATION_MEMBER,
    ORGANIZATION_OWNER,
    ORGANIZATION_READ,
)
from stellary.contract.refs import OrganizationMemberRef, OrganizationRef, Ref
from stellary.contract.roles import MemberRole, OrganizationRole, WorkspaceRole
from stellary.contract.wire import UNSET, DatedItem, Request, Unset, Value


class EndedRights(Value):
    """The number of items that ended because a user lost rights.

    Attributes:
        invitations: Pending invitations sent by the user; they can no longer be accepted.
        webhooks: Webhooks created by the user; they are disabled and get another owner.
        automations: Rules that ran with the user's rights; they are disabled.
        agent_tokens: Agent tokens limited by the user's rights; they are revoked.
        missions: Agent missions created by the user; they are cancelled.
    """

    invitations: int
    webhooks: int
    automations: int
    agent_tokens: int
    missions: int


class MemberRemoved(Ok):
    """The result of removing a member.

    Attributes:
        ended: The items that ended with the membership.
    """

    ended: EndedRights


class Organization(DatedItem):
    """A top-level container of workspaces and members.

    Attributes:
        slug: The identifier used in URLs; unique across all organizations.
        my_role: The caller's role.
    """

    name: str
    slug: str
    owner_id: str
    my_role: OrganizationRole


class OrganizationMember(Value):
    """A member of an organization.

    Attributes:
        deactivated_at: When the account was deactivated. The user cannot do anything until it is reactivated. None if it
            is active.
        created_at: When the user became a member.
    """

    user_id: str
    role: OrganizationRole
    email: str
    name: str
    deactivated_at: datetime | None
    created_at: datetime


class UpdatedOrganizationMember(OrganizationMember):
    """A member after a role change.

    Attributes:
        ended: The invitations, webhooks, automations, agent tokens and missions in the organization's workspaces that
            ended because the member is no longer an admin.
    """

    ended: EndedRights


class CreateOrganization(Request):
    """The fields of a new organization.

    Attributes:
        name: 1-100 characters.
        slug: 2-60 lowercase letters, digits and hyphens; unique across all organizations.
    """

    name: Name
    slug: Slug


class UpdateOrganization(Request):
    """The fields to change. Omitted fields keep their values.

    Attributes:
        name: 1-100 characters.
        slug: The new identifier in URLs. URLs with the old one stop working.
    """

    name: Name | Unset = UNSET
    slug: Slug | Unset = UNSET


class AddOrganizationMember(Request):
    """The e-mail address of a user with an account, and the user's role."""

    email: EmailAddress
    role: MemberRole


class UpdateOrganizationMember(Request):
    """The fields to change. Omitted fields keep their values.

    Attributes:
        role: ``guest`` is only for members who are guests in each of their workspaces, and not for admins.
    """

    role: WorkspaceRole | Unset = UNSET


_ORGANIZATIONS = Collection(Ref, "organizations", OrganizationRef, Organization)
_MEMBERS = Collection(OrganizationRef, "members", OrganizationMemberRef, OrganizationMember)
CREATE_ORGANIZATION = _ORGANIZATIONS.creates(
    "organizations.create",
    summary="Create an organization. The caller becomes its owner.",
    takes=CreateOrganization,
    policy=ACCOUNT_FULL,
)
LIST_ORGANIZATIONS = _ORGANIZATIONS.lists(
    "organizations.list",
    summary="List the organizations that the caller is a member of.",
    policy=ACCOUNT_ANY,
)
GET_ORGANIZATION = _ORGANIZATIONS.reads(
    "organizations.get",
    summary="Get an organization by its slug.",
    policy=ORGANIZATION_READ,
)
UPDATE_ORGANIZATION = _ORGANIZATIONS.updates(
    "organizations.update",
    summary="Update an organization's name or slug.",
    takes=UpdateOrganization,
    policy=ORGANIZATION_OWNER,
)
DELETE_ORGANIZATION = _ORGANIZATIONS.deletes(
    "organizations.delete",
    summary="Move an organization with all its workspaces, projects and files to the trash.",
    policy=ORGANIZATION_DELETE,
)
LIST_ORGANIZATION_MEMBERS = _MEMBERS.lists(
    "organizations.list_members",
    summary="List the members of an organization with their roles.",
    policy=ORGANIZATION_MEMBER,
)
ADD_ORGANIZATION_MEMBER = _MEMBERS.creates(
    "organizations.add_member",
    summary="Add a user with an account to an organization, by e-mail address.",
    takes=AddOrganizationMember,
    policy=ORGANIZATION_ADMIN,
)
UPDATE_ORGANIZATION_MEMBER = updates(
    "organizations.update_member",
    OrganizationMemberRef,
    summary="Update a member's role. The caller must outrank the member; the owner's role cannot be changed.",
    takes=UpdateOrganizationMember,
    returns=UpdatedOrganizationMember,
    policy=ORGANIZATION_ADMIN,
)
REMOVE_ORGANIZATION_MEMBER = deletes(
    "organizations.remove_member",
    OrganizationMemberRef,
    summary="Remove a member from an organization, its workspaces and projects. The response lists what ended with it.",
    returns=MemberRemoved,
    policy=ORGANIZATION_ADMIN,
)
LEAVE_ORGANIZATION = acts(
    "organizations.leave",
    OrganizationRef,
    "leave",
    summary="Leave an organization, its workspaces and projects. The owner cannot leave.",
    returns=MemberRemoved,
    policy=ORGANIZATION_LEAVE,
)
