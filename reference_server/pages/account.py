"""The pages of the user's account: its creation, a new e-mail address, and its deletion, confirmed by the password or by a mailed link."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from reference_server.pages.operations import LinkEnded, OperationPage, PageForm
from reference_server.pages.rendering import redirect, render_message
from reference_server.pages.requests import SESSION_COOKIE, ApiResponse, PageApi, PageRequest
from reference_server.pages.sessions import DEVICE
from stellary.contract.errors import Invalid, Unauthenticated
from stellary.contract.port import RawResponse
from stellary.core.accounts.current_password import has_password
from stellary.core.accounts.email_links import find_confirmed_action


def read_user(request: PageRequest, api: PageApi) -> Mapping[str, str]:
    """Return the user who has signed in.

    Raises:
        Unauthenticated: Nobody has.
    """
    if api.user is None:
        raise Unauthenticated("nobody has signed in")
    return api.user


def read_has_password(request: PageRequest, api: PageApi) -> bool:
    """Return whether the user has a password: accounts that a sign-in service has created have none."""
    user_id = read_user(request, api)["id"]
    return api.read(lambda uow: has_password(uow, user_id))


def read_confirmed_action(request: PageRequest, api: PageApi) -> str:
    """Return the change that a mailed link confirms.

    Raises:
        LinkEnded: It confirms nothing, or nothing of this user.
    """
    user_id = read_user(request, api)["id"]
    try:
        return api.read(lambda uow: find_confirmed_action(uow, user_id, request.token))
    except Invalid:
        reason = "It has expired, was used before, or belongs to another account."
        raise LinkEnded(reason, ("/account", "Your account")) from None


def start_session(request: PageRequest, response: ApiResponse) -> RawResponse:
    """Lead to the first page, with the session of a new account."""
    token = str(response.body["access_token"])
    return redirect(f"{request.prefix}/home", request.build_cookie(SESSION_COOKIE, token))


def end_session(request: PageRequest, response: ApiResponse) -> RawResponse:
    """Return the page after the deletion of the account."""
    sentence = 'What you have shared with others stays, under the name "former member".'
    page = render_message(request, "Your account is deleted", sentence)
    return attrs.evolve(page, cookies=(request.build_cookie(SESSION_COOKIE, ""),))


def announce_link(request: PageRequest, response: ApiResponse) -> RawResponse:
    """Return the page after a new address was entered."""
    return render_message(
        request,
        "Check your e-mail",
        f"A link is on its way to {request.form['email']}. Your address changes once you open it.",
        link=("/account", "Back to your account"),
        is_signed_in=True,
    )


_SENT = "We have sent you an e-mail with a link. It is valid for one hour."
_BY_LINK = {"confirmation": ":token"}
REGISTRATION = OperationPage(
    "register",
    forms={"register": PageForm("auth.register", values={"device": DEVICE}, then=start_session)},
)
ACCOUNT = OperationPage(
    "account",
    {"user": read_user, "has_password": read_has_password},
    {
        "email": PageForm("auth.change_email", then=announce_link),
        "delete": PageForm("auth.delete_account", then=end_session),
        "send_email": PageForm("auth.send_confirmation", _SENT, {"action": "change_email"}),
        "send_delete": PageForm("auth.send_confirmation", _SENT, {"action": "delete_account"}),
    },
)
CONFIRMATION = OperationPage(
    "confirmation",
    {"user": read_user, "action": read_confirmed_action},
    {
        "email": PageForm("auth.change_email", values=_BY_LINK, then=announce_link),
        "delete": PageForm("auth.delete_account", values=_BY_LINK, then=end_session),
    },
)
