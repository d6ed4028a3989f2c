"""The throttle: clients that send too many requests, or invalid tokens, get 429 until the end of a window.

Counts are kept in memory, and shared with other servers. Only invalid tokens are counted, so that valid ones are not delayed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import attrs

from stellary.contract.errors import RateLimited
from stellary.core.accounts.login_attempts import attempts_key
from stellary.core.http.limits import Limits, RateLimit
from stellary.core.http.shared_counts import SharedCounts

WINDOWS_MAX = 100_000
GOOD_TOKENS_MAX = 10_000
LOGIN, REGISTER, CHANGE_PASSWORD = "auth.login", "auth.register", "auth.change_password"
DELETE_ACCOUNT, FORGOT_PASSWORD = "auth.delete_account", "auth.forgot_password"
CHANGE_EMAIL = "auth.change_email"
ENROLL_SECOND_FACTOR, DISABLE_SECOND_FACTOR = "auth.enroll_second_factor", "auth.disable_second_factor"
CONFIRMED = frozenset(
    {CHANGE_PASSWORD, CHANGE_EMAIL, DELETE_ACCOUNT, ENROLL_SECOND_FACTOR, DISABLE_SECOND_FACTOR}
)
"""The operations that take the current password of the caller, who has logged in."""
GUARDED = frozenset({LOGIN, REGISTER, FORGOT_PASSWORD}) | CONFIRMED
"""The operations that check or set a password, or send a link to do so."""


def limit_headers(amount: int, remaining: int, ends_at: float) -> dict[str, str]:
    """Return the headers of a limit.

    Args:
        amount: The number of requests that the limit allows in a window.
        remaining: The number of requests that remain.
        ends_at: The end of the window, in seconds since 1970.
    """
    return {
        "x-ratelimit-limit": str(amount),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(int(ends_at)),
    }


def limit_error(reason: str, amount: int, ends_at: float, now: float) -> RateLimited:
    """Return the 429 error of a limit that has been reached.

    Args:
        reason: The limit in words, for the message.
        amount: The number of requests that the limit allows in a window.
        ends_at: The end of the window, in seconds since 1970.
        now: The time, in seconds since 1970.
    """
    wait = max(1.0, ends_at - now)
    error = RateLimited(f"{reason}; try again in {round(wait)} seconds", retry_after=wait)
    error.headers.update(limit_headers(amount, 0, ends_at))
    return error


class Windows:
    """Counters of one limit by key, each for a window of time. If there are too many, a new one replaces the oldest.

    Args:
        limit: The limit.
        name: The name of the limit, by which other servers know its counts. Default: empty.
        shared: The counts that other servers share. By default, there are no other servers.
    """

    def __init__(self, limit: RateLimit, name: str = "", shared: SharedCounts | None = None) -> None:
        self.amount = limit.amount
        self._name, self._shared = name, shared
        self._seconds = limit.seconds
        # The count and the end of each window, ordered by its start.
        self._windows: dict[str | int, tuple[int, float]] = {}

    def count(self, key: str | int) -> tuple[int, float]:
        """Increment the count of a key, and return it with the end of its window, in seconds since 1970."""
        count, ends_at = self.read(key)
        if count == 0:
            # The window is moved to the end of the dict.
            self._windows.pop(key, None)
            ends_at = time.time() + self._seconds
        self._windows[key] = count + 1, ends_at
        if len(self._windows) > WINDOWS_MAX:
            del self._windows[next(iter(self._windows))]
        return count + 1, ends_at

    async def count_shared(self, key: str | int, subject: str) -> tuple[int, float]:
        """Increment the count of a key for all servers, and return it with the end of its window; see ``count``.

        Args:
            key: The key of the count in this process.
            subject: The token or the address that is counted, of which the others see a digest.
        """
        count, ends_at = self.count(key)
        # What this process refuses anyway need not be known to the others.
        if self._shared is None or count > self.amount:
            return count, ends_at
        total = await self._shared.add(attempts_key(self._name, subject), 1, ends_at)
        if total is None:
            return count, ends_at
        self._windows[key] = max(total[0], self.read(key)[0]), total[1]
        return total

    def read(self, key: str | int) -> tuple[int, float]:
        """Return the count, which is 0 if the window has ended, and the end of the window."""
        count, ends_at = self._windows.get(key, (0, 0.0))
        return (count, ends_at) if ends_at > time.time() else (0, ends_at)


@attrs.frozen
class Caller:
    """The sender of a request: the client's address, and the ``Authorization`` header if there is one."""

    address: str
    authorization: str | None = None


class Throttle:
    """A counter of requests and invalid tokens, which rejects clients above the limits. Only the event loop uses it.

    Args:
        limits: The limits.
        shared: The counts that other servers share. By default, there are no other servers.
    """

    def __init__(self, limits: Limits, shared: SharedCounts | None = None) -> None:
        requests, bad_tokens = limits.requests, limits.bad_tokens
        self._requests = None if requests is None else Windows(requests, "requests", shared)
        self._bad_tokens = None if bad_tokens is None else Windows(bad_tokens, "bad tokens", shared)
        # An ordered set of tokens that were valid recently. They are let through, so that their owners are
        # not blocked because of others behind the same address.
        self._good: dict[int, None] = {}

    async def admit(self, caller: Caller) -> Mapping[str, str]:
        """Count a request of any kind.

        Returns:
            The headers that show the remaining requests, if there is a limit.

        Raises:
            RateLimited: There were too many requests.
        """
        if self._requests is None:
            return {}
        amount = self._requests.amount
        key = hash(caller.authorization) if caller.authorization else caller.address
        count, ends_at = await self._requests.count_shared(key, caller.authorization or caller.address)
        if count > amount:
            raise limit_error("too many requests", amount, ends_at, time.time())
        return limit_headers(amount, amount - count, ends_at)

    def admit_token(self, caller: Caller) -> None:
        """Reject a token from an address that has sent too many invalid ones.

        Raises:
            RateLimited: Too many tokens were invalid.
        """
        windows = self._bad_tokens
        if windows is None or caller.authorization is None or hash(caller.authorization) in self._good:
            return
        count, ends_at = windows.read(caller.address)
        if count >= windows.amount:
            raise limit_error("too many invalid tokens", windows.amount, ends_at, time.time())

    async def note_token(self, caller: Caller, status: int) -> None:
        """Count an invalid token, and remember a valid one.

        Args:
            caller: The caller.
            status: The status of the response.
        """
        if self._bad_tokens is None or caller.authorization is None:
            return
        token = hash(caller.authorization)
        if status == 401:
            self._good.pop(token, None)
            await self._bad_tokens.count_shared(caller.address, caller.address)
        elif token not in self._good:
            self._good[token] = None
            if len(self._good) > GOOD_TOKENS_MAX:
                del self._good[next(iter(self._good))]
