"""OpenTelemetry, for the client and the core. It is active if the program has imported ``opentelemetry.trace``; others do not pay for it."""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeVar

from stellary._version import __version__

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer, TracerProvider

T = TypeVar("T")
_NOTHING: AbstractContextManager[None] = nullcontext()


def is_imported() -> bool:
    """Return whether the program has imported OpenTelemetry, although spans may have no receiver yet."""
    return "opentelemetry.trace" in sys.modules


def find_tracer() -> Tracer | None:
    """Return the tracer of this package; None if the program does not use OpenTelemetry, or nothing receives the spans."""
    if not is_imported():
        return None
    from opentelemetry.trace import get_tracer_provider

    return _get_tracer(get_tracer_provider())


@lru_cache(maxsize=1)
def _get_tracer(provider: TracerProvider) -> Tracer | None:
    """Return the tracer of a provider; None for that of the API alone. It is remembered, since getting it takes longer than a span."""
    from opentelemetry.trace import ProxyTracerProvider

    is_proxy = isinstance(provider, ProxyTracerProvider)
    return None if is_proxy else provider.get_tracer("stellary", __version__)


def add_context(headers: MutableMapping[str, str], span: Span | None = None) -> None:
    """Add ``traceparent`` to the headers of a request, if the program uses OpenTelemetry and there is a span.

    Args:
        headers: The headers.
        span: The span. Default: the current one.
    """
    if is_imported():
        from opentelemetry import propagate, trace

        propagate.inject(headers, context=None if span is None else trace.set_span_in_context(span))


def trace(
    name: str, kind: str = "INTERNAL", headers: Mapping[str, str] | None = None
) -> AbstractContextManager[Span | None]:
    """Return a context for the span of a block; it provides None if the program does not use OpenTelemetry.

    Args:
        name: The name of the span.
        kind: The name of a ``SpanKind``.
        headers: The headers of a request, whose ``traceparent`` names the parent. Default: the parent is the current span.
    """
    tracer = find_tracer()
    return _NOTHING if tracer is None else _trace(tracer, name, kind, headers)


@contextmanager
def _trace(tracer: Tracer, name: str, kind: str, headers: Mapping[str, str] | None) -> Iterator[Span | None]:
    from opentelemetry import context, propagate
    from opentelemetry.trace import SpanKind, set_span_in_context

    parent = propagate.extract(headers) if headers is not None and "traceparent" in headers else None
    span = tracer.start_span(name, context=parent, kind=SpanKind[kind])
    if not span.get_span_context().is_valid:
        yield None
        return
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
    if find_tracer() is not None:
        from opentelemetry.trace import StatusCode, get_current_span

        description = error if isinstance(error, str) else type(error).__name__
        get_current_span().set_status(StatusCode.ERROR, description)


def keep_context(work: Callable[[], T]) -> Callable[[], T]:
    """Return a function that runs in another thread within the current span."""
    return work if find_tracer() is None else partial(contextvars.copy_context().run, work)
