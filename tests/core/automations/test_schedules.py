"""Schedules of rules: when they are due, that they run once, and for which cards."""

from datetime import UTC, datetime, timedelta

import pytest

from stellary.contract.cards import ListCards
from stellary.contract.limits import Reference
from stellary.contract.naming import marks, wire_fields
from stellary.core.automations import scheduling
from stellary.core.automations.rules.file_references import KINDS
from tests.core.automations.test_due import pass_time
from tests.support.boards import ask, error
from tests.support.core_parts import HANDLERS, JobRunner
from tests.support.each_case import for_each
from tests.support.world import at_once

MONDAY = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)


@pytest.fixture
def clock(board):
    clock = board.world.stop_clock()
    clock.now = MONDAY
    return clock


@pytest.fixture
def work(board, clock):
    work = board.world.core.work
    work.begin()
    work.run_due()
    return work


def create_rule(api, *actions, conditions=None, **schedule):
    body = {
        "trigger": "schedule",
        "schedule": {"rule": "FREQ=HOURLY", **schedule},
        "conditions": conditions,
        "actions": [{"type": type, "params": params} for type, params in actions],
    }
    return ask(api, "POST", f"{api.path}/automations", body)


NEW_CARD = ("create_card", {"title": "Plan the week"})


def list_titles(api):
    return [card["title"] for card in ask(api, "GET", f"{api.path}/cards")]


def test_rule_runs_at_its_times_in_its_time_zone(board, clock, work):
    rule = create_rule(board, NEW_CARD, rule="FREQ=WEEKLY;BYDAY=TU;BYHOUR=9", timeZone="Europe/Berlin")
    assert rule["nextRunAt"] == "2026-03-03T08:00:00Z"
    pass_time(clock, work, hours=21, minutes=44)
    assert board.traces(rule) == []
    pass_time(clock, work, minutes=1)
    pass_time(clock, work, hours=1)
    (trace,) = board.traces(rule)
    assert trace == trace | {"event": "schedule", "target": None, "triggeredById": None, "result": "success"}
    assert list_titles(board) == ["Plan the week"]
    # Daylight saving time begins on 29 March.
    pass_time(clock, work, days=21)
    assert board.rule_now(rule)["nextRunAt"] == "2026-03-31T07:00:00Z"


def test_only_the_last_of_several_missed_times_runs(board, clock, work):
    rule = create_rule(board, NEW_CARD)
    pass_time(clock, work, days=3)
    work.run_due()
    assert board.results(rule) == ["success"]
    assert board.rule_now(rule)["nextRunAt"] == "2026-03-05T11:00:00Z"


def test_times_at_which_the_rule_was_disabled_are_not_missed(board, clock, work):
    rule = create_rule(board, NEW_CARD)
    board.turn(rule, enabled=False)
    pass_time(clock, work, hours=3)
    board.turn(rule, enabled=True)
    pass_time(clock, work, minutes=1)
    assert board.traces(rule) == []
    pass_time(clock, work, hours=1)
    assert board.results(rule) == ["success"]


def test_clock_that_was_ahead_delays_no_rule(board, clock, work):
    rule = create_rule(board, NEW_CARD)
    pass_time(clock, work, days=300)
    clock.advance(timedelta(days=-300))
    work.begin()
    work.run_due()
    assert board.rule_now(rule)["nextRunAt"] == "2026-03-02T11:00:00Z"
    assert board.results(rule) == ["success"]
    pass_time(clock, work, hours=1)
    assert board.results(rule) == ["success", "success"]


def test_rule_runs_for_each_card_of_its_filter_page_by_page(board, clock, work, monkeypatch):
    monkeypatch.setattr(scheduling, "PAGE", 2)
    cards = [board.card(f"Card {number}", priority="high") for number in range(5)]
    other = board.card("Other", priority="low")
    rule = create_rule(
        board,
        ("add_comment", {"content": "{{card.title}}"}),
        # A card for each card, which match the filter as well.
        ("create_card", {"title": "Copy", "priority": "high"}),
        conditions={"all": [{"field": "title", "op": "ne", "value": "Card 3"}]},
        cards={"priority": "high", "columnId": "To Do"},
    )
    assert [reference["name"] for reference in rule["references"]] == ["To Do"]
    pass_time(clock, work, hours=1)
    assert len(board.traces(rule)) == 4
    comments = [ask(board, "GET", f"{board.of(card)}/comments") for card in [*cards, other]]
    expected = [["Card 0"], ["Card 1"], ["Card 2"], [], ["Card 4"], []]
    assert [[comment["content"] for comment in listed] for listed in comments] == expected
    ask(
        board, "DELETE", f"{board.path}/columns/{board.columns[0]['id']}?moveCardsTo={board.columns[1]['id']}"
    )
    assert board.rule_now(rule)["problem"] == "the column 'To Do' was deleted"


