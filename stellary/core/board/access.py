"""The doors of the board: each reads a thing, its project and the caller's standing in one statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import FromClause, and_, bindparam

from stellary.contract.errors import NotFound
from stellary.contract.refs import LabelRef, ProjectRef, Ref
from stellary.core.accounts.access import WORKSPACE_ID, At, grant, reach, through_workspace
from stellary.core.board.tables import labels, project_members, projects
from stellary.core.unit import UnitOfWork

_IN_PROJECT = project_members.c.user_id.label("_in_project")


def _to_project(source: FromClause) -> FromClause:
    return source.outerjoin(
        projects, and_(projects.c.workspace_id == WORKSPACE_ID, projects.c.id == bindparam("_project_id"))
    ).outerjoin(
        project_members,
        and_(
            project_members.c.project_id == projects.c.id, project_members.c.user_id == bindparam("_user_id")
        ),
    )


def _to_label(source: FromClause) -> FromClause:
    # Not bound to the path's project: most paths of a label name none.
    return source.outerjoin(labels, labels.c.id == bindparam("_label_id")).outerjoin(
        projects, and_(projects.c.id == labels.c.project_id, projects.c.workspace_id == WORKSPACE_ID)
    )


_PROJECT = through_workspace(_IN_PROJECT, *projects.c, joins=_to_project)
_LABEL = through_workspace(projects.c.id.label("_project_id"), *labels.c, joins=_to_label)


def project(uow: UnitOfWork, ref: ProjectRef) -> At:
    """The door to a project.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such project.
        Forbidden: The caller's role is not enough.
    """
    row, standing = reach(uow, _PROJECT, ref, _project_id=ref.project_id)
    if row.id is None and uow.policy.role != "ws_read":
        # Who may manage depends on the project: what is not there cannot be refused.
        raise NotFound("Project not found")
    grant(uow, standing)
    if row.id is None:
        raise NotFound("Project not found")
    return At(row, standing)


def label(uow: UnitOfWork, ref: LabelRef) -> At:
    """The door to a label, by its flat path or below its project.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such label (in that project).
    """
    row, standing = reach(uow, _LABEL, ref, _label_id=ref.label_id)
    grant(uow, standing)
    if row._project_id is None or ref.project_id not in (None, row._project_id):
        raise NotFound("Label not found")
    return At(row, standing)


DOORS: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {ProjectRef: project, LabelRef: label}
