"""The stylesheet of views, ``style.css``: the colours of both themes, and the rules of each part.

All class names and custom properties start with ``sty-``, so that the styles of the surrounding page stay unaffected. A view
includes only the rules of the parts that it uses. The theme is taken from the markers that JupyterLab, VS Code, Colab,
Sphinx and mkdocs set on the page, and from the operating system otherwise. The palette does not use the page's colours, so
that tests can measure its contrast.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_LIGHT_PAGES = (
    '[data-jp-theme-light="true"]',
    ".vscode-light",
    ".vscode-high-contrast-light",
    'html[theme="light"]',
    '[data-theme="light"]',
    '[data-md-color-scheme="default"]',
)
_DARK_PAGES = (
    '[data-jp-theme-light="false"]',
    ".vscode-dark",
    ".vscode-high-contrast:not(.vscode-high-contrast-light)",
    'html[theme="dark"]',
    '[data-theme="dark"]',
    '[data-md-color-scheme="slate"]',
)


def _read_sections() -> dict[str, str]:
    """Return the sections of the stylesheet by the names in the comments above them."""
    text = files(__package__).joinpath("style.css").read_text("utf-8").replace("\n", "")
    _, *parts = re.split(r"/\* (\w+) \*/", text)
    return dict(zip(parts[::2], parts[1::2], strict=True))


_RULES = _read_sections()


def _select_theme(name: str, hosts: tuple[str, ...]) -> str:
    return ",".join(f"{host} .sty" for host in hosts) + _RULES[name].removeprefix(".sty")


_COLORS = (
    f"{_RULES['light']}@media (prefers-color-scheme:dark){{{_RULES['dark']}}}"
    f"{_select_theme('light', _LIGHT_PAGES)}{_select_theme('dark', _DARK_PAGES)}"
)


@cache
def _scoped_rules(name: str) -> str:
    """Return the rules of a part, specific enough to override JupyterLab's rules for HTML output."""
    return re.sub(r"[^{}]++\{?", _scope_selectors, _RULES[name])


def _scope_selectors(opening: re.Match[str]) -> str:
    before, mark, selectors = opening[0].removesuffix("{").partition(".sty")
    if not mark or not opening[0].endswith("{"):
        return opening[0]
    return before + ",".join(_scope_selector(selector) for selector in (mark + selectors).split(",")) + "{"


def _scope_selector(selector: str) -> str:
    rest_of_selector = re.sub(r"^\.sty(?![\w-])", "", selector)
    return f".sty.sty.sty{rest_of_selector if rest_of_selector != selector else f' {selector}'}"


def style(part_names: set[str]) -> str:
    """Return the stylesheet for the named parts: ``lanes``, ``table``, ``month``, ``timeline``, ``chart``, ``grid``, ``list``."""
    names = ["base", *(name for name in _RULES if name in part_names)]
    return _COLORS + "".join(map(_scoped_rules, names))
