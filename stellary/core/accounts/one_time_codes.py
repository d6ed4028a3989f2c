"""One-time codes of authenticator apps (TOTP, RFC 6238), and the limit on guesses of them, apart from those on passwords.

A code has six digits from HMAC-SHA-1, a new one every 30 seconds. Three codes are accepted at a time: that of the current
step, and those before and after it. So a guess is right with a probability of 3 in 1,000,000. An account has 10 guesses in
24 hours, wherever they come from, which makes 0.00003 a day. An attacker who knows the password and guesses without a pause
gets in with a probability of 1.1 % in a year, and needs 63 years for even odds (ln 2 / 0.00003 days). Each attempt is counted before
the code is compared, so concurrent guesses do not exceed the limit.

Recovery codes have 80 random bits, so they are not counted, and let users in whose guesses are used up. A right code ends
the window. A new password does not: someone who can read the e-mails of the user could set one again and again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from stellary.contract.errors import RateLimited
from stellary.core.accounts.login_attempts import attempts_key, count_attempt, delete_attempts
from stellary.core.kernel.unit import UnitOfWork

PERIOD = 30
DIGITS = 6
SECRET_BYTES = 20
"""The length of a secret that RFC 4226 recommends: that of a SHA-1 digest."""
SKEW_STEPS = 1
"""The number of steps by which the clock of an app may be wrong."""
ISSUER = "Stellary"
GUESSES_MAX = 10
"""The number of codes that an account may try in a window."""
WINDOW = timedelta(hours=24)
_CODE = re.compile(rf"\d{{{DIGITS}}}", re.ASCII)


def generate_secret() -> str:
    """Return a new secret in base32, as authenticator apps take it."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def build_uri(secret: str, account: str) -> str:
    """Return the ``otpauth:`` URI of a secret.

    Args:
        secret: The secret in base32.
        account: The e-mail address of the account, which the app shows.
    """
    parameters = {
        "secret": secret,
        "issuer": ISSUER,
        "algorithm": "SHA1",
        "digits": DIGITS,
        "period": PERIOD,
    }
    return f"otpauth://totp/{ISSUER}:{quote(account, safe='')}?{urlencode(parameters)}"


def compute_code(secret: str, step: int) -> str:
    """Return the code of a time step.

    Args:
        secret: The secret in base32.
        step: The number of the step, counted from 1970.
    """
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_at(now: datetime) -> int:
    """Return the number of the time step at a time."""
    return int(now.timestamp()) // PERIOD


def find_step(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """Return the time step that a code belongs to; None if it is wrong, or not newer than the last one that was used.

    Args:
        secret: The secret in base32.
        code: The code, as the user has typed it.
        now: The time. The clock of the app may be wrong by one step.
        last_step: The step of the last code that was used.
    """
    typed = code.replace(" ", "").encode("utf-8", "surrogatepass")
    matching = None
    # All steps are compared, so that the time reveals nothing about the code.
    for step in range(step_at(now) - SKEW_STEPS, step_at(now) + SKEW_STEPS + 1):
        is_equal = hmac.compare_digest(compute_code(secret, step).encode(), typed)
        if is_equal and step > last_step:
            matching = step
    return matching


def is_guess(code: str) -> bool:
    """Return whether a code looks like that of an app, so that trying it is a guess."""
    return _CODE.fullmatch(code.replace(" ", "")) is not None


def count_guess(uow: UnitOfWork, user_id: str) -> RateLimited | None:
    """Count a guess, and return the error if the account has no more guesses.

    Args:
        uow: The unit that checks the code. It commits even if the code is wrong.
        user_id: The account.
    """
    reason = "too many wrong codes; use a recovery code, or"
    return count_attempt(uow, _key(user_id), GUESSES_MAX, WINDOW, reason, "too_many_codes")


def forget_guesses(uow: UnitOfWork, user_id: str) -> None:
    """End the window of an account that has used a right code, or whose factor is deleted.

    Args:
        uow: A unit that may write.
        user_id: The account.
    """
    delete_attempts(uow.connection, _key(user_id))


def _key(user_id: str) -> str:
    return attempts_key("codes", user_id)
