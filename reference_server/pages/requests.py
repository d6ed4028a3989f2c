"""The requests for pages, and the calls of the API that pages make for them."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import parse_qsl, urlencode

import attrs
import orjson

from stellary.contract.auth import ME
from stellary.contract.errors import ApiError, Forbidden, Invalid, UnsupportedMedia, error_from
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.refs import Ref
from stellary.contract.router import AnyEndpoint, Match
from stellary.core import Core
from stellary.core.accounts.identities import Identity, link_identity, sign_in
from stellary.core.accounts.second_factors import finish_login, open_pending_login
from stellary.core.api import dispatch
from stellary.core.db.errors import error_response
from stellary.core.http.context import RequestContext
from stellary.core.http.password_limits import PasswordLimits
from stellary.core.http.throttle import GUARDED, LOGIN, Caller
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork

if TYPE_CHECKING:
    from reference_server.oidc import OidcProvider
    from stellary import Stellary

T = TypeVar("T")
_ROOT = Ref()
_NONE: Mapping[str, str] = {}

FIELDS_MAX, WORK_FIELDS_MAX = 20, 200
"""The numbers of fields of a form, and of one with choices for each channel and each kind of notification."""
SESSION_COOKIE, FORM_COOKIE = "stellary_session", "stellary_form"
TOKEN_FIELD = "formToken"
"""The field of each form with the token that its page contains."""
_LABELS = {
    "email": "The e-mail address",
    "name": "The name",
    "password": "The password",
    "currentPassword": "The password",
    "code": "The code",
    "newPassword": "The new password",
    "token": "The link",
    "confirmation": "The link",
    "title": "The title",
    "description": "The text",
    "content": "The comment",
    "dueDate": "The due date",
    "digestHour": "The hour of the digest",
    "timeZone": "The time zone",
    "columnId": "The column",
    "assigneeId": "The person",
    "notes": "The notes",
    "reason": "The reason",
}
_SENTENCES = {
    "idempotency_key_reused": "This form was sent before, with other texts. Open the page again.",
    "stale_version": "This has been changed since you opened the page. Look at it as it is now, and send the form again.",
}
"""The sentences for people by the code of an error whose message is for programs."""


@attrs.frozen
class PageRequest:
    """The request for a page.

    Attributes:
        prefix: The prefix of paths, if the server is part of a host's application; empty otherwise.
        path: The path of the page, with the prefix.
        token: The secret at the end of the path; empty for pages without one.
        form: The fields of the form; empty for a GET.
        parameters: The parameters in the path.
        is_secure: Whether people reach the server over HTTPS.
        query: The parameters of the query.
        cookies: The ``Cookie`` header.
        provider: The name of the OpenID Connect provider; None without one.
        may_register: Whether everyone may create an account.
        form_token: The token of the forms of this browser.
        form_key: The key of the forms of this page, by which one that is sent twice is done once.
        body: The body of a program's request.
    """

    prefix: str
    path: str
    token: str = attrs.field(default="", repr=False)
    form: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    parameters: Mapping[str, str] = attrs.field(factory=dict)
    is_secure: bool = False
    query: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    cookies: str = attrs.field(default="", repr=False)
    provider: str | None = None
    may_register: bool = False
    form_token: str = attrs.field(default="", repr=False)
    form_key: str = attrs.field(factory=lambda: secrets.token_hex(12), repr=False)
    body: bytes = attrs.field(default=b"", repr=False)

    @property
    def session(self) -> str | None:
        """The login that the browser has stored; None without one."""
        return self.get_cookie(SESSION_COOKIE)

    def link(self, **changes: str | None) -> str:
        """Return the address of this page with its query, without the message of the last form.

        Args:
            **changes: The parameters of the query to set, or with None to leave out.
        """
        query = {**self.query, "done": None, **changes}
        text = urlencode({name: value for name, value in query.items() if value is not None})
        return f"{self.path}?{text}" if text else self.path

    def get_cookie(self, name: str) -> str | None:
        """Return a cookie; None without one.

        Args:
            name: The name, without its prefix.
        """
        try:
            morsel = SimpleCookie(self.cookies).get(self._name_cookie(name))
        except CookieError:
            return None
        return morsel.value if morsel is not None and morsel.value else None

    def build_cookie(self, name: str, text: str, lifetime: timedelta | None = None) -> str:
        """Return a ``Set-Cookie`` header.

        Args:
            name: The name, without its prefix.
            text: The text; empty to delete the cookie.
            lifetime: How long the browser keeps it. By default, until it is closed.
        """
        seconds = None if lifetime is None else int(lifetime.total_seconds())
        age = "; Max-Age=0" if not text else "" if seconds is None else f"; Max-Age={seconds}"
        secure = "; Secure" if self.is_secure else ""
        # Scripts cannot read it, and other sites cannot send it with a form.
        return f"{self._name_cookie(name)}={text}; Path={self.prefix}/; HttpOnly; SameSite=Lax{secure}{age}"

    def check_form_token(self) -> None:
        """Check that the form has the token of a page that this browser has opened.

        Raises:
            Forbidden: It has none, or that of another browser or login.
        """
        if not hmac.compare_digest(self.form.get(TOKEN_FIELD, "").encode(), self.form_token.encode()):
            raise Forbidden("this form has expired: open the page again", code="form_expired")

    def _name_cookie(self, name: str) -> str:
        """Return the name of a cookie, whose prefix lets no other host and no connection in plain text set it."""
        return f"{'__Secure' if self.prefix else '__Host'}-{name}" if self.is_secure else name


@attrs.frozen
class ApiResponse:
    """The response of the API to a call of a page."""

    status: int
    body: Mapping[str, object] = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    @property
    def cursor(self) -> str | None:
        """The start of the next page of a list; None on the last page."""
        # Loaded when the first list is shown.
        from stellary.client.calling.call import next_cursor

        return next_cursor(self.headers)

    def check(self) -> object:
        """Return the body, which is a list if the call lists items.

        Raises:
            ApiError: The call has failed.
        """
        if self.status >= 400:
            raise error_from(self.status, orjson.dumps(self.body), self.headers)
        return self.body

    @property
    def problem(self) -> str | None:
        """The error in a sentence for people; None if the call succeeded."""
        if self.status < 400:
            return None
        if self.code in _SENTENCES:
            return _SENTENCES[self.code]
        details = self.body.get("details")
        if isinstance(details, list) and details:
            detail = details[0]
            return f"{_LABELS.get(detail['field'], detail['field'])} {detail['message']}."
        message = str(self.body.get("message", "")).rstrip(".")
        return f"{message[:1].upper()}{message[1:]}."

    @property
    def code(self) -> object:
        """The code of the error; None if the call succeeded."""
        return self.body.get("code") if self.status >= 400 else None


def parse_response(raw: RawResponse) -> ApiResponse:
    """Return the response to a page's call from the response of the API."""
    body = orjson.loads(raw.body) if raw.body else {}
    return ApiResponse(raw.status, body, raw.headers)


