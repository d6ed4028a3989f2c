"""The page on which a user signs in, and the session of a browser."""

from __future__ import annotations

import re

import attrs

from reference_server.pages.rendering import redirect, render_page
from reference_server.pages.requests import SESSION_COOKIE, ApiResponse, PageApi, PageRequest
from stellary.contract.auth import LOGIN, LOGOUT
from stellary.contract.port import RawResponse
from stellary.core.accounts.second_factors import find_pending_login, seal_pending_login

DEVICE = "Browser"
"""The name of the sessions of browsers."""
_TARGETS = (
    *("/boards/", "/documents/", "/filters/", "/approvals/", "/invitations/", "/oauth/authorize?"),
    *("/second-factor", "/my-tokens", "/my-notifications", "/account"),
)
"""The beginnings of the paths to which a user may return after signing in."""
_PRINTABLE = re.compile(r"[!-~]{1,6000}")


def show_sign_in(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page on which a user signs in."""
    return render_sign_in(request, f"{request.prefix}/home")


def submit_sign_in(request: PageRequest, api: PageApi) -> RawResponse:
    """Sign in, and go to the page that the user wanted to see."""
    target = request.form.get("next", "")
    login = log_in(request, api, request.form.get("email", "").strip())
    if login.pending is not None:
        return render_code_form(request, login, next=target)
    if login.response.problem is not None:
        return render_sign_in(request, target, login.response)
    return redirect(choose_target(request, target), request.build_cookie(SESSION_COOKIE, login.token))


def choose_target(request: PageRequest, target: str) -> str:
    """Return the path to go to after signing in: the page that the user wanted to see, or else the projects.

    Args:
        request: The request.
        target: The path that the browser has sent, which may be any text.
    """
    is_page = target.startswith(tuple(f"{request.prefix}{path}" for path in _TARGETS))
    # Other characters do not belong into the header of a redirection.
    return target if is_page and _PRINTABLE.fullmatch(target) else f"{request.prefix}/home"


@attrs.frozen
class PageLogin:
    """The result of a form with a password or a code.

    Attributes:
        response: The response of the API; without a problem if the login waits for its first code.
        pending: The signed state of a login that waits for a code; None for another one.
    """

    response: ApiResponse
    pending: str | None = attrs.field(default=None, repr=False)

    @property
    def token(self) -> str:
        """The login, if there is one."""
        return str(self.response.body["access_token"])


def log_in(request: PageRequest, api: PageApi, email: str) -> PageLogin:
    """Log in with the password of a form, or with the code of the form that ``render_code_form`` shows.

    Args:
        request: The request.
        api: The API.
        email: The address of the account.
    """
    pending = request.form.get("pending")
    if pending is not None:
        response = api.finish_login(pending, request.form.get("code", ""), DEVICE)
        # Too many codes were wrong: a recovery code still lets the user in.
        if response.code in ("wrong_code", "too_many_codes"):
            return PageLogin(response, pending)
    else:
        # Read before the password is checked, so that a password that is changed meanwhile ends the login.
        login = api.read(lambda uow: find_pending_login(uow, email))
        body = {"email": email, "password": request.form.get("password", ""), "device": DEVICE}
        response = api.call(LOGIN, body)
        if response.code == "code_required" and login is not None:
            pending = api.read(lambda uow: seal_pending_login(uow, login))
            return PageLogin(ApiResponse(200, {}), pending)
    return PageLogin(response)


def render_code_form(request: PageRequest, login: PageLogin, **fields: str) -> RawResponse:
    """Return the page that asks for the code of an authenticator app, after the password.

    Args:
        request: The request, to whose path the form is sent.
        login: The login that waits for the code.
        fields: Further fields of the form.
    """
    fields["pending"] = login.pending or ""
    return render_page(request, "sign_in_code", login.response, fields=fields)


def submit_sign_out(request: PageRequest, api: PageApi) -> RawResponse:
    """End the session of the browser."""
    if request.session is not None:
        api.call(LOGOUT, {}, token=request.session)
    return redirect(f"{request.prefix}/sign-in", request.build_cookie(SESSION_COOKIE, ""))


def render_sign_in(
    request: PageRequest, target: str, response: ApiResponse | None = None, *, status: int = 200
) -> RawResponse:
    """Return the page on which a user signs in.

    Args:
        request: The request.
        target: The path of the page to go to afterwards.
        response: The response to the last attempt. Default: there was none.
        status: The HTTP status, if there was none.
    """
    return render_page(request, "sign_in", response, status=status, target=target)
