"""Users of a host: an application that embeds the core and has accounts of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from stellary.contract.auth import UpdateMe
from stellary.contract.errors import Conflict
from stellary.contract.wire import check, invalid
from stellary.core.accounts.addresses import address, address_key
from stellary.core.accounts.tables import users
from stellary.core.accounts.users import create_user, default_name
from stellary.core.unit import NOBODY, Actor, UnitOfWork

if TYPE_CHECKING:
    from stellary.core.app import Core

EXTERNAL_ID_MAX = 200

_FIND = select(users).where(users.c.external_id == bindparam("external_id"))
_UPDATE = update(users).where(users.c.id == bindparam("_id"))


def map_user(
    core: Core, external_id: str, email: str, name: str | None, connection: Connection | None
) -> Actor:
    """The user that stands for one of the host's: made at the first call, kept in step at the later ones.

    Raises:
        Invalid: The id, the address or the name cannot be one.
        Conflict: The address is another user's. It is not taken over: whoever registered with it has a password.
    """
    if not 0 < len(external_id) <= EXTERNAL_ID_MAX:
        raise invalid(("externalId", f"must be 1 to {EXTERNAL_ID_MAX} characters"))
    email = address(email)
    if name is not None:
        check(UpdateMe(name=name))
    with core.view(NOBODY, connection) as uow:
        found = _found(uow, external_id)
    if found is not None and found.email == email and name in (None, found.name):
        return Actor(found.id)
    try:
        with core.begin(NOBODY, connection) as uow:
            return Actor(_kept(uow, external_id, email, name))
    except IntegrityError:
        with core.view(NOBODY, connection) as uow:
            found = _found(uow, external_id)
        # Another thread may have mapped the same user in the same moment.
        if found is not None and found.email == email:
            return Actor(found.id)
        raise Conflict("the e-mail address is another user's", code="duplicate_email") from None


def _found(uow: UnitOfWork, external_id: str) -> Row[Any] | None:
    return uow.connection.execute(_FIND, {"external_id": external_id}).first()


def _kept(uow: UnitOfWork, external_id: str, email: str, name: str | None) -> str:
    found = _found(uow, external_id)
    if found is None:
        return create_user(uow, email, name or default_name(email), external_id=external_id).id
    changed = {"email": email, "email_key": address_key(email), "name": name or found.name}
    uow.connection.execute(_UPDATE, {"_id": found.id, "updated_at": uow.now, **changed})
    user_id: str = found.id
    return user_id
