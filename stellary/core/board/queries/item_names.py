"""Names of the items that changes refer to by id."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import ColumnElement, func, null, select, true, union_all

from stellary.core.board.tables import cards, columns, custom_fields, labels, projects, scopes
from stellary.core.db.base import is_among, is_given
from stellary.core.kernel.unit import UnitOfWork

IDS_MAX = 5_000

_NAMES = union_all(
    *(
        select(table.c.id, table.c.name).where(is_among(table.c.project_id), is_among(table.c.id))
        for table in (labels, custom_fields, scopes, columns)
    )
)

_PROJECT_ID = projects.c.id.label("project_id")
_BOARD_ITEMS = (
    select(projects.c.id, projects.c.name, null().label("place"), _PROJECT_ID),
    select(columns.c.id, columns.c.name, scopes.c.name.label("place"), _PROJECT_ID)
    .join_from(columns, scopes)
    .join(projects, projects.c.id == columns.c.project_id),
    *(
        select(table.c.id, name.label("name"), null().label("place"), _PROJECT_ID).join_from(
            table, projects, projects.c.id == table.c.project_id
        )
        for table, name in (
            (cards, cards.c.title),
            *((table, table.c.name) for table in (labels, custom_fields, scopes)),
        )
    ),
)
_IN_WORKSPACE = union_all(
    *(
        rows.where(is_given(projects.c.workspace_id), is_among(rows.selected_columns.id))
        for rows in _BOARD_ITEMS
    )
)


def load_items(
    uow: UnitOfWork,
    workspace_id: str,
    ids: Collection[str],
) -> dict[str, tuple[str, str]]:
    """Return the names of projects and of what is on their boards, of columns with the scope, and their projects, by id.

    Args:
        workspace_id: The workspace.
        ids: At most 5,000 ids; others than those of such items are left out.
    """
    rows = uow.connection.execute(_IN_WORKSPACE, {"_workspace_id": workspace_id, "_ids": list(ids)})
    return {
        id: (name + (f" in {place}" if place else ""), project_id) for id, name, place, project_id in rows
    }


def name_of_item(
    id: ColumnElement[Any],
    workspace_id: ColumnElement[Any],
    sees: Callable[[ColumnElement[Any]], ColumnElement[bool]] = lambda _: true(),
) -> ColumnElement[Any]:
    """Return an expression for the name of a project, or of what is on a board; null if it is deleted or hidden.

    Args:
        id: The id of the item.
        workspace_id: The id of the workspace that it must be in.
        sees: Returns the condition that its project is not hidden. Default: none is.
    """
    names = []
    for rows in _BOARD_ITEMS:
        item_id, name, *_ = rows.selected_columns
        here = rows.with_only_columns(name, maintain_column_froms=True)
        is_this = projects.c.workspace_id == workspace_id, item_id == id
        names.append(here.where(*is_this, sees(projects.c.id)).scalar_subquery())
    return func.coalesce(*names)


def load_item_names(uow: UnitOfWork, project_ids: Collection[str], ids: set[str]) -> dict[str, str]:
    """Return the names of labels, custom fields, scopes and columns of projects by id; deleted ones are left out.

    Names that the unit has read already need no statement.

    Args:
        project_ids: The projects.
        ids: The ids.
    """
    names = {id: uow.item_names[id] for id in ids if id in uow.item_names}
    remaining = sorted(ids - names.keys())
    while remaining:
        rows = uow.connection.execute(
            _NAMES, {"_project_ids": sorted(project_ids), "_ids": remaining[:IDS_MAX]}
        )
        names.update((row.id, row.name) for row in rows)
        remaining = remaining[IDS_MAX:]
    return names
