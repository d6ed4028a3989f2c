"""Read replicas of PostgreSQL: they answer reads of users who miss nothing there that they have written or seen.

The position of a commit in the log of the primary is noted for the user who has written. A replica answers a user's read
once it has replayed up to that position. In all cases of doubt, the primary answers.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Protocol
from zlib import crc32

from sqlalchemy import BigInteger, ColumnElement, Engine, cast, func, literal_column, select

from stellary.core.db import forks
from stellary.core.db.database import Database

_log = logging.getLogger("stellary.core")
CHECK_SECONDS = 0.5
"""The seconds between two checks of a replica."""
BEHIND_MAX = 2.0
"""The seconds that a replica may be behind the primary."""
WAIT_SECONDS, POLL_SECONDS = 0.05, 0.005
"""How long a read waits for a replica, and how often it looks."""
UNIT_SECONDS = 5.0
"""The seconds after which a read is given up on a replica, which may be frozen, and the primary answers."""
POSITIONS_MAX = 100_000
POSITION_READERS = 2
EVERYONE = ""
"""The name of the position that all users need."""

_START: ColumnElement[object] = literal_column("'0/0'::pg_lsn")
_WRITTEN = select(cast(func.pg_current_wal_insert_lsn() - _START, BigInteger))
# Without a value on a server that is, or has become, a primary.
_REPLAYED = select(cast(func.pg_last_wal_replay_lsn() - _START, BigInteger)).where(func.pg_is_in_recovery())


class PositionStore(Protocol):
    """The store in which several servers keep the positions that users need."""

    def raise_positions(self, positions: dict[str, int]) -> None:
        """Store positions by name, unless a later one is stored."""

    def read_positions(self, names: Sequence[str]) -> Sequence[int | None]:
        """Return the positions of some names; None for a name without one."""


class Replica:
    """A replica, and how far it was when it was last checked.

    Args:
        database: The database of the replica.

    Attributes:
        current_at: A moment, on the clock of ``time.monotonic``, up to which it has replayed everything; negative infinity if
            it is left out.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.current_at = -math.inf
        self._replayed = 0
        self._is_late = False
        # Positions of the primary that it has not replayed yet, with their moments.
        self._ahead: deque[tuple[float, int]] = deque(maxlen=100)

    def check(self, moment: float, position: int) -> None:
        """Find out how far it is.

        Args:
            moment: The present, on the clock of ``time.monotonic``.
            position: The position of the primary, read since then.

        Raises:
            LookupError: The server is no replica.
            DBAPIError: It does not answer.
        """
        ahead = self._ahead
        ahead.append((moment, position))
        # It must answer. One that needs some milliseconds is not late.
        self._read_replayed()
        self._is_late = not self._wait_for(position, WAIT_SECONDS)
        while ahead and ahead[0][1] <= self._replayed:
            moment, _ = ahead.popleft()
            if ahead is self._ahead:
                self.current_at = moment

    def leave_out(self) -> None:
        """Leave it out until a later check."""
        self.current_at, self._replayed, self._ahead = -math.inf, 0, deque(maxlen=100)

    def wait_for(self, position: int) -> bool:
        """Return whether it has replayed up to a position, after a short wait if it was not behind at its last check.

        Raises:
            LookupError: The server is no replica.
            DBAPIError: It does not answer.
        """
        return self._wait_for(position, 0.0 if self._is_late else WAIT_SECONDS)

    def _wait_for(self, position: int, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while self._replayed < position and self._read_replayed() < position:
            if time.monotonic() >= until:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _read_replayed(self) -> int:
        with self.database.reading(snapshot=False) as connection:
            replayed: int | None = connection.execute(_REPLAYED).scalar()
        if replayed is None:
            raise LookupError("it is not a replica")
        self._replayed = replayed
        return replayed


class Replicas:
    """The replicas of a primary, which are checked between ``start`` and ``stop``, and used only then.

    Args:
        primary: The database of the primary, from which only positions are read.
        replicas: The replicas.

    Attributes:
        all: The replicas.
    """

    def __init__(self, primary: Database, replicas: Sequence[Replica]) -> None:
        self._primary, self.all = primary, replicas
        self._store: PositionStore | None = None
        self._has_others: Callable[[], bool] = lambda: True
        self._positions: dict[str, int] = {}
        # Whether the store may lack positions.
        self._has_unshared = False
        self._lock = forks.create_lock(self)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        forks.follow(self)

    def after_fork_in_child(self) -> None:
        """Leave the replicas out, since nothing checks them."""
        self._threads = []

    def start(self, store: PositionStore | None, has_others: Callable[[], bool]) -> None:
        """Start to check the replicas.

        Args:
            store: The store that several servers share. Without one, replicas are used only by a server that is alone.
            has_others: Returns whether there are other servers or workers.
        """
        self._store, self._has_others = store, has_others
        self._stopping.clear()
        self._threads = [
            threading.Thread(target=partial(self._watch, *item), name="stellary-replica", daemon=True)
            for item in enumerate(self.all, 1)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """Stop checking the replicas.

        Args:
            timeout: Seconds to wait for each thread; None waits without limit.
        """
        self._stopping.set()
        threads, self._threads = self._threads, []
        for thread in threads:
            thread.join(timeout)

    def close(self) -> None:
        """Stop, and close all connections."""
        self.stop()
        for database in (self._primary, *(replica.database for replica in self.all)):
            database.close()

    def find(self, user_id: str) -> Replica | None:
        """Return a replica on which a user misses nothing; None for the primary. The same one again while it is in use.

        Args:
            user_id: The id of the user.
        """
        earliest = time.monotonic() - BEHIND_MAX
        usable = [replica for replica in self.all if replica.current_at >= earliest]
        if not usable or (self._store is None and self._has_others()):
            return None
        replica = usable[crc32(user_id.encode()) % len(usable)]
        try:
            position = self._find_position(user_id)
            return replica if position is not None and replica.wait_for(position) else None
        except Exception:  # noqa: BLE001 - the primary answers, and the next check says why
            replica.leave_out()
            return None

    def _find_position(self, user_id: str) -> int | None:
        """Return the position that a user needs; None if it is unknown."""
        position = max(self._positions.get(name, 0) for name in (user_id, EVERYONE))
        if self._store is None:
            return position
        stored, common = self._store.read_positions((user_id, EVERYONE))
        return None if common is None else max(position, stored or 0, common)

    def note(self, names: Collection[str]) -> None:
        """Let users see everything that is committed by now in their next reads.

        Args:
            names: The ids of the users, or ``EVERYONE``.
        """
        if not self._threads:
            return
        try:
            position = self._read_position()
            with self._lock:
                for name in names:
                    self._positions[name] = max(position, self._positions.pop(name, 0))
                while len(self._positions) > POSITIONS_MAX:
                    oldest = self._positions.pop(next(iter(self._positions)))
                    self._positions[EVERYONE] = max(oldest, self._positions.get(EVERYONE, 0))
                # The next check shares a later position for everyone, so that writes do not wait for a store that is away.
                is_away = self._has_unshared
            if self._store is not None and not is_away:
                self._store.raise_positions(dict.fromkeys(names, position))
        except Exception as error:  # noqa: BLE001 - what was committed stays committed
            _log.warning("reads use the primary until the replicas are checked again: %s", error)
            with self._lock:
                self._has_unshared = True
            for replica in self.all:
                replica.leave_out()

    def _read_position(self) -> int:
        with self._primary.reading(snapshot=False) as connection:
            return int(connection.execute(_WRITTEN).scalar_one())

    def _watch(self, number: int, replica: Replica) -> None:
        problem: str | None = None
        while not self._stopping.wait(CHECK_SECONDS):
            former = problem
            try:
                self._check(replica)
                is_late = replica.current_at < time.monotonic() - BEHIND_MAX
                problem = f"it is more than {BEHIND_MAX:.0f} s behind" if is_late else None
            except Exception as error:  # noqa: BLE001 - it may be back soon
                replica.leave_out()
                problem = type(error).__name__
            if problem is None and self._store is None and self._has_others():
                problem = "there are other servers or workers, and STELLARY_LIMITS_URL is not set"
            if problem != former:
                _log.warning(
                    "read replica %d is %s", number, "used" if problem is None else f"left out: {problem}"
                )

    def _check(self, replica: Replica) -> None:
        store, is_unshared = self._store, False
        if store is not None:
            # The store may have lost what it knew, or have missed something.
            is_lost = store.read_positions((EVERYONE,))[0] is None
            # It answers, so writes share their positions again; that of everyone is read after those that were not shared.
            with self._lock:
                is_unshared, self._has_unshared = self._has_unshared or is_lost, False
        try:
            moment, position = time.monotonic(), self._read_position()
            if store is not None and is_unshared:
                store.raise_positions({EVERYONE: position})
        except Exception:
            with self._lock:
                self._has_unshared |= is_unshared
            raise
        replica.check(moment, position)


def open_replicas(database: str | Engine, primary: Database, urls: Sequence[str]) -> Replicas | None:
    """Return the read replicas of a primary; None without URLs.

    Args:
        database: The URL or the engine of the primary.
        primary: Its database.
        urls: The URLs of the replicas.

    Raises:
        ValueError: The database is not PostgreSQL, or a URL is not valid.
    """
    if not urls:
        return None
    if primary.is_sqlite or any(url.startswith("sqlite") for url in urls):
        raise ValueError("cannot have read replicas: they need PostgreSQL")
    # Connections of its own, so that a write does not wait for reads when it reads its position.
    source = primary if isinstance(database, Engine) else Database(database, readers=POSITION_READERS)
    # One connection more than there are threads that read, for the checks.
    count = primary.reader_count + 1
    replicas = [Replica(Database(url, readers=count, unit_seconds=UNIT_SECONDS)) for url in urls]
    return Replicas(source, replicas)
