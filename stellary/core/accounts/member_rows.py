"""Conversion of rows to workspaces, to their members and those of organizations, and to invitations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from sqlalchemy import ColumnElement, select

from stellary.contract.organizations import OrganizationMember
from stellary.contract.workspaces import Invitation, Workspace, WorkspaceMember
from stellary.core.accounts.row_types import WorkspaceRow
from stellary.core.accounts.rules import CallerRoles
from stellary.core.accounts.tables import (
    invitations,
    organization_members,
    users,
    workspace_members,
    workspaces,
)
from stellary.core.db.row_fields import RowFields
from stellary.core.kernel.writes import NoColumns, StoredItems


class InvitationColumns(TypedDict):
    """The columns of a new invitation that are not fields."""

    workspace_id: str
    email_key: str
    token_digest: str


OF_USER: Mapping[str, ColumnElement[Any]] = {
    "email": users.c.email,
    "name": users.c.name,
    "deactivated_at": users.c.deactivated_at,
}
"""The columns of a member's user, by name."""

INVITATION = StoredItems(Invitation, invitations, "Invitation", InvitationColumns)
ORGANIZATION_MEMBER = RowFields(
    OrganizationMember, organization_members, selected=OF_USER, internal=("organization_id",)
)
WORKSPACE = StoredItems(
    Workspace,
    workspaces,
    "Workspace",
    NoColumns,
    taken=lambda item: (f"the organization has a workspace {item.slug!r} already", "duplicate_slug"),
    computed=("my_role", "my_pilotage_role"),
    internal=("has_listeners", "has_change_rules", "has_guests", "has_watches", "trash_id"),
)
WORKSPACE_MEMBER = RowFields(WorkspaceMember, workspace_members, selected=OF_USER, internal=("workspace_id",))


def select_user(user_id: ColumnElement[str]) -> list[ColumnElement[Any]]:
    """Return the columns of a user, for a statement that returns the row of a member.

    Args:
        user_id: The user, as a parameter of the statement.
    """
    return [
        select(column).where(users.c.id == user_id).scalar_subquery().label(name)
        for name, column in OF_USER.items()
    ]


def workspace_value(row: WorkspaceRow, roles: CallerRoles) -> Workspace:
    """Convert a row to a workspace, with the effective roles of a caller who has access to it.

    Args:
        row: The row.
        roles: The caller's roles.
    """
    overrides = {"pilotage_cycle": ""} if roles.is_guest else {}
    return WORKSPACE.to_value(
        row, my_role=roles.workspace_role, my_pilotage_role=roles.effective_pilotage_role, **overrides
    )
