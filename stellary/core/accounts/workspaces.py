"""Workspaces, containers of projects and a pilotage, and their members. Sections Workspaces and Workspace Members."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, delete, or_, select, update

from stellary.contract.endpoint import Ok
from stellary.contract.fields import build_value, convert, get_set_fields, replace_fields, update_value
from stellary.contract.organizations import MemberRemoved
from stellary.contract.refs import WorkspaceMemberRef, WorkspaceRef, WorkspacesRef
from stellary.contract.wire import UNSET, Listing, Paged, invalid
from stellary.contract.workspaces import (
    CREATE_WORKSPACE,
    DELETE_WORKSPACE,
    GET_WORKSPACE,
    LIST_WORKSPACE_MEMBERS,
    LIST_WORKSPACES,
    REMOVE_WORKSPACE_MEMBER,
    UPDATE_WORKSPACE,
    UPDATE_WORKSPACE_MEMBER,
    CreateWorkspace,
    UpdatedWorkspaceMember,
    UpdateWorkspace,
    UpdateWorkspaceMember,
    Workspace,
    WorkspaceMember,
)
from stellary.core.accounts import access, leaving, people, rules
from stellary.core.accounts.access_checks import Loaded
from stellary.core.accounts.deleted_containers import put_container
from stellary.core.accounts.joining import adapt_organization_role, add_workspace_owner, mark_guests
from stellary.core.accounts.locks import lock_organization, lock_seats
from stellary.core.accounts.member_rows import WORKSPACE, WORKSPACE_MEMBER, workspace_value
from stellary.core.accounts.project_sight import knows
from stellary.core.accounts.row_types import ListedWorkspaceRow, LoadedWorkspaceMemberRow, WorkspaceMemberRow
from stellary.core.accounts.rules import CallerRoles
from stellary.core.accounts.tables import users, workspace_members, workspaces
from stellary.core.db.base import is_given
from stellary.core.kernel.events import AdminRightsLost, BecameGuest, WorkspaceLeft
from stellary.core.kernel.item_changes import emit_change, emit_organization_change
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import delete_row

_MINE = and_(workspace_members.c.workspace_id == workspaces.c.id, is_given(workspace_members.c.user_id))
_LIST = Pages(
    ListedWorkspaceRow,
    select(*workspaces.c, workspace_members.c.role, workspace_members.c.pilotage_role)
    .select_from(workspaces.outerjoin(workspace_members, _MINE))
    .where(
        is_given(workspaces.c.organization_id),
        workspaces.c.trash_id.is_(None),
        # The same condition as the rule ``reaches``.
        or_(workspace_members.c.role.is_not(None), and_(bindparam("_leads"), ~workspaces.c.is_personal)),
    ),
    workspaces.c.id,
)
_MEMBERS = Pages(
    WorkspaceMemberRow,
    select(*workspace_members.c, users.c.email, users.c.name, users.c.deactivated_at)
    .join_from(workspace_members, users)
    .where(
        is_given(workspace_members.c.workspace_id),
        knows(bindparam("_user_id"), workspace_members.c.user_id, bindparam("_workspace_id")),
    ),
    workspace_members.c.user_id,
)
_MEMBER = (is_given(workspace_members.c.workspace_id), is_given(workspace_members.c.user_id, "member_id"))
_UPDATE = update(workspace_members).where(*_MEMBER)
_DELETE = delete(workspace_members).where(*_MEMBER)


@serves(CREATE_WORKSPACE)
def create_workspace(uow: UnitOfWork, ref: WorkspacesRef, request: CreateWorkspace) -> Workspace:
    """Create a workspace. The caller becomes its owner, with the roles of an admin and a pilotage owner.

    Raises:
        Conflict: The slug is taken in the organization.
    """
    lock_organization(uow, ref)
    organization = access.organization(uow, ref).row
    workspace = build_value(
        Workspace,
        request,
        id=uow.new_id(),
        organization_id=organization.id,
        owner_id=uow.user_id,
        is_personal=False,
        my_role="admin",
        my_pilotage_role="owner",
        pilotage_cycle="v1",
        created_at=uow.now,
        updated_at=uow.now,
    )
    WORKSPACE.insert(uow, workspace)
    add_workspace_owner(uow, [workspace.id], workspace.owner_id)
    emit_organization_change(uow, organization.id, None, workspace)
    return workspace


@serves(LIST_WORKSPACES)
def list_workspaces(uow: UnitOfWork, ref: WorkspacesRef, request: Paged) -> Listing[Workspace]:
    """Return the workspaces that the caller has access to, oldest first."""
    loaded = access.organization(uow, ref)

    def convert(row: ListedWorkspaceRow) -> Workspace:
        roles = CallerRoles(
            user_id=loaded.roles.user_id,
            organization_id=row.organization_id,
            org_role=loaded.roles.org_role,
            workspace_id=row.id,
            is_personal=row.is_personal,
            ws_role=row.role,
            pilotage_role=row.pilotage_role,
        )
        return workspace_value(row, roles)

    return _LIST.fetch(
        uow,
        request,
        convert,
        _organization_id=loaded.row.id,
        _user_id=uow.user_id,
        _leads=loaded.roles.leads_organization,
    )


@serves(GET_WORKSPACE)
def get_workspace(uow: UnitOfWork, ref: WorkspaceRef) -> Workspace:
    """Return one workspace, with the caller's effective roles."""
    loaded = access.workspace(uow, ref)
    return workspace_value(loaded.row, loaded.roles)


