"""Auth: registration, login and the caller's own profile. Section Auth of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from stellary.contract.endpoint import Collection, acts, creates, reads, updates
from stellary.contract.limits import Blank, EmailAddress, Length, Name, Named, Secret
from stellary.contract.policies import ACCOUNT_READ, ACCOUNT_WRITE, OWN_TOKEN, PERSON_ONLY, PUBLIC
from stellary.contract.refs import IdentityRef, Ref, SessionRef
from stellary.contract.roles import PilotageRole
from stellary.contract.wire import UNSET, RecordedItem, Request, Unset, Value

Password = Annotated[str, Length(8, 128), Blank(allowed=True), Secret()]
GivenPassword = Annotated[str, Length(1, 128), Blank(allowed=True), Secret()]
"""A password to verify. The rules for new passwords do not apply, so a short one is reported as a wrong password."""
AccessToken = Annotated[str, Named("access_token"), Secret()]
Code = Annotated[str, Length(1, 40), Blank(allowed=True), Secret()]
"""A code of an authenticator app, or a recovery code. One that no app would show is reported as a wrong code."""
MailedToken = Annotated[str, Length(1, 100), Secret()]
"""The secret at the end of a link in an e-mail."""
ConfirmedAction = Literal["change_email", "delete_account"]
"""The changes that an account without a password confirms with a link in an e-mail."""


class User(RecordedItem):
    """A user with an account.

    Attributes:
        pilotage_role: The user's role in their personal workspace.
        email_verified: Whether the address counts as the user's. False after a registration on a server that
            verifies addresses, until the link in the e-mail is used.
    """

    email: str
    name: str
    pilotage_role: PilotageRole
    email_verified: bool


class Me(Value):
    """The caller, wrapped in an object as in the API reference."""

    user: User


class Session(Value):
    """A successful login.

    Attributes:
        access_token: A JWT. It expires after 7 days, unless the deployment configures another lifetime.
    """

    access_token: AccessToken
    user: User


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


class LinkedIdentity(RecordedItem):
    """An identity that signs the caller in: the account that the caller has at an OpenID Connect provider.

    Attributes:
        issuer: The URL of the provider.
        subject: The id of the caller there, which never changes.
        created_at: When it was linked.
    """

    issuer: str
    subject: str


class SecondFactor(Value):
    """The second factor of the caller's logins.

    Attributes:
        enabled: Whether a login needs a code beside the password.
        enabled_at: Since when; None if it is not enabled.
        recovery_codes: The number of recovery codes that have not been used.
    """

    enabled: bool
    enabled_at: datetime | None
    recovery_codes: int


class SecondFactorSecret(Value):
    """The secret for an authenticator app. It does not count until ``auth.confirm_second_factor`` gets a code of the app.

    Attributes:
        secret: The secret in base32, to be typed into the app.
        uri: The same as an ``otpauth:`` URI, to be opened by the app or shown as a QR code.
    """

    secret: Annotated[str, Secret()]
    uri: Annotated[str, Secret()]


class RecoveryCodes(Value):
    """The recovery codes of an account. They are shown only once.

    Attributes:
        codes: Ten codes. Each replaces a code of the app in one login.
    """

    codes: Annotated[list[str], Secret()]


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


class Login(Request):
    """The e-mail address and password of an account.

    Attributes:
        code: The code of the authenticator app, or a recovery code. Required if the account has a second factor;
            otherwise ignored.
        device: The name of the device or program, for the list of sessions. Default: none.
    """

    email: EmailAddress
    password: GivenPassword
    code: Code | Unset = UNSET
    device: Name | Unset = UNSET


class UpdateMe(Request):
    """The fields to change. Omitted fields keep their values.

    Attributes:
        name: 1-100 characters.
    """

    name: Name | Unset = UNSET


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


class SendConfirmation(Request):
    """The change that the link confirms.

    Attributes:
        action: ``change_email`` or ``delete_account``. The link confirms nothing else.
    """

    action: ConfirmedAction


class ChangeEmail(Request):
    """The new e-mail address, and the current password as a confirmation.

    Attributes:
        email: Unique, ignoring case. It is used once its owner has opened the link that is sent to it.
        current_password: Required if the account has a password.
        confirmation: The last part of the link that ``auth.send_confirmation`` has sent. Required if the account has no
            password; otherwise ignored.
    """

    email: EmailAddress
    current_password: GivenPassword | Unset = UNSET
    confirmation: MailedToken | Unset = UNSET


class ConfirmEmail(Request):
    """The token from the e-mail.

    Attributes:
        token: The last part of the link. Valid for one hour, once.
    """

    token: MailedToken


class DeleteAccount(Request):
    """The current password, as a confirmation.

    Attributes:
        current_password: Required if the account has a password.
        confirmation: The last part of the link that ``auth.send_confirmation`` has sent. Required if the account has no
            password; otherwise ignored.
    """

    current_password: GivenPassword | Unset = UNSET
    confirmation: MailedToken | Unset = UNSET


class EnrollSecondFactor(Request):
    """The current password, as a confirmation."""

    current_password: GivenPassword


class ConfirmSecondFactor(Request):
    """A code of the authenticator app, which proves that the app has the secret.

    Attributes:
        code: The code that the app shows.
    """

    code: Code


class DisableSecondFactor(Request):
    """The current password and a code, as a confirmation.

    Attributes:
        code: The code of the authenticator app, or a recovery code.
    """

    current_password: GivenPassword
    code: Code


class ForgotPassword(Request):
    """The e-mail address of the account."""

    email: EmailAddress


class ResetPassword(Request):
    """The token from the e-mail, and the new password.

    Attributes:
        token: The last part of the link. Valid for one hour, once.
        new_password: 8-128 characters of any script. Must not be one of the most common passwords or the e-mail
            address.
        revoke_tokens: Whether to also revoke the account's personal access tokens and all agent tokens that act with its
            rights. Default: false. JWTs are always revoked; if the address was not verified, the tokens are revoked too.
    """

    token: MailedToken
    new_password: Password
    revoke_tokens: bool | Unset = UNSET


_SESSIONS = Collection(Ref, "auth/sessions", SessionRef, ActiveSession)
_IDENTITIES = Collection(Ref, "auth/identities", IdentityRef, LinkedIdentity)

REGISTER = creates(
    "auth.register",
    Ref,
    "auth/register",
    summary="Create an account with a personal organization and workspace.",
    takes=Register,
    returns=Session,
    policy=PUBLIC,
    # A server can restrict who registers.
    also=(403,),
)
LOGIN = creates(
    "auth.login",
    Ref,
    "auth/login",
    summary="Log in with e-mail address, password, and a code if the account has a second factor. The response contains a JWT.",
    takes=Login,
    returns=Session,
    policy=PUBLIC,
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
)

CHANGE_EMAIL = acts(
    "auth.change_email",
    Ref,
    "auth/change-email",
    summary="Send a link to a new e-mail address. The address of the account changes once the link is used.",
    takes=ChangeEmail,
    policy=PERSON_ONLY,
)
CONFIRM_EMAIL = acts(
    "auth.confirm_email",
    Ref,
    "auth/confirm-email",
    summary="Change the e-mail address of an account with the token from the e-mail.",
    takes=ConfirmEmail,
    policy=PUBLIC,
)
SEND_CONFIRMATION = acts(
    "auth.send_confirmation",
    Ref,
    "auth/send-confirmation",
    summary="Send a link that confirms a change of an account without a password. It is valid for one hour, once.",
    takes=SendConfirmation,
    policy=PERSON_ONLY,
)
DELETE_ACCOUNT = acts(
    "auth.delete_account",
    Ref,
    "auth/delete-account",
    summary="Delete the caller's account. What it has shared stays, under the name 'former member'.",
    takes=DeleteAccount,
    policy=PERSON_ONLY,
)
LOGOUT = acts(
    "auth.logout",
    Ref,
    "auth/logout",
    summary="Log out: the JWT of this request is refused from the next request on.",
    policy=PERSON_ONLY,
)
LIST_SESSIONS = _SESSIONS.lists(
    "auth.list_sessions",
    summary="List the caller's logins that have not ended.",
    policy=PERSON_ONLY,
)
REVOKE_SESSION = _SESSIONS.deletes(
    "auth.revoke_session",
    summary="End a login of the caller. Its JWT is refused from the next request on.",
    policy=OWN_TOKEN,
)
LIST_IDENTITIES = _IDENTITIES.lists(
    "auth.list_identities",
    summary="List the identities by which OpenID Connect providers sign the caller in.",
    policy=PERSON_ONLY,
)
UNLINK_IDENTITY = _IDENTITIES.deletes(
    "auth.unlink_identity",
    summary="Unlink an identity: it no longer signs the caller in. The last way to sign in cannot be unlinked.",
    policy=OWN_TOKEN,
)
GET_SECOND_FACTOR = reads(
    "auth.get_second_factor",
    Ref,
    "auth/second-factor",
    summary="Get the state of the caller's second factor.",
    returns=SecondFactor,
    policy=PERSON_ONLY,
)
ENROLL_SECOND_FACTOR = acts(
    "auth.enroll_second_factor",
    Ref,
    "auth/second-factor",
    summary="Get a new secret for an authenticator app. Logins stay as they are until it is confirmed.",
    takes=EnrollSecondFactor,
    returns=SecondFactorSecret,
    policy=PERSON_ONLY,
)
CONFIRM_SECOND_FACTOR = acts(
    "auth.confirm_second_factor",
    Ref,
    "auth/second-factor/confirm",
    summary="Enable the second factor with a code of the app. The response contains the recovery codes.",
    takes=ConfirmSecondFactor,
    returns=RecoveryCodes,
    policy=PERSON_ONLY,
)
DISABLE_SECOND_FACTOR = acts(
    "auth.disable_second_factor",
    Ref,
    "auth/second-factor/disable",
    summary="Disable the second factor. The recovery codes are deleted.",
    takes=DisableSecondFactor,
    policy=PERSON_ONLY,
)
FORGOT_PASSWORD = acts(
    "auth.forgot_password",
    Ref,
    "auth/forgot-password",
    summary="Send a link to reset the password. The response is the same if no account has the address.",
    takes=ForgotPassword,
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
