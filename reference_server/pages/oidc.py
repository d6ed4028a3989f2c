"""The pages of a sign-in by an OpenID Connect provider: to the provider, back from it, and linking an account."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from datetime import timedelta

import attrs

from reference_server.oidc import OidcProvider, ProviderUnavailable, SignInRefused, SignInRequest
from reference_server.pages.rendering import redirect, render_message, render_page
from reference_server.pages.requests import SESSION_COOKIE, ApiResponse, PageApi, PageRequest
from reference_server.pages.sessions import DEVICE, choose_target, log_in, render_code_form
from stellary.contract.auth import LOGOUT
from stellary.contract.port import RawResponse
from stellary.core.accounts.identities import Identity

COOKIE = "stellary_oidc"
LIFETIME = timedelta(minutes=10)
"""The time that a user has to sign in at the provider, and to enter the password of an account to link."""
_BEGUN, _LINK = "oidc", "oidc-link"
"""The purposes of signed texts."""
_log = logging.getLogger("stellary.server")


def start_sign_in(request: PageRequest, api: PageApi) -> RawResponse:
    """Lead to the provider. The browser keeps the secrets of the sign-in in a cookie until it comes back."""
    sign_in = SignInRequest()
    try:
        url = _provider_of(api).build_authorization_url(sign_in)
    except ProviderUnavailable as error:
        return _render_unavailable(request, error)
    data = {**attrs.asdict(sign_in), "next": choose_target(request, request.query.get("next", ""))}
    return redirect(url, request.build_cookie(COOKIE, api.seal(_BEGUN, data, LIFETIME), LIFETIME))


def finish_sign_in(request: PageRequest, api: PageApi) -> RawResponse:
    """Sign in the user who comes back from the provider, or ask for the password of an account to link."""
    data = api.unseal(_BEGUN, request.get_cookie(COOKIE) or "")
    if data is None or not hmac.compare_digest(
        data["state"].encode(), request.query.get("state", "").encode()
    ):
        return _render_expired(request)
    page = _finish_sign_in(request, api, data)
    # The secrets of the sign-in are used once, whatever became of it.
    return attrs.evolve(page, cookies=(*page.cookies, request.build_cookie(COOKIE, "")))


def _finish_sign_in(request: PageRequest, api: PageApi, data: Mapping[str, str]) -> RawResponse:
    if "code" not in request.query:
        return _render_refused(request, _refuse("The sign-in service has not signed you in."))
    sign_in = SignInRequest(data["state"], data["nonce"], data["verifier"])
    try:
        identity = _provider_of(api).fetch_identity(sign_in, request.query["code"])
    except ProviderUnavailable as error:
        return _render_unavailable(request, error)
    except SignInRefused as error:
        _log.warning("a sign-in by OpenID Connect was refused: %s (%s)", error, error.__cause__)
        return _render_refused(request, _refuse(str(error)))
    response = api.sign_in(identity, DEVICE)
    if response.problem is not None:
        return _render_refused(request, response)
    target, token = data["next"], response.body.get("access_token")
    if token is None:
        fields = {**attrs.asdict(identity), "next": target}
        return _render_link(request, identity.email, api.seal(_LINK, fields, LIFETIME))
    return redirect(choose_target(request, target), request.build_cookie(SESSION_COOKIE, str(token)))


def submit_link(request: PageRequest, api: PageApi) -> RawResponse:
    """Link the identity to the account whose password the user has entered, and sign in."""
    sealed = request.form.get("identity", "")
    data = api.unseal(_LINK, sealed)
    if data is None:
        return _render_expired(request)
    login = log_in(request, api, data["email"])
    if login.pending is not None:
        return render_code_form(request, login, identity=sealed)
    if login.response.problem is not None:
        return _render_link(request, data["email"], sealed, login.response)
    identity = Identity(
        issuer=data["issuer"], subject=data["subject"], email=data["email"], name=data["name"]
    )
    response = api.link_identity(identity, login.token)
    if response.problem is not None:
        api.call(LOGOUT, {}, token=login.token)
        return _render_refused(request, response)
    return redirect(choose_target(request, data["next"]), request.build_cookie(SESSION_COOKIE, login.token))


def _provider_of(api: PageApi) -> OidcProvider:
    assert api.provider is not None
    return api.provider


def _render_link(
    request: PageRequest, email: str, sealed: str, response: ApiResponse | None = None
) -> RawResponse:
    return render_page(request, "link_identity", response, email=email, sealed=sealed)


def _render_expired(request: PageRequest) -> RawResponse:
    return render_message(
        request,
        "This sign-in has expired",
        "It took longer than ten minutes, or began in another browser.",
        link=("/sign-in", "Sign in"),
        status=400,
    )


def _render_refused(request: PageRequest, response: ApiResponse) -> RawResponse:
    link = ("/sign-in", "Sign in in another way")
    return render_message(request, "You are not signed in", response=response, link=link)


def _refuse(message: str) -> ApiResponse:
    return ApiResponse(401, {"message": message})


def _render_unavailable(request: PageRequest, error: ProviderUnavailable) -> RawResponse:
    _log.warning("the OpenID Connect provider cannot be used: %s", error)
    return render_message(
        request,
        f"{request.provider} does not answer",
        "Try again in a few minutes. Your account and your data are not affected.",
        link=("/sign-in", "Back to the sign-in"),
        status=503,
    )
