"""Throttle: who sends too many requests, or tokens that are not good, is answered by 429 for a while. Never for good.

Counts are kept in memory, per process. Of tokens, what fails is counted, so that whoever is right is not held up.
"""

from __future__ import annotations

import hashlib
import threading
import time

import attrs
from limits import RateLimitItem
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from reference_server.settings import Limits
from stellary.contract.errors import RateLimited

WINDOWS_MAX = 100_000
GOOD_TOKENS_MAX = 10_000
LOGIN, REGISTER, CHANGE_PASSWORD = "auth.login", "auth.register", "auth.change_password"
GUARDED = frozenset({LOGIN, REGISTER, CHANGE_PASSWORD})
"""The operations that take or make a password."""


class Windows(Storage):
    """Counts per key, each for a window of time. Bounded: who fills it pushes out the oldest.

    The package's own memory starts a thread now and then to tidy up, and keeps whatever it is given.
    """

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[int, float]] = {}

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return ()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = time.time()
        with self._lock:
            count, until = self._windows.get(key, (0, 0.0))
            if until <= now:
                # Put at the end: the order is that of the windows' beginnings.
                self._windows.pop(key, None)
                count, until = 0, now + expiry
            self._windows[key] = (count + amount, until)
            if len(self._windows) > WINDOWS_MAX:
                del self._windows[next(iter(self._windows))]
            return count + amount

    def get(self, key: str) -> int:
        count, until = self._windows.get(key, (0, 0.0))
        return count if until > time.time() else 0

    def get_expiry(self, key: str) -> float:
        return self._windows.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        return True

    def clear(self, key: str) -> None:
        self._windows.pop(key, None)

    def reset(self) -> int:
        count = len(self._windows)
        self._windows.clear()
        return count


@attrs.frozen
class Caller:
    """Where a request comes from: the client's address, and the ``Authorization`` header if it sent one."""

    address: str
    authorization: str | None = None


class Throttle:
    """Counts what fails, and refuses whom it happens to too often."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._windows = FixedWindowRateLimiter(Windows())
        # A token that was good here lately is let through, so that nobody is shut out by a neighbour behind the same
        # address; an ordered set.
        self._good: dict[int, None] = {}

    def admit(self, caller: Caller) -> dict[str, str]:
        """Count a request of whatever kind.

        Returns:
            The headers that tell how much is left, if there is a limit.

        Raises:
            RateLimited: There were too many.
        """
        limit = self._limits.requests
        if limit is not None:
            key = _digest(caller.authorization) if caller.authorization else caller.address
            if not self._windows.hit(limit, "requests", key):
                raise self._refused(limit, ("requests", key), "too many requests")
            return self._headers(limit, ("requests", key))
        return {}

    def admit_token(self, caller: Caller) -> None:
        """Refuse one more token from an address from which too many bad ones came.

        Raises:
            RateLimited: Too many were bad.
        """
        limit = self._limits.bad_tokens
        if limit is None or caller.authorization is None or hash(caller.authorization) in self._good:
            return
        if not self._windows.test(limit, "tokens", caller.address):
            raise self._refused(limit, ("tokens", caller.address), "too many tokens that are not good")

    def note_token(self, caller: Caller, status: int) -> None:
        """Count a token that was not good, and remember one that was."""
        limit = self._limits.bad_tokens
        if limit is None or caller.authorization is None:
            return
        if status == 401:
            self._good.pop(hash(caller.authorization), None)
            self._windows.hit(limit, "tokens", caller.address)
        elif hash(caller.authorization) not in self._good:
            self._good[hash(caller.authorization)] = None
            if len(self._good) > GOOD_TOKENS_MAX:
                del self._good[next(iter(self._good))]

    def _headers(self, limit: RateLimitItem, key: tuple[str, ...]) -> dict[str, str]:
        stats = self._windows.get_window_stats(limit, *key)
        return {
            "x-ratelimit-limit": str(limit.amount),
            "x-ratelimit-remaining": str(max(0, stats.remaining)),
            "x-ratelimit-reset": str(int(stats.reset_time)),
        }

    def _refused(self, limit: RateLimitItem, key: tuple[str, ...], what: str) -> RateLimited:
        headers = self._headers(limit, key)
        wait = max(1.0, self._windows.get_window_stats(limit, *key).reset_time - time.time())
        error = RateLimited(f"{what}; try again in {round(wait)} seconds", retry_after=wait)
        error.headers.update(headers)
        return error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
