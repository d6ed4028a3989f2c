"""The URL of a database that Django is configured for."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

_IN_URL = ("dbname", "user", "password", "host", "port")
# Options of Django and psycopg, which are no parameters of libpq.
_NOT_LIBPQ = ("client_encoding", "context", "cursor_factory", "row_factory", "autocommit")


def build_url(connection: Any) -> str:
    """Return the URL of the database that a connection of Django connects to, as ``Core`` takes it.

    Args:
        connection: A connection of ``django.db.connections``, which need not be open.

    Raises:
        ValueError: The database is neither SQLite nor PostgreSQL.
    """
    if connection.vendor == "sqlite":
        return _build_sqlite_url(str(connection.settings_dict["NAME"]))
    if connection.vendor == "postgresql":
        return _build_postgres_url(
            connection.get_connection_params(), connection.settings_dict["OPTIONS"].get("assume_role")
        )
    raise ValueError(
        f"Stellary supports SQLite and PostgreSQL; the database {connection.alias!r} is {connection.display_name}"
    )


def _build_sqlite_url(name: str) -> str:
    if name == ":memory:":
        return "sqlite://"
    if name.startswith("file:"):
        return f"sqlite:///{name}{'&' if '?' in name else '?'}uri=true"
    return f"sqlite:///{Path(name).absolute()}"


def _build_postgres_url(parameters: dict[str, Any], role: str | None) -> str:
    query = {
        name: str(value)
        for name, value in parameters.items()
        if name not in (*_IN_URL, *_NOT_LIBPQ) and isinstance(value, (str, int))
    }
    if role is not None:
        query["options"] = f"{query.get('options', '')} -c role={role}".strip()
    user = quote(str(parameters.get("user", "")), safe="")
    password = quote(str(parameters.get("password", "")), safe="")
    login = f"{user}{':' if password else ''}{password}@" if user else ""
    hosts = str(parameters.get("host", "")).split(",")
    ports = str(parameters.get("port", "")).split(",")
    if len(ports) < len(hosts):
        ports = ports * len(hosts)
    servers = ",".join(_write_server(host, port) for host, port in zip(hosts, ports, strict=False))
    database = quote(str(parameters.get("dbname", "")), safe="")
    return f"postgresql://{login}{servers}/{database}?{urlencode(query, quote_via=quote)}".rstrip("?")


def _write_server(host: str, port: str) -> str:
    name = f"[{host}]" if ":" in host else quote(host, safe="")
    return f"{name}:{port}" if port else name
