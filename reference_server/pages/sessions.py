"""The page on which a user signs in, and the session of a browser."""

from __future__ import annotations

import re
from urllib.parse import quote

import attrs

from reference_server.pages.layout import (
    alert,
    button_link,
    form,
    hidden_field,
    link,
    redirect,
    render_page,
    text_field,
)
from reference_server.pages.requests import SESSION_COOKIE, PageApi, PageRequest
from stellary.contract.auth import LOGIN, LOGOUT
from stellary.contract.port import RawResponse
from stellary.core.accounts.pending_logins import find_pending_login, seal_pending_login

DEVICE = "Browser"
"""The name of the sessions of browsers."""
_TARGETS = ("/boards/", "/invitations/", "/second-factor", "/my-tokens", "/account")
"""The beginnings of the paths to which a user may return after signing in."""
_PRINTABLE = re.compile(r"[!-~]{1,2000}")


def build_header(request: PageRequest) -> str:
    """Return the parts above the pages of a user who has signed in."""
    home = f'<a href="{request.prefix}/home">Stellary</a>'
    return home + form(request, "Sign out", path="/sign-out")


def show_sign_in(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page on which a user signs in."""
    return render_sign_in(request, f"{request.prefix}/home")


def submit_sign_in(request: PageRequest, api: PageApi) -> RawResponse:
    """Sign in, and go to the page that the user wanted to see."""
    target = request.form.get("next", "")
    login = log_in(request, api, request.form.get("email", "").strip())
    if login.pending is not None:
        return render_code_form(request, login, hidden_field("next", target))
    if login.problem is not None:
        return render_sign_in(request, target, login.problem, login.status)
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
        token: The login; empty if there is none yet.
        pending: The signed state of a login that waits for a code; None for another one.
        problem: Why there is no login, in a sentence; None if nothing is wrong.
        status: The HTTP status of the page.
    """

    token: str = attrs.field(default="", repr=False)
    pending: str | None = attrs.field(default=None, repr=False)
    problem: str | None = None
    status: int = 200


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
            return PageLogin(pending=pending, problem=response.problem, status=response.status)
    else:
        # Read before the password is checked, so that a password that is changed meanwhile ends the login.
        login = api.read(lambda uow: find_pending_login(uow, email))
        body = {"email": email, "password": request.form.get("password", ""), "device": DEVICE}
        response = api.call(LOGIN, body)
        if response.code == "code_required" and login is not None:
            return PageLogin(pending=api.read(lambda uow: seal_pending_login(uow, login)))
    if response.problem is not None:
        return PageLogin(problem=response.problem, status=response.status)
    return PageLogin(token=str(response.body["access_token"]))


def render_code_form(request: PageRequest, login: PageLogin, *fields: str) -> RawResponse:
    """Return the page that asks for the code of an authenticator app, after the password.

    Args:
        request: The request, to whose path the form is sent.
        login: The login that waits for the code.
        fields: Further fields of the form.
    """
    return render_page(
        "Enter your code",
        alert(login.problem),
        form(
            request,
            "Sign in",
            *fields,
            hidden_field("pending", login.pending or ""),
            text_field(
                "code",
                "Code",
                "text",
                "one-time-code",
                hint="The six digits that your authenticator app shows, or one of your recovery codes.",
                length_max=40,
            ),
        ),
        status=login.status,
    )


def submit_sign_out(request: PageRequest, api: PageApi) -> RawResponse:
    """End the session of the browser."""
    if request.session is not None:
        api.call(LOGOUT, {}, token=request.session)
    return redirect(f"{request.prefix}/sign-in", request.build_cookie(SESSION_COOKIE, ""))


def render_sign_in(
    request: PageRequest, target: str, problem: str | None = None, status: int = 200
) -> RawResponse:
    """Return the page on which a user signs in.

    Args:
        request: The request.
        target: The path of the page to go to afterwards.
        problem: Why the last attempt failed. Default: there was none.
        status: The HTTP status.
    """
    return render_page(
        "Sign in",
        alert(problem),
        form(
            request,
            "Sign in",
            hidden_field("next", target),
            text_field("email", "E-mail address", "email", "username", text=request.form.get("email", "")),
            text_field("password", "Password", "password", "current-password", length_max=128),
            path="/sign-in",
        ),
        link(f"{request.prefix}/forgot-password", "Forgot your password?"),
        *build_provider_link(request, target),
        status=status,
    )


def build_provider_link(request: PageRequest, target: str) -> list[str]:
    """Return the link to the OpenID Connect provider; nothing without one.

    Args:
        request: The request.
        target: The path of the page to go to afterwards.
    """
    if request.provider is None:
        return []
    path = f"{request.prefix}/sign-in/oidc?next={quote(target, safe='')}"
    return [button_link(path, f"Sign in with {request.provider}")]
