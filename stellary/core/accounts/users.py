"""Users: their e-mail addresses and their creation."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

from sqlalchemy import insert, select

from stellary.contract.auth import User
from stellary.contract.errors import Forbidden, Invalid
from stellary.contract.wire import invalid
from stellary.core.accounts import personal
from stellary.core.accounts.authentication import digest
from stellary.core.accounts.row_types import UserRow
from stellary.core.accounts.tables import users
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.writes import refuse_duplicate

ADDRESS_MAX = 254
ADDRESS_TAKEN = "an account with this e-mail address exists already"
_INSERT = insert(users)
_BY_ADDRESS = select(users.c.id).where(is_given(users.c.email_key, "key"))
_USER_BY_ADDRESS = Query(UserRow, select(users).where(is_given(users.c.email_key, "key")))
_BY_VERIFIED_ADDRESS = _BY_ADDRESS.where(users.c.unverified_since.is_(None))


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
