"""A lock that is granted in request order."""

from __future__ import annotations

import threading
from collections import deque


class FairLock:
    """A lock that is handed on in the order in which it was asked for: nobody starves."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._owner: int | None = None

    def acquire(self, timeout: float) -> bool:
        """Take the lock, waiting at most that many seconds; False if it was not to be had."""
        me = threading.get_ident()
        with self._mutex:
            if self._owner is None:
                self._owner = me
                return True
            if self._owner == me:
                raise RuntimeError(
                    "this thread is writing already: a unit of work cannot be opened inside another"
                )
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            got = turn.acquire(timeout=timeout)
        except BaseException:
            # Interrupted from the keyboard: nobody may wait for one who has gone.
            if not self._gave_up(turn):
                self.release()
            raise
        if not got and self._gave_up(turn):
            return False
        self._owner = me
        return True

    def _gave_up(self, turn: threading.Lock) -> bool:
        """Wait no longer; False if the lock was handed over in the very moment."""
        with self._mutex:
            if turn not in self._waiting:
                return False
            self._waiting.remove(turn)
            return True

    def release(self) -> None:
        """Hand the lock to whoever has waited longest."""
        with self._mutex:
            if self._waiting:
                # -1: between two owners, so that nobody takes it past the one whose turn it is.
                self._owner = -1
                self._waiting.popleft().release()
            else:
                self._owner = None


class FairSemaphore:
    """A semaphore that is granted in request order, so that no thread starves.

    Args:
        count: How many threads may hold it at a time.
    """

    def __init__(self, count: int) -> None:
        self._mutex = threading.Lock()
        self._free = count
        self._waiting: deque[threading.Lock] = deque()

    def acquire(self, timeout: float) -> bool:
        """Acquire the semaphore.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether it was acquired in time.
        """
        with self._mutex:
            if self._free:
                self._free -= 1
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            acquired = turn.acquire(timeout=timeout)
        except BaseException:
            # Interrupted from the keyboard: a turn that was handed over is passed on.
            if not self._stop_waiting(turn):
                self.release()
            raise
        return acquired or not self._stop_waiting(turn)

    def _stop_waiting(self, turn: threading.Lock) -> bool:
        """Stop waiting; return False if the turn has just been handed over."""
        with self._mutex:
            if turn not in self._waiting:
                return False
            self._waiting.remove(turn)
            return True

    def release(self) -> None:
        """Hand the turn to the thread that has waited longest."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1
