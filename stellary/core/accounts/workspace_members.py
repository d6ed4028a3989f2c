"""Members of workspaces. Section Workspace Members of the API reference."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select, update

from stellary.contract.departures import MemberRemoved
from stellary.contract.fields import convert, get_set_fields, replace_fields
from stellary.contract.refs import WorkspaceMemberRef, WorkspaceRef
from stellary.contract.wire import UNSET, Listing, Paged, invalid
from stellary.contract.workspaces import (
    LIST_WORKSPACE_MEMBERS,
    REMOVE_WORKSPACE_MEMBER,
    UPDATE_WORKSPACE_MEMBER,
    UpdatedWorkspaceMember,
    UpdateWorkspaceMember,
    WorkspaceMember,
)
from stellary.core.accounts import access, leaving, people, rules
from stellary.core.accounts.access_checks import Loaded
from stellary.core.accounts.joining import adapt_organization_role, mark_guests
from stellary.core.accounts.locks import lock_seats
from stellary.core.accounts.member_rows import WORKSPACE_MEMBER
from stellary.core.accounts.project_sight import knows
from stellary.core.accounts.row_types import LoadedWorkspaceMemberRow, WorkspaceMemberRow
from stellary.core.accounts.tables import users, workspace_members
from stellary.core.db.base import is_given
from stellary.core.kernel.events import AdminRightsLost, BecameGuest, WorkspaceLeft
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import delete_row

_LIST = Pages(
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


@serves(LIST_WORKSPACE_MEMBERS)
def list_workspace_members(uow: UnitOfWork, ref: WorkspaceRef, request: Paged) -> Listing[WorkspaceMember]:
    """Return the members in the order in which their accounts were created, without implicit admins; for guests, those they know."""
    ids = {"_workspace_id": access.workspace(uow, ref).row.id, "_user_id": uow.principal_id}
    return _LIST.fetch(uow, request, WORKSPACE_MEMBER.to_value, **ids)


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
    _check(loaded, before, after)
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
    _check(loaded, member, None)
    workspace_id = loaded.roles.workspace_id
    assert workspace_id is not None
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
    assert workspace_id is not None
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


def _check(
    loaded: Loaded[LoadedWorkspaceMemberRow], before: WorkspaceMember, after: WorkspaceMember | None
) -> None:
    rules.check_workspace_member(
        loaded.roles.workspace_owner_id == before.user_id,
        (before.role, before.pilotage_role),
        None if after is None else (after.role, after.pilotage_role),
    )
