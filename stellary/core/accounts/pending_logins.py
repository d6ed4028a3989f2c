"""Pending logins: the state between the password and the code, for clients that must not keep the password, such as pages."""

from __future__ import annotations

from datetime import timedelta

import attrs
from sqlalchemy import bindparam, select

from stellary.contract.errors import Unauthenticated
from stellary.core.accounts.addresses import address_key
from stellary.core.accounts.row_types import UserRow
from stellary.core.accounts.second_factors import use_second_factor
from stellary.core.accounts.sessions import start_session
from stellary.core.accounts.tables import users
from stellary.core.accounts.users import check_not_deactivated
from stellary.core.db.errors import raise_api_errors
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import NOBODY, UnitOfWork
from stellary.core.kernel.units import Units

LIFETIME = timedelta(minutes=10)
_PURPOSE = "pending-login"
_BY_EMAIL = Query(UserRow, select(users).where(users.c.email_key == bindparam("_email_key")))
_BY_ID = Query(UserRow, select(users).where(users.c.id == bindparam("_id")))


@attrs.frozen
class PendingLogin:
    """A login whose password was right, and which waits for a code.

    Attributes:
        user_id: The account.
        email: Its address.
        generation: The number of passwords that the user has had. A new one ends the pending login.
    """

    user_id: str
    email: str
    generation: int


def find_pending_login(uow: UnitOfWork, email: str) -> PendingLogin | None:
    """Return the pending login for an address; None without an account. Call it before the password is checked.

    Args:
        uow: A unit.
        email: The address, as the user has typed it.
    """
    user = _BY_EMAIL.first(uow.connection, {"_email_key": address_key(email)})
    return None if user is None else PendingLogin(user.id, user.email, user.token_generation)


def seal_pending_login(uow: UnitOfWork, login: PendingLogin) -> str:
    """Return a pending login as a signed text, which is valid for ten minutes.

    Args:
        uow: A unit.
        login: The login, whose password was right.
    """
    data = {"sub": login.user_id, "email": login.email, "gen": login.generation}
    return uow.env.signer.seal(_PURPOSE, data, uow.now, LIFETIME)


def open_pending_login(units: Units, sealed: str) -> PendingLogin:
    """Return the pending login in a signed text.

    Args:
        units: The core.
        sealed: The text, which may come from anyone.

    Raises:
        Unauthenticated: It is forged or expired.
    """
    data = units.env.signer.unseal(_PURPOSE, sealed, units.env.clock())
    if data is None:
        raise _build_expired()
    generation = data["gen"]
    assert isinstance(generation, int)
    return PendingLogin(str(data["sub"]), str(data["email"]), generation)


def finish_login(units: Units, login: PendingLogin, code: str, device: str) -> str:
    """Check the code of a pending login, start a session, and return its JWT.

    Args:
        units: The core.
        login: The login.
        code: The code of the authenticator app, or a recovery code.
        device: The name of the device or program.

    Raises:
        Unauthenticated: The code is wrong or was used before, or the password has been changed since.
        RateLimited: Too many codes were wrong.
        Forbidden: The account is deactivated.
        Unavailable: The database does not answer, or was busy for too long.
    """
    with raise_api_errors(), units.transaction(NOBODY) as uow:
        user = _BY_ID.first(uow.connection, {"_id": login.user_id})
        if user is None or user.token_generation != login.generation:
            raise _build_expired()
        check_not_deactivated(user)
        problem = use_second_factor(uow, user.id, code)
        if problem is None:
            return start_session(uow, user.id, user.token_generation, device)
    # A guess of a code is counted, so the unit has committed.
    raise problem


def _build_expired() -> Unauthenticated:
    return Unauthenticated("the sign-in has expired; start again", code="login_expired")
