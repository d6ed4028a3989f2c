"""Rows of custom fields, read for lists and for setting values on cards."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, select

from stellary.contract.custom_fields import FIELDS_MAX, CustomField
from stellary.core.board.row_types import CustomFieldRow
from stellary.core.board.rules.custom_fields import find_option_ids
from stellary.core.board.tables import custom_fields
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.writes import NoColumns, StoredItems

FIELDS = StoredItems(
    CustomField,
    custom_fields,
    "Custom field",
    NoColumns,
    derived={"name_key": lambda field: field.name.casefold()},
    taken=lambda field: (f"the project has a custom field {field.name!r} already", "duplicate_name"),
)
OF_PROJECT: Select[Any] = select(custom_fields).where(is_given(custom_fields.c.project_id))
_BY_ID = OF_PROJECT.order_by(custom_fields.c.id)
_SOME = _BY_ID.where(is_among(custom_fields.c.id))
_IN_ORDER = Query(CustomFieldRow, _BY_ID)
_NAMED = Query(CustomFieldRow, _SOME)
_NAMED_LOCKED = Query(CustomFieldRow, _SOME.with_for_update(read=True))


def has_required(project_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a project has a required custom field."""
    return exists().where(custom_fields.c.project_id == project_id, custom_fields.c.required)


def field(row: CustomFieldRow) -> CustomField:
    """Return the custom field of a row."""
    return FIELDS.to_value(row, option_ids=find_option_ids(row.id, row.options, row.option_ids))


def project_fields(uow: UnitOfWork, project_id: str) -> list[CustomField]:
    """Return all custom fields of a project in order of creation.

    Args:
        project_id: The project.
    """
    return [field(row) for row in _IN_ORDER.all(uow.connection, {"_project_id": project_id})]


def queue_fields(
    uow: UnitOfWork, project_id: str, ids: Collection[str], *, is_locked: bool = False
) -> Callable[[], dict[str, CustomField]]:
    """Send the statement of some custom fields with later ones; return a function that returns those that exist, by id.

    Args:
        project_id: The project.
        ids: The ids of the fields; unknown ones are missing in the result.
        is_locked: True to lock the fields against changes until the transaction ends. Default: False.
    """
    if not ids:
        return dict
    # There are more ids than a project can have fields, so some are unknown. The request will be rejected, so
    # no lock is needed; a statement may not accept so many parameters.
    query = _IN_ORDER
    parameters: dict[str, object] = {"_project_id": project_id}
    if len(ids) <= FIELDS_MAX:
        query = _NAMED_LOCKED if is_locked else _NAMED
        parameters["_ids"] = list(ids)
    rows = query.queue(uow.connection, parameters)
    return lambda: {row.id: field(row) for row in rows.all()}
