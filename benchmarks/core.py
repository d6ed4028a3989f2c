"""Requests in process, without HTTP: with statements on the driver, with SQLAlchemy's execution, and the statements alone."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from statistics import median
from typing import Any
from unittest.mock import patch

import psycopg
from sqlalchemy import Engine, event

from benchmarks.databases import Database, Databases, Kind
from benchmarks.http import SECRET, seed_database
from benchmarks.project import Site
from stellary.contract.port import RawRequest
from stellary.core import Core
from stellary.core.db.direct_connection import DirectConnection

CALLS = {"whoami": 200, "get": 200, "list": 20, "create": 40, "move": 40}
"""The measured requests, and how many there are in a round."""
READS = ("whoami", "get", "list")


class Client:
    """A caller that sends the requests of a site to a core in the same process."""

    def __init__(self, core: Core, site: Site) -> None:
        self._port = core.port()
        self._headers = {"authorization": f"Bearer {site.token}", "content-type": "application/json"}
        self._requests = {name: site.clients(name, 1)[0] for name in CALLS}

    def send(self, name: str) -> None:
        """Send the next request of a kind."""
        head, _, body = next(iter(self._requests[name])).partition(b"\r\n\r\n")
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        response = self._port.send(RawRequest(method, path, "", dict(self._headers), body))
        if response.status >= 300:
            raise RuntimeError(f"{name}: {response.status} {response.body!r}")

    def collect_statements(self, name: str) -> list[tuple[str, Any]]:
        """Send a request, and return the statements that it has executed, with their parameters."""
        sent: list[tuple[str, Any]] = []

        def collect(_: object, __: object, sql: str, parameters: Any, *___: object) -> None:
            sent.append((sql, parameters))

        event.listen(Engine, "before_cursor_execute", collect)
        try:
            self.send(name)
        finally:
            event.remove(Engine, "before_cursor_execute", collect)
        return sent


def run(databases: Databases, kind: Kind, rounds: int) -> Iterator[tuple[str, float]]:
    """Measure the processor time of requests, in turn with the same requests executed by SQLAlchemy.

    Args:
        databases: The source of databases.
        kind: The kind of database.
        rounds: The number of rounds.

    Yields:
        The time of a request in microseconds, relative to executions by SQLAlchemy, and for reads relative to the same
        SQL on the driver alone.
    """
    database = databases.new(kind)
    site = seed_database(database)
    with closing(Core(database.url, jwt_secret=SECRET)) as core, closing(_connect(database)) as driver:
        client = Client(core, site)
        for name, count in CALLS.items():
            send = partial(client.send, name)
            statements = client.collect_statements(name) if name in READS else []
            execute = partial(_execute, driver, statements)
            durations: dict[str, list[float]] = {"ours": [], "sqlalchemy": [], "driver": []}
            for number in range(rounds + 1):
                ours = measure_cpu(send, count)
                with (
                    patch.object(DirectConnection, "_bind_plan", lambda *_: None),
                    patch.object(DirectConnection, "_bind_several", lambda *_: None),
                ):
                    by_sqlalchemy = measure_cpu(send, count)
                by_driver = measure_cpu(execute, count)
                # The first round compiles and prepares the statements.
                if number:
                    durations["ours"].append(ours)
                    durations["sqlalchemy"].append(by_sqlalchemy)
                    durations["driver"].append(by_driver)
            medians = {variant: median(times) for variant, times in durations.items()}
            yield f"{kind}.core.{name}.cpu_us", medians["ours"] * 1e6
            yield f"{kind}.core.{name}.cpu/sqlalchemy", medians["ours"] / medians["sqlalchemy"]
            if statements:
                yield f"{kind}.core.{name}.cpu/driver", medians["ours"] / medians["driver"]


def _connect(database: Database) -> Any:
    """Return a connection of the driver without transactions."""
    if database.kind == "sqlite":
        return sqlite3.connect(database.plain, isolation_level=None)
    return psycopg.connect(database.plain, autocommit=True)


def _execute(driver: Any, statements: list[tuple[str, Any]]) -> None:
    for sql, parameters in statements:
        driver.execute(sql, parameters).fetchall()


def measure_cpu(do: Callable[[], None], count: int) -> float:
    """Return the processor time of one of several calls, in seconds."""
    started = time.process_time()
    for _ in range(count):
        do()
    return (time.process_time() - started) / count
