"""The audience of a workspace: SQL conditions and statements for the users who have access to it.

They implement ``CallerRoles.sees_workspace`` for users other than the caller.
"""

from __future__ import annotations

from typing import Any

import attrs
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    ScalarSelect,
    Select,
    String,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from stellary.core.accounts.tables import organization_members, users, workspace_members, workspaces

IdColumn = ColumnElement[Any]
"""A column or a parameter with the id of a user, a workspace or a project."""
Condition = ColumnElement[bool]

ACTIVE: Condition = users.c.deactivated_at.is_(None)
"""The condition that a user has not been deactivated."""
LEADS = organization_members.c.role.in_(("owner", "admin"))
"""The condition that a member of an organization is its owner or an admin."""
_LED = and_(workspaces.c.organization_id == organization_members.c.organization_id, ~workspaces.c.is_personal)


@attrs.frozen
class _Way:
    """A source of access to workspaces, such as membership: a table with a user and a workspace per row."""

    rows: Select[Any]
    user_id: ColumnElement[str]
    workspace_id: ColumnElement[str]

    def of(self, user_id: IdColumn | None = None, workspace_id: IdColumn | None = None) -> Select[Any]:
        """Return a statement for the workspaces of a user, or the users of a workspace, or to check both."""
        statement = self.rows.with_only_columns(self.workspace_id if workspace_id is None else self.user_id)
        if user_id is not None:
            statement = statement.where(self.user_id == user_id)
        return statement if workspace_id is None else statement.where(self.workspace_id == workspace_id)

    def admits(self, user_id: IdColumn, workspace_id: IdColumn, *conditions: Condition) -> Condition:
        """Return the condition that a user has access to a workspace in this way, also within a subquery of a subquery."""
        statement = self.of(user_id, workspace_id).where(*conditions)
        return statement.exists().correlate_except(organization_members, workspace_members, workspaces)


_WAYS = (
    _Way(select(workspace_members), workspace_members.c.user_id, workspace_members.c.workspace_id),
    _Way(
        select(organization_members).join(workspaces, _LED).where(LEADS),
        organization_members.c.user_id,
        workspaces.c.id,
    ),
)
"""The users with access to a workspace: its members, and unless it is personal, the admins of its organization."""


_deletable = workspaces.alias("deletable")


def is_reachable(workspace_id: IdColumn) -> Condition:
    """Return the condition that a workspace is not in the trash, alone or with its organization.

    Args:
        workspace_id: The column with the id of the workspace.
    """
    return trash_id_of(workspace_id).is_(None)


def organization_of(workspace_id: IdColumn) -> ScalarSelect[str]:
    """Return a subquery for the id of the organization of a workspace."""
    is_this = workspaces.c.id == workspace_id
    return select(workspaces.c.organization_id).where(is_this).correlate_except(workspaces).scalar_subquery()


def trash_id_of(workspace_id: IdColumn) -> ScalarSelect[str | None]:
    """Return a subquery for the entry in the trash of a workspace; null unless it, or its organization, was deleted.

    Args:
        workspace_id: The column with the id of the workspace.
    """
    # An alias, since the statement may read workspaces too.
    return (
        select(_deletable.c.trash_id)
        .where(_deletable.c.id == workspace_id)
        .correlate_except(_deletable)
        .scalar_subquery()
    )


def sees(user_id: IdColumn, workspace_id: IdColumn) -> Condition:
    """Return the condition that a user has access to a workspace. Efficient for a few users.

    Args:
        user_id: The column or parameter with the id of the user.
        workspace_id: The column or parameter with the id of the workspace.
    """
    return or_(*(way.admits(user_id, workspace_id) for way in _WAYS))


def leads(user_id: IdColumn, workspace_id: IdColumn) -> Condition:
    """Return the condition that a user is an admin of a workspace, or of its organization unless it is personal.

    Args:
        user_id: The column or parameter with the id of the user.
        workspace_id: The column or parameter with the id of the workspace.
    """
    members, leaders = _WAYS
    is_admin = members.admits(user_id, workspace_id, workspace_members.c.role == "admin")
    return or_(is_admin, leaders.admits(user_id, workspace_id))


