"""The operations that the server answers without the core. Section System of the API."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from sqlalchemy.exc import DBAPIError

from stellary.contract.errors import ApiError, Unavailable
from stellary.contract.port import RawResponse
from stellary.contract.router import AnyEndpoint
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
from stellary.contract.wire import Value, dump
from stellary.core import Core
from stellary.core.api.measures import Measure
from stellary.core.db.errors import NOT_MIGRATED, to_api_error
from stellary.core.http.api_page import ApiPage, api_page
from stellary.core.http.context import OperationHandler, RequestContext
from stellary.core.http.observers import RequestMetrics
from stellary.core.http.state import State
from stellary.core.http.threads import Threads

_log = logging.getLogger("stellary.server")

PROBE_EVERY = 1.0
PROBE_PATIENCE = 10.0
FREE_BYTES_MIN = 8 << 20
MEASURED_EVERY = 5.0
"""The seconds for which ``/metrics`` shows the same state of the installation."""
_JSON = {"content-type": "application/json"}


class Probe:
    """A check whether a part is usable, which is made at most once a second, regardless of the number of requests.

    Args:
        find_problem: Returns the problem in one sentence, or None.
        run: Runs ``find_problem`` in a thread.
        name: The name of the checked part, for messages.
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
        self._check: asyncio.Future[str | None] | None = None
        self._checked_at = 0.0

    async def check(self) -> None:
        """Check that the part is usable.

        Raises:
            Unavailable: The part is not usable, or has not responded for some seconds.
        """
        now = asyncio.get_running_loop().time()
        if self._check is None or (self._check.done() and now - self._checked_at >= PROBE_EVERY):
            self._checked_at = now
            self._check = self._run(self._find_problem)
        await asyncio.wait({self._check}, timeout=PROBE_PATIENCE)
        problem = self._check.result() if self._check.done() else f"{self._name} does not answer"
        if problem is not None:
            raise Unavailable(problem, code="not_ready", retry_after=PROBE_EVERY)


def database_probe(core: Core, threads: Threads) -> Probe:
    """Return a probe that writes to the database; it waits in the same queue as other writers.

    Args:
        core: The core.
        threads: The threads in which it works.
    """
    return Probe(partial(_database_problem, core), partial(threads.run, "write"), "the database")


def store_probe(core: Core, threads: Threads) -> Probe:
    """Return a probe of the file store.

    Args:
        core: The core.
        threads: The threads in which it works.
    """
    return Probe(partial(_store_problem, core), threads.files.run, "the file store")


async def check_all(probes: Iterable[Probe]) -> None:
    """Run all probes, and raise Unavailable if one of them fails."""
    for probe in probes:
        await probe.check()


def _database_problem(core: Core) -> str | None:
    """Return why the database cannot be written, or None."""
    try:
        core.probe()
    except Exception as error:  # noqa: BLE001 - whatever a driver raises, the answer is the same
        _log.warning("not ready: %s: %s", type(error).__name__, error)
        api_error = to_api_error(error) if isinstance(error, DBAPIError) else None
        if api_error is not None and api_error.code == NOT_MIGRATED:
            return api_error.message
        return "the database cannot be written"
    # A write that is rolled back does not reach the disk, so its free space is checked separately.
    file = core.database.file
    if file is not None and shutil.disk_usage(file.resolve().parent).free < FREE_BYTES_MIN:
        return "the disk is full"
    return None


def _store_problem(core: Core) -> str | None:
    """Return why the file store cannot be used, or None."""
    try:
        core.env.blobs.probe()
    except ApiError as error:
        _log.warning("not ready: %s", error.__cause__ or error)
        return error.message
    return None


def product_version() -> str:
    """Return the installed version of the package."""
    try:
        return version("stellary")
    except PackageNotFoundError:
        return "0"


class SystemOperations:
    """The operations that the server answers without the core.

    Args:
        core: Checked for readiness.
        state: The state of the server.
        threads: The threads in which probes run.
        metrics: The metrics; None answers no request for them.
        endpoints: The endpoints that are served, for their documentation.
        home: The path of the page to which ``/`` leads browsers; None without one.
    """

    def __init__(
        self,
        core: Core,
        state: State,
        threads: Threads,
        metrics: RequestMetrics | None,
        endpoints: Sequence[AnyEndpoint],
        home: str | None = None,
    ) -> None:
        self._core = core
        self._state = state
        self._home = home
        self._metrics = metrics
        self._measures: Sequence[Measure] = ()
        self._measured_at = -MEASURED_EVERY
        self._endpoints = endpoints
        self._probes = database_probe(core, threads), store_probe(core, threads)
        # By prefix, which is the same for all requests unless the API is mounted several times.
        self._documents: dict[str, bytes] = {}
        self._pages: dict[str, ApiPage] = {}

    def handlers(self) -> dict[str, OperationHandler]:
        """Return the handlers by operation."""
        return {
            ROOT.operation: self._show_root,
            HEALTH.operation: self._show_health,
            READY.operation: self._check_readiness,
            OPENAPI.operation: self._show_document,
            DOCS.operation: self._show_page,
            **(
                {}
                if self._metrics is None
                else {METRICS.operation: partial(self._show_metrics, self._metrics)}
            ),
        }

    async def _show_root(self, context: RequestContext) -> RawResponse:
        # Browsers name HTML first; programs name JSON, or nothing.
        if self._home is not None and context.headers.get("accept", "").startswith("text/html"):
            return RawResponse(303, {"location": f"{context.prefix}{self._home}", "vary": "accept"})
        return _json(
            About(
                name="Stellary",
                version=product_version(),
                openapi=f"{context.prefix}/openapi.json",
                docs=f"{context.prefix}/docs",
            )
        )

    async def _show_health(self, _: RequestContext) -> RawResponse:
        return _json(Health())

    async def _check_readiness(self, _: RequestContext) -> RawResponse:
        if self._state.stopping:
            raise Unavailable("the server is stopping", code="stopping", retry_after=1)
        await check_all(self._probes)
        return _json(Readiness())

    async def _show_document(self, context: RequestContext) -> RawResponse:
        document = self._documents.get(context.prefix)
        if document is None:
            document = await asyncio.to_thread(_build_document, self._endpoints, context.prefix)
            self._documents[context.prefix] = document
        return RawResponse(200, _JSON, document)

    async def _show_metrics(self, metrics: RequestMetrics, _: RequestContext) -> RawResponse:
        now = asyncio.get_running_loop().time()
        if now - self._measured_at >= MEASURED_EVERY:
            # Requests of the meantime get the measures before.
            self._measured_at = now
            measuring = asyncio.ensure_future(asyncio.to_thread(_measure, self._core))
            await asyncio.wait({measuring}, timeout=PROBE_PATIENCE)
            self._measures = measuring.result() if measuring.done() else ()
        return await asyncio.to_thread(metrics.response, self._measures)

    async def _show_page(self, context: RequestContext) -> RawResponse:
        page = self._pages.get(context.prefix)
        if page is None:
            page = self._pages[context.prefix] = await asyncio.to_thread(api_page, context.prefix)
        return page.response(context.headers)


def _measure(core: Core) -> Sequence[Measure]:
    try:
        return core.measure()
    except ApiError as error:
        _log.warning("the installation could not be measured: %s", error.__cause__ or error)
        return ()


def _build_document(endpoints: Sequence[AnyEndpoint], prefix: str) -> bytes:
    from stellary.contract.openapi import document

    return dump(document(endpoints, version=product_version(), server=prefix or "/"))


def _json(value: Value) -> RawResponse:
    return RawResponse(200, _JSON, dump(value))
