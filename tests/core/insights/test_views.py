"""What each view of a scope shows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.core.board.test_statements import sent

VIEWS = ("kanban", "list", "calendar", "roadmap", "stats")


@pytest.fixture
def phase(card_api):
    """A scope beside the default one."""
    return card_api.ask("POST", "/scopes", {"name": "Phase 2"})


@pytest.fixture
def columns(phase):
    """The ids of its columns: To Do, In Progress, Done."""
    return [column["id"] for column in phase["columns"]]


def view(card_api, phase, kind):
    answer = card_api.ask("GET", f"/scopes/{phase['id']}/views?type={kind}")
    assert [name for name, found in answer["data"].items() if found is not None] == [kind]
    return answer["data"][kind]


def crowd(card_api, columns):
    """Some cards of every kind, of which one is archived, and one in another scope."""
    card_api.card(card_api.columns()[0]["id"], "elsewhere", dueDate="2026-04-05")
    hidden = card_api.card(columns[0], "hidden", dueDate="2026-04-05")
    card_api.change(hidden["id"], archived=True)
    first, second, third = card_api.cards(columns[0], "first second third")
    card_api.change(third, order=0, dueDate="2026-04-05T22:00:00Z", startDate="2026-04-02")
    card_api.change(second, dueDate="2026-04-06T01:00:00+02:00")
    working = card_api.card(columns[1], "working", startDate="2026-03-01")["id"]
    return [third, first, second, working]


# ------------------------------------------------------------------------------------------------- which there are


def test_views_are_five_and_show_nothing_unless_asked(card_api, phase):
    answer = card_api.ask("GET", f"/scopes/{phase['id']}/views")
    assert answer == {"activeView": "kanban", "views": phase["views"], "data": None}
    assert [each["type"] for each in answer["views"]] == list(VIEWS)


def test_views_are_found_below_the_project_and_the_workspace(card_api, phase):
    flat = f"{card_api.workspace.path}/scopes/{phase['id']}/views?type=list"
    assert card_api.world.ask(card_api.person, "GET", flat) == card_api.ask(
        "GET", f"/scopes/{phase['id']}/views?type=list"
    )


def test_view_that_there_is_not(card_api, phase):
    assert card_api.error("GET", f"/scopes/{phase['id']}/views?type=gantt")[0] == 400


@pytest.mark.parametrize("kind", VIEWS)
def test_view_of_an_empty_scope_shows_that(card_api, kind):
    for column in card_api.columns():
        card_api.ask("DELETE", f"/columns/{column['id']}")
    scope = card_api.ask("GET", "/scopes")[0]
    shown = view(card_api, scope, kind)
    empty = {
        "kanban": {"columns": []},
        "list": {"cards": []},
        "calendar": {"days": [], "withoutDueDate": 0},
        "roadmap": {"scopes": shown.get("scopes"), "cards": [], "undated": 0},
        "stats": {**shown, "cards": 0, "byColumn": [], "leadTime": {"medianSeconds": None, "cards": 0}},
    }
    assert shown == empty[kind]


# ------------------------------------------------------------------------------------------------- lists


def test_kanban_shows_the_cards_in_their_columns(card_api, phase, columns):
    third, first, second, working = crowd(card_api, columns)
    shown = view(card_api, phase, "kanban")["columns"]
    assert [each["column"] for each in shown] == card_api.ask("GET", f"/columns?scopeId={phase['id']}")
    expected = [[third, first, second], [working], []]
    assert [[card["id"] for card in each["cards"]] for each in shown] == expected
    assert shown[0]["cards"][0] == card_api.read(third)


def test_list_shows_the_cards_one_below_the_other(card_api, phase, columns):
    crowd(card_api, columns)
    listed = card_api.list_cards(f"scopeId={phase['id']}&archived=false")
    assert view(card_api, phase, "list") == {"cards": listed}
    assert len(listed) == 4


def test_calendar_shows_the_cards_by_the_day_in_utc(card_api, phase, columns):
    third, first, second, _ = crowd(card_api, columns)
    shown = view(card_api, phase, "calendar")
    (day,) = shown["days"]
    assert (day["day"], [card["id"] for card in day["cards"]]) == ("2026-04-05", [third, second])
    assert shown["withoutDueDate"] == 2
    card_api.change(first, dueDate="2026-04-04")
    assert [each["day"] for each in view(card_api, phase, "calendar")["days"]] == ["2026-04-04", "2026-04-05"]


def test_roadmap_shows_all_scopes_and_the_cards_of_this_one(card_api, phase, columns):
    third, _, second, working = crowd(card_api, columns)
    card_api.change(second, status="done")
    card_api.ask("PATCH", f"/scopes/{phase['id']}", {"dueDate": "2026-06-01"})
    shown = view(card_api, phase, "roadmap")
    main = card_api.ask("GET", "/scopes")[0]
    day = "2026-04-05T00:00:00Z"
    assert shown["scopes"] == [
        {"scopeId": main["id"], "name": "Main", "start": day, "end": day, "cards": 1, "percentDone": 0},
        {
            "scopeId": phase["id"],
            "name": "Phase 2",
            "start": "2026-03-01T00:00:00Z",
            "end": "2026-06-01T00:00:00Z",
            "cards": 4,
            "percentDone": 25,
        },
    ]
    assert [card["cardId"] for card in shown["cards"]] == [working, third, second]
    assert shown["undated"] == 1
    card = card_api.read(third)
    assert shown["cards"][1] == {
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


def test_stats_count_the_cards_that_are_not_archived(card_api, phase, columns):
    bob = card_api.world.person("bob")
    card_api.world.join(bob, card_api.workspace)
    important, waiting, idea = (label["id"] for label in card_api.ask("GET", "/labels"))
    crowd(card_api, columns)
    card_api.card(columns[0], assigneeId=bob.id, labelIds=[waiting, important], priority="high")
    card_api.card(columns[2], assigneeId=bob.id, labelIds=[important], priority="low")
    card_api.card(columns[2], assigneeId=card_api.person.id)
    shown = view(card_api, phase, "stats")
    assert shown["cards"] == 7
    assert shown["byStatus"] == {"open": 4, "inProgress": 1, "done": 2}
    assert [
        (each["columnId"], each["scopeId"], each["name"], each["cards"]) for each in shown["byColumn"]
    ] == [
        (columns[0], phase["id"], "To Do", 4),
        (columns[1], phase["id"], "In Progress", 1),
        (columns[2], phase["id"], "Done", 2),
    ]
    assert shown["byPriority"] == {"low": 1, "medium": 0, "high": 1, "none": 5}
    assert shown["byAssignee"] == [
        {"userId": bob.id, "name": "bob", "cards": 2},
        {"userId": card_api.person.id, "name": "ann", "cards": 1},
        {"userId": None, "name": None, "cards": 4},
    ]
    assert [(each["labelId"], each["name"], each["cards"]) for each in shown["byLabel"]] == [
        (important, "Important", 2),
        (waiting, "Waiting", 1),
        (idea, "Idea", 0),
        (None, None, 5),
    ]
    assert shown["byLabel"][0]["color"] == "#ef4444"


def finish(card_api, card, columns):
    return card_api.change(card, columnId=columns[2])


def test_stats_tell_on_which_day_cards_were_completed(card_api, phase, columns, clock):
    long_ago, first, again, last = card_api.cards(columns[0], "a b c d")
    finish(card_api, long_ago, columns)
    clock.advance(timedelta(days=30))
    finish(card_api, first, columns)
    card_api.change(first, archived=True)
    finish(card_api, again, columns)
    card_api.change(again, columnId=columns[0])
    clock.advance(timedelta(hours=12))
    finish(card_api, last, columns)
    shown = view(card_api, phase, "stats")["completedPerDay"]
    assert (len(shown), shown[0]["day"]) == (30, "2026-04-03")
    assert shown[-2:] == [{"day": "2026-05-01", "cards": 1}, {"day": "2026-05-02", "cards": 1}]
    assert sum(each["cards"] for each in shown) == 2


def test_lead_time_is_from_when_a_card_was_made(card_api, phase, columns, clock):
    cards = card_api.cards(columns[0], "a b c")
    for card in cards:
        clock.advance(timedelta(hours=2))
        finish(card_api, card, columns)
    shown = view(card_api, phase, "stats")
    assert shown["leadTime"] == {"medianSeconds": 4 * 3600, "cards": 3}
    assert shown["cycleTime"] == {"medianSeconds": None, "cards": 0}


def test_cycle_time_is_from_when_work_on_a_card_began(card_api, phase, columns, clock):
    moved, set_, made, straight = card_api.cards(columns[0], "moved set made straight")
    clock.advance(timedelta(hours=1))
    card_api.change(moved, columnId=columns[1])
    card_api.change(set_, status="in_progress", title="other words")
    made = card_api.card(columns[1], "made")["id"]
    clock.advance(timedelta(hours=1))
    # To begin again does not begin anew.
    card_api.change(moved, columnId=columns[0])
    card_api.change(moved, columnId=columns[1])
    clock.advance(timedelta(hours=3))
    for card in (moved, set_, made, straight):
        finish(card_api, card, columns)
    shown = view(card_api, phase, "stats")
    assert shown["cycleTime"] == {"medianSeconds": 4 * 3600, "cards": 3}
    assert shown["leadTime"]["cards"] == 4


def test_a_title_does_not_begin_work(card_api, phase, columns, clock):
    card = card_api.card(columns[0], '{"toStatus":"in_progress"}')["id"]
    clock.advance(timedelta(hours=1))
    finish(card_api, card, columns)
    assert view(card_api, phase, "stats")["cycleTime"]["cards"] == 0


# ------------------------------------------------------------------------------------------------- statements


MOST = {"kanban": 3, "list": 2, "calendar": 2, "roadmap": 3, "stats": 7}


def fill(card_api, count):
    """A scope with so many cards, some completed; its id."""
    scope = card_api.ask("GET", "/scopes")[0]
    columns = [column["id"] for column in scope["columns"]]
    bodies = [
        {
            "columnId": columns[n % 3],
            "title": str(n),
            "assigneeId": card_api.person.id,
            "dueDate": "2026-04-05",
        }
        for n in range(count)
    ]
    card_api.ask("POST", "/cards/bulk", {"cards": bodies})
    return scope


@pytest.mark.parametrize("kind", VIEWS)
def test_statements_are_as_many_for_9_cards_as_for_300(card_api, kind):
    counted = []
    for each, count in ((card_api, 9), (card_api.another(), 300)):
        scope = fill(each, count)
        with sent() as found:
            view(each, scope, kind)
        counted.append(len(found))
    assert counted == [MOST[kind]] * 2
