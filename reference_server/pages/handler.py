"""The handler of the pages: reads forms, and calls the API for them with the limits of the client."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import parse_qsl, urlencode

import attrs
import orjson

from reference_server.oidc import OidcProvider
from reference_server.pages.rendering import HTML, render_message
from reference_server.pages.requests import (
    FIELDS_MAX,
    FORM_COOKIE,
    WORK_FIELDS_MAX,
    ApiResponse,
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
from stellary.contract.auth import ME
from stellary.contract.errors import ApiError
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.refs import Ref
from stellary.contract.router import AnyEndpoint, Match
from stellary.core import Core
from stellary.core.accounts.identities import Identity, link_identity, sign_in
from stellary.core.accounts.second_factors import finish_login, open_pending_login
from stellary.core.api import dispatch
from stellary.core.db.errors import error_response
from stellary.core.http.body import PASSWORD, RequestBody
from stellary.core.http.context import OperationHandler, RequestContext
from stellary.core.http.cors import check_same_site, read_origin
from stellary.core.http.password_limits import PasswordLimits
from stellary.core.http.shares import Owner
from stellary.core.http.threads import Threads
from stellary.core.http.throttle import GUARDED, LOGIN, Caller
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork

if TYPE_CHECKING:
    from stellary import Stellary

T = TypeVar("T")
PROVIDER_THREADS = 8
"""The number of users who can come from or go to the OpenID Connect provider at the same moment."""
FORM_MAX = 96 << 10
"""The maximum size of a form with the text of a card, in bytes; each of its 5,000 characters may be escaped."""
_ROOT = Ref()
_NONE: Mapping[str, str] = {}


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
            api = _Api(self._core, self._password_limits, context, request.session, actor, self._provider)
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


class _Api:
    """The API for the form of one client."""

    def __init__(
        self,
        core: Core,
        password_limits: PasswordLimits,
        context: RequestContext,
        session: str | None,
        actor: Actor | None,
        provider: OidcProvider | None,
    ) -> None:
        self._core = core
        self._password_limits = password_limits
        self._context = context
        self._session = session
        self._actor = actor
        self.provider = provider
        self.public_url = core.env.public_url

    def call(
        self,
        endpoint: AnyEndpoint,
        body: Mapping[str, object],
        *,
        ref: Ref = _ROOT,
        token: str | None = None,
        actor: Actor | None = None,
        headers: Mapping[str, str] = _NONE,
    ) -> ApiResponse:
        headers = {**self._build_headers(token), **headers}
        if endpoint.in_query:
            raw = RawRequest(endpoint.method, endpoint.path, urlencode(body), headers)
        else:
            raw = RawRequest(endpoint.method, endpoint.path, "", headers, orjson.dumps(body))

        # A user of a proxy has no password to guess.
        if endpoint.operation not in GUARDED or actor is not None:
            return self._send(raw, Match(endpoint, ref), actor)
        caller = Caller(self._context.client, headers.get("authorization"))
        attempt = self._password_limits.attempt(endpoint.operation, caller, raw.body)
        attempt.admit()
        response = self._send(raw, Match(endpoint, ref))
        attempt.record(response.status, response.code)
        return response

    @cached_property
    def user(self) -> Mapping[str, str] | None:
        user = self.call_as_user(ME, {}).body.get("user")
        return user if isinstance(user, dict) else None

    def call_as_user(
        self,
        endpoint: AnyEndpoint,
        body: Mapping[str, object],
        *,
        ref: Ref = _ROOT,
        headers: Mapping[str, str] = _NONE,
    ) -> ApiResponse:
        return self.call(endpoint, body, ref=ref, token=self._session, actor=self._actor, headers=headers)

    def is_allowed(self, endpoint: AnyEndpoint, ref: Ref) -> bool:
        raw = RawRequest(endpoint.method, endpoint.path, "", self._build_headers(self._session))
        return dispatch.find_refusal(self._core.units, raw, Match(endpoint, ref), self._actor) is None

    def open_file(self, endpoint: AnyEndpoint, ref: Ref) -> RawResponse:
        raw = RawRequest(endpoint.method, endpoint.path, "", self._build_headers(self._session))
        file = dispatch.answer(self._core.units, raw, self._actor, match=Match(endpoint, ref))
        if file.status >= 400:
            parse_response(file).check()
        return file

    def finish_login(self, pending: str, code: str, device: str) -> ApiResponse:
        units = self._core.units

        def finish() -> str:
            login = open_pending_login(units, pending)
            token = finish_login(units, login, code, device)
            # From now on, the account is known to use the client's address.
            body = orjson.dumps({"email": login.email})
            self._password_limits.attempt(LOGIN, Caller(self._context.client), body).record(201)
            return token

        return self._respond(finish)

    def sign_in(self, identity: Identity, device: str) -> ApiResponse:
        return self._respond(lambda: sign_in(self._core.units, identity, device))

    def link_identity(self, identity: Identity, token: str) -> ApiResponse:
        units = self._core.units

        def link() -> None:
            claims = units.env.signer.read(token, units.env.clock())
            link_identity(units, identity, claims.user_id)

        return self._respond(link)

    def _respond(self, work: Callable[[], str | None]) -> ApiResponse:
        """Return the login that a function returns, or its error, as a response."""
        try:
            return ApiResponse(201, {"access_token": work()})
        except ApiError as error:
            return parse_response(error_response(error, self._context.request_id))

    def open_client(self) -> Stellary | None:
        # Loaded when the first user signs in.
        from stellary import Stellary

        if self._session is not None:
            return Stellary.embedded(self._core.port(), token=self._session)
        return None if self._actor is None else Stellary.embedded(self._core.port(self._actor))

    def read(self, query: Callable[[UnitOfWork], T]) -> T:
        return self._core.units.run(query, NOBODY, read_only=True)

    def write(self, work: Callable[[UnitOfWork], T], *, as_user: bool = False) -> T:
        actor = NOBODY
        if as_user:
            actor = self._actor or self._core.authenticate(self._session or "")
        return self._core.units.run(work, actor)

    def seal(self, purpose: str, data: Mapping[str, str], lifetime: timedelta) -> str:
        # A claim of its own, since names such as `sub` and `iss` are claims of the signed text.
        return self._core.env.signer.seal(purpose, {"data": data}, self._core.env.clock(), lifetime)

    def unseal(self, purpose: str, text: str) -> Mapping[str, str] | None:
        claims = self._core.env.signer.unseal(purpose, text, self._core.env.clock())
        return None if claims is None else cast("Mapping[str, str]", claims["data"])

    def _build_headers(self, token: str | None) -> dict[str, str]:
        headers = {"content-type": "application/json", "x-request-id": self._context.request_id}
        return headers if token is None else {**headers, "authorization": f"Bearer {token}"}

    def _send(self, raw: RawRequest, match: Match, actor: Actor | None = None) -> ApiResponse:
        response = dispatch.answer(self._core.units, raw, actor, match=match)
        return parse_response(dispatch.read_body(response))


async def _read_body(context: RequestContext, *, is_large: bool) -> bytes:
    """Return the body of a form, after it has arrived."""
    body = RequestBody(context, FORM_MAX if is_large else PASSWORD.size)
    small = await body.read_small()
    if small is None:
        await body.read()
        return bytes(body.inflate())
    return small
