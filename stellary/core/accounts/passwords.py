"""Passwords: bcrypt over an HMAC of the whole password, since bcrypt itself stops at 72 bytes."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac

import bcrypt

# Sets these hashes apart from bcrypt ones of elsewhere; a constant, as the salt is bcrypt's own.
_CONTEXT = b"stellary-password-v1"


def hash_password(password: str, rounds: int) -> str:
    """Return the hash to store. Takes about 0.3 s at 12 rounds: never call it within a transaction.

    Args:
        password: As it was given.
        rounds: The cost; each more doubles it. 4 to 16.
    """
    return bcrypt.hashpw(_digest(password), bcrypt.gensalt(rounds)).decode()


def verify_password(password: str, stored: str | None, rounds: int) -> bool:
    """Return whether a password is the stored one, in a time that does not depend on the answer.

    Args:
        password: As it was given.
        stored: The hash; None for an unknown account, for which no password is right.
        rounds: The cost of the whole check. A stored hash of fewer rounds is checked at its own cost, and the rest is
            spent on decoys; one of more rounds takes longer, so pass the most that are stored.
    """
    matches = bcrypt.checkpw(_digest(password), (stored or _decoy(rounds)).encode())
    # 2^n + 2^n + 2^(n+1) + … + 2^(rounds-1) = 2^rounds
    for missing in range(rounds_of(stored) if stored else rounds, rounds):
        bcrypt.checkpw(_digest(password), _decoy(missing).encode())
    return matches and stored is not None


def rounds_of(stored: str) -> int:
    """Return the rounds that a stored hash was made with."""
    return int(stored[4:6])


def _digest(password: str) -> bytes:
    return base64.b64encode(hmac.new(_CONTEXT, password.encode(), hashlib.sha256).digest())


@functools.cache
def _decoy(rounds: int) -> str:
    # Of the cost that is asked for, without paying it once more: no password matches a checksum of zeros.
    return bcrypt.gensalt(rounds).decode() + "." * 31
