"""Requests of Django in the form of the API, and their users."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from sqlalchemy import Connection

from stellary.contrib.django.units import get_actor
from stellary.core import Actor
from stellary.core.http.context import encode_target


def find_actor(request: HttpRequest, connection: Connection | None = None) -> Actor | None:
    """Return the actor of the user that Django has logged in; None if nobody is logged in.

    Args:
        request: The request.
        connection: A connection that has joined a transaction. By default, the core uses one of its own.
    """
    user = getattr(request, "user", None)
    return get_actor(user, connection) if user is not None and user.is_authenticated else None


def split_path(request: HttpRequest, tail: str) -> tuple[str, str]:
    """Return the prefix of the API, and the path below it; both percent-encoded.

    Args:
        request: The request.
        tail: The decoded path below the prefix.
    """
    prefix = quote(request.path.removesuffix(tail).rstrip("/"))
    # The decoded path cannot tell an encoded slash from others.
    sent = _read_sent_target(request).partition("?")[0]
    if sent.startswith(f"{prefix}/"):
        return prefix, sent.removeprefix(prefix)
    return prefix, quote(f"/{tail}")


def _read_sent_target(request: HttpRequest) -> str:
    """Return the target of a request as it was sent, in ASCII; empty if the server does not pass it on."""
    scope = getattr(request, "scope", None)
    if scope is not None:
        raw: bytes = scope.get("raw_path") or b""
        return encode_target(raw.decode("utf-8", "surrogateescape"))
    sent = request.META.get("REQUEST_URI") or request.META.get("RAW_URI") or ""
    return encode_target(sent.encode("latin-1").decode("utf-8", "surrogateescape"))


def read_headers(request: HttpRequest) -> dict[str, str]:
    """Return the headers of a request with lower-case names, and the host that Django has checked."""
    headers = {name.lower(): text for name, text in request.headers.items() if text}
    return {**headers, "host": request.get_host()}


def set_headers(response: HttpResponseBase, headers: Iterable[tuple[str, str]]) -> None:
    """Give a response of Django the headers of one of the API, and no others.

    Args:
        response: The response.
        headers: Pairs of names and values.
    """
    del response["Content-Type"]
    for name, text in headers:
        response[name] = text
