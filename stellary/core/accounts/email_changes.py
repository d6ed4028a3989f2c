"""Confirmed e-mail addresses: of a new account, or a new one of an account, by a link that is mailed. Section Auth."""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict

from sqlalchemy import bindparam, select, update

from stellary.contract.auth import CHANGE_EMAIL, CONFIRM_EMAIL, ChangeEmail, ConfirmEmail, User
from stellary.contract.endpoint import Ok
from stellary.contract.refs import Ref
from stellary.core.accounts.addresses import address, address_key
from stellary.core.accounts.confirmations import check_confirmed, use_confirmation
from stellary.core.accounts.current_password import USER
from stellary.core.accounts.email_tokens import (
    TokenOwner,
    create_email_token,
    delete_email_tokens,
    find_owner,
    has_room,
    take_email_token,
)
from stellary.core.accounts.emails import build_email
from stellary.core.accounts.locks import lock_caller
from stellary.core.accounts.tables import users
from stellary.core.accounts.users import ADDRESS_TAKEN, id_by_address
from stellary.core.kernel import jobs
from stellary.core.kernel.events import AddressReleased
from stellary.core.kernel.unit import Actor, UnitOfWork, serves, serves_self_managed
from stellary.core.kernel.units import Units
from stellary.core.kernel.writes import refuse_duplicate

SEND = "accounts.send_email_link"
"""The kind of job that sends a link."""
LIFETIME = timedelta(hours=1)
VERIFICATION_LIFETIME = timedelta(days=1)

_EMAIL = select(users.c.email).where(users.c.id == bindparam("_user_id"))
_UPDATE = update(users).where(users.c.id == bindparam("_id"))


class RequestedAddress(TypedDict):
    """The payload of the job: an account, the number of its passwords at the request, and the new address."""

    userId: str
    email: str
    generation: int


@serves_self_managed(CHANGE_EMAIL)
def change_email(units: Units, actor: Actor, ref: Ref, request: ChangeEmail) -> Ok:
    """Send a link to a new address; the address changes once the link is used. The present address is verified by it.

    A job looks the address up, so that neither the response nor its time reveals whether another account has it.

    Args:
        units: The core.
        actor: The caller, who has logged in.
        ref: The root ref, which is not used.
        request: The new address, and the current password or the confirmation of an account without one.

    Raises:
        Invalid: The address is not valid, or the password or the confirmation is missing or wrong.
        Unauthenticated: The caller's login has ended at the same time.
    """
    email = address(request.email)
    user = check_confirmed(units, actor, request, "change_email")
    with units.transaction(actor) as uow:
        lock_caller(uow)
        use_confirmation(uow, user, request, "change_email")
        payload = RequestedAddress(userId=user.id, email=email, generation=user.token_generation)
        jobs.enqueue(uow, SEND, payload)
    return Ok()


def send_email_link(uow: UnitOfWork, payload: RequestedAddress) -> None:
    """Mail a link to a new address, unless another account has it, and tell the old one. Runs as a job.

    Args:
        uow: The unit of the job.
        payload: The requested address.
    """
    user, new_email = USER.first(uow.connection, {"_user_id": payload["userId"]}), payload["email"]
    # A new password, a deletion or a deactivation in the meantime ends the request.
    if user is None or user.token_generation != payload["generation"]:
        return
    if not has_room(uow, user.id, "change_email"):
        return
    if new_email == user.email:
        _send_link(uow, user.id, new_email, LIFETIME)
        return
    if user.password_hash is None:
        reason, action, path = (
            "Someone who reads your e-mails",
            "If it was not you, see your account",
            "/account",
        )
    else:
        reason, action = "Someone who knows your password", "If it was not you, choose a new password"
        path = "/forgot-password"
    notice = build_email(
        user.email,
        "Your e-mail address is about to change",
        kind="email_change_notice",
        data={"newEmail": new_email},
        intro=[f"{reason} has asked to change the address of your account to {new_email}."],
        action=action,
        link=f"{uow.env.public_url}{path}",
        outro=["If it was you, open the link in the e-mail to the new address."],
    )
    uow.after_commit.append(lambda: uow.env.mailer(notice))
    if id_by_address(uow, new_email) not in (None, user.id):
        return
    _send_link(uow, user.id, new_email, LIFETIME)


def send_verification(uow: UnitOfWork, user: User) -> None:
    """Mail a link to a new user, to find out whether the address is the user's.

    Args:
        uow: The unit that creates the user.
        user: The user.
    """
    _send_link(uow, user.id, user.email, VERIFICATION_LIFETIME)


def _send_link(uow: UnitOfWork, user_id: str, email: str, lifetime: timedelta) -> None:
    secret = create_email_token(uow, user_id, "change_email", lifetime, email)
    message = build_email(
        email,
        "Confirm your e-mail address",
        kind="email_confirmation",
        intro=["Someone has asked to use this address for a Stellary account."],
        action="Confirm the address",
        link=f"{uow.env.public_url}/confirm-email/{secret}",
        outro=[
            f"The link is valid for {'one hour' if lifetime == LIFETIME else 'one day'} and can be used once.",
            "If it was not you, ignore this email.",
        ],
    )
    uow.after_commit.append(lambda: uow.env.mailer(message))


def find_email_owner(uow: UnitOfWork, token: str) -> TokenOwner:
    """Return the account whose address a valid token changes.

    Args:
        uow: A unit.
        token: The token from the link.

    Raises:
        Invalid: The token is unknown, was used, or has expired.
    """
    return find_owner(uow, token, "change_email")


@serves(CONFIRM_EMAIL)
def confirm_email(uow: UnitOfWork, ref: Ref, request: ConfirmEmail) -> Ok:
    """Change the address of the account that a token belongs to, or verify its present one.

    Raises:
        Invalid: The token is unknown, was used, or has expired.
        Conflict: Another account has the address now.
    """
    owner = find_email_owner(uow, request.token)
    columns = {
        "email": owner.new_email,
        "email_key": address_key(owner.new_email),
        "unverified_since": None,
        "updated_at": uow.now,
    }
    former = uow.connection.execute(_EMAIL, {"_user_id": owner.user_id}).scalar_one()
    with refuse_duplicate(uow, ADDRESS_TAKEN, "duplicate_email"):
        # Locks the account, so that of two confirmations at the same time the second one finds no token.
        uow.connection.execute(_UPDATE, {"_id": owner.user_id, **columns})
    take_email_token(uow, request.token, "change_email")
    # Links that were mailed to the old address must not reset the password or confirm a change any more.
    delete_email_tokens(uow, owner.user_id, "reset_password", "confirm_change", "confirm_deletion")
    if former != owner.new_email:
        uow.emit(AddressReleased(user_id=owner.user_id, email=former))
    return Ok()
