"""The operations that the server answers without the core. Section System of the API."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import Template
from typing import Generic, TypeVar

import attrs
from sqlalchemy.exc import DBAPIError

from stellary.contract.auth import LOGIN, REGISTER
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
from stellary.core.http.context import OperationHandler, RequestContext
from stellary.core.http.observers import RequestMetrics
from stellary.core.http.state import State
from stellary.core.http.threads import Threads

T = TypeVar("T")

_log = logging.getLogger("stellary.server")

PROBE_EVERY = 1.0
PROBE_PATIENCE = 10.0
FREE_BYTES_MIN = 8 << 20
MEASURED_EVERY = 5.0
"""The seconds for which ``/metrics`` shows the same state of the installation."""
PREFIXES_MAX = 8
"""The number of prefixes whose documents and pages are kept. A host may mount the API below a parameter of its paths."""
_JSON = {"content-type": "application/json"}


class _Recent(Generic[T]):
    """A value that is found at most once in some seconds, and by one thread at a time, regardless of the number of requests.

    Args:
        find: Begins to find the value in a thread.
    """

    def __init__(self, find: Callable[[], asyncio.Future[T]]) -> None:
        self._find = find
        self._value: asyncio.Future[T] | None = None
        self._begun_at = 0.0

    async def read(self, seconds: float, default: T) -> T:
        """Return the value.

        Args:
            seconds: The age from which on it is found again.
            default: Returned if the value is not found within ``PROBE_PATIENCE``.
        """
        now = asyncio.get_running_loop().time()
        if self._value is None or (self._value.done() and now - self._begun_at >= seconds):
            self._begun_at = now
            self._value = self._find()
        await asyncio.wait({self._value}, timeout=PROBE_PATIENCE)
        return self._value.result() if self._value.done() else default


class Probe:
    """A check whether a part is usable, which is made at most once a second.

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
        self._problem = _Recent(partial(run, find_problem))
        self._name = name

    async def check(self) -> None:
        """Check that the part is usable.

        Raises:
            Unavailable: The part is not usable, or has not responded for some seconds.
        """
        problem = await self._problem.read(PROBE_EVERY, f"{self._name} does not answer")
        if problem is not None:
            raise Unavailable(problem, code="not_ready", retry_after=PROBE_EVERY)


def database_probe(core: Core, threads: Threads) -> Probe:
    """Return a probe that writes to the database; it waits in the same queue as other writers.

    Args:
        core: The core.
        threads: The threads in which it works.
    """
    return Probe(partial(_database_problem, core), partial(threads.run, "write"), "the database")


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
        self._state = state
        self._home = home
        self._metrics = metrics
        self._measures = _Recent(lambda: asyncio.ensure_future(asyncio.to_thread(_measure, core)))
        self._build_document = lru_cache(maxsize=PREFIXES_MAX)(partial(_build_document, endpoints))
        store = Probe(partial(_store_problem, core), threads.files.run, "the file store")
        self._probes = database_probe(core, threads), store

    def handlers(self) -> dict[str, OperationHandler]:
        """Return the handlers by operation."""
        handlers: dict[str, OperationHandler] = {
            ROOT.operation: self._show_root,
            HEALTH.operation: self._show_health,
            READY.operation: self._check_readiness,
            OPENAPI.operation: self._show_document,
            DOCS.operation: self._show_page,
        }
        if self._metrics is not None:
            handlers[METRICS.operation] = partial(self._show_metrics, self._metrics)
        return handlers

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
        for probe in self._probes:
            await probe.check()
        return _json(Readiness())

    async def _show_document(self, context: RequestContext) -> RawResponse:
        return RawResponse(200, _JSON, await asyncio.to_thread(self._build_document, context.prefix))

    async def _show_metrics(self, metrics: RequestMetrics, _: RequestContext) -> RawResponse:
        measures = await self._measures.read(MEASURED_EVERY, ())
        return await asyncio.to_thread(metrics.response, measures)

    async def _show_page(self, context: RequestContext) -> RawResponse:
        page = await asyncio.to_thread(api_page, context.prefix)
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


_FOLDER = Path(__file__).parent


@attrs.frozen
class ApiPage:
    """The page, in the compressed form in which it is sent.

    Attributes:
        packed: The page, compressed by gzip.
        etag: The entity tag, in quotes.
        policy: The content security policy, which allows only the page's own two scripts and calls of this server.
    """

    packed: bytes
    etag: str
    policy: str

    def response(self, headers: Mapping[str, str]) -> RawResponse:
        """Return the response to a request for the page; 304 if the client has it already."""
        # The page is large, so clients revalidate it instead of loading it again.
        cache_headers = {"etag": self.etag, "cache-control": "no-cache", "vary": "accept-encoding"}
        if self.etag in headers.get("if-none-match", ""):
            return RawResponse(304, cache_headers)
        page_headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": self.policy}
        if "gzip" in headers.get("accept-encoding", ""):
            return RawResponse(
                200, {**cache_headers, **page_headers, "content-encoding": "gzip"}, self.packed
            )
        return RawResponse(200, {**cache_headers, **page_headers}, gzip.decompress(self.packed))


@lru_cache(maxsize=PREFIXES_MAX)
def api_page(prefix: str) -> ApiPage:
    """Return the page of a server.

    Args:
        prefix: The prefix of its paths, if it is part of a host's application.
    """
    bundle = _text("swagger-ui-bundle.js")
    start = _fill(
        "api_page.js",
        document=json.dumps(f"{prefix}/openapi.json"),
        issuing=json.dumps([f"{prefix}{endpoint.path}" for endpoint in (LOGIN, REGISTER)]),
    )
    scripts = " ".join(f"'sha256-{_sha256(text)}'" for text in (bundle, start))
    policy = (
        "default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {scripts}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    page = _fill("api_page.html", style=_text("swagger-ui.css"), bundle=bundle, start=start)
    packed = gzip.compress(page.encode(), mtime=0)
    return ApiPage(packed, f'"{hashlib.sha256(packed).hexdigest()[:32]}"', policy)


def _fill(name: str, **values: str) -> str:
    return Template((_FOLDER / name).read_text("utf-8")).substitute(values)


def _text(name: str) -> str:
    text = gzip.decompress((_FOLDER / "swagger_ui" / f"{name}.gz").read_bytes()).decode()
    # Without the reference to a source map, which is not served.
    return text.partition("/*# sourceMappingURL=")[0]


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
