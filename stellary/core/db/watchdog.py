"""A watchdog over connections to PostgreSQL: it closes connections that are in use for too long, to free their threads.

If a server has frozen, or a network drops packets, a thread would wait without limit, since no time-out of the server
arrives. The watchdog shuts down the socket, and the waiting thread gets the error of a lost connection.
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
"""The seconds that a connection may be in use without a break. A running server ends a statement after 30 s."""

_CHECK_SECONDS = 1.0
_IDLE_CHECKS = 60


class _Watchdog:
    """The connections in use, each with the time at which it will be closed."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._mutex = threading.Lock()
        self._due: dict[int, tuple[float, float, Any]] = {}
        self._tickets = itertools.count()
        self._thread: threading.Thread | None = None

    def watch(self, driver: Any, seconds: float | None = None) -> int:
        """Close a connection unless ``forget`` is called in time.

        Args:
            driver: The driver connection, which has a ``fileno``.
            seconds: The time. Default: ``UNIT_SECONDS``.

        Returns:
            The ticket for ``forget``.
        """
        ticket, seconds = next(self._tickets), UNIT_SECONDS if seconds is None else seconds
        with self._mutex:
            self._due[ticket] = (time.monotonic() + seconds, seconds, driver)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="stellary-watchdog", daemon=True)
                self._thread.start()
        return ticket

    def forget(self, ticket: int) -> None:
        """Stop watching a connection that is no longer in use."""
        # Under the lock, so that a connection that another unit has taken in the meantime is not closed.
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
                for ticket in [ticket for ticket, (due, _, _) in self._due.items() if due <= now]:
                    _break_off(*self._due.pop(ticket)[1:])


def _break_off(seconds: float, driver: Any) -> None:
    _log.error("a unit of work has taken more than %d s: its connection is closed", seconds)
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
watch, forget = _watchdog.watch, _watchdog.forget
