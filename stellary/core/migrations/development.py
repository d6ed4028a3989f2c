"""Databases of the last development version: their tables are those of 0.1.0, under another version.

Delete this module when there are none left.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, MetaData, NullPool, create_engine, text

from stellary.core.migrations.history import (
    VERSION_TABLE,
    compare_tables,
    list_revisions,
    read_version,
    run_migrations,
)

LAST: Final = "0043"
"""The last version before 0.1.0, whose versions begin with 0100."""
_SET_VERSION = text(f"UPDATE {VERSION_TABLE} SET version_num = :version")  # noqa: S608 - no input


def adopt_tables(connection: Connection) -> str | None:
    """Give the tables of the last development version the version of 0.1.0, and return the version of the database.

    Args:
        connection: The connection, with a transaction in which only this process migrates.

    Raises:
        RuntimeError: The tables are of an earlier development version, or differ from those of 0.1.0.
    """
    version, first = read_version(connection), list_revisions()[0]
    if version is None or version >= first:
        return version
    if version != LAST:
        raise RuntimeError(
            f"the database has the development version {version}; migrate it to {LAST} with the last code that has"
            f" the migration {LAST}_document_comments, and then with this version"
        )
    differences = compare_tables(connection, _read_schema(first), with_types=False)
    if differences:
        raise RuntimeError(
            f"the tables have the development version {LAST}, but were changed; first {', '.join(sorted(differences))}"
        )
    connection.execute(_SET_VERSION, {"version": first})
    return first


def _read_schema(revision: str) -> MetaData:
    """Return the schema of a revision, as SQLite describes it in a database in memory."""
    schema = MetaData()
    with create_engine("sqlite://", poolclass=NullPool).connect() as scratch:
        run_migrations(scratch, revision)
        schema.reflect(scratch, only=lambda name, _: name != VERSION_TABLE)
    return schema
