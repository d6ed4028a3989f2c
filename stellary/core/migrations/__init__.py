"""Migrations: the history of the schema, as part of the package. ``Core.migrate`` runs them without an ini file.

An empty database gets the current schema directly; only a database with Stellary's tables goes through the ``history``. Tests
ensure that both lead to the same schema.

SQLite: all steps are one transaction. PostgreSQL: each step is a transaction without a time limit. It waits only 2 s for a
lock, since all other transactions wait behind it, and is then repeated. ``operations`` has the slow operations on large
tables that run beside other transactions.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    RootTransaction,
    String,
    Table,
    create_mock_engine,
    insert,
    inspect,
    text,
)
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.schema import ExecutableDDLElement

from stellary.core.db.database import begin_sqlite
from stellary.core.db.postgres import LOCK_TIMEOUT, open_dedicated
from stellary.core.migrations.development import adopt_tables
from stellary.core.migrations.history import (
    PREFIX,
    SUPPORTED_SINCE,
    VERSION_TABLE,
    compare_tables,
    find_previous,
    is_ours,
    list_revisions,
    open_scripts,
    read_version,
    run_migrations,
    supports_newer,
)

_log = logging.getLogger("stellary.core")

_version = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    Column("supported_since", String(32)),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)
"""The version table as alembic creates it, with the oldest version whose package may use the schema."""

_DROP_FUNCTIONS = text("""DO $$ DECLARE signature text; BEGIN
FOR signature IN SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND proname IN
('stellary_keep_card_terms', 'stellary_keep_search_prefixes', 'stellary_load_row', 'stellary_store_row') LOOP
EXECUTE 'DROP FUNCTION ' || signature; END LOOP; END $$""")
_TOUCH = text("UPDATE stellary_alembic_version SET version_num = version_num")
_LOCK = 7_355_608_204_117
"""The key of a PostgreSQL advisory lock: the first process migrates, the others wait and find nothing to do."""

TRIES = 100
TRY_AGAIN_SECONDS = 0.5
LOOK_SECONDS = 0.2
# Not a SELECT, whose snapshot drivers keep until the next statement.
_TRY_LOCK = text(
    f"DO $$ BEGIN IF NOT pg_try_advisory_xact_lock({_LOCK}) THEN"
    " RAISE EXCEPTION 'another process migrates' USING ERRCODE = '55P03'; END IF; END $$"
)
_NO_LIMITS = text(
    f"SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '{LOCK_TIMEOUT}', true),"
    " set_config('idle_in_transaction_session_timeout', '0', true)"
)
# Lock not available; deadlock.
_BUSY = ("55P03", "40P01")


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema of a database up to a revision, or wait for a process that is doing so.

    Args:
        connection: A connection without an open transaction.
        revision: The revision to reach; the newest by default.

    Raises:
        RuntimeError: A newer version of this package has migrated the database, and does not support this one; or a
            development version from before the last one.
        DBAPIError: A step has failed. It is rolled back; the steps before it remain.
    """
    if revision == "head" and _is_current(connection):
        return
    if connection.dialect.name == "sqlite":
        _upgrade_sqlite(connection, revision)
        return
    with _hold_migration_lock(connection):
        if revision == "head" and _is_current(connection):
            return
        _upgrade_postgres(connection, revision)


def downgrade(connection: Connection) -> str:
    """Undo the newest migration of a database, and return the version before it.

    Columns and tables of the newest version are dropped with what is in them. Install the package of that version afterwards.

    Args:
        connection: A connection without an open transaction.

    Raises:
        RuntimeError: There are no tables, they are of the first version or of a newer package, or rows exist that an
            earlier version cannot have.
        DBAPIError: The step has failed, and is rolled back.
    """
    if connection.dialect.name == "sqlite":
        target = find_previous(find_version(connection))
        with _change_sqlite(connection):
            run_migrations(connection, target, downgrades=True)
        return target
    with _hold_migration_lock(connection):
        target = find_previous(find_version(connection))
        _try_step(connection, target, downgrades=True)
        return target


def find_version(connection: Connection) -> str:
    """Return the version of a database.

    Args:
        connection: A connection without an open transaction.

    Raises:
        RuntimeError: There are no tables.
    """
    with _begin(connection):
        version = read_version(connection)
    if version is None:
        raise RuntimeError("the tables do not exist")
    return version


