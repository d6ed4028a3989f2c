"""Counts that several servers share, so that a limit holds for all of them together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from stellary.core import Core
from stellary.core.http.observers import RequestMetrics
from stellary.core.http.threads import Threads
from stellary.core.ports.redis_store import Count, RedisStore

_log = logging.getLogger("stellary.server")
STORE_SECONDS = 0.5
"""The seconds after which a store that does not answer counts as away."""
AWAY_SECONDS = 5.0
"""The seconds for which a store that is away is not used."""

AddCounts = Callable[[Mapping[str, Count]], Mapping[str, Count]]
"""Adds amounts to the counts of a store, in a thread; see ``RedisStore.add``."""


class SharedCounts:
    """The counts of one process in a store that other servers use too. Only the event loop uses it.

    Additions that wait for the store are sent together. While the store is away, the caller counts by itself.

    Args:
        add: Adds amounts to the counts of the store.
        run: Runs a function in a thread.
        has_others: Returns whether there are other servers. If not, the store is not used.
        count_failure: Called when the store turns out to be away.
    """

    def __init__(
        self,
        add: AddCounts,
        run: Callable[[Callable[[], Mapping[str, Count]]], Awaitable[Mapping[str, Count]]],
        has_others: Callable[[], bool],
        count_failure: Callable[[], None],
    ) -> None:
        self._add, self._run, self._has_others, self._count_failure = add, run, has_others, count_failure
        self._waiting: list[tuple[str, int, float, asyncio.Future[Count | None]]] = []
        self._sending: asyncio.Task[None] | None = None
        self._away_until = 0.0

    async def add(self, key: str, amount: int, ends_at: float) -> Count | None:
        """Add an amount to a count, and return the count of all servers with its end; None to count alone.

        Args:
            key: The key of the count.
            amount: The amount, which may be negative.
            ends_at: The end of the count if it begins with this amount, in seconds since 1970.
        """
        if not self._has_others() or time.monotonic() < self._away_until:
            return None
        future: asyncio.Future[Count | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, amount, ends_at, future))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        return await future

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            amounts: dict[str, Count] = {}
            for key, amount, ends_at, _ in batch:
                amounts[key] = (amounts[key][0] if key in amounts else 0) + amount, ends_at
            counts = await self._exchange(amounts)
            # The last addition has led to the count; each one before it has led to a smaller one.
            for key, amount, _, future in reversed(batch):
                if not future.done():
                    future.set_result(counts.get(key))
                if key in counts:
                    counts[key] = counts[key][0] - amount, counts[key][1]

    async def _exchange(self, amounts: Mapping[str, Count]) -> dict[str, Count]:
        """Return the counts after the store has added amounts to them; none if it is away."""
        try:
            return dict(await asyncio.wait_for(self._run(partial(self._add, amounts)), STORE_SECONDS))
        except Exception as error:  # noqa: BLE001 - requests are answered without the store
            self._away_until = time.monotonic() + AWAY_SECONDS
            self._count_failure()
            problem = str(error) or type(error).__name__
            _log.warning("limits count per process for %d seconds: %s", AWAY_SECONDS, problem)
            return {}


def share_counts(
    core: Core, threads: Threads, store: RedisStore | None, metrics: RequestMetrics | None
) -> SharedCounts | None:
    """Return the counts that the servers of a core share; None on SQLite without a store, where there is one server.

    Args:
        core: The core.
        threads: The threads of the server.
        store: The store. By default, servers on PostgreSQL share their counts there.
        metrics: Counts failures of the store.
    """
    count_failure = (lambda: None) if metrics is None else metrics.count_unshared
    if store is not None:
        return SharedCounts(store.add, asyncio.to_thread, lambda: True, count_failure)
    if core.database.is_sqlite:
        return None
    run = partial(threads.run, "write")
    return SharedCounts(core.login_attempts.add, run, lambda: core.relay.has_peers, count_failure)
