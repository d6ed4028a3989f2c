"""Users that a trusted proxy has signed in: it has proved that an e-mail address is theirs."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from sqlalchemy import update

from stellary.contract.errors import Conflict
from stellary.core.accounts import api_tokens
from stellary.core.accounts.email_tokens import delete_links
from stellary.core.accounts.row_types import UserRow
from stellary.core.accounts.second_factors import delete_second_factor
from stellary.core.accounts.tables import users
from stellary.core.accounts.users import (
    check_not_deactivated,
    create_user,
    default_name,
    find_user_by_address,
)
from stellary.core.db.base import is_given
from stellary.core.db.errors import raise_api_errors
from stellary.core.kernel.events import AccountTakenOver
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork
from stellary.core.kernel.units import Units

_TAKE_OVER = (
    update(users)
    .where(is_given(users.c.id), users.c.unverified_since.is_not(None))
    .values(unverified_since=None, password_hash=None, token_generation=users.c.token_generation + 1)
)


def find_or_create_user(units: Units, email: str) -> Actor:
    """Return the actor for the owner of an address, whose account is created on first use.

    If the address was registered by someone who has not confirmed it, the account is given to its owner: the password is
    deleted, logins and API tokens end, and webhooks and automations are disabled.

    Args:
        units: Runs the transactions.
        email: The address, as ``address`` returns it. The caller knows that it is the user's.

    Raises:
        Forbidden: The account is deactivated.
        Unavailable: The database does not answer, or was busy for too long.
    """
    with raise_api_errors():
        user = units.run(partial(find_user_by_address, email=email), NOBODY, read_only=True)
        if user is None:
            user = _create(units, email)
        check_not_deactivated(user)
        if user.unverified_since is not None:
            units.run(take_over, Actor(user.id))
        return Actor(user.id)


def _create(units: Units, email: str) -> UserRow:
    # Another request of the same user may create the account at the same moment.
    with suppress(Conflict), raise_api_errors():
        units.run(lambda uow: create_user(uow, email, default_name(email)), NOBODY)
    user = units.run(partial(find_user_by_address, email=email), NOBODY, read_only=True)
    assert user is not None
    return user


def take_over(uow: UnitOfWork) -> None:
    """Give an account whose address is not verified to the owner of the address.

    Its logins and tokens end; its webhooks and automations are disabled.

    Args:
        uow: A unit that acts as the user of the account.
    """
    # Locks the account, so that no token is created meanwhile.
    if uow.connection.execute(_TAKE_OVER, {"_id": uow.user_id}).rowcount:
        api_tokens.revoke_all(uow)
        delete_links(uow, uow.user_id)
        delete_second_factor(uow, uow.user_id)
        uow.emit(AccountTakenOver(user_id=uow.user_id))
        uow.send_on_commit(ACCESS)
