"""Users: their e-mail addresses, their creation, and those of a host: an application with its own accounts."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from functools import partial

from sqlalchemy import Connection, bindparam, insert, select, update

from stellary.contract.auth import UpdateMe, User
from stellary.contract.errors import Conflict, Forbidden, Invalid
from stellary.contract.wire import check, invalid
from stellary.core.accounts import personal
from stellary.core.accounts.authentication import digest
from stellary.core.accounts.row_types import UserRow
from stellary.core.accounts.tables import users
from stellary.core.db.base import is_given
from stellary.core.db.errors import raise_api_errors
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import AddressReleased
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork
from stellary.core.kernel.units import Units
from stellary.core.kernel.writes import refuse_duplicate

ADDRESS_MAX = 254


def address(email: str) -> str:
    """Return an e-mail address in the form in which it is stored. Only its syntax is checked.

    Raises:
        Invalid: It is not an e-mail address.
    """
    # Imported on first use: it takes 0.4 MB, and most processes read no address for a while.
    from email_validator import EmailNotValidError, validate_email

    try:
        # An installation without a public domain has addresses like ann@intranet.
        validated = validate_email(
            email, check_deliverability=False, globally_deliverable=False, test_environment=True, strict=True
        )
    except EmailNotValidError:
        raise invalid(("email", "must be a valid e-mail address")) from None
    return validated.normalized


def host_address(email: str) -> str:
    """Return the address of a host's user in the form in which it is stored. It need not be able to receive emails.

    Some accounts of hosts come from directories, from providers with other rules, or are older than the host's checks
    (``jane..doe@docomo.ne.jp``, ``svc backup@corp``).

    Raises:
        Invalid: It has no @, characters that cannot be printed, or more than 254 of them.
    """
    try:
        return address(email)
    except Invalid:
        if "@" in email and email.isprintable() and len(email) <= ADDRESS_MAX:
            return email
        problem = (
            f"must have an @ and at most {ADDRESS_MAX} printable characters; or None for a user without one"
        )
        raise invalid(("email", problem)) from None


def address_key(email: str) -> str:
    """Return the form in which addresses are compared.

    Upper and lower case are the same in ASCII only: nearly all mail servers ignore that case, while other letters that
    Unicode takes for the same (``ß`` and ``ss``) are different mailboxes. Domains are compared in the form of DNS.
    """
    local, at_sign, domain = unicodedata.normalize("NFC", email).rpartition("@")
    if not domain.isascii() and len(domain) <= ADDRESS_MAX:
        # Loaded on first use, as in ``address``.
        import idna

        with suppress(UnicodeError):
            domain = idna.encode(domain, uts46=True).decode()
    folded = f"{local}{at_sign}{domain}".encode("utf-8", "surrogatepass").lower()
    return folded.decode("utf-8", "surrogatepass")


def digest_address(email: str) -> str:
    """Return the digest by which the records that contain an address are found, however it was written."""
    return digest(address_key(email))


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
