"""Filters by ids: an unknown id is a 400 instead of an empty list.

Lists check the ids only when they are empty, since a match proves that the ids of its filters exist.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Select, Table, bindparam, select

from stellary.core.accounts.rules import CallerRoles
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards, columns, labels, projects, scopes
from stellary.core.db.base import is_given
from stellary.core.kernel.unit import UnitOfWork

_ID: BindParameter[str] = bindparam("_id")
_IN_CURRENT_WORKSPACE = is_given(projects.c.workspace_id)
_PROJECT = select(projects.c.id).where(projects.c.id == _ID, _IN_CURRENT_WORKSPACE)


def _within_project(table: Table) -> Select[Any]:
    return select(projects.c.id).join_from(table, projects).where(table.c.id == _ID, _IN_CURRENT_WORKSPACE)


_IN_WORKSPACE = {"cardId": _within_project(cards), "scopeId": _within_project(scopes), "projectId": _PROJECT}
_IN_PROJECT = {
    field: _within_project(table).where(is_given(table.c.project_id))
    for field, table in (("columnId", columns), ("scopeId", scopes), ("labelId", labels), ("cardId", cards))
}


def is_in_workspace(uow: UnitOfWork, roles: CallerRoles, field: str, id: str) -> bool:
    """Return whether a workspace has the project, the scope or the card that a filter names, and the caller sees it.

    Args:
        roles: The caller's roles in the workspace.
        field: The wire name of the filter: ``projectId``, ``scopeId`` or ``cardId``.
        id: The id in the request.
    """
    parameters = {"_workspace_id": roles.workspace_id, "_id": id}
    project_id = uow.connection.execute(_IN_WORKSPACE[field], parameters).scalar()
    return project_id is not None and roles.sight.sees(project_id)


def check_in_workspace(uow: UnitOfWork, roles: CallerRoles, field: str, id: str) -> None:
    """Check that the item that a filter names is in a workspace, and that the caller sees it.

    Args:
        roles: The caller's roles in the workspace.
        field: The field of the filter, in wire form: ``assigneeId``.
        id: The value of the filter.

    Raises:
        Invalid: The workspace has no such item.
    """
    if not is_in_workspace(uow, roles, field, id):
        raise unknown(field)


def is_in_project(uow: UnitOfWork, workspace_id: str, project_id: str, field: str, id: str) -> bool:
    """Return whether a project has the column, the scope, the label or the card that a filter names.

    Args:
        workspace_id: The workspace of the project.
        project_id: The project.
        field: The field of the filter, in wire form: ``columnId``.
        id: The value of the filter.
    """
    parameters = {"_workspace_id": workspace_id, "_project_id": project_id, "_id": id}
    return uow.connection.execute(_IN_PROJECT[field], parameters).first() is not None


def check_in_project(uow: UnitOfWork, workspace_id: str, project_id: str, field: str, id: str) -> None:
    """Check that the item that a filter names is in a project.

    Args:
        workspace_id: The workspace of the project.
        project_id: The project.
        field: The wire name of the filter: ``columnId``, ``scopeId``, ``labelId`` or ``cardId``.
        id: The id in the request.

    Raises:
        Invalid: The project has no such item.
    """
    if not is_in_project(uow, workspace_id, project_id, field, id):
        raise unknown(field)
