"""Passwords: bcrypt over an HMAC of the whole password, since bcrypt itself stops at 72 bytes; changes ask for the current one."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac

import bcrypt
from sqlalchemy import select

from stellary.contract.wire import invalid
from stellary.core.accounts.row_types import UserRow
from stellary.core.accounts.tables import users
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.signer import build_invalid_token
from stellary.core.kernel.unit import Actor, UnitOfWork
from stellary.core.kernel.units import Units

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


USER = Query(UserRow, select(users).where(is_given(users.c.id, "user_id")))


def check_current_password(units: Units, actor: Actor, password: str) -> UserRow:
    """Check the password of the caller outside of any transaction, since that takes long, and return the account.

    Args:
        units: The core.
        actor: The caller, who has logged in.
        password: The value of ``currentPassword``.

    Raises:
        Invalid: The password is wrong.
        Unauthenticated: The caller's login has ended at the same time.
    """
    with units.read(actor) as uow:
        user = load_caller(uow)
    if not verify_password(password, user.password_hash, units.env.bcrypt_rounds):
        raise invalid(("currentPassword", "is not the current password"))
    return user


def load_caller(uow: UnitOfWork) -> UserRow:
    """Return the account of the caller.

    Raises:
        Unauthenticated: The caller's login has ended at the same time.
    """
    user = USER.one(uow.connection, {"_user_id": uow.user_id})
    if uow.actor.login_generation not in (None, user.token_generation):
        raise build_invalid_token()
    return user


def has_password(uow: UnitOfWork, user_id: str) -> bool:
    """Return whether an account has a password: accounts that another service signs in have none.

    Args:
        uow: A unit.
        user_id: The account.
    """
    return USER.one(uow.connection, {"_user_id": user_id}).password_hash is not None
