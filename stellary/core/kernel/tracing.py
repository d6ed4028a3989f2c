"""Spans of OpenTelemetry for units of work and statements."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Mapping

from sqlalchemy import Engine, event

from stellary._tracing import find_span, find_tracer
from stellary.core.kernel.unit_times import UnitTimes

UNIT_SECONDS = 0.01
"""The duration from which on a unit has a span, which takes as long as that of the request."""


class UnitSpans:
    """An observer that makes a span of each unit of work within another span, unless the unit was quick."""

    def end_unit(self, times: UnitTimes) -> None:
        """Create the span of a unit that has ended."""
        if times.seconds < UNIT_SECONDS:
            return
        _record(
            f"unit {times.operation}",
            times.ended_at - times.seconds,
            times.ended_at,
            {
                "stellary.statements": times.statements,
                "stellary.rows": times.rows,
                "stellary.wait_ms": times.waited * 1e3,
                "stellary.commit_ms": times.committed * 1e3,
            },
        )


def trace_statements(engine: Engine) -> None:
    """Make a span of each statement of an engine, without its parameters. SQLAlchemy then executes all of them, which takes longer."""

    @event.listens_for(engine, "before_cursor_execute")
    def begin(*arguments: object) -> None:
        _begun_at.set(time.perf_counter())

    @event.listens_for(engine, "after_cursor_execute")
    def end(_: object, __: object, sql: str, *arguments: object) -> None:
        _record(sql.split(None, 1)[0], _begun_at.get(), time.perf_counter(), {"db.query.text": sql})


_begun_at = contextvars.ContextVar("begun_at", default=0.0)


def _record(name: str, begun_at: float, ended_at: float, attributes: Mapping[str, str | float]) -> None:
    """Create a span that has ended, if the current one is recorded. The times are those of ``time.perf_counter``."""
    parent, tracer = find_span(), find_tracer()
    if tracer is not None and parent is not None and parent.is_recording():
        offset = time.time_ns() - time.perf_counter_ns()
        start, end = (offset + int(moment * 1e9) for moment in (begun_at, ended_at))
        tracer.start_span(name, attributes=attributes, start_time=start).end(end)
