"""A watchdog over connections to PostgreSQL: what takes too long is broken off, so that its thread is free again.

A server that has frozen, or a network that swallows packets, is waited for without limit: its own timeouts never reach
us. So the socket is shut from here, and whoever waits on it gets the error of a lost connection.
"""

from __future__ import annotations

import itertools
import logging
import os
import socket
import threading
import time
from typing import Any

_log = logging.getLogger("stellary.core")

UNIT_SECONDS = 45.0
"""How long a connection may be in use at once. A statement ends after 30 s, if the server is there to end it."""

_CHECK_SECONDS = 1.0
_IDLE_CHECKS = 60


class _Watchdog:
    """Connections in use, each with the moment at which it is to be broken off."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._mutex = threading.Lock()
        self._due: dict[int, tuple[float, Any]] = {}
        self._tickets = itertools.count()
        self._thread: threading.Thread | None = None

    def watch(self, driver: Any) -> int:
        ticket = next(self._tickets)
        with self._mutex:
            self._due[ticket] = (time.monotonic() + UNIT_SECONDS, driver)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="stellary-watchdog", daemon=True)
                self._thread.start()
        return ticket

    def forget(self, ticket: int) -> None:
        # Under the lock, so that no connection is broken off that somebody else has by then.
        with self._mutex:
            self._due.pop(ticket, None)

    def _run(self) -> None:
        idle = 0
        while True:
            time.sleep(_CHECK_SECONDS)
            with self._mutex:
                idle = 0 if self._due else idle + 1
                if idle > _IDLE_CHECKS:
                    self._thread = None
                    return
                now = time.monotonic()
                for ticket in [ticket for ticket, (due, _) in self._due.items() if due <= now]:
                    _break_off(self._due.pop(ticket)[1])


def _break_off(driver: Any) -> None:
    _log.error("a unit of work has taken more than %d s: its connection is closed", UNIT_SECONDS)
    try:
        connection = socket.socket(fileno=os.dup(driver.fileno()))
    except Exception:  # noqa: BLE001 - it is closed already
        return
    with connection:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            _log.debug("the connection was closed already: %s", error)


_watchdog = _Watchdog()
os.register_at_fork(after_in_child=_watchdog.reset)


def watch(driver: Any) -> int:
    """Break a connection off unless it is forgotten within ``UNIT_SECONDS``.

    Args:
        driver: The driver's own connection; it has a ``fileno``.

    Returns:
        The ticket for ``forget``.
    """
    return _watchdog.watch(driver)


def forget(ticket: int) -> None:
    """Watch no longer: the connection has done what it was in use for."""
    _watchdog.forget(ticket)
