"""Requests in process, without HTTP: with statements on the driver, with SQLAlchemy's execution, and the statements alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from statistics import median
from unittest.mock import patch

from benchmarks.databases import Databases, Kind
from benchmarks.limit import Client, open_limit
from benchmarks.project import SECRET, seed_database
from stellary.core import Core
from stellary.core.db.direct_connection import DirectConnection

CALLS = {"whoami": 200, "get": 200, "list": 20, "create": 40, "move": 40}
"""The measured requests, and how many there are in a round."""


def run(databases: Databases, kind: Kind, rounds: int) -> Iterator[tuple[str, float]]:
    """Measure the processor time of requests, in turn with the same requests executed by SQLAlchemy.

    Args:
        databases: The source of databases.
        kind: The kind of database.
        rounds: The number of rounds.

    Yields:
        The time of a request in microseconds, relative to executions by SQLAlchemy, and relative to the same statements
        on the driver alone.
    """
    database = databases.new(kind)
    site = seed_database(database)
    with (
        open_limit(databases, kind) as limit,
        closing(Core(database.url, jwt_secret=SECRET)) as core,
    ):
        client = Client(core, site)
        for name, count in CALLS.items():
            send = partial(client.send, name)
            durations: dict[str, list[float]] = {"ours": [], "sqlalchemy": [], "driver": []}
            for number in range(rounds + 1):
                ours = measure_cpu(send, count)
                with (
                    patch.object(DirectConnection, "_bind_plan", lambda *_: None),
                    patch.object(DirectConnection, "_bind_several", lambda *_: None),
                ):
                    by_sqlalchemy = measure_cpu(send, count)
                by_driver = limit.measure(name, count).client
                # The first round compiles and prepares the statements.
                if number:
                    durations["ours"].append(ours)
                    durations["sqlalchemy"].append(by_sqlalchemy)
                    durations["driver"].append(by_driver)
            medians = {variant: median(times) for variant, times in durations.items()}
            yield f"{kind}.core.{name}.cpu_us", medians["ours"]
            yield f"{kind}.core.{name}.cpu/sqlalchemy", medians["ours"] / medians["sqlalchemy"]
            yield f"{kind}.core.{name}.cpu/driver", medians["ours"] / medians["driver"]


def measure_cpu(do: Callable[[], None], count: int) -> float:
    """Return the processor time of one of several calls, in microseconds."""
    started = time.process_time()
    for _ in range(count):
        do()
    return (time.process_time() - started) / count * 1e6
