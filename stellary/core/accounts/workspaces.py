"""Workspaces: containers of projects and a pilotage. Section Workspaces of the API reference."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, or_, select

from stellary.contract.endpoint import Ok
from stellary.contract.fields import build_value, update_value
from stellary.contract.refs import WorkspaceRef, WorkspacesRef
from stellary.contract.wire import Listing, Paged
from stellary.contract.workspaces import (
    CREATE_WORKSPACE,
    DELETE_WORKSPACE,
    GET_WORKSPACE,
    LIST_WORKSPACES,
    UPDATE_WORKSPACE,
    CreateWorkspace,
    UpdateWorkspace,
    Workspace,
)
from stellary.core.accounts import access, rules
from stellary.core.accounts.deleted_containers import put_container
from stellary.core.accounts.joining import add_workspace_owner
from stellary.core.accounts.locks import lock_organization
from stellary.core.accounts.row_types import ListedWorkspaceRow, WorkspaceRow
from stellary.core.accounts.rules import CallerRoles
from stellary.core.accounts.tables import workspace_members, workspaces
from stellary.core.db.base import is_given
from stellary.core.kernel.item_changes import emit_change, emit_organization_change
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import NoColumns, StoredItems

FIRST_CYCLE = "v1"

_WORKSPACES = StoredItems(
    Workspace,
    workspaces,
    "Workspace",
    NoColumns,
    taken=lambda item: (f"the organization has a workspace {item.slug!r} already", "duplicate_slug"),
    computed=("my_role", "my_pilotage_role"),
    internal=("has_listeners", "has_change_rules", "has_guests", "has_watches", "trash_id"),
)
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
        pilotage_cycle=FIRST_CYCLE,
        created_at=uow.now,
        updated_at=uow.now,
    )
    _WORKSPACES.insert(uow, workspace)
    add_workspace_owner(uow, workspace.id, workspace.owner_id)
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
        _WORKSPACES.update(uow, before, after)
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


def workspace_value(row: WorkspaceRow, roles: CallerRoles) -> Workspace:
    """Convert a row to a workspace, with the effective roles of a caller who has access to it.

    Args:
        row: The row.
        roles: The caller's roles.
    """
    overrides = {"pilotage_cycle": ""} if roles.is_guest else {}
    return _WORKSPACES.to_value(
        row, my_role=roles.workspace_role, my_pilotage_role=roles.effective_pilotage_role, **overrides
    )
