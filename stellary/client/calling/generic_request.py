"""Requests to any path of the API, with the same retries, errors and options as methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlencode

import orjson

from stellary.client.calling.call import Call, CallOptions
from stellary.client.calling.encoding import encode_body
from stellary.client.calling.settings import check_headers
from stellary.client.errors import UnreadableAnswer, check_type
from stellary.contract.port import RawRequest, RawResponse

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class AnyPlan:
    """A stand-in for ``CallPlan`` in requests that belong to no endpoint."""

    operation = "request"
    slow = False
    returns = None
    wire_names: tuple[str, ...] = ()

    def redact_path(self, path: str) -> str:
        """Return the path unchanged: it holds no known secrets."""
        return path

    def answer(self, response: RawResponse) -> Any:
        """Return the parsed JSON of a response, its bytes if it is not JSON, or None if it is empty.

        Raises:
            UnreadableAnswer: The content type is JSON, but the body is not.
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
    options: CallOptions,
    *,
    params: Mapping[str, Any] | None = None,
    json: Any = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Call:
    """Return the call for a request; ``Stellary.request`` describes the arguments.

    Args:
        method: The HTTP method, in any case.
        path: The path below the base URL; percent-encoded, without a query.
        common: The headers of the client.
        options: The options of the client or handle.
        params: The query parameters; a list for a parameter that occurs several times.
        json: The value to send as a JSON body.
        content: The bytes of the body, instead of ``json``.
        headers: Additional headers for this request.

    Raises:
        TypeError: An argument has another class.
        ValueError: The method, the path or a header cannot be sent.
    """
    check_type("method", method, str)
    check_type("path", path, str)
    check_type("params", params or {}, Mapping)
    method = method.upper()
    if method not in _METHODS:
        raise ValueError(f"there is no HTTP method {method!r}")
    if not _is_path(path):
        raise ValueError(
            "the path must begin with a slash, be percent-encoded, and have no '.', '..' or empty parts; "
            "the client's URL has the host, and params=… the query"
        )
    if json is not None and content is not None:
        raise ValueError("pass json or content, not both")
    request_headers = {**common, **options.headers, **check_headers(headers or {})}
    body = content or b""
    if json is not None:
        body = encode_body(json)
        request_headers.setdefault("content-type", "application/json")
    repeatable = method != "POST"
    if options.idempotency_key is not None and method == "POST":
        request_headers["idempotency-key"] = options.idempotency_key
        repeatable = True
    if options.if_match is not None and method in ("PATCH", "PUT", "DELETE"):
        request_headers["if-match"] = options.if_match
    query = urlencode({name: _to_query(value) for name, value in (params or {}).items()}, doseq=True)
    plan: Any = AnyPlan()
    return Call(plan, RawRequest(method, path, query, request_headers, body), options, repeatable)


def _to_query(value: Any) -> Any:
    """Return a query parameter in the format of the API, in which True is ``true``."""
    if isinstance(value, list | tuple):
        return [_to_query(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else value


def _is_path(path: str) -> bool:
    """Return whether a path is absolute and percent-encoded, without a query and without ``.`` or ``..``."""
    if not path.isascii() or not path.isprintable() or any(mark in path for mark in " ?#\\"):
        return False
    first, *parts = path.split("/")
    return first == "" and bool(parts) and not any(unquote(part) in ("", ".", "..") for part in parts)
