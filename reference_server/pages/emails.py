"""The page that confirms an e-mail address: that of a new account, or a new one."""

from __future__ import annotations

from reference_server.pages.layout import form, paragraph, render_page
from reference_server.pages.requests import PageApi, PageRequest
from stellary.contract.auth import CONFIRM_EMAIL
from stellary.contract.errors import Invalid
from stellary.contract.port import RawResponse
from stellary.core.accounts.email_changes import find_email_owner


def show_confirm_email(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page with the new address. Opening it changes nothing, since mail scanners open links too."""
    try:
        owner = api.read(lambda uow: find_email_owner(uow, request.token))
    except Invalid:
        return _render_invalid()
    sentence = (
        f"This proves that {owner.email} is your address."
        if owner.new_email == owner.email
        else f"Use {owner.new_email} instead of {owner.email} for your account."
    )
    return render_page(
        "Confirm your e-mail address",
        paragraph(sentence),
        form(request, "Confirm the address"),
    )


def submit_confirm_email(request: PageRequest, api: PageApi) -> RawResponse:
    """Change the address, or verify it."""
    response = api.call(CONFIRM_EMAIL, {"token": request.token})
    if response.code == "duplicate_email":
        return render_page(
            "This address is taken", paragraph("Another account has this address by now."), status=409
        )
    if response.problem is not None:
        return _render_invalid()
    return render_page("Your address is confirmed", paragraph("Use this address to log in from now on."))


def _render_invalid() -> RawResponse:
    return render_page(
        "This link is no longer valid",
        paragraph("It has expired, or was used before. Change the address again to get a new one."),
        status=404,
    )
