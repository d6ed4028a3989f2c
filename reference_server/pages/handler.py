"""The routes of the pages, and their handler: reads forms, and calls the API for them with the limits of the client."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import parse_qsl

import attrs

from reference_server.oidc import OidcProvider
from reference_server.pages import account, invitations, oauth, oidc, sessions, unsubscribe, work
from reference_server.pages.operations import OperationPage
from reference_server.pages.rendering import HTML, render_message
from reference_server.pages.requests import (
    FIELDS_MAX,
    FORM_COOKIE,
    WORK_FIELDS_MAX,
    PageApi,
    PageRequest,
    parse_form,
    parse_response,
)
from reference_server.pages.unsubscribe import submit_unsubscribe
from reference_server.settings import Settings
from stellary.contract.endpoint import acts, reads
from stellary.contract.errors import ApiError
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
from stellary.core import Core
from stellary.core.db.errors import error_response
from stellary.core.http.body import PASSWORD, RequestBody, body_limits
from stellary.core.http.context import OperationHandler, RequestContext
from stellary.core.http.cors import check_same_site, read_origin
from stellary.core.http.mcp.endpoint import RESOURCE_METADATA_PATH
from stellary.core.http.password_limits import PasswordLimits
from stellary.core.http.shares import Owner
from stellary.core.http.threads import Threads

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
    **_build_page("resource_metadata", RESOURCE_METADATA_PATH, Ref, oauth.show_resource),
    **_build_page("mcp_metadata", f"{RESOURCE_METADATA_PATH}/mcp", Ref, oauth.show_resource),
    **_build_page("server_metadata", oauth.METADATA_PATH, Ref, oauth.show_server),
    **_build_page("program", oauth.REGISTER_PATH, Ref, None, oauth.register),
    **_build_page("token_request", oauth.TOKEN_PATH, Ref, None, oauth.issue_tokens),
    **_build_page("revocation", oauth.REVOKE_PATH, Ref, None, oauth.revoke_token),
    **_build_page(
        "unsubscribe",
        "/unsubscribe/:token",
        InvitationTokenRef,
        unsubscribe.show_unsubscribe,
        unsubscribe.submit_unsubscribe,
    ),
}
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


PROVIDER_THREADS = 8
"""The number of users who can come from or go to the OpenID Connect provider at the same moment."""
FORM_MAX = 96 << 10
"""The maximum size of a form with the text of a card, in bytes; each of its 5,000 characters may be escaped."""


class PageHandlers:
    """The handlers of the pages.

    Args:
        core: The core that answers the calls of pages.
        settings: The limits.
    """

    def __init__(self, core: Core, settings: Settings) -> None:
        self._core = core
        self._password_limits = PasswordLimits(settings.limits, core.login_attempts)
        self._provider: OidcProvider | None = None
        if settings.oidc is not None:
            self._provider = OidcProvider(settings.oidc, f"{core.env.public_url}{CALLBACK_PATH}")
            # The provider may be slow, so that no thread of other requests waits for it.
            self._provider_threads = ThreadPoolExecutor(PROVIDER_THREADS, "oidc")

    def create_handlers(self, threads: Threads) -> dict[AnyEndpoint, OperationHandler]:
        """Return the handlers by endpoint.

        Args:
            threads: The threads in which pages are made.
        """
        pages = {**PAGES, **PROGRAM_ENDPOINTS, **({} if self._provider is None else PROVIDER_PAGES)}
        return {
            endpoint: partial(self._respond, threads, page_function)
            for endpoint, page_function in pages.items()
        }

    async def _respond(
        self, threads: Threads, page_function: PageFunction, context: RequestContext
    ) -> RawResponse:
        assert context.match is not None
        try:
            request = PageRequest(
                prefix=context.prefix,
                path=f"{context.prefix}{context.path}",
                token=getattr(context.match.ref, "token", ""),
                parameters=attrs.asdict(context.match.ref),
                is_secure=context.is_secure,
                query=dict(parse_qsl(context.query)),
                cookies=context.headers.get("cookie", ""),
                provider=None if self._provider is None else self._provider.settings.label,
                may_register=self._core.env.registration == "open",
            )
            # The token is bound to the login of the browser, or before that to a cookie of its own.
            bound = request.session or request.get_cookie(FORM_COOKIE)
            browser = bound or secrets.token_urlsafe(24)
            form_token = self._core.env.signer.derive("form", browser).hex()
            request = attrs.evolve(request, form_token=form_token)
            is_program = page_function in PROGRAM_ENDPOINTS.values()
            is_work = page_function in WORK_FORMS
            if context.method == "POST":
                if not is_program:
                    check_same_site(context.headers, (read_origin(self._core.env.public_url),))
                body = await _read_body(context, is_large=is_work)
                is_json = context.headers.get("content-type", "").startswith("application/json")
                # Mail programs may send a multipart form, which says nothing.
                is_ignored = page_function is submit_unsubscribe or (is_program and is_json)
                fields_max = WORK_FIELDS_MAX if is_work else FIELDS_MAX
                form = {} if is_ignored else parse_form(context.headers, body, fields_max)
                request = attrs.evolve(request, form=form, body=body)
                if not is_program:
                    request.check_form_token()
            actor = None
            if request.session is None and context.identify is not None:
                actor = await context.identify()
            api = PageApi(self._core, self._password_limits, context, request.session, actor, self._provider)
            if page_function in CALLS_OF_PROVIDER:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._provider_threads, page_function, request, api)
            owner = Owner(user=(request.session or context.client) if actor is None else actor.user_id)
            # A form may contain a password, which is hashed. It is handled even if its client disconnects.
            is_form = context.method == "POST"
            is_hashed = is_form and not is_work
            page = await (threads.pools["self_managed"] if is_hashed else threads.pages).run(
                lambda: page_function(request, api), owner, is_gone=None if is_form else context.body.is_gone
            )
            if bound is None and page.headers.get("content-type") == HTML:
                page = attrs.evolve(page, cookies=(*page.cookies, request.build_cookie(FORM_COOKIE, browser)))
            return page
        except ApiError as error:
            raw = error_response(error, context.request_id)
            if page_function in PROGRAM_ENDPOINTS.values():
                return raw
            problem = parse_response(raw).problem or ""
            render = partial(render_message, None, "This did not work", problem, status=raw.status)
            # The first page of a process loads the templates, which takes longer than the event loop may wait.
            page = await asyncio.to_thread(render)
            return attrs.evolve(page, headers={**raw.headers, **page.headers})


async def _read_body(context: RequestContext, *, is_large: bool) -> bytes:
    """Return the body of a form, after it has arrived."""
    body = RequestBody(context, FORM_MAX if is_large else PASSWORD.size)
    small = await body.read_small()
    if small is None:
        await body.read()
        return bytes(body.inflate())
    return small
