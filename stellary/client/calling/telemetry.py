"""OpenTelemetry: a span per call, and its context in the headers of the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from stellary._tracing import add_context, find_tracer
from stellary.client.calling.call import Call
from stellary.contract.port import RawResponse

if TYPE_CHECKING:
    from opentelemetry.trace import Span


def start_span(call: Call) -> Span | None:
    """Start the span of a call as a child of the current one, and add its context to the headers of the request.

    Args:
        call: The call; its request is replaced.

    Returns:
        The span; None if the program does not use OpenTelemetry.
    """
    tracer = find_tracer()
    if tracer is None:
        return None
    from opentelemetry.trace import SpanKind

    span = tracer.start_span(call.plan.operation, kind=SpanKind.CLIENT)
    if span.is_recording():
        span.set_attribute("http.request.method", call.request.method)
        span.set_attribute("url.path", call.plan.redact_path(call.request.path))
    headers: dict[str, str] = {}
    add_context(headers, span)
    if headers:
        call.request = attrs.evolve(call.request, headers={**call.request.headers, **headers})
    return span


def end_span(
    span: Span | None, response: RawResponse | None, tries: int, error: BaseException | None
) -> None:
    """End the span of a call.

    Args:
        span: The span; None if there is none.
        response: The last response; None if there was none.
        tries: The number of attempts.
        error: The error that the call raised; None if it succeeded.
    """
    if span is None:
        return
    from opentelemetry.trace import StatusCode

    if response is not None:
        span.set_attribute("http.response.status_code", response.status)
        span.set_attribute("stellary.request_id", response.headers.get("x-request-id") or "")
    span.set_attribute("http.request.resend_count", tries - 1)
    if error is not None:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(StatusCode.ERROR, str(error))
    span.end()
