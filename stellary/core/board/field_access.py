"""The access check for a custom field."""

from __future__ import annotations

import attrs
from sqlalchemy import bindparam, select

from stellary.contract.refs import CustomFieldRef
from stellary.core.accounts.access_checks import AccessCheck, Loaded, by_ref
from stellary.core.board.access import in_any_project, require_row
from stellary.core.board.order.locks import uses_row_locks
from stellary.core.board.row_types import CustomFieldRow
from stellary.core.board.tables import custom_fields
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork

custom_field = AccessCheck(
    CustomFieldRef,
    CustomFieldRow,
    *in_any_project("Custom field", custom_fields, "field_id"),
    columns=custom_fields.c,
    path_project=("of_project",),
    dependency="custom field",
)
"""The access check for a custom field, by its flat path or below its project."""

_LOCK = Query(
    CustomFieldRow,
    select(custom_fields).where(custom_fields.c.id == bindparam("_field_id")).with_for_update(key_share=True),
)


def load_locked_custom_field(uow: UnitOfWork, ref: CustomFieldRef) -> Loaded[CustomFieldRow]:
    """Check access to a custom field, and lock it: until the unit ends, no other unit changes it or sets a value of it.

    Args:
        ref: The custom field.

    Raises:
        NotFound: The caller has no access to the workspace, or it has no such field (in that project).
    """
    loaded = custom_field(uow, ref)
    if not uses_row_locks(uow):
        return loaded
    row = require_row(_LOCK.first(uow.connection, {"_field_id": loaded.row.id}), "Custom field")
    return attrs.evolve(loaded, row=row)


ACCESS_BY_REF = by_ref(custom_field)
