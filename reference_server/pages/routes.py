"""The routes of the pages, and the function that makes each page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar

import attrs

from reference_server.pages import (
    account,
    api_tokens,
    boards,
    emails,
    invitations,
    oauth,
    oidc,
    passwords,
    second_factor,
    sessions,
)
from reference_server.pages.requests import PageApi, PageRequest
from stellary.contract.endpoint import acts, reads
from stellary.contract.policies import PUBLIC
from stellary.contract.port import RawResponse
from stellary.contract.refs import InvitationTokenRef, Ref
from stellary.contract.router import AnyEndpoint
from stellary.core.http.mcp.endpoint import RESOURCE_METADATA_PATH

PageFunction = Callable[[PageRequest, PageApi], RawResponse]


@attrs.frozen
class PasswordResetRef(Ref):
    """The page of a link to reset a password."""

    template: ClassVar[str] = "/reset-password/:token"
    token: str = attrs.field(repr=False)


@attrs.frozen
class EmailChangeRef(Ref):
    """The page of a link that confirms a new address."""

    template: ClassVar[str] = "/confirm-email/:token"
    token: str = attrs.field(repr=False)


@attrs.frozen
class ConfirmationRef(Ref):
    """The page of a link that confirms a change of an account."""

    template: ClassVar[str] = "/account/:token"
    token: str = attrs.field(repr=False)


@attrs.frozen
class BoardRef(Ref):
    """The page of a project."""

    template: ClassVar[str] = "/boards/:orgSlug/:wsSlug/:projectId"
    org_slug: str
    ws_slug: str
    project_id: str


def _build_page(
    name: str,
    ref: type[Ref],
    tail: str,
    summary: str,
    show: PageFunction | None,
    submit: PageFunction | None = None,
) -> dict[AnyEndpoint, PageFunction]:
    """Return the endpoints of a page, which shows a form and takes it, or does one of both."""
    common = {"summary": summary, "returns": str, "policy": PUBLIC, "media": "text/html"}
    functions: dict[AnyEndpoint, PageFunction] = {}
    if show is not None:
        functions[reads(f"pages.show_{name}", ref, tail, **common)] = show  # type: ignore[call-overload]
    if submit is not None:
        functions[acts(f"pages.submit_{name}", ref, tail, **common)] = submit  # type: ignore[call-overload]
    return functions


PAGES: Mapping[AnyEndpoint, PageFunction] = {
    **_build_page("sign_in", Ref, "sign-in", "Sign in.", sessions.show_sign_in, sessions.submit_sign_in),
    **_build_page("sign_out", Ref, "sign-out", "Sign out.", None, sessions.submit_sign_out),
    **_build_page("home", Ref, "home", "See your projects.", boards.show_home),
    **_build_page(
        "account",
        Ref,
        "account",
        "Change your e-mail address, or delete your account.",
        account.show_account,
        account.submit_account,
    ),
    **_build_page(
        "confirmation",
        ConfirmationRef,
        "",
        "Confirm a change of your account.",
        account.show_confirmation,
        account.submit_confirmation,
    ),
    **_build_page(
        "second_factor",
        Ref,
        "second-factor",
        "Enable or disable your second factor, and unlink identities.",
        second_factor.show_second_factor,
        second_factor.submit_second_factor,
    ),
    **_build_page(
        "my_tokens",
        Ref,
        "my-tokens",
        "Create and revoke your API tokens.",
        api_tokens.show_tokens,
        api_tokens.submit_tokens,
    ),
    **_build_page(
        "consent",
        Ref,
        oauth.AUTHORIZE_PATH[1:],
        "Let a program act for you.",
        oauth.show_consent,
        oauth.submit_consent,
    ),
    **_build_page("board", BoardRef, "", "See the board of a project.", boards.show_board),
    **{
        endpoint: page
        for view, title in boards.OTHER_VIEWS.items()
        for endpoint, page in _build_page(
            view, BoardRef, view, f"See the view {title} of a project.", partial(boards.show_board, view=view)
        ).items()
    },
    **_build_page(
        "forgot_password",
        Ref,
        "forgot-password",
        "Ask for a link to reset a password.",
        passwords.show_forgot_password,
        passwords.submit_forgot_password,
    ),
    **_build_page(
        "reset_password",
        PasswordResetRef,
        "",
        "Choose a new password.",
        passwords.show_reset_password,
        passwords.submit_reset_password,
    ),
    **_build_page(
        "confirm_email",
        EmailChangeRef,
        "",
        "Confirm a new e-mail address.",
        emails.show_confirm_email,
        emails.submit_confirm_email,
    ),
    **_build_page(
        "invitation",
        InvitationTokenRef,
        "",
        "Accept an invitation.",
        invitations.show_invitation,
        invitations.submit_invitation,
    ),
}
"""The function of each page, by its endpoint. They are not part of the API."""

PROGRAM_ENDPOINTS: Mapping[AnyEndpoint, PageFunction] = {
    endpoint: function
    for name, path, show, submit in (
        ("resource_metadata", RESOURCE_METADATA_PATH, oauth.show_resource, None),
        ("mcp_metadata", f"{RESOURCE_METADATA_PATH}/mcp", oauth.show_resource, None),
        ("server_metadata", oauth.METADATA_PATH, oauth.show_server, None),
        ("program", oauth.REGISTER_PATH, None, oauth.register),
        ("token_request", oauth.TOKEN_PATH, None, oauth.issue_tokens),
        ("revocation", oauth.REVOKE_PATH, None, oauth.revoke_token),
    )
    for endpoint, function in _build_page(name, Ref, path[1:], "Connect a program.", show, submit).items()
}
"""The endpoints of OAuth that programs call, without a form of a page."""

CALLBACK_PATH = "/sign-in/oidc/callback"
"""The path to which the OpenID Connect provider sends users back."""
PROVIDER_PAGES: Mapping[AnyEndpoint, PageFunction] = {
    **_build_page("start_oidc", Ref, "sign-in/oidc", "Sign in at the provider.", oidc.start_sign_in),
    **_build_page("finish_oidc", Ref, CALLBACK_PATH[1:], "Come back from the provider.", oidc.finish_sign_in),
    **_build_page(
        "link_oidc", Ref, "sign-in/oidc/link", "Link an account to the provider.", None, oidc.submit_link
    ),
}
"""The pages of a server with an OpenID Connect provider."""
CALLS_OF_PROVIDER = (oidc.start_sign_in, oidc.finish_sign_in)
"""The pages that wait for the provider."""
