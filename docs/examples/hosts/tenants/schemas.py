"""A PostgreSQL schema for each tenant, in place of an organization: the tables of the core once per tenant.

Run it to see what that costs: ``python docs/examples/hosts/tenants/schemas.py DATABASE_URL [NUMBER_OF_TENANTS]``.
"""

from __future__ import annotations

import re
import sys
import time
from collections import OrderedDict
from threading import Lock

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from stellary import Stellary
from stellary.core import Core, Membership

CORES_MAX = 50
_SLUG = re.compile("[a-z][a-z0-9]{0,30}")


# --8<-- [start:schemas]
class TenantCores:
    """The cores of the tenants, each in a schema of its own.

    The least recently used ones are closed, since each keeps connections.

    Args:
        database_url: The URL of the database.
        cores_max: How many cores stay open.
    """

    def __init__(self, database_url: str, cores_max: int = CORES_MAX) -> None:
        self._url = database_url
        self._cores_max = cores_max
        self._lock = Lock()
        self._open: OrderedDict[str, tuple[Core, Engine]] = OrderedDict()

    def create(self, tenant: str) -> Core:
        """Create the schema of a tenant, and return its core."""
        with create_engine(self._url, poolclass=NullPool).begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {_schema_of(tenant)}"))
        core = self.get(tenant)
        core.migrate()
        return core

    def get(self, tenant: str) -> Core:
        """Return the core of a tenant. Use it before others are requested: the oldest one is closed."""
        closed: list[tuple[Core, Engine]] = []
        with self._lock:
            if tenant not in self._open:
                self._open[tenant] = self._connect(tenant)
            self._open.move_to_end(tenant)
            while len(self._open) > self._cores_max:
                closed.append(self._open.popitem(last=False)[1])
            core = self._open[tenant][0]
        for pair in closed:
            _close(pair)
        return core

    def drop(self, tenant: str) -> None:
        """Delete the schema of a tenant with all its data."""
        with self._lock:
            pair = self._open.pop(tenant, None)
        if pair is not None:
            _close(pair)
        with create_engine(self._url, poolclass=NullPool).begin() as connection:
            connection.execute(text(f"DROP SCHEMA {_schema_of(tenant)} CASCADE"))

    def close(self) -> None:
        """Close all cores."""
        with self._lock:
            pairs = [*self._open.values()]
            self._open.clear()
        for pair in pairs:
            _close(pair)

    def _connect(self, tenant: str) -> tuple[Core, Engine]:
        options = {"options": f"-c search_path={_schema_of(tenant)}"}
        # Few connections for each tenant: PostgreSQL allows about a hundred in all.
        engine = create_engine(self._url, connect_args=options, pool_size=1, max_overflow=2)
        return Core(engine), engine


def _schema_of(tenant: str) -> str:
    """Return the schema of a tenant, whose slug cannot contain SQL."""
    if not _SLUG.fullmatch(tenant):
        raise ValueError(f"{tenant!r} is not a valid slug")
    return f"tenant_{tenant}"


def _close(pair: tuple[Core, Engine]) -> None:
    core, engine = pair
    core.close()
    engine.dispose()


# --8<-- [end:schemas]


def measure(database_url: str, count: int) -> list[str]:
    """Return what ``count`` schemas cost: time, disk space, and the time to open a core."""
    cores = TenantCores(database_url)
    tenants = [f"t{number}" for number in range(count)]
    engine = create_engine(database_url, poolclass=NullPool)
    try:
        size_before = _measure_size(engine)
        started_at = time.perf_counter()
        for tenant in tenants:
            core = cores.create(tenant)
            actor = core.provision("42", Membership("shop", "orders", role="admin"))
            with Stellary.embedded(core.port(actor)) as stellary:
                stellary.workspace("shop", "orders").projects.create(name="Deliveries")
        creation_ms = (time.perf_counter() - started_at) / count * 1000
        size_kb = (_measure_size(engine) - size_before) / count / 1024
        cores.close()
        started_at = time.perf_counter()
        for tenant in tenants:
            cores.get(tenant).user(external_id="42")
        opening_ms = (time.perf_counter() - started_at) / count * 1000
        for tenant in tenants:
            cores.drop(tenant)
    finally:
        cores.close()
        engine.dispose()
    return [
        f"creation: {creation_ms:.0f} ms and {size_kb:.0f} kB per tenant",
        f"first request after a start: {opening_ms:.1f} ms per tenant",
    ]


def _measure_size(engine: Engine) -> int:
    with engine.connect() as connection:
        size: int = connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
        return size


if __name__ == "__main__":
    print(*measure(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10), sep="\n")
