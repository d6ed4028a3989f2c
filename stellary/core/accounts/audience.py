"""The audience of a workspace: who sees it, as parts that other areas' statements are built of.

The same as ``CallerRoles.sees_workspace``, for people who are not the caller.
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
    and_,
    or_,
    select,
    union_all,
)

from stellary.core.accounts.tables import organization_members, users, workspace_members, workspaces

_LEADS = organization_members.c.role.in_(("owner", "admin"))
_LED = and_(workspaces.c.organization_id == organization_members.c.organization_id, ~workspaces.c.is_personal)


@attrs.frozen
class _Way:
    """A way in which somebody comes to see a workspace: rows of a user and a workspace."""

    rows: Select[Any]
    user_id: ColumnElement[str]
    workspace_id: ColumnElement[str]

    def of(
        self, user_id: ColumnElement[Any] | None = None, workspace_id: ColumnElement[Any] | None = None
    ) -> Select[Any]:
        """Those of a user, or of a workspace, or both: what is not named is selected."""
        found = self.rows.with_only_columns(self.workspace_id if workspace_id is None else self.user_id)
        if user_id is not None:
            found = found.where(self.user_id == user_id)
        return found if workspace_id is None else found.where(self.workspace_id == workspace_id)


_WAYS = (
    _Way(select(workspace_members), workspace_members.c.user_id, workspace_members.c.workspace_id),
    _Way(
        select(organization_members).join(workspaces, _LED).where(_LEADS),
        organization_members.c.user_id,
        workspaces.c.id,
    ),
)
"""Who sees a workspace: its members; and who leads its organization, unless it is personal. The rule is said here."""


def sees(user_id: ColumnElement[Any], workspace_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition that a user sees a workspace: cheap for a few users."""
    return or_(*(way.of(user_id, workspace_id).exists() for way in _WAYS))


def seen_by(user_id: ColumnElement[Any]) -> CompoundSelect[str]:
    """The ids of all workspaces that a user sees; one may come twice."""
    return union_all(*(way.of(user_id=user_id) for way in _WAYS))


def audience(workspace_id: ColumnElement[Any]) -> Select[Any]:
    """All who see a workspace: ``id``, ``name``, ``email``."""
    ids = union_all(*(way.of(workspace_id=workspace_id) for way in _WAYS))
    return select(users.c.id, users.c.name, users.c.email).where(users.c.id.in_(ids))


def reviewers(workspace_id: ColumnElement[Any]) -> Select[str]:
    """The ids of those who review in a workspace: its pilotage reviewers and owners, and who leads the organization."""
    members, leaders = _WAYS
    reviewing = members.of(workspace_id=workspace_id).where(
        workspace_members.c.pilotage_role.in_(("reviewer", "owner"))
    )
    return select(users.c.id).where(
        users.c.id.in_(union_all(reviewing, leaders.of(workspace_id=workspace_id)))
    )


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
