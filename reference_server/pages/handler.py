"""The handler of the pages: reads forms, and calls the API for them with the limits of the client."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import parse_qsl

import attrs

from reference_server.oidc import OidcProvider
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
from reference_server.pages.routes import (
    CALLBACK_PATH,
    CALLS_OF_PROVIDER,
    PAGES,
    PROGRAM_ENDPOINTS,
    PROVIDER_PAGES,
    WORK_FORMS,
    PageFunction,
)
from reference_server.pages.unsubscribe import submit_unsubscribe
from reference_server.settings import Settings
from stellary.contract.errors import ApiError
from stellary.contract.port import RawResponse
from stellary.contract.router import AnyEndpoint
from stellary.core import Core
from stellary.core.db.errors import error_response
from stellary.core.http.body import PASSWORD, RequestBody
from stellary.core.http.context import OperationHandler, RequestContext
from stellary.core.http.cors import check_same_site, read_origin
from stellary.core.http.password_limits import PasswordLimits
from stellary.core.http.shares import Owner
from stellary.core.http.threads import Threads

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
