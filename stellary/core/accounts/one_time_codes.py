"""One-time codes of authenticator apps (TOTP, RFC 6238): six digits from HMAC-SHA-1, a new code every 30 seconds."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

PERIOD = 30
DIGITS = 6
SECRET_BYTES = 20
"""The length of a secret that RFC 4226 recommends: that of a SHA-1 digest."""
SKEW_STEPS = 1
"""The number of steps by which the clock of an app may be wrong."""
ISSUER = "Stellary"


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
