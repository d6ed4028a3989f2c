"""Claims on jobs, which end when the claiming process dies, so that its jobs need not wait for the end of the lease.

PostgreSQL: each process that runs jobs holds an advisory lock on a connection of its own. When the process dies, the
server ends the session and the lock, and the other processes release its claims. SQLite: the first process that runs jobs
releases all claims, unless another process runs jobs at that moment.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
import threading
import time
from pathlib import Path

from sqlalchemy import Connection, text

from stellary.core.db import forks
from stellary.core.db.postgres import is_pooled
from stellary.core.kernel import jobs
from stellary.core.kernel.signals import EVERYTHING
from stellary.core.kernel.units import Units

if sys.platform != "win32":
    import fcntl

_log = logging.getLogger("stellary.core")

LOCK_CLASS = 0x57E11A
"""The first number of the advisory locks; the second is the number of the process."""
CHECK_SECONDS = 0.5
ABSENT_SECONDS = 1.0
"""How long a lock must be missing; a live process reconnects and takes it again within that time."""
RECONNECT_SECONDS = 0.25

_LOCK = text("SELECT pg_try_advisory_lock(:class, :owner)")
_DEAD_OWNERS = text(
    "SELECT DISTINCT claimed_by FROM stellary_jobs WHERE claimed_by IS NOT NULL AND claimed_by <> :owner "
    "AND NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = :class AND objsubid = 2 "
    "AND objid::bigint = claimed_by AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)


class ClaimOwner:
    """The identity under which this process claims jobs.

    Args:
        units: The units whose jobs are claimed.
    """

    def __init__(self, units: Units) -> None:
        self._units = units
        self._mutex = threading.Lock()
        self._file_lock: int | None = None
        self._holds_file = False
        self._users = 0
        self._session: _Session | None = None
        forks.follow(self)

    def after_fork_in_child(self) -> None:
        """Own nothing in the child: the claims, the session and the file lock belong to the parent."""
        self._mutex = threading.Lock()
        self._users, self._session = 0, None
        if self._file_lock is not None:
            os.close(self._file_lock)
        self._file_lock, self._holds_file = None, False

    @property
    def number(self) -> int | None:
        """The number that claims carry; None while only the lease ends a claim."""
        session = self._session
        return session.number if session is not None and session.is_locked.is_set() else None

    def lock_file(self) -> None:
        """Release the claims of earlier processes on SQLite, once. Do nothing on PostgreSQL.

        Raises:
            DBAPIError: The database does not answer; the next call tries again.
        """
        file = self._units.database.file
        if file is None or self._holds_file:
            return
        with self._mutex:
            if not self._holds_file:
                self._lock_file(file.with_name(f"{file.name}.jobs.lock"))
                self._holds_file = True

    def _lock_file(self, path: Path) -> None:
        if sys.platform == "win32":
            return
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            _log.info("claims of earlier processes expire by themselves: %s", error)
            return
        try:
            if _lock_descriptor(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
                # No other process runs jobs, and this one has claimed none yet, so the owners of all claims are dead.
                with self._units.database.writing() as connection:
                    jobs.release(connection, self._units.env.clock())
            # From now on a shared lock: no other process gets the exclusive one while this one lives.
            _lock_descriptor(descriptor, fcntl.LOCK_SH)
        except BaseException:
            os.close(descriptor)
            raise
        self._file_lock = descriptor

    def start(self) -> None:
        """Hold a session on PostgreSQL while this process runs jobs. Call ``stop`` once for each call."""
        self.lock_file()
        with self._mutex:
            self._users += 1
            if self._users == 1 and not self._units.database.is_sqlite:
                self._session = _Session(self._units)
                self._session.start()
            session = self._session
        if session is not None:
            # A claim made before the lock is taken would end only with its lease.
            session.is_locked.wait(1)

    def stop(self) -> None:
        """End the session, if there have been as many calls as of ``start``."""
        with self._mutex:
            self._users -= 1
            session = self._session if self._users == 0 else None
            if session is not None:
                self._session = None
        if session is not None:
            session.stop()

    def close(self) -> None:
        """Release the lock on the file."""
        with self._mutex:
            if self._file_lock is not None:
                os.close(self._file_lock)
            self._file_lock, self._holds_file = None, False


class _Session:
    """A thread that holds the lock of this process on PostgreSQL and looks for processes whose lock is missing."""

    def __init__(self, units: Units) -> None:
        self.number = 1 + secrets.randbelow(2**31 - 1)
        self.is_locked = threading.Event()
        self._units = units
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stellary-claims", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                # Not a connection of the pool, which would then lack one.
                with self._units.database.open_dedicated("AUTOCOMMIT") as connection:
                    if is_pooled(connection):
                        _log.warning(
                            "claims of a process that dies expire only after a minute, since a pooler shares sessions; "
                            "set the direct URL of the database"
                        )
                        return
                    self._watch(connection)
            except Exception as error:  # noqa: BLE001 - the database may be back soon
                if self.is_locked.is_set():
                    _log.warning("the session that holds the claims was lost: %s", type(error).__name__)
            self.is_locked.clear()
            self._stopping.wait(RECONNECT_SECONDS)

    def _watch(self, connection: Connection) -> None:
        parameters = {"class": LOCK_CLASS, "owner": self.number}
        # When this connection first saw that a lock was missing. After an outage, the times start again.
        missing_since: dict[int, float] = {}
        while not self._stopping.is_set():
            # The lock is refused while a broken connection of this process still holds it on the server.
            if not self.is_locked.is_set() and connection.execute(_LOCK, parameters).scalar():
                self.is_locked.set()
            now = time.monotonic()
            dead = {
                owner: missing_since.get(owner, now)
                for owner in connection.execute(_DEAD_OWNERS, parameters).scalars()
            }
            for owner, since in list(dead.items()):
                if now - since >= ABSENT_SECONDS:
                    del dead[owner]
                    if jobs.release(connection, self._units.env.clock(), owner):
                        _log.warning(
                            "a process that ran jobs has died; other processes run the jobs that it had claimed"
                        )
                        self._units.env.signals.send(EVERYTHING)
            missing_since = dead
            self._stopping.wait(CHECK_SECONDS)


def _lock_descriptor(descriptor: int, operation: int) -> bool:
    """Lock a file. Return False if the lock is taken, or the file system has no locks."""
    try:
        fcntl.flock(descriptor, operation)
    except OSError:
        return False
    return True
