"""Scheduled rules: how long requests are delayed while ten thousand rules that are due at once run."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, insert, select, update

from benchmarks.databases import Databases, Kind
from benchmarks.http import reference_server
from benchmarks.project import SECRET, seed_database
from benchmarks.webhooks import Api, write_cards
from stellary.core import NOBODY, Core
from tests.support.tables import automations, cards

RULES = 10_000
RUN_SECONDS = 240
"""The time after which the measurement ends, even if some rules have not run."""
RULE = {
    "trigger": "schedule",
    "schedule": {"rule": "FREQ=DAILY", "timeZone": "UTC"},
    "name": "Daily",
}


def run(databases: Databases, kind: Kind, seconds: float) -> Iterator[tuple[str, float]]:
    """Measure on one kind of database.

    Args:
        databases: The source of databases.
        kind: The kind of database.
        seconds: The length of the writes before the rules are due.
    """
    database = databases.new(kind)
    site = seed_database(database)
    core = Core(database.url, jwt_secret=SECRET)
    try:
        with reference_server(databases, database) as server:
            idle, busy, rate = asyncio.run(_measure(core, Api(server, site), seconds))
    finally:
        core.close()
    usual = statistics.median(idle)
    delays = sorted((latency - usual) * 1000 for latency in busy)
    yield f"{kind}.schedules.delay_p99_ms", delays[int(len(delays) * 0.99)]
    yield f"{kind}.schedules.delay_max_ms", delays[-1]
    yield f"{kind}.schedules.idle_max_ms", (max(idle) - usual) * 1000
    yield f"{kind}.schedules.rules_per_s", rate


async def _measure(core: Core, api: Api, seconds: float) -> tuple[list[float], list[float], float]:
    """Return the latencies before the rules are due and while they run, and how many run per second."""
    action = {"type": "create_card", "params": {"title": "Daily"}}
    await api.ask("POST", f"{api.site.growing_path}/automations", {**RULE, "action": action})
    idle = await write_cards(api, seconds)
    await asyncio.to_thread(_make_due, core)
    await asyncio.to_thread(_wait_for_first_card, core)
    busy: list[float] = []
    began = time.perf_counter()
    while _count_daily_cards(core) < RULES and time.perf_counter() < began + RUN_SECONDS:
        busy += await write_cards(api, 1.0)
    return idle, busy, _count_daily_cards(core) / (time.perf_counter() - began)


def _wait_for_first_card(core: Core) -> None:
    while not _count_daily_cards(core):
        # A job looks for due rules each minute.
        time.sleep(0.2)


def _make_due(core: Core) -> None:
    """Copy the only rule, and let all of them be due since a minute."""
    times = {"next_run_at": core.env.clock() - timedelta(minutes=1)}
    times["armed_at"] = times["next_run_at"] - timedelta(minutes=1)
    with core.begin(NOBODY) as uow:
        (row,) = uow.connection.execute(select(automations)).mappings().all()
        copies = [{**row, "id": uow.new_id()} for _ in range(RULES - 1)]
        uow.connection.execute(insert(automations), copies)
        uow.connection.execute(update(automations).values(times))


def _count_daily_cards(core: Core) -> int:
    with core.view(NOBODY) as uow:
        query = select(func.count()).select_from(cards).where(cards.c.title == "Daily")
        return int(uow.connection.execute(query).scalar_one())
