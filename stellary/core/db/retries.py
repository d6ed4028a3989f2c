"""Retries of units that the database aborted because of a deadlock or a serialization failure."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from stellary.core.db import forks
from stellary.core.db.errors import can_retry, is_lock_timeout

T = TypeVar("T")

TRIES = 20
"""The maximum number of attempts of a unit. Each fails only because another unit has committed, so there is progress."""
FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.05
"""The maximum pause between attempts, in seconds. Pauses double."""
LOCK_SECONDS = 10.0
"""The seconds after which a unit that waits for a lock is not repeated any more."""
LONGEST_LOCK_PAUSE = 1.0
"""The maximum pause after a lock time-out, in seconds."""
TURN_SECONDS = 10.0
"""The seconds that a unit waits for other units of this process that are being retried."""


class Retries:
    """Retries the units of one core. Those that were aborted twice run one at a time from then on.

    Args:
        tries: The maximum number of attempts of a unit. Default: ``TRIES``.
    """

    def __init__(self, tries: int = TRIES) -> None:
        self._tries = tries
        self._turn = forks.create_lock(self, "_turn")

    def run(self, try_once: Callable[[], T], *, waits_for_locks: bool = False) -> T:
        """Call a function, and repeat it while the database aborts its unit, up to the maximum number of attempts.

        Args:
            try_once: Opens a unit, works in it, and commits it.
            waits_for_locks: Whether to repeat it also if a lock was not granted in time.

        Raises:
            DBAPIError: The error of the last attempt, or an error that a retry cannot resolve.
        """
        tried, has_turn, began = 0, False, time.monotonic()
        try:
            while True:
                tried += 1
                try:
                    return try_once()
                except DBAPIError as error:
                    has_time = waits_for_locks and time.monotonic() < began + LOCK_SECONDS
                    is_locked = has_time and is_lock_timeout(error)
                    if tried == self._tries or not (is_locked or can_retry(error)):
                        raise
                if is_locked:
                    time.sleep(random.uniform(0, min(LONGEST_LOCK_PAUSE, FIRST_PAUSE * 2**tried)))  # noqa: S311
                elif tried > 1:
                    # Units that have conflicted twice would probably conflict again.
                    has_turn = has_turn or self._turn.acquire(timeout=TURN_SECONDS)
                    # The lock does not order the units of other processes, so they may still conflict.
                    time.sleep(random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**tried)))  # noqa: S311
        finally:
            if has_turn:
                self._turn.release()
