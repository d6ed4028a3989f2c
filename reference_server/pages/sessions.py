"""The page on which a user signs in, and the session of a browser."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from reference_server.pages.layout import (
    alert,
    form,
    hidden_field,
    link,
    redirect,
    render_page,
    text_field,
)
from reference_server.pages.requests import PageApi, PageRequest
from stellary.contract.auth import LOGIN, LOGOUT
from stellary.contract.port import RawResponse

COOKIE = "stellary_session"
_DEVICE = "Browser"


def read_session(cookies: str) -> str | None:
    """Return the login in a ``Cookie`` header; None without one."""
    try:
        morsel = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel is not None and morsel.value else None


def build_cookie(request: PageRequest, token: str) -> str:
    """Return the ``Set-Cookie`` header that stores a login until the browser is closed.

    Args:
        request: The request.
        token: The login; empty to delete it.
    """
    lifetime = "" if token else "; Max-Age=0"
    secure = "; Secure" if request.is_secure else ""
    # Scripts cannot read it, and other sites cannot send it with a form.
    return f"{COOKIE}={token}; Path={request.prefix}/; HttpOnly; SameSite=Lax{secure}{lifetime}"


def build_header(request: PageRequest) -> str:
    """Return the parts above the pages of a user who has signed in."""
    home = f'<a href="{request.prefix}/home">Stellary</a>'
    return home + form(f"{request.prefix}/sign-out", "Sign out")


def show_sign_in(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page on which a user signs in."""
    return render_sign_in(request, f"{request.prefix}/home")


def submit_sign_in(request: PageRequest, api: PageApi) -> RawResponse:
    """Sign in, and go to the page that the user wanted to see."""
    email, password = request.form.get("email", "").strip(), request.form.get("password", "")
    target = request.form.get("next", "")
    login = api.call(LOGIN, {"email": email, "password": password, "device": _DEVICE})
    if login.problem is not None:
        return render_sign_in(request, target, login.problem, login.status)
    if not target.startswith(f"{request.prefix}/boards/"):
        target = f"{request.prefix}/home"
    return redirect(target, build_cookie(request, str(login.body["access_token"])))


def submit_sign_out(request: PageRequest, api: PageApi) -> RawResponse:
    """End the session of the browser."""
    if request.session is not None:
        api.call(LOGOUT, {}, token=request.session)
    return redirect(f"{request.prefix}/sign-in", build_cookie(request, ""))


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
            f"{request.prefix}/sign-in",
            "Sign in",
            hidden_field("next", target),
            text_field("email", "E-mail address", "email", "username", text=request.form.get("email", "")),
            text_field("password", "Password", "password", "current-password", length_max=128),
        ),
        link(f"{request.prefix}/forgot-password", "Forgot your password?"),
        status=status,
    )
