"""CORS: the origins whose web pages may call the API from a browser; none by default."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlsplit

from stellary.contract.errors import Forbidden
from stellary.contract.port import RawResponse

_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id"
_EXPOSED = "ETag, Link, Location, Retry-After, X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"


def read_origin(url: str) -> str:
    """Return the origin of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def check_origins(origins: object) -> tuple[str, ...]:
    """Return origins such as ``https://app.example.com``, or ``*`` for all.

    Raises:
        ValueError: One of them is not an origin.
    """
    if isinstance(origins, str) or not isinstance(origins, Collection):
        raise ValueError(f"must be a list of origins, not {origins!r}")
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[^/\s]+", origin):
            raise ValueError(f"must be origins such as https://app.example.com, not {origin!r}")
    return tuple(origins)


class Cors:
    """The CORS headers for the configured origins. Cookies are not allowed, since clients send tokens themselves."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(check_origins(origins))

    def headers(self, origin: str | None) -> Mapping[str, str]:
        """Return the headers to add to every response."""
        if not self._origins:
            return {}
        if "*" in self._origins:
            return {"access-control-allow-origin": "*", "access-control-expose-headers": _EXPOSED}
        if origin not in self._origins:
            return {"vary": "Origin"}
        return {
            "access-control-allow-origin": origin,
            "access-control-expose-headers": _EXPOSED,
            "vary": "Origin",
        }

    def preflight(self, method: str, headers: Mapping[str, str]) -> RawResponse | None:
        """Return the response to a preflight request of a browser; None if it is another request.

        Args:
            method: The method of the request.
            headers: The headers, with lower-case names.
        """
        if not self._origins or method != "OPTIONS" or "access-control-request-method" not in headers:
            return None
        return RawResponse(
            204,
            {
                "access-control-allow-methods": "GET, POST, PATCH, DELETE, HEAD",
                "access-control-allow-headers": _HEADERS,
                "access-control-max-age": "600",
            },
        )


def check_same_site(headers: Mapping[str, str], origins: Collection[str] = ()) -> None:
    """Check that a request comes from a page of the host, from an allowed one, or from no browser.

    Args:
        headers: The headers of the request, with lower-case names.
        origins: The allowed origins.

    Raises:
        Forbidden: A page of another site sends it.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin in origins or site in ("same-origin", "none"):
        return
    host = headers.get("host")
    if site is not None or (origin is not None and (not host or origin.partition("://")[2] != host)):
        raise Forbidden("pages of this origin may not change anything", code="cross_site")
