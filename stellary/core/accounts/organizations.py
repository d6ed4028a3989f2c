"""Organizations, their members, their roles and their removal. Section Organizations of the API reference."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, insert, select, update

from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict, NotFound, RateLimited
from stellary.contract.fields import build_value, convert, get_set_fields, replace_fields, update_value
from stellary.contract.organizations import (
    ADD_ORGANIZATION_MEMBER,
    CREATE_ORGANIZATION,
    DELETE_ORGANIZATION,
    GET_ORGANIZATION,
    LEAVE_ORGANIZATION,
    LIST_ORGANIZATION_MEMBERS,
    LIST_ORGANIZATIONS,
    REMOVE_ORGANIZATION_MEMBER,
    UPDATE_ORGANIZATION,
    UPDATE_ORGANIZATION_MEMBER,
    AddOrganizationMember,
    CreateOrganization,
    MemberRemoved,
    Organization,
    OrganizationMember,
    UpdatedOrganizationMember,
    UpdateOrganization,
    UpdateOrganizationMember,
)
from stellary.contract.refs import OrganizationMemberRef, OrganizationRef, Ref
from stellary.contract.wire import Listing, Paged
from stellary.core.accounts import access, leaving, rules
from stellary.core.accounts.deleted_containers import put_container
from stellary.core.accounts.joining import adapt_organization_role, add_organization_owner
from stellary.core.accounts.locks import lock_organization
from stellary.core.accounts.login_attempts import LoginAttempts, attempts_key
from stellary.core.accounts.member_rows import ORGANIZATION_MEMBER
from stellary.core.accounts.row_types import ListedOrganizationRow, OrganizationMemberRow, OrganizationRow
from stellary.core.accounts.rules import CallerRoles
from stellary.core.accounts.tables import organization_members, organizations, users, workspaces
from stellary.core.accounts.users import address_key, id_by_address
from stellary.core.db.base import is_given
from stellary.core.kernel.events import ItemChanged
from stellary.core.kernel.item_changes import emit_organization_change
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import Actor, UnitOfWork, serves
from stellary.core.kernel.units import Units
from stellary.core.kernel.writes import NoColumns, StoredItems

_ORGANIZATIONS = StoredItems(
    Organization,
    organizations,
    "Organization",
    NoColumns,
    taken=lambda item: (f"the slug {item.slug!r} belongs to another organization", "duplicate_slug"),
    computed=("my_role",),
    internal=("trash_id",),
)
_PERSONAL_WORKSPACE = select(workspaces.c.id).where(
    is_given(workspaces.c.organization_id), workspaces.c.is_personal
)
_OF_MEMBER = Pages(
    ListedOrganizationRow,
    select(*organizations.c, organization_members.c.role)
    .join_from(organizations, organization_members)
    .where(is_given(organization_members.c.user_id), organizations.c.trash_id.is_(None)),
    organizations.c.id,
)
_MEMBERS = Pages(
    OrganizationMemberRow,
    select(*organization_members.c, users.c.email, users.c.name, users.c.deactivated_at)
    .join_from(organization_members, users)
    .where(is_given(organization_members.c.organization_id)),
    organization_members.c.user_id,
)
_BY_EMAIL = (
    select(users.c.id, users.c.email, users.c.name, users.c.deactivated_at, organization_members.c.role)
    .select_from(
        users.outerjoin(
            organization_members,
            and_(
                organization_members.c.user_id == users.c.id, is_given(organization_members.c.organization_id)
            ),
        )
    )
    # Anyone can register an address; only its owner can verify it.
    .where(is_given(users.c.email_key), users.c.unverified_since.is_(None))
    # The account is not deleted before the membership is committed.
    .with_for_update(read=True, key_share=True, of=users)
)
UNKNOWN_MAX = 30
UNKNOWN_WINDOW = timedelta(hours=1)
"""How many addresses without an account a caller can name within this time, when adding members."""
_HOME = select(workspaces.c.id).where(is_given(workspaces.c.owner_id, "member_id"), workspaces.c.is_personal)
_INSERT_MEMBER = insert(organization_members)
_UPDATE_MEMBER = update(organization_members).where(
    is_given(organization_members.c.organization_id), is_given(organization_members.c.user_id, "member_id")
)


@serves(CREATE_ORGANIZATION)
def create_organization(uow: UnitOfWork, ref: Ref, request: CreateOrganization) -> Organization:
    """Create an organization. The caller becomes its owner.

    Raises:
        Conflict: The slug is taken.
    """
    organization = build_value(
        Organization,
        request,
        id=uow.new_id(),
        owner_id=uow.user_id,
        my_role="owner",
        created_at=uow.now,
        updated_at=uow.now,
    )
    _ORGANIZATIONS.insert(uow, organization)
    add_organization_owner(uow, organization.id, organization.owner_id)
    emit_organization_change(uow, organization.id, None, organization)
    return organization


@serves(LIST_ORGANIZATIONS)
def list_organizations(uow: UnitOfWork, ref: Ref, request: Paged) -> Listing[Organization]:
    """Return the caller's organizations, oldest first."""

    def convert(row: ListedOrganizationRow) -> Organization:
        return _organization(row, CallerRoles(user_id=uow.user_id, organization_id=row.id, org_role=row.role))

    return _OF_MEMBER.fetch(uow, request, convert, _user_id=uow.user_id)


