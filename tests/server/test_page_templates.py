"""The templates of the pages: what they insert cannot become markup."""

from __future__ import annotations

from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import meta

from reference_server.pages import rendering
from reference_server.pages.markdown import render_markdown
from tests.support.each_case import for_each

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
    values = {**dict.fromkeys(names, HostileValue(truth)), "style": "", "view": "", "other_views": {}}
    page = Elements(environment.get_template(name).render(values))
    assert not page.elements & {"script", "onload"}
    assert HOSTILE in page.texts


def test_templates_mark_two_values_as_markup():
    sources = "".join(path.read_text() for path in FILES)
    assert (sources.count("safe"), sources.count("autoescape")) == (2, 0)


@for_each(
    "text, html",
    [
        ("# a\n### b", "<h3>a</h3>\n<h3>b</h3>\n"),
        ("a\nb ~~s~~ ==h== H<sub>2</sub>O", "<p>a<br>\nb <s>s</s> <mark>h</mark> H<sub>2</sub>O</p>\n"),
        ("<b>x</b> &lt; `<i>`", "<p>&lt;b&gt;x&lt;/b&gt; &lt; <code>&lt;i&gt;</code></p>\n"),
        ("![<img> ![<b>](y)](https://x.y/z.png)", "<p>&lt;img&gt; !&lt;b&gt;</p>\n"),
        ('[x](https://a.b/"onload=x)', '<p><a href="https://a.b/&quot;onload=x">x</a></p>\n'),
        (
            "[x](JavaScript:alert(1)) [y](data:text/html,x)",
            "<p>[x](JavaScript:alert(1)) [y](data:text/html,x)</p>\n",
        ),
        ("<u>left open\n\nnext </sub>", "<p><u>left open</u></p>\n<p>next </p>\n"),
        ('<tiptap-node {"type":"x"}>a<tiptap-mark {"type":"script"}>b', "<p>a<span>b</span></p>\n"),
        ("```html\n<script>\n```", '<pre><code class="language-html">&lt;script&gt;\n</code></pre>\n'),
    ],
)
def test_markdown_becomes_elements_of_a_fixed_list(text, html):
    assert render_markdown(text) == html
