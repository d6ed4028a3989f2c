"""Claims: tied to the life of the process that has made them, so that a dead process holds no job for its whole lease.

PostgreSQL: each process that does jobs holds an advisory lock on a connection of its own. When the process dies, the
server ends that session and the lock with it, and the other processes release what it had claimed. SQLite: one process
owns the file, so the first one to do jobs releases all claims, provided that no other process does jobs at that moment.
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
"""How long a lock must be missing: a process that lives reconnects and takes it again within that time."""
RECONNECT_SECONDS = 0.25

_LOCK = text("SELECT pg_try_advisory_lock(:class, :owner)")
_DEAD_OWNERS = text(
    "SELECT DISTINCT claimed_by FROM stellary_jobs WHERE claimed_by IS NOT NULL AND claimed_by <> :owner "
    "AND NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = :class AND objsubid = 2 "
    "AND objid::bigint = claimed_by AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)


class ClaimOwner:
    """A process as the owner of its claims.

    Args:
        units: Whose jobs are claimed.
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
        """Own nothing in the child: the claims, their session and the lock on the file are the parent's."""
        self._mutex = threading.Lock()
        self._users, self._session = 0, None
        if self._file_lock is not None:
            os.close(self._file_lock)
        self._file_lock, self._holds_file = None, False

    @property
    def number(self) -> int | None:
        """The number that claims carry; None while only their lease would end them."""
        session = self._session
        return session.number if session is not None and session.is_locked.is_set() else None

    def hold_file(self) -> None:
        """On SQLite, release the claims of earlier processes, once; on PostgreSQL do nothing.

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
            if _locks(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
                # No other process does jobs, and this one has claimed none yet: whoever made these claims is dead.
                with self._units.database.writing() as connection:
                    jobs.release(connection, self._units.env.clock())
            # Shared from now on: nobody else gets the exclusive lock while this process lives.
            _locks(descriptor, fcntl.LOCK_SH)
        except BaseException:
            os.close(descriptor)
            raise
        self._file_lock = descriptor

    def start(self) -> None:
        """On PostgreSQL, hold a session for as long as somebody in this process does jobs; calls are counted."""
        self.hold_file()
        with self._mutex:
            self._users += 1
            if self._users == 1 and not self._units.database.is_sqlite:
                self._session = _Session(self._units)
                self._session.start()
            session = self._session
        if session is not None:
            # A claim made before that would only end with its lease.
            session.is_locked.wait(1)

    def stop(self) -> None:
        """End the session if this was the last one of as many calls as there were of ``start``."""
        with self._mutex:
            self._users -= 1
            session = self._session if self._users == 0 else None
            if session is not None:
                self._session = None
        if session is not None:
            session.stop()

    def close(self) -> None:
        """Let go of the lock on the file."""
        with self._mutex:
            if self._file_lock is not None:
                os.close(self._file_lock)
            self._file_lock, self._holds_file = None, False


class _Session:
    """A thread with a connection to PostgreSQL that holds the lock of this process and looks for those that are missing."""

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
                # A connection of its own: one of the pool would be missing there.
                with self._units.database.dedicated("AUTOCOMMIT") as connection:
                    if is_pooled(connection):
                        _log.warning(
                            "claims of a process that dies expire after a minute: a pooler shares sessions; "
                            "name the database itself as the direct one"
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
        # Since when each lock has been missing, as far as this connection has seen: after an outage all begin again.
        missing_since: dict[int, float] = {}
        while not self._stopping.is_set():
            # False while a broken connection of this process still holds the lock on the server.
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
                            "a process that did jobs has died: what it had claimed is done by others"
                        )
                        self._units.env.signals.send(EVERYTHING)
            missing_since = dead
            self._stopping.wait(CHECK_SECONDS)


def _locks(descriptor: int, operation: int) -> bool:
    """Take a lock on a file; False if it is not to be had, or the file system knows none."""
    try:
        fcntl.flock(descriptor, operation)
    except OSError:
        return False
    return True
