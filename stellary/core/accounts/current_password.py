"""The caller's password, which changes of an account ask for again."""

from __future__ import annotations

from sqlalchemy import select

from stellary.contract.errors import Unauthenticated
from stellary.contract.wire import invalid
from stellary.core.accounts.passwords import verify_password
from stellary.core.accounts.row_types import UserRow
from stellary.core.accounts.tables import users
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import Actor, UnitOfWork
from stellary.core.kernel.units import Units

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
        raise Unauthenticated("the token is invalid or has expired", code="invalid_token")
    return user


def has_password(uow: UnitOfWork, user_id: str) -> bool:
    """Return whether an account has a password: accounts that another service signs in have none.

    Args:
        uow: A unit.
        user_id: The account.
    """
    return USER.one(uow.connection, {"_user_id": user_id}).password_hash is not None
