"""Idempotency keys, by which a request that is sent twice runs once. The key is stored in the transaction of the effect."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    bindparam,
    delete,
    func,
    insert,
    select,
)

from stellary.contract.errors import Conflict, Invalid, Unprocessable
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.router import AnyEndpoint
from stellary.core.db.base import IdType, Json, record_table
from stellary.core.db.direct_connection import queue_statement
from stellary.core.kernel.retention import RetentionRule
from stellary.core.kernel.unit import UnitOfWork

KEPT = timedelta(hours=24)
KEY_MAX = 255

keys = record_table(
    "stellary_idempotency_keys",
    Column("user_id", IdType, primary_key=True),
    Column("key_digest", String(64), primary_key=True),
    Column("request_digest", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Json, nullable=False),
    # Null where the response contains a secret, which must not be stored.
    Column("body", LargeBinary),
    Index("ix_stellary_idempotency_keys_created_at", "created_at"),
)

_THIS = (keys.c.user_id == bindparam("user"), keys.c.key_digest == bindparam("digest"))
_FIND, _KEEP, _FORGET = select(keys).where(*_THIS), insert(keys), delete(keys).where(*_THIS)
RETENTION = RetentionRule(keys, keys.c.created_at, lambda _: KEPT)
"""The rule for keys whose 24 hours are over."""
_CLAIM = select(func.pg_try_advisory_xact_lock(bindparam("number")))


class Attempt:
    """One attempt at a request with a key, within the unit of work that runs it.

    Args:
        uow: The unit; its actor owns the key.
        key: The key as sent, 1-255 characters.
        endpoint: The endpoint of the request.
        request: The request, whose path and query tell a repetition from another request.
        body: The body, for the same purpose.

    Raises:
        Invalid: The key is too long or empty.
        Conflict: A request with the same key is running.
    """

    def __init__(
        self, uow: UnitOfWork, key: str, endpoint: AnyEndpoint, request: RawRequest, body: bytes
    ) -> None:
        if not 0 < len(key) <= KEY_MAX:
            raise Invalid(f"Idempotency-Key must be 1 to {KEY_MAX} characters")
        self._uow = uow
        self._endpoint = endpoint
        self._row_key = _build_row_key(uow, key)
        self._key = self._row_key["digest"]
        path = f"{request.path}?{request.query}" if endpoint.in_query and request.query else request.path
        self._request = hashlib.sha256(
            b"\0".join((endpoint.method.encode(), path.encode(), body))
        ).hexdigest()
        if uow.connection.dialect.name == "postgresql":
            # On SQLite there is one writer at a time. Here a repetition would wait for the first request to end.
            digest = hashlib.sha256(f"{uow.user_id}{self._key}".encode()).digest()
            number = int.from_bytes(digest[:8], "big", signed=True)
            if not uow.connection.execute(_CLAIM, {"number": number}).scalar():
                raise Conflict("a request with this Idempotency-Key is in progress", code="in_flight")

    def find_response(self) -> RawResponse | None:
        """Return the stored response of an earlier request with the same key, or None.

        Raises:
            Unprocessable: The key was used for another request.
            Conflict: The request ran before, and its response contained a secret that is shown only once.
        """
        row = self._uow.connection.execute(_FIND, self._row_key).first()
        if row is None:
            return None
        if row.created_at <= self._uow.now - KEPT:
            self._uow.connection.execute(_FORGET, self._row_key)
            return None
        if row.request_digest != self._request:
            raise Unprocessable("this Idempotency-Key was used for another request")
        if row.body is None:
            raise Conflict(
                "this request was executed before, and its response contained a secret that is shown only once",
                code="already_done",
            )
        return RawResponse(row.status, {**row.headers, "idempotency-replayed": "true"}, row.body)

    def store(self, response: RawResponse) -> None:
        """Store a response for 24 hours."""
        queue_statement(
            self._uow.connection,
            _KEEP,
            {
                "user_id": self._uow.user_id,
                "key_digest": self._key,
                "request_digest": self._request,
                "status": response.status,
                "headers": dict(response.headers),
                "body": None if self._endpoint.keeps_secret else response.body,
                "created_at": self._uow.now,
            },
        )


def is_key_used(uow: UnitOfWork, key: str) -> bool:
    """Return whether a response of the actor's is stored for a key, and still counts.

    Args:
        uow: The unit; its actor owns the key.
        key: The key as sent.
    """
    row = uow.connection.execute(_FIND, _build_row_key(uow, key)).first()
    return row is not None and row.created_at > uow.now - KEPT


def forget_key(uow: UnitOfWork, key: str) -> None:
    """Forget a key of the actor's, whose request was taken back.

    Args:
        key: The key as sent.
    """
    uow.connection.execute(_FORGET, _build_row_key(uow, key))


def _build_row_key(uow: UnitOfWork, key: str) -> dict[str, str]:
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
    return {"user": uow.user_id, "digest": digest}
