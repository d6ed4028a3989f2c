"""The access check for a relation."""

from __future__ import annotations

from sqlalchemy import and_

from stellary.contract.refs import RelationRef
from stellary.core.accounts.access_checks import WORKSPACE_ID, AccessCheck, Link, by_ref
from stellary.core.board.row_types import EdgeRow
from stellary.core.board.tables import cards, projects, relations

_target = cards.alias("target")

relation = AccessCheck(
    RelationRef,
    EdgeRow,
    Link(None, relations, "relation_id"),
    Link(None, cards, within=cards.c.id == relations.c.source_id),
    Link(None, _target, within=_target.c.id == relations.c.target_id),
    Link(
        "Relation",
        projects,
        within=and_(projects.c.id == cards.c.project_id, projects.c.workspace_id == WORKSPACE_ID),
        is_project=True,
    ),
    columns=(
        _target.c.project_id.label("of_other_project"),
        relations.c.id,
        relations.c.source_id,
        relations.c.target_id,
        relations.c.type,
    ),
    path_project=("of_project", "of_other_project"),
    reads_sight=True,
)
"""The access check for a relation, by its flat path or below the project of one of its cards."""

ACCESS_BY_REF = by_ref(relation)
