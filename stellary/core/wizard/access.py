"""The access check for a draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import FromClause, and_, bindparam

from stellary.contract.errors import NotFound
from stellary.contract.refs import DraftRef, Ref
from stellary.core.accounts.access_checks import (
    WORKSPACE_ID,
    Loaded,
    check_role,
    load_with_roles,
    through_workspace,
)
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.wizard.tables import drafts


def _to_draft(source: FromClause) -> FromClause:
    return source.outerjoin(
        drafts, and_(drafts.c.workspace_id == WORKSPACE_ID, drafts.c.id == bindparam("_draft_id"))
    )


_DRAFT = through_workspace(*drafts.c, joins=_to_draft)


def draft(uow: UnitOfWork, ref: DraftRef) -> Loaded[Any]:
    """Check access to a draft; return its row.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such draft.
        Forbidden: Somebody else has made the draft, and the caller is no admin of the workspace.
    """
    row, roles = load_with_roles(uow, _DRAFT, ref, _draft_id=ref.draft_id)
    if row.id is None:
        raise NotFound("Project draft not found")
    check_role(uow, roles, row.created_by_id)
    return Loaded(row, roles)


ACCESS_BY_REF: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {DraftRef: draft}
