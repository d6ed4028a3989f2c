"""Auth: registration, login and the caller's own profile. Section Auth of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from stellary.contract.endpoint import acts, creates, reads, updates
from stellary.contract.limits import Blank, EmailAddress, Length, Name, Named, Secret
from stellary.contract.policies import ACCOUNT_READ, ACCOUNT_WRITE, PERSON_ONLY, PUBLIC
from stellary.contract.refs import Ref
from stellary.contract.roles import PilotageRole
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

Password = Annotated[str, Length(8, 128), Blank(allowed=True), Secret()]
GivenPassword = Annotated[str, Length(1, 128), Blank(allowed=True), Secret()]
"""A password as it is compared: a short one is wrong like any other, and no reason to tell the rules for new ones."""
AccessToken = Annotated[str, Named("access_token"), Secret()]


@value
class User(Value):
    """Somebody with an account.

    Attributes:
        pilotage_role: That of the personal workspace.
    """

    id: str
    email: str
    name: str
    pilotage_role: PilotageRole
    created_at: datetime


@value
class Me(Value):
    """The caller, wrapped as published."""

    user: User


@value
class Session(Value):
    """What a login gives.

    Attributes:
        access_token: A JWT, good for 7 days unless the deployment says otherwise.
    """

    access_token: AccessToken
    user: User


@value
class PasswordChanged(Value):
    """The answer to a change of the password.

    Attributes:
        access_token: A new JWT, since those of before are no longer good.
        live_api_tokens: How many personal access tokens of the caller are still good.
        revoked_tokens: How many tokens were revoked: personal ones, and those that the caller gave to agents.
    """

    ok: bool = True
    access_token: AccessToken
    live_api_tokens: int
    revoked_tokens: int


@request
class Register(Request):
    """An account to be.

    Attributes:
        email: Unique without regard to case.
        password: 8-128 characters of any script; neither one of the most common passwords nor the e-mail address.
        name: 1-100 characters; made from the e-mail address if it is not given.
    """

    email: EmailAddress
    password: Password
    name: Name | Unset = UNSET


@request
class Login(Request):
    """The e-mail address and the password of an account."""

    email: EmailAddress
    password: GivenPassword


@request
class UpdateMe(Request):
    """What is not named stays.

    Attributes:
        name: 1-100 characters.
    """

    name: Name | Unset = UNSET


@request
class ChangePassword(Request):
    """The password as it is, and as it shall be.

    Attributes:
        new_password: 8-128 characters of any script; neither one of the most common passwords nor the e-mail
            address.
        revoke_tokens: Whether to revoke all personal access tokens of the caller, and all tokens of agents that act
            within the caller's rights; not if not given. JWTs of before end in any case.
    """

    current_password: GivenPassword
    new_password: Password
    revoke_tokens: bool | Unset = UNSET


REGISTER = creates(
    "auth.register",
    Ref,
    "auth/register",
    summary="Create an account, with a personal organization and a workspace in it.",
    takes=Register,
    returns=Session,
    policy=PUBLIC,
    keeps_secret=True,
)
LOGIN = creates(
    "auth.login",
    Ref,
    "auth/login",
    summary="Log in by e-mail address and password; the answer holds a JWT.",
    takes=Login,
    returns=Session,
    policy=PUBLIC,
    keeps_secret=True,
    also=(401,),
)
ME = reads("auth.me", Ref, "auth/me", summary="The profile of the caller.", returns=Me, policy=ACCOUNT_READ)
UPDATE_ME = updates(
    "auth.update_me",
    Ref,
    "auth/me",
    summary="Change the caller's profile.",
    takes=UpdateMe,
    returns=Me,
    policy=ACCOUNT_WRITE,
)
CHANGE_PASSWORD = acts(
    "auth.change_password",
    Ref,
    "auth/change-password",
    summary="Change the caller's password; every JWT of before is refused from then on, API tokens if that is asked.",
    takes=ChangePassword,
    returns=PasswordChanged,
    policy=PERSON_ONLY,
    keeps_secret=True,
)

ENDPOINTS = (REGISTER, LOGIN, ME, UPDATE_ME, CHANGE_PASSWORD)
