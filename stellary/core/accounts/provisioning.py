"""Memberships that an embedding application decides on, without invitations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import attrs
from sqlalchemy import Connection, null, select, union_all

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
from stellary.contract.roles import MemberRole, PilotageRole, WorkspaceRole
from stellary.contract.wire import invalid
from stellary.contract.workspaces import CreateWorkspace, UpdateWorkspaceMember
from stellary.core.accounts.access_checks import IN_ORGANIZATION, IS_NAMED, TO_ORGANIZATION, join_seat
from stellary.core.accounts.hosted import find_user_by_external_id, map_user
from stellary.core.accounts.joining import adapt_organization_role, join_organization, join_workspace
from stellary.core.accounts.locks import lock_organization, lock_workspace
from stellary.core.accounts.organizations import (
    create_organization,
    remove_organization_member,
    update_organization_member,
)
from stellary.core.accounts.row_types import ProvisionedRow, ProvisionedSeatRow
from stellary.core.accounts.tables import organization_members, organizations, workspace_members, workspaces
from stellary.core.accounts.users import create_user, default_name
from stellary.core.accounts.workspaces import (
    create_workspace,
    remove_workspace_member,
    update_workspace_member,
)
from stellary.core.db.base import is_given
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
    .select_from(join_seat(TO_ORGANIZATION.outerjoin(workspaces, IS_NAMED)))
    .where(IN_ORGANIZATION),
)
_ORGANIZATION_SEAT = (
    organizations.c.slug.label("organization"),
    organizations.c.owner_id.label("organization_owner_id"),
)
_SEATS = Query(
    ProvisionedSeatRow,
    union_all(
        select(
            *_ORGANIZATION_SEAT,
            null().label("workspace"),
            organizations.c.owner_id,
            organization_members.c.role,
            null().label("pilotage_role"),
        )
        .join_from(organization_members, organizations)
        .where(is_given(organization_members.c.user_id), organizations.c.trash_id.is_(None)),
        select(
            *_ORGANIZATION_SEAT,
            workspaces.c.slug,
            workspaces.c.owner_id,
            workspace_members.c.role,
            workspace_members.c.pilotage_role,
        )
        .join_from(workspace_members, workspaces)
        .join(organizations)
        .where(is_given(workspace_members.c.user_id), workspaces.c.trash_id.is_(None)),
    ),
)
"""The seats of a user in organizations, in whose rows the workspace is null, and in workspaces."""

_Slugs = tuple[str, str | None]
_Roles = dict[_Slugs, tuple[str, str | None]]


@attrs.frozen
class Membership:
    """A user's membership in a workspace, as the host wants it.

    Attributes:
        organization: The slug of the organization.
        workspace: The slug of the workspace.
        role: The role in the workspace. A guest sees only the projects that they are a member of.
        organization_role: The role in the organization. An admin has access to all of its workspaces. A user with the role
            ``guest`` in all workspaces is a guest of the organization, unless this is ``admin``.
        pilotage_role: The role in the workspace's pilotage.
    """

    organization: str
    workspace: str
    role: WorkspaceRole = "member"
    organization_role: MemberRole = "member"
    pilotage_role: PilotageRole = "viewer"


def provision(
    units: Units,
    external_id: str,
    memberships: Sequence[Membership],
    email: str | None,
    name: str | None,
    connection: Connection | None,
    manages: Callable[[str], bool] | None = None,
) -> Actor:
    """Create or update a user of the host and memberships; see ``Core.provision`` and ``Core.set_memberships``.

    Args:
        units: Opens the units of work.
        external_id: The id of the user in the host's application.
        memberships: The organizations, the workspaces and the roles that the user gets.
        email: The address; None keeps the current one.
        name: The name; None keeps the current one.
        connection: The host's connection, in whose transaction everything is written; None opens transactions.
        manages: Returns whether other memberships in an organization end, by its slug. New organizations then belong to
            an account of their own. By default, other memberships stay, and the user owns new organizations.

    Raises:
        Invalid: An organization or a workspace is listed with two roles.
    """
    roles = _collect_roles(memberships)
    actor = map_user(units, external_id, email, name, connection, has_home=not memberships)
    assert actor.user_id is not None
    find = partial(_find_differences, roles=roles, user_id=actor.user_id, manages=manages)

    def work(uow: UnitOfWork) -> None:
        missing, surplus = find(uow)
        changed = {slugs[0] for slugs in missing} | {seat.organization for seat in surplus}
        for organization in sorted(changed):
            lock_organization(uow, OrganizationRef(organization))
        for seat in surplus:
            with suppress(NotFound):
                _end_membership(
                    uow, seat.organization, seat.workspace, uow.user_id, seat.organization_owner_id
                )
        for membership in memberships:
            if {(membership.organization, None), (membership.organization, membership.workspace)} & {
                *missing
            }:
                organization_role = roles[membership.organization, None][0]
                _establish(uow, membership, organization_role, is_owner=manages is None)

    if any(units.run(find, NOBODY, connection, read_only=True)):
        try:
            units.run(work, actor, connection)
        except Conflict as error:
            if error.code != "duplicate_slug":
                raise
            # Another thread has created the organization at the same moment.
            units.run(work, actor, connection)
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
        user = find_user_by_external_id(uow, external_id)
        user_id = None if user is None else user.id
        target = Membership(organization, workspace or "")
        row = None if user_id is None else _load(uow, membership=target, user_id=user_id)
        if user_id is None or row is None or row.organization_role is None:
            return False
        try:
            _end_membership(uow, organization, workspace, user_id, row.owner_id)
        except NotFound:
            return False
        return True

    return units.run(work, NOBODY, connection)


def _collect_roles(memberships: Sequence[Membership]) -> _Roles:
    """Return the roles in organizations and in workspaces, by slugs."""
    roles: _Roles = {}
    for item in memberships:
        for slugs, seat in (
            ((item.organization, None), (item.organization_role, None)),
            ((item.organization, item.workspace), (item.role, item.pilotage_role)),
        ):
            if roles.setdefault(slugs, seat) != seat:
                raise invalid(("memberships", f"must not give a user two roles in {slugs[1] or slugs[0]}"))
    members = {item.organization for item in memberships if item.role != "guest"}
    for item in memberships:
        if item.organization not in members and item.organization_role == "member":
            roles[item.organization, None] = ("guest", None)
    return roles


def _find_differences(
    uow: UnitOfWork, roles: _Roles, user_id: str, manages: Callable[[str], bool] | None
) -> tuple[list[_Slugs], list[ProvisionedSeatRow]]:
    """Return the slugs of the seats that a user lacks, and the seats to end. What the user owns stays."""
    seats = {
        (seat.organization, seat.workspace): seat
        for seat in _SEATS.all(uow.connection, {"_user_id": user_id})
    }
    # The owner of a workspace stays more than a guest, and so does anyone whose other memberships stay.
    stays = manages is None or any(seat.owner_id == user_id for seat in seats.values())
    held = {
        slugs
        for slugs, seat in seats.items()
        if seat.owner_id == user_id
        or (seat.role, seat.pilotage_role) == roles.get(slugs)
        or (stays and seat.role == "member" and roles.get(slugs) == ("guest", None))
    }
    surplus = [
        seat
        for slugs, seat in seats.items()
        if manages is not None
        and slugs not in roles
        # A member who leaves an organization leaves its workspaces.
        and (seat.workspace is None or (seat.organization, None) in roles)
        and user_id not in (seat.owner_id, seat.organization_owner_id)
        and manages(seat.organization)
    ]
    return [slugs for slugs in roles if slugs not in held], surplus


def _end_membership(
    uow: UnitOfWork, organization: str, workspace: str | None, user_id: str, owner_id: str
) -> None:
    """Remove a user from a workspace, or from an organization, as its owner."""
    with uow.caused_by(None, Actor(owner_id, acts_for_host=True)):
        if workspace is None:
            remove_organization_member(uow, OrganizationMemberRef(organization, user_id))
        else:
            remove_workspace_member(uow, WorkspaceMemberRef(organization, workspace, user_id))


def _establish(uow: UnitOfWork, membership: Membership, organization_role: str, *, is_owner: bool) -> None:
    """Create what is missing of a membership, and set the roles, as the owner of the organization."""
    is_guest = organization_role == "guest"
    user_id = uow.user_id
    organization_ref = OrganizationRef(membership.organization)
    place = WorkspaceRef(membership.organization, membership.workspace)
    row = _load(uow, membership, user_id)
    if row is None:
        new_organization = CreateOrganization(name=membership.organization, slug=membership.organization)
        owner_id = user_id
        if not is_owner:
            owner_id = create_user(uow, None, default_name(new_organization.slug), has_home=False).id
        with uow.caused_by(None, Actor(owner_id, acts_for_host=True)):
            create_organization(uow, Ref(), new_organization)
    else:
        lock_organization(uow, organization_ref)
    row = _require(uow, membership, user_id)
    with uow.caused_by(None, Actor(row.owner_id, acts_for_host=True)):
        if row.organization_role is None:
            join_organization(uow, row.id, user_id, "guest" if is_guest else "member")
        is_kept = is_guest and row.organization_role != "admin"
        if (
            not is_kept
            and user_id != row.owner_id
            and (row.organization_role or "member") != membership.organization_role
        ):
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
        roles = (membership.role, membership.pilotage_role)
        if user_id != row.workspace_owner_id and roles != (row.role, row.pilotage_role):
            seat = WorkspaceMemberRef(membership.organization, membership.workspace, user_id)
            new_roles = UpdateWorkspaceMember(role=membership.role, pilotage_role=membership.pilotage_role)
            update_workspace_member(uow, seat, new_roles)
        if is_guest:
            adapt_organization_role(uow, row.id, user_id, "guest")


def _require(uow: UnitOfWork, membership: Membership, user_id: str) -> ProvisionedRow:
    row = _load(uow, membership, user_id)
    if row is None:
        raise NotFound("Organization not found")
    return row


def _load(uow: UnitOfWork, membership: Membership, user_id: str) -> ProvisionedRow | None:
    parameters = {
        "_org_slug": membership.organization,
        "_ws_slug": membership.workspace,
        "_user_id": user_id,
    }
    return _MEMBERSHIP.first(uow.connection, parameters)
