"""Login attempts: counters of failures, and the addresses from which accounts have been used, in the database.

They are counted in separate transactions, before and after the request of the attempt, so that the count remains when
a failed request is rolled back. Only digests are stored, neither e-mail addresses nor IP addresses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import attrs
from sqlalchemy import Connection, and_, bindparam, case, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stellary.contract.errors import RateLimited
from stellary.core.accounts.row_types import LoginAttemptsRow
from stellary.core.accounts.tables import login_attempts
from stellary.core.db.base import is_among, is_given
from stellary.core.db.direct_connection import DirectConnection, queue_statement
from stellary.core.db.errors import raise_api_errors
from stellary.core.db.row_types import Query
from stellary.core.kernel.retention import NOW, RetentionRule
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.units import Units
from stellary.core.ports.redis_store import Count

KNOWN_FOR = timedelta(days=90)
KNOWN_MAX = 20

_c = login_attempts.c
_READ = Query(LoginAttemptsRow, select(login_attempts).where(is_among(_c.key)))
_TRIM = (
    update(login_attempts)
    .where(
        is_given(_c.account),
        _c.known_until
        <= (
            select(_c.known_until)
            .where(is_given(_c.account), _c.known_until.is_not(None))
            .order_by(_c.known_until.desc())
            .limit(1)
            .offset(KNOWN_MAX)
            .scalar_subquery()
        ),
    )
    .values(known_until=None)
)
RETENTION = (
    RetentionRule(login_attempts, _c.window_ends_at, condition=_c.known_until.is_(None)),
    RetentionRule(
        login_attempts,
        _c.known_until,
        condition=and_(_c.known_until.is_not(None), _c.window_ends_at <= NOW),
    ),
)
"""The rules for counts whose window is over, and for addresses that are no longer known."""


def _upsert(dialect: Any, *, counts: bool) -> Any:
    """Return the statement that counts a failure or records a success."""
    row = dialect.insert(login_attempts)
    if not counts:
        return row.on_conflict_do_update(
            index_elements=["key"],
            set_={name: row.excluded[name] for name in ("failures", "window_ends_at", "known_until")},
        )
    is_over = _c.window_ends_at <= bindparam("_now", type_=_c.window_ends_at.type)
    return row.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "failures": case((is_over, row.excluded.failures), else_=_c.failures + row.excluded.failures),
            "window_ends_at": case((is_over, row.excluded.window_ends_at), else_=_c.window_ends_at),
        },
    )


_COUNT = {"sqlite": _upsert(sqlite, counts=True), "postgresql": _upsert(postgresql, counts=True)}
_COUNT_AND_READ = {
    name: statement.returning(_c.failures, _c.window_ends_at) for name, statement in _COUNT.items()
}
_DELETE = delete(login_attempts).where(is_given(_c.key))
_SUCCEED = {"sqlite": _upsert(sqlite, counts=False), "postgresql": _upsert(postgresql, counts=False)}


def _build_row(key: str, amount: int, ends_at: datetime, now: datetime) -> dict[str, object]:
    return {"key": key, "account": None, "failures": amount, "window_ends_at": ends_at, "_now": now}


def attempts_key(*parts: str) -> str:
    """Return the key of a counter: a digest of the names that identify it."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def count_attempt(
    uow: UnitOfWork, key: str, amount: int, window: timedelta, reason: str, code: str = "rate_limited"
) -> RateLimited | None:
    """Count an attempt within a transaction, and return the error if there were too many.

    Args:
        uow: The unit. Concurrent attempts wait for its end.
        key: The key under which the attempt counts.
        amount: The number of attempts that a window allows.
        window: The length of a window that begins with this attempt.
        reason: The beginning of the message, before the time to wait.
        code: The code of the error. Default: ``rate_limited``.
    """
    row = _build_row(key, 1, uow.now + window, uow.now)
    counted = uow.connection.execute(_COUNT_AND_READ[uow.connection.dialect.name], row).one()
    if counted.failures <= amount:
        return None
    seconds = max(1.0, (counted.window_ends_at - uow.now).total_seconds())
    return RateLimited(f"{reason} try again in {round(seconds)} seconds", code=code, retry_after=seconds)


