"""A strict HTML parser, and the markup that views may contain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from stellary.client.display import view
from tests.client.display.boards import NOW

VOID = {"br", "meta"}
ALLOWED = {
    *(
        *("div", "section", "span", "style", "h3", "h4", "p", "ul", "ol", "li", "dl", "dt", "dd", "b", "i"),
        *("bdi", "small"),
    ),
    *("table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "svg", "rect", "polygon", "title"),
}
ATTRIBUTES = {
    *(
        *("class", "style", "title", "role", "dir", "scope", "aria-label", "aria-hidden", "aria-live"),
        *("data-initials", "tabindex"),
    ),
    *("viewbox", "preserveaspectratio", "x", "y", "width", "height", "rx", "points"),
}
STYLE = re.compile(
    r"((width|min-width|inset-inline-start|background|fill):(\d+(\.\d+)?%|0|#[0-9a-f]{6}|var\(--sty-[a-z-]+\));?)+"
)


class Element:
    """An element with its name, attributes and children."""

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name, self.attributes = name, attributes
        self.children: list[Element | str] = []

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())

    def all(self, name: str | None = None, cls: str | None = None) -> list[Element]:
        """Return the descendants with that name and class, in document order."""
        return [
            element
            for element in self.walk()
            if (name is None or element.name == name) and (cls is None or f"sty-{cls}" in element.classes)
        ]

    def one(self, name: str | None = None, cls: str | None = None) -> Element:
        (element,) = self.all(name, cls)
        return element

    def walk(self) -> Iterator[Element]:
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child.walk()

    @property
    def text(self) -> str:
        """The text that a reader sees, without styles."""
        if self.name == "style":
            return ""
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def texts(self, name: str | None = None, cls: str | None = None) -> list[str]:
        return [element.text for element in self.all(name, cls)]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("root", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        assert len(element.attributes) == len(attrs), f"<{tag}> has an attribute twice"
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().name == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")


def parse_view(html: str) -> Element:
    """Return the only element of a view, checked to contain nothing but allowed markup."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    assert parser.open == [parser.root], "an element is not closed"
    (root,) = parser.root.children
    assert isinstance(root, Element)
    for element in [root, *root.walk()]:
        assert element.name in ALLOWED
        assert set(element.attributes) <= ATTRIBUTES, element.attributes
        assert "style" not in element.attributes or STYLE.fullmatch(element.attributes["style"])
    (style,) = root.all("style")
    assert not re.search(r"url|@import|expression|javascript|<", style.children[0])
    assert "://" not in style.children[0]
    return root


def render(value: object, view_name: str | None = None, most: int | None = None) -> Element:
    """Return the view of a value at the time of the tests."""
    return parse_view(view(value, view_name, now=NOW, most=most).html())


def render_lines(value: object, width: int = 80, view_name: str | None = None) -> list[str]:
    """Return the lines of a view in a terminal."""
    return view(value, view_name, now=NOW).text(width).splitlines()
