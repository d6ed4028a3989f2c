"""Views of a scope: kanban, list, calendar, roadmap and statistics."""

from datetime import timedelta

import pytest

from tests.support.statements import count_statements
from tests.support.waiting import wait_until

VIEWS = ("kanban", "list", "calendar", "roadmap", "stats")


@pytest.fixture
def phase(api):
    """Create a scope beside the default one."""
    return api.ask("POST", "/scopes", {"name": "Phase 2"})


@pytest.fixture
def columns(phase):
    """Return the ids of its columns: To Do, In Progress, Done."""
    return [column["id"] for column in phase["columns"]]


def view(api, phase, kind):
    answer = api.ask("GET", f"/scopes/{phase['id']}/views?type={kind}")
    assert [name for name, value in answer["data"].items() if value is not None] == [kind]
    return answer["data"][kind]


def crowd(api, columns):
    """Create cards of every kind, one of them archived, and one in another scope."""
    api.card(api.columns()[0]["id"], "elsewhere", dueDate="2026-04-05")
    api.change(api.card(columns[0], "hidden", dueDate="2026-04-05")["id"], archived=True)
    first, second, third = api.cards(columns[0], "first second third")
    api.change(third, order=0, dueDate="2026-04-05T22:00:00Z", startDate="2026-04-02")
    api.change(second, dueDate="2026-04-06T01:00:00+02:00")
    return [third, first, second, api.card(columns[1], "working", startDate="2026-03-01")["id"]]


# ------------------------------------------------------------------------------------------------- which there are


def test_scope_has_five_views_without_data_by_default(api, phase):
    answer = api.ask("GET", f"/scopes/{phase['id']}/views")
    assert answer == {"activeView": "kanban", "views": phase["views"], "data": None}
    assert [view_["type"] for view_ in answer["views"]] == list(VIEWS)


def test_views_are_found_below_the_project_and_the_workspace(api, phase):
    flat = f"{api.workspace.path}/scopes/{phase['id']}/views?type=list"
    assert api.world.ask(api.person, "GET", flat) == api.ask("GET", f"/scopes/{phase['id']}/views?type=list")


@pytest.mark.parametrize("kind", VIEWS)
def test_view_of_an_empty_scope_is_empty(api, kind):
    for column in api.columns():
        api.ask("DELETE", f"/columns/{column['id']}")
    data = view(api, api.ask("GET", "/scopes")[0], kind)
    empty = {
        "kanban": {"columns": []},
        "list": {"cards": []},
        "calendar": {"days": [], "withoutDueDate": 0},
        "roadmap": {"scopes": data.get("scopes"), "cards": [], "undated": 0},
        "stats": {**data, "cards": 0, "byColumn": [], "leadTime": {"medianSeconds": None, "cards": 0}},
    }
    assert data == empty[kind]


# ------------------------------------------------------------------------------------------------- lists


def test_kanban_shows_the_cards_in_their_columns(api, phase, columns):
    third, first, second, working = crowd(api, columns)
    lanes = view(api, phase, "kanban")["columns"]
    assert [lane["column"] for lane in lanes] == api.ask("GET", f"/columns?scopeId={phase['id']}")
    expected = [[third, first, second], [working], []]
    assert [[card["id"] for card in lane["cards"]] for lane in lanes] == expected
    assert lanes[0]["cards"][0] == api.read(third)


def test_list_shows_the_cards_one_below_the_other(api, phase, columns):
    crowd(api, columns)
    listed = api.list_cards(f"scopeId={phase['id']}&archived=false")
    assert view(api, phase, "list") == {"cards": listed}
    assert len(listed) == 4


def test_calendar_shows_the_cards_by_the_day_in_utc(api, phase, columns):
    third, first, second, _ = crowd(api, columns)
    calendar = view(api, phase, "calendar")
    (day,) = calendar["days"]
    assert (day["day"], [card["id"] for card in day["cards"]]) == ("2026-04-05", [third, second])
    assert calendar["withoutDueDate"] == 2
    api.change(first, dueDate="2026-04-04")
    expected = ["2026-04-04", "2026-04-05"]
    assert [day_entry["day"] for day_entry in view(api, phase, "calendar")["days"]] == expected


def test_roadmap_shows_all_scopes_and_the_cards_of_this_one(api, phase, columns):
    third, _, second, working = crowd(api, columns)
    api.change(second, status="done", estimate=4.5)
    api.change(third, estimate=0.25)
    api.ask("PATCH", f"/scopes/{phase['id']}", {"dueDate": "2026-06-01"})
    api.another().ask("POST", "/scopes", {"name": "Elsewhere"})
    roadmap = view(api, phase, "roadmap")
    main = api.ask("GET", "/scopes")[0]
    day = "2026-04-05T00:00:00Z"
    assert roadmap["scopes"] == [
        {"scopeId": main["id"], "name": "Main", "start": day, "end": day}
        | {"cards": 1, "percentDone": 0, "estimate": None},
        {
            "scopeId": phase["id"],
            "name": "Phase 2",
            "start": "2026-03-01T00:00:00Z",
            "end": "2026-06-01T00:00:00Z",
            "cards": 4,
            "percentDone": 25,
            "estimate": 4.75,
        },
    ]
    assert [card["cardId"] for card in roadmap["cards"]] == [working, third, second]
    assert roadmap["undated"] == 1
    card = api.read(third)
    assert roadmap["cards"][1] == {
        "cardId": third,
        "key": card["key"],
        "title": "third",
        "columnId": columns[0],
        "status": "open",
        "assigneeId": None,
        "start": "2026-04-02T00:00:00Z",
        "end": "2026-04-05T22:00:00Z",
    }


