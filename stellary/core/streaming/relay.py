"""The relay, which carries signals between processes that share a PostgreSQL database. SQLite has only one process.

A NOTIFY in every transaction would halve the throughput, since PostgreSQL commits such transactions one after the other.
The signals of a few milliseconds are therefore sent together, in a transaction of their own. If a process dies before it
has sent them, the others find the changes by polling.
"""

from __future__ import annotations

import logging
import secrets
import selectors
import socket
import threading
from functools import partial
from typing import Any

from sqlalchemy import text

from stellary.core.db import forks
from stellary.core.db.postgres import is_pooled
from stellary.core.kernel.signals import EVERYTHING
from stellary.core.kernel.units import Units

_log = logging.getLogger("stellary.core")

CHANNEL = "stellary_signals"
BATCH_SECONDS = 0.015
WAIT_SECONDS = 0.25
RETRY_SECONDS = 2.0
PAYLOAD_MAX = 7_000
"""The maximum size of a payload; PostgreSQL accepts 8,000 bytes."""

PRESENCE = "(1465799962::bigint << 32) + to_regclass('stellary_jobs')::oid::bigint"
"""The key of an advisory lock that each server and worker shares on the session that receives signals. It belongs to a schema."""

_NOTIFY = text("SELECT pg_notify(:channel, :payload)")


class Relay:
    """A link between the signals of this process and those of the others.

    Args:
        units: The units whose signals are carried; on SQLite the relay does nothing.

    Attributes:
        has_peers: Whether there are, or were, other servers or workers on the database; true while it is not known.
    """

    def __init__(self, units: Units) -> None:
        self._units = units
        self._reset()
        forks.follow(self)

    def _reset(self) -> None:
        self.has_peers = True
        self._has_met_peers = False
        self._sender_id = secrets.token_hex(4)
        self._topics: set[str] = set()
        self._condition = threading.Condition()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._thread_state = threading.local()
        self._stop_socket: socket.socket | None = None

    def after_fork_in_child(self) -> None:
        """Start the relay in the child at its first use of signals, if the parent has started it."""
        if not self._threads:
            return
        assert self._stop_socket is not None
        # The parent's threads end only once this end of the socket is closed in every process.
        self._stop_socket.close()
        self._units.env.signals.stop_listening(self._collect)
        self._reset()
        self._units.env.signals.on_next_use(self.start)

    def start(self) -> None:
        """Start two threads that send and receive signals."""
        if self._units.database.is_sqlite:
            return
        self._stopping.clear()
        self._stop_socket, peer = socket.socketpair()
        self._units.env.signals.listen(self._collect)
        self._threads = [
            threading.Thread(target=work, name=f"stellary-{name}", daemon=True)
            for name, work in (
                ("relay-send", self._send_all),
                ("relay-receive", partial(self._receive_all, peer)),
            )
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """Send the remaining signals, and end the threads.

        Args:
            timeout: Seconds to wait for each thread; None waits without limit.
        """
        self._units.env.signals.stop_listening(self._collect)
        self._stopping.set()
        with self._condition:
            self._condition.notify()
        if self._stop_socket is not None:
            self._stop_socket.close()
        threads, self._threads = self._threads, []
        for thread in threads:
            thread.join(timeout)

    # ------------------------------------------------------------------------------------------ sending

    def _collect(self, topic: str) -> None:
        if getattr(self._thread_state, "from_others", False):
            return
        with self._condition:
            self._topics.add(topic)
            self._condition.notify()

    def _send_all(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._topics or self._stopping.is_set())
            if not self._stopping.is_set():
                # Wait for further signals, to send them together.
                self._stopping.wait(BATCH_SECONDS)
            with self._condition:
                topics, self._topics = self._topics, set()
            if topics:
                self._send(topics)
            elif self._stopping.is_set():
                return

    def _note_peers(self) -> None:
        """Note that there are other processes. They may have missed what this one has not sent until now."""
        if not self._has_met_peers:
            self._has_met_peers = self.has_peers = True
            with self._condition:
                self._topics.add(EVERYTHING)
                self._condition.notify()

    def _send(self, topics: set[str]) -> None:
        if not self.has_peers:
            return
        payload = " ".join((self._sender_id, *sorted(topics)))
        if len(payload) > PAYLOAD_MAX:
            payload = f"{self._sender_id} {EVERYTHING}"
        try:
            with self._units.database.writing() as connection:
                connection.execute(_NOTIFY, {"channel": CHANNEL, "payload": payload})
        except Exception as error:  # noqa: BLE001 - the other processes poll
            _log.warning("signals could not be sent to other processes: %s", type(error).__name__)

    # ------------------------------------------------------------------------------------------ receiving

    def _receive_all(self, peer: socket.socket) -> None:
        self._thread_state.from_others = True
        while not self._stopping.is_set():
            try:
                with self._units.database.open_dedicated("AUTOCOMMIT") as connection:
                    if is_pooled(connection):
                        _log.warning(
                            "signals of other processes are polled for, since a pooler does not pass on notifications; "
                            "set the direct URL of the database"
                        )
                        self._stopping.wait()
                        break
                    self._receive(connection.connection.dbapi_connection, peer)
            except Exception as error:  # noqa: BLE001 - the database may be back soon
                _log.warning("signals of other processes are not received: %s", type(error).__name__)
                # Others may come unseen, until this process listens again.
                self.has_peers = True
                self._stopping.wait(RETRY_SECONDS)
        peer.close()

    def _receive(self, driver: Any, peer: socket.socket) -> None:
        driver.execute(f"LISTEN {CHANNEL}")
        (is_first,) = driver.execute(f"SELECT pg_try_advisory_lock({PRESENCE})").fetchone()
        # Refused while a copy is made, which needs a database that nobody uses.
        driver.execute(f"SELECT pg_advisory_lock_shared({PRESENCE})")
        if is_first:
            driver.execute(f"SELECT pg_advisory_unlock({PRESENCE})")
        # The others listen already, or will see the lock.
        driver.execute(f"SELECT pg_notify('{CHANNEL}', '{self._sender_id}')")
        if not is_first:
            self._note_peers()
        elif not self._has_met_peers:
            self.has_peers = False
        # Signals may have been missed before LISTEN.
        self._units.env.signals.send(EVERYTHING)
        with selectors.DefaultSelector() as selector:
            selector.register(driver, selectors.EVENT_READ)
            selector.register(peer, selectors.EVENT_READ)
            while not self._stopping.is_set():
                for notification in driver.notifies(timeout=0):
                    sender, *topics = notification.payload.split(" ")
                    if sender != self._sender_id:
                        self._note_peers()
                        for topic in topics:
                            self._units.env.signals.send(topic)
                # Unlike the driver's own wait, this one ends when another thread closes the socket.
                selector.select(WAIT_SECONDS)
