"""Boards as columns, as a list, and as a calendar."""

from datetime import UTC, datetime

import attrs
import pytest

from stellary.client.display import view
from stellary.client.testing import make
from stellary.contract.checklists import ChecklistProgress
from stellary.contract.scope_views import CalendarDay, CalendarView, KanbanColumn, KanbanView, ListView
from stellary.contract.scopes import Scope
from tests.client.display.boards import NOW, board, card, column, in_days
from tests.client.display.parsed import parse_view, render, render_lines

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


def test_each_card_appears_once_in_its_column():
    root = render(board(card(1, "One"), card(2, "Two", column_id="done", status="done"), card(3, "Three")))
    todo, done = root.all("section", "lane")
    assert [todo.texts(cls="name"), done.texts(cls="name")] == [["One", "Three"], ["Two"]]
    assert todo.attributes["aria-label"] == "To Do, 2 cards"
    assert [heading.text for heading in root.all("h3")] == ["Q1 Launch"]
    assert root.one(cls="sub").text == "LAU 3 cards 1 done"
    assert root.all("li", "is-done") == done.all("li")


def test_tile_shows_all_details_of_a_card():
    (tile,) = render(board(FULL)).all("li")
    assert tile.texts(cls="name") == ["Fix <b>it</b>"]
    assert tile.texts(cls="over") == ["LAU-1 ▲ high"]
    assert tile.texts(cls="chip") == ["bug"]
    assert tile.one(cls="chip").one("i").attributes["style"] == "background:#ef4444"
    assert tile.one(cls="who").one("i").attributes["data-initials"] == "JD"
    assert tile.one(cls="foot").text == ("Jane Doe due 13 Apr, 2 days late 3/5 1 comment 2 files")
    assert tile.one(cls="meter").attributes["title"] == "3 of 5 steps"


