"""Spans that keep what is set, for which the package that records spans is not needed."""

from typing import Any

import pytest
from opentelemetry import trace

TRACE = 7
"""The number of the trace of all spans without a parent."""


class RecordedSpan(trace.NonRecordingSpan):
    """A span that keeps what is set.

    Attributes:
        parent: The number of its parent; 0 for none.
    """

    def __init__(self, name: str, number: int, parent: trace.SpanContext, **options: Any) -> None:
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        super().__init__(
            trace.SpanContext(parent.trace_id or TRACE, number, is_remote=False, trace_flags=flags)
        )
        self.name, self.number, self.parent, self.kind = name, number, parent.span_id, options.get("kind")
        self.attributes = dict(options.get("attributes") or {})
        self.status: tuple[Any, Any] | None = None
        self.has_ended = False

    def is_recording(self) -> bool:
        return True

    def set_attribute(self, key: str, value: Any) -> None:
        self.attributes[key] = value

    def update_name(self, name: str) -> None:
        self.name = name

    def set_status(self, status: Any, description: str | None = None) -> None:
        self.status = (status, description)

    def end(self, end_time: int | None = None) -> None:
        self.has_ended = True


class RecordingTracer(trace.NoOpTracer):
    """A tracer that keeps its spans."""

    def __init__(self) -> None:
        self.spans: list[RecordedSpan] = []

    def start_span(self, name: str, context: Any = None, **options: Any) -> RecordedSpan:
        parent = trace.get_current_span(context).get_span_context()
        self.spans.append(RecordedSpan(name, len(self.spans) + 1, parent, **options))
        return self.spans[-1]


class RecordingProvider(trace.TracerProvider):
    """A provider of one tracer."""

    def __init__(self) -> None:
        self.tracer = RecordingTracer()

    def get_tracer(self, *args: Any, **options: Any) -> RecordingTracer:
        return self.tracer


def record_spans(monkeypatch: pytest.MonkeyPatch) -> list[RecordedSpan]:
    """Return the list of all spans that the package starts from now on."""
    provider = RecordingProvider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return provider.tracer.spans
