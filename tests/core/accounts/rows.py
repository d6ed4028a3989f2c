"""Rows of any table with generated values, for tests that must not list every table."""

import itertools
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, Column, Connection, DateTime, Float, LargeBinary, Numeric, Table, insert
from sqlalchemy.types import Integer, TypeDecorator

from tests.support.core_parts import Json
from tests.support.tables import metadata

_NUMBERS = itertools.count(1)
_MOMENT = datetime(2026, 4, 1, tzinfo=UTC)


def make_row(connection: Connection, table: Table, **values: Any) -> dict[str, Any]:
    """Insert a row and return it. Omitted columns are null if possible, or else get a generated value."""
    row = {
        column.name: values.pop(column.name, None if column.nullable else _generate_value(column))
        for column in table.c
        if column is not table.autoincrement_column
    }
    assert not values, values
    connection.execute(insert(table), row)
    return row


def make_row_in_each_table(connection: Connection, root: dict[Table, dict[str, Any]]) -> list[Table]:
    """Insert a row into each table that refers, directly or through other tables, to the root rows.

    Returns:
        The tables, without those of the root.
    """
    row_by_table = dict(root)
    for table in metadata.sorted_tables:
        keys = {key.parent.name: key.column for key in table.foreign_keys if key.column.table is not table}
        if table in row_by_table or not any(target.table in row_by_table for target in keys.values()):
            continue
        references = {name: row_by_table[target.table][target.name] for name, target in keys.items()}
        row_by_table[table] = make_row(connection, table, **references)
    return [table for table in row_by_table if table not in root]


def _generate_value(column: Column[Any]) -> Any:
    kind = column.type
    if isinstance(kind, Json):
        # The triggers of cards read the values of custom fields.
        return {} if column.name == "custom_fields" else []
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, DateTime):
        return _MOMENT
    if isinstance(kind, Integer | Float | Numeric):
        return 1
    if isinstance(kind, LargeBinary):
        return b""
    if column.name == "prefixes":
        # The triggers of the index of search read a list of numbers.
        return "1"
    return f"{next(_NUMBERS):x}"