def delete_attempts(connection: Connection, key: str) -> None:
    """Delete the count under a key.

    Args:
        connection: The connection of a transaction that may write.
        key: The key under which attempts count.
    """
    connection.execute(_DELETE, {"_key": key})


@attrs.frozen
class Attempts:
    """The counts under one key.

    Attributes:
        failures: The failures in the current window; 0 without one.
        window_ends_at: The end of the current window; None without one.
        known_until: The time until which the account has used the address before; None if it has not.
    """

    failures: int = 0
    window_ends_at: datetime | None = None
    known_until: datetime | None = None


class LoginAttempts:
    """A counter of login attempts in a database.

    Args:
        units: The core.
    """

    def __init__(self, units: Units) -> None:
        self._units = units

    def now(self) -> datetime:
        """Return the current time, by which windows are measured."""
        return self._units.env.clock()

    def read(self, keys: Sequence[str]) -> dict[str, Attempts]:
        """Return the counts under each of the keys.

        Raises:
            Unavailable: The database does not answer.
        """
        now = self._units.env.clock()
        with raise_api_errors(), self._units.database.reading() as connection:
            rows = _READ.all(connection, {"_keys": list(keys)})
        return dict.fromkeys(keys, Attempts()) | {row.key: _attempts(row, now) for row in rows}

    def count_failure(self, windows: Sequence[tuple[str, timedelta]]) -> None:
        """Count a failure under each of the keys.

        Args:
            windows: The keys, always in the same order, each with the length of a window that begins with
                this failure.

        Raises:
            Unavailable: The database does not answer.
        """
        now = self._units.env.clock()
        rows = [_build_row(key, 1, now + window, now) for key, window in windows]
        with raise_api_errors(), self._units.database.writing() as connection:
            # One after the other, in a fixed order, so that two transactions that count the same keys cannot
            # deadlock.
            for row in rows:
                connection.execute(_COUNT[connection.dialect.name], row)

    def add(self, amounts: Mapping[str, Count]) -> dict[str, Count]:
        """Add amounts to counts that servers on PostgreSQL share; see ``RedisStore.add``. A crash may lose the last ones.

        Args:
            amounts: The amounts by the keys of the counts.

        Raises:
            Unavailable: The database does not answer.
        """
        now = self._units.env.clock()
        with raise_api_errors(), self._units.database.writing() as connection:
            if isinstance(connection, DirectConnection):
                connection.queue_command("SET LOCAL synchronous_commit TO off")
            counting = partial(queue_statement, connection, _COUNT_AND_READ["postgresql"])
            queued = {
                key: counting(_build_row(key, amount, datetime.fromtimestamp(ends_at, UTC), now))
                # Always in the same order, so that two servers that count the same keys cannot deadlock.
                for key, (amount, ends_at) in sorted(amounts.items())
            }
            rows = {key: result.fetch().one() for key, result in queued.items()}
        return {key: (row.failures, row.window_ends_at.timestamp()) for key, row in rows.items()}

    def note_success(self, key: str, account: str | None) -> None:
        """Delete the failures under a key.

        Args:
            key: The key of an account and an address.
            account: The key of the account, to record the address as known to it for 90 days, among the 20
                addresses that the account has used last. None records nothing.

        Raises:
            Unavailable: The database does not answer.
        """
        now = self._units.env.clock()
        row = {
            "key": key,
            "account": account,
            "failures": 0,
            "window_ends_at": now,
            "known_until": None if account is None else now + KNOWN_FOR,
        }
        with raise_api_errors(), self._units.database.writing() as connection:
            connection.execute(_SUCCEED[connection.dialect.name], row)
            if account is not None:
                connection.execute(_TRIM, {"_account": account})


def _attempts(row: LoginAttemptsRow, now: datetime) -> Attempts:
    runs = row.window_ends_at > now
    known_until = row.known_until if row.known_until is not None and row.known_until > now else None
    return Attempts(row.failures, row.window_ends_at, known_until) if runs else Attempts(0, None, known_until)
