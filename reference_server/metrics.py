"""The metrics of the server, in the text format of Prometheus.

Workers write their metrics to files in one folder, so that each worker can report the metrics of all.
"""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from reference_server.workers import SHARED
from stellary.contract.port import RawResponse
from stellary.core.api.measures import Measure
from stellary.core.kernel.unit_times import UnitTimes

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_COUNTED_EVERY, _COUNTED_AT_ONCE = 1.0, 1_000
"""The seconds after which ended units are counted, and their number at which they are counted before that."""
_WAITED_MIN = 0.001
"""The seconds from which on a unit counts as waiting for a connection."""
UNKNOWN = "none"
"""The operation of requests to unknown paths, whose number would be unlimited."""


class Metrics:
    """The metrics of one application.

    Args:
        environment: The environment of the process, which shows whether there are other workers.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._registry = CollectorRegistry()
        count = partial(Counter, registry=self._registry)
        gauge = partial(Gauge, registry=self._registry, multiprocess_mode="livesum")
        observe = partial(Histogram, registry=self._registry, buckets=_SECONDS)
        self._requests = count(
            "stellary_requests",
            "Requests that were answered, by operation and status.",
            ("operation", "status"),
        )
        self._seconds = observe(
            "stellary_request_seconds",
            "The duration of responses in seconds, by operation.",
            ("operation",),
        )
        self._in_flight = gauge("stellary_requests_in_flight", "Requests that are being answered.")
        self._streams = gauge("stellary_streams", "Open event streams.")
        self._dropped = count("stellary_log_lines_dropped", "Lines that the log has lost.")
        self._unshared = count(
            "stellary_limit_store_failures", "Times that the store of the limits that servers share was away."
        )
        self._statements, self._unit_seconds = (
            count(f"stellary_unit_{name}", help, ("operation",))
            for name, help in (
                ("statements", "Statements of units of work, by operation or kind of job."),
                ("seconds", "Seconds of units of work, by operation or kind of job."),
            )
        )
        self._waits = observe(
            "stellary_wait_seconds",
            "Waits of a millisecond or more for a connection to the database, by what it is for.",
            ("access",),
        )
        self._commits = observe("stellary_commit_seconds", "The duration of commits.")
        self._ended: deque[UnitTimes] = deque()
        self._counted_at = 0.0
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

    def count_stream(self, change: int) -> None:
        """Count an event stream that begins, by 1, or ends, by -1."""
        self._streams.inc(change)

    def count_unshared(self) -> None:
        """Count that the store in which servers share their limits turned out to be away."""
        self._unshared.inc()

    def count_dropped(self, count: int) -> None:
        """Count lines that the log has lost."""
        self._dropped.inc(count)

    def end_unit(self, times: UnitTimes) -> None:
        """Count a unit of work that has ended, with others of the same second."""
        self._ended.append(times)
        if times.ended_at - self._counted_at >= _COUNTED_EVERY or len(self._ended) >= _COUNTED_AT_ONCE:
            self._counted_at = times.ended_at
            self._count_units()

    def _count_units(self) -> None:
        statements: defaultdict[str, int] = defaultdict(int)
        seconds: defaultdict[str, float] = defaultdict(float)
        for _ in range(len(self._ended)):
            try:
                times = self._ended.popleft()
            except IndexError:
                # Another thread counts them too.
                break
            statements[times.operation] += times.statements
            seconds[times.operation] += times.seconds
            if times.waited >= _WAITED_MIN:
                self._waits.labels("write" if times.writes else "read").observe(times.waited)
            if times.committed:
                self._commits.observe(times.committed)
        for operation, count in statements.items():
            self._statements.labels(operation).inc(count)
            self._unit_seconds.labels(operation).inc(seconds[operation])

    def response(self, measures: Sequence[Measure]) -> RawResponse:
        """Return a response with all metrics.

        Args:
            measures: The state of the installation.
        """
        self._count_units()
        registry = CollectorRegistry()
        if self._shared:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        else:
            registry.register(self._registry)
        registry.register(_Measures(measures))
        return RawResponse(200, {"content-type": CONTENT_TYPE}, generate_latest(registry))


class _Measures:
    """The state of the installation as metrics."""

    def __init__(self, measures: Sequence[Measure]) -> None:
        self._measures = measures

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        families: dict[str, GaugeMetricFamily] = {}
        for measure in self._measures:
            family = families.get(measure.name)
            if family is None:
                family = families[measure.name] = GaugeMetricFamily(
                    measure.name, measure.description, labels=[*measure.labels]
                )
            family.add_metric([*measure.labels.values()], measure.value)
        return families.values()
