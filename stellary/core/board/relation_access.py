"""The access check for a relation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import FromClause, and_, bindparam

from stellary.contract.errors import NotFound
from stellary.contract.refs import Ref, RelationRef
from stellary.core.accounts.access_checks import (
    WORKSPACE_ID,
    Loaded,
    check_role,
    load_with_roles,
    through_workspace,
)
from stellary.core.board.tables import cards, projects, relations
from stellary.core.kernel.unit import UnitOfWork

_target = cards.alias("target")


def _to_relation(source: FromClause) -> FromClause:
    return (
        source.outerjoin(relations, relations.c.id == bindparam("_relation_id"))
        .outerjoin(cards, cards.c.id == relations.c.source_id)
        .outerjoin(_target, _target.c.id == relations.c.target_id)
        .outerjoin(
            projects, and_(projects.c.id == cards.c.project_id, projects.c.workspace_id == WORKSPACE_ID)
        )
    )


_RELATION = through_workspace(
    projects.c.id.label("of_project"),
    _target.c.project_id.label("of_other_project"),
    relations.c.id,
    relations.c.source_id,
    relations.c.target_id,
    relations.c.type,
    joins=_to_relation,
)


def relation(uow: UnitOfWork, ref: RelationRef) -> Loaded[Any]:
    """Check access to a relation, by its flat path or below the project of one of its cards.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such relation (of a card of that project).
    """
    row, roles = load_with_roles(uow, _RELATION, ref, _relation_id=ref.relation_id)
    check_role(uow, roles)
    if row.of_project is None or ref.project_id not in (None, row.of_project, row.of_other_project):
        raise NotFound("Relation not found")
    return Loaded(row, roles)


ACCESS_BY_REF: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {RelationRef: relation}
