"""Copies of a database and its files into another place, such as from SQLite to PostgreSQL.

The target appears complete or not at all: all rows are written in one transaction, which is committed once every table has
the same number of rows and the same checksum as the source. Nobody can write to the source meanwhile.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar, cast

import attrs
from sqlalchemy import Column as NewColumn
from sqlalchemy import Connection, MetaData, Table, Text, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from stellary.core import migrations
from stellary.core.api.backups import FileIndex, copy_file
from stellary.core.db.base import Json
from stellary.core.db.database import Database, begin_sqlite
from stellary.core.migrations.history import read_version
from stellary.core.migrations.schema import metadata
from stellary.core.ports.blobs import Blobs, is_key, new_key
from stellary.core.streaming.relay import PRESENCE

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


STEPS_PER_REPORT = 1_000
_CLAIM_ALONE = text(f"SELECT pg_try_advisory_xact_lock({PRESENCE})")
T = TypeVar("T")
OnProgress = Callable[[str, int, int], object]
"""Called with the name of the current table or ``files``, the steps done, and all steps: each row is copied, then checked."""


@attrs.frozen
class Copy:
    """A copy that was made.

    Attributes:
        rows: The number of rows by table.
        files: The number of copied files; 0 if both databases use the same store.
        lost: The keys of files that are missing or damaged in the source.
    """

    rows: Mapping[str, int]
    files: int
    lost: Sequence[str]


class CopyFailed(Exception):
    """A copy that could not be made. The target is as before. The message is one sentence for the operator."""


def copy_database(
    source: Database,
    target: Database,
    list_files: Callable[[Connection], FileIndex],
    stores: tuple[Blobs, Blobs] | None = None,
    on_progress: OnProgress = lambda name, done, total: None,
) -> Copy:
    """Copy all rows of a database, and its files, into an empty database.

    Args:
        source: The database to copy. Writes to it wait until the copy ends, or fail.
        target: A database without tables of the core, of either kind.
        list_files: Returns the files that a database refers to, from a connection to it.
        stores: The store of the source's files, and the empty store to copy them to. Nothing is copied if it is the same
            place. None if both databases use the same one.
        on_progress: Called from time to time.

    Raises:
        CopyFailed: The target has tables of the core, or files, the source is empty or in use, a database does not answer
            or rejects a row, or the copy differs from the source.
        OSError: A file cannot be read or written.
        ApiError: A store of files does not answer.
    """
    created: list[str] = []
    lost: list[str] = []
    if stores is not None and any(map(is_key, stores[1].older_than(datetime.max.replace(tzinfo=UTC)))):
        if not _is_same_place(*stores):
            raise CopyFailed("the store to copy the files to is not empty")
        stores = None
    try:
        with _freeze(source) as reading, _open_target(target) as writing:
            rows = _copy_tables(reading, writing, on_progress)
            if stores is not None:
                lost = _copy_files(list_files(reading), *stores, created, on_progress)
    except BaseException as error:
        if stores is not None and created and not _may_be_committed(target):
            stores[1].delete(created)
        if isinstance(error, DBAPIError):
            raise CopyFailed(_reason(error)) from error
        raise
    return Copy(rows, len(created) - len(lost), lost)


def _is_same_place(source: Blobs, target: Blobs) -> bool:
    """Return whether two stores are one, however each is spelled: a file written to one can be read from the other."""
    key = new_key()
    target.put(key, b"probe")
    try:
        return b"".join(source.read(key, 0, 5)) == b"probe"
    except FileNotFoundError:
        return False
    finally:
        target.delete([key])


def _may_be_committed(target: Database) -> bool:
    """Return whether a database has the tables of a copy. True if it does not answer: then the files of the copy stay."""
    try:
        with target.reading() as connection:
            return read_version(connection) is not None
    except Exception:  # noqa: BLE001 - whatever a driver raises, nothing is known
        return True


@contextmanager
def _freeze(database: Database) -> Iterator[Connection]:
    """Open a connection to a database to which nobody else can write until the end of the block."""
    if database.is_sqlite:
        with database.writing() as connection:
            yield connection
        return
    with database.open_dedicated() as connection:
        migrations.begin_step(connection)
        if connection.execute(_CLAIM_ALONE).scalar() is False:
            raise CopyFailed("servers or workers use the source; stop them first")
        names = ", ".join(metadata.tables)
        with _reporting("the source is in use; stop its servers first", connection):
            connection.execute(text(f"LOCK TABLE {names} IN SHARE MODE"))
        yield connection
        connection.rollback()


@contextmanager
def _open_target(database: Database) -> Iterator[Connection]:
    """Open a connection with a transaction in which the tables have been created; it is committed at the end of the block."""
    with database.open_migrating() as connection:
        if database.is_sqlite:
            connection.begin()
            begin_sqlite(connection)
            # A row may refer to one that is inserted later.
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        else:
            migrations.begin_step(connection)
        try:
            _create_schema(connection)
            yield connection
            # SQLite checks references here.
            with _reporting("the target rejects the rows", connection):
                connection.commit()
        finally:
            connection.rollback()


def _create_schema(connection: Connection) -> None:
    try:
        migrations.create_schema(connection)
    except RuntimeError as error:
        raise CopyFailed(f"the target is not empty: {error}") from error


def _copy_tables(source: Connection, target: Connection, on_progress: OnProgress) -> Mapping[str, int]:
    """Copy the rows of all tables, check them, and return their numbers."""
    # Triggers write the derived ones.
    tables = [with_json_as_text(table) for table in metadata.sorted_tables if "derived" not in table.info]
    count = sum(_count(source, table) for table in tables)
    if count == 0:
        raise CopyFailed("the source has no rows")
    progress = _Progress(on_progress, 2 * count)
    summaries = {table.name: _copy_table(source, target, table, progress) for table in tables}
    for table in tables:
        summarizing = _Summarizing(progress.follow(table.name, read_rows(target, table)))
        for _ in summarizing:
            pass
        if summarizing.summary != summaries[table.name]:
            raise CopyFailed(f"the rows of {table.name} differ from the source")
    return {name: count for name, (count, _) in summaries.items()}


def _copy_table(source: Connection, target: Connection, table: Table, progress: _Progress) -> tuple[int, int]:
    rows = _Summarizing(progress.follow(table.name, read_rows(source, table)))
    with _reporting(f"the target rejects the rows of {table.name}", target):
        load_rows(target, table, rows)
    if metadata.tables[table.name].autoincrement_column is not None:
        continue_after_number(target, table, read_last_number(source, table))
    if target.dialect.name != "sqlite":
        # Otherwise, PostgreSQL plans the first statements as if the table were empty.
        target.execute(text(f"ANALYZE {table.name}"))
    return rows.summary


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _copy_files(
    files: FileIndex, source: Blobs, target: Blobs, created: list[str], on_progress: OnProgress
) -> list[str]:
    """Copy files, and return the keys of those that are missing or damaged in the source.

    Each key is added to ``created`` before the file is written: an interrupted write may have created it.
    """
    lost = []
    progress = _Progress(on_progress, len(files))
    for key, (size, sha256) in progress.follow("files", files.items()):
        created.append(key)
        if not copy_file(source, target, key, size, sha256):
            lost.append(key)
    return sorted(lost)


class _Summarizing:
    """Rows, and after the last one their number and their checksum, which does not depend on their order."""

    def __init__(self, rows: Iterable[Sequence[object]]) -> None:
        self._rows = rows
        self.summary = (0, 0)

    def __iter__(self) -> Iterator[Sequence[object]]:
        count = checksum = 0
        for row in self._rows:
            count += 1
            digest = hashlib.blake2b(repr(row).encode(), digest_size=16).digest()
            checksum = (checksum + int.from_bytes(digest)) % 2**128
            yield row
        self.summary = (count, checksum)


class _Progress:
    """The number of steps that are done, reported from time to time."""

    def __init__(self, report: OnProgress, total: int) -> None:
        self._report = report
        self._total = total
        self._done = 0

    def follow(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Yield items, and count each as a step."""
        for item in items:
            yield item
            self._done += 1
            if self._done % STEPS_PER_REPORT == 0:
                self._report(name, self._done, self._total)
        self._report(name, self._done, self._total)


@contextmanager
def _reporting(problem: str, connection: Connection) -> Iterator[None]:
    """Raise ``CopyFailed`` with a problem, and the first line of the database's message, for an error of the database."""
    try:
        yield
    except (DBAPIError, connection.dialect.loaded_dbapi.Error) as error:
        raise CopyFailed(f"{problem}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", error)).strip().partition("\n")[0]
