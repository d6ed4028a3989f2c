"""Migrations: the schema's history, inside the package; ``Core.migrate`` runs them without an ini file.

An empty database gets today's schema at once; only one that holds something of ours walks through its history. Tests
see to it that both ways end at the same schema.

SQLite: all steps are one transaction. PostgreSQL: each step is one, without a limit on its time. It waits for a lock for
2 s only, since everybody else waits behind it, and is tried again. What takes long on a large table is done beside the
others by ``operations``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    RootTransaction,
    String,
    Table,
    insert,
    inspect,
    text,
)
from sqlalchemy.exc import DBAPIError, OperationalError

from stellary.core.db import forks
from stellary.core.db.database import begin_sqlite
from stellary.core.db.postgres import LOCK_TIMEOUT, open_dedicated

_log = logging.getLogger("stellary.core")

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

TRIES = 100
TRY_AGAIN_SECONDS = 0.5
LOOK_SECONDS = 0.2
# Not by SELECT, whose snapshot drivers keep until the next statement.
_TRY_LOCK = text(
    f"DO $$ BEGIN IF NOT pg_try_advisory_xact_lock({_LOCK}) THEN"
    " RAISE EXCEPTION 'another process migrates' USING ERRCODE = '55P03'; END IF; END $$"
)
_NO_LIMITS = text(
    f"SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '{LOCK_TIMEOUT}', true),"
    " set_config('idle_in_transaction_session_timeout', '0', true)"
)
# A lock is held by somebody else; a deadlock.
_BUSY = ("55P03", "40P01")


class _Alembic:
    """A lock over what alembic keeps in its modules."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        forks.follow(self)

    def after_fork_in_child(self) -> None:
        self.lock = threading.Lock()


_alembic = _Alembic()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema of a database up to a revision, or wait for a process that is doing so.

    Args:
        connection: In no transaction.
        revision: The newest unless another is named.

    Raises:
        RuntimeError: A newer version of this package was here.
        DBAPIError: A step has failed. It is undone, and the steps before it are done.
    """
    if revision == "head" and _is_current(connection):
        return
    if connection.dialect.name == "sqlite":
        _upgrade_sqlite(connection, revision)
        return
    with _alone(connection):
        if revision == "head" and _is_current(connection):
            return
        _upgrade_postgres(connection, revision)


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Keep other processes from migrating the same database; first wait for the one that does so.

    The lock is held by an open transaction, which a pooler leaves alone. It has no snapshot, and nobody waits within a
    statement, which would have one: an index that is created concurrently waits until all older snapshots are gone.
    """
    with open_dedicated(connection.engine, "READ COMMITTED") as holder:
        told = False
        while True:
            try:
                begin_step(holder)
                holder.execute(_TRY_LOCK)
                break
            except DBAPIError as error:
                holder.rollback()
                if not _is_busy(error):
                    raise
            if not told:
                _log.info("waiting for another process, which migrates the database")
                told = True
            time.sleep(LOOK_SECONDS)
        yield
        holder.rollback()


def _is_current(connection: Connection) -> bool:
    """Whether there is nothing to do: asked first, since alembic takes a server longer to load than all else, and 10 MB.

    Raises:
        RuntimeError: A newer version of this package was here.
    """
    with _begin(connection):
        if not inspect(connection).has_table(VERSION_TABLE):
            return False
        found, newest = connection.scalars(_CURRENT).one_or_none(), _newest()
        if found is not None and found > newest:
            raise RuntimeError(
                f"a newer version of Stellary has migrated it to {found}; this one knows {newest}"
            )
        return found == newest


def _revisions() -> list[str]:
    """All revisions, from the oldest to the newest: their numbers."""
    paths = (files(__name__) / "versions").iterdir()
    return sorted(path.name.partition("_")[0] for path in paths if path.name[0].isdigit())


def _newest() -> str:
    return _revisions()[-1]


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
        with _begin(connection):
            if _is_empty(connection) and revision == "head":
                _create(connection)
            else:
                _walk(connection, revision)
            found = connection.execute(text("PRAGMA foreign_key_check"))
            broken = [row for row in found if row[0].startswith(PREFIX)]
            if broken:
                raise RuntimeError(f"the migration would leave {len(broken)} rows that point nowhere")
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> RootTransaction:
    """Begin a transaction. On SQLite wait until nobody else writes: who migrates does so for longer than others write."""
    if connection.dialect.name != "sqlite":
        return connection.begin()
    while True:
        try:
            transaction = connection.begin()
            begin_sqlite(connection)
        except OperationalError as error:
            connection.rollback()
            if "locked" not in str(error.orig):
                raise
            _log.info("waiting for another process, which writes to the database")
        else:
            return transaction


def _upgrade_postgres(connection: Connection, revision: str) -> None:
    if revision == "head" and _is_empty(connection):
        with connection.begin():
            connection.execute(_NO_LIMITS)
            _create(connection)
        return
    for step in _steps_to(connection, revision):
        _try_step(connection, step)


def _steps_to(connection: Connection, revision: str) -> list[str]:
    with connection.begin():
        there = inspect(connection).has_table(VERSION_TABLE)
        current = connection.scalars(_CURRENT).one_or_none() if there else None
    newest = _newest() if revision == "head" else revision
    return [step for step in _revisions() if (current or "") < step <= newest]


def _try_step(connection: Connection, step: str) -> None:
    """Take a step in a transaction, again if it could not have a lock in time."""
    for tried in range(1, TRIES + 1):
        begin_step(connection)
        try:
            _walk(connection, step)
            connection.commit()
        except DBAPIError as error:
            connection.rollback()
            if tried == TRIES or not _is_busy(error):
                raise
            _log.info("migration %s waits for what others are doing", step)
            time.sleep(TRY_AGAIN_SECONDS)
        except BaseException:
            connection.rollback()
            raise
        else:
            return


def _is_busy(error: DBAPIError) -> bool:
    """Whether others held what was needed, or a deadlock was ended."""
    return getattr(error.orig, "sqlstate", None) in _BUSY or getattr(error.orig, "pgcode", None) in _BUSY


def begin_step(connection: Connection) -> None:
    """Begin a transaction on PostgreSQL that may take as long as it does, but not make others wait for it."""
    connection.begin()
    connection.execute(_NO_LIMITS)


def _is_empty(connection: Connection) -> bool:
    """Whether there is nothing of ours."""
    names = inspect(connection).get_table_names()
    if connection.dialect.name != "sqlite":
        connection.rollback()
    return not any(name.startswith(PREFIX) for name in names)


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
