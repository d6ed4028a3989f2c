"""The numbers of unarchived cards in the columns of a project, of which the record of a restoration has the changes."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import bindparam, func, select

from stellary.core.board.tables import cards, columns
from stellary.core.kernel.unit import UnitOfWork

_COUNTS = (
    select(columns.c.id, columns.c.name, func.count(cards.c.id))
    .join_from(columns, cards)
    .where(cards.c.project_id == bindparam("_project_id"), ~cards.c.archived)
    .group_by(columns.c.id, columns.c.name)
)

UnarchivedCounts = Mapping[str, tuple[str, int]]
"""The name of each column with cards, and the number of its unarchived cards, by the id of the column."""


def count_column_cards(uow: UnitOfWork, project_id: str) -> UnarchivedCounts:
    """Return the names of the columns of a project that have unarchived cards, and the numbers of these.

    Args:
        uow: The unit of work.
        project_id: The project.
    """
    rows = uow.connection.execute(_COUNTS, {"_project_id": project_id})
    return {column_id: (name, count) for column_id, name, count in rows}


def list_count_changes(
    before: UnarchivedCounts, after: UnarchivedCounts
) -> tuple[Mapping[str, str | int], ...]:
    """Return the columns whose number of cards differs: ``id``, ``name``, and the difference ``cards``.

    Args:
        before: The earlier numbers.
        after: The later numbers.
    """
    changes: list[Mapping[str, str | int]] = []
    for column_id in dict.fromkeys([*before, *after]):
        name = (after.get(column_id) or before[column_id])[0]
        difference = after.get(column_id, ("", 0))[1] - before.get(column_id, ("", 0))[1]
        if difference:
            changes.append({"id": column_id, "name": name, "cards": difference})
    return tuple(changes)
