"""Password resets: a link by email, for one hour, once. Section Auth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from sqlalchemy import bindparam, select, update

from stellary.contract.auth import (
    FORGOT_PASSWORD,
    RESET_PASSWORD,
    ForgotPassword,
    PasswordReset,
    ResetPassword,
)
from stellary.contract.endpoint import Ok
from stellary.contract.refs import Ref
from stellary.core.accounts import api_tokens
from stellary.core.accounts.addresses import address_key
from stellary.core.accounts.common_passwords import check_new_password
from stellary.core.accounts.email_tokens import (
    TokenOwner,
    create_email_token,
    delete_links,
    find_owner,
    has_room,
    take_email_token,
)
from stellary.core.accounts.emails import build_email
from stellary.core.accounts.passwords import hash_password
from stellary.core.accounts.second_factors import delete_second_factor
from stellary.core.accounts.tables import users
from stellary.core.kernel import jobs
from stellary.core.kernel.events import AccountTakenOver
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork, serves, serves_self_managed
from stellary.core.kernel.units import Units

SEND = "accounts.send_reset_link"
"""The kind of job that sends a link."""
LIFETIME = timedelta(hours=1)

# A user of an embedding application logs in there, so such a user has no password to reset.
_BY_EMAIL = select(users.c.id, users.c.email).where(
    users.c.email_key == bindparam("_email_key"),
    users.c.password_hash.is_not(None),
    users.c.deactivated_at.is_(None),
)
_SET_PASSWORD = (
    update(users)
    .where(users.c.id == bindparam("_id"))
    # The link was mailed to the address, so its owner has used it.
    .values(token_generation=users.c.token_generation + 1, unverified_since=None)
)


@serves(FORGOT_PASSWORD)
def forgot_password(uow: UnitOfWork, ref: Ref, request: ForgotPassword) -> Ok:
    """Send a link to reset the password, if an account has the address.

    A job looks the address up, so that neither the response nor its time reveals whether there is an account.
    """
    jobs.enqueue(uow, SEND, {"email": request.email})
    return Ok()


def send_reset_link(uow: UnitOfWork, payload: object) -> None:
    """Mail a link to the owner of an address, if an account has it. Runs as a job.

    Args:
        uow: The unit of the job.
        payload: The requested address.
    """
    owner = _find_by_email(uow, cast("Mapping[str, str]", payload)["email"])
    if owner is None or not has_room(uow, owner.user_id, "reset_password"):
        return
    message = build_email(
        # The requested address may be another spelling of it, and so belong to someone else.
        owner.email,
        "Reset your password",
        kind="password_reset",
        intro=["Someone has asked to reset the password of your Stellary account."],
        action="Choose a new password",
        link=_create_link(uow, owner),
        outro=[
            "The link is valid for one hour and can be used once.",
            "If you did not ask for it, ignore this email: your password stays the same.",
        ],
    )
    uow.after_commit.append(lambda: uow.env.mailer(message))


def create_reset_link(uow: UnitOfWork, email: str) -> str | None:
    """Return a new link to reset a password, which is valid for one hour; None if no account has the address.

    Args:
        uow: A unit that may write.
        email: The address of the account, which has to have a password.
    """
    owner = _find_by_email(uow, email)
    return None if owner is None else _create_link(uow, owner)


def _find_by_email(uow: UnitOfWork, email: str) -> TokenOwner | None:
    row = uow.connection.execute(_BY_EMAIL, {"_email_key": address_key(email)}).first()
    return None if row is None else TokenOwner(row.id, row.email)


def _create_link(uow: UnitOfWork, owner: TokenOwner) -> str:
    secret = create_email_token(uow, owner.user_id, "reset_password", LIFETIME)
    return f"{uow.env.public_url}/reset-password/{secret}"


def find_reset_owner(uow: UnitOfWork, token: str) -> TokenOwner:
    """Return the account whose password a valid token resets.

    Args:
        uow: A unit.
        token: The token from the link.

    Raises:
        Invalid: The token is unknown, was used, or has expired.
    """
    return find_owner(uow, token, "reset_password")


@serves_self_managed(RESET_PASSWORD)
def reset_password(units: Units, actor: Actor, ref: Ref, request: ResetPassword) -> PasswordReset:
    """Set a new password with the token from an email. All earlier JWTs are refused from then on.

    If the address was not verified, all tokens are revoked, and webhooks and automations are disabled.

    Args:
        units: The core.
        actor: The caller, who needs no login.
        ref: The root ref, which is not used.
        request: The token and the new password.

    Returns:
        The number of tokens that are still valid.

    Raises:
        Invalid: The token is unknown, was used, or has expired; or the password is one of the most common ones.
    """
    with units.read(NOBODY) as uow:
        owner = find_reset_owner(uow, request.token)
    check_new_password(request.new_password, owner.email, "newPassword")
    password_hash = hash_password(request.new_password, units.env.bcrypt_rounds)
    with units.transaction(Actor(owner.user_id)) as uow:
        # Locks the account first, so that of two resets at the same time the second one finds no token.
        uow.connection.execute(
            _SET_PASSWORD, {"_id": owner.user_id, "password_hash": password_hash, "updated_at": uow.now}
        )
        take_email_token(uow, request.token, "reset_password")
        delete_links(uow, owner.user_id)
        if not owner.is_verified:
            # Someone else may have registered the address, with a second factor that would lock its owner out.
            delete_second_factor(uow, owner.user_id)
            uow.emit(AccountTakenOver(user_id=owner.user_id))
        uow.send_on_commit(ACCESS)
        revokes_tokens = request.revoke_tokens or not owner.is_verified
        revoked = api_tokens.revoke_all(uow) if revokes_tokens else 0
        return PasswordReset(live_api_tokens=api_tokens.count_live(uow), revoked_tokens=revoked)
