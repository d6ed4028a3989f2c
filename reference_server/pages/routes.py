"""The routes of the pages, and the function that makes each page."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from reference_server.pages import account, invitations, oauth, oidc, sessions, unsubscribe, work
from reference_server.pages.operations import OperationPage
from reference_server.pages.requests import PageApi, PageRequest
from stellary.contract.endpoint import acts, reads
from stellary.contract.policies import PUBLIC
from stellary.contract.port import RawResponse
from stellary.contract.refs import (
    AttachmentRef,
    CardRef,
    DocumentRef,
    DocumentVersionRef,
    InvitationTokenRef,
    ProjectRef,
    Ref,
    SavedFilterRef,
    WorkspaceRef,
)
from stellary.contract.router import AnyEndpoint
from stellary.core.http.body import PASSWORD, body_limits
from stellary.core.http.mcp.endpoint import RESOURCE_METADATA_PATH

PageFunction = Callable[[PageRequest, PageApi], RawResponse]


def _build_page(
    name: str,
    path: str,
    ref: type[Ref],
    show: OperationPage | PageFunction | None,
    submit: PageFunction | None = None,
) -> dict[AnyEndpoint, PageFunction]:
    """Return the endpoints of a page, which shows a form and takes it, or does one of both."""
    if isinstance(show, OperationPage):
        page = show
        show, submit = page.show, page.submit if page.forms else None
    common = {"summary": name, "returns": str, "policy": PUBLIC, "media": "text/html"}
    functions: dict[AnyEndpoint, PageFunction] = {}
    for build, verb, function in ((reads, "show", show), (acts, "submit", submit)):
        if function is not None:
            endpoint = build(f"pages.{verb}_{name}", ref, **common)  # type: ignore[call-overload]
            functions[attrs.evolve(endpoint, path=path)] = function
    return functions


_BOARD = "/boards/:orgSlug/:wsSlug/:projectId"
_DOCUMENTS = "/documents/:orgSlug/:wsSlug"
_PAGES: tuple[
    tuple[str, str, type[Ref], OperationPage | PageFunction | None]
    | tuple[str, str, type[Ref], PageFunction | None, PageFunction],
    ...,
] = (
    ("sign_in", "/sign-in", Ref, sessions.show_sign_in, sessions.submit_sign_in),
    ("sign_out", "/sign-out", Ref, None, sessions.submit_sign_out),
    ("registration", "/register", Ref, account.REGISTRATION),
    ("home", "/home", Ref, work.HOME),
    ("account", "/account", Ref, account.ACCOUNT),
    ("confirmation", "/account/:token", InvitationTokenRef, account.CONFIRMATION),
    ("second_factor", "/second-factor", Ref, account.SECOND_FACTOR),
    ("my_tokens", "/my-tokens", Ref, work.TOKENS),
    ("consent", oauth.AUTHORIZE_PATH, Ref, oauth.show_consent, oauth.submit_consent),
    ("notifications", "/my-notifications", Ref, work.NOTIFICATIONS),
    ("preferences", "/my-notifications/preferences", Ref, work.PREFERENCES),
    ("board", _BOARD, ProjectRef, work.BOARDS["kanban"]),
    *((view, f"{_BOARD}/{view}", ProjectRef, work.BOARDS[view]) for view in work.OTHER_VIEWS),
    ("card", f"{_BOARD}/cards/:cardId", CardRef, work.CARD),
    ("card_file", f"{_BOARD}/cards/:cardId/files/:attachmentId", AttachmentRef, work.show_file),
    ("filter", "/filters/:orgSlug/:wsSlug/:savedFilterId", SavedFilterRef, work.FILTER),
    ("documents", _DOCUMENTS, WorkspaceRef, work.DOCUMENTS),
    ("document", f"{_DOCUMENTS}/:documentId", DocumentRef, work.DOCUMENT),
    ("version", f"{_DOCUMENTS}/:documentId/versions/:versionId", DocumentVersionRef, work.VERSION),
    ("approvals", "/approvals/:orgSlug/:wsSlug", WorkspaceRef, work.APPROVALS),
    ("forgot_password", "/forgot-password", Ref, account.FORGOTTEN),
    ("reset_password", "/reset-password/:token", InvitationTokenRef, account.RESET),
    (
        "confirm_email",
        "/confirm-email/:token",
        InvitationTokenRef,
        account.show_confirm_email,
        account.submit_confirm_email,
    ),
    (
        "invitation",
        "/invitations/:token",
        InvitationTokenRef,
        invitations.show_invitation,
        invitations.submit_invitation,
    ),
)
PAGES: Mapping[AnyEndpoint, PageFunction] = {
    endpoint: function for page in _PAGES for endpoint, function in _build_page(*page).items()
}
"""The function of each page, by its endpoint. They are not part of the API."""
WORK_FORMS = tuple(
    page.submit
    for _, _, _, page, *_ in _PAGES
    if isinstance(page, OperationPage)
    and page.forms
    and all(body_limits(form.endpoint) is not PASSWORD for form in page.forms.values())
)
"""The functions of forms without a password, which may have long texts."""

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
    for endpoint, function in _build_page(name, path, Ref, show, submit).items()
} | _build_page(
    "unsubscribe",
    "/unsubscribe/:token",
    InvitationTokenRef,
    unsubscribe.show_unsubscribe,
    unsubscribe.submit_unsubscribe,
)
"""The endpoints that programs call, without a form of a page: those of OAuth, and the one that mail programs call (RFC 8058)."""

CALLBACK_PATH = "/sign-in/oidc/callback"
"""The path to which the OpenID Connect provider sends users back."""
PROVIDER_PAGES: Mapping[AnyEndpoint, PageFunction] = {
    **_build_page("start_oidc", "/sign-in/oidc", Ref, oidc.start_sign_in),
    **_build_page("finish_oidc", CALLBACK_PATH, Ref, oidc.finish_sign_in),
    **_build_page("link_oidc", "/sign-in/oidc/link", Ref, None, oidc.submit_link),
}
"""The pages of a server with an OpenID Connect provider."""
CALLS_OF_PROVIDER = (oidc.start_sign_in, oidc.finish_sign_in)
"""The pages that wait for the provider."""
