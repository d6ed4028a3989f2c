"""Markdown within a paragraph or a heading, read as TipTap text nodes with marks.

Each character is looked at a fixed number of times, whatever the text says: what could be tried again and again (the
end of a code span, the beginning of what a marker ends) is looked up, and not searched for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from html.entities import html5
from itertools import groupby
from typing import Any, Final

import attrs

from stellary.contract.rich_text import Node
from stellary.core.knowledge.rules.characters import flanking, is_safe, kind_of

MARKS: Final = ("link", "bold", "italic", "strike", "underline", "code")
"""In the order in which a text has them."""

_DOUBLE: Final = {"~": "strike", "+": "underline"}
_PARENTHESES_MAX = 32
_SPECIAL = re.compile(r"[\\`\[\]<&\n]|[*]+|_+|~+|\++")
_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));")
_BREAK = re.compile(r"<br[ \t]*/?>", re.IGNORECASE)
_AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>\x00-\x20]*)>")
_ESCAPABLE: Final = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_ANGLES = re.compile(r"<((?:[^<>\\\n]|\\.)*)>")
_SPACES = re.compile(r"[ \t]*+(?:\n[ \t]*+)?")
_TITLES: Final = {
    '"': re.compile(r'"((?:[^"\\]|\\[\s\S])*)"'),
    "'": re.compile(r"'((?:[^'\\]|\\[\s\S])*)'"),
    "(": re.compile(r"\(((?:[^()\\]|\\[\s\S])*)\)"),
}
_ENDS_PLACE = re.compile(r"[\x00-\x20\x7f()\\]")

Mark = tuple[str, str | None]
"""A kind, and where it leads if it is a link."""


@attrs.define
class _Item:
    """A piece of the text, and what begins and ends beside it.

    Attributes:
        raw: Whether it stands there as it was written, so that white space at the end of a line is none.
    """

    text: str
    raw: bool = False
    is_code: bool = False
    is_break: bool = False
    opens: list[Mark] = attrs.field(factory=list)
    closes: list[Mark] = attrs.field(factory=list)


@attrs.define
class _Run:
    """A run of ``*``, ``_``, ``~`` or ``+``.

    Attributes:
        place: Which item it is.
        left: How many of its characters nothing has been made of.
        length: How many it had.
    """

    place: int
    marker: str
    left: int
    length: int
    opens: bool
    closes: bool


def inline(text: str) -> list[Node]:
    """The nodes of a text that may have several lines, none of which begins with white space."""
    return _Reading(text).nodes()


def unescaped(text: str) -> str:
    """A text without its backslashes, and with characters in place of their names."""
    return re.sub(r"\\([!-/:-@\[-`{-~])|(&[^;\s]{1,33};)", _unescape, text)


def _unescape(found: re.Match[str]) -> str:
    return found[1] or _character(_ENTITY.fullmatch(found[2])) or found[2]


def _character(found: re.Match[str] | None) -> str | None:
    """What an entity stands for; None if nobody has heard of it."""
    if found is None:
        return None
    if found[3]:
        return html5.get(f"{found[3]};")
    number = int(found[1]) if found[1] else int(found[2], 16)
    return chr(number) if 0 < number < 0xD800 or 0xDFFF < number < 0x110000 else "\ufffd"


class _Reading:
    """One text on its way."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._items: list[_Item] = []
        self._runs: list[_Run] = []
        # Of each bracket: which item it is, and how many runs there were before it.
        self._brackets: list[tuple[int, int]] = []
        self._fences: dict[int, list[int]] | None = None

    def nodes(self) -> list[Node]:
        text = self._text
        while found := _SPECIAL.search(text, self._at):
            self._add(text[self._at : found.start()])
            self._at = found.end()
            self._special(found)
        self._add(text[self._at :])
        _match(self._runs, self._items)
        return _nodes(self._items)

    def _add(self, text: str, *, raw: bool = True) -> None:
        if text:
            self._items.append(_Item(text, raw=raw))

    def _special(self, found: re.Match[str]) -> None:
        said = found[0]
        match said[0]:
            case "\\":
                self._escape()
            case "`":
                self._code(found.start())
            case "[":
                self._brackets.append((len(self._items), len(self._runs)))
                self._add(said)
            case "]":
                self._link()
            case "<":
                self._angle(found.start())
            case "&":
                self._entity(found.start())
            case "\n":
                self._line_feed()
            case marker:
                self._run(marker, found)

    def _escape(self) -> None:
        character = self._text[self._at : self._at + 1]
        if character == "\n":
            self._at += 1
            self._items.append(_Item("", is_break=True))
        elif character in _ESCAPABLE:
            self._at += 1
            self._add(character, raw=False)
        else:
            self._add("\\")

    def _line_feed(self) -> None:
        last = self._items[-1] if self._items else None
        spaces = 0
        if last is not None and last.raw:
            spaces = len(last.text)
            last.text = last.text.rstrip(" \t")
            spaces -= len(last.text)
        if spaces >= 2:
            self._items.append(_Item("", is_break=True))
        else:
            self._add(" ", raw=False)

    def _entity(self, start: int) -> None:
        found = _ENTITY.match(self._text, start)
        character = _character(found)
        if found is None or character is None:
            self._add("&")
        else:
            self._at = found.end()
            self._add(character, raw=False)

    def _angle(self, start: int) -> None:
        if found := _BREAK.match(self._text, start):
            self._at = found.end()
            self._items.append(_Item("", is_break=True))
        elif (found := _AUTOLINK.match(self._text, start)) and is_safe(found[1]):
            self._at = found.end()
            link = ("link", found[1])
            self._items.append(_Item("", opens=[link]))
            self._add(found[1], raw=False)
            self._items.append(_Item("", closes=[link]))
        else:
            self._add("<")

    def _code(self, start: int) -> None:
        text = self._text
        end = start + 1
        while text[end : end + 1] == "`":
            end += 1
        length = end - start
        self._at = end
        closing = self._next_fence(length, start)
        if closing is None:
            self._add(text[start:end])
            return
        said = text[end:closing].replace("\n", " ")
        if said[0] == said[-1] == " " and said.strip(" "):
            said = said[1:-1]
        self._at = closing + length
        self._items.append(_Item(said, is_code=True))

    def _next_fence(self, length: int, after: int) -> int | None:
        """Where the next run of so many backticks begins."""
        if self._fences is None:
            self._fences = defaultdict(list)
            for found in re.finditer("`+", self._text):
                self._fences[len(found[0])].append(found.start())
        places = self._fences.get(length, [])
        index = bisect_right(places, after)
        return places[index] if index < len(places) else None

    def _run(self, marker: str, found: re.Match[str]) -> None:
        length = len(found[0])
        start, end = found.span()
        before, after = self._text[start - 1 : start] if start else "", self._text[end : end + 1]
        opens, closes = flanking(marker, kind_of(before), kind_of(after))
        if (opens or closes) and (marker not in _DOUBLE or length == 2):
            self._runs.append(_Run(len(self._items), marker, length, length, opens, closes))
            self._items.append(_Item(found[0]))
        else:
            self._add(found[0])

    def _link(self) -> None:
        if not self._brackets:
            self._add("]")
            return
        place, runs = self._brackets.pop()
        target = _target(self._text, self._at)
        if target is None or not is_safe(target[0]):
            self._add("]")
            return
        href, self._at = target
        _match(self._runs[runs:], self._items)
        del self._runs[runs:]
        # No link stands in another one: what was opened before it opens none any more.
        self._brackets.clear()
        self._items[place].text = ""
        self._items[place].opens.append(("link", href))
        self._items.append(_Item("", closes=[("link", href)]))


