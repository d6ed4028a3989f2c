"""Rows of any table, filled with what its columns ask for: for tests that must not know every table."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, Column, Connection, DateTime, LargeBinary, Numeric, Table, insert
from sqlalchemy.types import Integer, TypeDecorator

from stellary.core.db.base import Json, metadata

_NUMBERS = itertools.count(1)
_MOMENT = datetime(2026, 4, 1, tzinfo=UTC)


def make_row(connection: Connection, table: Table, **given: Any) -> dict[str, Any]:
    """Insert a row and return it: what is not given is made up, or null where it may be."""
    row = {
        column.name: given.pop(column.name, None if column.nullable else _made_up(column))
        for column in table.c
        if column is not table.autoincrement_column
    }
    assert not given, given
    connection.execute(insert(table), row)
    return row


def make_one_of_each(connection: Connection, root: dict[Table, dict[str, Any]]) -> list[Table]:
    """Insert a row into each table that points, through others, to the rows at the root.

    Returns:
        The tables, without those at the root.
    """
    made = dict(root)
    for table in metadata.sorted_tables:
        keys = {key.parent.name: key.column for key in table.foreign_keys if key.column.table is not table}
        if table in made or not any(target.table in made for target in keys.values()):
            continue
        given = {name: made[target.table][target.name] for name, target in keys.items()}
        made[table] = make_row(connection, table, **given)
    return [table for table in made if table not in root]


def _made_up(column: Column[Any]) -> Any:
    kind = column.type
    if isinstance(kind, Json):
        return []
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, DateTime):
        return _MOMENT
    if isinstance(kind, Integer | Numeric):
        return 1
    if isinstance(kind, LargeBinary):
        return b""
    return f"{next(_NUMBERS):x}"