@pytest.mark.parametrize(
    ("days", "status", "expected"),
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
def test_due_date_is_relative_when_close(days: int, status: str, expected: str):
    (tile,) = render(board(card(1, due_date=in_days(days), status=status))).all("li")
    assert tile.one(cls="foot").text == expected


def test_reached_limit_is_marked():
    columns = [column("todo", "To Do", wip_limit=1), column("done", "Done", wip_limit=2)]
    root = render(board(card(1), columns=columns))
    assert root.texts(cls="full") == ["1 / 1"]
    assert root.texts(cls="n") == ["1 / 1", "0 / 2"]


def test_large_board_is_truncated():
    cards = [
        card(number, f"Card {number}", column_id="todo" if number % 5 else "done") for number in range(500)
    ]
    rendered = view(board(*cards), now=NOW)
    assert parse_view(rendered.html()).texts(cls="more") == ["+ 350 more", "+ 50 more"]
    assert len(parse_view(rendered.html()).all("li")) == 100
    assert len(rendered.html()) < 60_000
    assert "+ 350 more" in rendered.text(100)
    assert len(render(board(*cards), most=500).all("li")) == 500


def test_scopes_are_stacked_under_their_names():
    scopes = [make(Scope, id=id, name=name) for id, name in (("main", "Main"), ("b", "Beta"))]
    columns = [column("todo", "To Do"), column("beta", "To Do", scope_id="b")]
    cards = card(1), card(2, column_id="beta", scope_id="b")
    two_scopes = board(*cards, scopes=scopes, columns=columns)
    root = render(two_scopes)
    sections = [lanes.texts("section") for lanes in root.all(cls="lanes")]
    assert sections == [["To Do 1LAU-1Write"], ["To Do 1LAU-2Write"]]
    assert [heading.text for heading in root.all("h4")][::2] == ["Main", "Beta"]
    assert "Beta" in render_lines(two_scopes, 80)


def test_board_without_columns_shows_a_note():
    assert "This board has no columns." in render(board(columns=[], scopes=[])).text
    assert render_lines(board(columns=[], scopes=[]), 80)[-1] == "This board has no columns."


def test_scope_without_columns_is_omitted():
    scopes = [make(Scope, id=id, name=name) for id, name in (("main", "Main"), ("b", "Beta"))]
    headings = render(board(scopes=scopes)).all("h4")
    assert [heading.text for heading in headings] == ["Main", "To Do 0", "Done 0"]


def test_column_without_cards_shows_a_note():
    assert render(board(card(1))).texts(cls="none") == ["No cards."]
    assert "No cards." in "\n".join(render_lines(board(), 40))


def test_wide_terminal_shows_columns_side_by_side():
    assert render_lines(board(FULL, card(2, "Two", column_id="done")), 60) == [
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


def test_narrow_terminal_stacks_columns():
    lines = render_lines(
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


def test_list_omits_empty_columns():
    assert render(board(card(1)), "list").texts("th") == ["Key", "Title", "Column", "Status"]
    full = render(board(FULL), "list")
    assert full.texts("th")[4:] == ["Priority", "Labels", "Assignee", "Due", "Checklist"]
    assert full.texts("td")[:5] == ["LAU-1", "Fix <b>it</b>", "To Do", "open", "▲ high"]


def test_list_is_truncated_after_fifty_rows():
    root = render(board(*[card(number) for number in range(60)]), "list")
    assert len(root.all("tr")) == 51
    assert root.texts(cls="more") == ["+ 10 more"]


def test_calendar_shows_each_card_on_its_day():
    root = render(
        board(card(1, "Late", due_date=in_days(-2)), card(2, due_date=in_days(20)), card(3)), "calendar"
    )
    assert root.texts("h4") == ["April 2026", "May 2026"]
    april, may = root.all("table")
    assert [day.text for day in april.all("td") if "LAU" in day.text] == ["13LAU-1 Late"]
    assert [day.text for day in may.all("td") if "LAU" in day.text] == ["5LAU-2 Write"]
    assert april.one(cls="today").text == "15"
    assert {len(row.all("td")) for row in april.all("tr")[1:]} == {7}
    assert len(april.all("tr")) == 6
    assert root.texts("p") == ["1 card without a due date"]
    late = board(card(1, "Late", due_date=in_days(-2)))
    assert render_lines(late, 60, "calendar")[-1] == "Mon 13 Apr  LAU-1 Late"


def test_open_cards_of_past_days_are_late_in_the_calendar():
    cards = [
        card(1, due_date=in_days(-2)),
        card(2, due_date=in_days(-2), status="done"),
        card(3, due_date=in_days(2)),
    ]
    root = render(board(*cards), "calendar")
    assert [element.text for element in root.all() if element.attributes.get("title") == "late"] == ["LAU-1"]


def test_calendar_shows_three_months_from_the_first_late_or_next_card():
    days = (-400, 20, 50, 90, 120)
    cards = [
        card(number, due_date=in_days(offset), status="done" if offset < 0 else "open")
        for number, offset in enumerate(days)
    ]
    root = render(board(*cards), "calendar")
    assert root.texts("h4") == ["May 2026", "June 2026", "July 2026"]
    assert root.texts("p") == ["2 cards in other months"]
    late = render(board(attrs.evolve(cards[0], status="open"), cards[1]), "calendar")
    assert late.texts("h4") == ["March 2025", "May 2026"]
    assert render(board(cards[0]), "calendar").texts("h4") == ["March 2025"]


def test_busy_day_is_truncated():
    root = render(board(*[card(number, due_date=in_days(0)) for number in range(5)]), "calendar")
    assert root.one(cls="today").text.endswith("+ 2 more")
    assert render_lines(board(*[card(number, due_date=in_days(0)) for number in range(5)]), 60, "calendar")[
        -1
    ].endswith("+ 2 more")


@pytest.mark.parametrize("moment", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_calendar_supports_first_and_last_date(moment: datetime):
    root = render(board(card(1, due_date=moment)), "calendar")
    assert sum("LAU-1" in day.text for day in root.all("td")) == 1


def test_empty_calendar_shows_current_month():
    assert render(board(), "calendar").texts("h4") == ["April 2026"]
    assert render_lines(board(), 60, "calendar")[-1] == "Nothing is due."


def test_scope_views_look_like_board_views():
    due_card = card(1, "One", due_date=in_days(3))
    kanban = render(KanbanView(columns=[KanbanColumn(column=column("todo", "To Do"), cards=[due_card])]))
    assert kanban.texts(cls="name") == ["One"]
    assert render(ListView(cards=[due_card])).texts("td")[:2] == ["LAU-1", "One"]
    days = [CalendarDay(day="2026-04-18", cards=[due_card])]
    calendar = render(CalendarView(days=days, without_due_date=2))
    assert [day.text for day in calendar.all("td") if "LAU" in day.text] == ["18LAU-1 One"]
    assert calendar.texts("p") == ["2 cards without a due date"]


def test_unknown_view_raises():
    with pytest.raises(ValueError, match="Board has no view 'gantt'; use kanban, list, calendar"):
        view(board(), "gantt")