def _target(text: str, at: int) -> tuple[str, int] | None:
    """Where a link leads whose ``](`` ends there, and where it ends itself. A title is passed over."""
    if text[at : at + 1] != "(":
        return None
    at = _after(_SPACES, text, at + 1)
    if text[at : at + 1] == "<":
        found = _ANGLES.match(text, at)
        if found is None:
            return None
        href, at = found[1], found.end()
    else:
        start, at = at, _place_end(text, at)
        if at < 0:
            return None
        href = text[start:at]
    space = _after(_SPACES, text, at)
    title = _TITLES.get(text[space : space + 1])
    if title is not None and space > at:
        if (found := title.match(text, space)) is None:
            return None
        space = _after(_SPACES, text, found.end())
    return (unescaped(href), space + 1) if text[space : space + 1] == ")" else None


def _place_end(text: str, at: int) -> int:
    """Where a place ends that stands there without angle brackets; -1 if too many parentheses are open in it."""
    depth = 0
    while found := _ENDS_PLACE.search(text, at):
        at = found.start()
        match found[0]:
            case "\\":
                at += 2 if text[at + 1 : at + 2] in _ESCAPABLE else 1
                continue
            case "(":
                depth += 1
                if depth > _PARENTHESES_MAX:
                    return -1
            case ")" if depth:
                depth -= 1
            case _:
                return at if not depth else -1
        at += 1
    return -1


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()


