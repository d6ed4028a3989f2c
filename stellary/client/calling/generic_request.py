"""Requests for which there is no method: any path of the API, by the same retries, errors and options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlencode

import orjson

from stellary.client.calling.call import Call, Options
from stellary.client.calling.encoding import encode_body
from stellary.client.calling.response import Response
from stellary.client.calling.settings import checked_headers
from stellary.client.errors import UnreadableAnswer
from stellary.contract.port import RawRequest, RawResponse

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class AnyPlan:
    """What the flow of a call asks of an endpoint, for a request that names none."""

    operation = "request"
    slow = False

    def shown(self, path: str) -> str:
        """Return the path as errors and logs show it."""
        return path

    def answer(self, response: RawResponse) -> Any:
        """Return the JSON of a response; its bytes where it is no JSON, and None where it is empty.

        Raises:
            UnreadableAnswer: It says that it is JSON, and is not.
        """
        if not response.body:
            return None
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            return response.body
        try:
            return orjson.loads(response.body)
        except ValueError as error:
            message = f"the answer cannot be read as JSON ({error})"
        raise UnreadableAnswer(message, status=response.status, body=response.body)


def make_call(
    method: str,
    path: str,
    common: Mapping[str, str],
    options: Options,
    *,
    params: Mapping[str, Any] | None = None,
    json: Any = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Call:
    """Return the call; see ``Stellary.request`` for the arguments.

    Raises:
        ValueError: The method, the path or a header cannot be sent.
    """
    method = method.upper()
    if method not in _METHODS:
        raise ValueError(f"there is no HTTP method {method!r}")
    if not _is_path(path):
        raise ValueError(
            "the path must begin with a slash and be percent-encoded, without '.', '..' or empty parts and without a query "
            "(params=…); the host is the client's"
        )
    if json is not None and content is not None:
        raise ValueError("a request has json or content, not both")
    sent = {**common, **options.headers, **checked_headers(headers or {})}
    body = content or b""
    if json is not None:
        body = encode_body(json)
        sent.setdefault("content-type", "application/json")
    repeatable = method != "POST"
    if options.idempotency_key is not None and method == "POST":
        sent["idempotency-key"] = options.idempotency_key
        repeatable = True
    if options.if_match is not None and method in ("PATCH", "PUT", "DELETE"):
        sent["if-match"] = options.if_match
    query = urlencode(params or {}, doseq=True)
    plan: Any = AnyPlan()
    return Call(plan, RawRequest(method, path, query, sent, body), options, repeatable)


def _is_path(path: str) -> bool:
    """Whether a path leads where it says, and nowhere else."""
    if not path.isascii() or not path.isprintable() or any(mark in path for mark in " ?#\\"):
        return False
    first, *parts = path.split("/")
    return first == "" and bool(parts) and not any(unquote(part) in ("", ".", "..") for part in parts)


def make_response(found: tuple[RawResponse, Any]) -> Response[Any]:
    """Return what a flow has returned as a response."""
    raw, value = found
    return Response(raw.status, raw.headers, raw.body, value)
