"""The contrast of both themes, the choice of the theme, and the isolation of the rules."""

import re

import pytest

from stellary.client.display import view
from stellary.client.display._style import _RULES, style
from tests.client.display.boards import NOW, board, card

LIGHT, DARK = (dict(re.findall(r"--sty-([\w-]+):([^;]+)", _RULES[name])) for name in ("light", "dark"))
PARTS = _RULES.keys() - {"light", "dark", "base"}
TEXTS = ("fg", "quiet", "accent", "good", "warn", "bad", "info")
BARS = ("bar", "bar-good", "bar-info", "bar-bad", "bar-warn", "bar-quiet")


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_contrast_is_sufficient(theme: dict[str, str]):
    grounds = [theme[name] for name in ("bg", "raised", "sunken")]
    assert min(contrast(theme[text], ground) for text in TEXTS for ground in grounds) >= 4.5
    # The number of today, and the initials of a person.
    assert contrast(theme["bg"], theme["accent"]) >= 4.5
    assert contrast(theme["fg"], theme["track"]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_bar_contrast_is_sufficient(theme: dict[str, str]):
    assert min(contrast(theme[bar], theme["bg"]) for bar in BARS) >= 3


def test_both_themes_define_the_same_colors():
    assert LIGHT.keys() == DARK.keys()


@pytest.mark.parametrize(
    "host",
    ['[data-jp-theme-light="false"]', ".vscode-dark", 'html[theme="dark"]', '[data-md-color-scheme="slate"]'],
)
def test_page_markers_select_the_theme(host: str):
    before, after = style(set()).split(f"{host} .sty", 1)
    assert "prefers-color-scheme" in before
    assert DARK["fg"] in after


def test_view_includes_only_rules_of_its_parts():
    html = view(board(card(1)), now=NOW).html()
    assert ".sty-tile" in html
    assert ".sty-month" not in html
    assert all(f".sty-{name}" in style({"grid", "lanes"}) for name in ("grid", "lanes"))


def test_rules_do_not_affect_the_page():
    for rule in style(PARTS).replace("@media (prefers-color-scheme:dark){", "").split("}"):
        for selector in rule.partition("{")[0].split("(max-width:520px)")[-1].strip("{").split(","):
            assert not selector or ".sty" in selector, selector


def test_rules_override_jupyterlab_output_rules():
    _, rules = style(PARTS).split(".sty.sty.sty{", 1)
    selectors = re.findall(r"(\.sty[^{}]*)\{", rules)
    assert len(selectors) > 80
    parts = [selector for selector_list in selectors for selector in selector_list.split(",")]
    assert [selector for selector in parts if not selector.startswith(".sty.sty.sty")] == []