# ------------------------------------------------------------------------------------------------- in numbers


def test_stats_count_the_cards_that_are_not_archived(api, phase, columns, bob):
    api.world.join(bob, api.workspace)
    important, waiting, idea = (label["id"] for label in api.ask("GET", "/labels"))
    crowd(api, columns)
    api.card(columns[0], assigneeId=bob.id, labelIds=[waiting, important], priority="high", estimate=0.1)
    api.card(columns[2], assigneeId=bob.id, labelIds=[important], priority="low")
    api.card(columns[2], assigneeId=api.person.id, estimate=0.2)
    stats = view(api, phase, "stats")
    assert (stats["cards"], stats["estimate"]) == (7, 0.3)
    assert stats["byStatus"] == {"open": 4, "inProgress": 1, "done": 2}
    assert [
        (count["columnId"], count["scopeId"], count["name"], count["cards"], count["estimate"])
        for count in stats["byColumn"]
    ] == [
        (columns[0], phase["id"], "To Do", 4, 0.1),
        (columns[1], phase["id"], "In Progress", 1, None),
        (columns[2], phase["id"], "Done", 2, 0.2),
    ]
    assert stats["byPriority"] == {"low": 1, "medium": 0, "high": 1, "none": 5}
    assert stats["byAssignee"] == [
        {"userId": bob.id, "name": "bob", "cards": 2},
        {"userId": api.person.id, "name": "ann", "cards": 1},
        {"userId": None, "name": None, "cards": 4},
    ]
    expected = [(important, "Important", 2), (waiting, "Waiting", 1), (idea, "Idea", 0), (None, None, 5)]
    assert [(count["labelId"], count["name"], count["cards"]) for count in stats["byLabel"]] == expected
    assert stats["byLabel"][0]["color"] == "#ef4444"


def finish(api, card, columns):
    return api.change(card, columnId=columns[2])


def test_stats_count_completed_cards_per_day(api, phase, columns, clock):
    long_ago, first, again, last = api.cards(columns[0], "a b c d")
    finish(api, long_ago, columns)
    clock.advance(timedelta(days=30))
    finish(api, first, columns)
    api.change(first, archived=True)
    finish(api, again, columns)
    api.change(again, columnId=columns[0])
    clock.advance(timedelta(hours=12))
    finish(api, last, columns)
    days = view(api, phase, "stats")["completedPerDay"]
    assert (len(days), days[0]["day"]) == (30, "2026-04-03")
    assert days[-2:] == [{"day": "2026-05-01", "cards": 1}, {"day": "2026-05-02", "cards": 1}]
    assert sum(day["cards"] for day in days) == 2


def test_lead_time_starts_at_creation(api, phase, columns, clock):
    for card in api.cards(columns[0], "a b c"):
        clock.advance(timedelta(hours=2))
        finish(api, card, columns)
    stats = view(api, phase, "stats")
    assert stats["leadTime"] == {"medianSeconds": 4 * 3600, "cards": 3}
    assert stats["cycleTime"] == {"medianSeconds": None, "cards": 0}


def test_cycle_time_starts_with_work_on_a_card(api, phase, columns, clock):
    moved, set_, created, straight = api.cards(columns[0], "moved set made straight")
    clock.advance(timedelta(hours=1))
    api.change(moved, columnId=columns[1])
    api.change(set_, status="in_progress", title="other words")
    created = api.card(columns[1], "made")["id"]
    clock.advance(timedelta(hours=1))
    # To begin again does not begin anew.
    api.change(moved, columnId=columns[0])
    api.change(moved, columnId=columns[1])
    clock.advance(timedelta(hours=3))
    for card in (moved, set_, created, straight):
        finish(api, card, columns)
    stats = view(api, phase, "stats")
    assert stats["cycleTime"] == {"medianSeconds": 4 * 3600, "cards": 3}
    assert stats["leadTime"]["cards"] == 4


def test_change_of_the_title_does_not_start_the_cycle_time(api, phase, columns, clock):
    card = api.card(columns[0], '{"toStatus":"in_progress"}')["id"]
    clock.advance(timedelta(hours=1))
    finish(api, card, columns)
    assert view(api, phase, "stats")["cycleTime"]["cards"] == 0


# ------------------------------------------------------------------------------------------------- statements


MOST = {"kanban": 3, "list": 2, "calendar": 2, "roadmap": 3, "stats": 7}


def fill(api, count):
    """Create a scope with cards, some of them completed, and return its id."""
    scope = api.ask("GET", "/scopes")[0]
    columns = [column["id"] for column in scope["columns"]]
    bodies = [
        {"columnId": columns[n % 3], "title": str(n), "assigneeId": api.person.id, "dueDate": "2026-04-05"}
        for n in range(count)
    ]
    api.ask("POST", "/cards/bulk", {"cards": bodies})
    return scope


def count_for_a_view(api, count, kind):
    """Return the number of statements for a view of a scope whose cards are remembered."""
    scope = fill(api, count)
    # On PostgreSQL, cards are read again while transactions run that are older.
    wait_until(lambda: count_statements(view, api, scope, kind) == MOST[kind])
    return count_statements(view, api, scope, kind)


@pytest.mark.parametrize("kind", VIEWS)
def test_statements_do_not_grow_from_9_to_300_cards(api, kind):
    counts = [count_for_a_view(api, 9, kind), count_for_a_view(api.another(), 300, kind)]
    assert counts == [MOST[kind]] * 2