@contextmanager
def _hold_migration_lock(connection: Connection) -> Iterator[None]:
    """Prevent other processes from migrating the same database; first wait for one that is doing so.

    The lock is held by an open transaction, which a pooler leaves alone. It has no snapshot, and never waits within a
    statement, which would have one: creating an index concurrently waits until all older snapshots are gone.
    """
    with open_dedicated(connection.engine, "READ COMMITTED") as holder:
        has_logged = False
        while True:
            try:
                begin_step(holder)
                holder.execute(_TRY_LOCK)
                break
            except DBAPIError as error:
                holder.rollback()
                if not _is_busy(error):
                    raise
            if not has_logged:
                _log.info("waiting for another process, which migrates the database")
                has_logged = True
            time.sleep(LOOK_SECONDS)
        yield
        holder.rollback()


def _is_current(connection: Connection) -> bool:
    """Return whether nothing is to be migrated. Checked first, since loading alembic takes long and 10 MB.

    Raises:
        RuntimeError: A newer version of this package has migrated the database, and does not support this one.
    """
    with _begin(connection):
        current, newest = read_version(connection), _newest()
        if current is not None and current > newest:
            if supports_newer(connection, newest):
                _log.info(
                    "a newer version has migrated the database to %s, which supports this version", current
                )
                return True
            raise RuntimeError(
                f"a newer version of Stellary has migrated it to {current}; this version supports up to {newest}"
            )
        return current == newest


def _newest() -> str:
    return list_revisions()[-1]


def include_name(name: str | None, kind: str, parents: object) -> bool:
    """Return whether a host's Alembic manages a name of the database: every one but the tables of the core.

    Pass it to ``context.configure(include_name=…)``. Without it, ``alembic revision --autogenerate`` drops the tables of the
    core, which are not in the host's metadata.

    Args:
        name: The name.
        kind: The kind of the name, such as ``table``; only tables are left out, and their contents with them.
        parents: The names of the containing objects.
    """
    return kind != "table" or not is_ours(name, kind, parents)


def build_schema_sql(dialect: str) -> str:
    """Return the SQL that creates the current schema in an empty database.

    Args:
        dialect: ``postgresql`` or ``sqlite``.
    """
    from stellary.core.migrations.schema import metadata

    statements: list[str] = []

    def collect(statement: ExecutableDDLElement, *_: object, **__: object) -> None:
        statements.append(str(statement.compile(dialect=engine.dialect)))

    engine: MockConnection = create_mock_engine(f"{dialect}://", collect)
    metadata.create_all(engine, checkfirst=False)
    _version.create(engine, checkfirst=False)
    statements.append(f"INSERT INTO {VERSION_TABLE} VALUES ('{_newest()}', '{SUPPORTED_SINCE}')")  # noqa: S608 - no input
    return "".join(f"{statement.strip()};\n" for statement in statements)


def build_downgrade_sql(dialect: str) -> str:
    """Return the SQL that undoes the newest migration.

    Args:
        dialect: ``postgresql`` or ``sqlite``.

    Raises:
        RuntimeError: There is only one.
    """
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    previous, script = find_previous(_newest()), StringIO()
    with open_scripts() as folder:
        context = MigrationContext.configure(
            dialect_name=dialect, opts={"as_sql": True, "output_buffer": script}
        )
        revision = ScriptDirectory(str(folder)).get_revision(_newest())
        assert revision is not None
        with Operations.context(context):
            revision.module.downgrade()
    script.write(f"UPDATE {VERSION_TABLE} SET version_num = '{previous}';\n")  # noqa: S608 - no input
    return "".join(f"{line}\n" for line in script.getvalue().splitlines() if line)


def find_differences(connection: Connection) -> list[str]:
    """Return the differences between the tables of a database and this version, one sentence each; empty if there are none.

    Args:
        connection: A connection without an open transaction.
    """
    from stellary.core.migrations.schema import metadata

    problem = find_version_problem(connection)
    if problem is not None:
        return [problem]
    with connection.begin():
        return compare_tables(connection, metadata)


def find_version_problem(connection: Connection) -> str | None:
    """Return why this version cannot use the tables of a database, as a sentence without a period; None if it can.

    Args:
        connection: A connection without an open transaction.
    """
    with connection.begin():
        current, newest = read_version(connection), _newest()
        is_supported = current is not None and current > newest and supports_newer(connection, newest)
    if current is None:
        return "the tables do not exist"
    if current == newest or is_supported:
        return None
    return f"the database has version {current}; this package needs {newest}"


