"""The templates of the pages: what they insert cannot become markup."""

from __future__ import annotations

from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import meta

from reference_server.pages import rendering

FILES = sorted(Path(rendering.__file__).with_name("templates").glob("*.html"))
TEMPLATES = [path.name for path in FILES if path.name != "macros.html"]
HOSTILE = """\'"><script onload=x>{{ 1 + 1 }}</script>&lt;"""


class HostileValue:
    """A value whose text, attributes, items and results of methods are hostile text.

    Args:
        truth: Whether the value is true, and equal to all others.
    """

    def __init__(self, truth: bool) -> None:
        self.truth = truth

    def __getattr__(self, name: str) -> HostileValue:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *arguments: object) -> HostileValue:
        return self

    def __getitem__(self, key: object) -> HostileValue:
        return self

    def __iter__(self):
        return iter((self, self))

    def __bool__(self) -> bool:
        return self.truth

    def __eq__(self, other: object) -> bool:
        return self.truth

    def __hash__(self) -> int:
        return 0

    def __str__(self) -> str:
        return HOSTILE


class Elements(HTMLParser):
    """The elements of a page, with the names of their attributes, and all its text and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements, self.texts = set(), []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements |= {tag, *(name for name, _ in attrs)}
        self.texts += [value or "" for _, value in attrs]

    def handle_data(self, data):
        self.texts.append(data)


@cache
def load_environment():
    environment = rendering._load_environment.__wrapped__()
    # These filters make texts of values of their own.
    environment.filters |= dict.fromkeys(("activity", "filesizeformat"), str)
    return environment


@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize("name", TEMPLATES)
def test_inserted_text_is_escaped(name, truth):
    environment = load_environment()
    source, _, _ = environment.loader.get_source(environment, name)
    names = {"request", "problem", "forms", *meta.find_undeclared_variables(environment.parse(source))}
    # The only values that are markup: the style, and a view of the SDK, which escapes the text in it.
    values = {**dict.fromkeys(names, HostileValue(truth)), "style": "", "view": ""}
    page = Elements(environment.get_template(name).render(values))
    assert not page.elements & {"script", "onload"}
    assert HOSTILE in page.texts


def test_templates_mark_two_values_as_markup():
    sources = "".join(path.read_text() for path in FILES)
    assert (sources.count("safe"), sources.count("autoescape")) == (2, 0)
