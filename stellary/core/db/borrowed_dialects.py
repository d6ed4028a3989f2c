"""Dialects for the connections of a host: they neither configure them, nor begin or end their transactions.

SQLAlchemy would configure a connection each time that it is wrapped: on PostgreSQL, another handler of notices each time;
on SQLite, a function ``regexp`` in place of the one of the host.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite


class _Borrowed:
    """The methods that leave a connection as it is."""

    supports_statement_cache = True

    def on_connect(self) -> Any:
        return None

    def _leave(self, dbapi_connection: object) -> None:
        return None

    do_begin = do_commit = do_rollback = do_close = do_terminate = _leave


class BorrowedSqlite(_Borrowed, SQLiteDialect_pysqlite):
    """The dialect for connections of ``sqlite3``."""

    supports_statement_cache = True


class BorrowedPostgres(_Borrowed, PGDialect_psycopg):
    """The dialect for connections of ``psycopg``."""

    supports_statement_cache = True
