"""Writes texts with marks as Markdown.

CommonMark does not recognise a mark next to certain white space or punctuation. Such a character is then written as a
character reference (``&#32;``), so that every mark can be written at any position.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final, Literal

import attrs

from stellary.contract.rich_text import Node
from stellary.contract.safe_content import HREF_MAX, is_safe_url
from stellary.core.knowledge.rules.embedded_json import encode, mark_rank, set_attributes

CharacterKind = Literal["space", "punctuation", "other"]

WHITE_SPACE: Final = " \t\n\v\f\r\xa0\u1680\u202f\u205f\u3000\u2028\u2029" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""Characters that Markdown removes at both ends of a text."""


@functools.lru_cache(maxsize=4096)
def kind_of(character: str) -> CharacterKind:
    """Return the class of a character; no character, as before and after a line, counts as a space."""
    if character in ("", "\t", "\n", "\v", "\f", "\r"):
        return "space"
    category = unicodedata.category(character)
    if category == "Zs":
        return "space"
    return "punctuation" if category[0] in "PS" else "other"


def flanking(marker: str, before: CharacterKind, after: CharacterKind) -> tuple[bool, bool]:
    """Return whether a sequence of markers, such as ``**``, can open a mark, and whether it can close one.

    Args:
        marker: One of its characters.
        before: The class of the character before the run.
        after: The class of the character after the run.

    Returns:
        Both results, as a pair.
    """
    left_flanking = after != "space" and (after != "punctuation" or before != "other")
    right_flanking = before != "space" and (before != "punctuation" or after != "other")
    if marker != "_":
        return left_flanking, right_flanking
    return left_flanking and (not right_flanking or before == "punctuation"), right_flanking and (
        not left_flanking or after == "punctuation"
    )


_PAIRS: Final = {"bold": "**", "italic": "_", "strike": "~~", "underline": "++", "highlight": "=="}
_TAGS: Final = {"subscript": "sub", "superscript": "sup"}
_CODE: Final[Node] = {"type": "code"}

_SPECIAL = re.compile(
    r"[\\`*\[\]~]|<(?=\S)|&(?=[#A-Za-z])|(?<![^\W_])_|_(?![^\W_])|\+(?=\+)|(?<=\+)\+|=(?==)|(?<==)=|[\n\r]"
)
_BEGINS_BLOCK = re.compile(r"[-+*>#=]|[0-9]{1,9}(?=[.)])")
_BEGINS_LINE = re.compile(r"[-+*>#=|:]|[0-9]{1,9}(?=[.)])")
# These characters would change in the title or target of a link or an image.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_LAST_HASH = re.compile(r"(?<!\\)((?:\\\\)*)#$")
_HREF_SPECIAL = re.compile(r"[\\<>()&\"]|[\x00-\x20\x7f]")

TokenKind = Literal["text", "open", "close", "solid", "break"]


@attrs.define
class _Token:
    """A piece of the Markdown of a text.

    Attributes:
        kind: A text; a marker that opens or closes a mark; other Markdown that begins and ends with punctuation; a
            line break.
        text: The text itself, or the Markdown of another token.
        first, last: For a text, whether its first or last character is written as a character reference.
    """

    kind: TokenKind
    text: str
    first: bool = False
    last: bool = False


def paragraph(nodes: Sequence[Node]) -> str:
    """Return the lines of a paragraph."""
    return _write(nodes, line_break="\\\n")


def one_line(nodes: Sequence[Node], *, in_table: bool = False) -> str:
    """Return the text on one line, as the content of a heading or a table cell.

    Args:
        nodes: The inline nodes: texts and line breaks.
        in_table: Whether the text is in a table cell, in which ``|`` is escaped.
    """
    written = _write(nodes, line_break="<br>", in_table=in_table)
    return written.replace("|", "\\|") if in_table else _LAST_HASH.sub(r"\1\#", written)


def image_markdown(node: Node) -> str | None:
    """Return the Markdown of an image; None if it has attributes that Markdown cannot express."""
    attributes = set_attributes(node)
    source, alt, title = (attributes.pop(name, None) for name in ("src", "alt", "title"))
    if attributes or not (_is_target(source) and source) or _CONTROL.search(source + str(title)):
        return None
    if not all(text is None or (isinstance(text, str) and text) for text in (alt, title)):
        return None
    written = _write([{"type": "text", "text": alt}], line_break="<br>", in_table=True) if alt else ""
    return f"![{written}]({_destination(source, title)})"


