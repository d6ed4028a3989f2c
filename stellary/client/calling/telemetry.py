"""Spans of OpenTelemetry and the wire log, by which a program observes its calls.

Each call has a span, whose context is in the headers of its requests. The wire log has the request and the response of
every attempt with their bodies, without secrets.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import orjson

from stellary._tracing import add_context, find_tracer
from stellary.client.calling.call import Call
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.redaction import HIDDEN, conceal_headers, is_secret_field

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


wire_log = logging.getLogger("stellary.client.wire")
# A program that turns on DEBUG for everything must not write bodies to its logs unasked.
wire_log.setLevel(logging.WARNING)
BODY_MAX = 4000
"""The number of characters of a body that are logged."""


def log_attempt(call: Call, request: RawRequest, response: RawResponse | None) -> None:
    """Log an attempt at ``DEBUG``, if the log is on.

    Args:
        call: The call that the attempt belongs to.
        request: The request, as it was sent.
        response: The response; None if there was none.
    """
    if not wire_log.isEnabledFor(logging.DEBUG):
        return
    target = call.plan.redact_path(request.path) + (f"?{request.query}" if request.query else "")
    lines = [
        f"> {request.method} {target}",
        *_format_headers("> ", request.headers),
        *_format_body("> ", request),
    ]
    if response is None:
        lines.append("< no response")
    else:
        lines += [f"< {response.status}", *_format_headers("< ", response.headers)]
        lines += _format_body("< ", response)
    wire_log.debug("%s", "\n".join(lines))


def _format_headers(mark: str, headers: Mapping[str, str]) -> list[str]:
    # The repr of a concealed header is hidden, its text is not.
    texts = {
        name: HIDDEN if repr(text) == repr(HIDDEN) else text
        for name, text in conceal_headers(headers).items()
    }
    return [f"{mark}{name}: {text}" for name, text in texts.items()]


def _format_body(mark: str, message: RawRequest | RawResponse) -> list[str]:
    if message.blocks is not None:
        return [f"{mark}<a file>"]
    if not message.body:
        return []
    try:
        data = orjson.loads(message.body)
    except ValueError:
        # A body that is not JSON may be a file, or a page with anything in it.
        return [f"{mark}<{len(message.body)} bytes>"]
    text = orjson.dumps(_redact(data)).decode()
    return [mark + (f"{text[:BODY_MAX]}… ({len(text)} characters)" if len(text) > BODY_MAX else text)]


def _redact(data: Any) -> Any:
    if isinstance(data, dict):
        return {
            name: HIDDEN if is_secret_field(name) and value is not None else _redact(value)
            for name, value in data.items()
        }
    return [_redact(item) for item in data] if isinstance(data, list) else data