def drop_all(connection: Connection) -> int:
    """Delete all tables of the core with their rows, and the functions that the core has created on PostgreSQL.

    Args:
        connection: A connection without an open transaction.

    Returns:
        The number of deleted tables.

    Raises:
        DBAPIError: Something of the host depends on one of them. Nothing is deleted.
    """
    with connection.begin():
        existing = MetaData()
        existing.reflect(connection, only=lambda name, _: name.startswith(PREFIX))
        ours = [table for table in existing.sorted_tables if table.name.startswith(PREFIX)]
        existing.drop_all(connection, tables=ours, checkfirst=False)
        if connection.dialect.name != "sqlite":
            connection.execute(_DROP_FUNCTIONS)
    return len(ours)


def touch(connection: Connection) -> None:
    """Write to the version table without changing it."""
    connection.execute(_TOUCH)


def _upgrade_sqlite(connection: Connection, revision: str) -> None:
    with _change_sqlite(connection):
        if _is_empty(connection) and revision == "head":
            _create(connection)
        else:
            adopt_tables(connection)
            run_migrations(connection, revision)


@contextmanager
def _change_sqlite(connection: Connection) -> Iterator[None]:
    """Change the schema on SQLite, in a transaction that checks the references of all rows before it commits."""
    # SQLite alters a table by copying and dropping it, which would delete the rows that refer to it. So foreign keys are
    # off during the migration, which is possible only outside a transaction, and checked before the commit.
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        with _begin(connection):
            yield
            violations = connection.execute(text("PRAGMA foreign_key_check"))
            broken = [row for row in violations if row[0].startswith(PREFIX)]
            if broken:
                raise RuntimeError(f"the migration would leave {len(broken)} rows with broken references")
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> RootTransaction:
    """Begin a transaction. On SQLite, wait until other processes have finished writing."""
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
    with connection.begin():
        connection.execute(_NO_LIMITS)
        current = adopt_tables(connection) or ""
    newest = _newest() if revision == "head" else revision
    for step in list_revisions():
        if current < step <= newest:
            _try_step(connection, step)


def _try_step(connection: Connection, step: str, *, downgrades: bool = False) -> None:
    """Run a step in a transaction, and repeat it if it could not get a lock in time.

    Args:
        connection: A connection without an open transaction.
        step: The revision to reach.
        downgrades: Whether the step leads to an earlier revision. Default: False.
    """
    for attempt in range(1, TRIES + 1):
        begin_step(connection)
        try:
            run_migrations(connection, step, downgrades=downgrades)
            connection.commit()
        except DBAPIError as error:
            connection.rollback()
            if attempt == TRIES or not _is_busy(error):
                raise
            _log.info("migration %s waits for other transactions", step)
            time.sleep(TRY_AGAIN_SECONDS)
        except BaseException:
            connection.rollback()
            raise
        else:
            return


def _is_busy(error: DBAPIError) -> bool:
    """Return whether an error is a lock time-out or a deadlock."""
    return getattr(error.orig, "sqlstate", None) in _BUSY or getattr(error.orig, "pgcode", None) in _BUSY


def begin_step(connection: Connection) -> None:
    """Begin a transaction on PostgreSQL without a time limit, and with a short limit for waiting on locks."""
    connection.begin()
    connection.execute(_NO_LIMITS)


def _is_empty(connection: Connection) -> bool:
    """Return whether the database has no tables of the core."""
    is_empty = not _has_tables(connection)
    if connection.dialect.name != "sqlite":
        connection.rollback()
    return is_empty


def _has_tables(connection: Connection) -> bool:
    return any(name.startswith(PREFIX) for name in inspect(connection).get_table_names())


def create_schema(connection: Connection) -> None:
    """Create the current schema in an empty database, within the transaction of the connection.

    Raises:
        RuntimeError: The database has tables of the core.
    """
    if _has_tables(connection):
        raise RuntimeError("it has tables of Stellary")
    _create(connection)


def _create(connection: Connection) -> None:
    from stellary.core.migrations.schema import metadata

    metadata.create_all(connection, checkfirst=False)
    _version.create(connection)
    connection.execute(insert(_version), {"version_num": _newest(), "supported_since": SUPPORTED_SINCE})
