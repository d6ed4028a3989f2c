"""Limits on password attempts, on registrations and on forgotten passwords.

Failures are counted in the database, in separate transactions: per account and address; per account, over all
addresses from which the account has not been used; and per address. An attack from other addresses therefore
does not lock a user out of an address from which they have logged in before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import attrs
import orjson

from stellary.contract.errors import ApiError, RateLimited
from stellary.core.accounts.login_attempts import KNOWN_FOR, Attempts, LoginAttempts, attempts_key
from stellary.core.accounts.users import address_key
from stellary.core.db import forks
from stellary.core.http.limits import Limits, RateLimit
from stellary.core.http.throttle import CONFIRMED, FORGOT_PASSWORD, LOGIN, REGISTER, Caller, limit_error

_log = logging.getLogger("stellary.server")
REFUSALS_MAX = 10_000
NEVER = Attempts()
CODE_PROBLEMS = frozenset({"code_required", "wrong_code", "too_many_codes"})
"""The errors after a right password; ``one_time_codes`` limits the codes."""
_PER_ADDRESS = frozenset({REGISTER, FORGOT_PASSWORD})
"""The operations that are limited per address of the network alone, even when they succeed."""


@attrs.frozen
class Refusal:
    """A limit that has been reached.

    Attributes:
        ends_at: The end of its window, in seconds since 1970.
        amount: The number of failures that it allows.
        reason: The limit in words, for the message.
    """

    ends_at: float
    amount: int
    reason: str

    def error(self, now: float) -> RateLimited:
        """Return the refusal as an error. ``now`` is in seconds since 1970."""
        return limit_error(self.reason, self.amount, self.ends_at, now)


class PasswordLimits:
    """The limits of password attempts.

    Args:
        limits: The limits.
        attempts: Counts the attempts.
    """

    def __init__(self, limits: Limits, attempts: LoginAttempts) -> None:
        self.limits = limits
        self.attempts = attempts
        self._lock = forks.create_lock(self)
        # Recent refusals in order, so that a flood of requests does not query the database.
        self._refusals: dict[str, Refusal] = {}

    def attempt(self, operation: str, caller: Caller, body: bytes) -> PasswordAttempt:
        """Return the attempt that a request makes.

        Args:
            operation: One of ``GUARDED``.
            caller: The sender of the request.
            body: The body, which need not be valid.
        """
        return PasswordAttempt(self, operation, caller, body)

    def remember(self, key: str, refusal: Refusal) -> None:
        """Refuse attempts with this key until the window ends, without a query.

        Args:
            key: The key under which attempts count.
            refusal: The refusal, and when it ends.
        """
        with self._lock:
            self._refusals.pop(key, None)
            self._refusals[key] = refusal
            if len(self._refusals) > REFUSALS_MAX:
                del self._refusals[next(iter(self._refusals))]

    def recall(self, key: str, now: float) -> Refusal | None:
        """Return the current refusal of a key; None if there is none.

        Args:
            key: The key under which attempts count.
            now: The current time, in seconds since the epoch.
        """
        refusal = self._refusals.get(key)
        return refusal if refusal is not None and refusal.ends_at > now else None


class PasswordAttempt:
    """One attempt at a password, one registration, or one request for a link to reset a password."""

    def __init__(self, owner: PasswordLimits, operation: str, caller: Caller, body: bytes) -> None:
        self._owner = owner
        self._operation = operation
        if operation == REGISTER:
            self._reason = "too many accounts"
            self._here = attempts_key("registrations", caller.address)
        elif operation == FORGOT_PASSWORD:
            self._reason = "too many forgotten passwords"
            self._here = attempts_key("password resets", caller.address)
        else:
            self._reason = "too many failed logins"
            self._here = attempts_key("address", caller.address)
        # These operations also test the current password of the account.
        is_confirmed = operation in CONFIRMED
        name = caller.authorization or "" if is_confirmed else _email(body)
        self._account = attempts_key("auth.change_password" if is_confirmed else "account", name)
        self._pair = attempts_key("pair", self._account, caller.address)
        self._before: dict[str, Attempts] = {}

    def refuse_early(self) -> None:
        """Reject the attempt if a similar one was rejected recently. It runs on the event loop, without the database.

        Raises:
            RateLimited: Too many attempts have failed.
        """
        now = self._owner.attempts.now().timestamp()
        for key in (self._pair, self._here):
            refusal = self._owner.recall(key, now)
            if refusal is not None:
                raise refusal.error(now)

    def admit(self) -> None:
        """Reject the attempt if too many have failed before.

        Raises:
            RateLimited: Too many attempts have failed.
            Unavailable: The database does not answer.
        """
        self.refuse_early()
        limits = list(self._applicable_limits())
        if not limits:
            return
        keys = dict.fromkeys(
            [key for key, _ in limits] + ([] if self._operation in _PER_ADDRESS else [self._pair])
        )
        self._before = self._owner.attempts.read([*keys])
        now = self._owner.attempts.now().timestamp()
        for key, limit in limits:
            attempts = self._before[key]
            if attempts.window_ends_at is None or attempts.failures < limit.amount or self._is_exempt(key):
                continue
            refusal = Refusal(attempts.window_ends_at.timestamp(), limit.amount, self._reason)
            # The limit of an account applies only to unknown addresses, so it is remembered for this address.
            self._owner.remember(self._here if key == self._here else self._pair, refusal)
            raise refusal.error(now)

    def record(self, status: int, code: object = None) -> None:
        """Count the attempt by its response.

        If the database does not answer, the attempt is not counted, and the response is sent anyway.

        Args:
            status: The status of the response.
            code: The code of the error, if it is one. Default: None.
        """
        # The password was right, and the code of the second factor or the state of the account was not.
        if code in CODE_PROBLEMS or (status == 409 and self._operation in CONFIRMED):
            return
        try:
            windows = [
                (key, timedelta(seconds=limit.seconds))
                for key, limit in self._applicable_limits()
                if self._has_failed(status, key) and not self._is_exempt(key)
            ]
            if windows:
                self._owner.attempts.count_failure(windows)
            if status < 300 and self._operation != FORGOT_PASSWORD:
                self._note_success()
        except ApiError as error:
            _log.warning("an attempt to log in could not be counted: %s", error)

    def _has_failed(self, status: int, key: str) -> bool:
        """Return whether an answer of that status counts as a failure under a key."""
        if self._operation == REGISTER:
            # A 409 reveals that an address has an account, so it is limited like a registration.
            return status in (201, 409)
        if self._operation == FORGOT_PASSWORD:
            # Each may send an email, whether or not it does.
            return status == 200
        if self._operation == LOGIN and key != self._here:
            # A malformed request tests no password. Only an attempt that computes a hash adds rows for an account.
            return status == 401
        return 400 <= status < 500

    def _note_success(self) -> None:
        limits = self._owner.limits
        if limits.logins is None and limits.logins_per_account is None:
            return
        before = self._before.get(self._pair, NEVER)
        if self._operation in CONFIRMED:
            if before.failures:
                self._owner.attempts.note_success(self._pair, None)
            return
        # Written again once a third of the time has passed, so that most logins write nothing.
        renew_at = self._owner.attempts.now() + KNOWN_FOR * 2 / 3
        if before.failures or before.known_until is None or before.known_until < renew_at:
            self._owner.attempts.note_success(self._pair, self._account)

    def _applicable_limits(self) -> Iterator[tuple[str, RateLimit]]:
        """Yield the keys under which the attempt counts, and their limits; always in the same order."""
        limits = self._owner.limits
        if self._operation in _PER_ADDRESS:
            limit = limits.registrations if self._operation == REGISTER else limits.password_resets
            if limit is not None:
                yield self._here, limit
            return
        if limits.logins is not None:
            yield self._pair, limits.logins
        if limits.logins_per_account is not None:
            yield self._account, limits.logins_per_account
        if limits.logins_per_address is not None:
            yield self._here, limits.logins_per_address

    def _is_exempt(self, key: str) -> bool:
        """Return whether a limit does not apply: the limit of an account exempts addresses that are known to it."""
        return key == self._account and self._before.get(self._pair, NEVER).known_until is not None


def read_error_code(status: int, body: bytes) -> object:
    """Return the code of the error in a response; None if it is none.

    Args:
        status: The status of the response.
        body: Its body.
    """
    return orjson.loads(body).get("code") if status >= 400 and body else None


def _email(body: bytes) -> str:
    """Return the e-mail address in a body, in the form in which addresses are compared; empty if there is none."""
    try:
        request = orjson.loads(body)
    except ValueError:
        return ""
    email = request.get("email") if isinstance(request, dict) else None
    return address_key(email.strip()) if isinstance(email, str) else ""
