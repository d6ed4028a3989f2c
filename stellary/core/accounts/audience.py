"""The audience of a workspace: who sees it, as parts that other areas' statements are built of.

The same as ``Standing.sees_workspace``, for people who are not the caller.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    ScalarSelect,
    Select,
    and_,
    or_,
    select,
    union_all,
)

from stellary.core.accounts.tables import organization_members, users, workspace_members, workspaces

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


def seen_by(user_id: ColumnElement[Any]) -> CompoundSelect[str]:
    """The ids of all workspaces that a user sees; one may come twice."""
    return union_all(
        select(workspace_members.c.workspace_id).where(workspace_members.c.user_id == user_id),
        select(workspaces.c.id)
        .join_from(organization_members, workspaces, _LED)
        .where(organization_members.c.user_id == user_id, _LEADS),
    )


def audience(workspace_id: ColumnElement[Any]) -> Select[Any]:
    """All who see a workspace: ``id``, ``name``, ``email``."""
    members = select(workspace_members.c.user_id).where(workspace_members.c.workspace_id == workspace_id)
    leaders = (
        select(organization_members.c.user_id)
        .join_from(organization_members, workspaces, _LED)
        .where(workspaces.c.id == workspace_id, _LEADS)
    )
    return select(users.c.id, users.c.name, users.c.email).where(users.c.id.in_(union_all(members, leaders)))


def introduced(who: FromClause, user_id: ColumnElement[Any], workspace_id: ColumnElement[Any]) -> Select[Any]:
    """The people in ``who``, with their ``name``, and whether each ``sees`` the workspace."""
    return select(*who.c, users.c.name, sees(users.c.id, workspace_id).label("sees")).join_from(
        who, users, users.c.id == user_id
    )


def by_ids(user_ids: ColumnElement[Any], *columns: ColumnElement[Any]) -> Select[Any]:
    """The ids of those among ``user_ids``, an expanding parameter, who are users."""
    return select(users.c.id, *columns).where(users.c.id.in_(user_ids))


def name_of(user_id: ColumnElement[Any]) -> ScalarSelect[str]:
    """What a user is called; null for an id that is no user's."""
    return select(users.c.name).where(users.c.id == user_id).scalar_subquery()
