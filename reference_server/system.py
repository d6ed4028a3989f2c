"""System: what the server answers by itself. Section System of the API."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from reference_server.api_page import ApiPage, api_page
from reference_server.exchange import Exchange, Own
from reference_server.metrics import Metrics
from reference_server.state import State
from reference_server.threads import Threads
from stellary.contract.errors import ApiError, Unavailable
from stellary.contract.port import RawResponse
from stellary.contract.system import (
    DOCS,
    HEALTH,
    METRICS,
    OPENAPI,
    READY,
    ROOT,
    About,
    Health,
    Readiness,
)
from stellary.contract.wire import dump
from stellary.core import Core

_log = logging.getLogger("stellary.server")

PROBE_EVERY = 1.0
PROBE_PATIENCE = 10.0
FREE_BYTES_MIN = 8 << 20


class Probe:
    """Whether something can be used: tried at most once a second, however many ask.

    Args:
        find_problem: Tries it; returns what is wrong in one sentence, or None.
        run: Runs that in a thread.
        name: What is tried, for a sentence.
    """

    def __init__(
        self,
        find_problem: Callable[[], str | None],
        run: Callable[[Callable[[], str | None]], asyncio.Future[str | None]],
        name: str,
    ) -> None:
        self._find_problem = find_problem
        self._run = run
        self._name = name
        self._tried: asyncio.Future[str | None] | None = None
        self._tried_at = 0.0

    async def check(self) -> None:
        """Return if it can.

        Raises:
            Unavailable: It cannot, or has not said so for some seconds.
        """
        now = asyncio.get_running_loop().time()
        if self._tried is None or (self._tried.done() and now - self._tried_at >= PROBE_EVERY):
            self._tried_at = now
            self._tried = self._run(self._find_problem)
        await asyncio.wait({self._tried}, timeout=PROBE_PATIENCE)
        problem = self._tried.result() if self._tried.done() else f"{self._name} does not answer"
        if problem is not None:
            raise Unavailable(problem, code="not_ready", retry_after=PROBE_EVERY)


def database_probe(core: Core, threads: Threads) -> Probe:
    """Return a probe of whether the database can be written, which takes its turn among the units that write."""
    return Probe(partial(_database_problem, core), partial(threads.run, "write"), "the database")


def store_probe(core: Core, threads: Threads) -> Probe:
    """Return a probe of whether files can be kept."""
    return Probe(partial(_store_problem, core), threads.files.run, "the file store")


async def check_all(probes: Iterable[Probe]) -> None:
    """Return if everything can be used. Raises Unavailable otherwise."""
    for probe in probes:
        await probe.check()


def _database_problem(core: Core) -> str | None:
    """Return why the database cannot be written, if it cannot."""
    try:
        core.probe()
    except Exception as error:  # noqa: BLE001 - whatever a driver raises, the answer is the same
        _log.warning("not ready: %s: %s", type(error).__name__, error)
        return "the database cannot be written"
    # A write that is taken back does not reach the disk, so that a full one has to be asked for.
    file = core.database.file
    if file is not None and shutil.disk_usage(file.resolve().parent).free < FREE_BYTES_MIN:
        return "the disk is full"
    return None


def _store_problem(core: Core) -> str | None:
    """Return why the file store cannot be used, if it cannot."""
    try:
        core.env.blobs.probe()
    except ApiError as error:
        _log.warning("not ready: %s", error.__cause__ or error)
        return error.message
    return None


def product_version() -> str:
    """The version that is installed."""
    try:
        return version("stellary")
    except PackageNotFoundError:
        return "0"


def system_operations(
    core: Core, state: State, threads: Threads, metrics: Metrics, prefix: Callable[[], str]
) -> Mapping[str, Own]:
    """The operations that the server answers by itself.

    Args:
        core: Whose readiness is asked.
        state: Says whether the server is about to stop.
        threads: Where a probe runs.
        metrics: What was counted.
        prefix: Of the paths, known once the application has started.
    """
    probes = database_probe(core, threads), store_probe(core, threads)
    document: list[bytes] = []
    page: list[ApiPage] = []

    async def root(_: Exchange) -> RawResponse:
        about = About(
            name="Stellary",
            version=product_version(),
            openapi=f"{prefix()}/openapi.json",
            docs=f"{prefix()}/docs",
        )
        return _json(dump(about))

    async def live(_: Exchange) -> RawResponse:
        return _json(dump(Health()))

    async def ready(_: Exchange) -> RawResponse:
        if state.stopping:
            raise Unavailable("the server is stopping", code="stopping", retry_after=1)
        await check_all(probes)
        return _json(dump(Readiness()))

    async def openapi(_: Exchange) -> RawResponse:
        if not document:
            document.append(await asyncio.to_thread(_openapi, prefix()))
        return _json(document[0])

    async def docs(exchange: Exchange) -> RawResponse:
        if not page:
            page.append(await asyncio.to_thread(api_page, prefix()))
        return page[0].response(exchange.headers)

    async def counted(_: Exchange) -> RawResponse:
        return await asyncio.to_thread(metrics.response)

    return {
        ROOT.operation: root,
        HEALTH.operation: live,
        READY.operation: ready,
        OPENAPI.operation: openapi,
        DOCS.operation: docs,
        METRICS.operation: counted,
    }


def _openapi(prefix: str) -> bytes:
    from stellary.contract.openapi import document

    return dump(document(version=product_version(), server=prefix or "/"))


def _json(body: bytes) -> RawResponse:
    return RawResponse(200, {"content-type": "application/json"}, body)
