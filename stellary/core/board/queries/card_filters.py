"""The conditions of the filters of card lists, by name; those for cards without a value are called ``no priority``."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import ColumnElement, String, Text, bindparam, cast, func, or_, type_coerce

from stellary.core.board.queries import searching
from stellary.core.board.tables import cards
from stellary.core.kernel.paging import equals_unindexed

_KEY: ColumnElement[str] = bindparam("_project_key", type_=String) + "-" + cast(cards.c.number, String)


def _avoid_index(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a column as an expression for which no database uses an index."""
    return func.coalesce(column, column, type_=column.type)


def _build_conditions(
    equals: Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]],
    read: Callable[[ColumnElement[Any]], ColumnElement[Any]],
) -> dict[str, ColumnElement[bool]]:
    """Build the conditions.

    Args:
        equals: Compares a column with a value.
        read: Returns the expression by which a column is compared otherwise.
    """
    equal = ("column_id", "scope_id", "assignee_id", "priority", "status", "archived")
    q: ColumnElement[str] = bindparam("q", type_=String)
    return {
        **{name: equals(cards.c[name], bindparam(name, type_=cards.c[name].type)) for name in equal},
        "label_id": type_coerce(cards.c.label_ids, Text).like(bindparam("label_id", type_=Text)),
        "due_before": read(cards.c.due_date) < bindparam("due_before"),
        "due_after": read(cards.c.due_date) >= bindparam("due_after"),
        "updated_since": read(cards.c.updated_at) >= bindparam("updated_since"),
        "q": or_(
            searching.contains(cards.c.title, q),
            searching.contains(cards.c.description, q),
            searching.contains(_KEY, q),
        ),
        "no assignee_id": read(cards.c.assignee_id).is_(None),
        "no label_id": type_coerce(cards.c.label_ids, Text) == "[]",
        "no priority": read(cards.c.priority).is_(None),
    }


CONDITIONS: Final = _build_conditions(operator.eq, lambda column: column)
"""The conditions of whole lists."""
NAMES: Final = tuple(name for name in CONDITIONS if " " not in name)
"""The names of the filters."""
PAGE_CONDITIONS: Final = _build_conditions(equals_unindexed, _avoid_index)
"""The conditions of pages, which read the index of another filter."""
