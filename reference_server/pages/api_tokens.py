"""The page on which a user who has signed in creates and revokes API tokens, such as for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_server.pages.layout import (
    alert,
    code_list,
    form,
    heading,
    hidden_field,
    link,
    paragraph,
    render_page,
    text_field,
)
from reference_server.pages.requests import PageApi, PageRequest
from reference_server.pages.sessions import build_header, render_sign_in
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
        problem = f"The name {error.details[0].message}." if error.details else error.message
        return _render_tokens(request, client, problem, error.status)
    return render_page(
        "Copy your token",
        paragraph(f"This is the token {token.name}. It is not shown again."),
        code_list([token.token]),
        paragraph('Use it with the command line ("stellary login --token"), the SDK, or an AI client.'),
        link(request.path, "Back to your tokens"),
        header=build_header(request),
    )


def _render_tokens(
    request: PageRequest, client: Stellary, problem: str | None = None, status: int = 200
) -> RawResponse:
    tokens = client.api_tokens.list(limit=TOKENS_MAX)
    revocations = [
        form(request, f"Revoke {token.name} ({token.prefix}…)", hidden_field("revoke", token.id))
        for token in tokens
    ]
    return render_page(
        "Your API tokens",
        alert(problem),
        paragraph(
            "A token lets the command line, a script or an AI client act for you, with all your rights."
        ),
        form(
            request,
            "Create a token",
            text_field("name", "Name", "text", "off", hint="What it is for, such as Laptop.", length_max=100),
        ),
        *((heading("Tokens that you have"), *revocations) if revocations else ()),
        status=status,
        header=build_header(request),
    )
