"""The stylesheet of views: the colours of both themes, and the rules of each part.

All class names and custom properties start with ``sty-``, so that the styles of the surrounding page stay unaffected. A view
includes only the rules of the parts that it uses. The theme is taken from the markers that JupyterLab, VS Code, Colab,
Sphinx and mkdocs set on the page, and from the operating system otherwise. The palette does not use the page's colours, so
that tests can measure its contrast.
"""

from __future__ import annotations

import re
from functools import cache

LIGHT = {
    "bg": "#ffffff",
    "raised": "#ffffff",
    "sunken": "#f4f5f8",
    "line": "#dfe2e9",
    "fg": "#1b2130",
    "quiet": "#586074",
    "accent": "#3d4fc4",
    "good": "#0b6b4f",
    "warn": "#855000",
    "bad": "#b0261d",
    "info": "#1a5c9e",
    "bar": "#4f62d6",
    "bar-good": "#1d8f6c",
    "bar-info": "#3f8ad0",
    "bar-bad": "#c9483e",
    "bar-warn": "#b87a14",
    "bar-quiet": "#8b93a5",
    "track": "#e6e8ee",
    "shade": "0 1px 2px rgba(20,26,40,.07)",
}
DARK = {
    "bg": "#15171d",
    "raised": "#242832",
    "sunken": "#1b1e26",
    "line": "#343a47",
    "fg": "#e7e9ef",
    "quiet": "#a3abbc",
    "accent": "#a3b1ff",
    "good": "#5ccfa4",
    "warn": "#eab25c",
    "bad": "#ff9c92",
    "info": "#82bbf4",
    "bar": "#7d8df0",
    "bar-good": "#3aa984",
    "bar-info": "#4f95d8",
    "bar-bad": "#e0675d",
    "bar-warn": "#cc9238",
    "bar-quiet": "#737c8f",
    "track": "#2d323d",
    "shade": "0 1px 2px rgba(0,0,0,.35)",
}

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

_BASE = """
.sty{box-sizing:border-box;max-width:100%;padding:16px;border:1px solid var(--sty-line);border-radius:10px;
background:var(--sty-bg);color:var(--sty-fg);line-height:1.45;text-align:start;overflow-wrap:anywhere;
font-family:var(--jp-ui-font-family,var(--vscode-font-family,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif));
font-size:13px;font-weight:400;font-variant-numeric:tabular-nums}
.sty *{box-sizing:border-box}
.sty h2,.sty h3,.sty h4,.sty p,.sty ul,.sty ol,.sty dl,.sty dd,.sty figure{margin:0;padding:0;font-size:inherit;color:inherit;background:none}
.sty ul,.sty ol{list-style:none}.sty li{margin:0}.sty dt,.sty dd{float:none;width:auto;font-weight:400}
.sty h2,.sty h3,.sty h4{line-height:1.35;border:0;font-family:inherit}
.sty-head{display:flex;flex-wrap:wrap;align-items:baseline;gap:2px 10px;margin-bottom:14px}
.sty .sty-title{font-size:17px;font-weight:650;letter-spacing:-.01em;line-height:1.3}
.sty-sub{display:flex;flex-wrap:wrap;gap:2px 12px;color:var(--sty-quiet)}
.sty-part+.sty-part{margin-top:16px}
.sty .numbering-entry{display:none}
.sty .sty-h{margin:0 0 8px;font-size:12px;font-weight:650;color:var(--sty-fg)}
.sty-n{margin-inline-start:6px;color:var(--sty-quiet);font-weight:400}
.sty .sty-quiet{color:var(--sty-quiet)}.sty .sty-strong{font-weight:650}.sty .sty-good{color:var(--sty-good)}
.sty .sty-warn{color:var(--sty-warn)}.sty .sty-bad{color:var(--sty-bad)}.sty .sty-info{color:var(--sty-info)}
.sty .sty-accent{color:var(--sty-accent)}.sty-mark{white-space:nowrap}
.sty a{color:inherit;text-decoration:none}.sty a:hover{text-decoration:underline}
.sty-tag{display:inline-block;padding:0 7px;border:1px solid currentColor;border-radius:9px;font-size:11px;line-height:17px;white-space:nowrap}
.sty-code{font-family:var(--jp-code-font-family,var(--vscode-editor-font-family,ui-monospace,Menlo,Consolas,monospace));font-size:12px;
letter-spacing:-.02em}
.sty-chip{display:inline-flex;align-items:center;gap:5px;max-width:100%;padding:0 8px;border:1px solid var(--sty-line);border-radius:9px;
font-size:11px;line-height:18px;color:var(--sty-fg);background:var(--sty-sunken)}
.sty-chip i{flex:none;width:8px;height:8px;border-radius:50%;background:var(--sty-bar-quiet);box-shadow:0 0 0 1px var(--sty-line)}
.sty-chip bdi{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.sty-who{display:inline-flex;align-items:center;gap:5px;max-width:100%}
.sty-who i{flex:none;width:18px;height:18px;border-radius:50%;background:var(--sty-track);color:var(--sty-fg);font-size:9px;
font-style:normal;font-weight:650;line-height:18px;text-align:center}
.sty-who i::before{content:attr(data-initials)}
.sty-who bdi{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.sty-meter{display:inline-flex;align-items:center;gap:6px;color:var(--sty-quiet);white-space:nowrap}
.sty-meter i{display:block;width:38px;height:5px;border-radius:3px;background:var(--sty-track);overflow:hidden}
.sty-meter i i{width:0;background:var(--sty-bar-good);border-radius:0}
.sty .sty-more{margin-top:8px;color:var(--sty-quiet)}
"""

