"""Failures: which error of the API stands for an error of the database, and whether another try may succeed."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

from stellary.contract.errors import (
    ApiError,
    Conflict,
    ServerError,
    StorageFull,
    Unauthenticated,
    Unavailable,
)
from stellary.contract.port import RawResponse
from stellary.contract.wire import dump

_log = logging.getLogger("stellary.core")

_SCARCE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_REFUSED = ("authentication failed", "pg_hba.conf", "does not exist", "unable to open database file")
OUR_TABLES = "stellary_"
"""The start of the names of all our tables."""
_ABORTED = ("40P01", "40001")
_FEATURE_NOT_SUPPORTED = "0A000"
_FOREIGN_KEY = ("23503", "23001")
_UNDEFINED = ("42P01", "42703")
_SQLITE_ERROR = 1
"""What SQLite says of a statement that is wrong, which its driver does not tell from a database that is away."""
_SQLITE_FOREIGN_KEY = (787, 1811)


def error_response(error: ApiError, request_id: str) -> RawResponse:
    """Return the response for an error, in the error shape.

    Args:
        error: The error.
        request_id: The id of the request, for the body.
    """
    headers = {name.lower(): text for name, text in error.headers.items()}
    headers["content-type"] = "application/json"
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after)))
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    return RawResponse(error.status, headers, dump(error.to_body(request_id)))


def convert_unexpected_error(error: Exception, request_id: str) -> ApiError:
    """Convert an unexpected exception to an error without internal details, which are logged.

    Args:
        error: The exception.
        request_id: The id of the request, for the log.
    """
    if isinstance(error, OSError) and error.errno in _SCARCE:
        _log.warning("request %s: %s", request_id, error)
        return Unavailable("the server is short of file descriptors or memory; try again", retry_after=1)
    api_error = to_api_error(error) if isinstance(error, DBAPIError) else None
    if api_error is None or api_error.code == ServerError.default_code:
        _log.error("request %s failed", request_id, exc_info=error)
        return ServerError("the server has failed; the request id helps to find out why")
    if isinstance(api_error, Unavailable) and isinstance(error, DBAPIError):
        _log.warning("request %s: the database is not available: %s", request_id, type(error.orig).__name__)
    return api_error


@contextmanager
def raise_api_errors() -> Iterator[None]:
    """Raise the API error that stands for a database error, with the database error as its cause.

    An error in a statement that names none of our tables is the host's, and comes through unchanged unless the database
    was busy, unavailable or aborted the transaction.

    Raises:
        ApiError: The database has refused a statement of ours, or the commit.
    """
    try:
        yield
    except DBAPIError as error:
        api_error = to_api_error(error)
        if api_error is None:
            raise
        if api_error.code == ServerError.default_code:
            _log.error("a unit of work has failed", exc_info=error)
        raise api_error from error


def to_api_error(error: DBAPIError) -> ApiError | None:
    """Return the API error that stands for a database error; None if it is in a statement of the host's."""
    state = getattr(error.orig, "sqlstate", None)
    if state in _ABORTED:
        return Unavailable("the database aborted this in favour of another change; try again", retry_after=1)
    if _is_unavailable(error):
        text = str(error.orig)
        if "disk is full" in text or "No space left" in text:
            return StorageFull("the disk of the server is full")
        if state == "55P03":
            return Unavailable("others are changing the same; try again", code="busy", retry_after=1)
        return Unavailable("the database is not available; try again", retry_after=1)
    if error.statement is not None and OUR_TABLES not in error.statement:
        return None
    if _is_schema_missing(error, state):
        return ServerError(
            "the tables in the database are missing or out of date; call core.migrate() first",
            code="not_migrated",
        )
    if isinstance(error, IntegrityError):
        if _is_in_use(error, state):
            return Conflict("this cannot be deleted, because other records refer to it", code="in_use")
        if state == "23505" or "UNIQUE" in str(error.orig):
            return Conflict("the same thing exists already, or was created at the same moment")
    return ServerError("the database has refused this unexpectedly; the log says why")


def may_become_reachable(error: Exception) -> bool:
    """Return whether no database server answers, rather than one that refuses the account or has no such database."""
    if not isinstance(error, OperationalError) or error.statement is not None:
        return False
    return not any(words in str(error.orig) for words in _REFUSED)


def can_retry(error: DBAPIError) -> bool:
    """Return whether a repetition of the unit may succeed.

    That is so after a deadlock, a serialization failure, or a migration that made a prepared statement stale.
    """
    return getattr(error.orig, "sqlstate", None) in _ABORTED or is_statement_stale(error)


def is_statement_stale(error: DBAPIError) -> bool:
    """Return whether PostgreSQL has refused a prepared statement because the result would have other types by now."""
    if getattr(error.orig, "sqlstate", None) != _FEATURE_NOT_SUPPORTED:
        return False
    # The state stands for much else, and the message is in the language of the server.
    diagnosis: Any = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "source_function", None) == "RevalidateCachedQuery"


def _is_unavailable(error: DBAPIError) -> bool:
    # SQLite's driver says "operational" of a wrong statement too.
    wrong_statement = getattr(error.orig, "sqlite_errorcode", None) == _SQLITE_ERROR
    return isinstance(error, (OperationalError, InterfaceError)) and not wrong_statement


def _is_schema_missing(error: DBAPIError, state: str | None) -> bool:
    text = str(error.orig)
    return state in _UNDEFINED or any(
        words in text for words in ("no such table", "no such column", "has no column named")
    )


def _is_in_use(error: IntegrityError, state: str | None) -> bool:
    """Return whether a deletion failed because a row of the host refers to the deleted one."""
    # A foreign key that is checked at the end fails in the commit, which has no statement.
    if not (error.statement or "DELETE").lstrip().upper().startswith("DELETE"):
        return False
    if state in _FOREIGN_KEY:
        # asyncpg's diagnosis is on the error that SQLAlchemy's adapter wraps.
        diagnosis: Any = getattr(error.orig, "diag", None) or getattr(error.orig, "__cause__", None)
        return not (getattr(diagnosis, "table_name", None) or "").startswith(OUR_TABLES)
    return getattr(error.orig, "sqlite_errorcode", None) in _SQLITE_FOREIGN_KEY
