"""The pages for a forgotten password: ask for a link, and choose a new password."""

from __future__ import annotations

from reference_server.pages.operations import OperationPage, PageForm
from reference_server.pages.rendering import render_message, render_page
from reference_server.pages.requests import ApiResponse, PageApi, PageRequest
from stellary.contract.auth import RESET_PASSWORD
from stellary.contract.errors import Invalid
from stellary.contract.port import RawResponse
from stellary.core.accounts.email_tokens import find_owner


def announce_link(request: PageRequest, response: ApiResponse) -> RawResponse:
    """Return a page that does not reveal whether there is an account."""
    return render_message(
        request,
        "Check your e-mail",
        f"If there is an account with the address {request.form['email']}, a link is on its way to it.",
        "The link is valid for one hour. If nothing arrives, look into your spam folder.",
    )


FORGOTTEN = OperationPage(
    "forgot_password", forms={"send": PageForm("auth.forgot_password", then=announce_link)}
)


def show_reset_password(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page on which the user chooses a new password."""
    return _render_reset_password(request, api)


def submit_reset_password(request: PageRequest, api: PageApi) -> RawResponse:
    """Set the new password."""
    response = api.call(
        RESET_PASSWORD,
        {
            "token": request.token,
            "newPassword": request.form.get("newPassword", ""),
            "revokeTokens": "revokeTokens" in request.form,
        },
    )
    if response.problem is not None:
        return _render_reset_password(request, api, response)
    sentence = "You are logged out everywhere. Use the new password from now on."
    return render_message(request, "Your password is changed", sentence)


def _render_reset_password(
    request: PageRequest, api: PageApi, response: ApiResponse | None = None
) -> RawResponse:
    try:
        owner = api.read(lambda uow: find_owner(uow, request.token, "reset_password"))
    except Invalid:
        return render_message(
            request,
            "This link is no longer valid",
            "It has expired, or was used before.",
            link=("/forgot-password", "Get a new link"),
            status=404,
        )
    return render_page(request, "reset_password", response, owner=owner)
