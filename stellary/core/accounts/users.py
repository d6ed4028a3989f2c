"""Creation of users, and their lookup by address."""

from __future__ import annotations

from sqlalchemy import insert, select

from stellary.contract.auth import User
from stellary.contract.errors import Forbidden
from stellary.core.accounts import personal
from stellary.core.accounts.addresses import address_key
from stellary.core.accounts.row_types import UserRow
from stellary.core.accounts.tables import users
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.writes import refuse_duplicate

ADDRESS_TAKEN = "an account with this e-mail address exists already"
_INSERT = insert(users)
_BY_ADDRESS = select(users.c.id).where(is_given(users.c.email_key, "key"))
_USER_BY_ADDRESS = Query(UserRow, select(users).where(is_given(users.c.email_key, "key")))
_BY_VERIFIED_ADDRESS = _BY_ADDRESS.where(users.c.unverified_since.is_(None))


def create_user(
    uow: UnitOfWork,
    email: str | None,
    name: str,
    *,
    password_hash: str | None = None,
    external_id: str | None = None,
    has_home: bool = True,
    is_verified: bool = True,
) -> User:
    """Create an account, with a personal organization and workspace unless the host provisions its users.

    Args:
        uow: The unit.
        email: As ``address`` has returned it; None for a host's user without an address, who gets one in the reserved
            domain ``invalid``, to which no email can be sent.
        name: 1-100 characters.
        password_hash: None for a user who cannot log in with a password.
        external_id: The id of the user in the application that embeds the core.
        has_home: Whether to create the personal organization and workspace. Default: True.
        is_verified: Whether the address is known to be the user's. Default: True.

    Raises:
        Conflict: Another account has the address or the external id.
    """
    user_id = uow.new_id()
    email = email or f"{user_id}@users.invalid"
    user = User(
        id=user_id,
        email=email,
        name=name,
        pilotage_role="owner",
        email_verified=is_verified,
        created_at=uow.now,
    )
    row = {
        "id": user.id,
        "email": email,
        "email_key": address_key(email),
        "name": name,
        "password_hash": password_hash,
        "external_id": external_id,
        "token_generation": 0,
        "unverified_since": None if is_verified else uow.now,
        "deactivated_at": None,
        "created_at": uow.now,
        "updated_at": uow.now,
    }
    with refuse_duplicate(uow, ADDRESS_TAKEN, "duplicate_email"):
        uow.connection.execute(_INSERT, row)
    if has_home:
        personal.create_home(uow, user.id, name, email)
    return user


def check_not_deactivated(user: UserRow) -> None:
    """Check that an account is not deactivated.

    Raises:
        Forbidden: It is deactivated.
    """
    if user.deactivated_at is not None:
        raise Forbidden("the account is deactivated", code="account_deactivated")


def find_user_by_address(uow: UnitOfWork, email: str) -> UserRow | None:
    """Return the user with an address, regardless of case; None if there is none.

    Args:
        uow: The unit.
        email: The address.
    """
    return _USER_BY_ADDRESS.first(uow.connection, {"_key": address_key(email)})


def id_by_address(uow: UnitOfWork, email: str, *, is_verified: bool = False) -> str | None:
    """Return the id of the user with an address, regardless of case; None if there is none.

    Args:
        uow: The unit.
        email: The address.
        is_verified: Whether to ignore a user whose address is not verified. Default: False.
    """
    query = _BY_VERIFIED_ADDRESS if is_verified else _BY_ADDRESS
    user_id: str | None = uow.connection.execute(query, {"_key": address_key(email)}).scalar()
    return user_id


def default_name(email: str) -> str:
    """Return the default name of a user: the local part of the address."""
    return email.partition("@")[0][:100]
