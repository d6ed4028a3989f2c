"""Identities: users that an OpenID Connect provider signs in, each found by the issuer and the subject of the provider.

Users list and unlink their own.
"""

from __future__ import annotations

from functools import partial

import attrs
from sqlalchemy import delete, exists, func, insert, select

from stellary.contract.auth import LIST_IDENTITIES, UNLINK_IDENTITY, LinkedIdentity
from stellary.contract.endpoint import Ok
from stellary.contract.errors import ApiError, Conflict
from stellary.contract.refs import IdentityRef, Ref
from stellary.contract.wire import Listing, Paged
from stellary.core.accounts import access
from stellary.core.accounts.auth import check_registration
from stellary.core.accounts.authentication import confirm_login
from stellary.core.accounts.emails import send_security_notice
from stellary.core.accounts.locks import lock_caller
from stellary.core.accounts.passwords import has_password
from stellary.core.accounts.proxied_users import take_over
from stellary.core.accounts.row_types import IdentifiedUserRow
from stellary.core.accounts.sessions import start_session
from stellary.core.accounts.tables import identities, users
from stellary.core.accounts.users import (
    address,
    address_key,
    check_not_deactivated,
    create_user,
    default_name,
)
from stellary.core.db.base import is_given
from stellary.core.db.errors import raise_api_errors
from stellary.core.db.row_fields import RowFields
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork, serves
from stellary.core.kernel.units import Units
from stellary.core.kernel.writes import delete_row, refuse_duplicate

_others = identities.alias("others")
_USERS = select(users, exists().where(_others.c.user_id == users.c.id).label("has_identity"))
_BY_IDENTITY = Query(
    IdentifiedUserRow,
    _USERS.join_from(users, identities).where(is_given(identities.c.issuer), is_given(identities.c.subject)),
)

_BY_EMAIL = Query(IdentifiedUserRow, _USERS.where(is_given(users.c.email_key)))
_IDENTITIES = RowFields(LinkedIdentity, identities, internal=("user_id",))
_INSERT = insert(identities)
_OF_USER = is_given(identities.c.user_id)
_LIST = Pages(RowType, select(identities).where(_OF_USER), identities.c.id)
_COUNT = select(func.count()).where(_OF_USER)
_DELETE = delete(identities).where(_OF_USER, is_given(identities.c.id))


@attrs.frozen
class Identity:
    """A user, as a provider knows them.

    Attributes:
        issuer: The URL of the provider.
        subject: The id of the user there, which never changes.
        email: The address, which the provider has verified.
        name: The name; empty if the provider does not tell it.
    """

    issuer: str
    subject: str
    email: str
    name: str


def sign_in(units: Units, identity: Identity, device: str) -> str | None:
    """Start a session of the user with an identity, whose account is created on first use, and return its JWT.

    An account whose address is not verified is given to the owner of the address. One with a password is
    linked by ``link_identity``, once the user has proved that it is theirs.

    Args:
        units: Runs the transactions.
        identity: The identity, which the provider has just authenticated.
        device: The name of the device or program.

    Returns:
        The JWT; None if the address belongs to an account with a password, which has to be checked first.

    Raises:
        Invalid: The address is not valid.
        Forbidden: The account is deactivated, or this address may not register.
        Conflict: The address belongs to an account that cannot be linked.
        Unavailable: The database does not answer, or was busy for too long.
    """
    email = address(identity.email)
    work = partial(_sign_in, identity, email, device)
    with raise_api_errors():
        if not units.run(partial(_is_known, identity, email), NOBODY, read_only=True):
            check_registration(units, email)
        try:
            return units.run(work, NOBODY)
        except Conflict:
            # Another request of the same user may have created the account at the same moment.
            return units.run(work, NOBODY)


