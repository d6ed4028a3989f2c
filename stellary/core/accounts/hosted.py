"""Users of a host: an application that embeds the core and has its own accounts."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection, bindparam, select, update

from stellary.contract.auth import UpdateMe
from stellary.contract.errors import Conflict
from stellary.contract.wire import check, invalid
from stellary.core.accounts.row_types import UserRow
from stellary.core.accounts.tables import users
from stellary.core.accounts.users import (
    address_key,
    check_not_deactivated,
    create_user,
    default_name,
    host_address,
)
from stellary.core.db.base import is_given
from stellary.core.db.errors import raise_api_errors
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import AddressReleased
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork
from stellary.core.kernel.units import Units

EXTERNAL_ID_MAX = 200

_FIND = Query(UserRow, select(users).where(users.c.external_id == bindparam("external_id")))
_FIND_DEACTIVATED = Query(
    UserRow, select(users).where(is_given(users.c.email_key, "key"), users.c.deactivated_at.is_not(None))
)
_FIND_EXTERNAL_ID = select(users.c.external_id).where(is_given(users.c.id))
_UPDATE = update(users).where(is_given(users.c.id))


def map_user(
    units: Units,
    external_id: str,
    email: str | None,
    name: str | None,
    connection: Connection | None,
    *,
    has_home: bool = True,
) -> Actor:
    """Return the actor for a user of the host. The first call creates it, later calls update it.

    Args:
        units: Runs the transactions.
        external_id: The host's id of the user, 1-200 characters.
        email: The user's address; None keeps the current one.
        name: The user's name; None keeps the current one.
        connection: The host's connection; None for one of the core's.
        has_home: Whether a new user gets a personal organization and workspace. Default: True.

    Returns:
        The actor.

    Raises:
        Invalid: The id, the address or the name is not valid.
        Conflict: The address belongs to another user, whose account is not taken over, since it may have a password. A
            deactivated account gives its address up.
        Forbidden: The account is deactivated.
    """
    if not 0 < len(external_id) <= EXTERNAL_ID_MAX:
        raise invalid(("externalId", f"must be 1 to {EXTERNAL_ID_MAX} characters"))
    if email is not None:
        email = host_address(email)
    if name is not None:
        check(UpdateMe(name=name))
    find = partial(find_active_user, external_id=external_id)
    user = units.run(find, NOBODY, connection, read_only=True)
    if user is not None and _is_in_step(user, email, name):
        return Actor(user.id)
    try:
        with raise_api_errors():
            work = partial(_create_or_update, external_id, email, name, has_home)
            return Actor(units.run(work, NOBODY, connection))
    except Conflict:
        user = units.run(find, NOBODY, connection, read_only=True)
        # Another thread may have mapped the same user at the same moment.
        if user is not None and _is_in_step(user, email, None):
            return Actor(user.id)
        raise Conflict("the e-mail address belongs to another user", code="duplicate_email") from None


def _is_in_step(user: UserRow, email: str | None, name: str | None) -> bool:
    return email in (None, user.email) and name in (None, user.name)


def find_user_by_external_id(uow: UnitOfWork, external_id: str) -> UserRow | None:
    """Return a user of the host; None if there is none.

    Args:
        external_id: The id of the user in the host's application.
    """
    return _FIND.first(uow.connection, {"external_id": external_id})


def find_external_id(uow: UnitOfWork, user_id: str | None) -> str | None:
    """Return the host's id of a user; None if the user is not one of the host.

    Args:
        uow: The unit.
        user_id: The user.
    """
    external_id: str | None = uow.connection.execute(_FIND_EXTERNAL_ID, {"_id": user_id}).scalar()
    return external_id


def find_active_user(uow: UnitOfWork, external_id: str) -> UserRow | None:
    """Return a user of the host; None if there is none.

    Args:
        uow: The unit.
        external_id: The host's id of the user.

    Raises:
        Forbidden: The account is deactivated.
    """
    user = find_user_by_external_id(uow, external_id)
    if user is not None:
        check_not_deactivated(user)
    return user


def _create_or_update(
    external_id: str, email: str | None, name: str | None, has_home: bool, uow: UnitOfWork
) -> str:
    user = find_active_user(uow, external_id)
    holder = email and _FIND_DEACTIVATED.first(uow.connection, {"_key": address_key(email)})
    if holder:
        _update(uow, holder, f"{holder.id}@users.invalid", holder.name)
    if user is None:
        name = name or default_name(email or external_id)
        return create_user(uow, email, name, external_id=external_id, has_home=has_home).id
    _update(uow, user, email or user.email, name or user.name)
    return user.id


def _update(uow: UnitOfWork, user: UserRow, email: str, name: str) -> None:
    columns = {"email": email, "email_key": address_key(email), "name": name}
    uow.connection.execute(_UPDATE, {"_id": user.id, "updated_at": uow.now, **columns})
    if email != user.email:
        uow.emit(AddressReleased(user_id=user.id, email=user.email))
