"""Passwords: bcrypt over an HMAC of the whole password, since bcrypt itself stops at 72 bytes."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac

import bcrypt

# Distinguishes these hashes from other bcrypt hashes. A constant suffices, since bcrypt adds a random salt.
_CONTEXT = b"stellary-password-v1"


def hash_password(password: str, rounds: int) -> str:
    """Return the hash to store. Takes about 0.3 s at 12 rounds: never call it within a transaction.

    Args:
        password: As it was given.
        rounds: The cost, 4 to 16; each round doubles the time.
    """
    return bcrypt.hashpw(_digest(password), bcrypt.gensalt(rounds)).decode()


def verify_password(password: str, stored: str | None, rounds: int) -> bool:
    """Return whether a password matches a stored hash, in a time that does not depend on the result.

    Args:
        password: As it was given.
        stored: The hash; None for an unknown account, which no password matches.
        rounds: The cost of the whole check. If the stored hash has fewer rounds, additional decoy hashes are
            computed. If it has more, the check takes longer, so pass the highest number of rounds that is stored.
    """
    matches = bcrypt.checkpw(_digest(password), (stored or _decoy(rounds)).encode())
    # 2^n + 2^n + 2^(n+1) + … + 2^(rounds-1) = 2^rounds
    for missing in range(rounds_of(stored) if stored else rounds, rounds):
        bcrypt.checkpw(_digest(password), _decoy(missing).encode())
    return matches and stored is not None


def rounds_of(stored: str) -> int:
    """Return the number of rounds of a stored hash."""
    return int(stored[4:6])


def _digest(password: str) -> bytes:
    return base64.b64encode(hmac.new(_CONTEXT, password.encode(), hashlib.sha256).digest())


@functools.cache
def _decoy(rounds: int) -> str:
    # A hash with the requested cost that need not be computed: no password matches a checksum of zeros.
    return bcrypt.gensalt(rounds).decode() + "." * 31