# ---------------------------------------------------------------------------------------------- emphasis


def _match(runs: Sequence[_Run], items: Sequence[_Item]) -> None:
    """Find what the runs begin and end, as CommonMark says: each ends the nearest one before it that fits."""
    openers: list[tuple[int, _Run]] = []
    # Below which number there is nothing that such a run could end: nobody looks there twice.
    bottoms: dict[tuple[str, bool, int], int] = {}
    for number, run in enumerate(runs):
        key = (run.marker, run.opens, run.length % 3)
        while run.closes and run.left:
            found = _opener(openers, run, bottoms.get(key, -1))
            if found is None:
                bottoms[key] = number - 1
                break
            _join(openers, found, run, items)
        if run.opens and run.left:
            openers.append((number, run))
    for run in runs:
        items[run.place].text = run.marker * run.left


def _opener(openers: Sequence[tuple[int, _Run]], run: _Run, bottom: int) -> int | None:
    for index in range(len(openers) - 1, -1, -1):
        number, opener = openers[index]
        if number <= bottom:
            return None
        if opener.marker != run.marker:
            continue
        odd = (run.opens or opener.closes) and (opener.length + run.length) % 3 == 0
        if not odd or (opener.length % 3 == 0 and run.length % 3 == 0):
            return index
    return None


def _join(openers: list[tuple[int, _Run]], index: int, run: _Run, items: Sequence[_Item]) -> None:
    opener = openers[index][1]
    del openers[index + 1 :]
    used = 2 if opener.left >= 2 and run.left >= 2 else 1
    mark = (_DOUBLE.get(run.marker) or ("bold" if used == 2 else "italic"), None)
    items[opener.place].opens.append(mark)
    items[run.place].closes.append(mark)
    opener.left -= used
    run.left -= used
    if not opener.left:
        del openers[index:]


# ---------------------------------------------------------------------------------------------- nodes


def _nodes(items: Iterable[_Item]) -> list[Node]:
    made: list[Node] = []
    for (is_text, marks), group in groupby(_pieces(items), lambda piece: (piece[0] is not None, piece[1])):
        pieces = [text for text, _ in group]
        if is_text:
            text = "".join(filter(None, pieces))
            made.append({"type": "text", "text": text, **({"marks": marks} if marks else {})})
        else:
            made += [{"type": "hardBreak"} for _ in pieces]
    return made


def _pieces(items: Iterable[_Item]) -> Iterator[tuple[str | None, list[dict[str, Any]]]]:
    """The texts with their marks; None for a break."""
    open_marks: Counter[Mark] = Counter()
    for item in items:
        open_marks.subtract(item.closes)
        if item.is_break:
            yield None, []
        elif item.text:
            kinds = {kind: href for (kind, href), count in open_marks.items() if count}
            if item.is_code:
                kinds["code"] = None
            yield item.text, [_mark(kind, kinds[kind]) for kind in MARKS if kind in kinds]
        open_marks.update(item.opens)
        # So that it holds no more than what is open.
        for mark in item.closes:
            if not open_marks[mark]:
                del open_marks[mark]


def _mark(kind: str, href: str | None) -> dict[str, Any]:
    return {"type": kind} if href is None else {"type": kind, "attrs": {"href": href}}