_RULES = {
    "lanes": """
.sty-lanes{display:flex;gap:10px;overflow-x:auto;padding-bottom:2px;align-items:flex-start}
.sty-lane{flex:1 1 0;min-width:150px;max-width:340px;padding:10px;border-radius:8px;background:var(--sty-sunken)}
.sty-lane .sty-h{display:flex;gap:8px;margin:0 2px 8px}
.sty-lane .sty-n{flex:none;margin-inline-start:auto}.sty .sty-full{color:var(--sty-bad);font-weight:650}
.sty-tile{position:relative;padding:9px 10px;border:1px solid var(--sty-line);border-radius:7px;background:var(--sty-raised);box-shadow:var(--sty-shade)}
.sty-tile+.sty-tile{margin-top:7px}.sty-tile a::after{content:"";position:absolute;inset:0}
.sty-over{display:flex;justify-content:space-between;gap:0 8px;font-size:11px;line-height:16px;white-space:nowrap;flex-wrap:wrap}
.sty-over span{overflow:hidden;text-overflow:ellipsis}
.sty-name{display:-webkit-box;-webkit-line-clamp:4;-webkit-box-orient:vertical;overflow:hidden;margin-top:1px;font-weight:500}
.sty-is-done .sty-name{color:var(--sty-quiet);font-weight:400}
.sty-chips,.sty-foot{display:flex;flex-wrap:wrap;align-items:center;gap:4px 6px;margin-top:7px}
.sty-foot{gap:4px 10px;font-size:11px}
.sty .sty-none{padding:4px 2px;color:var(--sty-quiet)}
""",
    "table": """
.sty-scroll{overflow-x:auto}
.sty table{border-collapse:collapse;width:100%;margin:0;border:0;font-size:13px;table-layout:auto;color:inherit;background:none}
.sty thead,.sty tbody,.sty tr,.sty tbody tr:nth-child(odd),.sty tbody tr:hover{background:none;border:0}
.sty th{padding:4px 12px 6px 0;border:0;border-bottom:1px solid var(--sty-line);font-size:11px;font-weight:650;text-align:start;
color:var(--sty-quiet);white-space:nowrap;vertical-align:bottom;background:none}
.sty td{padding:6px 12px 6px 0;border:0;border-bottom:1px solid var(--sty-line);text-align:start;vertical-align:top;line-height:1.45;max-width:420px;
min-width:2.5em;white-space:normal;overflow-wrap:break-word;background:none}
.sty td.sty-wide{min-width:15em;overflow-wrap:anywhere}
.sty tbody tr:last-child td{border-bottom:0}
.sty .sty-num{text-align:end}
.sty td>span:not(:last-child){margin-inline-end:3px}
.sty td .sty-code{white-space:nowrap}
@media (max-width:520px){.sty table:not(.sty-month) td:not(.sty-wide){white-space:nowrap}}
""",
    "month": """
.sty-month{width:100%;table-layout:fixed!important;min-width:560px}
.sty .sty-month th{padding:0 0 4px 6px}
.sty .sty-month td{height:74px;padding:5px 6px;border:1px solid var(--sty-line)!important;max-width:none}
.sty .sty-month td.sty-out{background:var(--sty-sunken);color:var(--sty-quiet)}
.sty-day{font-size:11px;color:var(--sty-quiet)}
.sty-today .sty-day{display:inline-block;min-width:18px;padding:0 5px;border-radius:9px;background:var(--sty-accent);color:var(--sty-bg);
font-weight:650;text-align:center}
.sty-item{display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;overflow:hidden;margin-top:3px;font-size:11px;line-height:1.35}
""",
    "timeline": """
.sty-time{display:grid;grid-template-columns:minmax(120px,30%) 1fr;gap:0 14px}
.sty-axis,.sty-track{position:relative}
.sty-axis{height:22px;font-size:11px;color:var(--sty-quiet)}
.sty-axis span{position:absolute;top:0;overflow:hidden;white-space:nowrap;padding-inline-start:5px;border-inline-start:1px solid var(--sty-line);height:22px}
.sty-label{display:flex;flex-direction:column;justify-content:center;min-width:0;padding:5px 0;border-top:1px solid var(--sty-line)}
.sty-label b{font-weight:500;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.sty-label.sty-group b{font-weight:650}.sty-label b .sty-code{font-weight:400}
.sty-label small{font-size:11px;color:var(--sty-quiet)}
.sty-track{border-top:1px solid var(--sty-line);min-height:40px}
.sty-bar{position:absolute;top:50%;height:14px;margin-top:-7px;min-width:6px;border-radius:4px;overflow:hidden}
.sty-group+.sty-track .sty-bar{height:8px;margin-top:-4px}
.sty-bar i{display:block;height:100%;background:rgba(0,0,0,.24)}
.sty-now{position:absolute;top:0;bottom:0;width:0;border-inline-start:2px dashed var(--sty-bar-bad)}
""",
    "chart": """
.sty-shares{display:grid;grid-template-columns:minmax(70px,max-content) 1fr max-content;gap:5px 10px;align-items:center}
.sty-shares span:first-child{overflow:hidden}
.sty-share{display:contents}.sty-share>span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;max-width:150px}
.sty-share>i{display:block;height:10px;border-radius:3px;background:var(--sty-track);overflow:hidden}
.sty-share>i>i{display:block;height:100%;min-width:2px;border-radius:3px}
.sty-share>b{font-weight:550;text-align:end}
.sty-svg{display:block;width:100%;height:96px;overflow:visible}
.sty-svg polygon{stroke:var(--sty-bg);vector-effect:non-scaling-stroke}
.sty-ends{display:flex;justify-content:space-between;margin-top:4px;font-size:11px;color:var(--sty-quiet)}
.sty .sty-cap{margin-top:4px;font-size:12px;color:var(--sty-quiet)}
.sty-figures{display:flex;flex-wrap:wrap;gap:10px}
.sty-figure{flex:1 1 110px;max-width:220px;padding:10px 12px;border-radius:8px;background:var(--sty-sunken)}
.sty-figure dt{font-size:11px;color:var(--sty-quiet)}
.sty .sty-figure dd{font-size:20px;font-weight:650;letter-spacing:-.02em;line-height:1.3}
.sty .sty-figure dd small{display:block;font-size:11px;font-weight:400;letter-spacing:0;color:var(--sty-quiet)}
""",
    "grid": """
.sty-grid{columns:250px;column-gap:12px}
.sty-box{min-width:0;padding:12px 14px;border:1px solid var(--sty-line);border-radius:8px;margin-bottom:12px;break-inside:avoid}
.sty-box .sty-part+.sty-part{margin-top:8px}
""",
    "list": """
.sty-points li{padding:4px 0}.sty-points li+li{border-top:1px solid var(--sty-line)}
.sty-points li>span:not(:last-child),.sty-facts dd>span:not(:last-child){margin-inline-end:5px}
.sty-facts{display:grid;grid-template-columns:minmax(70px,max-content) 1fr;gap:5px 16px}
.sty-facts dt{color:var(--sty-quiet)}
.sty-prose{white-space:pre-wrap;max-width:76ch}
.sty-log li{display:grid;grid-template-columns:62px 92px 1fr;gap:10px;padding:4px 0}
.sty-log li+li{border-top:1px solid var(--sty-line)}.sty-log li>span:last-child>span:not(:last-child){margin-inline-end:5px}
@media (max-width:520px){.sty-log li{grid-template-columns:62px 1fr}.sty-log li>span:last-child{grid-column:1/-1}}
""",
}


def tokens(theme: dict[str, str]) -> str:
    """Return the colours of a theme as CSS custom properties."""
    return "".join(f"--sty-{name}:{value};" for name, value in theme.items())


def _select_within(hosts: tuple[str, ...]) -> str:
    return ",".join(f"{host} .sty" for host in hosts)


_COLORS = (
    f".sty{{color-scheme:light;{tokens(LIGHT)}}}"
    f"@media (prefers-color-scheme:dark){{.sty{{color-scheme:dark;{tokens(DARK)}}}}}"
    f"{_select_within(_LIGHT_PAGES)}{{color-scheme:light;{tokens(LIGHT)}}}"
    f"{_select_within(_DARK_PAGES)}{{color-scheme:dark;{tokens(DARK)}}}"
)


@cache
def _scoped_rules(name: str) -> str:
    """Return the rules of a part, specific enough to override JupyterLab's rules for HTML output."""
    rules = _BASE if name == "base" else _RULES[name]
    return re.sub(r"[^{}]++\{?", _scope_selectors, rules.replace("\n", ""))


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
    return (
        _COLORS
        + _scoped_rules("base")
        + "".join(_scoped_rules(name) for name in _RULES if name in part_names)
    )
