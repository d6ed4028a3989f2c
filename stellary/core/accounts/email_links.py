"""Links that are mailed to the owner of an account, each for one purpose, for a time, once. Section Auth.

- An address is verified, or a new one takes its place, by a link to it.
- A password is reset by a link to the address of the account.
- A change of an account without a password is confirmed by a link. An OpenID Connect provider or a proxy signs such an
  account in, and a session alone must not suffice: it may have been left open on another device. The link proves that the
  caller reads the e-mails of the account, whose address the provider or the proxy has verified. It is for one kind of change,
  and only valid together with a login of the account.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, TypedDict, cast

from sqlalchemy import select, update

from stellary.contract.auth import (
    CHANGE_EMAIL,
    CONFIRM_EMAIL,
    FORGOT_PASSWORD,
    RESET_PASSWORD,
    SEND_CONFIRMATION,
    ChangeEmail,
    ConfirmedAction,
    ConfirmEmail,
    DeleteAccount,
    ForgotPassword,
    PasswordReset,
    ResetPassword,
    SendConfirmation,
    User,
)
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict
from stellary.contract.refs import Ref
from stellary.contract.wire import invalid
from stellary.core.accounts import api_tokens, email_tokens
from stellary.core.accounts.common_passwords import check_new_password
from stellary.core.accounts.emails import send_email, send_security_notice
from stellary.core.accounts.locks import lock_caller
from stellary.core.accounts.passwords import USER, check_current_password, hash_password, load_caller
from stellary.core.accounts.row_types import UserRow
from stellary.core.accounts.second_factors import delete_second_factor
from stellary.core.accounts.tables import identities, users
from stellary.core.accounts.users import (
    ADDRESS_TAKEN,
    address,
    address_key,
    find_user_by_address,
    id_by_address,
)
from stellary.core.db.base import is_given
from stellary.core.kernel import jobs
from stellary.core.kernel.events import AccountTakenOver, AddressReleased
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork, serves, serves_self_managed
from stellary.core.kernel.units import Units
from stellary.core.kernel.writes import refuse_duplicate

SEND_ADDRESS_LINK = "accounts.send_email_link"
"""The kind of job that sends a link to a requested address."""
SEND_RESET_LINK = "accounts.send_reset_link"
"""The kind of job that sends a link to reset a password."""
LIFETIME = timedelta(hours=1)
VERIFICATION_LIFETIME = timedelta(days=1)
PURPOSES: Final[Mapping[ConfirmedAction, email_tokens.EmailPurpose]] = {
    "change_email": "confirm_change",
    "delete_account": "confirm_deletion",
}
"""The purpose of the token in the link, by the change that it confirms."""
_CONFIRMATION_TEXTS: Final[Mapping[ConfirmedAction, tuple[str, str, str]]] = {
    "change_email": (
        "Confirm the change of your e-mail address",
        "Someone who is signed in to your Stellary account wants to change its e-mail address.",
        "Change the address",
    ),
    "delete_account": (
        "Confirm the deletion of your account",
        "Someone who is signed in to your Stellary account wants to delete it.",
        "Delete the account",
    ),
}
"""The subject, the first sentence and the action of the e-mail."""

_EMAIL = select(users.c.email).where(is_given(users.c.id, "user_id"))
_UPDATE = update(users).where(is_given(users.c.id))
_HAS_IDENTITY = select(identities.c.issuer).where(is_given(identities.c.user_id)).limit(1)
_SET_PASSWORD = (
    update(users)
    .where(is_given(users.c.id))
    # The link was mailed to the address, so its owner has used it.
    .values(token_generation=users.c.token_generation + 1, unverified_since=None)
)


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
        jobs.enqueue(uow, SEND_ADDRESS_LINK, payload)
    return Ok()


def send_address_link(uow: UnitOfWork, payload: RequestedAddress) -> None:
    """Mail a link to a new address, unless another account has it, and tell the old one. Runs as a job.

    Args:
        uow: The unit of the job.
        payload: The requested address.
    """
    user, new_email = USER.first(uow.connection, {"_user_id": payload["userId"]}), payload["email"]
    # A new password, a deletion or a deactivation in the meantime ends the request.
    if user is None or user.token_generation != payload["generation"]:
        return
    if not email_tokens.has_room(uow, user.id, "change_email"):
        return
    if new_email == user.email:
        _mail_address_link(uow, user.id, new_email, LIFETIME)
        return
    if user.password_hash is None:
        reason, action = "Someone who reads your e-mails", "If it was not you, see your account"
        path = "/account"
    else:
        reason, action = "Someone who knows your password", "If it was not you, choose a new password"
        path = "/forgot-password"
    send_email(
        uow,
        user.email,
        "Your e-mail address is about to change",
        kind="email_change_notice",
        data={"newEmail": new_email},
        intro=[f"{reason} has asked to change the address of your account to {new_email}."],
        action=action,
        link=f"{uow.env.public_url}{path}",
        outro=["If it was you, open the link in the e-mail to the new address."],
    )
    if id_by_address(uow, new_email) not in (None, user.id):
        return
    _mail_address_link(uow, user.id, new_email, LIFETIME)


def send_verification(uow: UnitOfWork, user: User) -> None:
    """Mail a link to a new user, to find out whether the address is the user's.

    Args:
        uow: The unit that creates the user.
        user: The user.
    """
    _mail_address_link(uow, user.id, user.email, VERIFICATION_LIFETIME)


def _mail_address_link(uow: UnitOfWork, user_id: str, email: str, lifetime: timedelta) -> None:
    secret = email_tokens.create_email_token(uow, user_id, "change_email", lifetime, email)
    send_email(
        uow,
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


@serves(CONFIRM_EMAIL)
def confirm_email(uow: UnitOfWork, ref: Ref, request: ConfirmEmail) -> Ok:
    """Change the address of the account that a token belongs to, or verify its present one.

    Raises:
        Invalid: The token is unknown, was used, or has expired.
        Conflict: Another account has the address now.
    """
    owner = email_tokens.find_owner(uow, request.token, "change_email")
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
    email_tokens.take_email_token(uow, request.token, "change_email")
    # Links that were mailed to the old address must not reset the password or confirm a change any more.
    email_tokens.delete_email_tokens(
        uow, owner.user_id, "reset_password", "confirm_change", "confirm_deletion"
    )
    if former != owner.new_email:
        uow.emit(AddressReleased(user_id=owner.user_id, email=former))
    return Ok()


@serves(FORGOT_PASSWORD)
def forgot_password(uow: UnitOfWork, ref: Ref, request: ForgotPassword) -> Ok:
    """Send a link to reset the password, if an account has the address.

    A job looks the address up, so that neither the response nor its time reveals whether there is an account.
    """
    jobs.enqueue(uow, SEND_RESET_LINK, {"email": request.email})
    return Ok()


def send_reset_link(uow: UnitOfWork, payload: object) -> None:
    """Mail a link to the owner of an address, if an account has it. Runs as a job.

    Args:
        uow: The unit of the job.
        payload: The requested address.
    """
    owner = _find_resettable(uow, cast("Mapping[str, str]", payload)["email"])
    if owner is None or not email_tokens.has_room(uow, owner.user_id, "reset_password"):
        return
    send_email(
        uow,
        # The requested address may be another spelling of it, and so belong to someone else.
        owner.email,
        "Reset your password",
        kind="password_reset",
        intro=["Someone has asked to reset the password of your Stellary account."],
        action="Choose a new password",
        link=_create_reset_url(uow, owner),
        outro=[
            "The link is valid for one hour and can be used once.",
            "If you did not ask for it, ignore this email: your password stays the same.",
        ],
    )


def create_reset_link(uow: UnitOfWork, email: str) -> str | None:
    """Return a new link to reset a password, which is valid for one hour; None if no account has the address.

    Args:
        uow: A unit that may write.
        email: The address of the account, which has to have a password.
    """
    owner = _find_resettable(uow, email)
    return None if owner is None else _create_reset_url(uow, owner)


def _find_resettable(uow: UnitOfWork, email: str) -> email_tokens.TokenOwner | None:
    user = find_user_by_address(uow, email)
    # A user of an embedding application logs in there, so such a user has no password to reset.
    if user is None or user.password_hash is None or user.deactivated_at is not None:
        return None
    return email_tokens.TokenOwner(user.id, user.email)


def _create_reset_url(uow: UnitOfWork, owner: email_tokens.TokenOwner) -> str:
    secret = email_tokens.create_email_token(uow, owner.user_id, "reset_password", LIFETIME)
    return f"{uow.env.public_url}/reset-password/{secret}"


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
        owner = email_tokens.find_owner(uow, request.token, "reset_password")
    check_new_password(request.new_password, owner.email, "newPassword")
    password_hash = hash_password(request.new_password, units.env.bcrypt_rounds)
    with units.transaction(Actor(owner.user_id)) as uow:
        # Locks the account first, so that of two resets at the same time the second one finds no token.
        uow.connection.execute(
            _SET_PASSWORD, {"_id": owner.user_id, "password_hash": password_hash, "updated_at": uow.now}
        )
        email_tokens.take_email_token(uow, request.token, "reset_password")
        email_tokens.delete_links(uow, owner.user_id)
        if not owner.is_verified:
            # Someone else may have registered the address, with a second factor that would lock its owner out.
            delete_second_factor(uow, owner.user_id)
            uow.emit(AccountTakenOver(user_id=owner.user_id))
        uow.send_on_commit(ACCESS)
        send_security_notice(uow, owner.user_id, "The password of your account was reset.")
        revokes_tokens = request.revoke_tokens or not owner.is_verified
        revoked = api_tokens.revoke_all(uow) if revokes_tokens else 0
        return PasswordReset(live_api_tokens=api_tokens.count_live(uow), revoked_tokens=revoked)


@serves(SEND_CONFIRMATION)
def send_confirmation(uow: UnitOfWork, ref: Ref, request: SendConfirmation) -> Ok:
    """Mail a link that confirms a change of the caller's account, which has no password.

    Raises:
        Conflict: The account has a password; or three links are valid already; or the account signs in by its address,
            which would no longer find the account.
        Unauthenticated: The caller's login has ended at the same time.
    """
    lock_caller(uow)
    parameters = {"_user_id": uow.user_id}
    user = USER.one(uow.connection, parameters)
    purpose = PURPOSES[request.action]
    if user.password_hash is not None:
        raise Conflict("the account has a password; send it as currentPassword", code="has_password")
    if request.action == "change_email" and uow.connection.execute(_HAS_IDENTITY, parameters).first() is None:
        raise Conflict(
            "the account signs in by its e-mail address, so only the service that signs it in can change it",
            code="address_of_sign_in",
        )
    if not email_tokens.has_room(uow, user.id, purpose):
        raise Conflict("three links were sent within the hour; use one of them", code="too_many_links")
    secret = email_tokens.create_email_token(uow, user.id, purpose, LIFETIME)
    subject, sentence, action = _CONFIRMATION_TEXTS[request.action]
    send_email(
        uow,
        user.email,
        subject,
        kind="account_confirmation",
        data={"action": request.action},
        intro=[sentence],
        action=action,
        link=f"{uow.env.public_url}/account/{secret}",
        outro=[
            "The link is valid for one hour and can be used once. It asks again before anything changes.",
            "If it was not you, do not open it, and end the session: someone else may be signed in to your account.",
        ],
    )
    return Ok()


def find_confirmed_action(uow: UnitOfWork, user_id: str, token: str) -> ConfirmedAction:
    """Return the change that a valid token confirms.

    Args:
        uow: A unit.
        user_id: The account.
        token: The token from the link.

    Raises:
        Invalid: The token is unknown or another account's, was used, or has expired.
    """
    for action, purpose in PURPOSES.items():
        if _is_own_token(uow, user_id, token, purpose):
            return action
    raise email_tokens.build_invalid_link()


def check_confirmed(
    units: Units, actor: Actor, request: ChangeEmail | DeleteAccount, action: ConfirmedAction
) -> UserRow:
    """Check the password or the confirmation of the caller outside of any transaction, and return the account.

    Args:
        units: The core.
        actor: The caller, who has logged in.
        request: The request with the password or the confirmation.
        action: The change that the confirmation must be for.

    Raises:
        Invalid: The password or the confirmation is missing or wrong.
        Unauthenticated: The caller's login has ended at the same time.
    """
    with units.read(actor) as uow:
        user = load_caller(uow)
        if user.password_hash is None:
            if not request.confirmation:
                problem = (
                    "is required, since the account has no password: send a link with auth.send_confirmation"
                )
                raise invalid(("confirmation", problem))
            if not _is_own_token(uow, user.id, request.confirmation, PURPOSES[action]):
                raise email_tokens.build_invalid_link()
            return user
    if not request.current_password:
        raise invalid(("currentPassword", "is required"))
    return check_current_password(units, actor, request.current_password)


def use_confirmation(
    uow: UnitOfWork, user: UserRow, request: ChangeEmail | DeleteAccount, action: ConfirmedAction
) -> None:
    """Delete the token of a confirmation, so that of two requests with it one wins; nothing for a password.

    Args:
        uow: The unit that makes the change, and has locked the row of the user.
        user: The account, as ``check_confirmed`` has returned it.
        request: The request.
        action: The change.

    Raises:
        Invalid: The token was used in the meantime, or has expired.
    """
    if user.password_hash is None:
        email_tokens.take_email_token(uow, request.confirmation or "", PURPOSES[action])


def _is_own_token(uow: UnitOfWork, user_id: str, token: str, purpose: email_tokens.EmailPurpose) -> bool:
    owner = email_tokens.find_owner_or_none(uow, token, purpose)
    return owner is not None and owner.user_id == user_id
