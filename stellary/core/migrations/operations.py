"""Operations of migrations on large tables, during which other transactions can read and write.

On PostgreSQL each of them first commits the migration's work so far, and an interrupted migration starts again from its
beginning. So call them before anything else in a migration, or use only operations that can be repeated (``add_column``).
On SQLite they are part of the one transaction of all migrations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import op

from stellary.core.db.postgres import is_pooled, open_dedicated
from stellary.core.migrations import begin_step

BATCH = 1_000

_IS_VALID = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
_TABLE_DEFINITION = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table")
_EDIT_DEFINITION = sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :table")
_NO_LIMITS = "SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false)"


def create_index(
    name: str, table: str, columns: Sequence[str], *, unique: bool = False, where: str | None = None
) -> None:
    """Create an index, on PostgreSQL concurrently; a valid index of that name is kept.

    Args:
        name: The name of the index.
        table: The name of an existing table.
        columns: The names of the columns, in order.
        unique: True for a unique index.
        where: The condition of a partial index, in SQL.
    """
    kind = "UNIQUE INDEX" if unique else "INDEX"
    definition = f"{name} ON {table} ({', '.join(columns)})" + (f" WHERE {where}" if where else "")
    with _open_large(f"CREATE {kind} {definition}") as connection:
        if connection is not None:
            # PostgreSQL waits for current writers here, without blocking new ones.
            is_valid = connection.execute(_IS_VALID, {"name": name}).scalar()
            if is_valid is False:
                # An earlier attempt was interrupted, or found duplicate rows.
                connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY {name}")
            if not is_valid:
                connection.exec_driver_sql(f"CREATE {kind} CONCURRENTLY {definition}")


@contextmanager
def _open_large(statement: str) -> Iterator[sa.Connection | None]:
    """Open a connection without time limits on PostgreSQL. Else, or if SQL is printed, execute a statement, and yield None."""
    context = op.get_context()
    if context.as_sql or context.dialect.name == "sqlite":
        op.execute(statement)
        yield None
        return
    connection = op.get_bind()
    connection.commit()
    with open_dedicated(connection.engine, "AUTOCOMMIT") as dedicated:
        if not is_pooled(dedicated):
            dedicated.exec_driver_sql(_NO_LIMITS)
        yield dedicated
    begin_step(connection)


def drop_index(name: str) -> None:
    """Drop an index, on PostgreSQL concurrently, unless an interrupted migration has already dropped it."""
    with _open_large(f"DROP INDEX {name}") as connection:
        if connection is not None:
            connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column, unless an interrupted migration has already added it.

    Args:
        table: The name of the table.
        column: The column, which can be null or has a server default.
    """
    if column.name not in {existing["name"] for existing in sa.inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)


def allow_null(table: str, column: str) -> None:
    """Allow null in a column that was required.

    SQLite has no statement for that, and copying the table would delete all rows that refer to it. Its documentation
    describes this edit of the stored schema, which changes no content: https://www.sqlite.org/lang_altertable.html.

    Args:
        table: The name of the table.
        column: The name of the column.
    """
    if op.get_context().dialect.name == "sqlite":
        _edit_definition(table, rf"(\b{column}\s+\w+(?:\(\d+\))?)\s+NOT NULL", r"\1")
    else:
        op.alter_column(table, column, nullable=True)


def _edit_definition(table: str, pattern: str, replacement: str) -> None:
    """Replace the first match of a pattern in the definition of a table that SQLite has stored.

    Raises:
        RuntimeError: The migration is only printed.
    """
    if op.get_context().as_sql:
        raise RuntimeError(f"no SQL changes {table} like this on SQLite; run the command downgrade instead")
    connection = op.get_bind()
    of_table = {"table": table}
    definition = connection.execute(_TABLE_DEFINITION, of_table).scalar_one()
    edited = re.sub(pattern, replacement, definition, count=1)
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(_EDIT_DEFINITION, {**of_table, "sql": edited})
    # Makes all connections read the schema again.
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def require_value(table: str, column: str) -> None:
    """Forbid null in a column again: the opposite of ``allow_null``. No row may have null in it.

    Args:
        table: The name of the table.
        column: The name of the column.
    """
    if op.get_context().dialect.name == "sqlite":
        _edit_definition(table, rf"(\b{column}\s+\w+(?:\(\d+\))?)(?!\s+NOT NULL)", r"\1 NOT NULL")
    else:
        op.alter_column(table, column, nullable=False)


def refuse_if_any(table: str, where: str, message: str) -> None:
    """Stop a downgrade that would lose rows which an earlier version cannot have.

    Args:
        table: The name of the table.
        where: The condition for these rows, in SQL.
        message: What to do first.

    Raises:
        RuntimeError: There is such a row. A downgrade that is only printed checks nothing.
    """
    if op.get_context().as_sql:
        return
    first_row = sa.text(f"SELECT 1 FROM {table} WHERE {where} LIMIT 1")  # noqa: S608 - no input
    if op.get_bind().execute(first_row).first() is not None:
        raise RuntimeError(f"an earlier version cannot have rows of {table} where {where}: {message}")


def update_in_batches(
    table: str, values: str, where: str = "true", *, key: str = "id", size: int = BATCH
) -> int:
    """Update the rows of a table in batches.

    Args:
        table: The name of the table.
        values: The assignments after SET, in SQL.
        where: The condition for the rows, in SQL; best only those that are not updated yet.
        key: A unique column that orders the rows.
        size: The number of rows per batch.

    Returns:
        The number of updated rows.
    """
    update = sa.text(f"UPDATE {table} SET {values} WHERE {key} >= :first AND {key} <= :last AND ({where})")  # noqa: S608
    connection = op.get_bind()
    return sum(
        connection.execute(update, {"first": rows[0][0], "last": rows[-1][0]}).rowcount
        for rows in read_in_batches(table, [key], where, key=key, size=size)
    )


def read_in_batches(
    table: str, columns: Sequence[str], where: str = "true", *, key: str = "id", size: int = BATCH
) -> Iterator[Sequence[sa.Row[Any]]]:
    """Yield the rows of a table in batches, for conversions that need Python.

    On PostgreSQL the writes for one batch are committed before the next one is read.

    Args:
        table: The name of the table.
        columns: The columns to read.
        where: The condition for the rows, in SQL.
        key: A unique column that orders the rows.
        size: The number of rows per batch.

    Yields:
        The rows of a batch: the columns, then the key.
    """
    connection = op.get_bind()
    select = f"SELECT {', '.join(columns)}, {key} FROM {table} WHERE ({where})"  # noqa: S608
    first = sa.text(f"{select} ORDER BY {key} LIMIT :size")
    following = sa.text(f"{select} AND {key} > :after ORDER BY {key} LIMIT :size")
    rows = connection.execute(first, {"size": size}).fetchall()
    while rows:
        yield rows
        if connection.dialect.name != "sqlite":
            connection.commit()
            begin_step(connection)
        rows = connection.execute(following, {"after": rows[-1][-1], "size": size}).fetchall()
