"""Statements are compiled once a process, and not once for each of the thousands of databases that tests open.

SQLAlchemy keeps what it has compiled by engine and by dialect, since those may differ. Here they do not: all engines of a
kind speak to the same version of the same database.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

SIZE = 10_000
_caches: defaultdict[str, Any] = defaultdict(lambda: LRUCache(SIZE))


def share() -> None:
    """Let all engines share what is compiled."""
    # An engine makes a cache of its own, which nobody asks for then.
    Engine._compiled_cache = property(  # type: ignore[assignment]
        lambda engine: _caches[engine.dialect.driver], lambda engine, own: None
    )
    for kind in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        # A part of the key: each is as good as another one of its class.
        kind.__hash__ = lambda dialect: hash(type(dialect))  # type: ignore[method-assign]
        kind.__eq__ = lambda dialect, other: type(dialect) is type(other)  # type: ignore[method-assign]
