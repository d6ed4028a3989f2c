"""OpenTelemetry, for the client and the core. It is active if the program has imported ``opentelemetry.trace``; others do not pay for it."""

from __future__ import annotations

import contextvars
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeVar

from stellary._version import __version__

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer, TracerProvider

T = TypeVar("T")
_NOTHING: AbstractContextManager[None] = nullcontext()


def is_imported() -> bool:
    """Return whether the program has imported OpenTelemetry, although spans may have no receiver yet."""
    return "opentelemetry.trace" in sys.modules


def find_tracer() -> Tracer | None:
    """Return the tracer of this package; None if the program does not use OpenTelemetry, or nothing receives the spans."""
    api = sys.modules.get("opentelemetry.trace")
    return None if api is None else _get_tracer(api.get_tracer_provider())


@lru_cache(maxsize=1)
def _get_tracer(provider: TracerProvider) -> Tracer | None:
    """Return the tracer of a provider; None for that of the API alone. It is remembered, since getting it takes longer than a span."""
    from opentelemetry.trace import ProxyTracerProvider

    is_proxy = isinstance(provider, ProxyTracerProvider)
    return None if is_proxy else provider.get_tracer("stellary", __version__)


def find_span() -> Span | None:
    """Return the current span; None if there is none, or the program does not use OpenTelemetry."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    span: Span = api.get_current_span()
    return None if span is api.INVALID_SPAN else span


def add_context(headers: MutableMapping[str, str], span: Span | None = None) -> None:
    """Add ``traceparent`` to the headers of a request, if the program uses OpenTelemetry and there is a span.

    Args:
        headers: The headers.
        span: The span. Default: the current one.
    """
    if is_imported():
        from opentelemetry import propagate, trace

        propagate.inject(headers, context=None if span is None else trace.set_span_in_context(span))


class TraceRate:
    """The rate at which blocks without a parent begin traces. Calling it returns whether the next one may.

    Args:
        per_second: The number of traces in a second, which may begin at once; 0 for none.
    """

    def __init__(self, per_second: int) -> None:
        self._pause = 1 / per_second if per_second else math.inf
        self._used_until = 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        used_until = max(self._used_until, now)
        # Half a pause, so that rounding takes none away.
        if used_until - now >= 1.0 - self._pause / 2:
            return False
        self._used_until = used_until + self._pause
        return True


def trace(
    name: str,
    kind: str = "INTERNAL",
    headers: Mapping[str, str] | None = None,
    rate: Callable[[], bool] | None = None,
) -> AbstractContextManager[Span | None]:
    """Return a context for the span of a block; it provides None if the program does not use OpenTelemetry, or drops the span.

    A span that is dropped becomes the current one only if it continues the trace of a request: otherwise it takes half the time.

    Args:
        name: The name of the span.
        kind: The name of a ``SpanKind``.
        headers: The headers of a request, whose ``traceparent`` names the parent. Default: the parent is the current span.
        rate: Returns whether a block without a parent begins a trace. Default: each does.
    """
    tracer = find_tracer()
    if tracer is None:
        return _NOTHING
    kinds = sys.modules["opentelemetry.trace"].SpanKind
    is_remote = headers is not None and "traceparent" in headers
    if is_remote:
        from opentelemetry import propagate

        parent = propagate.extract(headers)
    else:
        parent = sys.modules["opentelemetry.context"].get_current()
    # It is empty, too, after a "traceparent" that is not valid.
    if rate is not None and not parent and not rate():
        return _NOTHING
    span = tracer.start_span(name, parent, kind=getattr(kinds, kind))
    return _enter(span, parent) if is_remote or span.is_recording() else _NOTHING


@contextmanager
def _enter(span: Span, parent: Context) -> Iterator[Span | None]:
    from opentelemetry import context
    from opentelemetry.trace import set_span_in_context

    token = context.attach(set_span_in_context(span, parent))
    try:
        yield span
    except Exception as error:
        fail_span(error)
        raise
    finally:
        context.detach(token)
        span.end()


def fail_span(error: Exception | str) -> None:
    """Mark the current span as failed, without the message of an exception, which may contain what people wrote.

    Args:
        error: The exception, or a description.
    """
    span = find_span()
    if span is not None:
        from opentelemetry.trace import StatusCode

        description = error if isinstance(error, str) else type(error).__name__
        span.set_status(StatusCode.ERROR, description)


def keep_context(work: Callable[[], T]) -> Callable[[], T]:
    """Return a function that runs in another thread within the current span."""
    return work if find_span() is None else partial(contextvars.copy_context().run, work)
