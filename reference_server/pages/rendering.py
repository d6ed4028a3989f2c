"""The responses of the pages. Their HTML is made by the templates, which escape all text: one column, in light and dark, without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from reference_server.pages.requests import ApiResponse, PageRequest
from stellary.contract.port import RawResponse

if TYPE_CHECKING:
    from jinja2 import Environment

    from stellary.contract.activities import Activity

_TEMPLATES = Path(__file__).with_name("templates")
_STYLE = (_TEMPLATES / "style.css").read_text("utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HTML = "text/html; charset=utf-8"
HEADERS = {
    "content-type": HTML,
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    # The address of a page may contain a secret. With "no-referrer", browsers would not name the origin of a form.
    "referrer-policy": "same-origin",
}
VIEW_HEADERS = {
    **HEADERS,
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
"""The headers of views, which have styles of their own, also in attributes. All text in them is escaped, and nothing can be loaded or run."""


def _format_day(moment: object) -> str:
    """Return a date as the fields of forms have it; empty without one."""
    return f"{moment:%Y-%m-%d}" if isinstance(moment, datetime) else str(moment or "")


def _format_minute(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if isinstance(moment, datetime) else str(moment)


def _summarize_activity(activity: Activity) -> str:
    # Loaded when the first history is shown.
    from stellary.client.display import summarize_activity

    # All values of a new item are on its page.
    is_new = activity.type.endswith(("_created", "_added"))
    return summarize_activity(activity, has_values=not is_new)


def _render_markdown(text: object) -> str:
    # Loaded when the first text is shown.
    from reference_server.pages.markdown import render_markdown

    return render_markdown(text)


@cache
def _load_environment() -> Environment:
    # Loaded when the first page is rendered.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        auto_reload=False,
        loader=FileSystemLoader(_TEMPLATES),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals["style"] = _STYLE
    environment.filters |= {
        "activity": _summarize_activity,
        "day": _format_day,
        "markdown": _render_markdown,
        "minute": _format_minute,
    }
    return environment


def render_page(
    request: PageRequest | None,
    template: str,
    response: ApiResponse | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] = HEADERS,
    **values: object,
) -> RawResponse:
    """Return a page.

    Args:
        request: The request.
        template: The name of the template, without its ending.
        response: The response to the last form, whose problem the page shows. Default: there was none.
        status: The HTTP status, if there is no problem.
        headers: The headers.
        values: The variables of the template.
    """
    problem = None
    if response is not None:
        problem, status = response.problem, response.status
    html = _load_environment().get_template(f"{template}.html")
    page = html.render(request=request, problem=problem, **values)
    return RawResponse(status, headers, page.encode())


def render_message(
    request: PageRequest | None,
    title: str,
    *paragraphs: str,
    response: ApiResponse | None = None,
    status: int = 200,
    link: tuple[str, str] | None = None,
    is_signed_in: bool = False,
) -> RawResponse:
    """Return a page without a form.

    Args:
        request: The request; None if it could not be read.
        title: The title.
        paragraphs: The sentences below it.
        response: The response whose problem the page shows. Default: none.
        status: The HTTP status, if there is no problem.
        link: The path of the page to go to, without the prefix, and the text of its link. Default: none.
        is_signed_in: Whether the user has signed in. Default: False.
    """
    return render_page(
        request,
        "message",
        response,
        status=status,
        title=title,
        paragraphs=paragraphs,
        link=link,
        is_signed_in=is_signed_in,
    )


def redirect(path: str, *cookies: str) -> RawResponse:
    """Return a redirection.

    Args:
        path: The path to go to, with the prefix, or the URL of another site.
        *cookies: The ``Set-Cookie`` headers.
    """
    return RawResponse(303, {**HEADERS, "location": path}, cookies=cookies)


def build_headers(form_target: str) -> dict[str, str]:
    """Return the headers of a page whose form leads on to another site, as browsers check the redirection too.

    Args:
        form_target: The source of the site, as policies write it. It contains neither blanks nor semicolons.
    """
    policy = HEADERS["content-security-policy"].replace(
        "form-action 'self'", f"form-action 'self' {form_target}"
    )
    return {**HEADERS, "content-security-policy": policy}
