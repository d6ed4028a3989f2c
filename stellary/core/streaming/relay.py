"""The relay: carries news between the processes that share a PostgreSQL database. On SQLite there is but one.

A NOTIFY in each transaction would halve what a database can do, since transactions that notify commit one after the other.
So the news of some milliseconds is sent in one, beside the transactions; who dies before that is caught up with by polling.
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

CHANNEL = "stellary_news"
GATHER_SECONDS = 0.015
WAIT_SECONDS = 0.25
TROUBLED_SECONDS = 2.0
PAYLOAD_MAX = 7_000
"""PostgreSQL takes 8,000 bytes."""

_NOTIFY = text("SELECT pg_notify(:channel, :payload)")


class Relay:
    """Sends the news of a core to other processes, and tells it theirs.

    Args:
        units: Whose; on SQLite nothing is done.
    """

    def __init__(self, units: Units) -> None:
        self._units = units
        self._me = secrets.token_hex(4)
        self._waiting: set[str] = set()
        self._there_is = threading.Condition()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._heard = threading.local()
        self._end: socket.socket | None = None
        forks.follow(self)

    def after_fork_in_child(self) -> None:
        """Carry news in the child too, from its first use of them on, if the parent does."""
        if not self._threads:
            return
        assert self._end is not None
        # The parent's threads end when its side of this is closed everywhere.
        self._end.close()
        self._units.env.signals.stop_listening(self._gather)
        self._me = secrets.token_hex(4)
        self._waiting, self._threads, self._end = set(), [], None
        self._there_is, self._stopping, self._heard = (
            threading.Condition(),
            threading.Event(),
            threading.local(),
        )
        self._units.env.signals.on_next_use(self.start)

    def start(self) -> None:
        """Carry news, in two threads, from now on."""
        if self._units.database.is_sqlite:
            return
        self._stopping.clear()
        self._end, ended = socket.socketpair()
        self._units.env.signals.listen(self._gather)
        self._threads = [
            threading.Thread(target=work, name=f"stellary-{name}", daemon=True)
            for name, work in (("telling", self._send_all), ("hearing", partial(self._hear_all, ended)))
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """Send what is waiting, and end.

        Args:
            timeout: Seconds to wait for that.
        """
        self._units.env.signals.stop_listening(self._gather)
        self._stopping.set()
        with self._there_is:
            self._there_is.notify()
        if self._end is not None:
            self._end.close()
        threads, self._threads = self._threads, []
        for thread in threads:
            thread.join(timeout)

    # ------------------------------------------------------------------------------------------ to others

    def _gather(self, topic: str) -> None:
        if getattr(self._heard, "from_others", False):
            return
        with self._there_is:
            self._waiting.add(topic)
            self._there_is.notify()

    def _send_all(self) -> None:
        while True:
            with self._there_is:
                self._there_is.wait_for(lambda: self._waiting or self._stopping.is_set())
            if not self._stopping.is_set():
                # What happens in this time goes with it.
                self._stopping.wait(GATHER_SECONDS)
            with self._there_is:
                topics, self._waiting = self._waiting, set()
            if topics:
                self._send(topics)
            elif self._stopping.is_set():
                return

    def _send(self, topics: set[str]) -> None:
        payload = " ".join((self._me, *sorted(topics)))
        if len(payload) > PAYLOAD_MAX:
            payload = f"{self._me} {EVERYTHING}"
        try:
            with self._units.database.writing() as connection:
                connection.execute(_NOTIFY, {"channel": CHANNEL, "payload": payload})
        except Exception as error:  # noqa: BLE001 - others poll
            _log.warning("news could not be told to other processes: %s", type(error).__name__)

    # ------------------------------------------------------------------------------------------ from others

    def _hear_all(self, ended: socket.socket) -> None:
        self._heard.from_others = True
        while not self._stopping.is_set():
            try:
                with self._units.database.dedicated("AUTOCOMMIT") as connection:
                    if is_pooled(connection):
                        _log.warning(
                            "news of other processes is polled for: a pooler passes no notifications on; "
                            "name the database itself as the direct one"
                        )
                        self._stopping.wait()
                        break
                    self._hear(connection.connection.dbapi_connection, ended)
            except Exception as error:  # noqa: BLE001 - the database may be back soon
                _log.warning("news of other processes is not heard: %s", type(error).__name__)
                self._stopping.wait(TROUBLED_SECONDS)
        ended.close()

    def _hear(self, driver: Any, ended: socket.socket) -> None:
        driver.execute(f"LISTEN {CHANNEL}")
        # What was said while nobody listened.
        self._units.env.signals.send(EVERYTHING)
        with selectors.DefaultSelector() as selector:
            selector.register(driver, selectors.EVENT_READ)
            selector.register(ended, selectors.EVENT_READ)
            while not self._stopping.is_set():
                for heard in driver.notifies(timeout=0):
                    sender, *topics = heard.payload.split(" ")
                    if sender != self._me:
                        for topic in topics:
                            self._units.env.signals.send(topic)
                # The driver's own way of waiting cannot be ended from another thread.
                selector.select(WAIT_SECONDS)
