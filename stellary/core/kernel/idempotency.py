"""Idempotency keys: a request that is sent twice is carried out once. The key's row is written with the effect."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
)

from stellary.contract.errors import Conflict, Invalid, Unprocessable
from stellary.contract.port import RawResponse
from stellary.contract.router import AnyEndpoint
from stellary.core.db.base import IdType, Json, UtcDateTime, metadata
from stellary.core.kernel.unit import UnitOfWork

KEPT = timedelta(hours=24)
KEY_MAX = 255
FORGOTTEN_AT_ONCE = 100

keys = Table(
    "stellary_idempotency_keys",
    metadata,
    Column("user_id", IdType, primary_key=True),
    Column("key_digest", String(64), primary_key=True),
    Column("request_digest", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Json, nullable=False),
    # Null where the answer holds a secret, of which no copy may be kept.
    Column("body", LargeBinary),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_stellary_idempotency_keys_created_at", "created_at"),
)

_FIND = select(keys).where(keys.c.user_id == bindparam("user"), keys.c.key_digest == bindparam("digest"))
_KEEP = insert(keys)
_OLD = keys.alias("old")
_OLDEST = (
    select(_OLD.c.user_id, _OLD.c.key_digest)
    .where(_OLD.c.created_at <= bindparam("before"))
    .limit(FORGOTTEN_AT_ONCE)
    # A request does not wait for another one that deletes the same keys.
    .with_for_update(skip_locked=True)
)
_FORGET = delete(keys).where(tuple_(keys.c.user_id, keys.c.key_digest).in_(_OLDEST))
_FORGET_ONE = delete(keys).where(
    keys.c.user_id == bindparam("user"), keys.c.key_digest == bindparam("digest")
)
_CLAIM = select(func.pg_try_advisory_xact_lock(bindparam("number")))


class Attempt:
    """One try at a request with a key, within the unit of work that carries it out.

    Args:
        uow: The unit; its actor owns the key.
        key: As the caller sent it, 1-255 characters.
        endpoint: What is asked.
        path, body: Of the request, to tell a repetition from another request.

    Raises:
        Invalid: The key is too long or empty.
        Conflict: The same request is being carried out right now.
    """

    def __init__(self, uow: UnitOfWork, key: str, endpoint: AnyEndpoint, path: str, body: bytes) -> None:
        if not 0 < len(key) <= KEY_MAX:
            raise Invalid(f"Idempotency-Key must be 1 to {KEY_MAX} characters")
        self._uow = uow
        self._endpoint = endpoint
        self._key = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        self._own = {"user": uow.user_id, "digest": self._key}
        self._request = hashlib.sha256(
            b"\0".join((endpoint.method.encode(), path.encode(), body))
        ).hexdigest()
        if uow.connection.dialect.name == "postgresql":
            # SQLite has one writer at a time; here a repetition would otherwise wait for the first to end.
            digest = hashlib.sha256(f"{uow.user_id}{self._key}".encode()).digest()
            number = int.from_bytes(digest[:8], "big", signed=True)
            if not uow.connection.execute(_CLAIM, {"number": number}).scalar():
                raise Conflict("a request with this Idempotency-Key is being carried out", code="in_flight")

    def find_response(self) -> RawResponse | None:
        """The answer that was given before, if it was.

        Raises:
            Unprocessable: The key was used for another request.
            Conflict: It was carried out, but its answer held a secret that is shown once.
        """
        found = self._uow.connection.execute(_FIND, self._own).first()
        if found is None:
            return None
        if found.created_at <= self._uow.now - KEPT:
            self._uow.connection.execute(_FORGET_ONE, self._own)
            return None
        if found.request_digest != self._request:
            raise Unprocessable("this Idempotency-Key was used for another request")
        if found.body is None:
            raise Conflict(
                "this was carried out before, and its answer held a secret that is shown only once",
                code="already_done",
            )
        return RawResponse(found.status, {**found.headers, "idempotency-replayed": "true"}, found.body)

    def store(self, answer: RawResponse) -> None:
        """Keep the answer for 24 hours, and forget some of what is older."""
        self._uow.connection.execute(_FORGET, {"before": self._uow.now - KEPT})
        self._uow.connection.execute(
            _KEEP,
            {
                "user_id": self._uow.user_id,
                "key_digest": self._key,
                "request_digest": self._request,
                "status": answer.status,
                "headers": dict(answer.headers),
                "body": None if self._endpoint.keeps_secret else answer.body,
                "created_at": self._uow.now,
            },
        )
