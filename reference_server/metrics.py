"""The metrics of the server, in the text format of Prometheus.

Workers write their metrics to files in one folder, so that each worker can report the metrics of all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from reference_server.workers import SHARED
from stellary.contract.port import RawResponse

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
UNKNOWN = "none"
"""The operation of requests to unknown paths, whose number would be unlimited."""


class Metrics:
    """The metrics of one application.

    Args:
        environment: The environment of the process, which shows whether there are other workers.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "stellary_requests",
            "Requests that were answered, by operation and status.",
            ("operation", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "stellary_request_seconds",
            "The duration of responses in seconds, by operation.",
            ("operation",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._in_flight = Gauge(
            "stellary_requests_in_flight",
            "Requests that are being answered.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._shared = SHARED in environment
        # Looking up the child of a metric by its labels costs more than counting.
        self._count: dict[tuple[str | None, int], Callable[[], None]] = {}
        self._observe: dict[str | None, Callable[[float], None]] = {}

    def begin(self) -> None:
        """Count a request whose handling begins."""
        self._in_flight.inc()

    def end(self, operation: str | None, status: int, seconds: float) -> None:
        """Count a request that was handled.

        Args:
            operation: The operation; None if the path is unknown.
            status: The status of the response.
            seconds: The duration of the request.
        """
        self._in_flight.dec()
        count = self._count.get((operation, status))
        if count is None:
            name = operation or UNKNOWN
            count = self._count[operation, status] = self._requests.labels(name, str(status)).inc
            self._observe[operation] = self._seconds.labels(name).observe
        count()
        self._observe[operation](seconds)

    def response(self) -> RawResponse:
        """Return a response with all metrics."""
        registry = self._registry
        if self._shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return RawResponse(200, {"content-type": CONTENT_TYPE}, generate_latest(registry))