@pytest.mark.parametrize("is_saved", [False, True])
def test_rule_runs_for_each_card_of_a_filter_in_words(board, clock, work, monkeypatch, is_saved):
    monkeypatch.setattr(scheduling, "PAGE", 2)
    for number in range(5):
        due = "2026-03-03" if number % 2 else "2026-04-01"
        board.card(f"Card {number}", dueDate=due, priority="high")
    board.card("Low", dueDate="2026-03-03")
    cards = {"priority": "high"}
    path = f"{board.flat}/saved-filters"
    if is_saved:
        saved = ask(board, "POST", path, {"name": "Soon", "filter": "due < +3d order by due"})
        cards["saved"] = "soon"
    else:
        cards["filter"] = "due < +3d"
    # The rule changes the order of the saved filter, which has no effect on the pages.
    rule = create_rule(board, ("update_card", {"dueDate": "2027-01-01"}), cards=cards)
    assert not is_saved or rule["schedule"]["cards"]["saved"] == saved["id"]
    pass_time(clock, work, hours=1)
    assert board.results(rule) == ["success"] * 2
    moved = ask(board, "GET", f"{board.path}/cards?dueAfter=2027-01-01")
    assert [card["title"] for card in moved] == ["Card 1", "Card 3"]
    if is_saved:
        ask(board, "DELETE", f"{path}/{saved['id']}")
        pass_time(clock, work, hours=1)
        assert "saved must be the id" in board.results(rule)[-1]


def daily(**schedule):
    return {"schedule": {"rule": "FREQ=DAILY", **schedule}}


@for_each(
    "body, message",
    [
        ({}, "schedule is required for the trigger schedule"),
        ({"trigger": "task_moved", **daily()}, "schedule needs the trigger schedule"),
        (daily(rule="FREQ=MINUTELY"), "schedule.rule has a part that schedules cannot have: 'FREQ=MINUTELY'"),
        (daily(rule="FREQ=DAILY;COUNT=3"), "cannot have: 'COUNT=3'"),
        (daily(rule="FREQ=HOURLY;BYMINUTE=0,30"), "cannot have: 'BYMINUTE=0,30'"),
        (daily(rule="FREQ=WEEKLY;BYDAY=MU"), "schedule.rule must have days such as MO"),
        (daily(rule="BYHOUR=3"), "schedule.rule must have FREQ"),
        (daily(rule="FREQ=YEARLY;INTERVAL=99;BYDAY=5SU"), "schedule.rule does not occur within 10 years"),
        (daily(timeZone="../etc/passwd"), "schedule.timeZone must be the name"),
        (daily(timeZone="Mars/Base"), "schedule.timeZone must be the name"),
        (daily(cards={"colour": 1}), "schedule.cards.colour"),
        (daily(cards={"limit": 5}), "schedule.cards.limit is not accepted"),
        (daily(cards={"filter": "label = Nothing"}), "schedule.cards.filter must be the id or the name"),
        (daily(cards={"filter": "due < +3d order by due"}), "schedule.cards.filter must not have an order"),
        (daily(cards={"saved": "Mine"}), "schedule.cards.saved must be"),
        (daily(cards={"columnId": "Nowhere"}), "schedule.cards.columnId must be"),
        (daily(cards={"columnId": ["Done", "Nowhere"]}), "schedule.cards.columnId[1] must be"),
        (daily(cards={"columnId": "me"}), "schedule.cards.columnId must be"),
        (daily(cards={"customField": ["0" * 24 + ":L"]}), "schedule.cards.customField must be"),
        ({**daily(), "action": {"type": "archive_card"}}, "action.params.cardId is required"),
        (
            {**daily(), "conditions": {"all": [{"field": "title", "op": "is_set"}]}},
            "conditions need schedule.cards",
        ),
    ],
)
def test_malformed_schedule_is_refused(board, body, message):
    new = {"trigger": "schedule", "action": {"type": "create_card", "params": {"title": "x"}}, **body}
    status, text = error(board, "POST", f"{board.path}/automations", new)
    assert status == 400
    assert message in text


