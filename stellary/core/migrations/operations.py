"""Operations of migrations on tables that may be large: others read and write while they are carried out.

On PostgreSQL each of them first commits what the migration has done, and a migration that is interrupted begins again at
its start. So a migration calls them before it does anything else, or does the rest by operations that find it done
(``add_column``). On SQLite they belong to the one transaction of all migrations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from stellary.core.db.postgres import is_pooled, open_dedicated
from stellary.core.migrations import begin_step

BATCH = 1_000

_IS_VALID = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
_NO_LIMITS = "SET statement_timeout = 0; SET lock_timeout = 0"


def create_index(
    name: str, table: str, columns: Sequence[str], *, unique: bool = False, where: str | None = None
) -> None:
    """Create an index, on PostgreSQL while others write; one that is there already, and whole, is kept.

    Args:
        name: Of the index.
        table: Of the table, which is there already.
        columns: Their names, in order.
        unique: Whether no two rows may be alike in them.
        where: The condition of a partial index, in SQL.
    """
    connection = op.get_bind()
    kind = "UNIQUE INDEX" if unique else "INDEX"
    rest = f"{name} ON {table} ({', '.join(columns)})" + (f" WHERE {where}" if where else "")
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"CREATE {kind} {rest}")
        return
    connection.commit()
    with open_dedicated(connection.engine, "AUTOCOMMIT") as own:
        if not is_pooled(own):
            # It waits for whoever is writing, and makes nobody else wait meanwhile.
            own.exec_driver_sql(_NO_LIMITS)
        is_valid = own.execute(_IS_VALID, {"name": name}).scalar()
        if is_valid is False:
            # An earlier attempt was interrupted, or found two rows alike.
            own.exec_driver_sql(f"DROP INDEX CONCURRENTLY {name}")
        if not is_valid:
            own.exec_driver_sql(f"CREATE {kind} CONCURRENTLY {rest}")
    begin_step(connection)


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column that is not there yet: it may be, if the migration was interrupted."""
    if column.name not in {found["name"] for found in sa.inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)


def update_in_batches(
    table: str, values: str, where: str = "true", *, key: str = "id", size: int = BATCH
) -> int:
    """Update the rows of a table, so many at a time. Return how many there were.

    Args:
        table: Of the rows.
        values: What follows SET, in SQL.
        where: Which rows; best those alone that are still to be updated.
        key: A unique column, by which they are taken in order.
        size: How many rows are locked at once.
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
    """Yield the rows of a table, so many at a time, for what only Python can work out.

    On PostgreSQL what is written for one batch is committed before the next one is read.

    Args:
        table: Of the rows.
        columns: Which are read.
        where: Which rows, in SQL.
        key: A unique column, by which they are taken in order.
        size: How many rows are read at once.
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
