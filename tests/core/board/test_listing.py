"""The list of cards: complete in the order of the board, filtered, or by the page."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.each_case import for_each


@pytest.fixture
def columns(api):
    return [column["id"] for column in api.columns()]


def titles(api, query=""):
    return " ".join(card["title"] for card in api.list_cards(query))


def test_cards_are_listed_by_column_and_position_with_archived_ones_last(api, columns):
    todo, doing, done = columns
    d = api.card(done, "d")["id"]
    a, b, _ = api.cards(todo, "a b c")
    api.card(doing, "e")
    api.change(b, order=0)
    api.change(a, archived=True)
    assert titles(api) == "b c e d a"
    api.ask("PATCH", f"/columns/{done}", {"order": 0})
    assert titles(api) == "d b c e a"
    assert [card["order"] for card in api.list_cards()] == [0, 0, 1, 0, None]
    assert api.list_cards()[0] == api.read(d)


@pytest.fixture
def various(api, columns):
    """Create cards so that each filter matches some, and return the ids in the filters."""
    bob = api.world.member("bob", api.workspace)
    labels = [label["id"] for label in api.ask("GET", "/labels")]
    todo, doing, done = columns
    cards = {
        "plain": api.card(todo, "plain"),
        "high": api.card(todo, "high", priority="high", dueDate="2026-04-01"),
        "bobs": api.card(doing, "bobs", assigneeId=bob.id, dueDate="2026-05-01", labelIds=labels[:2]),
        "gone": api.card(done, "gone", labelIds=labels[1:]),
    }
    api.change(cards["gone"]["id"], archived=True)
    return {"bob": bob.id, "labels": labels, "columns": columns, "scope": cards["plain"]["scopeId"]}


@for_each(
    "query, expected",
    [
        ("columnId={columns[0]}", "plain high"),
        ("columnId={columns[2]}", "gone"),
        ("scopeId={scope}", "plain high bobs gone"),
        ("assigneeId={bob}", "bobs"),
        ("labelId={labels[0]}", "bobs"),
        ("labelId={labels[1]}", "bobs gone"),
        ("priority=high", "high"),
        ("status=open", "plain high"),
        ("status=done", "gone"),
        ("archived=true", "gone"),
        ("archived=false", "plain high bobs"),
        ("dueBefore=2026-05-01", "high"),
        ("dueBefore=2026-05-02", "high bobs"),
        ("dueAfter=2026-04-01", "high bobs"),
        ("dueAfter=2026-04-01T00:00:01Z", "bobs"),
        ("q=PL", "plain"),
        ("q=ql-2", "high"),
        ("q=nothing", ""),
        ("labelId={labels[1]}&archived=false&q=OB", "bobs"),
    ],
)
def test_filters(api, various, query, expected):
    assert titles(api, query.format(**various)) == expected


def test_filtered_cards_keep_their_order(api, columns):
    *_, c = api.cards(columns[0], "a b c")
    api.change(c, order=0)
    assert [card["order"] for card in api.list_cards("q=a")] == [1]
    assert [card["order"] for card in api.list_cards("q=b&archived=false")] == [2]


def test_cards_changed_since_a_moment(api, columns, clock):
    a, _ = api.cards(columns[0], "a b")
    clock.advance(timedelta(hours=1))
    api.change(a, description="x")
    assert titles(api, "updatedSince=2026-04-01T13:00:00Z") == "a"
    assert titles(api, "updatedSince=2026-04-01T12:00:00Z") == "a b"
    for page in ("", "&limit=5"):
        assert titles(api, f"updatedSince=2026-04-01T15:00:00%2B02:00{page}") == "a"
        assert titles(api, f"updatedSince=2026-04-01{page}") == "a b"


@pytest.mark.parametrize(
    ("title", "part", "count"),
    [
        ("100% sure", "100%25", True),
        ("100 sure", "100%25", False),
        ("a_b", "a_", True),
        ("ab", "a_", False),
        ("a\\b", "a%5C", True),
        ("ab", "a%5C", False),
        ("Überblick", "ÜBER", True),
        ("ÜBERBLICK", "über", True),
        ("Елена", "ЕЛЕНА", True),
        ("it's", "it's", True),
    ],
)
def test_text_is_found_literally_without_regard_to_case(api, columns, title, part, count):
    api.card(columns[0], "x", description=title)
    assert len(api.list_cards(f"q={part}")) == count


def pages(api, query):
    return list(api.world.walk(api.person, f"{api.path}/cards?{query}"))


def test_pages_come_in_the_order_of_creation(api, columns):
    api.change(api.cards(columns[0], "a b c d e")[4], order=0)
    listed = pages(api, "limit=2")
    assert [[card["title"] for card in page] for page in listed] == [["a", "b"], ["c", "d"], ["e"]]
    assert [card["order"] for page in listed for card in page] == [1, 2, 3, 4, 0]


def test_last_page_that_is_full_names_no_next(api, columns):
    api.cards(columns[0], "a b")
    assert len(pages(api, "limit=2")) == 1


def test_pages_are_the_whole_list(api, columns):
    ids = api.cards(columns[0], "a b c d e f g")
    for id in ids[::3]:
        api.change(id, columnId=columns[1])
    api.change(ids[2], archived=True)
    whole = {card["id"]: card for card in api.list_cards()}

    @given(st.integers(1, 8))
    def any_page_size(limit):
        assert {card["id"]: card for page in pages(api, f"limit={limit}") for card in page} == whole

    any_page_size()
