"""A PostgreSQL schema for each tenant, in place of an organization: the tables of the core once per tenant.

Run it to see what that costs: ``python docs/examples/hosts/tenants/schemas.py DATABASE_URL [NUMBER_OF_TENANTS]``.
"""

from __future__ import annotations

import re
import sys
import time
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from stellary import Stellary
from stellary.core import Core, Membership

CORES_MAX = 50
_SLUG = re.compile("[a-z][a-z0-9]{0,30}")


# --8<-- [start:schemas]
@dataclass
class OpenCore:
    """A core that is open, with the number of blocks that use it."""

    core: Core
    engine: Engine
    users: int = 0

    def close(self) -> None:
        """Close the core and its connections."""
        self.core.close()
        self.engine.dispose()


class TenantCores:
    """The cores of the tenants, each in a schema of its own.

    The least recently used ones are closed when nothing uses them, since each keeps connections.

    Args:
        database_url: The URL of the database.
        cores_max: How many cores stay open, beside those that are in use.
    """

    def __init__(self, database_url: str, cores_max: int = CORES_MAX) -> None:
        self._url = database_url
        self._cores_max = cores_max
        self._lock = Lock()
        self._open: OrderedDict[str, OpenCore] = OrderedDict()

    def create(self, tenant: str) -> None:
        """Create the schema and the tables of a tenant."""
        with create_engine(self._url, poolclass=NullPool).begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {_schema_of(tenant)}"))
        with self.use(tenant) as core:
            core.migrate()

    @contextmanager
    def use(self, tenant: str) -> Generator[Core, None, None]:
        """Yield the core of a tenant, which stays open during the block."""
        with self._lock:
            entry = self._open.get(tenant) or self._connect(tenant)
            self._open[tenant] = entry
            self._open.move_to_end(tenant)
            entry.users += 1
        try:
            yield entry.core
        finally:
            with self._lock:
                entry.users -= 1
                idle = [tenant for tenant, entry in self._open.items() if not entry.users]
                excess = max(0, len(self._open) - self._cores_max)
                closed = [self._open.pop(tenant) for tenant in idle[:excess]]
            for entry in closed:
                entry.close()

    def drop(self, tenant: str) -> None:
        """Delete the schema of a tenant with all its data, which nothing may use any more."""
        with self._lock:
            entry = self._open.pop(tenant, None)
        if entry is not None:
            entry.close()
        with create_engine(self._url, poolclass=NullPool).begin() as connection:
            connection.execute(text(f"DROP SCHEMA {_schema_of(tenant)} CASCADE"))

    def close(self) -> None:
        """Close all cores."""
        with self._lock:
            entries = [*self._open.values()]
            self._open.clear()
        for entry in entries:
            entry.close()

    def _connect(self, tenant: str) -> OpenCore:
        options = {"options": f"-c search_path={_schema_of(tenant)}"}
        # Few connections for each tenant: PostgreSQL allows about a hundred in all.
        engine = create_engine(self._url, connect_args=options, pool_size=1, max_overflow=2)
        return OpenCore(Core(engine), engine)


def _schema_of(tenant: str) -> str:
    """Return the schema of a tenant, whose slug cannot contain SQL."""
    if not _SLUG.fullmatch(tenant):
        raise ValueError(f"{tenant!r} is not a valid slug")
    return f"tenant_{tenant}"


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
            cores.create(tenant)
            with cores.use(tenant) as core:
                actor = core.provision("42", Membership("shop", "orders", role="admin"))
                with Stellary.embedded(core.port(actor)) as stellary:
                    stellary.workspace("shop", "orders").projects.create(name="Deliveries")
        creation_ms = (time.perf_counter() - started_at) / count * 1000
        size_kb = (_measure_size(engine) - size_before) / count / 1024
        cores.close()
        started_at = time.perf_counter()
        for tenant in tenants:
            with cores.use(tenant) as core:
                core.user(external_id="42")
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
