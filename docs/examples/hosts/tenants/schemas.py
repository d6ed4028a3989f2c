"""A PostgreSQL schema for each tenant, in place of an organization: the tables of the core once per tenant.

Run it to see what that costs: ``python docs/examples/hosts/tenants/schemas.py DATABASE_URL [NUMBER_OF_TENANTS]``.
"""

from __future__ import annotations

import re
import sys
import time
from functools import lru_cache

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from stellary import Stellary
from stellary.core import Core, Membership

CORES_MAX = 50
_SLUG = re.compile("[a-z][a-z0-9]{0,30}")


# --8<-- [start:schemas]
class TenantCores:
    """The cores of the tenants, each in a schema of its own, over the connections of one core.

    Args:
        database_url: The URL of the database.
        cores_max: How many cores are remembered, each with the lists that were read last.
        writers: How many units may write at the same time. By default, as many as ``Core`` allows.
    """

    def __init__(self, database_url: str, cores_max: int = CORES_MAX, writers: int | None = None) -> None:
        self._core = Core(database_url, writers=writers)
        self._engine = create_engine(self._core.database.engine.url, poolclass=NullPool)
        self._of_schema = lru_cache(cores_max)(self._core.in_schema)

    def create(self, tenant: str) -> None:
        """Create the schema and the tables of a tenant."""
        with self._engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {_schema_of(tenant)}"))
        self.find(tenant).migrate()

    def find(self, tenant: str) -> Core:
        """Return the core of a tenant."""
        return self._of_schema(_schema_of(tenant))

    def work(self, tenants: list[str]) -> None:
        """Run the jobs that are due, and send the messages of webhooks, for one tenant after the other."""
        for tenant in tenants:
            core = self.find(tenant)
            core.work.run_due()
            core.webhook_worker.run_due()

    def drop(self, tenant: str) -> None:
        """Delete the schema of a tenant with all its data, which nothing may use any more."""
        with self._engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {_schema_of(tenant)} CASCADE"))

    def close(self) -> None:
        """Close all connections."""
        self._core.close()


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
            core = cores.find(tenant)
            actor = core.provision("42", Membership("shop", "orders", role="admin"))
            with Stellary.embedded(core.port(actor)) as stellary:
                stellary.workspace("shop", "orders").projects.create(name="Deliveries")
        creation_ms = (time.perf_counter() - started_at) / count * 1000
        size_kb = (_measure_size(engine) - size_before) / count / 1024
        cores.close()
        opening_ms = _measure_requests(TenantCores(database_url), tenants)
        switching_ms = _measure_requests(TenantCores(database_url, writers=1), 5 * tenants)
        for tenant in tenants:
            cores.drop(tenant)
    finally:
        cores.close()
        engine.dispose()
    return [
        f"creation: {creation_ms:.0f} ms and {size_kb:.0f} kB per tenant",
        f"first request after a start: {opening_ms:.1f} ms per tenant",
        f"request that takes the connection of another tenant: {switching_ms:.1f} ms",
    ]


def _measure_requests(cores: TenantCores, tenants: list[str]) -> float:
    """Return the milliseconds of a small request, with tenants in turn, and close the cores."""
    started_at = time.perf_counter()
    for tenant in tenants:
        cores.find(tenant).user(external_id="42")
    cores.close()
    return (time.perf_counter() - started_at) / len(tenants) * 1000


def _measure_size(engine: Engine) -> int:
    with engine.connect() as connection:
        size: int = connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
        return size


if __name__ == "__main__":
    print(*measure(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10), sep="\n")
