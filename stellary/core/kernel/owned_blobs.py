"""The store of files of a core, which refuses to write to or delete from the store of another database.

A core deletes the files that no row of its database refers to. In a store that two databases share, it would delete those
of the other one. Therefore a file in the store, the marker, contains a random token that the owning database also has.
Each sweep replaces the token, so that an older copy of the database, such as a restored backup, no longer has it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import IO, Final

from sqlalchemy import Column, String, bindparam, delete, insert, select

from stellary.contract.errors import ApiError, Unavailable
from stellary.core.db.base import UtcDateTime, record_table
from stellary.core.db.errors import raise_api_errors
from stellary.core.kernel.units import Units
from stellary.core.ports.blobs import Blobs, is_key

MARKER: Final = "ff/" + 32 * "f"
"""The key of the marker."""
RENEW_AFTER = timedelta(minutes=50)
"""The age at which a sweep replaces the token; less than the hour between two sweeps."""
UNUSED_FOR = timedelta(hours=1)
"""The age from which a file without a row is not part of an upload any more."""
_KEPT = timedelta(days=30)
_TOKEN_BYTES = 16
_CONTESTED = 2 * _TOKEN_BYTES * b"0"
_LISTED = 500
_FOREIGN = (
    "the file store belongs to another database; choose another store, or adopt this one with 'sweep --adopt-files'"
    " if no other database uses it"
)

tokens = record_table("stellary_store_tokens", Column("token", String(2 * _TOKEN_BYTES), primary_key=True))
_TOKENS = select(tokens.c.token, tokens.c.created_at).order_by(tokens.c.created_at.desc())
_INSERT = insert(tokens)
_DELETE_OLD = delete(tokens).where(
    tokens.c.created_at < bindparam("_before", type_=UtcDateTime), tokens.c.token != bindparam("_token")
)


class ForeignStore(Unavailable):
    """The file store belongs to another database, or to a newer state of this one."""


class OwnedBlobs:
    """A store that is used only if it belongs to a database: one that has the token of its marker.

    Ownership is checked before the first file is written or deleted, and again before files are listed to be deleted.
    A store without a marker belongs to the first database that sweeps it, unless it has files that are unknown to this
    database.

    Args:
        store: The store.
        units: The units of the database.
        find_used_keys: Returns those keys that rows of the database refer to.
    """

    def __init__(self, store: Blobs, units: Units, find_used_keys: Callable[[list[str]], set[str]]) -> None:
        self._store = store
        self._units = units
        self._find_used_keys = find_used_keys
        self._is_owner = False

    def start(self) -> None:
        """Start the store, and claim it for the database. If either does not answer, this is done later.

        Raises:
            ForeignStore: The store belongs to another database.
            Unavailable: The process lacks what the store needs.
        """
        self._store.start()
        try:
            with raise_api_errors():
                self._check(claims=True)
        except ForeignStore:
            raise
        except ApiError:
            return

    def probe(self) -> None:
        """Check that the store is available, and leave nothing behind."""
        self._store.probe()

    def put(self, key: str, data: bytes | IO[bytes], /) -> None:
        """Write a blob.

        Args:
            key: The key; an existing blob is replaced.
            data: The bytes, or a file opened in binary mode.

        Raises:
            ForeignStore: The store belongs to another database.
        """
        self._require_ownership()
        self._store.put(key, data)

    def read(self, key: str, start: int, end: int, /) -> Iterator[bytes]:
        """Return an iterator over bytes of a blob, in blocks.

        Args:
            key: The key.
            start: The index of the first byte.
            end: The index after the last byte.
        """
        return self._store.read(key, start, end)

    def delete(self, keys: Iterable[str], /) -> None:
        """Delete blobs; missing ones are ignored.

        Raises:
            ForeignStore: The store belongs to another database.
        """
        self._require_ownership()
        self._store.delete(keys)

    def older_than(self, moment: datetime, /) -> Iterator[str]:
        """Yield the keys that were last written before a moment, after the token has been checked and replaced.

        Raises:
            ForeignStore: The store belongs to another database. If it has belonged to this one until now, the sweeps of
                both are refused from now on.
        """
        try:
            self._check(claims=True)
        except ForeignStore:
            if self._is_owner:
                self._is_owner = False
                self._store.put(MARKER, _CONTESTED)
            raise
        yield from (name for name in self._store.older_than(moment) if name != MARKER)

    def adopt(self) -> None:
        """Make the store belong to the database, whichever it has belonged to. Do so only if no other database uses it."""
        with raise_api_errors():
            self._replace_token("")

    def _require_ownership(self) -> None:
        if not self._is_owner:
            self._check(claims=False)

    def _check(self, *, claims: bool) -> None:
        marker = self._read_marker()
        with self._units.database.reading() as connection:
            created = {row.token: row.created_at for row in connection.execute(_TOKENS)}
        if marker not in created if marker is not None else self._has_unknown_files():
            raise ForeignStore(_FOREIGN)
        if claims and (not created or max(created.values()) <= self._units.env.clock() - RENEW_AFTER):
            self._replace_token(marker or "")
        elif claims and marker is None:
            self._store.put(MARKER, next(iter(created)).encode())
        self._is_owner = True

    def _replace_token(self, old: str) -> None:
        token, now = secrets.token_hex(_TOKEN_BYTES), self._units.env.clock()
        # Earlier tokens stay for a while, since another process may be about to write one of them.
        with self._units.database.writing() as connection:
            connection.execute(_DELETE_OLD, {"_before": now - _KEPT, "_token": old})
            connection.execute(_INSERT, {"token": token, "created_at": now})
        self._store.put(MARKER, token.encode())

    def _read_marker(self) -> str | None:
        try:
            return b"".join(self._store.read(MARKER, 0, 2 * _TOKEN_BYTES)).decode("ascii", "replace")
        except FileNotFoundError:
            return None

    def _has_unknown_files(self) -> bool:
        """Return whether the store has files that are an hour old, and the database refers to none of the first ones.

        The rows of younger ones may not be committed yet.
        """
        names = self._store.older_than(self._units.env.clock() - UNUSED_FOR)
        keys = list(islice(filter(is_key, names), _LISTED))
        return bool(keys) and not self._find_used_keys(keys)
