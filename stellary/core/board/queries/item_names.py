"""Names of the labels, custom fields and scopes that changes of cards refer to by id."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, select, union_all

from stellary.core.board.tables import custom_fields, labels, scopes
from stellary.core.kernel.unit import UnitOfWork

IDS_MAX = 5_000

_NAMES = union_all(
    *(
        select(table.c.id, table.c.name).where(
            table.c.project_id.in_(bindparam("_project_ids", expanding=True)),
            table.c.id.in_(bindparam("_ids", expanding=True)),
        )
        for table in (labels, custom_fields, scopes)
    )
)


def load_item_names(uow: UnitOfWork, project_ids: Collection[str], ids: set[str]) -> dict[str, str]:
    """Return the names of labels, custom fields and scopes of projects by id; deleted ones are left out.

    Names that the unit has read already need no statement.

    Args:
        uow: The unit of work.
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
