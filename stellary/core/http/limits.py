"""The limits after which requests are answered by 429."""

from __future__ import annotations

import re

import attrs

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "month": 30 * 86400, "year": 365 * 86400}
_LIMIT = re.compile(
    rf"([0-9]{{1,9}})\s*(?:/|per)\s*(?:([0-9]{{1,9}})\s*)?({'|'.join(_UNITS)})s?", re.ASCII | re.IGNORECASE
)


@attrs.frozen
class RateLimit:
    """A number of requests that a window of time allows.

    Attributes:
        amount: The number, at least 1.
        seconds: The length of the window.
    """

    amount: int
    seconds: int


def parse_limit(text: str) -> RateLimit:
    """Parse a limit such as ``20 per 15 minutes`` or ``100/hour``.

    Raises:
        ValueError: The text is not a limit.
    """
    match = _LIMIT.fullmatch(text.strip())
    limit = match and RateLimit(int(match[1]), int(match[2] or 1) * _UNITS[match[3].lower()])
    if not limit or not limit.amount or not limit.seconds:
        raise ValueError(f"must be a limit such as '20 per 15 minutes', not {text!r}")
    return limit


@attrs.frozen
class Limits:
    """The limits of one process. None means no limit.

    Attributes:
        logins: Failed logins of one account from one address.
        logins_per_account: Failed logins of one account, from all addresses from which it has not been used.
        logins_per_address: Failed logins from one address.
        registrations: New accounts, per address.
        password_resets: Requests for a link to reset a password, per address.
        bad_tokens: Requests with invalid tokens, per address.
        requests: All requests, per token or else per address.
    """

    logins: RateLimit | None = RateLimit(20, 15 * 60)
    logins_per_account: RateLimit | None = RateLimit(100, 3600)
    logins_per_address: RateLimit | None = RateLimit(100, 15 * 60)
    registrations: RateLimit | None = RateLimit(100, 3600)
    password_resets: RateLimit | None = RateLimit(20, 3600)
    bad_tokens: RateLimit | None = RateLimit(300, 5 * 60)
    requests: RateLimit | None = None


NO_LIMITS = Limits(**dict.fromkeys(attrs.fields_dict(Limits)))
