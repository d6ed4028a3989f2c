"""Metrics: what the server counts, in the text format of Prometheus.

Several workers each write what they count to files of one folder, so that whichever of them is asked answers for all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from reference_server.workers import SHARED
from stellary.contract.port import RawResponse

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
UNKNOWN = "none"
"""What stands for the operation of a request whose path is nobody's: the paths themselves would be without end."""


class Metrics:
    """What one application counts.

    Args:
        environment: Says whether other workers count as well.
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
            "How long answers took, by operation.",
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

    def begun(self) -> None:
        """Count a request that is being answered."""
        self._in_flight.inc()

    def answered(self, operation: str | None, status: int, seconds: float) -> None:
        """Count an answer to what was begun.

        Args:
            operation: None if the path is nobody's.
            status: Of the answer.
            seconds: How long it took.
        """
        self._in_flight.dec()
        name = operation or UNKNOWN
        self._requests.labels(name, str(status)).inc()
        self._seconds.labels(name).observe(seconds)

    def response(self) -> RawResponse:
        """All that was counted."""
        registry = self._registry
        if self._shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return RawResponse(200, {"content-type": CONTENT_TYPE}, generate_latest(registry))
