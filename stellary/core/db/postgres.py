"""Engines for PostgreSQL: parsing URLs, creating connections, and their time limits.

On a direct connection, the settings are made once per connection. Behind a pooler such as PgBouncer in
transaction mode, each transaction may use another server connection, so the settings are made per transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

from stellary.core.db import internals, watchdog

WRITERS = 8
READERS = 4
"""The connections per process. Readers have their own, so that writers that wait for a row do not block them."""

LOCK_TIMEOUT = "2s"
WRITES: Mapping[str, Any] = {"isolation_level": "READ COMMITTED", "postgresql_readonly": False}
READS: Mapping[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
SINGLE_READS: Mapping[str, str | bool] = {"isolation_level": "AUTOCOMMIT", "postgresql_readonly": True}
"""The connections for units without a snapshot, which need no BEGIN and COMMIT; each costs as much as the statement."""

_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"

# With UTC, the driver returns datetimes in UTC.
_SETTINGS: Mapping[str, str] = {
    "timezone": "UTC",
    "statement_timeout": "30s",
    "lock_timeout": LOCK_TIMEOUT,
    "idle_in_transaction_session_timeout": "60s",
}
# A server that disappears silently is noticed after a minute, or after half a minute if data was sent to it.
_NETWORK: Mapping[str, int] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_SPELLING = re.compile(
    r"(?:postgres|postgresql|postgresql\+psycopg)://"
    r"(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@]*))?@)?(?P<hosts>[^/?#]*)(?P<rest>(?:/[^?#]*)?(?:\?[^#]*)?)"
)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:]*)(?::(?P<port>[0-9]{1,5}))?")
_OPTION = re.compile(r"(?:-c\s*|--)([A-Za-z_.]+)\s*=")
_WRONG = "must look like postgresql://user:password@host:5432/database"
_PREPARE = "prepare_threshold"
SCHEMA = "stellary_schema"
"""The execution option of an engine that names the schema of its dedicated connections."""


def parse_url(text: str) -> URL:
    """Convert a PostgreSQL URL to a SQLAlchemy URL.

    Args:
        text: A URL in libpq's format: ``postgres://`` or ``postgresql://``, with several hosts separated by
            commas; or SQLAlchemy's ``postgresql+psycopg://``.

    Raises:
        ValueError: The URL is not valid. The message completes a sentence that begins with the name of the setting.
    """
    parts = _SPELLING.fullmatch(text)
    if parts is None:
        raise ValueError(_WRONG)
    url = make_url(f"postgresql+psycopg://{parts['rest']}")
    _read_threshold(url)
    if parts["user"]:
        url = url.set(username=unquote(parts["user"]))
    if parts["password"]:
        url = url.set(password=unquote(parts["password"]))
    hosts = [_HOST.fullmatch(host) for host in parts["hosts"].split(",")]
    names = [unquote(host["host"]).strip("[]") for host in hosts if host is not None]
    ports = [host["port"] or "" for host in hosts if host is not None]
    if len(names) != len(hosts) or (len(hosts) > 1 and not all(names)):
        raise ValueError(f"{_WRONG}, with the hosts separated by commas if there are several")
    if len(names) == 1:
        return url.set(host=names[0] or None, port=int(ports[0]) if ports[0] else None)
    more = {"host": ",".join(names)} | ({"port": ",".join(ports)} if any(ports) else {})
    return url.update_query_dict(more)


def create_postgres_engine(url: URL, connections: int) -> Engine:
    """Create an engine whose connections have the core's settings, in addition to those in the URL.

    Args:
        url: The result of ``parse_url``. Its settings take precedence. ``prepare_threshold`` is the number of
            uses after which a statement is prepared (default 5); ``off`` never prepares.
        connections: The maximum number of connections in the pool.
    """
    threshold = _read_threshold(url)
    arguments: dict[str, Any] = {name: value for name, value in _NETWORK.items() if name not in url.query}
    if _PREPARE in url.query:
        arguments[_PREPARE] = threshold
    engine = create_engine(
        url.difference_update_query([_PREPARE]),
        pool_size=connections,
        # A connection that is detached at once (``open_dedicated``) is in the pool for a moment.
        max_overflow=1,
        # Error messages are logged, and must not contain the parameters of a statement, such as password hashes.
        hide_parameters=True,
        connect_args=arguments,
    )
    _keep_settings(engine, {name: value for name, value in _SETTINGS.items() if name not in _options(url)})
    return engine


@contextmanager
def open_dedicated(engine: Engine, isolation_level: str | None = None) -> Iterator[Connection]:
    """Open a connection outside of the pool, created like the engine's own, and close it at the end of the block.

    Use it where a connection is kept for long, since the pool would lack it.

    Args:
        engine: The engine whose ``creator``, ``connect_args`` and events are used.
        isolation_level: As SQLAlchemy names them, or ``AUTOCOMMIT``; None for the engine's own.
    """
    with engine.connect() as connection:
        connection.detach()
        if isolation_level is not None:
            # Not an execution option, which the pool would reset on another connection than this one.
            dialect: Any = engine.dialect
            dialect.set_isolation_level(connection.connection.dbapi_connection, isolation_level)
        schema = engine.get_execution_options().get(SCHEMA)
        if schema is not None:
            use_schema(connection, schema)
        yield connection


def use_schema(connection: Connection, schema: str | None) -> bool:
    """Make a connection that is in no transaction use the tables of a schema. Behind a pooler, each transaction sets it.

    Args:
        connection: The connection, of an engine that ``create_postgres_engine`` has created.
        schema: The schema; None for the one that the URL or the account sets.

    Returns:
        Whether statements outside of a transaction use the schema, too.
    """
    driver: Any = connection.connection.dbapi_connection
    driver.stellary_schema = schema
    if driver.is_behind_pooler:
        return False
    with connection.begin():
        if schema is None:
            connection.exec_driver_sql("RESET search_path")
        else:
            connection.exec_driver_sql("SELECT set_config('search_path', %s, false)", (quote_name(schema),))
    return True


def check_schema(name: str) -> None:
    """Check the name of a schema.

    Raises:
        ValueError: PostgreSQL allows no schema of that name.
    """
    if not 0 < len(name.encode()) < 64 or "\0" in name:
        raise ValueError("the name of a schema has 1 to 63 bytes, and no zero byte")


def quote_name(name: str) -> str:
    """Return the name of a schema in quotes, for ``search_path`` and for patterns of ``pg_dump``.

    Args:
        name: The name.
    """
    return '"{}"'.format(name.replace('"', '""'))


def is_pooled(connection: Connection) -> bool:
    """Return whether this connection goes through a pooler, so that clients share sessions."""
    with connection.begin():
        return _is_pooled(connection.connection.dbapi_connection)


def _is_pooled(driver: Any) -> bool:
    reported_pid = getattr(getattr(driver, "info", None), "backend_pid", None)
    with driver.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        # A pooler reports an invented process id, since its clients have no server process of their own.
        return reported_pid is not None and cursor.fetchone()[0] != reported_pid


def _keep_settings(engine: Engine, settings: Mapping[str, str]) -> None:
    pooled = False
    for_session, for_transaction = (
        "SELECT " + ", ".join(f"set_config('{name}', '{value}', {local})" for name, value in settings.items())
        for local in ("false", "true")
    )

    @event.listens_for(engine, "connect")
    def prepare(driver: Any, _: object) -> None:
        nonlocal pooled
        watched = watchdog.watch(driver)
        try:
            driver.autocommit = True
            driver.is_behind_pooler = pooled = _is_pooled(driver)
            driver.stellary_schema = None
            if not pooled:
                driver.execute(for_session)
            driver.autocommit = False
            if internals.are_known("psycopg"):
                # Imported here, since the driver is installed only where PostgreSQL is used.
                from stellary.core.db.prepared_statements import keep_statements

                keep_statements(driver)
        finally:
            watchdog.forget(watched)

    def begin(driver: Any) -> None:
        if pooled:
            # These settings are made within the transaction. A migration outside of a transaction has none.
            begins_reading = driver.autocommit and driver.read_only
            schema = driver.stellary_schema
            name = "" if schema is None else quote_name(schema).replace("'", "''")
            path = name and f", set_config('search_path', '{name}', true)"
            # Several statements at once cannot be prepared.
            driver.execute(
                f"{_BEGIN_READING if begins_reading else ''} {for_transaction}{path}", prepare=False
            )

    # Not the event "begin": with a listener on it, the engine looks for listeners at every statement.
    engine.dialect.do_begin = begin  # type: ignore[method-assign, assignment]


def _options(url: URL) -> set[str]:
    """Return the names of the server settings in the ``options`` of a URL."""
    options = url.query.get("options", "")
    return set(_OPTION.findall(options if isinstance(options, str) else " ".join(options)))


def _read_threshold(url: URL) -> int | None:
    text = url.query.get(_PREPARE, "off")
    if text == "off":
        return None
    if not isinstance(text, str) or not re.fullmatch("[0-9]{1,4}", text):
        raise ValueError("must name a prepare_threshold from 0 to 9999, or off")
    return int(text)
