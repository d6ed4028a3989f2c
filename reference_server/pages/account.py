"""The pages of the user's account: its creation, its e-mail address, its password, its second factor, and its deletion."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from reference_server.pages.operations import LinkEnded, OperationPage, PageForm, Read
from reference_server.pages.rendering import redirect, render_message, render_page
from reference_server.pages.requests import SESSION_COOKIE, ApiResponse, PageApi, PageRequest
from reference_server.pages.sessions import DEVICE
from stellary.contract.auth import CONFIRM_EMAIL
from stellary.contract.errors import Invalid, Unauthenticated
from stellary.contract.port import RawResponse
from stellary.core.accounts.email_links import find_confirmed_action
from stellary.core.accounts.email_tokens import find_owner
from stellary.core.accounts.passwords import has_password

URI_LENGTH_MAX = 1000
"""The maximum length of a URI in bytes, which fit into a code."""


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

# ---------------------------------------------------------------------------------------------- e-mail addresses


def show_confirm_email(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page with the new address. Opening it changes nothing, since mail scanners open links too."""
    try:
        owner = api.read(lambda uow: find_owner(uow, request.token, "change_email"))
    except Invalid:
        return _render_invalid(request)
    return render_page(request, "confirm_email", owner=owner)


def submit_confirm_email(request: PageRequest, api: PageApi) -> RawResponse:
    """Change the address, or verify it."""
    response = api.call(CONFIRM_EMAIL, {"token": request.token})
    if response.code == "duplicate_email":
        taken = "Another account has this address by now."
        return render_message(request, "This address is taken", taken, status=409)
    if response.problem is not None:
        return _render_invalid(request)
    return render_message(request, "Your address is confirmed", "Use this address to log in from now on.")


def _render_invalid(request: PageRequest) -> RawResponse:
    return render_message(
        request,
        "This link is no longer valid",
        "It has expired, or was used before. Change the address again to get a new one.",
        status=404,
    )


# ---------------------------------------------------------------------------------------------- forgotten passwords


def announce_reset_link(request: PageRequest, response: ApiResponse) -> RawResponse:
    """Return a page that does not reveal whether there is an account."""
    return render_message(
        request,
        "Check your e-mail",
        f"If there is an account with the address {request.form['email']}, a link is on its way to it.",
        "The link is valid for one hour. If nothing arrives, look into your spam folder.",
    )


FORGOTTEN = OperationPage(
    "forgot_password", forms={"send": PageForm("auth.forgot_password", then=announce_reset_link)}
)


def read_owner(request: PageRequest, api: PageApi) -> object:
    """Return the account to which the link belongs.

    Raises:
        LinkEnded: It belongs to none.
    """
    try:
        return api.read(lambda uow: find_owner(uow, request.token, "reset_password"))
    except Invalid:
        link = ("/forgot-password", "Get a new link")
        raise LinkEnded("It has expired, or was used before.", link) from None


def announce_change(request: PageRequest, response: ApiResponse) -> RawResponse:
    """Return the page after the new password was set."""
    sentence = "You are logged out everywhere. Use the new password from now on."
    return render_message(request, "Your password is changed", sentence)


_RESET = PageForm("auth.reset_password", values={"token": ":token"}, then=announce_change)
RESET = OperationPage("reset_password", {"owner": read_owner}, {"reset": _RESET})

# ---------------------------------------------------------------------------------------------- second factor


def show_secret(request: PageRequest, response: ApiResponse) -> RawResponse:
    """Return the page with a new secret, and with the problem of a code that did not confirm it."""
    # Loaded when the first code is shown.
    import segno

    # A form with a code sends the secret and the URI back, so they may be other texts.
    is_new = response.problem is None
    texts = response.body if is_new else request.form
    secret, uri = str(texts.get("secret", "")), str(texts.get("uri", ""))
    qr_code = None
    if uri.startswith("otpauth://") and len(uri.encode()) <= URI_LENGTH_MAX:
        code = segno.make(uri, error="m", micro=False)
        # Dark on light, also in the dark.
        qr_code = code.svg_data_uri(scale=4, border=4, dark="#000", light="#fff")
    return render_page(request, "second_factor_secret", response, secret=secret, uri=uri, qr_code=qr_code)


def show_recovery_codes(request: PageRequest, response: ApiResponse) -> RawResponse:
    """Return the page with the recovery codes, which are not shown again."""
    return render_page(request, "recovery_codes", codes=response.body["codes"])


SECOND_FACTOR = OperationPage(
    "second_factor",
    {
        "factor": Read("auth.get_second_factor"),
        "identities": Read("auth.list_identities"),
        "has_password": read_has_password,
    },
    {
        "enroll": PageForm("auth.enroll_second_factor", then=show_secret),
        "confirm": PageForm("auth.confirm_second_factor", then=show_recovery_codes, failed=show_secret),
        "disable": PageForm("auth.disable_second_factor", "The second factor is disabled."),
        "unlink": PageForm("auth.unlink_identity", "The identity is unlinked."),
    },
)
