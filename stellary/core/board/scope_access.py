"""The access check for a scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import FromClause, and_, bindparam

from stellary.contract.errors import NotFound
from stellary.contract.refs import Ref, ScopeRef
from stellary.core.accounts.access_checks import (
    WORKSPACE_ID,
    Loaded,
    check_role,
    load_with_roles,
    through_workspace,
)
from stellary.core.board.order.locks import lock_project, uses_row_locks
from stellary.core.board.tables import projects, scopes
from stellary.core.kernel.unit import UnitOfWork


def _to_scope(source: FromClause) -> FromClause:
    return source.outerjoin(scopes, scopes.c.id == bindparam("_scope_id")).outerjoin(
        projects, and_(projects.c.id == scopes.c.project_id, projects.c.workspace_id == WORKSPACE_ID)
    )


_SCOPE = through_workspace(
    projects.c.id.label("of_project"), projects.c.key.label("project_key"), *scopes.c, joins=_to_scope
)


def scope(uow: UnitOfWork, ref: ScopeRef) -> Loaded[Any]:
    """Check access to a scope, by its flat path or below its project; return its row, and the ``project_key``.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such scope (in that project).
    """
    row, roles = load_with_roles(uow, _SCOPE, ref, _scope_id=ref.scope_id)
    check_role(uow, roles)
    if row.of_project is None or ref.project_id not in (None, row.of_project):
        raise NotFound("Scope not found")
    uow.record_dependency("scope", row.id, row.updated_at)
    return Loaded(row, roles)


def load_locked_scope(uow: UnitOfWork, ref: ScopeRef) -> Loaded[Any]:
    """Check access to a scope, and lock its project: until the unit ends, no other unit changes its scopes or their columns.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such scope (in that project).
    """
    at = scope(uow, ref)
    if not uses_row_locks(uow):
        return at
    lock_project(uow, at.row.project_id)
    return scope(uow, ref)


ACCESS_BY_REF: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {ScopeRef: scope}
