"""The migration files in order, and Alembic, which runs them and compares schemas. It is loaded when it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, MetaData, inspect, text

from stellary.core.db import forks

PREFIX = "stellary_"
"""The prefix of all tables of the core; other tables belong to the host application."""
VERSION_TABLE = "stellary_alembic_version"

SUPPORTED_SINCE: Final = "0120"
"""The version of the previous release, whose servers may use the current schema during an upgrade. Raise it with each release."""
_STATES_SUPPORT: Final = "0124"
"""The first version that states which releases may use it."""

_CURRENT = text("SELECT version_num FROM stellary_alembic_version")
_SUPPORTS = text("SELECT supported_since <= :version FROM stellary_alembic_version")
_STATE_SUPPORT = text(
    "UPDATE stellary_alembic_version SET supported_since = :since WHERE supported_since < :since"
)


class _Alembic:
    """A lock for the state that alembic keeps in its modules."""

    def __init__(self) -> None:
        self.lock = forks.create_lock(self, "lock")


_alembic = _Alembic()


@contextmanager
def open_scripts() -> Iterator[Path]:
    """Yield the folder of Alembic's files, and keep other threads from Alembic until the end of the block."""
    with _alembic.lock, as_file(files(__package__)) as folder:
        yield folder


def list_revisions() -> list[str]:
    """Return the numbers of all revisions, oldest first."""
    paths = (files(__package__) / "versions").iterdir()
    return sorted(path.name.partition("_")[0] for path in paths if path.name[0].isdigit())


def find_previous(revision: str) -> str:
    """Return the revision before one.

    Raises:
        RuntimeError: It is the first one, or is not one of this package.
    """
    revisions = list_revisions()
    if revision not in revisions:
        raise RuntimeError(
            f"this package does not know version {revision}; downgrade with the one that has migrated to it"
        )
    if revision == revisions[0]:
        raise RuntimeError(f"{revision} is the first version; uninstall deletes the tables")
    return revisions[revisions.index(revision) - 1]


def read_version(connection: Connection) -> str | None:
    """Return the version of a database, within the transaction of the connection. None if it has no tables."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.scalars(_CURRENT).one_or_none()
    return version


def supports_newer(connection: Connection, version: str) -> bool:
    """Return whether the package of a version may use the newer schema of a database.

    Args:
        connection: The connection, with a transaction.
        version: The newest version of the package.
    """
    return version >= _STATES_SUPPORT and bool(connection.scalar(_SUPPORTS, {"version": version}))


def run_migrations(connection: Connection, revision: str, *, downgrades: bool = False) -> None:
    """Run migrations within the transaction of the connection.

    Args:
        connection: The connection.
        revision: The revision to reach.
        downgrades: Whether it is an earlier revision. Default: False.
    """
    from alembic import command
    from alembic.config import Config

    with open_scripts() as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        (command.downgrade if downgrades else command.upgrade)(config, revision)
    if not downgrades and (read_version(connection) or "") >= _STATES_SUPPORT:
        connection.execute(_STATE_SUPPORT, {"since": SUPPORTED_SINCE})


def is_ours(name: str | None, kind: str, parents: object) -> bool:
    """Return whether Alembic manages a name in the migrations of the core: the opposite of ``include_name`` for tables.

    Args:
        name: The name.
        kind: The kind of the name, such as ``table``.
        parents: The names of the containing objects.
    """
    return kind != "table" or (name or "").startswith(PREFIX)


def compare_tables(connection: Connection, expected: MetaData, *, with_types: bool = True) -> list[str]:
    """Return the differences between the tables of a database and a schema, one sentence each.

    Args:
        connection: The connection, with a transaction.
        expected: The schema.
        with_types: Whether to compare the types of columns. Default: True.
    """
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    options = {"include_name": is_ours, "version_table": VERSION_TABLE, "compare_type": with_types}
    context = MigrationContext.configure(connection, opts=options)
    return [_describe(difference) for difference in compare_metadata(context, expected)]


def _describe(difference: object) -> str:
    """Return a difference that Alembic has found, described as the change that would resolve it."""
    while isinstance(difference, list):
        difference = difference[0]
    assert isinstance(difference, tuple)
    operation, *parts = difference
    names = [part if isinstance(part, str) else getattr(part, "name", None) for part in parts]
    return f"{operation.replace('_', ' ')} {'.'.join(name for name in names if name)}"
