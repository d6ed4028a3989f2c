"""A semaphore and a lock that are granted in request order."""

from __future__ import annotations

import threading
from collections import deque


class FairSemaphore:
    """A semaphore that is granted in request order, so that no thread starves.

    Args:
        count: The number of threads that may hold it at the same time.
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
            # Interrupted by Ctrl-C: if this thread's turn has come, pass it on.
            if not self._stop_waiting(turn):
                self.release()
            raise
        return acquired or not self._stop_waiting(turn)

    def _stop_waiting(self, turn: threading.Lock) -> bool:
        """Stop waiting. Return False if this thread's turn has just come."""
        with self._mutex:
            if turn not in self._waiting:
                return False
            self._waiting.remove(turn)
            return True

    def release(self) -> None:
        """Release the semaphore to the thread that has waited longest."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


class FairLock:
    """A lock that is granted in request order, so that no thread starves."""

    def __init__(self) -> None:
        self._semaphore = FairSemaphore(1)
        self._owner: int | None = None

    def acquire(self, timeout: float) -> bool:
        """Acquire the lock.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether it was acquired in time.

        Raises:
            RuntimeError: This thread holds the lock already.
        """
        me = threading.get_ident()
        # Only this thread writes its own id here, so the comparison needs no lock.
        if self._owner == me:
            raise RuntimeError(
                "this thread is writing already: a unit of work cannot be opened inside another"
            )
        if not self._semaphore.acquire(timeout):
            return False
        self._owner = me
        return True

    def release(self) -> None:
        """Release the lock to the thread that has waited longest."""
        self._owner = None
        self._semaphore.release()
