"""Memberships that an embedding application decides on, without invitations."""

from __future__ import annotations

from functools import partial

import attrs
from sqlalchemy import Connection, and_, bindparam, select

from stellary.contract.errors import Conflict, NotFound
from stellary.contract.organizations import CreateOrganization, UpdateOrganizationMember
from stellary.contract.refs import (
    OrganizationMemberRef,
    OrganizationRef,
    Ref,
    WorkspaceMemberRef,
    WorkspaceRef,
    WorkspacesRef,
)
from stellary.contract.roles import MemberRole, PilotageRole
from stellary.contract.workspaces import CreateWorkspace, UpdateWorkspaceMember
from stellary.core.accounts.hosted import find_user, map_user
from stellary.core.accounts.joining import join_organization, join_workspace
from stellary.core.accounts.locks import lock_organization, lock_workspace
from stellary.core.accounts.organization_members import (
    remove_organization_member,
    update_organization_member,
)
from stellary.core.accounts.organizations import create_organization
from stellary.core.accounts.row_types import ProvisionedRow
from stellary.core.accounts.tables import organization_members, organizations, workspace_members, workspaces
from stellary.core.accounts.workspace_members import remove_workspace_member, update_workspace_member
from stellary.core.accounts.workspaces import create_workspace
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork
from stellary.core.kernel.units import Units

_MEMBERSHIP = Query(
    ProvisionedRow,
    select(
        organizations.c.id,
        organizations.c.owner_id,
        organization_members.c.role.label("organization_role"),
        workspaces.c.id.label("workspace_id"),
        workspaces.c.owner_id.label("workspace_owner_id"),
        workspace_members.c.role,
        workspace_members.c.pilotage_role,
    )
    .select_from(organizations)
    .outerjoin(
        organization_members,
        and_(
            organization_members.c.organization_id == organizations.c.id,
            organization_members.c.user_id == bindparam("_user_id"),
        ),
    )
    .outerjoin(
        workspaces,
        and_(
            workspaces.c.organization_id == organizations.c.id,
            workspaces.c.slug == bindparam("_workspace_slug"),
        ),
    )
    .outerjoin(
        workspace_members,
        and_(
            workspace_members.c.workspace_id == workspaces.c.id,
            workspace_members.c.user_id == bindparam("_user_id"),
        ),
    )
    .where(organizations.c.slug == bindparam("_organization_slug")),
)


@attrs.frozen
class Membership:
    """A user's membership in a workspace, as the host wants it.

    Attributes:
        organization: The slug of the organization.
        workspace: The slug of the workspace.
        role: The role in the workspace.
        organization_role: The role in the organization. An admin has access to all of its workspaces.
        pilotage_role: The role in the workspace's pilotage.
    """

    organization: str
    workspace: str
    role: MemberRole = "member"
    organization_role: MemberRole = "member"
    pilotage_role: PilotageRole = "viewer"

    def matches(self, row: ProvisionedRow | None, user_id: str) -> bool:
        """Return whether a user has this membership; owners keep their own roles.

        Args:
            row: The stored roles of the user; None if the organization does not exist.
            user_id: The user.
        """
        if row is None or row.workspace_id is None or row.organization_role is None or row.role is None:
            return False
        has_organization_role = user_id == row.owner_id or row.organization_role == self.organization_role
        is_owner = user_id == row.workspace_owner_id
        return has_organization_role and (
            is_owner or (row.role, row.pilotage_role) == (self.role, self.pilotage_role)
        )


def provision(
    units: Units,
    external_id: str,
    membership: Membership,
    email: str | None,
    name: str | None,
    connection: Connection | None,
) -> Actor:
    """Create or update a user of the host and one membership; see ``Core.provision``.

    Args:
        units: Opens the units of work.
        external_id: The id of the user in the host's application.
        membership: The organization, the workspace and the roles that the user gets.
        email: The address; None keeps the current one.
        name: The name; None keeps the current one.
        connection: The host's connection, in whose transaction everything is written; None opens transactions.
    """
    actor = map_user(units, external_id, email, name, connection, has_home=False)
    load = partial(_load, membership=membership, user_id=_get_id(actor))
    if not membership.matches(units.run(load, NOBODY, connection, read_only=True), _get_id(actor)):
        establish = partial(_establish, membership=membership)
        try:
            units.run(establish, actor, connection)
        except Conflict as error:
            if error.code != "duplicate_slug":
                raise
            # Another thread has created the organization at the same moment.
            units.run(establish, actor, connection)
    return actor