def test_schedule_is_changed_exported_and_left(board, clock):
    rule = create_rule(board, ("archive_card", {}), rule="FREQ=DAILY", cards={"columnId": "Done"})
    path = board.of_rule(rule)
    file = ask(board, "GET", f"{board.path}/export")
    imported = ask(board, "POST", f"{board.flat}/projects/import", file)
    copy_path = f"{board.flat}/projects/{imported['id']}"
    (copy,) = ask(board, "GET", f"{copy_path}/automations")
    column = next(item for item in ask(board, "GET", f"{copy_path}/columns") if item["name"] == "Done")
    assert copy["schedule"] == {"rule": "FREQ=DAILY", "timeZone": "UTC", "cards": {"columnId": column["id"]}}
    assert (copy["nextRunAt"], copy["enabled"]) == (rule["nextRunAt"], True)
    status, text = error(board, "PATCH", path, {"schedule": {"rule": "FREQ=DAILY"}})
    assert (status, "actions[0].params.cardId is required" in text) == (400, True)
    changed = ask(board, "PATCH", path, {"schedule": {"rule": "FREQ=DAILY;BYHOUR=11", "cards": {}}})
    assert (changed["nextRunAt"], changed["references"]) == ("2026-03-02T11:00:00Z", [])
    left = ask(board, "PATCH", path, {"trigger": "task_moved"})
    assert (left["schedule"], left["nextRunAt"]) == (None, None)
    schedule = file["automations"][0]["schedule"]
    for change, problem in [
        ({"rule": "x"}, "schedule.rule has a part"),
        ({"timeZone": "x"}, "schedule.timeZone must"),
    ]:
        file["automations"][0]["schedule"] = {**schedule, **change}
        status, text = error(board, "POST", f"{board.flat}/projects/import", file)
        assert (status, f"automations[0].{problem}" in text) == (400, True)
    file["automations"][0]["schedule"] = {**schedule, "cards": {"columnId": "gone"}}
    answer = ask(board, "POST", f"{board.flat}/projects/import", file)
    (reason,) = [entry["reason"] for entry in answer["notCarried"] if entry["kind"] == "automation"]
    assert "automations[0].schedule.cards.columnId must be" in reason
    copy_path = f"{board.flat}/projects/{answer['id']}/automations"
    (copy,) = ask(board, "GET", copy_path)
    path = f"{copy_path}/{copy['id']}"
    assert (copy["schedule"], copy["enabled"]) == (file["automations"][0]["schedule"], False)
    assert ask(board, "PATCH", path, {"name": "x"})["broken"] is True
    assert ask(board, "PATCH", path, {"trigger": "task_moved"})["broken"] is False


def test_filters_follow_a_renamed_option_and_break_without_it(board, clock, work):
    body = {"name": "Size", "type": "multi-select", "options": ["S", "L"]}
    field = ask(board, "POST", f"{board.path}/custom-fields", body)["id"]
    card = board.card("Big", customFields={field: ["L"]})
    rule = create_rule(board, ("set_priority", {"priority": "high"}), cards={"customField": [f"{field}:L"]})
    path = f"{board.path}/custom-fields/{field}"
    ask(board, "PATCH", path, {"options": ["S", "Large"]})
    assert board.rule_now(rule)["schedule"]["cards"] == {"customField": [f"{field}:Large"]}
    pass_time(clock, work, hours=1)
    assert board.read(card)["priority"] == "high"
    ask(board, "PATCH", path, {"options": ["S"]})
    assert board.rule_now(rule)["problem"] == "the option 'Large' of 'Size' was removed"
    ask(board, "PATCH", path, {"options": ["S", "Large"]})
    body = {"schedule": board.rule_now(rule)["schedule"]}
    assert ask(board, "PATCH", board.of_rule(rule), body)["broken"] is False


def test_filters_name_several_items_and_people_also_in_a_file(board, clock, bob):
    board.join(bob)
    cards = {"columnId": ["To Do", "Done"], "assigneeId": ["bob", "me", None]}
    rule = create_rule(board, ("archive_card", {}), cards=cards)
    ids = [board.columns[index]["id"] for index in (0, 2)]
    assert rule["schedule"]["cards"] == {"columnId": ids, "assigneeId": [bob.id, "me", None]}
    assert {reference["name"] for reference in rule["references"]} == {"To Do", "Done", "bob"}
    file = ask(board, "GET", f"{board.path}/export")
    assert file["automations"][0]["schedule"]["cards"]["assigneeId"] == [bob.email, "me", None]


def test_each_filter_that_takes_an_id_is_resolved():
    fields = wire_fields(ListCards)
    names = {name for name, field in fields.items() if Reference() in marks(field.type)}
    assert names == KINDS.keys() & fields.keys()


def test_several_processes_run_each_rule_once(board, clock, work, core):
    rules = [create_rule(board, ("create_card", {"title": str(number)})) for number in range(8)]
    clock.advance(timedelta(hours=1))
    workers = [JobRunner(core.units, core.claims, HANDLERS) for _ in range(3)]
    at_once(*[worker.run_due for worker in (work, *workers)])
    assert [len(board.traces(rule)) for rule in rules] == [1] * 8
    assert sorted(list_titles(board)) == sorted(map(str, range(8)))
