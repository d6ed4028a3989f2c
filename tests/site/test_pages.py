"""The pages of the documentation: readable by screen readers and in both color schemes, without dead links or foreign requests."""

import functools
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import attrs
import pytest

import stellary
from tests.site.palette import contrast, read_variables, resolve
from tests.support.each_case import for_each
from tools.handles import list_methods, read_handles

WIDE_CONTRAST = 4.5
"""The lowest contrast of text of normal size, by WCAG 2, level AA."""
# Handles are shown under their own names, as Board is ProjectHandle[Sync].
PUBLIC_CLASSES = set(stellary.__all__) - {"UNSET", "Board", "AsyncBoard", "Workspace", "AsyncWorkspace"}
EMPTY_LINK_TEXTS = {"", "here", "click here", "link", "this", "this page", "more"}


@attrs.define
class Link:
    """A link of a page, with its text or its label."""

    target: str
    text: str = ""


class PageReader(HTMLParser):
    """The facts of a page that the checks need.

    Attributes:
        language: The language of the document.
        ids: The anchors.
        headings: The level of each heading of the article, in order.
        links: The links.
        images: For each image, its alternative text; None if it has none.
        loaded: The URLs of what a browser loads with the page.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.language: str | None = None
        self.ids: set[str] = set()
        self.headings: list[int] = []
        self.links: list[Link] = []
        self.images: list[str | None] = []
        self.loaded: list[str] = []
        self._link: Link | None = None
        self._is_in_article = False
        self.feed(path.read_text())
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if identifier := values.get("id"):
            self.ids.add(identifier)
        if tag == "html":
            self.language = values.get("lang")
        elif tag == "article":
            self._is_in_article = True
        elif re.fullmatch("h[1-6]", tag) and self._is_in_article:
            self.headings.append(int(tag[1]))
        elif tag == "a" and values.get("href") is not None:
            label = values.get("aria-label") or values.get("title") or ""
            self._link = Link(values["href"] or "", label)
            self.links.append(self._link)
        elif tag == "img":
            self.images.append(values.get("alt"))
            if self._link is not None:
                self._link.text += values.get("alt") or ""
        if tag in ("img", "script", "iframe", "source") and values.get("src"):
            self.loaded.append(values["src"] or "")
        if tag == "link" and values.get("rel") not in ("canonical", "next", "prev"):
            self.loaded.append(values.get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._link = None
        elif tag == "article":
            self._is_in_article = False

    def handle_data(self, data: str) -> None:
        if self._link is not None:
            self._link.text += data


@functools.cache
def read_pages(site: Path) -> dict[str, PageReader]:
    """Return the pages by their paths in the site."""
    return {path.relative_to(site).as_posix(): PageReader(path) for path in sorted(site.rglob("*.html"))}


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, PageReader]:
    pages = read_pages(site)
    assert {"index.html", "cookbook/index.html", "reference/cards.html", "python/cards.html"} <= pages.keys()
    return pages


def test_each_page_names_its_language(pages: dict[str, PageReader]):
    assert {page.language for page in pages.values()} == {"en"}


def test_each_page_has_one_main_heading_and_skips_no_level(pages: dict[str, PageReader]):
    wrong = [
        f"{path}: {page.headings}"
        for path, page in pages.items()
        if page.headings[:1] != [1]
        or page.headings.count(1) != 1
        or any(lower > upper + 1 for upper, lower in zip(page.headings, page.headings[1:], strict=False))
    ]
    assert wrong == []


def test_each_image_has_an_alternative_text(pages: dict[str, PageReader]):
    assert [path for path, page in pages.items() if not all(page.images)] == []
    assert pages["index.html"].images


def test_each_link_says_where_it_leads(pages: dict[str, PageReader]):
    wrong = [
        f"{path}: {link.target}"
        for path, page in pages.items()
        for link in page.links
        if link.text.strip().lower() in EMPTY_LINK_TEXTS
    ]
    assert wrong == []


def test_python_reference_has_every_method_and_every_public_name(pages: dict[str, PageReader]):
    anchors: set[str] = set()
    anchors.update(*(page.ids for path, page in pages.items() if path.startswith("python/")))
    expected = [f"{stellary._HOMES[name]}.{name}" for name in PUBLIC_CLASSES]
    for module, handles in read_handles().items():
        for owner in handles:
            if owner != "about":
                path = f"stellary.client.methods.{module}.{owner}"
                expected += [f"{path}.{method.name}" for method in list_methods(module, owner)]
    assert len(expected) > 200
    assert [name for name in expected if name not in anchors] == []


def test_each_link_leads_to_a_page_and_an_anchor(site: Path, pages: dict[str, PageReader]):
    wrong = []
    for path, page in pages.items():
        folder = (site / path).parent
        for target in {link.target for link in page.links}:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (folder / unquote(parts.path)).resolve() if parts.path else site / path
            if path == "404.html" and parts.path.startswith("/"):
                file = site / parts.path.lstrip("/")
            file = file / "index.html" if file.is_dir() else file
            other = pages.get(file.relative_to(site.resolve()).as_posix()) if file.exists() else None
            if not file.exists() or (parts.fragment and other and unquote(parts.fragment) not in other.ids):
                wrong.append(f"{path}: {target}")
    assert wrong == []


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[str, PageReader]):
    foreign = [
        f"{path}: {url}" for path, page in pages.items() for url in page.loaded if urlsplit(url).netloc
    ]
    for sheet in site.rglob("*.css"):
        urls = re.findall(r"(?:url\(|@import\s)\s*[\"']?((?:https?:)?//[^\"')]*)", sheet.read_text())
        foreign += [f"{sheet.name}: {url}" for url in urls]
    assert foreign == []


def test_colors_follow_the_system_until_the_reader_chooses(site: Path):
    media = re.findall(r'data-md-color-media="([^"]*)"', (site / "index.html").read_text())
    # The theme stores the palette of the first page: if that had a fixed scheme, a later change of the system would be ignored.
    assert media[0] == "(prefers-color-scheme)"
    assert sorted(media[1:]) == ["(prefers-color-scheme: dark)", "(prefers-color-scheme: light)"]


@for_each("scheme", ["default", "slate"])
def test_colors_of_text_have_enough_contrast(site: Path, scheme: str):
    assets = site / "assets"
    paths = [
        *assets.glob("stylesheets/main.*.css"),
        *assets.glob("stylesheets/palette.*.css"),
        assets / "site.css",
    ]
    assert len(paths) == 3
    attributes = {
        "data-md-color-scheme": scheme,
        "data-md-color-primary": "indigo",
        "data-md-color-accent": "indigo",
    }
    variables = read_variables([path.read_text() for path in paths], attributes)
    pairs = [
        ("--md-primary-bg-color", "--md-primary-fg-color"),
        ("--md-accent-bg-color", "--md-accent-fg-color"),
        ("--md-code-fg-color", "--md-code-bg-color"),
    ]
    texts = ("typeset-color", "typeset-a-color", "default-fg-color--light", "accent-fg-color")
    pairs += [(f"--md-{text}", "--md-default-bg-color") for text in texts]
    highlights = re.findall(r"--md-code-hl-\w+-color\b(?!-)", " ".join(variables))
    pairs += [(name, "--md-code-bg-color") for name in highlights]
    assert len(highlights) > 8
    ratios = {pair: contrast(resolve(variables, pair[0]), resolve(variables, pair[1])) for pair in pairs}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < WIDE_CONTRAST} == {}


def test_contrast_of_known_colors():
    black, white, gray = (0.0, 0.0, 0.0, 1.0), (1.0, 1.0, 1.0, 1.0), (0.0, 0.0, 0.0, 0.5)
    assert contrast(black, white) == 21
    assert round(contrast(gray, white), 2) == 3.98