def remove(
    units: Units, external_id: str, organization: str, workspace: str | None, connection: Connection | None
) -> bool:
    """Remove a user of the host from a workspace or an organization; see ``Core.deprovision``.

    Args:
        units: Opens the units of work.
        external_id: The id of the user in the host's application.
        organization: The slug of the organization.
        workspace: The slug of the workspace to leave; None leaves the organization.
        connection: The host's connection, in whose transaction everything is written; None opens a transaction.
    """

    def work(uow: UnitOfWork) -> bool:
        user = find_user(uow, external_id)
        user_id = None if user is None else user.id
        target = Membership(organization, workspace or "")
        row = None if user_id is None else _load(uow, membership=target, user_id=user_id)
        if user_id is None or row is None or row.organization_role is None:
            return False
        with uow.caused_by(None, Actor(row.owner_id, acts_for_host=True)):
            if workspace is None:
                remove_organization_member(uow, OrganizationMemberRef(organization, user_id))
                return True
            try:
                remove_workspace_member(uow, WorkspaceMemberRef(organization, workspace, user_id))
            except NotFound:
                return False
            return True

    return units.run(work, NOBODY, connection)


def _establish(uow: UnitOfWork, membership: Membership) -> None:
    """Create what is missing of a membership, and set the roles, as the owner of the organization."""
    user_id = uow.user_id
    organization_ref = OrganizationRef(membership.organization)
    place = WorkspaceRef(membership.organization, membership.workspace)
    row = _load(uow, membership, user_id)
    if row is None:
        new_organization = CreateOrganization(name=membership.organization, slug=membership.organization)
        create_organization(uow, Ref(), new_organization)
    else:
        lock_organization(uow, organization_ref)
    row = _require(uow, membership, user_id)
    with uow.caused_by(None, Actor(row.owner_id, acts_for_host=True)):
        if row.organization_role is None:
            join_organization(uow, row.id, user_id)
        if user_id != row.owner_id and (row.organization_role or "member") != membership.organization_role:
            member_ref = OrganizationMemberRef(membership.organization, user_id)
            update_organization_member(
                uow, member_ref, UpdateOrganizationMember(role=membership.organization_role)
            )
        if row.workspace_id is None:
            new_workspace = CreateWorkspace(name=membership.workspace, slug=membership.workspace)
            create_workspace(uow, WorkspacesRef(membership.organization), new_workspace)
        else:
            lock_workspace(uow, place)
        row = _require(uow, membership, user_id)
        assert row.workspace_id is not None
        if row.role is None:
            join_workspace(uow, row.workspace_id, user_id, membership.role)
            row = _require(uow, membership, user_id)
        if not membership.matches(row, user_id):
            seat = WorkspaceMemberRef(membership.organization, membership.workspace, user_id)
            roles = UpdateWorkspaceMember(role=membership.role, pilotage_role=membership.pilotage_role)
            update_workspace_member(uow, seat, roles)


def _require(uow: UnitOfWork, membership: Membership, user_id: str) -> ProvisionedRow:
    row = _load(uow, membership, user_id)
    if row is None:
        raise NotFound("Organization not found")
    return row


def _load(uow: UnitOfWork, membership: Membership, user_id: str) -> ProvisionedRow | None:
    parameters = {
        "_organization_slug": membership.organization,
        "_workspace_slug": membership.workspace,
        "_user_id": user_id,
    }
    return _MEMBERSHIP.first(uow.connection, parameters)


def _get_id(actor: Actor) -> str:
    assert actor.user_id is not None
    return actor.user_id
