"""Organizations: the top-level containers. Section Organizations of the API reference."""

from __future__ import annotations

from sqlalchemy import select

from stellary.contract.endpoint import Ok
from stellary.contract.fields import build_value, update_value
from stellary.contract.organizations import (
    CREATE_ORGANIZATION,
    DELETE_ORGANIZATION,
    GET_ORGANIZATION,
    LIST_ORGANIZATIONS,
    UPDATE_ORGANIZATION,
    CreateOrganization,
    Organization,
    UpdateOrganization,
)
from stellary.contract.refs import OrganizationRef, Ref
from stellary.contract.wire import Listing, Paged
from stellary.core.accounts import access, rules
from stellary.core.accounts.deleted_containers import put_container
from stellary.core.accounts.joining import add_organization_owner
from stellary.core.accounts.locks import lock_organization
from stellary.core.accounts.row_types import ListedOrganizationRow, OrganizationRow
from stellary.core.accounts.rules import CallerRoles
from stellary.core.accounts.tables import organization_members, organizations, workspaces
from stellary.core.db.base import is_given
from stellary.core.kernel.item_changes import emit_organization_change
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves
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
_HOME = select(workspaces.c.id).where(is_given(workspaces.c.organization_id), workspaces.c.is_personal)
_LIST = Pages(
    ListedOrganizationRow,
    select(*organizations.c, organization_members.c.role)
    .join_from(organizations, organization_members)
    .where(is_given(organization_members.c.user_id), organizations.c.trash_id.is_(None)),
    organizations.c.id,
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

    return _LIST.fetch(uow, request, convert, _user_id=uow.user_id)


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
    home = uow.connection.execute(_HOME, {"_organization_id": organization.id}).first()
    rules.check_shared(is_personal=home is not None)
    put_container(uow, organization)
    emit_organization_change(uow, organization.id, organization, None)
    return Ok()


def _organization(row: OrganizationRow, roles: CallerRoles) -> Organization:
    return _ORGANIZATIONS.to_value(row, my_role=roles.org_role)
