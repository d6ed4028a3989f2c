"""Errors of the database: their conversion to errors of the API, and whether a retry may succeed."""

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
    NotFound,
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
"""The prefix of the names of all tables of the core."""
_ABORTED = ("40P01", "40001")
_FEATURE_NOT_SUPPORTED = "0A000"
_FOREIGN_KEY = ("23503", "23001")
_UNDEFINED = ("42P01", "42703")
_SQLITE_UNDEFINED = ("no such table", "no such column", "has no column named")
NOT_MIGRATED = "not_migrated"
"""The code of the error if a table or a column of the core is missing."""
_SQLITE_ERROR = 1
"""SQLite's messages for invalid statements, which its driver reports like an unavailable database."""
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
    """Convert an unexpected exception to an API error without internal details, and log the details.

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
    """Convert database errors in the block to API errors, with the database error as the cause.

    An error in a statement that names none of the core's tables belongs to the host. It is raised unchanged,
    unless the database was busy or unavailable, or aborted the transaction.

    Raises:
        ApiError: The database has rejected a statement of the core, or the commit.
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
    """Return the API error for a database error; None if the error belongs to a statement of the host."""
    state = getattr(error.orig, "sqlstate", None)
    if state in _ABORTED:
        return Unavailable(
            "the database aborted this change because of a concurrent one; try again", retry_after=1
        )
    text = str(error.orig)
    # SQLite's driver raises OperationalError for invalid statements too.
    is_invalid = getattr(error.orig, "sqlite_errorcode", None) == _SQLITE_ERROR
    if isinstance(error, (OperationalError, InterfaceError)) and not is_invalid:
        if "disk is full" in text or "No space left" in text:
            return StorageFull("the disk of the server is full")
        if is_lock_timeout(error):
            return Unavailable(
                "another request is changing the same data; try again", code="busy", retry_after=1
            )
        return Unavailable("the database is not available; try again", retry_after=1)
    if error.statement is not None and OUR_TABLES not in error.statement:
        return None
    if state in _UNDEFINED or any(words in text for words in _SQLITE_UNDEFINED):
        return ServerError(
            "the tables in the database are missing or out of date; call core.migrate() first",
            code=NOT_MIGRATED,
        )
    refused = _to_refusal(error, state) if isinstance(error, IntegrityError) else None
    return refused or ServerError("the database has rejected this unexpectedly; the log has the reason")


def _to_refusal(error: IntegrityError, state: str | None) -> ApiError | None:
    # A deferred foreign key fails at the commit, which has no statement.
    is_deletion = (error.statement or "DELETE").lstrip().upper().startswith("DELETE")
    if is_duplicate(error):
        return Conflict("the item exists already, or was created at the same time")
    if state not in _FOREIGN_KEY and getattr(error.orig, "sqlite_errorcode", None) not in _SQLITE_FOREIGN_KEY:
        return None
    if not is_deletion:
        return NotFound("an item that this refers to was deleted at the same time")
    # With asyncpg, the details are on the error that SQLAlchemy's adapter wraps. A row of the host refers to the deleted one.
    diagnosis: Any = getattr(error.orig, "diag", None) or getattr(error.orig, "__cause__", None)
    is_ours = (getattr(diagnosis, "table_name", None) or "").startswith(OUR_TABLES)
    return None if is_ours else build_in_use()


def build_in_use() -> Conflict:
    """Return the error for a deletion of a row that a row of the host refers to."""
    return Conflict("this cannot be deleted, because other records refer to it", code="in_use")


def may_become_reachable(error: Exception) -> bool:
    """Return whether no server responds at all; False if one rejects the account or has no such database."""
    if not isinstance(error, OperationalError) or error.statement is not None:
        return False
    return not any(words in str(error.orig) for words in _REFUSED)


def can_retry(error: DBAPIError) -> bool:
    """Return whether the unit may succeed if it is run again.

    This is the case after a deadlock, a serialization failure, or a migration that made a prepared statement stale.
    """
    return getattr(error.orig, "sqlstate", None) in _ABORTED or is_statement_stale(error)


def is_lock_timeout(error: DBAPIError) -> bool:
    """Return whether PostgreSQL has not granted a lock in time."""
    return getattr(error.orig, "sqlstate", None) == "55P03"


def is_statement_stale(error: DBAPIError) -> bool:
    """Return whether PostgreSQL has rejected a prepared statement because the types of its result have changed."""
    if getattr(error.orig, "sqlstate", None) != _FEATURE_NOT_SUPPORTED:
        return False
    # The SQLSTATE covers other errors too, and the message is in the language of the server.
    diagnosis: Any = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "source_function", None) == "RevalidateCachedQuery"


def is_duplicate(error: IntegrityError) -> bool:
    """Return whether a row was rejected because another one has the same unique value."""
    return getattr(error.orig, "sqlstate", None) == "23505" or "UNIQUE" in str(error.orig)
