"""The throttle: clients that send too many requests, or invalid tokens, get 429 until the end of a window.

Counts are kept in memory, per process. Only invalid tokens are counted, so that valid ones are not delayed.
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
"""The operations that check or set a password."""


class Windows(Storage):
    """Counters by key, each for a window of time. Their number is limited: a new one replaces the oldest.

    The storage of the package itself has no limit, and starts threads to clean up.
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
                # Moved to the end, so that the dict is ordered by the windows' start.
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
    """The sender of a request: the client's address, and the ``Authorization`` header if there is one."""

    address: str
    authorization: str | None = None


class Throttle:
    """A counter of requests and invalid tokens, which rejects clients above the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._windows = FixedWindowRateLimiter(Windows())
        # A recently valid token is let through, so that its owner is not blocked because of others behind the same
        # address; an ordered set.
        self._good: dict[int, None] = {}

    def admit(self, caller: Caller) -> dict[str, str]:
        """Count a request of any kind.

        Returns:
            The headers that show the remaining requests, if there is a limit.

        Raises:
            RateLimited: There were too many requests.
        """
        limit = self._limits.requests
        if limit is not None:
            key = _digest(caller.authorization) if caller.authorization else caller.address
            if not self._windows.hit(limit, "requests", key):
                raise self._limit_error(limit, ("requests", key), "too many requests")
            return self._headers(limit, ("requests", key))
        return {}

    def admit_token(self, caller: Caller) -> None:
        """Reject a token from an address that has sent too many invalid ones.

        Raises:
            RateLimited: Too many tokens were invalid.
        """
        limit = self._limits.bad_tokens
        if limit is None or caller.authorization is None or hash(caller.authorization) in self._good:
            return
        if not self._windows.test(limit, "tokens", caller.address):
            raise self._limit_error(limit, ("tokens", caller.address), "too many tokens that are not good")

    def note_token(self, caller: Caller, status: int) -> None:
        """Count an invalid token, and remember a valid one."""
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

    def _limit_error(self, limit: RateLimitItem, key: tuple[str, ...], what: str) -> RateLimited:
        headers = self._headers(limit, key)
        wait = max(1.0, self._windows.get_window_stats(limit, *key).reset_time - time.time())
        error = RateLimited(f"{what}; try again in {round(wait)} seconds", retry_after=wait)
        error.headers.update(headers)
        return error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
