"""Failures: what goes wrong as an answer, and whether it is worth another try."""

from __future__ import annotations

import logging

from sqlalchemy.exc import DBAPIError, OperationalError

from stellary.contract.errors import ApiError, ServerError, StorageFull, Unauthenticated, Unavailable
from stellary.contract.port import RawResponse
from stellary.contract.wire import dump

_log = logging.getLogger("stellary.core")


def error_response(error: ApiError, request_id: str) -> RawResponse:
    """An error as an answer, in the error shape."""
    headers = {name.lower(): text for name, text in error.headers.items()}
    headers["content-type"] = "application/json"
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after)))
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    return RawResponse(error.status, headers, dump(error.body(request_id)))


def translated(error: Exception, request_id: str) -> ApiError:
    """What was not meant to happen, as far as a caller may know of it; the log has the rest."""
    if isinstance(error, OperationalError):
        text = str(error.orig)
        if "disk is full" in text or "No space left" in text:
            return StorageFull("the disk of the server is full")
        if getattr(error.orig, "sqlstate", None) == "55P03":
            return Unavailable("others are changing the same; try again", code="busy", retry_after=1)
        _log.warning("request %s: the database is not available: %s", request_id, type(error.orig).__name__)
        return Unavailable("the database is not available; try again", retry_after=1)
    _log.error("request %s failed", request_id, exc_info=error)
    return ServerError("the server has failed; the request id helps to find out why")


def can_retry(error: DBAPIError) -> bool:
    """Whether the database has undone the unit for the sake of another one: a deadlock or a serialization failure."""
    return getattr(error.orig, "sqlstate", None) in ("40P01", "40001")