def _write(nodes: Sequence[Node], line_break: str, *, in_table: bool = False) -> str:
    tokens = list(_tokens(nodes))
    for token, following in zip(tokens, [*tokens[1:], None], strict=False):
        if token.kind == "break":
            # A mark cannot be closed at the beginning of a line, and a text cannot end with an empty line.
            is_last = following is None or following.kind == "close"
            token.text = "<br>" if is_last else line_break
    _settle_edges(tokens)
    _settle_lines(tokens)
    return "".join(_render_tokens(tokens, in_table=in_table))


# ---------------------------------------------------------------------------------------------- tokens


def _tokens(nodes: Iterable[Node]) -> Iterator[_Token]:
    """Yield the tokens. Marks stay open as long as possible, and are closed in reverse order."""
    open_marks: list[Node] = []
    for token, marks in _join_texts(nodes):
        common = 0
        while common < min(len(marks), len(open_marks)) and marks[common] == open_marks[common]:
            common += 1
        yield from (_delimiter(mark, opens=False) for mark in reversed(open_marks[common:]))
        yield from (_delimiter(mark, opens=True) for mark in marks[common:])
        open_marks = marks
        yield token
    yield from (_delimiter(mark, opens=False) for mark in reversed(open_marks))


def _join_texts(nodes: Iterable[Node]) -> Iterator[tuple[_Token, list[Node]]]:
    """Yield the inline nodes with their marks, joining texts with equal marks; code becomes a token."""
    for (is_text, marks), run in groupby(nodes, lambda node: (_is_text(node), _marks(node))):
        if is_text:
            yield _text("".join(node["text"] for node in run), marks)
        else:
            for node in run:
                yield _Token("break" if _is_break(node, marks) else "solid", _inline_node(node)), marks


def _is_text(node: Node) -> bool:
    known_keys = node.keys() <= {"type", "text", "marks", "attrs"}
    return node["type"] == "text" and known_keys and not node.get("attrs")


def _text(text: str, marks: list[Node]) -> tuple[_Token, list[Node]]:
    if marks and marks[-1] == _CODE and not re.search(r"[\r\n\0]", text):
        return _Token("solid", _code(text)), marks[:-1]
    return _Token("text", text), marks


def _is_break(node: Node, marks: list[Node]) -> bool:
    return node["type"] == "hardBreak" and node.keys() <= {"type", "marks"} and _CODE not in marks


def _inline_node(node: Node) -> str:
    """Return the Markdown of an inline node that is not text."""
    if node["type"] == "image" and node.keys() <= {"type", "attrs", "marks"}:
        written = image_markdown(node)
        if written is not None:
            return written
    return f"<tiptap-node {encode({name: value for name, value in node.items() if name != 'marks'})}>"


def _marks(node: Node) -> list[Node]:
    """Return the marks from the outside in, each once, without default attributes."""
    marks: dict[str, Node] = {}
    for mark in node.get("marks") or ():
        attributes = set_attributes(mark)
        if mark["type"] == "link" and not _is_target(attributes.get("href")):
            continue
        cleaned = {name: value for name, value in mark.items() if name != "attrs"}
        cleaned |= {"attrs": attributes} if attributes else {}
        marks.setdefault(str(cleaned), cleaned)
    return sorted(marks.values(), key=mark_rank)


def _is_target(href: Any) -> bool:
    return isinstance(href, str) and len(href) <= HREF_MAX and is_safe_url(href)


def _delimiter(mark: Node, *, opens: bool) -> _Token:
    if mark.keys() == {"type"} and mark["type"] in _PAIRS:
        return _Token("open" if opens else "close", _PAIRS[mark["type"]])
    if mark.keys() == {"type"} and mark["type"] in _TAGS:
        return _Token("solid", f"<{'' if opens else '/'}{_TAGS[mark['type']]}>")
    if not _is_plain_link(mark):
        return _Token("solid", f"<tiptap-mark {encode(mark)}>" if opens else "</tiptap-mark>")
    target = mark["attrs"]["href"], mark["attrs"].get("title")
    return _Token("solid", "[" if opens else f"]({_destination(*target)})")


def _is_plain_link(mark: Node) -> bool:
    if mark["type"] != "link" or mark.keys() != {"type", "attrs"} or mark["attrs"].keys() - {"href", "title"}:
        return False
    title = mark["attrs"].get("title", "title")
    if not (isinstance(title, str) and title):
        return False
    return not (_CONTROL.search(title) or _CONTROL.search(mark["attrs"]["href"]))


