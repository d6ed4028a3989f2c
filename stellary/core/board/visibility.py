"""The projects that a caller sees: the only condition of lists that span several projects."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Select, and_, literal, select

from stellary.core.accounts import project_sight
from stellary.core.accounts.audience import is_reachable, seen_by
from stellary.core.board.tables import projects
from stellary.core.db.base import IdType, is_among
from stellary.core.kernel.unit import UnitOfWork

_WORKSPACES = select(projects.c.workspace_id).where(is_among(projects.c.id))


def sees_project(user_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a user sees a project: it is in a workspace that they have access to, and not hidden.

    Args:
        user_id: The parameter with the id of the user.
    """
    return and_(
        projects.c.workspace_id.in_(seen_by(user_id)),
        is_reachable(projects.c.workspace_id),
        project_sight.sees_project(user_id, projects.c.id, projects.c.workspace_id),
    )


def select_seen_projects(
    uow: UnitOfWork,
    workspace_id: str | None = None,
    ids: Collection[str] | None = None,
    *,
    with_archived: bool = False,
) -> Select[str]:
    """Return a statement for the ids of the projects that the caller sees.

    Args:
        workspace_id: The only workspace whose projects are selected; None for all workspaces.
        ids: The only projects that are selected; None for all.
        with_archived: Whether archived projects are selected too.
    """
    rows = select(projects.c.id).where(sees_project(literal(uow.principal_id, IdType)))
    if not with_archived:
        rows = rows.where(~projects.c.archived)
    limits = uow.actor.agent_limits
    if limits is not None:
        workspace_id = workspace_id or limits.workspace_id
    only = project_sight.find_sight(uow.actor).only
    if only is not None:
        rows = rows.where(projects.c.id.in_(only))
    if workspace_id is not None:
        rows = rows.where(projects.c.workspace_id == workspace_id)
    return rows if ids is None else rows.where(projects.c.id.in_(ids))


def load_workspace_ids(uow: UnitOfWork, project_ids: Collection[str]) -> set[str]:
    """Return the ids of the workspaces of projects.

    Args:
        project_ids: The ids of the projects.
    """
    return set(uow.connection.execute(_WORKSPACES, {"_ids": list(project_ids)}).scalars())
