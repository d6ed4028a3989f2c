"""Rows of scopes: the only module that converts a row to a ``Scope``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, select

from stellary.contract.columns import Column
from stellary.contract.scopes import Scope
from stellary.core.board.row_types import ScopeRow
from stellary.core.board.rules.scopes import views
from stellary.core.board.tables import scopes
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.grouping import group
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.writes import NoColumns, StoredItems

FIELDS = StoredItems(
    Scope,
    scopes,
    "Scope",
    NoColumns,
    derived={
        "view_settings": lambda scope: {view.type: view.settings for view in scope.views if view.settings}
    },
    computed=("views", "columns"),
    renamed={"order": "position"},
)
OF_PROJECT: Select[Any] = select(scopes).where(is_given(scopes.c.project_id))
BY_ORDER = Query(ScopeRow, OF_PROJECT.order_by(scopes.c.position, scopes.c.id))


def scope(row: ScopeRow, columns: list[Column]) -> Scope:
    """Return the scope of a row.

    Args:
        row: The row.
        columns: The columns of the scope, in order.
    """
    return FIELDS.to_value(row, views=views(row.view_settings), columns=columns)


def with_columns(rows: Iterable[ScopeRow], columns: Iterable[Column]) -> list[Scope]:
    """Return the scopes of rows, each with its columns.

    Args:
        rows: The rows of the scopes, in order.
        columns: The columns of at least these scopes, in the order of each scope.
    """
    by_scope = group((column.scope_id, column) for column in columns)
    return [scope(row, by_scope[row.id]) for row in rows]


def project_scopes(uow: UnitOfWork, project_id: str, columns: Iterable[Column]) -> list[Scope]:
    """Return all scopes of a project by order, with their columns.

    Args:
        project_id: The project.
        columns: The columns of the project, in the order of each scope.
    """
    return with_columns(BY_ORDER.all(uow.connection, {"_project_id": project_id}), columns)