@serves(GET_ORGANIZATION)
def get_organization(uow: UnitOfWork, ref: OrganizationRef) -> Organization:
    """Return one organization."""
    loaded = access.organization(uow, ref)
    return _organization(loaded.row, loaded.roles)


@serves(UPDATE_ORGANIZATION)
def update_organization(uow: UnitOfWork, ref: OrganizationRef, request: UpdateOrganization) -> Organization:
    """Update the name or the slug of an organization.

    Raises:
        Conflict: The slug is taken.
    """
    loaded = access.organization(uow, ref)
    before = _organization(loaded.row, loaded.roles)
    after = update_value(before, request, uow.now)
    if after is not before:
        _ORGANIZATIONS.update(uow, before, after)
        emit_organization_change(uow, after.id, before, after)
    return after


@serves(DELETE_ORGANIZATION)
def delete_organization(uow: UnitOfWork, ref: OrganizationRef) -> Ok:
    """Move an organization with all its contents to the trash.

    Raises:
        Conflict: It is a personal organization, which exists as long as the account.
    """
    lock_organization(uow, ref)
    loaded = access.organization(uow, ref)
    organization = _organization(loaded.row, loaded.roles)
    home = uow.connection.execute(_PERSONAL_WORKSPACE, {"_organization_id": organization.id}).first()
    rules.check_shared(is_personal=home is not None)
    put_container(uow, organization)
    emit_organization_change(uow, organization.id, organization, None)
    return Ok()


def _organization(row: OrganizationRow, roles: CallerRoles) -> Organization:
    return _ORGANIZATIONS.to_value(row, my_role=roles.org_role)


@serves(LIST_ORGANIZATION_MEMBERS)
def list_organization_members(
    uow: UnitOfWork, ref: OrganizationRef, request: Paged
) -> Listing[OrganizationMember]:
    """Return the members, in the order in which their accounts were created."""
    organization = access.organization(uow, ref).row
    return _MEMBERS.fetch(uow, request, ORGANIZATION_MEMBER.to_value, _organization_id=organization.id)


def _limit_lookups(units: Units, actor: Actor, ref: OrganizationRef, request: AddOrganizationMember) -> None:
    """Count addresses without an account, so that a caller cannot find out by trial who has one.

    Raises:
        RateLimited: The caller has named too many of them.
    """
    if units.is_joined:
        # Within the transaction of an embedding application, which decides itself whom it adds.
        return
    attempts, key = LoginAttempts(units), attempts_key("unknown members", actor.user_id or "")
    counted = attempts.read([key])[key]
    if counted.window_ends_at is not None and counted.failures >= UNKNOWN_MAX:
        wait = max(1.0, (counted.window_ends_at - attempts.now()).total_seconds())
        message = f"too many addresses without an account; try again in {round(wait)} seconds"
        raise RateLimited(message, retry_after=wait)
    if units.run(lambda uow: id_by_address(uow, request.email, is_verified=True), read_only=True) is None:
        attempts.count_failure([(key, UNKNOWN_WINDOW)])


