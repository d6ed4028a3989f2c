"""The page that confirms an e-mail address: that of a new account, or a new one."""

from __future__ import annotations

from reference_server.pages.rendering import render_message, render_page
from reference_server.pages.requests import PageApi, PageRequest
from stellary.contract.auth import CONFIRM_EMAIL
from stellary.contract.errors import Invalid
from stellary.contract.port import RawResponse
from stellary.core.accounts.email_tokens import find_owner


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
