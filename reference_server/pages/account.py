"""The page of the user's account: a new e-mail address, and its deletion, confirmed by the password or by a mailed link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from reference_server.pages.layout import alert, form, heading, link, paragraph, render_page, text_field
from reference_server.pages.requests import SESSION_COOKIE, ApiResponse, PageApi, PageRequest
from reference_server.pages.sessions import build_header, render_sign_in
from stellary.contract.auth import CHANGE_EMAIL, DELETE_ACCOUNT, ME, SEND_CONFIRMATION, ConfirmedAction
from stellary.contract.errors import Invalid
from stellary.contract.port import RawResponse
from stellary.core.accounts.confirmations import find_confirmed_action
from stellary.core.accounts.current_password import has_password

_SENT: Final = "We have sent you an e-mail with a link. It is valid for one hour."
_ACTIONS: Final[Mapping[str, ConfirmedAction]] = {"email": "change_email", "delete": "delete_account"}
"""The changes by the value of the field ``do``."""
_BUTTONS: Final[Mapping[str, str]] = {"email": "Change the address", "delete": "Delete the account"}


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
    return _render_account(request, api, response, _SENT)


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
            page = render_page(
                "Your account is deleted",
                paragraph('What you have shared with others stays, under the name "former member".'),
            )
            return attrs.evolve(page, cookies=(request.build_cookie(SESSION_COOKIE, ""),))
    else:
        email = request.form.get("email", "").strip()
        response = api.call_as_user(CHANGE_EMAIL, {"email": email, **confirmation})
        if response.problem is None:
            return render_page(
                "Check your e-mail",
                paragraph(f"A link is on its way to {email}. Your address changes once you open it."),
                link(f"{request.prefix}/account", "Back to your account"),
                header=build_header(request),
            )
    if request.token:
        return _render_confirmation(request, api, response)
    return _render_account(request, api, response)


def _render_account(
    request: PageRequest, api: PageApi, response: ApiResponse | None = None, success: str | None = None
) -> RawResponse:
    """Return the page with the account, and with the problem or the success of the last form if there was one."""
    me = api.call_as_user(ME, {})
    user = me.body.get("user")
    if not isinstance(user, dict):
        return render_sign_in(request, f"{request.prefix}/account", status=401)
    problem, status = (None, 200) if response is None else (response.problem, response.status)
    build = _build_form if api.read(lambda uow: has_password(uow, user["id"])) else _build_request
    return render_page(
        "Your account",
        alert(success if problem is None else problem),
        paragraph(f"{user['name']}, {user['email']}"),
        link(f"{request.prefix}/second-factor", "Second factor"),
        link(f"{request.prefix}/my-tokens", "API tokens"),
        heading("Change your e-mail address"),
        build(request, "email"),
        heading("Delete your account"),
        paragraph(
            "Organizations of which you are the only member are deleted as well. This cannot be undone."
        ),
        build(request, "delete"),
        status=status,
        header=build_header(request),
    )


def _build_form(request: PageRequest, do: str) -> str:
    """Return the form of a change; without the password on the page of a link, which stands in for it."""
    fields = []
    if do == "email":
        email = request.form.get("email", "")
        fields.append(text_field("email", "New e-mail address", "email", "email", text=email))
    if not request.token:
        password = text_field(
            "password",
            "Your password",
            "password",
            "current-password",
            id=f"{do}-password",
            length_max=128,
        )
        fields.append(password)
    return form(request, _BUTTONS[do], *fields, choice=("do", do))


def _build_request(request: PageRequest, do: str) -> str:
    """Return the form that sends the link which confirms a change."""
    return form(request, f"{_BUTTONS[do]} with a link by e-mail", choice=("do", do))


def _render_confirmation(
    request: PageRequest, api: PageApi, response: ApiResponse | None = None
) -> RawResponse:
    """Return the page of a link, for the user whose account it belongs to."""
    me = api.call_as_user(ME, {})
    user = me.body.get("user")
    if not isinstance(user, dict):
        return render_sign_in(request, request.path, status=401)
    try:
        action = api.read(lambda uow: find_confirmed_action(uow, user["id"], request.token))
    except Invalid:
        return render_page(
            "This link is no longer valid",
            paragraph("It has expired, was used before, or belongs to another account."),
            link(f"{request.prefix}/account", "Your account"),
            status=404,
            header=build_header(request),
        )
    do = next(do for do, confirmed_action in _ACTIONS.items() if confirmed_action == action)
    problem, status = (None, 200) if response is None else (response.problem, response.status)
    return render_page(
        f"{_BUTTONS[do]}?",
        alert(problem),
        paragraph(f"This is the account of {user['name']}, {user['email']}."),
        _build_form(request, do),
        status=status,
        header=build_header(request),
    )
