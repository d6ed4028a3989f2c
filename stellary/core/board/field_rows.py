"""Custom fields as rows: read by those who list them, and by those who are about to give a card values of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, exists, select

from stellary.contract.custom_fields import FIELDS_MAX, CustomField
from stellary.core.board.tables import custom_fields
from stellary.core.kernel.unit import UnitOfWork

OF_PROJECT: Select[Any] = select(custom_fields).where(custom_fields.c.project_id == bindparam("_project_id"))
_IN_ORDER = OF_PROJECT.order_by(custom_fields.c.id)
_NAMED = _IN_ORDER.where(custom_fields.c.id.in_(bindparam("_ids", expanding=True)))
_NAMED_LOCKED = _NAMED.with_for_update(read=True)


def has_required(project_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a project has a custom field of which every new card needs a value."""
    return exists().where(custom_fields.c.project_id == project_id, custom_fields.c.required)


def field(row: Row[Any]) -> CustomField:
    """The field of a row."""
    return CustomField(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        type=row.type,
        options=row.options,
        required=row.required,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def project_fields(uow: UnitOfWork, project_id: str) -> list[CustomField]:
    """All fields of a project, in the order in which they were made."""
    return [field(row) for row in uow.connection.execute(_IN_ORDER, {"_project_id": project_id})]


def named_fields(uow: UnitOfWork, project_id: str, ids: Collection[str]) -> dict[str, CustomField]:
    """Those of the fields that the project has, by id."""
    return _found(uow, project_id, ids, shared=False)


def shared_fields(uow: UnitOfWork, project_id: str, ids: Collection[str]) -> dict[str, CustomField]:
    """The same, and they stay as they are until the unit ends: a value must not outlive what allowed it."""
    return _found(uow, project_id, ids, shared=True)


def _found(uow: UnitOfWork, project_id: str, ids: Collection[str], *, shared: bool) -> dict[str, CustomField]:
    if not ids:
        return {}
    # Whoever names more than a project can have has made some up, perhaps more than a statement can take. No lock: that
    # is refused in any case.
    statement = _IN_ORDER
    parameters: dict[str, Any] = {"_project_id": project_id}
    if len(ids) <= FIELDS_MAX:
        statement = _NAMED_LOCKED if shared else _NAMED
        parameters["_ids"] = list(ids)
    rows = uow.connection.execute(statement, parameters)
    return {row.id: field(row) for row in rows}