@serves(UPDATE_WORKSPACE)
def update_workspace(uow: UnitOfWork, ref: WorkspaceRef, request: UpdateWorkspace) -> Workspace:
    """Update the name, the slug or the pilotage cycle of a workspace.

    Raises:
        Conflict: The slug is taken in the organization.
    """
    loaded = access.workspace(uow, ref)
    before = workspace_value(loaded.row, loaded.roles)
    after = update_value(before, request, uow.now)
    if after is not before:
        WORKSPACE.update(uow, before, after)
        emit_change(uow, after.id, before, after)
    return after


@serves(DELETE_WORKSPACE)
def delete_workspace(uow: UnitOfWork, ref: WorkspaceRef) -> Ok:
    """Move a workspace with all its contents to the trash.

    Raises:
        Conflict: It is a personal workspace.
    """
    # The record of the deletion refers to the organization.
    lock_organization(uow, ref)
    loaded = access.workspace(uow, ref)
    rules.check_shared(is_personal=loaded.row.is_personal)
    workspace = workspace_value(loaded.row, loaded.roles)
    put_container(uow, workspace)
    emit_organization_change(uow, workspace.organization_id, workspace, None)
    return Ok()


@serves(LIST_WORKSPACE_MEMBERS)
def list_workspace_members(uow: UnitOfWork, ref: WorkspaceRef, request: Paged) -> Listing[WorkspaceMember]:
    """Return the members in the order in which their accounts were created, without implicit admins; for guests, those they know."""
    ids = {"_workspace_id": access.workspace(uow, ref).row.id, "_user_id": uow.principal_id}
    return _MEMBERS.fetch(uow, request, WORKSPACE_MEMBER.to_value, **ids)


@serves(UPDATE_WORKSPACE_MEMBER)
def update_workspace_member(
    uow: UnitOfWork, ref: WorkspaceMemberRef, request: UpdateWorkspaceMember
) -> UpdatedWorkspaceMember:
    """Change a member's role in the workspace or in its pilotage.

    Args:
        uow: A unit that may write.
        ref: The member.
        request: What is to change.

    Returns:
        The member, and the numbers of items that ended if the member is no longer an admin.

    Raises:
        Invalid: A guest is to have a role in the pilotage.
        Conflict: The member owns the workspace.
    """
    lock_seats(uow, ref)
    loaded = access.workspace_member(uow, ref)
    before = WORKSPACE_MEMBER.to_value(loaded.row)
    after = replace_fields(before, **get_set_fields(request, WorkspaceMember))
    if after.role == "guest":
        if request.pilotage_role not in (UNSET, "viewer"):
            raise invalid(("pilotageRole", "must be viewer for guests"))
        after = replace_fields(after, pilotage_role="viewer")
    rules.check_workspace_member(loaded.roles.workspace_owner_id == before.user_id, before, after)
    if changes := WORKSPACE_MEMBER.to_changes(before, after):
        keys = {"_workspace_id": loaded.roles.workspace_id, "_member_id": after.user_id}
        uow.connection.execute(_UPDATE, {**keys, **changes})
        emit_change(uow, loaded.roles.workspace_id, before, after)
    if before.role != after.role and "guest" in (before.role, after.role):
        adapt_organization_role(uow, loaded.roles.organization_id, after.user_id, after.role)
        uow.send_on_commit(ACCESS)
    _emit_rights_lost(uow, loaded, before.role, after.role)
    return convert(UpdatedWorkspaceMember, after, ended=leaving.settle_ended_rights(uow))


@serves(REMOVE_WORKSPACE_MEMBER)
def remove_workspace_member(uow: UnitOfWork, ref: WorkspaceMemberRef) -> MemberRemoved:
    """Remove a member, or leave the workspace. The member also leaves its projects, and is unassigned from its cards.

    Args:
        uow: A unit that may write.
        ref: The member.

    Returns:
        The numbers of items that ended with the membership.

    Raises:
        Conflict: The member owns the workspace.
    """
    lock_seats(uow, ref)
    loaded = access.workspace_member(uow, ref)
    member = WORKSPACE_MEMBER.to_value(loaded.row)
    rules.check_workspace_member(loaded.roles.workspace_owner_id == member.user_id, member, None)
    workspace_id = loaded.roles.workspace_id
    delete_row(uow, _DELETE, {"_workspace_id": workspace_id, "_member_id": loaded.row.user_id}, "Member")
    emit_change(uow, workspace_id, member, None)
    people.emit_rights_lost(uow, WorkspaceLeft, workspace_id, loaded.row.user_id, _owner_id(loaded))
    if loaded.row.member_org_role == "guest":
        leaving.end_seat(uow, loaded.roles.organization_id, loaded.row.user_id, is_guest=True)
    return MemberRemoved(ended=leaving.settle_ended_rights(uow))


def _emit_rights_lost(
    uow: UnitOfWork, loaded: Loaded[LoadedWorkspaceMemberRow], before: str, after: str
) -> None:
    """Emit that the member is no longer an admin, or a guest now, unless a role in the organization makes them an admin."""
    workspace_id = loaded.roles.workspace_id
    is_guest = after == "guest" and after != before
    if is_guest:
        mark_guests(uow, workspace_id)
    was_admin, is_admin = (
        rules.is_admin(loaded.row.member_org_role, role, is_personal=loaded.roles.is_personal)
        for role in (before, after)
    )
    if not is_admin and (was_admin or is_guest):
        event = BecameGuest if is_guest else AdminRightsLost
        people.emit_rights_lost(uow, event, workspace_id, loaded.row.user_id, _owner_id(loaded))


def _owner_id(loaded: Loaded[LoadedWorkspaceMemberRow]) -> str:
    owner_id = loaded.roles.workspace_owner_id
    assert owner_id is not None
    return owner_id
