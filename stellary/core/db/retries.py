"""Retries of units that the database aborted in favour of others: a deadlock, or a serialization failure."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from stellary.core.db import forks
from stellary.core.db.errors import can_retry

T = TypeVar("T")

TRIES = 20
"""Of a unit: each of them fails because another one was committed, so that some unit always succeeds."""
FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.05
"""Seconds between tries, at most; they double."""
TURN_SECONDS = 10.0
"""How long a unit waits for other units of this process that are being retried."""


class Retries:
    """Retries the units of one core. Those that were aborted twice run one at a time from then on."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        forks.follow(self)

    def after_fork_in_child(self) -> None:
        """Renew the lock, which a thread of the parent may hold."""
        self._turn = threading.Lock()

    def run(self, try_once: Callable[[], T]) -> T:
        """Call a function until the database does not abort what it does, at most ``TRIES`` times.

        Args:
            try_once: Opens a unit, works in it, and commits it.

        Raises:
            DBAPIError: Of the last try, or one that is of no use to retry.
        """
        tried, has_turn = 0, False
        try:
            while True:
                tried += 1
                try:
                    return try_once()
                except DBAPIError as error:
                    if tried == TRIES or not can_retry(error):
                        raise
                if tried > 1:
                    # Units that got in each other's way twice would do so again.
                    has_turn = has_turn or self._turn.acquire(timeout=TURN_SECONDS)
                    # Other processes do not know whose turn it is.
                    time.sleep(random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**tried)))  # noqa: S311
        finally:
            if has_turn:
                self._turn.release()
