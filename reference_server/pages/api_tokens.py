"""The page on which a user who has signed in creates and revokes API tokens, such as for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_server.pages.rendering import render_page
from reference_server.pages.requests import ApiResponse, PageApi, PageRequest
from reference_server.pages.sessions import render_sign_in
from stellary.contract.errors import Invalid, NotFound, Unauthenticated
from stellary.contract.port import RawResponse

if TYPE_CHECKING:
    from stellary import Stellary

TOKENS_MAX = 100
"""The number of tokens that the page lists."""


def show_tokens(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page with the tokens of the user."""
    client = api.open_client()
    try:
        if client is not None:
            return _render_tokens(request, client)
    except Unauthenticated:
        # The session has ended.
        pass
    return render_sign_in(request, request.path, status=401)


def submit_tokens(request: PageRequest, api: PageApi) -> RawResponse:
    """Create a token and show its secret, or revoke one."""
    client = api.open_client()
    try:
        if client is not None and "revoke" in request.form:
            client.api_tokens.delete(request.form["revoke"])
            return _render_tokens(request, client)
        if client is not None:
            return _create_token(request, client)
    except Unauthenticated:
        # The session has ended.
        pass
    except NotFound:
        # It was revoked in another window.
        return show_tokens(request, api)
    return render_sign_in(request, request.path, status=401)


def _create_token(request: PageRequest, client: Stellary) -> RawResponse:
    try:
        token = client.api_tokens.create(name=request.form.get("name", "").strip())
    except Invalid as error:
        return _render_tokens(request, client, ApiResponse(error.status, error.to_body()))
    return render_page(request, "new_api_token", token=token)


def _render_tokens(
    request: PageRequest, client: Stellary, response: ApiResponse | None = None
) -> RawResponse:
    tokens = client.api_tokens.list(limit=TOKENS_MAX)
    return render_page(request, "api_tokens", response, tokens=list(tokens))
