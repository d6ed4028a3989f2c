"""The page of the user's account: a new e-mail address, and its deletion, confirmed by the password or by a mailed link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from reference_server.pages.rendering import render_message, render_page
from reference_server.pages.requests import SESSION_COOKIE, ApiResponse, PageApi, PageRequest
from reference_server.pages.sessions import render_sign_in
from stellary.contract.auth import CHANGE_EMAIL, DELETE_ACCOUNT, ME, SEND_CONFIRMATION, ConfirmedAction
from stellary.contract.errors import Invalid
from stellary.contract.port import RawResponse
from stellary.core.accounts.current_password import has_password
from stellary.core.accounts.email_links import find_confirmed_action

_ACTIONS: Final[Mapping[str, ConfirmedAction]] = {"email": "change_email", "delete": "delete_account"}
"""The changes by the value of the field ``do``."""


def show_account(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page with the account of the user."""
    return _render_account(request, api)


def submit_account(request: PageRequest, api: PageApi) -> RawResponse:
    """Make a change that the password confirms, or send the link that confirms it."""
    action = _ACTIONS.get(request.form.get("do", ""))
    if action is None:
        return _render_account(request, api)
    if "password" in request.form:
        return _submit_change(request, api, action, {"currentPassword": request.form["password"]})
    response = api.call_as_user(SEND_CONFIRMATION, {"action": action})
    return _render_account(request, api, response, is_sent=True)


def show_confirmation(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page of a link that confirms a change. Opening it changes nothing, since mail scanners open links too."""
    return _render_confirmation(request, api)


def submit_confirmation(request: PageRequest, api: PageApi) -> RawResponse:
    """Make the change that a link confirms."""
    action = _ACTIONS.get(request.form.get("do", ""))
    if action is None:
        return _render_confirmation(request, api)
    return _submit_change(request, api, action, {"confirmation": request.token})


def _submit_change(
    request: PageRequest, api: PageApi, action: ConfirmedAction, confirmation: Mapping[str, str]
) -> RawResponse:
    if action == "delete_account":
        response = api.call_as_user(DELETE_ACCOUNT, confirmation)
        if response.problem is None:
            sentence = 'What you have shared with others stays, under the name "former member".'
            page = render_message(request, "Your account is deleted", sentence)
            return attrs.evolve(page, cookies=(request.build_cookie(SESSION_COOKIE, ""),))
    else:
        email = request.form.get("email", "").strip()
        response = api.call_as_user(CHANGE_EMAIL, {"email": email, **confirmation})
        if response.problem is None:
            return render_message(
                request,
                "Check your e-mail",
                f"A link is on its way to {email}. Your address changes once you open it.",
                link=("/account", "Back to your account"),
                is_signed_in=True,
            )
    if request.token:
        return _render_confirmation(request, api, response)
    return _render_account(request, api, response)


def _render_account(
    request: PageRequest, api: PageApi, response: ApiResponse | None = None, *, is_sent: bool = False
) -> RawResponse:
    """Return the page with the account, and with the problem or the success of the last form if there was one."""
    user = load_user(api)
    if user is None:
        return render_sign_in(request, f"{request.prefix}/account", status=401)
    return render_page(
        request,
        "account",
        response,
        user=user,
        has_password=api.read(lambda uow: has_password(uow, user["id"])),
        is_sent=is_sent,
    )


def load_user(api: PageApi) -> Mapping[str, str] | None:
    """Return the user who has signed in; None if nobody has."""
    user = api.call_as_user(ME, {}).body.get("user")
    return user if isinstance(user, dict) else None


def _render_confirmation(
    request: PageRequest, api: PageApi, response: ApiResponse | None = None
) -> RawResponse:
    """Return the page of a link, for the user whose account it belongs to."""
    user = load_user(api)
    if user is None:
        return render_sign_in(request, request.path, status=401)
    try:
        action = api.read(lambda uow: find_confirmed_action(uow, user["id"], request.token))
    except Invalid:
        return render_message(
            request,
            "This link is no longer valid",
            "It has expired, was used before, or belongs to another account.",
            link=("/account", "Your account"),
            status=404,
            is_signed_in=True,
        )
    do = next(do for do, confirmed_action in _ACTIONS.items() if confirmed_action == action)
    return render_page(request, "confirmation", response, user=user, do=do)
