"""The parts of the server's handler that every request passes, beside a bare aiohttp server in the same run.

Each part runs alone in this process; its figure is the CPU time of all threads, so that work in the log's thread counts.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import orjson

from benchmarks.databases import Databases
from benchmarks.http import CLIENTS
from benchmarks.load import load
from benchmarks.processes import cores, server
from benchmarks.project import seed_database
from reference_server.log import configure
from reference_server.metrics import Metrics
from stellary.contract.endpoints import ENDPOINTS
from stellary.contract.port import RawResponse
from stellary.core.api.dispatch import SERVICES
from stellary.core.http.api import make_router
from stellary.core.http.context import RequestContext
from stellary.core.http.limits import Limits, parse_limit
from stellary.core.http.observers import AccessEntry
from stellary.core.http.throttle import Caller, Throttle

CALLS = 5_000
TOTAL = ("router", "log", "metrics", "limits")
"""The parts that the target is for."""

_PROJECT = "/orgs/acme/workspaces/eng/projects/665f1a2b3c4d5e6f7a8b9c0d"
REQUESTS = (
    ("GET", "/auth/me"),
    ("GET", f"{_PROJECT}/cards"),
    ("GET", f"{_PROJECT}/cards/665f1a2b3c4d5e6f7a8b9c0e"),
    ("PATCH", f"{_PROJECT}/cards/665f1a2b3c4d5e6f7a8b9c0e"),
    ("POST", f"{_PROJECT}/columns/665f1a2b3c4d5e6f7a8b9c0f/cards"),
)
OPERATIONS = ("auth.me", "cards.list", "cards.get", "cards.update", "cards.create")


async def _respond(_: RequestContext) -> RawResponse:
    return RawResponse(204)


def _call_router() -> Callable[[int], object]:
    operations = {endpoint.operation for endpoint in ENDPOINTS} - SERVICES.keys()
    router = make_router(dict.fromkeys(operations, _respond))
    return lambda number: router.match(*REQUESTS[number % len(REQUESTS)])


def _write_log() -> None:
    """Write a line for each of ``CALLS`` requests."""
    with closing(configure("json", io.BytesIO())) as log:
        for number in range(CALLS):
            method, path = REQUESTS[number % len(REQUESTS)]
            log.write_access(
                AccessEntry(
                    method=method,
                    path=path,
                    status=200,
                    ms=1.5,
                    request_id="req_0123456789abcdef",
                    user_id="665f1a2b3c4d5e6f7a8b9c0d",
                    token_id="665f1a2b3c4d5e6f7a8b9c0e",
                    client="192.0.2.1",
                )
            )


def _repeat(call: Callable[[int], object]) -> Callable[[], None]:
    def call_all() -> None:
        for number in range(CALLS):
            call(number)

    return call_all


def _call_metrics() -> Callable[[int], object]:
    metrics = Metrics({})

    def count_request(number: int) -> None:
        metrics.begin()
        metrics.end(OPERATIONS[number % len(OPERATIONS)], 200, 0.004)

    return count_request


def _call_limits(limits: Limits) -> Callable[[], None]:
    throttle = Throttle(limits)

    async def pass_limits() -> None:
        for number in range(CALLS):
            caller = Caller("192.0.2.1", f"Bearer token-{number % 8}")
            await throttle.admit(caller)
            throttle.admit_token(caller)
            await throttle.note_token(caller, 200)

    return lambda: asyncio.run(pass_limits())


def _measure(calls: Callable[[], None]) -> float:
    """Return the CPU time of one of ``CALLS`` calls, in microseconds."""
    started = time.process_time()
    calls()
    return (time.process_time() - started) / CALLS * 1e6


def run(databases: Databases, seconds: float, rounds: int) -> Iterator[tuple[str, float]]:
    """Yield the CPU time of each part per request, in microseconds, and of all of them relative to the bare server."""
    parts = {
        "router": _repeat(_call_router()),
        "log": _write_log,
        "metrics": _repeat(_call_metrics()),
        "limits": _call_limits(Limits()),
        "limits.requests": _call_limits(Limits(requests=parse_limit("1000000 per hour"))),
    }
    site = seed_database(databases.new("sqlite"))
    site_file = databases.directory / "handler.json"
    site_file.write_bytes(orjson.dumps({"me": site.me, "cards": site.cards}))
    core, _ = cores()
    durations: dict[str, list[float]] = {name: [] for name in ("bare", *parts)}
    with server(["-m", "benchmarks.bare", str(site_file)], core, databases.directory / "bare.log") as bare:
        for _ in range(rounds):
            before = bare.cpu_seconds()
            count = asyncio.run(load(bare.port, site.clients("whoami", CLIENTS), seconds)).count
            durations["bare"].append((bare.cpu_seconds() - before) / count * 1e6)
            for name, calls in parts.items():
                durations[name].append(_measure(calls))
    # Other processes only ever add to the processor time, so the smallest value is the most exact one.
    figures = {name: min(values) for name, values in durations.items()}
    for name, microseconds in figures.items():
        yield f"handler.{name}_us", microseconds
    total = sum(figures[name] for name in TOTAL)
    yield "handler.total_us", total
    yield "handler.total/bare", total / figures["bare"]