def _destination(href: str, title: str | None) -> str:
    written = _HREF_SPECIAL.sub(lambda match: _escape(match[0]), href)
    if title is None:
        return written
    escaped = re.sub(r"[\\\"&\n\r]", lambda match: _escape(match[0]), title)
    return f'{written or "<>"} "{escaped}"'


def _code(text: str) -> str:
    longest = {len(run) for run in re.findall("`+", text)}
    length = next(length for length in range(1, len(longest) + 2) if length not in longest)
    pad = " " if "`" in (text[0], text[-1]) or (text[0] == text[-1] == " " and text.strip(" ")) else ""
    return "`" * length + pad + text + pad + "`" * length


# ---------------------------------------------------------------------------------------------- characters next to marks


def _settle_edges(tokens: Sequence[_Token]) -> None:
    """Decide which characters next to marks are written as character references."""
    end = 0
    for is_mark, run in groupby(tokens, lambda token: token.kind in ("open", "close")):
        start, marks = end, [*run]
        end += len(marks)
        if is_mark:
            token_before = tokens[start - 1] if start else None
            _settle(token_before, marks, tokens[end] if end < len(tokens) else None)


def _settle(token_before: _Token | None, marks: Sequence[_Token], token_after: _Token | None) -> None:
    before, after = _edge(token_before, -1), _edge(token_after, 0)
    # A character reference begins and ends with punctuation.
    tries: Sequence[tuple[CharacterKind, CharacterKind]] = (
        (before, after),
        ("punctuation", after),
        (before, "punctuation"),
    )
    outside, beyond = next(
        (candidate for candidate in tries if _is_recognised(marks, *candidate)),
        ("punctuation", "punctuation"),
    )
    if token_before is not None and token_before.kind == "text":
        token_before.last = outside != before
    if token_after is not None and token_after.kind == "text":
        token_after.first = beyond != after


def _edge(token: _Token | None, index: int) -> CharacterKind:
    """Return the class of the character next to a mark."""
    return "space" if token is None else kind_of(token.text[index])


def _is_recognised(marks: Sequence[_Token], before: CharacterKind, after: CharacterKind) -> bool:
    """Return whether each marker can open or close its mark, given the characters around the run."""
    last = len(marks) - 1
    for index, mark in enumerate(marks):
        opens, closes = flanking(
            mark.text[0],
            "punctuation" if index else before,
            "punctuation" if index < last else after,
        )
        if not (opens if mark.kind == "open" else closes):
            return False
    return True


# ---------------------------------------------------------------------------------------------- lines


def _settle_lines(tokens: Sequence[_Token]) -> None:
    """Write white space at both ends of a line as character references, since Markdown would drop it."""
    for index, token in enumerate(tokens):
        if token.kind != "text":
            continue
        begins = index == 0 or tokens[index - 1].kind == "break"
        if begins and token.text[0] in WHITE_SPACE:
            token.first = True
        if index == len(tokens) - 1 and token.text[-1] in WHITE_SPACE:
            token.last = True


def _render_tokens(tokens: Sequence[_Token], *, in_table: bool) -> Iterator[str]:
    begins = None if in_table else _BEGINS_BLOCK
    for index, token in enumerate(tokens):
        if token.kind == "text":
            before_link = index < len(tokens) - 1 and tokens[index + 1].text[:1] == "["
            yield _render_text(token, begins, before_link=before_link)
        else:
            yield token.text
        begins = _BEGINS_LINE if token.text.endswith("\n") else None


def _render_text(token: _Token, begins: re.Pattern[str] | None, *, before_link: bool) -> str:
    text, head, tail = token.text, "", ""
    if token.first:
        head, text = _character_reference(text[0]), text[1:]
    elif begins is not None and (match := begins.match(text)):
        # A number begins a list only if a certain character follows it.
        end = match.end() if match[0].isdigit() else 0
        head, text = f"{text[:end]}\\{text[end]}", text[end + 1 :]
    if token.last and text:
        tail, text = _character_reference(text[-1]), text[:-1]
    elif text.endswith(("+", "=", "!", "_")) and (text[-1] != "!" or before_link):
        tail, text = f"\\{text[-1]}", text[:-1]
    if text[:1] in ("+", "=") and not head:
        head, text = f"\\{text[0]}", text[1:]
    return head + _SPECIAL.sub(lambda match: _escape(match[0]), text) + tail


def _escape(character: str) -> str:
    return _character_reference(character) if character <= " " or character == "\x7f" else f"\\{character}"


def _character_reference(character: str) -> str:
    return f"&#{ord(character)};"
