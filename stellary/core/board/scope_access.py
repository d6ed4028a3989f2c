"""The access check for a scope."""

from __future__ import annotations

from stellary.contract.refs import ScopeRef
from stellary.core.accounts.access_checks import AccessCheck, Loaded, by_ref
from stellary.core.board.access import in_any_project
from stellary.core.board.order.locks import lock_project, uses_row_locks
from stellary.core.board.row_types import LoadedScopeRow
from stellary.core.board.tables import projects, scopes
from stellary.core.kernel.unit import UnitOfWork

scope = AccessCheck(
    ScopeRef,
    LoadedScopeRow,
    *in_any_project("Scope", scopes, "scope_id"),
    columns=(projects.c.key.label("project_key"), *scopes.c),
    path_project=("of_project",),
    dependency="scope",
)
"""The access check for a scope, by its flat path or below its project."""


def load_locked_scope(uow: UnitOfWork, ref: ScopeRef) -> Loaded[LoadedScopeRow]:
    """Check access to a scope, and lock its project: until the unit ends, no other unit changes its scopes or their columns.

    Args:
        ref: The scope.

    Raises:
        NotFound: The caller has no access to the workspace, or it has no such scope (in that project).
    """
    loaded = scope(uow, ref)
    if not uses_row_locks(uow):
        return loaded
    lock_project(uow, loaded.row.project_id)
    return scope(uow, ref)


ACCESS_BY_REF = by_ref(scope)
