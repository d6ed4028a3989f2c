"""A cache of compiled statements and of plans per process, instead of one for each of the thousands of test databases.

SQLAlchemy caches compiled statements by engine and by dialect, and a connection pool keeps its plans, since those may
differ. Here they do not: all engines of a kind talk to the same version of the same database.
"""

from collections import defaultdict
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

from stellary.core.db.connection_pool import ConnectionPool
from stellary.core.db.direct_connection import Plans

SIZE = 10_000
_caches: defaultdict[str, Any] = defaultdict(lambda: LRUCache(SIZE))
_plans: defaultdict[str, Plans] = defaultdict(Plans)


def share() -> None:
    """Let all engines share their compiled statements, and all connection pools their plans."""
    # An engine still makes a cache of its own, which is then unused.
    Engine._compiled_cache = property(  # type: ignore[assignment]
        lambda engine: _caches[engine.dialect.driver], lambda engine, _: None
    )
    ConnectionPool._plans = property(  # type: ignore[assignment]
        lambda pool: _plans[pool._engine.dialect.driver], lambda pool, _: None
    )
    for kind in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        # The dialect is a part of the key: all dialects of a class are equal.
        kind.__hash__ = lambda dialect: hash(type(dialect))  # type: ignore[method-assign]
        kind.__eq__ = lambda dialect, other: type(dialect) is type(other)  # type: ignore[method-assign]
