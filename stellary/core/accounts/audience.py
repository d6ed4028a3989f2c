"""The audience of a workspace: who sees it, as parts that other areas' statements are built of.

The same as ``Standing.sees_workspace``, for people who are not the caller.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, ScalarSelect, Select, and_, or_, select, union_all

from stellary.core.accounts.tables import organization_members, users, workspace_members, workspaces

USER_ID: ColumnElement[str] = users.c.id
USER_NAME: ColumnElement[str] = users.c.name
USER_EMAIL: ColumnElement[str] = users.c.email

_LEADS = organization_members.c.role.in_(("owner", "admin"))
_LED = and_(workspaces.c.organization_id == organization_members.c.organization_id, ~workspaces.c.is_personal)


def sees(user_id: ColumnElement[Any], workspace_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition that a user sees a workspace: cheap for a few users."""
    is_member = select(workspace_members.c.user_id).where(
        workspace_members.c.workspace_id == workspace_id, workspace_members.c.user_id == user_id
    )
    leads = (
        select(organization_members.c.user_id)
        .join_from(organization_members, workspaces, _LED)
        .where(workspaces.c.id == workspace_id, organization_members.c.user_id == user_id, _LEADS)
    )
    return or_(is_member.exists(), leads.exists())


def audience(workspace_id: ColumnElement[Any]) -> CompoundSelect[str]:
    """The ids of all who see a workspace; somebody may come twice."""
    return union_all(
        select(workspace_members.c.user_id).where(workspace_members.c.workspace_id == workspace_id),
        select(organization_members.c.user_id)
        .join_from(organization_members, workspaces, _LED)
        .where(workspaces.c.id == workspace_id, _LEADS),
    )


def seen_by(user_id: ColumnElement[Any]) -> CompoundSelect[str]:
    """The ids of all workspaces that a user sees; one may come twice."""
    return union_all(
        select(workspace_members.c.workspace_id).where(workspace_members.c.user_id == user_id),
        select(workspaces.c.id)
        .join_from(organization_members, workspaces, _LED)
        .where(organization_members.c.user_id == user_id, _LEADS),
    )


def people(*columns: ColumnElement[Any]) -> Select[Any]:
    """A statement over users, to be narrowed by who else may know them."""
    return select(*columns).select_from(users)


def name_of(user_id: ColumnElement[Any]) -> ScalarSelect[str]:
    """What a user is called; null for an id that is no user's."""
    return select(users.c.name).where(users.c.id == user_id).scalar_subquery()
