"""The beginning of a user's membership in an organization and in a workspace."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Table,
    and_,
    bindparam,
    exists,
    insert,
    literal,
    or_,
    select,
    update,
)

from stellary.contract.fields import replace_fields
from stellary.contract.roles import WorkspaceRole
from stellary.core.accounts.member_rows import OF_USER, ORGANIZATION_MEMBER, WORKSPACE_MEMBER, select_user
from stellary.core.accounts.row_types import OrganizationMemberRow
from stellary.core.accounts.subscribers import build_mark
from stellary.core.accounts.tables import organization_members, users, workspace_members, workspaces
from stellary.core.db.base import IdType, UtcDateTime, is_given
from stellary.core.db.direct_connection import queue_rows, queue_statement
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.item_changes import emit_change, emit_organization_change
from stellary.core.kernel.unit import UnitOfWork

_USER_ID = bindparam("_user_id", type_=IdType)


def _build_joining(
    members: Table, container: str, **columns: ColumnElement[Any]
) -> tuple[Executable, Query[RowType]]:
    """Return the statements that insert a member with the role ``_role`` at the time ``_now``, unless it exists, and that read it.

    Args:
        members: The table of the members.
        container: The column of what the user becomes a member of, whose value is a parameter like that of the user.
        **columns: The values of further columns.
    """
    container_id = bindparam(f"_{container}", type_=IdType)
    role = bindparam("_role", type_=members.c.role.type)
    now = bindparam("_now", type_=UtcDateTime)
    is_seat = and_(members.c[container] == container_id, members.c.user_id == _USER_ID)
    values = {container: container_id, "user_id": _USER_ID, "role": role, "created_at": now, **columns}
    missing = select(*values.values()).where(~exists().where(is_seat))
    seat = select(*members.c, *OF_USER.values()).join_from(members, users).where(is_seat)
    insertion = insert(members).from_select([*values], missing).returning(members.c.user_id)
    return insertion, Query(RowType, seat)


_INSERT_ORGANIZATION_MEMBER = insert(organization_members)
_INSERT_WORKSPACE_MEMBER = insert(workspace_members)
_IS_SEAT = and_(is_given(organization_members.c.organization_id), organization_members.c.user_id == _USER_ID)
_JOIN_ORGANIZATION, _ORGANIZATION_SEAT = _build_joining(organization_members, "organization_id")
HAS_SEATS = exists().where(
    workspace_members.c.user_id == _USER_ID,
    workspace_members.c.workspace_id == workspaces.c.id,
    is_given(workspaces.c.organization_id),
)
"""The condition that the user ``_user_id`` is a member of a workspace of the organization ``_organization_id``."""
_IS_ONLY_GUEST = ~HAS_SEATS.where(workspace_members.c.role != "guest")
_FORMER = bindparam("_former", type_=organization_members.c.role.type)
_ADAPT = Query(
    OrganizationMemberRow,
    update(organization_members)
    .where(_IS_SEAT, organization_members.c.role == _FORMER, or_(_FORMER == "guest", _IS_ONLY_GUEST))
    .values(role=bindparam("_role"))
    .returning(*organization_members.c, *select_user(_USER_ID)),
)
_MARK_GUESTS = build_mark("has_guests")
_JOIN_WORKSPACE, _WORKSPACE_SEAT = _build_joining(
    workspace_members, "workspace_id", pilotage_role=literal("viewer")
)


def add_organization_owner(uow: UnitOfWork, organization_id: str, user_id: str) -> None:
    """Make a user the owner of a new organization.

    Args:
        organization_id: The organization.
        user_id: The user.
    """
    member = {"organization_id": organization_id, "user_id": user_id, "role": "owner", "created_at": uow.now}
    uow.connection.execute(_INSERT_ORGANIZATION_MEMBER, member)


def add_workspace_owner(uow: UnitOfWork, workspace_ids: Collection[str], user_id: str) -> None:
    """Make a user a member of workspaces with the roles of an owner: admin, and owner of the pilotage.

    Args:
        workspace_ids: The workspaces, of which the user is no member; may be empty.
        user_id: The user.
    """
    member = {"user_id": user_id, "role": "admin", "pilotage_role": "owner", "created_at": uow.now}
    members = [{"workspace_id": workspace_id, **member} for workspace_id in workspace_ids]
    if members:
        queue_rows(uow.connection, _INSERT_WORKSPACE_MEMBER, members)


def join_organization(uow: UnitOfWork, organization_id: str, user_id: str, role: WorkspaceRole) -> None:
    """Make a user a member or guest of an organization; a member keeps the present role. Lock the organization before.

    Args:
        organization_id: The organization.
        user_id: The new member.
        role: The role that the user gets in a workspace.
    """
    parameters: dict[str, object] = {"_organization_id": organization_id, "_user_id": user_id}
    parameters |= {"_role": "guest" if role == "guest" else "member", "_now": uow.now}
    joined = queue_statement(uow.connection, _JOIN_ORGANIZATION, parameters)
    seat = _ORGANIZATION_SEAT.queue(uow.connection, parameters)
    if joined.fetch_rows():
        emit_organization_change(uow, organization_id, None, ORGANIZATION_MEMBER.to_value(seat.all()[0]))


def join_workspace(
    uow: UnitOfWork, workspace_id: str, user_id: str, role: WorkspaceRole, **meta: object
) -> None:
    """Make a member of the organization a member of a workspace, with the pilotage role ``viewer``.

    Args:
        uow: A unit that may write, and has locked the workspace.
        workspace_id: The workspace.
        user_id: The user; a member keeps the present roles.
        role: The role of a new member.
        **meta: Further details of the activity.
    """
    parameters = {"_workspace_id": workspace_id, "_user_id": user_id, "_role": role, "_now": uow.now}
    joined = queue_statement(uow.connection, _JOIN_WORKSPACE, parameters)
    seat = _WORKSPACE_SEAT.queue(uow.connection, parameters)
    if joined.fetch_rows():
        if role == "guest":
            mark_guests(uow, workspace_id)
        emit_change(uow, workspace_id, None, WORKSPACE_MEMBER.to_value(seat.all()[0]), **meta)


def mark_guests(uow: UnitOfWork, workspace_id: str) -> None:
    """Record that a workspace has a guest. The flag is never reset: without guests, it only costs statements.

    Args:
        workspace_id: The workspace.
    """
    uow.connection.execute(_MARK_GUESTS, {"_workspace_id": workspace_id})
    uow.shared_places.discard(workspace_id)


def adapt_organization_role(uow: UnitOfWork, organization_id: str, user_id: str, role: WorkspaceRole) -> bool:
    """Adapt the role in an organization to a new role in a workspace. Lock the organization before.

    A guest who gets another role becomes a member of the organization. A member who is only a guest from now on becomes a guest.

    Args:
        organization_id: The organization.
        user_id: The user.
        role: The new role in the workspace.

    Returns:
        Whether the role in the organization has changed.
    """
    former, current = ("member", "guest") if role == "guest" else ("guest", "member")
    parameters = {
        "_organization_id": organization_id,
        "_user_id": user_id,
        "_former": former,
        "_role": current,
    }
    row = _ADAPT.first(uow.connection, parameters)
    if row is not None:
        after = ORGANIZATION_MEMBER.to_value(row)
        emit_organization_change(uow, organization_id, replace_fields(after, role=former), after)
    return row is not None