def select_leaders(workspace_id: IdColumn) -> Select[Any]:
    """Return a statement for the active admins of a workspace, as ``leads`` defines them: ``user_id``, ``role``, ``created_at``.

    Args:
        workspace_id: The parameter with the id of the workspace.
    """
    members, leaders = _WAYS
    by_role = members.of(workspace_id=workspace_id).where(workspace_members.c.role == "admin")
    rows = union_all(
        by_role.add_columns(workspace_members.c.created_at),
        leaders.of(workspace_id=workspace_id).add_columns(organization_members.c.created_at),
    ).subquery()
    role: ColumnElement[str] = literal_column("'manager'", String).label("role")
    since = func.min(rows.c.created_at, type_=rows.c.created_at.type).label("created_at")
    people = rows.join(users, users.c.id == rows.c.user_id)
    return select(rows.c.user_id, role, since).select_from(people).where(ACTIVE).group_by(rows.c.user_id)


def is_guest(user_id: IdColumn, workspace_id: IdColumn) -> Condition:
    """Return the condition that a user has the role of a guest in a workspace, maybe as an admin of its organization.

    Args:
        user_id: The column or parameter with the id of the user.
        workspace_id: The column or parameter with the id of the workspace.
    """
    return _WAYS[0].admits(user_id, workspace_id, workspace_members.c.role == "guest")


def seen_by(user_id: IdColumn) -> CompoundSelect[str]:
    """Return a statement for the ids of the workspaces that a user has access to; an id may occur twice."""
    return union_all(*(way.of(user_id=user_id) for way in _WAYS))


def audience(workspace_id: IdColumn) -> Select[Any]:
    """Return a statement for all users with access to a workspace: ``id``, ``name``, ``email``."""
    ids = union_all(*(way.of(workspace_id=workspace_id) for way in _WAYS))
    return select(users.c.id, users.c.name, users.c.email).where(users.c.id.in_(ids), ACTIVE)


def _reviewing(**place: IdColumn) -> CompoundSelect[str]:
    members, leaders = _WAYS
    is_reviewer = workspace_members.c.pilotage_role.in_(("reviewer", "owner"))
    return union_all(members.of(**place).where(is_reviewer), leaders.of(**place))


def reviewers(workspace_id: IdColumn) -> Select[str]:
    """Return a statement for the ids of a workspace's reviewers: pilotage reviewers and owners, and organization admins."""
    return select(users.c.id).where(users.c.id.in_(_reviewing(workspace_id=workspace_id)), ACTIVE)


def reviewed_by(user_id: IdColumn) -> CompoundSelect[str]:
    """Return a statement for the ids of the workspaces of which a user is a reviewer; an id may occur twice."""
    return _reviewing(user_id=user_id)


def with_access_flag(source: FromClause, user_id: IdColumn, workspace_id: IdColumn) -> Select[Any]:
    """Return a statement that adds two columns to the rows of ``source``: the user's ``name``, and the flag ``sees``.

    Args:
        source: The table or join whose columns are selected.
        user_id: The column of ``source`` with the id of the user. Rows whose user does not exist are left out.
        workspace_id: The column or parameter with the id of the workspace.
    """
    return select(
        *source.c, users.c.name, and_(ACTIVE, sees(users.c.id, workspace_id)).label("sees")
    ).join_from(source, users, users.c.id == user_id)


def by_ids(user_ids: IdColumn, *columns: IdColumn) -> Select[Any]:
    """Return a statement for the ids of existing users among ``user_ids``, an expanding parameter.

    Args:
        user_ids: The expanding parameter with the ids.
        *columns: Further columns to select after the id.
    """
    return select(users.c.id, *columns).where(users.c.id.in_(user_ids))


def name_of(user_id: IdColumn) -> ScalarSelect[str]:
    """Return a subquery for a user's name; null if the id is not a user's."""
    return select(users.c.name).where(users.c.id == user_id).scalar_subquery()


def name_of_member(user_id: IdColumn, workspace_id: IdColumn) -> ScalarSelect[str]:
    """Return a subquery for the name of an active user with access to a workspace, other than the user ``_user_id``.

    Args:
        user_id: The column with the id of the user.
        workspace_id: The column with the id of the workspace, of another table than ``workspaces``.
    """
    is_other = and_(users.c.id == user_id, users.c.id != bindparam("_user_id"))
    return select(users.c.name).where(is_other, ACTIVE, sees(users.c.id, workspace_id)).scalar_subquery()
