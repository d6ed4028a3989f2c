"""Reads Markdown as a TipTap document: CommonMark with tables, task lists and the tags of ``embedded_json``.

The time is linear in the length of the text, even for hostile texts: nesting is limited, and parts that can grow faster
than the text are counted while it is read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from stellary.contract.rich_text import BYTES_MAX, Node, document_too_large, node_problem
from stellary.contract.wire import invalid
from stellary.core.knowledge.rules.embedded_json import LANGUAGE, decode

if TYPE_CHECKING:
    from markdown_it.token import Token

    from stellary.core.knowledge.rules.markdown_inline import Budget

EMPTY: Final[Node] = {"type": "doc", "content": [{"type": "paragraph"}]}
EMPTY_PARAGRAPH = "&nbsp;"
"""Markdown for a paragraph without text."""

MARKS_MAX = 300_000
_BRACKET_COST = 10
"""A bracket may begin a link, so the parser reads it more often than other characters."""
_MARKS = "\\`*_~+=[]<>&|\n"
TOKENS_MAX = BYTES_MAX // 8
"""The maximum number of tokens for blocks: the smallest block, ``{"type":"paragraph"}``, has three tokens and 21 bytes."""

_TASK = re.compile(r"\[([ xX])\](?:[ \t\n]+|$)")
_NEW_LINES = re.compile(r"\r\n?")
_CONTAINERS: Final = {
    "blockquote_open": "blockquote",
    "bullet_list_open": "bulletList",
    "ordered_list_open": "orderedList",
    "list_item_open": "listItem",
    "table_open": "table",
    "tr_open": "tableRow",
    "th_open": "tableHeader",
    "td_open": "tableCell",
}


def from_markdown(text: str) -> Node:
    """Return the document of a Markdown text. Every text is valid Markdown.

    Raises:
        Invalid: The text has too many characters that could be marks, or the document would be too large.
    """
    if sum(map(text.count, _MARKS)) + (_BRACKET_COST - 1) * text.count("[") > MARKS_MAX:
        limit = f"{MARKS_MAX:_}".replace("_", " ")
        raise invalid(
            (
                "content",
                f"must have at most {limit} characters that could be marks, where [ counts {_BRACKET_COST} times",
            )
        )
    # The parser takes a while to import, and most processes read no Markdown.
    from stellary.core.knowledge.rules.markdown_inline import Budget
    from stellary.core.knowledge.rules.markdown_parser import markdown_parser

    parser = markdown_parser()
    env: dict[str, Any] = {}
    tokens: list[Token] = _Tokens()
    parser.block.parse(_NEW_LINES.sub("\n", text).replace("\0", "\ufffd"), parser, env, tokens)
    content = _Blocks(env, Budget()).read(tokens)
    if len(content) == 1 and content[0]["type"] == "doc":
        return content[0]
    return {"type": "doc", "content": content or [{"type": "paragraph"}]}


class _Tokens(list[Any]):
    """A list of tokens with a maximum length. A text that exceeds it would become a document beyond the limits."""

    def append(self, token: Any) -> None:
        if len(self) >= TOKENS_MAX:
            raise document_too_large()
        super().append(token)


class _Blocks:
    """The blocks of a text while it is read.

    Attributes:
        _open: The containers that are open, from the outside in.
        _leaf: The heading or paragraph that is open.
        _alignment: The alignment of the open table cell.
    """

    def __init__(self, env: dict[str, Any], budget: Budget) -> None:
        self._env = env
        self._budget = budget
        self._open: list[Node] = [{"type": "doc", "content": []}]
        self._leaf: Node | None = None
        self._alignment: str | None = None

    def read(self, tokens: list[Token]) -> list[Node]:
        for token in tokens:
            self._read_token(token)
        content: list[Node] = self._open[0]["content"]
        return content

    def _read_token(self, token: Token) -> None:
        match token.type:
            case "paragraph_open":
                self._leaf = {"type": "paragraph"}
            case "heading_open":
                self._leaf = {"type": "heading", "attrs": {"level": int(token.tag[1])}}
            case "inline":
                self._add(self._text_block(token.content))
            case "fence" | "code_block":
                self._add(_code(token))
            case "hr":
                self._add({"type": "horizontalRule"})
            case kind if kind in _CONTAINERS:
                self._open_container(token)
            case kind if kind.replace("_close", "_open") in _CONTAINERS:
                self._close_container()
            case _:
                self._leaf = None

    def _add(self, *blocks: Node) -> None:
        self._open[-1]["content"].extend(blocks)

    def _open_container(self, token: Token) -> None:
        node: Node = {"type": _CONTAINERS[token.type]}
        if token.type == "ordered_list_open":
            node["attrs"] = {"start": int(token.attrs.get("start", 1))}
        if token.type in ("th_open", "td_open"):
            self._alignment = str(token.attrs.get("style", "")).removeprefix("text-align:") or None
        self._open.append({**node, "content": []})

    def _close_container(self) -> None:
        node = self._open.pop()
        content = node["content"]
        if node["type"] == "bulletList":
            self._add(*_split_list(content))
            return
        if node["type"] in ("listItem", "taskItem") and (not content or content[0]["type"] != "paragraph"):
            # An item begins with a paragraph in TipTap.
            content.insert(0, {"type": "paragraph"})
        if not content:
            content.append({"type": "paragraph"})
        self._add(node)

    # ------------------------------------------------------------------------------------------ text

    def _text_block(self, text: str) -> Node:
        from stellary.core.knowledge.rules.markdown_inline import read_inline

        container = self._open[-1]
        leaf = self._leaf
        if leaf is not None and leaf["type"] == "paragraph" and self._begins_task(text):
            checkbox = _TASK.match(text)
            assert checkbox is not None
            container.update(type="taskItem", attrs={"checked": checkbox[1] != " "})
            text = text[checkbox.end() :]
        is_cell = leaf is None
        leaf = leaf or {"type": "paragraph"}
        if text == EMPTY_PARAGRAPH and leaf["type"] == "paragraph":
            return leaf
        inline = read_inline(text, self._env, self._budget, is_cell=is_cell)
        if is_cell:
            container.update(inline.block or {})
            if self._alignment:
                leaf["attrs"] = {"textAlign": self._alignment}
        elif inline.block is not None:
            attributes = inline.block.get("attrs", {})
            leaf["attrs"] = {**leaf.get("attrs", {}), **attributes}
        if _is_image(inline.nodes) and leaf["type"] == "paragraph" and (is_cell or inline.block is None):
            return inline.nodes[0]
        if not leaf.get("attrs", True):
            del leaf["attrs"]
        return leaf | ({"content": inline.nodes} if inline.nodes else {})

    def _begins_task(self, text: str) -> bool:
        item = self._open[-1]
        if item["type"] != "listItem" or item["content"] or self._open[-2]["type"] != "bulletList":
            return False
        return _TASK.match(text) is not None


def _is_image(nodes: list[Node]) -> bool:
    """Return whether a paragraph consists of one image, which is a block in TipTap."""
    return len(nodes) == 1 and nodes[0]["type"] == "image" and "marks" not in nodes[0]


def _split_list(items: list[Node]) -> list[Node]:
    """Split the items of a list into task lists and bullet lists, since TipTap does not mix them."""
    lists: list[Node] = []
    for item in items:
        kind = "taskList" if item["type"] == "taskItem" else "bulletList"
        if not lists or lists[-1]["type"] != kind:
            lists.append({"type": kind, "content": []})
        lists[-1]["content"].append(item)
    return lists


def _code(token: Token) -> Node:
    from markdown_it.common.utils import unescapeAll

    language = next(iter(unescapeAll(token.info).split()), None)
    if language == LANGUAGE and token.info.strip() == LANGUAGE:
        node = decode(token.content)
        if node is not None and node_problem(node, allow_unsafe=True) is None:
            return node
    text = token.content.removesuffix("\n")
    return {
        "type": "codeBlock",
        "attrs": {"language": language},
        **({"content": [{"type": "text", "text": text}]} if text else {}),
    }
