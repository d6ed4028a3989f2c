"""The access check for a custom field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import FromClause, Select, and_, bindparam, select

from stellary.contract.custom_fields import CustomField
from stellary.contract.errors import NotFound
from stellary.contract.refs import CustomFieldRef, Ref
from stellary.core.accounts.access_checks import (
    WORKSPACE_ID,
    Loaded,
    check_role,
    load_with_roles,
    through_workspace,
)
from stellary.core.board.access import require_row
from stellary.core.board.order.locks import uses_row_locks
from stellary.core.board.rows import field_rows
from stellary.core.board.tables import custom_fields, projects
from stellary.core.kernel.unit import UnitOfWork


def _to_custom_field(source: FromClause) -> FromClause:
    return source.outerjoin(custom_fields, custom_fields.c.id == bindparam("_field_id")).outerjoin(
        projects, and_(projects.c.id == custom_fields.c.project_id, projects.c.workspace_id == WORKSPACE_ID)
    )


_CUSTOM_FIELD = through_workspace(projects.c.id.label("of_project"), *custom_fields.c, joins=_to_custom_field)
_LOCK: Select[Any] = (
    select(custom_fields).where(custom_fields.c.id == bindparam("_field_id")).with_for_update(key_share=True)
)


def custom_field(uow: UnitOfWork, ref: CustomFieldRef) -> Loaded[Any]:
    """Check access to a custom field, by its flat path or below its project; return its row.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such field (in that project).
    """
    row, roles = load_with_roles(uow, _CUSTOM_FIELD, ref, _field_id=ref.field_id)
    check_role(uow, roles)
    if row.of_project is None or ref.project_id not in (None, row.of_project):
        raise NotFound("Custom field not found")
    uow.record_dependency("custom field", row.id, row.updated_at)
    return Loaded(row, roles)


def load_locked_custom_field(uow: UnitOfWork, ref: CustomFieldRef) -> CustomField:
    """Check access to a custom field, and lock it: until the unit ends, no other unit changes it or sets a value of it.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such field (in that project).
    """
    row = custom_field(uow, ref).row
    if uses_row_locks(uow):
        row = require_row(uow.connection.execute(_LOCK, {"_field_id": row.id}).first(), "Custom field")
    return field_rows.field(row)


ACCESS_BY_REF: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {CustomFieldRef: custom_field}
