"""CORS: which pages of other origins may call the API from a browser. None, unless it is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stellary.contract.port import RawResponse

_METHODS = "GET, POST, PATCH, DELETE, HEAD"
_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, X-Request-Id"
_EXPOSED = (
    "ETag, Link, Retry-After, X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
)
_SECONDS = "600"


class Cors:
    """Tells browsers what the settings allow. Without credentials: a token is sent by whoever holds it."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origins)

    def headers(self, origin: str | None) -> Mapping[str, str]:
        """What is added to every answer."""
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
        """The answer to a browser that asks before it sends; None if this is no such question."""
        if not self._origins or method != "OPTIONS" or "access-control-request-method" not in headers:
            return None
        return RawResponse(
            204,
            {
                "access-control-allow-methods": _METHODS,
                "access-control-allow-headers": _HEADERS,
                "access-control-max-age": _SECONDS,
            },
        )
