"""Growth: the bytes and the processor time of the changes that an activity records, and the transactions that delete old rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from functools import partial
from statistics import median
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, insert, select

from benchmarks.core import measure_cpu
from benchmarks.databases import Databases, Kind
from benchmarks.limit import Client
from benchmarks.project import SECRET, seed_database
from stellary.core import Core
from stellary.core.accounts.tables import workspaces
from stellary.core.api.retention import RULES
from stellary.core.api.usage import measure_usage
from stellary.core.kernel.retention import BatchSize
from stellary.core.notifications import activity
from stellary.core.notifications.tables import activities, notifications
from stellary.core.webhooks.tables import deliveries, webhooks

ACTIVITIES = 1_000
OLD_ROWS = 10_000
PAYLOAD_BYTES = 2_000
REQUESTS = 50
"""The number of requests of a kind in a round."""


def run(databases: Databases, kind: Kind, rounds: int) -> Iterator[tuple[str, float]]:
    """Create activities, then old rows, and delete these.

    Args:
        databases: The source of databases.
        kind: The kind of database.
        rounds: The number of rounds in which requests are measured with and without the changes in their activities.

    Yields:
        The bytes of an activity with its entries in indexes; the processor time of a creation and a move, relative to the same
        without recorded changes: the least of the rounds, and the median; the 95th percentile of the duration of a transaction that deletes
        old rows, in milliseconds; and that of the creation of a card while old rows are deleted.
    """
    database = databases.new(kind)
    site = seed_database(database)
    with closing(Core(database.url, jwt_secret=SECRET)) as core:
        client = Client(core, site)
        before = _measure_activities(core)
        for _ in range(ACTIVITIES // 2):
            client.send("create")
            client.send("move")
        after = _measure_activities(core)
        yield f"{kind}.growth.activity_bytes", (after[1] - before[1]) / (after[0] - before[0])
        for name in ("create", "move"):
            for statistic, ratio in _compare_records(partial(client.send, name), rounds):
                yield f"{kind}.growth.{name}.{statistic}/without_changes", ratio
        with core.database.writing() as connection:
            _insert_old_rows(core, connection)
        yield f"{kind}.growth.batch_p95_ms", _find_p95(_time_batches(core)) * 1e3
        with core.database.writing() as connection:
            _insert_old_rows(core, connection)
        yield f"{kind}.growth.write_beside_p95_ms", _find_p95(_time_writes(core, client)) * 1e3


def _measure_activities(core: Core) -> tuple[int, int]:
    """Return the number of activities, and their bytes."""
    usage = next(table for table in measure_usage(core.database).tables if table.name == activities.name)
    return usage.rows, usage.bytes or 0


def _compare_records(send: Callable[[], None], rounds: int) -> Iterator[tuple[str, float]]:
    """Yield the processor time of a request, relative to one whose activity has no changes: ``cpu`` the least, ``cpu_p50``."""
    durations: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(rounds):
        durations["with"].append(measure_cpu(send, REQUESTS))
        with (
            patch.object(activity, "list_card_changes", lambda *_: []),
            patch.object(activity, "find_referenced_ids", lambda _: set()),
            patch.object(activity, "find_via", lambda *_: None),
        ):
            durations["without"].append(measure_cpu(send, REQUESTS))
    for statistic, choose in (("cpu", min), ("cpu_p50", median)):
        yield statistic, choose(durations["with"]) / choose(durations["without"])


def _insert_old_rows(core: Core, connection: Connection) -> None:
    """Insert notifications and messages of a webhook whose time is over."""
    new_id = core.env.new_id
    now = core.env.clock()
    workspace = connection.execute(select(workspaces).limit(1)).one()
    activity_id = connection.execute(select(activities.c.id).limit(1)).scalar_one()
    old = now - timedelta(days=1_000)
    webhook = {
        "id": new_id(),
        "workspace_id": workspace.id,
        "url": "https://example.com",
        "events": [],
        "secret": "secret",
        "active": True,
        "created_by_id": workspace.owner_id,
        "created_at": now,
        "updated_at": now,
    }
    connection.execute(insert(webhooks), webhook)
    notification: dict[str, Any] = {
        "user_id": workspace.owner_id,
        "activity_id": activity_id,
        "workspace_id": workspace.id,
        "read_at": old,
        "created_at": old,
    }
    message: dict[str, Any] = {
        "webhook_id": webhook["id"],
        "event": "card_moved",
        "payload": "x" * PAYLOAD_BYTES,
        "status": "delivered",
        "attempts": [],
        "tries": 1,
        "created_at": old,
    }
    for table, row in ((notifications, notification), (deliveries, message)):
        connection.execute(insert(table), [{"id": new_id(), **row} for _ in range(OLD_ROWS)])


def _time_batches(core: Core) -> Iterator[float]:
    """Delete all old rows, and yield the seconds of each transaction."""
    for rule in RULES:
        size, is_full = BatchSize(), True
        while is_full:
            started = time.perf_counter()
            limit = size.rows
            is_full = size.delete(partial(rule.delete_batch, core.units)) == limit
            yield time.perf_counter() - started


def _time_writes(core: Core, client: Client) -> Iterator[float]:
    """Create cards until all old rows are deleted, and yield the seconds of each creation."""
    with ThreadPoolExecutor(1) as pool:
        deletion = pool.submit(core.delete_expired)
        while not deletion.done():
            started = time.perf_counter()
            client.send("create")
            yield time.perf_counter() - started
        deletion.result()


def _find_p95(durations: Iterator[float]) -> float:
    """Return the 95th percentile of durations."""
    ordered = sorted(durations)
    return ordered[len(ordered) * 95 // 100]
