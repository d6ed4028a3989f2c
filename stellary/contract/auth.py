"""Auth: registration, login and the caller's own profile. Section Auth of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from stellary.contract.endpoint import Ok, acts, creates, deletes, lists, reads, updates
from stellary.contract.limits import Blank, EmailAddress, Length, Name, Named, Secret
from stellary.contract.paging import Paged
from stellary.contract.policies import ACCOUNT_READ, ACCOUNT_WRITE, OWN_TOKEN, PERSON_ONLY, PUBLIC
from stellary.contract.refs import Ref, SessionRef
from stellary.contract.roles import PilotageRole
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

Password = Annotated[str, Length(8, 128), Blank(allowed=True), Secret()]
GivenPassword = Annotated[str, Length(1, 128), Blank(allowed=True), Secret()]
"""A password to verify. The rules for new passwords do not apply, so a short one is reported as a wrong password."""
AccessToken = Annotated[str, Named("access_token"), Secret()]
MailedToken = Annotated[str, Length(1, 100), Secret()]
"""The secret at the end of a link in an e-mail."""


@value
class User(Value):
    """A user with an account.

    Attributes:
        pilotage_role: The user's role in their personal workspace.
        email_verified: Whether the address counts as the user's. False after a registration on a server that
            verifies addresses, until the link in the e-mail is used.
    """

    id: str
    email: str
    name: str
    pilotage_role: PilotageRole
    email_verified: bool
    created_at: datetime


@value
class Me(Value):
    """The caller, wrapped in an object as in the API reference."""

    user: User


@value
class Session(Value):
    """A successful login.

    Attributes:
        access_token: A JWT. It expires after 7 days, unless the deployment configures another lifetime.
    """

    access_token: AccessToken
    user: User


@value
class ActiveSession(Value):
    """A login of the caller that has not ended.

    Attributes:
        device: The name that the login gave; None without one.
        is_current: Whether this request is made with it.
        created_at: When the user logged in.
        expires_at: When its JWT expires.
    """

    id: str
    device: str | None
    is_current: bool
    created_at: datetime
    expires_at: datetime


@value
class PasswordChanged(Value):
    """The result of a password change.

    Attributes:
        access_token: A new JWT; JWTs issued before the change are no longer accepted.
        live_api_tokens: The number of personal access tokens of the caller that remain valid.
        revoked_tokens: The number of tokens that were revoked: the caller's personal ones, and those the caller created
            for agents.
    """

    ok: bool = True
    access_token: AccessToken
    live_api_tokens: int
    revoked_tokens: int


@value
class PasswordReset(Value):
    """The result of a password reset. All earlier JWTs are no longer accepted.

    Attributes:
        live_api_tokens: The number of personal access tokens of the account that remain valid.
        revoked_tokens: The number of tokens that were revoked: the account's personal ones, and those that it created for
            agents.
    """

    ok: bool = True
    live_api_tokens: int
    revoked_tokens: int


@request
class Register(Request):
    """The fields of a new account.

    Attributes:
        email: Unique, ignoring case.
        password: 8-128 characters of any script. Must not be one of the most common passwords or the e-mail address.
        name: 1-100 characters. Default: derived from the e-mail address.
        device: The name of the device or program, for the list of sessions. Default: none.
    """

    email: EmailAddress
    password: Password
    name: Name | Unset = UNSET
    device: Name | Unset = UNSET


@request
class Login(Request):
    """The e-mail address and password of an account.

    Attributes:
        device: The name of the device or program, for the list of sessions. Default: none.
    """

    email: EmailAddress
    password: GivenPassword
    device: Name | Unset = UNSET


@request
class UpdateMe(Request):
    """The fields to change. Omitted fields keep their values.

    Attributes:
        name: 1-100 characters.
    """

    name: Name | Unset = UNSET


@request
class ChangePassword(Request):
    """The current password and the new one.

    Attributes:
        new_password: 8-128 characters of any script. Must not be one of the most common passwords or the e-mail
            address.
        revoke_tokens: Whether to also revoke the caller's personal access tokens and all agent tokens that act with the
            caller's rights. Default: false. JWTs issued before the change are always revoked.
    """

    current_password: GivenPassword
    new_password: Password
    revoke_tokens: bool | Unset = UNSET


@request
class ChangeEmail(Request):
    """The new e-mail address, and the current password as a confirmation.

    Attributes:
        email: Unique, ignoring case. It is used once its owner has opened the link that is sent to it.
    """

    email: EmailAddress
    current_password: GivenPassword


@request
class ConfirmEmail(Request):
    """The token from the e-mail.

    Attributes:
        token: The last part of the link. Valid for one hour, once.
    """

    token: MailedToken


@request
class DeleteAccount(Request):
    """The current password, as a confirmation."""

    current_password: GivenPassword


@request
class ForgotPassword(Request):
    """The e-mail address of the account."""

    email: EmailAddress


@request
class ResetPassword(Request):
    """The token from the e-mail, and the new password.

    Attributes:
        token: The last part of the link. Valid for one hour, once.
        new_password: 8-128 characters of any script. Must not be one of the most common passwords or the e-mail
            address.
        revoke_tokens: Whether to also revoke the account's personal access tokens and all agent tokens that act with its
            rights. Default: false. JWTs are always revoked.
    """

    token: MailedToken
    new_password: Password
    revoke_tokens: bool | Unset = UNSET


REGISTER = creates(
    "auth.register",
    Ref,
    "auth/register",
    summary="Create an account with a personal organization and workspace.",
    takes=Register,
    returns=Session,
    policy=PUBLIC,
    keeps_secret=True,
)
LOGIN = creates(
    "auth.login",
    Ref,
    "auth/login",
    summary="Log in with e-mail address and password. The response contains a JWT.",
    takes=Login,
    returns=Session,
    policy=PUBLIC,
    keeps_secret=True,
    also=(401,),
)
ME = reads("auth.me", Ref, "auth/me", summary="Get the caller's profile.", returns=Me, policy=ACCOUNT_READ)
UPDATE_ME = updates(
    "auth.update_me",
    Ref,
    "auth/me",
    summary="Update the caller's profile.",
    takes=UpdateMe,
    returns=Me,
    policy=ACCOUNT_WRITE,
)
CHANGE_PASSWORD = acts(
    "auth.change_password",
    Ref,
    "auth/change-password",
    summary="Change the caller's password. Revokes all earlier JWTs, and API tokens on request.",
    takes=ChangePassword,
    returns=PasswordChanged,
    policy=PERSON_ONLY,
    keeps_secret=True,
)

CHANGE_EMAIL = acts(
    "auth.change_email",
    Ref,
    "auth/change-email",
    summary="Send a link to a new e-mail address. The address of the account changes once the link is used.",
    takes=ChangeEmail,
    returns=Ok,
    policy=PERSON_ONLY,
)
CONFIRM_EMAIL = acts(
    "auth.confirm_email",
    Ref,
    "auth/confirm-email",
    summary="Change the e-mail address of an account with the token from the e-mail.",
    takes=ConfirmEmail,
    returns=Ok,
    policy=PUBLIC,
)
DELETE_ACCOUNT = acts(
    "auth.delete_account",
    Ref,
    "auth/delete-account",
    summary="Delete the caller's account. What it has shared stays, under the name 'former member'.",
    takes=DeleteAccount,
    returns=Ok,
    policy=PERSON_ONLY,
)
LOGOUT = acts(
    "auth.logout",
    Ref,
    "auth/logout",
    summary="Log out: the JWT of this request is refused from the next request on.",
    returns=Ok,
    policy=PERSON_ONLY,
)
LIST_SESSIONS = lists(
    "auth.list_sessions",
    Ref,
    "auth/sessions",
    summary="List the caller's logins that have not ended.",
    takes=Paged,
    item=ActiveSession,
    policy=PERSON_ONLY,
)
REVOKE_SESSION = deletes(
    "auth.revoke_session",
    SessionRef,
    summary="End a login of the caller. Its JWT is refused from the next request on.",
    returns=Ok,
    policy=OWN_TOKEN,
)
FORGOT_PASSWORD = acts(
    "auth.forgot_password",
    Ref,
    "auth/forgot-password",
    summary="Send a link to reset the password. The response is the same if no account has the address.",
    takes=ForgotPassword,
    returns=Ok,
    policy=PUBLIC,
)
RESET_PASSWORD = acts(
    "auth.reset_password",
    Ref,
    "auth/reset-password",
    summary="Set a new password with the token from the e-mail. Revokes all JWTs, and API tokens on request.",
    takes=ResetPassword,
    returns=PasswordReset,
    policy=PUBLIC,
)

ENDPOINTS = (
    REGISTER,
    LOGIN,
    ME,
    UPDATE_ME,
    CHANGE_PASSWORD,
    CHANGE_EMAIL,
    CONFIRM_EMAIL,
    DELETE_ACCOUNT,
    LOGOUT,
    LIST_SESSIONS,
    REVOKE_SESSION,
    FORGOT_PASSWORD,
    RESET_PASSWORD,
)
