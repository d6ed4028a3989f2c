"""The wire log: the request and the response of every attempt with their bodies, without secrets."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import orjson

from stellary.client.calling.call import Call
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.redaction import HIDDEN, conceal_headers, is_secret_field

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
    return [f"{mark}{name}: {_format_header(text)}" for name, text in conceal_headers(headers).items()]


def _format_header(text: str) -> str:
    return HIDDEN if repr(text) == repr(HIDDEN) else text


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
