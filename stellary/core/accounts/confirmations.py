"""Confirmations of changes by the owner of an account: the current password, or a mailed link if there is none. Section Auth.

An account that an OpenID Connect provider or a proxy signs in has no password. A session alone must not suffice: it may
have been left open on another device. The link proves that the caller reads the e-mails of the account, whose address the
provider or the proxy has verified. Each link is for one kind of change, valid for one hour, once, and only together with a
login of the account.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import bindparam, select

from stellary.contract.auth import (
    SEND_CONFIRMATION,
    ChangeEmail,
    ConfirmedAction,
    DeleteAccount,
    SendConfirmation,
)
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict
from stellary.contract.refs import Ref
from stellary.contract.wire import invalid
from stellary.core.accounts.current_password import USER, check_current_password, load_caller
from stellary.core.accounts.email_tokens import (
    EmailPurpose,
    build_invalid_link,
    create_email_token,
    find_owner_or_none,
    has_room,
    take_email_token,
)
from stellary.core.accounts.emails import build_email
from stellary.core.accounts.locks import lock_caller
from stellary.core.accounts.row_types import UserRow
from stellary.core.accounts.tables import identities
from stellary.core.kernel.unit import Actor, UnitOfWork, serves
from stellary.core.kernel.units import Units

LIFETIME = timedelta(hours=1)
PURPOSES: Final[Mapping[ConfirmedAction, EmailPurpose]] = {
    "change_email": "confirm_change",
    "delete_account": "confirm_deletion",
}
"""The purpose of the token in the link, by the change that it confirms."""
_SENTENCES: Final[Mapping[ConfirmedAction, tuple[str, str, str]]] = {
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
_HAS_IDENTITY = select(identities.c.issuer).where(identities.c.user_id == bindparam("_user_id")).limit(1)


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
    if not has_room(uow, user.id, purpose):
        raise Conflict("three links were sent within the hour; use one of them", code="too_many_links")
    secret = create_email_token(uow, user.id, purpose, LIFETIME)
    subject, sentence, action = _SENTENCES[request.action]
    message = build_email(
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
    uow.after_commit.append(lambda: uow.env.mailer(message))
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
    raise build_invalid_link()


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
                raise build_invalid_link()
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
        take_email_token(uow, request.confirmation or "", PURPOSES[action])


def _is_own_token(uow: UnitOfWork, user_id: str, token: str, purpose: EmailPurpose) -> bool:
    owner = find_owner_or_none(uow, token, purpose)
    return owner is not None and owner.user_id == user_id
