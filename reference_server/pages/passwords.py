"""The pages for a forgotten password: ask for a link, and choose a new password."""

from __future__ import annotations

from reference_server.pages.layout import (
    alert,
    checkbox,
    form,
    link,
    new_password_field,
    paragraph,
    render_page,
    text_field,
)
from reference_server.pages.requests import PageApi, PageRequest
from stellary.contract.auth import FORGOT_PASSWORD, RESET_PASSWORD
from stellary.contract.errors import Invalid
from stellary.contract.port import RawResponse
from stellary.core.accounts.password_resets import find_reset_owner


def show_forgot_password(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page on which a user asks for a link."""
    return _render_forgot_password(request)


def _render_forgot_password(
    request: PageRequest, problem: str | None = None, status: int = 200
) -> RawResponse:
    return render_page(
        "Forgot your password?",
        alert(problem),
        paragraph(
            "Enter the e-mail address of your account to get a link with which you can choose a new password."
        ),
        form(
            request,
            "Send the link",
            text_field("email", "E-mail address", "email", "username", text=request.form.get("email", "")),
        ),
        status=status,
    )


def submit_forgot_password(request: PageRequest, api: PageApi) -> RawResponse:
    """Send a link, and return a page that does not reveal whether there is an account."""
    email = request.form.get("email", "").strip()
    response = api.call(FORGOT_PASSWORD, {"email": email})
    if response.problem is not None:
        return _render_forgot_password(request, response.problem, response.status)
    return render_page(
        "Check your e-mail",
        paragraph(f"If there is an account with the address {email}, a link is on its way to it."),
        paragraph("The link is valid for one hour. If nothing arrives, look into your spam folder."),
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
        return _render_reset_password(request, api, response.problem, response.status)
    return render_page(
        "Your password is changed",
        paragraph("You are logged out everywhere. Use the new password from now on."),
    )


def _render_reset_password(
    request: PageRequest, api: PageApi, problem: str | None = None, status: int = 200
) -> RawResponse:
    try:
        owner = api.read(lambda uow: find_reset_owner(uow, request.token))
    except Invalid:
        return render_page(
            "This link is no longer valid",
            paragraph("It has expired, or was used before."),
            link(f"{request.prefix}/forgot-password", "Get a new link"),
            status=404,
        )
    return render_page(
        "Choose a new password",
        alert(problem),
        form(
            request,
            "Change the password",
            text_field("email", "Account", "email", "username", text=owner.email, is_fixed=True),
            new_password_field("newPassword", "New password"),
            checkbox("revokeTokens", "Also revoke all API tokens of this account"),
        ),
        status=status,
    )
