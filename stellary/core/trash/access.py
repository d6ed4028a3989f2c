"""The access check for an item in the trash of a workspace."""

from __future__ import annotations

from stellary.contract.refs import TrashedItemRef
from stellary.core.accounts.access_checks import WORKSPACE_ID, AccessCheck, Link, by_ref
from stellary.core.accounts.rules import CallerRoles
from stellary.core.board.access import in_project_of
from stellary.core.kernel.trash import TrashRow, trash
from stellary.core.trash import rows


def _has_deleted(row: TrashRow, roles: CallerRoles) -> bool:
    """Return whether the caller has deleted a project, and therefore may restore it although no one is its member."""
    is_bound = roles.sight.only is not None or roles.is_guest
    return row.kind == "project" and row.deleted_by_id == roles.user_id and not is_bound


trashed_item = AccessCheck(
    TrashedItemRef,
    TrashRow,
    Link("Trashed item", trash, "trash_id", trash.c.workspace_id == WORKSPACE_ID),
    in_project_of(trash.c.project_id, is_key=False),
    columns=rows.COLUMNS,
    author="deleted_by_id",
    dependency="trashed item",
    version="deleted_at",
    hides=lambda row, roles: not roles.sight.sees(row.project_id) and not _has_deleted(row, roles),
)
"""The access check for an item in the trash of a workspace."""

ACCESS_BY_REF = by_ref(trashed_item)
