"""Markdown as HTML for pages: all text is escaped, links are safe, and nothing is loaded. Imported when the first text is shown."""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

from stellary.core.knowledge.rules.markdown_parser import markdown_parser

TokenList = Sequence[Token]
_TAGS = {"strike": "s", "underline": "u", "highlight": "mark"} | {
    tag: tag for tag in ("sub", "sup", "u", "mark")
}
"""The HTML elements of marks. Others are only elements."""


def render_markdown(text: object) -> Markup:
    """Return a text in Markdown, as cards, comments and documents have it, as HTML for the inside of a section."""
    parser, env = markdown_parser(), dict[str, list[str]](open=[])
    tokens = parser.parse(str(text), env)
    return Markup(_RENDERER.render(tokens, parser.options, env))  # noqa: S704 - the renderer escapes all text


def _find_tag(token: Token) -> str:
    return _TAGS.get(token.tag, "span")


_ELEMENTS = {
    # The lines of people who know no Markdown are kept.
    "softbreak": "<br>\n",
    # Texts may leave levels of headings out.
    "heading_open": "<h3>",
    "heading_close": "</h3>\n",
    "table_open": '<div class="scroll" tabindex="0"><table>',
    "table_close": "</table></div>\n",
    # Markdown has no words for them.
    "tag_node": "",
    "tag_block": "",
}
"""The HTML of tokens that is the same each time."""


class _Renderer(RendererHTML):
    """The HTML of the tokens of documents. Its methods are named after them."""

    def renderInline(self, tokens: TokenList, options: OptionsDict, env: EnvType) -> str:  # noqa: N802
        """Close the elements that a text has left open, so that they end with its paragraph."""
        html = super().renderInline(tokens, options, env)
        left_open, env["open"] = env["open"], []
        return html + "".join(f"</{tag}>" for tag in reversed(left_open))

    def text_special(self, tokens: TokenList, idx: int, options: OptionsDict, env: EnvType) -> str:
        return self.text(tokens, idx, options, env)

    def image(self, tokens: TokenList, idx: int, options: OptionsDict, env: EnvType) -> str:
        """Show the text of an image, which would be loaded from elsewhere."""
        return escapeHtml(self.renderInlineAsText(tokens[idx].children, options, env))

    def mark(self, tokens: TokenList, idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<{'/' if tokens[idx].nesting < 0 else ''}{_find_tag(tokens[idx])}>"

    def tag_open(self, tokens: TokenList, idx: int, options: OptionsDict, env: EnvType) -> str:
        env["open"].append(tag := _find_tag(tokens[idx]))
        return f"<{tag}>"

    def tag_close(self, tokens: TokenList, idx: int, options: OptionsDict, env: EnvType) -> str:
        tag = _find_tag(tokens[idx])
        if tag not in env["open"]:
            return ""
        env["open"].remove(tag)
        return f"</{tag}>"

    def draw_element(self, tokens: TokenList, idx: int, options: OptionsDict, env: EnvType) -> str:
        return _ELEMENTS[tokens[idx].type]

    softbreak = heading_open = heading_close = table_open = table_close = tag_node = tag_block = draw_element


_RENDERER = _Renderer()
