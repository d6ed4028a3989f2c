"""Bulk loads: many rows of one table from one database into another."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

from sqlalchemy import Column as NewColumn
from sqlalchemy import Connection, MetaData, Table, Text, insert, select, text

from stellary.core.db.base import Json

if TYPE_CHECKING:
    import psycopg

BATCH = 1_000


def with_json_as_text(table: Table) -> Table:
    """Return a table of the same name and columns, whose JSON is read and written as the stored text.

    Args:
        table: A table of the schema.
    """
    columns = [
        NewColumn(
            column.name,
            Text() if isinstance(column.type, Json) else column.type,
            primary_key=column.primary_key,
        )
        for column in table.columns
    ]
    return Table(table.name, MetaData(), *columns)


def read_rows(connection: Connection, table: Table) -> Iterator[Sequence[object]]:
    """Yield the values of all rows of a table, without holding them in memory.

    Args:
        connection: The connection, with a transaction.
        table: The table.
    """
    streaming = connection.execution_options(stream_results=True, yield_per=BATCH)
    with streaming.execute(select(table)) as result:
        for row in result:
            yield tuple(row)


def load_rows(connection: Connection, table: Table, rows: Iterable[Sequence[object]]) -> None:
    """Insert rows, within the transaction of the connection.

    PostgreSQL receives them with COPY, as one statement: rows may refer to later ones.

    Args:
        connection: The connection; SQLite has to check foreign keys at the commit.
        table: The table.
        rows: The values of each row, in the order of the columns.
    """
    if connection.dialect.name == "sqlite":
        names = [column.name for column in table.columns]
        remaining = iter(rows)
        while batch := list(itertools.islice(remaining, BATCH)):
            connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in batch])
        return
    driver = cast("psycopg.Connection", connection.connection.dbapi_connection)
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(column.name) for column in table.columns)
    with driver.cursor() as cursor, cursor.copy(f"COPY {quote(table.name)} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def read_last_number(connection: Connection, table: Table) -> int:
    """Return the last number that the database has given to a row of a table; 0 if there is none.

    Args:
        connection: The connection.
        table: A table whose rows the database numbers.
    """
    if connection.dialect.name == "sqlite":
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :name").bindparams(name=table.name)
    else:
        query = text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {_sequence(table)}")  # noqa: S608
    return int(connection.execute(query).scalar() or 0)


def continue_after_number(connection: Connection, table: Table, number: int) -> None:
    """Number new rows of a table from the number after a given one.

    Args:
        connection: The connection, with a transaction.
        table: A table whose rows the database numbers.
        number: The last number; 0 for a table that never had a row.
    """
    if number == 0:
        return
    if connection.dialect.name == "sqlite":
        for statement in (
            "DELETE FROM sqlite_sequence WHERE name = :name",
            "INSERT INTO sqlite_sequence VALUES (:name, :number)",
        ):
            connection.execute(text(statement), {"name": table.name, "number": number})
        return
    connection.execute(text("SELECT setval(:name, :number)"), {"name": _sequence(table), "number": number})


def _sequence(table: Table) -> str:
    assert table.autoincrement_column is not None
    return f"{table.name}_{table.autoincrement_column.name}_seq"
