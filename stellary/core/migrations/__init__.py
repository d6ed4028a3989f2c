"""Migrations: the schema's history, inside the package; ``Core.migrate`` runs them without an ini file.

An empty database gets today's schema at once; only one that holds something of ours walks through its history. Tests
see to it that both ways end at the same schema.
"""

from __future__ import annotations

import threading
from importlib.resources import as_file, files

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    text,
)

from stellary.core import forks
from stellary.core.database import begin_sqlite

PREFIX = "stellary_"
"""Of all our tables: what else there is in a database is its host's."""

VERSION_TABLE = "stellary_alembic_version"
_version = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)
"""As alembic makes it."""

_TOUCH = text("UPDATE stellary_alembic_version SET version_num = version_num")
_CURRENT = text("SELECT version_num FROM stellary_alembic_version")
_LOCK = 7_355_608_204_117
"""Of PostgreSQL's advisory locks: whoever starts first migrates, the others wait and find nothing to do."""


class _Alembic:
    """A lock over what alembic keeps in its modules."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        forks.follow(self)

    def after_fork_in_child(self) -> None:
        self.lock = threading.Lock()


_alembic = _Alembic()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema of a database up to a revision, in one transaction.

    Args:
        connection: In no transaction.
        revision: The newest unless another is named.
    """
    if revision == "head" and _is_current(connection):
        return
    if connection.dialect.name == "sqlite":
        _upgrade_sqlite(connection, revision)
        return
    with connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        _run(connection, revision)


def _is_current(connection: Connection) -> bool:
    """Whether there is nothing to do: asked first, since alembic takes a server longer to load than all else, and 10 MB.

    Raises:
        RuntimeError: A newer version of this package was here.
    """
    with connection.begin():
        if not inspect(connection).has_table(VERSION_TABLE):
            return False
        found, newest = connection.scalars(_CURRENT).one_or_none(), _newest()
        if found is not None and found > newest:
            raise RuntimeError(
                f"a newer version of Stellary has migrated it to {found}; this one knows {newest}"
            )
        return found == newest


def _newest() -> str:
    return max(
        path.name.partition("_")[0]
        for path in (files(__name__) / "versions").iterdir()
        if path.name[0].isdigit()
    )


def touch(connection: Connection) -> None:
    """Write something that changes nothing."""
    connection.execute(_TOUCH)


def _upgrade_sqlite(connection: Connection, revision: str) -> None:
    # SQLite alters a table by copying and dropping it, and a dropped parent takes its children along: foreign keys
    # are off meanwhile, which only works outside a transaction, and checked before the commit.
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        with connection.begin():
            begin_sqlite(connection)
            _run(connection, revision)
            found = connection.execute(text("PRAGMA foreign_key_check"))
            broken = [row for row in found if row[0].startswith(PREFIX)]
            if broken:
                raise RuntimeError(f"the migration would leave {len(broken)} rows that point nowhere")
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def _run(connection: Connection, revision: str) -> None:
    if revision == "head" and not any(
        name.startswith(PREFIX) for name in inspect(connection).get_table_names()
    ):
        _create(connection)
    else:
        _walk(connection, revision)


def _create(connection: Connection) -> None:
    from stellary.core.migrations.schema import metadata

    metadata.create_all(connection, checkfirst=False)
    _version.create(connection)
    connection.execute(insert(_version), {"version_num": _newest()})


def _walk(connection: Connection, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    # Alembic keeps what it works on in its modules.
    with _alembic.lock, as_file(files(__name__)) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
