"""The access check for a draft."""

from __future__ import annotations

from stellary.contract.refs import DraftRef
from stellary.core.accounts.access_checks import WORKSPACE_ID, AccessCheck, Link, by_ref
from stellary.core.wizard.row_types import DraftRow
from stellary.core.wizard.rows import COLUMNS
from stellary.core.wizard.tables import drafts

draft = AccessCheck(
    DraftRef,
    DraftRow,
    Link("Project draft", drafts, "draft_id", drafts.c.workspace_id == WORKSPACE_ID),
    columns=COLUMNS,
    author="created_by_id",
    hides=lambda row, roles: row.visibility == "private" and not roles.grants("author", row.created_by_id),
)
"""The access check for a draft. The role ``author`` is granted to its author and to the admins of the workspace, who alone see
private drafts."""

ACCESS_BY_REF = by_ref(draft)