def link_identity(units: Units, identity: Identity, user_id: str) -> None:
    """Link an identity to an account, whose owner has just proved that it is theirs.

    Args:
        units: Runs the transaction.
        identity: The identity.
        user_id: The account.

    Raises:
        Conflict: The identity belongs to another account.
        Unavailable: The database does not answer, or was busy for too long.
    """

    def link(uow: UnitOfWork) -> None:
        user = _find_by_identity(uow, identity)
        if user is None:
            _insert(uow, identity, user_id)
            send_security_notice(uow, user_id, "A way to sign in was added to your account.")
        elif user.id != user_id:
            raise _build_taken()

    with raise_api_errors():
        try:
            units.run(link, NOBODY)
        except Conflict:
            # The same user may have sent the form twice.
            units.run(link, NOBODY)


def _is_known(identity: Identity, email: str, uow: UnitOfWork) -> bool:
    return _find_by_identity(uow, identity) is not None or _find_by_email(uow, email) is not None


def _sign_in(identity: Identity, email: str, device: str, uow: UnitOfWork) -> str | None:
    # In this order: if another request creates the account between the two statements, the second one finds it.
    user = _find_by_email(uow, email)
    known_user = _find_by_identity(uow, identity)
    if known_user is not None:
        check_not_deactivated(known_user)
        return start_session(uow, known_user.id, known_user.token_generation, device)
    if user is None:
        name = identity.name[:100].strip() or default_name(email)
        new_user = create_user(uow, email, name)
        _insert(uow, identity, new_user.id)
        return start_session(uow, new_user.id, 0, device)
    check_not_deactivated(user)
    generation = user.token_generation
    if user.unverified_since is not None:
        with uow.caused_by(None, Actor(user.id)):
            take_over(uow)
        generation += 1
    elif user.password_hash is not None:
        return None
    elif user.has_identity or user.external_id is not None or user.agent_of_id is not None:
        raise _build_taken()
    _insert(uow, identity, user.id)
    return start_session(uow, user.id, generation, device)


def _find_by_identity(uow: UnitOfWork, identity: Identity) -> IdentifiedUserRow | None:
    return _BY_IDENTITY.first(uow.connection, {"_issuer": identity.issuer, "_subject": identity.subject})


def _find_by_email(uow: UnitOfWork, email: str) -> IdentifiedUserRow | None:
    return _BY_EMAIL.first(uow.connection, {"_email_key": address_key(email)})


def _insert(uow: UnitOfWork, identity: Identity, user_id: str) -> None:
    row = {
        "id": uow.new_id(),
        "issuer": identity.issuer,
        "subject": identity.subject,
        "user_id": user_id,
        "created_at": uow.now,
    }
    with refuse_duplicate(uow, "the identity belongs to an account already", "duplicate_identity"):
        uow.connection.execute(_INSERT, row)


def _build_taken() -> ApiError:
    return Conflict("another account has this e-mail address, and cannot be linked", code="address_taken")


@serves(LIST_IDENTITIES)
def list_identities(uow: UnitOfWork, ref: Ref, request: Paged) -> Listing[LinkedIdentity]:
    """Return the caller's identities, oldest first."""
    return _LIST.fetch(uow, request, _IDENTITIES.to_value, _user_id=uow.user_id)


@serves(UNLINK_IDENTITY)
def unlink_identity(uow: UnitOfWork, ref: IdentityRef) -> Ok:
    """Unlink an identity. Sessions that it has started stay, since the user can end them.

    Raises:
        NotFound: The caller has no such identity.
        Conflict: It is the only way to sign in: the account has no password and no other identity.
        Unauthenticated: The caller's login has ended at the same time.
    """
    confirm_login(uow)
    # Of two requests that unlink the last two identities, the second one finds one.
    lock_caller(uow)
    identity = access.identity(uow, ref)
    parameters = {"_user_id": uow.user_id}
    if not has_password(uow, uow.user_id) and uow.connection.execute(_COUNT, parameters).scalar_one() == 1:
        raise Conflict(
            "this is the only way to sign in, since the account has no password and no other identity;"
            " delete the account if you no longer need it",
            code="last_identity",
        )
    delete_row(uow, _DELETE, {**parameters, "_id": identity.id}, "Identity")
    return Ok()