@attrs.define(eq=False, repr=False, slots=False)
class PageApi:
    """The API, as pages use it: with the limits of the client that sent the form.

    Args:
        core: The core.
        password_limits: The limits of logins.
        context: The request for the page.
        session: The token of the session; None without one.
        actor: The user whom a trusted proxy has signed in; None if there is none.
        provider: The OpenID Connect provider; None without one.
    """

    _core: Core
    _password_limits: PasswordLimits
    _context: RequestContext
    _session: str | None
    _actor: Actor | None
    provider: OidcProvider | None

    @property
    def public_url(self) -> str:
        """The URL at which people reach the server."""
        return self._core.env.public_url

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
        """Call an endpoint.

        Args:
            endpoint: The endpoint.
            body: The JSON body.
            ref: The address of the item. Default: none.
            token: The bearer token. Default: none.
            actor: The caller, if a trusted proxy has signed them in. Default: none.
            headers: Further headers. Default: none.
        """
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
        """The user who has signed in; None if nobody has. Read once for a page."""
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
        """Call an endpoint for the user who has signed in, by a session or a trusted proxy.

        Args:
            endpoint: The endpoint.
            body: The JSON body, or the query of a GET.
            ref: The address of the item. Default: none.
            headers: Further headers, such as ``if-match``. Default: none.
        """
        return self.call(endpoint, body, ref=ref, token=self._session, actor=self._actor, headers=headers)

    def is_allowed(self, endpoint: AnyEndpoint, ref: Ref) -> bool:
        """Return whether the user who has signed in may call an endpoint.

        Args:
            endpoint: The endpoint.
            ref: The address of the item, or of one that contains it.
        """
        raw = RawRequest(endpoint.method, endpoint.path, "", self._build_headers(self._session))
        return dispatch.find_refusal(self._core.units, raw, Match(endpoint, ref), self._actor) is None

    def open_file(self, endpoint: AnyEndpoint, ref: Ref) -> RawResponse:
        """Return a file for the user who has signed in, which is not read yet.

        Args:
            endpoint: The endpoint that returns it.
            ref: The address of the file.

        Raises:
            ApiError: There is no such file for this user.
        """
        raw = RawRequest(endpoint.method, endpoint.path, "", self._build_headers(self._session))
        file = dispatch.answer(self._core.units, raw, self._actor, match=Match(endpoint, ref))
        if file.status >= 400:
            parse_response(file).check()
        return file

    def finish_login(self, pending: str, code: str, device: str) -> ApiResponse:
        """Finish a login that waits for a code; the body of the response contains ``access_token``.

        Args:
            pending: The signed state of the login.
            code: The code.
            device: The name of the device.
        """
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
        """Sign in the user with an identity; see ``identities.sign_in``. The body contains ``access_token``.

        Args:
            identity: The identity, which the provider has just authenticated.
            device: The name of the device.
        """
        return self._respond(lambda: sign_in(self._core.units, identity, device))

    def link_identity(self, identity: Identity, token: str) -> ApiResponse:
        """Link an identity to the account of a login.

        Args:
            identity: The identity.
            token: The login, which has just begun.
        """
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
        """Return a client of the API for the user who has signed in; None if nobody has."""
        # Loaded when the first user signs in.
        from stellary import Stellary

        if self._session is not None:
            return Stellary.embedded(self._core.port(), token=self._session)
        return None if self._actor is None else Stellary.embedded(self._core.port(self._actor))

    def read(self, query: Callable[[UnitOfWork], T]) -> T:
        """Return the result of a function that reads from the database."""
        return self._core.units.run(query, NOBODY, read_only=True)

    def write(self, work: Callable[[UnitOfWork], T], *, as_user: bool = False) -> T:
        """Return the result of a function that changes the database.

        Args:
            work: The function.
            as_user: Whether it acts for the user who has signed in. Default: for nobody.

        Raises:
            Unauthenticated: It acts for the user, and nobody has signed in.
        """
        actor = NOBODY
        if as_user:
            actor = self._actor or self._core.authenticate(self._session or "")
        return self._core.units.run(work, actor)

    def seal(self, purpose: str, data: Mapping[str, str], lifetime: timedelta) -> str:
        """Return data as a signed text; see ``Signer.seal``.

        Args:
            purpose: The name of the purpose.
            data: The data.
            lifetime: How long the text is valid.
        """
        # A claim of its own, since names such as `sub` and `iss` are claims of the signed text.
        return self._core.env.signer.seal(purpose, {"data": data}, self._core.env.clock(), lifetime)

    def unseal(self, purpose: str, text: str) -> Mapping[str, str] | None:
        """Return the data of a signed text; None if it is forged, expired, or for another purpose.

        Args:
            purpose: The name of the purpose.
            text: The text.
        """
        claims = self._core.env.signer.unseal(purpose, text, self._core.env.clock())
        return None if claims is None else cast("Mapping[str, str]", claims["data"])

    def _build_headers(self, token: str | None) -> dict[str, str]:
        headers = {"content-type": "application/json", "x-request-id": self._context.request_id}
        return headers if token is None else {**headers, "authorization": f"Bearer {token}"}

    def _send(self, raw: RawRequest, match: Match, actor: Actor | None = None) -> ApiResponse:
        response = dispatch.answer(self._core.units, raw, actor, match=match)
        return parse_response(dispatch.read_body(response))


def parse_form(headers: Mapping[str, str], body: bytes, fields_max: int) -> dict[str, str]:
    """Return the fields of a form.

    Args:
        headers: The headers of the request, with lower-case names.
        body: The body.
        fields_max: The maximum number of fields.

    Raises:
        UnsupportedMedia: It is not an HTML form.
        Invalid: It is not in UTF-8, or has too many fields.
    """
    if (
        headers.get("content-type", "").partition(";")[0].strip().lower()
        != "application/x-www-form-urlencoded"
    ):
        raise UnsupportedMedia("Content-Type must be application/x-www-form-urlencoded")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=fields_max)
    except ValueError:
        raise Invalid(f"a form must be in UTF-8 and have at most {fields_max} fields") from None
    return dict(pairs)
