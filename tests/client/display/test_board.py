"""What a board looks like: as columns, as a list, as a calendar."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from stellary.client.display import view
from stellary.client.testing import make
from stellary.contract.checklists import ChecklistProgress
from stellary.contract.scope_views import CalendarDay, CalendarView, KanbanColumn, KanbanView, ListView
from stellary.contract.scopes import Scope
from tests.client.display.boards import NOW, board, card, column, in_days
from tests.client.display.parsed import Element, parsed

FULL = card(
    1,
    "Fix <b>it</b>",
    priority="high",
    due_date=in_days(-2),
    assignee_id="jane",
    label_ids=["bug", "gone"],
    checklist_progress=ChecklistProgress(done=3, total=5, percent=60),
    comment_count=1,
    attachment_count=2,
)


def seen(made: object, way: str | None = None, most: int | None = None) -> Element:
    return parsed(view(made, way, now=NOW, most=most).html())


def told(made: object, width: int, way: str | None = None) -> list[str]:
    return view(made, way, now=NOW).text(width).splitlines()


def test_each_card_stands_once_in_its_column():
    found = seen(board(card(1, "One"), card(2, "Two", column_id="done", status="done"), card(3, "Three")))
    todo, done = found.all("section", "lane")
    assert [todo.texts(cls="name"), done.texts(cls="name")] == [["One", "Three"], ["Two"]]
    assert todo.attributes["aria-label"] == "To Do, 2 cards"
    assert [each.text for each in found.all("h3")] == ["Q1 Launch"]
    assert found.one(cls="sub").text == "LAU 3 cards 1 done"
    assert found.all("li", "is-done") == done.all("li")


def test_a_card_tells_all_that_is_known_of_it():
    (tile,) = seen(board(FULL)).all("li")
    assert tile.texts(cls="name") == ["Fix <b>it</b>"]
    assert tile.texts(cls="over") == ["LAU-1 ▲ high"]
    assert tile.texts(cls="chip") == ["bug"]
    assert tile.one(cls="chip").one("i").attributes["style"] == "background:#ef4444"
    assert tile.one(cls="who").one("i").attributes["data-initials"] == "JD"
    assert tile.one(cls="foot").text == ("Jane Doe due 13 Apr, 2 days late 3/5 1 comment 2 files")
    assert tile.one(cls="meter").attributes["title"] == "3 of 5 steps"


@pytest.mark.parametrize(
    ("days", "status", "said"),
    [
        (0, "open", "due today"),
        (1, "open", "due tomorrow"),
        (2, "open", "due in 2 days"),
        (3, "open", "due 18 Apr"),
        (-1, "open", "due 14 Apr, 1 day late"),
        (-1, "done", "due 14 Apr"),
        (300, "open", "due 9 Feb 2027"),
    ],
)
def test_a_due_date_is_told_as_people_say_it(days: int, status: str, said: str):
    (tile,) = seen(board(card(1, due_date=in_days(days), status=status))).all("li")
    assert tile.one(cls="foot").text == said


def test_a_limit_that_is_reached_is_marked():
    found = seen(
        board(
            card(1),
            columns=[column("todo", "To Do", wip_limit=1), column("done", "Done", wip_limit=2)],
        )
    )
    assert found.texts(cls="full") == ["1 / 1"]
    assert found.texts(cls="n") == ["1 / 1", "0 / 2"]


def test_a_large_board_is_folded():
    cards = [
        card(number, f"Card {number}", column_id="todo" if number % 5 else "done") for number in range(500)
    ]
    found = view(board(*cards), now=NOW)
    assert parsed(found.html()).texts(cls="more") == ["+ 350 more", "+ 50 more"]
    assert len(parsed(found.html()).all("li")) == 100
    assert len(found.html()) < 60_000
    assert "+ 350 more" in found.text(100)
    assert len(seen(board(*cards), most=500).all("li")) == 500


def test_scopes_stand_below_each_other_under_their_names():
    found = seen(
        board(
            card(1),
            card(2, column_id="beta", scope_id="b"),
            scopes=[make(Scope, id=id, name=name) for id, name in (("main", "Main"), ("b", "Beta"))],
            columns=[column("todo", "To Do"), column("beta", "To Do", scope_id="b")],
        )
    )
    assert [lanes.texts("section") for lanes in found.all(cls="lanes")] == [
        ["To Do 1LAU-1Write"],
        ["To Do 1LAU-2Write"],
    ]
    assert [each.text for each in found.all("h4")][::2] == ["Main", "Beta"]


def test_a_board_without_columns_says_so():
    assert "This board has no columns." in seen(board(columns=[], scopes=[])).text
    assert told(board(columns=[], scopes=[]), 80)[-1] == "This board has no columns."


def test_a_scope_without_columns_is_left_out():
    scopes = [make(Scope, id=id, name=name) for id, name in (("main", "Main"), ("b", "Beta"))]
    assert [each.text for each in seen(board(scopes=scopes)).all("h4")] == ["Main", "To Do 0", "Done 0"]


def test_a_column_without_cards_says_so():
    assert seen(board(card(1))).texts(cls="none") == ["No cards."]
    assert "No cards." in "\n".join(told(board(), 40))


def test_columns_stand_beside_each_other_where_there_is_room():
    lines = told(board(FULL, card(2, "Two", column_id="done")), 60)
    assert lines == [
        "Q1 Launch",
        "LAU  2 cards  0 done  1 late",
        "",
        "To Do                       1  Done                        1",
        "─────────────────────────────  ─────────────────────────────",
        "LAU-1  ▲ high                  LAU-2",
        "Fix <b>it</b>                  Two",
        "[bug]",
        "Jane Doe  due 13 Apr, 2 days…",
    ]


def test_columns_stand_below_each_other_where_there_is_none():
    lines = told(
        board(card(1, "A title that is longer than what a line holds"), card(2, column_id="done")), 30
    )
    assert lines[3:9] == [
        "To Do                        1",
        "─" * 30,
        "LAU-1",
        "A title that is longer than",
        "what a line holds",
        "",
    ]


def test_a_list_has_only_the_columns_that_say_something():
    bare = seen(board(card(1)), "list")
    assert bare.texts("th") == ["Key", "Title", "Column", "Status"]
    full = seen(board(FULL), "list")
    assert full.texts("th")[4:] == ["Priority", "Labels", "Assignee", "Due", "Checklist"]
    assert full.texts("td")[:5] == ["LAU-1", "Fix <b>it</b>", "To Do", "open", "▲ high"]


def test_a_list_is_cut_after_fifty_rows():
    found = seen(board(*[card(number) for number in range(60)]), "list")
    assert len(found.all("tr")) == 51
    assert found.texts(cls="more") == ["+ 10 more"]


def test_a_calendar_has_each_card_on_its_day():
    found = seen(
        board(card(1, "Late", due_date=in_days(-2)), card(2, due_date=in_days(20)), card(3)), "calendar"
    )
    assert found.texts("h4") == ["April 2026", "May 2026"]
    april, may = found.all("table")
    assert [day.text for day in april.all("td") if "LAU" in day.text] == ["13LAU-1 Late"]
    assert [day.text for day in may.all("td") if "LAU" in day.text] == ["5LAU-2 Write"]
    assert april.one(cls="today").text == "15"
    assert {len(row.all("td")) for row in april.all("tr")[1:]} == {7}
    assert len(april.all("tr")) == 6
    assert found.texts("p") == ["1 card without a due date"]
    assert told(board(card(1, "Late", due_date=in_days(-2))), 60, "calendar")[-1] == "Mon 13 Apr  LAU-1 Late"


def test_a_calendar_begins_with_what_is_late_or_next_and_has_three_months():
    days = (-400, 20, 50, 90, 120)
    cards = [
        card(at, due_date=in_days(each), status="done" if each < 0 else "open")
        for at, each in enumerate(days)
    ]
    found = seen(board(*cards), "calendar")
    assert found.texts("h4") == ["May 2026", "June 2026", "July 2026"]
    assert found.texts("p") == ["2 cards in other months"]
    late = seen(board(attrs.evolve(cards[0], status="open"), cards[1]), "calendar")
    assert late.texts("h4") == ["March 2025", "May 2026"]
    past = seen(board(cards[0]), "calendar")
    assert past.texts("h4") == ["March 2025"]


def test_a_day_with_much_due_is_folded():
    found = seen(board(*[card(number, due_date=in_days(0)) for number in range(5)]), "calendar")
    assert found.one(cls="today").text.endswith("+ 2 more")
    assert told(board(*[card(number, due_date=in_days(0)) for number in range(5)]), 60, "calendar")[
        -1
    ].endswith("+ 2 more")


@pytest.mark.parametrize("moment", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_a_calendar_reaches_to_the_ends_of_time(moment: datetime):
    found = seen(board(card(1, due_date=moment)), "calendar")
    assert sum("LAU-1" in day.text for day in found.all("td")) == 1


def test_an_empty_calendar_shows_this_month():
    assert seen(board(), "calendar").texts("h4") == ["April 2026"]
    assert told(board(), 60, "calendar")[-1] == "Nothing is due."


def test_what_a_scope_shows_looks_alike():
    one = card(1, "One", due_date=in_days(3))
    kanban = seen(KanbanView(columns=[KanbanColumn(column=column("todo", "To Do"), cards=[one])]))
    assert kanban.texts(cls="name") == ["One"]
    assert seen(ListView(cards=[one])).texts("td")[:2] == ["LAU-1", "One"]
    days = [CalendarDay(day="2026-04-18", cards=[one])]
    calendar = seen(CalendarView(days=days, without_due_date=2))
    assert [day.text for day in calendar.all("td") if "LAU" in day.text] == ["18LAU-1 One"]
    assert calendar.texts("p") == ["2 cards without a due date"]


def test_a_view_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="Board has no view 'gantt', but kanban, list, calendar"):
        view(board(), "gantt")
