"""Organizations: the top-level containers, and who belongs to them. Section Organizations of the API reference."""

from __future__ import annotations

from datetime import datetime

from stellary.contract.departures import EndedRights, MemberRemoved
from stellary.contract.endpoint import Ok, acts, creates, deletes, lists, reads, updates
from stellary.contract.limits import EmailAddress, Name, Slug
from stellary.contract.paging import Paged
from stellary.contract.policies import (
    ACCOUNT_ANY,
    ACCOUNT_FULL,
    ORGANIZATION_ADMIN,
    ORGANIZATION_DELETE,
    ORGANIZATION_MEMBER,
    ORGANIZATION_OWNER,
    ORGANIZATION_READ,
)
from stellary.contract.refs import OrganizationMemberRef, OrganizationRef, Ref
from stellary.contract.roles import MemberRole, OrganizationRole
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value


@value
class Organization(Value):
    """A top-level container of workspaces and members.

    Attributes:
        slug: Its address; unique everywhere.
        my_role: The caller's.
    """

    id: str
    name: str
    slug: str
    owner_id: str
    my_role: OrganizationRole
    created_at: datetime
    updated_at: datetime


@value
class OrganizationMember(Value):
    """Somebody who belongs to an organization.

    Attributes:
        created_at: Since when.
    """

    user_id: str
    role: OrganizationRole
    email: str
    name: str
    created_at: datetime


@value
class UpdatedOrganizationMember(OrganizationMember):
    """A member after a change.

    Attributes:
        ended: What ended in the organization's workspaces with the role of an admin, if the member was one and is none
            any more.
    """

    ended: EndedRights


@request
class CreateOrganization(Request):
    """An organization to be.

    Attributes:
        name: 1-100 characters.
        slug: 2-60 lower-case letters, digits and hyphens; unique everywhere.
    """

    name: Name
    slug: Slug


@request
class UpdateOrganization(Request):
    """What is not named stays.

    Attributes:
        name: 1-100 characters.
        slug: A new address; the former one leads nowhere.
    """

    name: Name | Unset = UNSET
    slug: Slug | Unset = UNSET


@request
class AddOrganizationMember(Request):
    """Somebody who has an account, by e-mail address, and the role to be."""

    email: EmailAddress
    role: MemberRole


@request
class UpdateOrganizationMember(Request):
    """What is not named stays."""

    role: MemberRole | Unset = UNSET


CREATE_ORGANIZATION = creates(
    "organizations.create",
    Ref,
    "organizations",
    summary="Create an organization; the caller becomes its owner.",
    takes=CreateOrganization,
    returns=Organization,
    policy=ACCOUNT_FULL,
)
LIST_ORGANIZATIONS = lists(
    "organizations.list",
    Ref,
    "organizations",
    summary="List the organizations that the caller is a member of.",
    takes=Paged,
    item=Organization,
    policy=ACCOUNT_ANY,
)
GET_ORGANIZATION = reads(
    "organizations.get",
    OrganizationRef,
    summary="One organization, by its slug.",
    returns=Organization,
    policy=ORGANIZATION_READ,
)
UPDATE_ORGANIZATION = updates(
    "organizations.update",
    OrganizationRef,
    summary="Change an organization's name or slug. Its owner only.",
    takes=UpdateOrganization,
    returns=Organization,
    policy=ORGANIZATION_OWNER,
)
DELETE_ORGANIZATION = deletes(
    "organizations.delete",
    OrganizationRef,
    summary="Delete an organization with all its workspaces, projects and files. Its owner only.",
    returns=Ok,
    policy=ORGANIZATION_DELETE,
)
LIST_ORGANIZATION_MEMBERS = lists(
    "organizations.list_members",
    OrganizationRef,
    "members",
    summary="List an organization's members with their roles.",
    takes=Paged,
    item=OrganizationMember,
    policy=ORGANIZATION_MEMBER,
)
ADD_ORGANIZATION_MEMBER = creates(
    "organizations.add_member",
    OrganizationRef,
    "members",
    summary="Add somebody who has an account, by e-mail address.",
    takes=AddOrganizationMember,
    returns=OrganizationMember,
    policy=ORGANIZATION_ADMIN,
)
UPDATE_ORGANIZATION_MEMBER = updates(
    "organizations.update_member",
    OrganizationMemberRef,
    summary="Change a member's role; you must outrank whom you change, and the owner stays the owner.",
    takes=UpdateOrganizationMember,
    returns=UpdatedOrganizationMember,
    policy=ORGANIZATION_ADMIN,
)
REMOVE_ORGANIZATION_MEMBER = deletes(
    "organizations.remove_member",
    OrganizationMemberRef,
    summary="Remove a member, also from the organization's workspaces and projects; the answer says what ended.",
    returns=MemberRemoved,
    policy=ORGANIZATION_ADMIN,
)
LEAVE_ORGANIZATION = acts(
    "organizations.leave",
    OrganizationRef,
    "leave",
    summary="Leave an organization, with its workspaces and projects; its owner cannot.",
    returns=MemberRemoved,
    policy=ORGANIZATION_MEMBER,
)

ENDPOINTS = (
    CREATE_ORGANIZATION,
    LIST_ORGANIZATIONS,
    GET_ORGANIZATION,
    UPDATE_ORGANIZATION,
    DELETE_ORGANIZATION,
    LIST_ORGANIZATION_MEMBERS,
    ADD_ORGANIZATION_MEMBER,
    UPDATE_ORGANIZATION_MEMBER,
    REMOVE_ORGANIZATION_MEMBER,
    LEAVE_ORGANIZATION,
)
