"""The layout of the pages: one column, in light and dark, without scripts. All text is escaped here."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from reference_server.pages.requests import TOKEN_FIELD, PageRequest
from stellary.contract.port import RawResponse

_STYLE = """\
:root { color-scheme: light dark; --ink: #1b1f2a; --soft: #5a6172; --paper: #f5f6f9; --card: #fff; --line: #c3c8d4;
  --accent: #2447b3; --on-accent: #fff; --error: #a3162a; --error-paper: #fdeef0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaf0; --soft: #a6adbd; --paper: #12141a; --card: #1b1e27;
  --line: #474d5e; --accent: #93aaff; --on-accent: #10131c; --error: #ffabb5; --error-paper: #3a1a20; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; overflow-wrap: anywhere; }
main, header { max-width: 28rem; }
.wide main, .wide header { max-width: 80rem; }
main {  margin: 0 auto; padding: 1.5rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem; }
header { display: flex; gap: 1rem; align-items: baseline; justify-content: space-between; margin: 0 auto 1rem;
  color: var(--soft); font-weight: 600; }
header a { color: inherit; text-decoration: none; }
header button { width: auto; margin: 0; padding: .35rem .7rem; background: none; color: var(--accent);
  border: 1px solid var(--line); font-weight: 400; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 0 0 1rem; }
nav [aria-current] { color: inherit; font-weight: 600; text-decoration: none; }
ul.plain { margin: 0 0 1rem; padding: 0; list-style: none; }
ul.plain li { padding: .35rem 0; border-bottom: 1px solid var(--line); }
h1 { margin: 0 0 .75rem; font-size: 1.4rem; line-height: 1.25; }
h2 { margin: 2rem 0 .5rem; padding-top: 1.25rem; border-top: 1px solid var(--line); font-size: 1.1rem; }
p { margin: 0 0 1rem; }
form + p { margin-top: 1rem; }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
label.choice { display: flex; gap: .5rem; font-weight: 400; align-items: baseline; }
input:not([type=checkbox]) { width: 100%; padding: .6rem .7rem; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: .4rem; font: inherit; }
input[readonly] { background: var(--paper); color: var(--soft); }
small { display: block; margin-top: .25rem; color: var(--soft); }
button { width: 100%; margin-top: 1.25rem; padding: .7rem 1rem; border: 0; border-radius: .4rem; font: inherit;
  font-weight: 600; background: var(--accent); color: var(--on-accent); cursor: pointer; }
a { color: var(--accent); }
img.qr { display: block; width: 13rem; max-width: 100%; margin: 0 0 1rem; border-radius: .4rem; }
a.button { display: block; padding: .7rem 1rem; border: 1px solid var(--line); border-radius: .4rem; font-weight: 600;
  text-align: center; text-decoration: none; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
[role=alert] { padding: .7rem .9rem; border-radius: .4rem; background: var(--error-paper); color: var(--error); }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    # The address of a page may contain a secret. With "no-referrer", browsers would not name the origin of a form.
    "referrer-policy": "same-origin",
}
# Views have styles of their own, also in attributes. All text in them is escaped, and nothing can be loaded or run.
_VIEW_HEADERS = {
    **_HEADERS,
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} | Stellary</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body{attributes}>
<header>{header}</header>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""


def render_page(
    title: str, *content: str, status: int = 200, header: str = "Stellary", is_wide: bool = False
) -> RawResponse:
    """Return a page.

    Args:
        title: The title of the page, and its heading.
        content: The parts of the page, as the other functions of this module return them.
        status: The HTTP status.
        header: The parts above the page. Default: the name of the product.
        is_wide: Whether the page uses the width of the window, and contains views of the SDK. Default: False.
    """
    page = _PAGE.format(
        title=escape(title),
        style=_STYLE,
        attributes=' class="wide"' if is_wide else "",
        header=header,
        content="\n".join(content),
    )
    return RawResponse(status, _VIEW_HEADERS if is_wide else _HEADERS, page.encode())


_CURRENT = ' aria-current="page"'


def redirect(path: str, cookie: str) -> RawResponse:
    """Return a redirection that sets a cookie.

    Args:
        path: The path to go to, with the prefix, or the URL of another site.
        cookie: The ``Set-Cookie`` header.
    """
    return RawResponse(303, {**_HEADERS, "location": path}, cookies=(cookie,))


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<p>{escape(text)}</p>"


def heading(text: str) -> str:
    """Return the heading of a section."""
    return f"<h2>{escape(text)}</h2>"


def alert(text: str | None) -> str:
    """Return an error message, which screen readers announce; nothing for None."""
    return "" if text is None else f'<p role="alert">{escape(text)}</p>'


def link(url: str, text: str) -> str:
    """Return a paragraph with a link."""
    return f'<p><a href="{escape(url)}">{escape(text)}</a></p>'


def button_link(url: str, text: str) -> str:
    """Return a paragraph with a link that looks like a button."""
    return f'<p><a class="button" href="{escape(url)}">{escape(text)}</a></p>'


def link_list(links: Sequence[tuple[str, str]]) -> str:
    """Return a list of links, each a URL and a text."""
    items = (f'<li><a href="{escape(url)}">{escape(text)}</a></li>' for url, text in links)
    return f'<ul class="plain">{"".join(items)}</ul>'


def code_list(codes: Sequence[str]) -> str:
    """Return a list of codes to be copied or typed."""
    items = (f"<li><code>{escape(code)}</code></li>" for code in codes)
    return f'<ul class="plain">{"".join(items)}</ul>'


def qr_code(text: str, label: str) -> str:
    """Return a picture of a QR code, dark on light also in the dark.

    Args:
        text: The content of the code.
        label: What it is, for screen readers.
    """
    # Loaded when the first code is shown.
    import segno

    url = segno.make(text, error="m", micro=False).svg_data_uri(scale=4, border=4, dark="#000", light="#fff")
    return f'<img class="qr" src="{escape(url)}" alt="{escape(label)}">'


def tabs(label: str, links: Sequence[tuple[str, str]], current: str) -> str:
    """Return links to the views of a page.

    Args:
        label: What they are, for screen readers.
        links: The URL and the text of each.
        current: The text of the current one.
    """
    parts = (
        f'<a href="{escape(url)}"{_CURRENT if text == current else ""}>{escape(text)}</a>'
        for url, text in links
    )
    return f'<nav aria-label="{escape(label)}">{"".join(parts)}</nav>'


def hidden_field(name: str, text: str) -> str:
    """Return a field that the user does not see."""
    return f'<input type="hidden" name="{escape(name)}" value="{escape(text)}">'


def form(
    request: PageRequest, button: str, *fields: str, choice: tuple[str, str] | None = None, path: str = ""
) -> str:
    """Return a form, with the token that shows that a page of this server has sent it.

    Args:
        request: The request for the page.
        button: The text of its button.
        fields: Its fields.
        choice: A name and a value that tell the form from others on the page. Default: none.
        path: The path that the form is sent to, without the prefix. Default: that of the page.
    """
    action = f"{request.prefix}{path}" if path else request.path
    content = "\n".join([hidden_field(TOKEN_FIELD, request.form_token), *fields])
    sent = "" if choice is None else f' name="{escape(choice[0])}" value="{escape(choice[1])}"'
    return (
        f'<form method="post" action="{escape(action)}">\n{content}\n'
        f'<button type="submit"{sent}>{escape(button)}</button>\n</form>'
    )


def text_field(
    name: str,
    label: str,
    kind: str,
    autocomplete: str,
    *,
    text: str = "",
    hint: str | None = None,
    is_fixed: bool = False,
    id: str | None = None,
    length_max: int = 254,
) -> str:
    """Return a field of a form.

    Args:
        name: The name of the field in the form.
        label: The label.
        kind: The type of the input, such as ``email``.
        autocomplete: What browsers may fill in, such as ``new-password``.
        text: The text of the field. Default: empty.
        hint: A sentence below it.
        is_fixed: Whether the text cannot be changed. Default: False.
        id: The id in the page. By default, the name.
        length_max: The maximum number of characters.
    """
    id = id or name
    state = " readonly" if is_fixed else " required"
    described = f' aria-describedby="{escape(id)}-hint"' if hint else ""
    below = f'<small id="{escape(id)}-hint">{escape(hint)}</small>' if hint else ""
    return (
        f'<label for="{escape(id)}">{escape(label)}</label>\n'
        f'<input id="{escape(id)}" name="{escape(name)}" type="{escape(kind)}" value="{escape(text)}"'
        f' autocomplete="{escape(autocomplete)}" maxlength="{length_max}"{state}{described}>{below}'
    )


def new_password_field(name: str, label: str, id: str | None = None) -> str:
    """Return a field for a new password.

    Args:
        name: The name of the field in the form.
        label: The label.
        id: The id in the page. By default, the name.
    """
    hint = "At least 8 characters."
    return text_field(name, label, "password", "new-password", hint=hint, id=id, length_max=128)


def checkbox(name: str, label: str) -> str:
    """Return a checkbox, which is not checked."""
    return f'<label class="choice"><input type="checkbox" name="{escape(name)}"><span>{escape(label)}</span></label>'
