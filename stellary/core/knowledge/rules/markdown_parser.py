"""The Markdown parser: markdown-it-py for CommonMark and tables, with the marks and tags that TipTap needs.

This module is imported when Markdown is first read, since that takes a tenth of a second and a few megabytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, blockquote, list_block, table
from markdown_it.rules_inline import StateInline, image, link
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token

from stellary.contract.rich_text import DEPTH_MAX, node_problem
from stellary.contract.safe_content import is_safe_url
from stellary.core.knowledge.rules.embedded_json import CELLS, decode

BlockRule = Callable[[StateBlock, int, int, bool], bool]

LEVEL_MAX = DEPTH_MAX - 3
"""The nesting depth of blocks; the document, a paragraph and its text are three more levels."""

BRACKETS_MAX = 10
"""The number of brackets, one in the other, up to which the outer ones may be links."""

_PAIRS: Final = {"~": "strike", "+": "underline", "=": "highlight"}
_TAG_MARKS: Final = {"sub": "subscript", "sup": "superscript", "u": "underline", "mark": "highlight"}
_NUMBER = re.compile(r"&#([0-9]{1,5});")
_TAG = re.compile(
    r"<(?:(?P<break>br[ \t]{0,9}/?)|(?P<end>/?)(?P<name>sub|sup|u|mark)|(?P<other_end>/tiptap-mark)"
    r"|tiptap-(?P<kind>node|mark|block) (?P<json>\{[^<>\n]*+))>",
    re.IGNORECASE,
)


class _Parser(MarkdownIt):
    """A parser that keeps the targets of links unchanged, and creates links only if they are safe."""

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        return url

    def validateLink(self, url: str) -> bool:  # noqa: N802
        return is_safe_url(url)


@cache
def markdown_parser() -> MarkdownIt:
    """Return the parser. All threads share it, since the parser's state belongs to the text."""
    parser = _Parser("commonmark", {"html": False, "maxNesting": DEPTH_MAX})
    parser.enable("table").disable(["html_block", "html_inline", "fragments_join"])
    interrupts = ["paragraph", "reference", "blockquote"]
    parser.block.ruler.at("table", _limit_depth(table, 3), {"alt": ["paragraph", "reference"]})
    parser.block.ruler.at("blockquote", _limit_depth(blockquote, 1), {"alt": [*interrupts, "list"]})
    parser.block.ruler.at("list", _limit_depth(list_block, 2), {"alt": interrupts})
    parser.inline.ruler.at("image", _image)
    parser.inline.ruler.at("link", _link)
    parser.inline.ruler.before("autolink", "tag", _tag)
    parser.inline.ruler.before("entity", "number", _number)
    parser.inline.ruler.before("emphasis", "pair", _pair)
    parser.inline.ruler2.before("emphasis", "pair", _join_pairs)
    return parser


def _limit_depth(rule: BlockRule, levels: int) -> BlockRule:
    """Return a rule that treats a block as text if it would be nested too deeply."""

    def limited_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        return state.level + levels <= LEVEL_MAX and rule(state, start, end, silent)

    return limited_rule


def _image(state: StateInline, silent: bool) -> bool:
    """Read an image; inside another image's text it is plain text, to avoid reading it repeatedly."""
    if silent or state.env.get("inside_image"):
        return not state.env.get("inside_image") and image(state, silent)
    state.env["inside_image"] = True
    try:
        return image(state, silent)
    finally:
        state.env["inside_image"] = False


def _link(state: StateInline, silent: bool) -> bool:
    """Read a link; the text of a bracket in too many others ends with the paragraph, to avoid reading it repeatedly."""
    if silent and state.level > BRACKETS_MAX:
        state.pos = state.posMax
        return True
    return link(state, silent)


def _number(state: StateInline, silent: bool) -> bool:
    """Read a decimal character reference, including control characters; others are left to the next rule."""
    match = _NUMBER.match(state.src, state.pos)
    if match is None or not 0 < int(match[1]) < 0xD800:
        return False
    if not silent:
        state.push("text_special", "", 0).content = chr(int(match[1]))
    state.pos = match.end()
    return True


# ---------------------------------------------------------------------------------------------- ~~ ++ ==


def _pair(state: StateInline, silent: bool) -> bool:
    """Read a sequence of marker characters; each two of them may open or close a mark."""
    marker = state.src[state.pos]
    if silent or marker not in _PAIRS:
        return False
    scanned = state.scanDelims(state.pos, True)
    state.push("text", "", 0).content = marker * scanned.length
    if scanned.length == 2:
        place = len(state.tokens) - 1
        # A length of 0 disables the "rule of three", which applies only to emphasis.
        state.delimiters.append(Delimiter(ord(marker), 0, place, -1, scanned.can_open, scanned.can_close))
    state.pos += scanned.length
    return True


def _join_pairs(state: StateInline) -> None:
    nested = [meta["delimiters"] for meta in state.tokens_meta if meta and "delimiters" in meta]
    for delimiters in (state.delimiters, *nested):
        for delimiter in delimiters:
            name = _PAIRS.get(chr(delimiter.marker))
            if name is not None and delimiter.end != -1:
                for place, nesting in ((delimiter.token, 1), (delimiters[delimiter.end].token, -1)):
                    token = state.tokens[place]
                    token.type, token.tag, token.nesting, token.content = "mark", name, nesting, ""


# ---------------------------------------------------------------------------------------------- tags


def _tag(state: StateInline, silent: bool) -> bool:
    """Read a known tag; all others are text."""
    if state.src[state.pos] != "<" or (match := _TAG.match(state.src, state.pos)) is None:
        return False
    token = Token("tag", "", 0, content=match[0])
    if not _parse_tag(token, match, state):
        return False
    if not silent:
        pushed = state.push(token.type, token.tag, 0)
        pushed.content, pushed.meta = token.content, token.meta
    state.pos = match.end()
    return True


def _parse_tag(token: Token, match: re.Match[str], state: StateInline) -> bool:
    """Set the meaning of a tag's token; return whether the tag is valid."""
    if match["break"]:
        token.type = "hardbreak"
    elif match["other_end"]:
        token.type, token.tag = "tag_close", "tiptap-mark"
    elif match["name"]:
        token.tag = match["name"].lower()
        token.type = "tag_close" if match["end"] else "tag_open"
        token.meta = {"mark": {"type": _TAG_MARKS[token.tag]}}
    else:
        return _parse_embedded(token, match["kind"].lower(), decode(match["json"]), state)
    return True


def _parse_embedded(token: Token, kind: str, value: dict[str, object] | None, state: StateInline) -> bool:
    if value is None:
        return False
    token.meta = {kind: value}
    if kind == "block":
        token.type = "tag_block"
        return state.pos == 0 and _is_block(value, is_cell=bool(state.env.get("is_cell")))
    if kind == "node":
        token.type = "tag_node"
        return node_problem(value, allow_unsafe=True) is None
    token.type, token.tag = "tag_open", "tiptap-mark"
    return node_problem({"type": "text", "text": "a", "marks": [value]}, allow_unsafe=True) is None


def _is_block(value: dict[str, object], *, is_cell: bool) -> bool:
    if value.keys() - {"attrs", "type"} or not isinstance(value.get("attrs", {}), dict):
        return False
    return "type" not in value or (is_cell and value["type"] in CELLS)
