"""The pages for a forgotten password: ask for a link, and choose a new password."""

from __future__ import annotations

from reference_server.pages.operations import LinkEnded, OperationPage, PageForm
from reference_server.pages.rendering import render_message
from reference_server.pages.requests import ApiResponse, PageApi, PageRequest
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
