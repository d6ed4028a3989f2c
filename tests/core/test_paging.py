"""Pages: cursors, and lists that are at hand. What pages of rows promise is tested where there are rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.errors import Invalid
from stellary.contract.wire import LIMIT_MAX, Paged
from stellary.core.kernel.paging import make_cursor, page_of, read_cursor


@given(st.from_regex("[0-9a-z]{1,40}", fullmatch=True))
def test_a_cursor_leads_to_its_key(key):
    assert read_cursor(make_cursor(key)) == key


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "a",
        "!",
        "ä",
        make_cursor("é"),
        make_cursor("a'b"),
        make_cursor("abc") + "=",
        " " + make_cursor("abc"),
        make_cursor("ab")[:-1] + "J",
    ],
)
def test_a_cursor_that_was_not_made_here_is_refused(cursor):
    with pytest.raises(Invalid, match="cursor must be a cursor from a response of this list"):
        read_cursor(cursor)


@given(st.lists(st.from_regex("[0-9a-f]{3}", fullmatch=True), unique=True), st.integers(1, LIMIT_MAX))
def test_all_is_had_by_the_page_and_nothing_twice(items, limit):
    page = page_of(items, Paged(limit=limit), str)
    collected = list(page.items)
    while page.next:
        assert len(page.items) == limit
        page = page_of(items, Paged(limit=limit, cursor=page.next), str)
        collected += page.items
    assert collected == sorted(items)


def test_list_without_a_limit_is_complete_and_in_order():
    assert page_of(["b", "a"], Paged(), str).items == ["b", "a"]


def test_page_of_rows_reads_no_more_than_it_has(world, statements, ann):
    path = f"{world.home(ann).path}/projects"
    for name in "abc":
        world.ask(ann, "POST", path, {"name": name})
    with statements() as sent:
        (project,) = world.ask(ann, "GET", f"{path}?limit=1")
    assert project["name"] == "a"
    (page,) = [sql for sql in sent if "ORDER BY stellary_projects.id" in sql]
    assert " LIMIT " in page
    remaining = world.ask(ann, "GET", f"{path}?cursor={make_cursor(project['id'])}")
    assert [project["name"] for project in remaining] == ["b", "c"]


def test_a_page_without_a_limit_has_a_hundred():
    items = [f"{number:03}" for number in range(150)]
    assert page_of(items, Paged(cursor=make_cursor("009")), str).items == items[10:110]