@serves(ADD_ORGANIZATION_MEMBER, prepare=_limit_lookups)
def add_organization_member(
    uow: UnitOfWork, ref: OrganizationRef, request: AddOrganizationMember, prepared: None = None
) -> OrganizationMember:
    """Add a user who has an account.

    Args:
        uow: A unit that may write.
        ref: The organization.
        request: The address and the role.
        prepared: Nothing; the limit has been checked before the unit.

    Raises:
        NotFound: No account has that address, or its owner has not confirmed it.
        Conflict: The user is a member already.
    """
    lock_organization(uow, ref)
    loaded = access.organization(uow, ref)
    rules.check_grant(loaded.roles.org_role, request.role)
    user_row = uow.connection.execute(
        _BY_EMAIL, {"_email_key": address_key(request.email), "_organization_id": loaded.row.id}
    ).first()
    if user_row is None:
        raise NotFound("there is no account with this e-mail address", code="unknown_user")
    if user_row.role is not None:
        raise Conflict("this person is a member already", code="already_member")
    member = build_value(
        OrganizationMember,
        request,
        user_id=user_row.id,
        email=user_row.email,
        name=user_row.name,
        deactivated_at=user_row.deactivated_at,
        created_at=uow.now,
    )
    uow.connection.execute(_INSERT_MEMBER, ORGANIZATION_MEMBER.to_row(member, organization_id=loaded.row.id))
    emit_organization_change(uow, loaded.row.id, None, member)
    home_id = uow.connection.execute(_HOME, {"_member_id": member.user_id}).scalar()
    if home_id is not None:
        # The member may see no workspace of the organization yet, so it is recorded in their own, which has no guests.
        uow.shared_places.add(home_id)
        uow.emit(
            ItemChanged(
                workspace_id=home_id,
                project_id=None,
                type="organization_member_added",
                kind="organization",
                item_id=loaded.row.id,
                name=loaded.row.name,
                before=None,
                after=None,
                meta={"userId": member.user_id, "role": member.role},
            )
        )
    return member


@serves(UPDATE_ORGANIZATION_MEMBER)
def update_organization_member(
    uow: UnitOfWork, ref: OrganizationMemberRef, request: UpdateOrganizationMember
) -> UpdatedOrganizationMember:
    """Change a member's role. A former admin loses access to workspaces without a membership there.

    Args:
        uow: A unit that may write.
        ref: The member.
        request: The fields to change.

    Returns:
        The member, and the numbers of items that ended in the workspaces of which the member is no longer an admin.

    Raises:
        Conflict: The member is the owner, or to be a guest, and an admin or more than a guest in a workspace.
        Forbidden: The caller does not outrank the member.
    """
    lock_organization(uow, ref)
    loaded = access.organization_member(uow, ref)
    before = ORGANIZATION_MEMBER.to_value(loaded.row)
    if not request.role:
        return _build_updated_member(uow, before)
    rules.check_touch(loaded.roles.org_role, before.role)
    rules.check_grant(loaded.roles.org_role, request.role)
    after = replace_fields(before, **get_set_fields(request, OrganizationMember))
    if after.role == "guest":
        organization_id = loaded.roles.organization_id
        if after != before and not adapt_organization_role(uow, organization_id, after.user_id, "guest"):
            raise Conflict("the member is more than a guest in the organization", code="not_a_guest")
        return _build_updated_member(uow, after)
    leaving.change_role(uow, loaded.roles.organization_id, after.user_id, before.role, after.role)
    if changes := ORGANIZATION_MEMBER.to_changes(before, after):
        keys = {"_organization_id": loaded.roles.organization_id, "_member_id": after.user_id}
        uow.connection.execute(_UPDATE_MEMBER, {**keys, **changes})
        emit_organization_change(uow, loaded.roles.organization_id, before, after)
    return _build_updated_member(uow, after)


@serves(REMOVE_ORGANIZATION_MEMBER)
def remove_organization_member(uow: UnitOfWork, ref: OrganizationMemberRef) -> MemberRemoved:
    """Remove a member from the organization, its workspaces and its projects.

    Raises:
        Conflict: The member is the owner.
        Forbidden: The caller does not outrank the member.
    """
    lock_organization(uow, ref)
    loaded = access.organization_member(uow, ref)
    rules.check_touch(loaded.roles.org_role, loaded.row.role)
    leaving.leave_organization(
        uow, loaded.roles.organization_id, loaded.row.owner_id, loaded.row.user_id, loaded.row.role
    )
    return MemberRemoved(ended=leaving.settle_ended_rights(uow))


@serves(LEAVE_ORGANIZATION)
def leave_organization(uow: UnitOfWork, ref: OrganizationRef) -> MemberRemoved:
    """Leave an organization with all its workspaces and projects.

    Raises:
        Conflict: The caller is the owner.
    """
    lock_organization(uow, ref)
    loaded = access.organization(uow, ref)
    role = loaded.roles.org_role
    assert role is not None
    rules.check_leave(role)
    leaving.leave_organization(uow, loaded.row.id, loaded.row.owner_id, uow.user_id, role)
    return MemberRemoved(ended=leaving.settle_ended_rights(uow))


def _build_updated_member(uow: UnitOfWork, member: OrganizationMember) -> UpdatedOrganizationMember:
    return convert(UpdatedOrganizationMember, member, ended=leaving.settle_ended_rights(uow))
