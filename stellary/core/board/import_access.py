"""The access check for an import in parts."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from stellary.contract.refs import ImportRef
from stellary.core.accounts import people
from stellary.core.accounts.access_checks import WORKSPACE_ID, AccessCheck, Link, Loaded, by_ref
from stellary.core.board.access import require_row
from stellary.core.board.order.locks import uses_row_locks
from stellary.core.board.row_types import ImportRow
from stellary.core.board.tables import imports
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork

multipart_import = AccessCheck(
    ImportRef,
    ImportRow,
    Link("Import", imports, "import_id", imports.c.workspace_id == WORKSPACE_ID),
    columns=imports.c,
    author="created_by_id",
)
"""The access check for an import. The role ``creator`` admits only the user who has started it."""

_LOCK = Query(ImportRow, select(imports).where(imports.c.id == bindparam("_import_id")).with_for_update())


def load_locked_import(uow: UnitOfWork, ref: ImportRef) -> Loaded[ImportRow]:
    """Check access to an import, and lock it until the unit ends.

    The workspace is locked first, in the same order as when it is deleted with its imports.

    Args:
        ref: The import.

    Raises:
        NotFound: The caller has no access to the workspace, or it has no such import.
        Forbidden: The caller has not started the import.
    """
    loaded = multipart_import(uow, ref)
    if not uses_row_locks(uow):
        return loaded
    people.reaching(uow, loaded.row.workspace_id, [uow.user_id])
    row = require_row(_LOCK.first(uow.connection, {"_import_id": loaded.row.id}), "Import")
    return Loaded(row, loaded.roles)


ACCESS_BY_REF = by_ref(multipart_import)
