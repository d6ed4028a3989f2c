"""Text from users never becomes markup, and never controls a terminal."""

import unicodedata
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from stellary.client.display import view
from stellary.client.display._markup import Markup, el, line, parse_color, percent, readable
from stellary.client.testing import make
from stellary.contract.cards import Card
from stellary.contract.labels import Label
from stellary.contract.projects import Board, BoardMember, Project
from tests.client.display.boards import NOW, board, card, column, in_days
from tests.client.display.parsed import parse_view, render
from tests.support.each_case import for_each

HOSTILE = (
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)"),
    *("</style><script>alert(1)</script>", "</div></div><h1>out</h1>", "<!-- -->]]>"),
    *("&lt;b&gt; &amp;amp;", "javascript:alert(1)", "\x1b[31mred\x1b]0;title\x07", "abc\u202edcba\u2066"),
    *("\x00\x0b\x85\ud800", "x" * 900, "a\nb\tc\r\nd", "${alert(1)} {{7*7}} $$x$$"),
)
COLORS = (
    *("red", "url(javascript:alert(1))", "#fff;background:url(//evil)", '#ffffff"onload="x', "#12345g"),
    *("#ffffff\n", "", None, "expression(1)"),
)
texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=60),
    st.text(alphabet="<>&\"'`=/ ;:\\\x1b\u202e\n", max_size=20),
)
colors = st.one_of(
    st.sampled_from(COLORS), st.text(max_size=12), st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True)
)
VIEWS = ("kanban", "list", "calendar")


@st.composite
def hostile_boards(draw: st.DrawFn) -> Board:
    """A board on which every text is hostile."""
    hostile_card = card(
        1,
        draw(texts),
        key=draw(texts),
        priority=draw(texts),
        status=draw(texts),
        assignee_id="jane",
        label_ids=["bug"],
        due_date=in_days(1),
    )
    return board(
        hostile_card,
        project=make(Project, name=draw(texts), key=draw(texts)),
        labels=[make(Label, id="bug", name=draw(texts), color=draw(colors))],
        members=[make(BoardMember, user_id="jane", name=draw(texts))],
        columns=[column("todo", draw(texts))],
    )


def is_plain_text(text: str) -> bool:
    return all(
        character == "\n"
        or character == "\N{REPLACEMENT CHARACTER}"
        or unicodedata.category(character) not in ("Cc", "Cs")
        for character in text
    ) and not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@given(hostile_boards(), st.sampled_from(VIEWS), st.integers(20, 120))
def test_board_text_never_becomes_markup(hostile_board: Board, view_name: str, width: int):
    rendered = view(hostile_board, view_name, now=NOW)
    root = parse_view(rendered.html())
    if view_name == "kanban":
        assert root.texts(cls="name") == [line(hostile_board.cards[0].title, 160)]
    assert is_plain_text(rendered.text(width))
    assert rendered.html().encode()


@settings(max_examples=25)
@given(st.data())
def test_value_text_never_becomes_markup(data: st.DataObject):
    for kind in (Card, Project, Label, BoardMember):
        fields: dict[str, Any] = {
            field.name: data.draw(texts)
            for field in attrs.fields(kind)
            if field.type in ("str", "str | None", "dict[str, Any]")
        }
        value = make(kind, **fields)
        for viewed in (value, [value]):
            render(viewed)
            assert is_plain_text(view(viewed, now=NOW).text(80))


@for_each("text", HOSTILE)
def test_hostile_title_is_shown_as_written(text: str):
    assert render(board(card(1, text))).texts(cls="name") == [line(text, 160)]


@for_each("text", COLORS)
def test_invalid_color_is_ignored(text: str | None):
    assert parse_color(text) is None
    labelled_board = board(card(1, label_ids=["bug"]), labels=[make(Label, id="bug", name="bug", color=text)])
    assert "style" not in render(labelled_board).one(cls="chip").one("i").attributes


@given(st.text())
def test_attributes_and_text_are_escaped(text: str):
    span = parse_view(el("div", el("style", Markup("b{}")), el("span", text, title=text))).one("span")
    # HTML normalizes line endings.
    assert (span.text, span.attributes["title"]) == (readable(text), readable(text))


def test_none_is_omitted():
    element = el("p", None, ["a", None, [Markup("<b>")]], class_=None, aria_label="x")
    assert element == '<p aria-label="x">a<b></p>'
    assert readable(None) == ""


@for_each("share, expected", [(0, "0%"), (1 / 3, "33.33%"), (0.5, "50%"), (9, "100%"), (-1, "0%")])
def test_percent_stays_within_bounds(share: float, expected: str):
    assert percent(share) == expected
