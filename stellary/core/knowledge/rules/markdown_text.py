"""Texts with marks written as Markdown.

Where CommonMark would not see a mark begin or end, since of the characters beside it one is white space or a punctuation
mark, that character is written by its number: so every mark can be written wherever it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

import attrs

from stellary.contract.rich_text import Node
from stellary.core.knowledge.rules.characters import CharacterKind, flanking, is_safe, kind_of

_MARKERS: Final = {"underline": "++", "bold": "**", "italic": "_", "strike": "~~"}
_ORDER: Final = ("link", *_MARKERS, "code")
"""From the outside in."""

_SPECIAL = re.compile(
    r"[\\`*\[\]~]|<(?=\S)|&(?=[#A-Za-z])|(?<![^\W_])_|_(?![^\W_])|\+(?=\+)|(?<=\+)\+|[\n\r]"
)
_BEGINS_BLOCK = re.compile(r"[-+*>#=]|[0-9]{1,9}(?=[.)])")
_LAST_HASH = re.compile(r"(?<!\\)((?:\\\\)*)#$")
_HREF_SPECIAL = re.compile(r"[\\<>()&]|[\x00-\x20\x7f]")

Mark = tuple[str, str | None]
TokenKind = Literal["text", "open", "close", "solid", "break"]


@attrs.define
class _Token:
    """A piece of what is written.

    Attributes:
        kind: A text; what opens or closes a mark; what is written as it is and begins and ends with a punctuation mark.
        first, last: Of a text, whether its first or last character is written by its number.
    """

    kind: TokenKind
    said: str
    first: bool = False
    last: bool = False


def paragraph(nodes: Sequence[Node]) -> str:
    """The lines of a paragraph."""
    return _written(nodes, line_break="\\\n")


def one_line(nodes: Sequence[Node]) -> str:
    """The same as one line, which a heading does not take for its own end."""
    return _LAST_HASH.sub(r"\1\#", _written(nodes, line_break="<br>"))


def _written(nodes: Sequence[Node], line_break: str) -> str:
    tokens = list(_tokens(nodes))
    _settle_edges(tokens)
    _settle_lines(tokens, line_break)
    return "".join(_said(tokens, line_break))


# ---------------------------------------------------------------------------------------------- tokens


def _tokens(nodes: Iterable[Node]) -> Iterator[_Token]:
    """The pieces; each mark is open as long as it can be, and they are closed in the other order."""
    open_marks: list[Mark] = []
    for text, marks in _joined(nodes):
        outer = [mark for mark in marks if mark[0] != "code"]
        common = 0
        while common < min(len(outer), len(open_marks)) and outer[common] == open_marks[common]:
            common += 1
        yield from (_closing(mark) for mark in reversed(open_marks[common:]))
        yield from (_opening(mark) for mark in outer[common:])
        open_marks = outer
        if text is None:
            yield _Token("break", "")
        elif ("code", None) in marks:
            yield _Token("solid", _code(text))
        else:
            yield _Token("text", text)
    yield from (_closing(mark) for mark in reversed(open_marks))


def _joined(nodes: Iterable[Node]) -> Iterator[tuple[str | None, list[Mark]]]:
    """The texts with their marks, those of the same marks as one; None for a break."""
    texts: list[str] = []
    before: list[Mark] = []
    for node in nodes:
        text = _text(node)
        if text == "":
            continue
        marks = [] if text is None else _marks(node)
        if texts and (text is None or marks != before):
            yield "".join(texts), before
            texts = []
        if text is None:
            yield None, []
        else:
            texts.append(text)
            before = marks
    if texts:
        yield "".join(texts), before


def _text(node: Node) -> str | None:
    match node["type"]:
        case "text":
            said: str = node["text"]
            return said
        case "hardBreak":
            return None
        case "mention":
            attributes = node.get("attrs") or {}
            label = attributes.get("label") or attributes.get("id")
            return f"@{label}" if isinstance(label, str) else ""
        case _:
            return ""


def _marks(node: Node) -> list[Mark]:
    found: dict[str, str | None] = {}
    for mark in node.get("marks") or ():
        if mark["type"] == "link":
            href = (mark.get("attrs") or {}).get("href")
            if isinstance(href, str) and is_safe(href):
                found["link"] = href
        else:
            found[mark["type"]] = None
    return [(kind, found[kind]) for kind in _ORDER if kind in found]


def _opening(mark: Mark) -> _Token:
    return _Token("solid", "[") if mark[0] == "link" else _Token("open", _MARKERS[mark[0]])


def _closing(mark: Mark) -> _Token:
    kind, href = mark
    return _Token("solid", f"]({_place(href or '')})") if kind == "link" else _Token("close", _MARKERS[kind])


def _place(href: str) -> str:
    return _HREF_SPECIAL.sub(lambda found: _escaped(found[0]), href)


def _code(text: str) -> str:
    said = re.sub(r"\r\n|[\n\r]", " ", text)
    longest = {len(found) for found in re.findall("`+", said)}
    length = next(length for length in range(1, len(longest) + 2) if length not in longest)
    pad = " " if said[0] == "`" or said[-1] == "`" or (said[0] == said[-1] == " " and said.strip(" ")) else ""
    return "`" * length + pad + said + pad + "`" * length


# ---------------------------------------------------------------------------------------------- what stands beside marks


def _settle_edges(tokens: Sequence[_Token]) -> None:
    """Decide which characters beside marks are written by their numbers."""
    start = 0
    while start < len(tokens):
        if tokens[start].kind not in ("open", "close"):
            start += 1
            continue
        end = start
        while end < len(tokens) and tokens[end].kind in ("open", "close"):
            end += 1
        left = tokens[start - 1] if start else None
        right = tokens[end] if end < len(tokens) else None
        _settle(left, tokens[start:end], right)
        start = end


def _settle(left: _Token | None, marks: Sequence[_Token], right: _Token | None) -> None:
    before, after = _edge(left, -1), _edge(right, 0)
    # What is written by its number begins and ends with a punctuation mark.
    tries: Sequence[tuple[CharacterKind, CharacterKind]] = (
        (before, after),
        ("punctuation", after),
        (before, "punctuation"),
    )
    outside, beyond = next((each for each in tries if _is_seen(marks, *each)), ("punctuation", "punctuation"))
    if left is not None and left.kind == "text":
        left.last = outside != before
    if right is not None and right.kind == "text":
        right.first = beyond != after


def _edge(token: _Token | None, index: int) -> CharacterKind:
    """What stands beside a mark."""
    return "space" if token is None or token.kind == "break" else kind_of(token.said[index])


def _is_seen(marks: Sequence[_Token], before: CharacterKind, after: CharacterKind) -> bool:
    """Whether each of the marks can do what it is there for, given what stands beside them all."""
    last = len(marks) - 1
    for index, mark in enumerate(marks):
        opens, closes = flanking(
            mark.said[0],
            "punctuation" if index else before,
            "punctuation" if index < last else after,
        )
        if not (opens if mark.kind == "open" else closes):
            return False
    return True


# ---------------------------------------------------------------------------------------------- lines


def _settle_lines(tokens: Sequence[_Token], line_break: str) -> None:
    """White space at either end of a line would be none."""
    for index, token in enumerate(tokens):
        if token.kind != "text":
            continue
        begins = index == 0 or tokens[index - 1].kind == "break"
        if begins and token.said[0] in " \t":
            token.first = True
        if index == len(tokens) - 1 and token.said[-1] in " \t":
            token.last = True


def _said(tokens: Sequence[_Token], line_break: str) -> Iterator[str]:
    begins = True
    for index, token in enumerate(tokens):
        ends = index == len(tokens) - 1
        if token.kind == "break":
            yield "<br>" if ends else line_break
        elif token.kind == "text":
            before_link = not ends and tokens[index + 1].said[:1] == "["
            yield _said_text(token, begins=begins, before_link=before_link)
        else:
            yield token.said
        begins = token.kind == "break"


def _said_text(token: _Token, *, begins: bool, before_link: bool) -> str:
    text, head, tail = token.said, "", ""
    if token.first:
        head, text = _by_number(text[0]), text[1:]
    elif begins and (found := _BEGINS_BLOCK.match(text)):
        # A number is none without the mark that follows it.
        end = found.end() if found[0].isdigit() else 0
        head, text = f"{text[:end]}\\{text[end]}", text[end + 1 :]
    if token.last and text:
        tail, text = _by_number(text[-1]), text[:-1]
    elif text.endswith(("+", "!", "_")) and (text[-1] != "!" or before_link):
        tail, text = f"\\{text[-1]}", text[:-1]
    if text[:1] == "+" and not head:
        head, text = "\\+", text[1:]
    return head + _SPECIAL.sub(lambda found: _escaped(found[0]), text) + tail


def _escaped(character: str) -> str:
    return _by_number(character) if character <= " " or character == "\x7f" else f"\\{character}"


def _by_number(character: str) -> str:
    return f"&#{ord(character)};"
