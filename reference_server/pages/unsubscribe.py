"""The page that ends the notifications by e-mail, without a login. Mail programs send its form (RFC 8058)."""

from __future__ import annotations

from reference_server.pages.rendering import render_message, render_page
from reference_server.pages.requests import PageApi, PageRequest
from stellary.contract.errors import NotFound
from stellary.contract.port import RawResponse
from stellary.core.notifications.preferences import read_unsubscribe_token, unsubscribe


def show_unsubscribe(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page. Opening it changes nothing, since mail scanners open links too."""
    try:
        api.read(lambda uow: read_unsubscribe_token(uow.env, request.token))
    except NotFound:
        return _render_invalid(request)
    return render_page(request, "unsubscribe")


def submit_unsubscribe(request: PageRequest, api: PageApi) -> RawResponse:
    """End the messages. The signature of the link is enough: mail programs have no cookie."""
    try:
        api.write(lambda uow: unsubscribe(uow, request.token))
    except NotFound:
        return _render_invalid(request)
    return render_message(
        request, "You get no more notifications by e-mail", "The list in the product stays."
    )


def _render_invalid(request: PageRequest) -> RawResponse:
    return render_message(request, "This link is not valid", "Copy the whole link.", status=404)
