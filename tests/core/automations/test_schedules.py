"""Schedules of rules: when they are due, that they run once, and for which cards."""

from datetime import UTC, datetime, timedelta

import pytest

from stellary.contract.cards import ListCards
from stellary.contract.limits import Reference
from stellary.contract.naming import marks, wire_fields
from stellary.core.automations import scheduling
from tests.support.boards import ask, error
from tests.support.core_parts import HANDLERS, JobRunner
from tests.support.each_case import for_each
from tests.support.world import at_once

MONDAY = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)


@pytest.fixture
def clock(automation_api):
    clock = automation_api.world.stop_clock()
    clock.now = MONDAY
    return clock


@pytest.fixture
def work(automation_api, clock):
    work = automation_api.world.core.work
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


def pass_time(clock, work, **step):
    clock.advance(timedelta(**step))
    work.run_due()


def test_rule_runs_at_its_times_in_its_time_zone(automation_api, clock, work):
    rule = create_rule(
        automation_api, NEW_CARD, rule="FREQ=WEEKLY;BYDAY=TU;BYHOUR=9", timeZone="Europe/Berlin"
    )
    assert rule["nextRunAt"] == "2026-03-03T08:00:00Z"
    pass_time(clock, work, hours=21, minutes=44)
    assert automation_api.traces(rule) == []
    pass_time(clock, work, minutes=1)
    pass_time(clock, work, hours=1)
    (trace,) = automation_api.traces(rule)
    assert (trace["event"], trace["target"], trace["triggeredById"], trace["result"]) == (
        "schedule",
        None,
        None,
        "success",
    )
    assert list_titles(automation_api) == ["Plan the week"]
    # Daylight saving time begins on 29 March.
    pass_time(clock, work, days=21)
    assert automation_api.rule_now(rule)["nextRunAt"] == "2026-03-31T07:00:00Z"


def test_only_the_last_of_several_missed_times_runs(automation_api, clock, work):
    rule = create_rule(automation_api, NEW_CARD)
    pass_time(clock, work, days=3)
    work.run_due()
    assert automation_api.results(rule) == ["success"]
    assert automation_api.rule_now(rule)["nextRunAt"] == "2026-03-05T11:00:00Z"


def test_times_at_which_the_rule_was_disabled_are_not_missed(automation_api, clock, work):
    rule = create_rule(automation_api, NEW_CARD)
    automation_api.turn(rule, enabled=False)
    pass_time(clock, work, hours=3)
    automation_api.turn(rule, enabled=True)
    pass_time(clock, work, minutes=1)
    assert automation_api.traces(rule) == []
    pass_time(clock, work, hours=1)
    assert automation_api.results(rule) == ["success"]


def test_clock_that_was_ahead_delays_no_rule(automation_api, clock, work):
    rule = create_rule(automation_api, NEW_CARD)
    pass_time(clock, work, days=300)
    clock.advance(timedelta(days=-300))
    work.begin()
    work.run_due()
    assert automation_api.rule_now(rule)["nextRunAt"] == "2026-03-02T11:00:00Z"
    assert automation_api.results(rule) == ["success"]
    pass_time(clock, work, hours=1)
    assert automation_api.results(rule) == ["success", "success"]


def test_rule_runs_for_each_card_of_its_filter_page_by_page(automation_api, clock, work, monkeypatch):
    monkeypatch.setattr(scheduling, "PAGE", 2)
    cards = [automation_api.card(f"Card {number}", priority="high") for number in range(5)]
    other = automation_api.card("Other", priority="low")
    rule = create_rule(
        automation_api,
        ("add_comment", {"content": "{{card.title}}"}),
        # A card for each card, which match the filter as well.
        ("create_card", {"title": "Copy", "priority": "high"}),
        conditions={"all": [{"field": "title", "op": "ne", "value": "Card 3"}]},
        cards={"priority": "high", "columnId": "To Do"},
    )
    assert [reference["name"] for reference in rule["references"]] == ["To Do"]
    pass_time(clock, work, hours=1)
    assert len(automation_api.traces(rule)) == 4
    comments = [ask(automation_api, "GET", f"{automation_api.of(card)}/comments") for card in [*cards, other]]
    assert [[comment["content"] for comment in listed] for listed in comments] == [
        ["Card 0"],
        ["Card 1"],
        ["Card 2"],
        [],
        ["Card 4"],
        [],
    ]
    ask(
        automation_api,
        "DELETE",
        f"{automation_api.path}/columns/{automation_api.columns[0]['id']}?moveCardsTo={automation_api.columns[1]['id']}",
    )
    assert automation_api.rule_now(rule)["problem"] == "the column 'To Do' was deleted"


@pytest.mark.parametrize("is_saved", [False, True])
def test_rule_runs_for_each_card_of_a_filter_in_words(automation_api, clock, work, monkeypatch, is_saved):
    monkeypatch.setattr(scheduling, "PAGE", 2)
    for number in range(5):
        due = "2026-03-03" if number % 2 else "2026-04-01"
        automation_api.card(f"Card {number}", dueDate=due, priority="high")
    automation_api.card("Low", dueDate="2026-03-03")
    cards = {"priority": "high"}
    path = f"{automation_api.flat}/saved-filters"
    if is_saved:
        saved = ask(automation_api, "POST", path, {"name": "Soon", "filter": "due < +3d order by due"})
        cards["saved"] = "soon"
    else:
        cards["filter"] = "due < +3d"
    # The rule changes the order of the saved filter, which has no effect on the pages.
    rule = create_rule(automation_api, ("update_card", {"dueDate": "2027-01-01"}), cards=cards)
    assert not is_saved or rule["schedule"]["cards"]["saved"] == saved["id"]
    pass_time(clock, work, hours=1)
    assert automation_api.results(rule) == ["success"] * 2
    moved = ask(automation_api, "GET", f"{automation_api.path}/cards?dueAfter=2027-01-01")
    assert [card["title"] for card in moved] == ["Card 1", "Card 3"]
    if is_saved:
        ask(automation_api, "DELETE", f"{path}/{saved['id']}")
        pass_time(clock, work, hours=1)
        assert "saved must be the id" in automation_api.results(rule)[-1]


@for_each(
    "body, message",
    [
        ({}, "schedule is required for the trigger schedule"),
        (
            {"trigger": "task_moved", "schedule": {"rule": "FREQ=DAILY"}},
            "schedule needs the trigger schedule",
        ),
        (
            {"schedule": {"rule": "FREQ=MINUTELY"}},
            "schedule.rule has a part that schedules cannot have: 'FREQ=MINUTELY'",
        ),
        ({"schedule": {"rule": "FREQ=DAILY;COUNT=3"}}, "cannot have: 'COUNT=3'"),
        ({"schedule": {"rule": "FREQ=HOURLY;BYMINUTE=0,30"}}, "cannot have: 'BYMINUTE=0,30'"),
        ({"schedule": {"rule": "FREQ=WEEKLY;BYDAY=MU"}}, "schedule.rule must have days such as MO"),
        ({"schedule": {"rule": "BYHOUR=3"}}, "schedule.rule must have FREQ"),
        (
            {"schedule": {"rule": "FREQ=YEARLY;INTERVAL=99;BYDAY=5SU"}},
            "schedule.rule does not occur within 10 years",
        ),
        (
            {"schedule": {"rule": "FREQ=DAILY", "timeZone": "../etc/passwd"}},
            "schedule.timeZone must be the name",
        ),
        ({"schedule": {"rule": "FREQ=DAILY", "timeZone": "Mars/Base"}}, "schedule.timeZone must be the name"),
        ({"schedule": {"rule": "FREQ=DAILY", "cards": {"colour": 1}}}, "schedule.cards.colour"),
        ({"schedule": {"rule": "FREQ=DAILY", "cards": {"limit": 5}}}, "schedule.cards.limit is not accepted"),
        (
            {"schedule": {"rule": "FREQ=DAILY", "cards": {"filter": "label = Nothing"}}},
            "schedule.cards.filter must be the id or the name",
        ),
        (
            {"schedule": {"rule": "FREQ=DAILY", "cards": {"filter": "due < +3d order by due"}}},
            "schedule.cards.filter must not have an order",
        ),
        ({"schedule": {"rule": "FREQ=DAILY", "cards": {"saved": "Mine"}}}, "schedule.cards.saved must be"),
        (
            {"schedule": {"rule": "FREQ=DAILY", "cards": {"columnId": "Nowhere"}}},
            "schedule.cards.columnId must be",
        ),
        (
            {"schedule": {"rule": "FREQ=DAILY", "cards": {"columnId": ["Done", "Nowhere"]}}},
            "schedule.cards.columnId[1] must be",
        ),
        (
            {"schedule": {"rule": "FREQ=DAILY", "cards": {"columnId": "me"}}},
            "schedule.cards.columnId must be",
        ),
        (
            {"schedule": {"rule": "FREQ=DAILY", "cards": {"customField": ["0" * 24 + ":L"]}}},
            "schedule.cards.customField must be",
        ),
        (
            {"schedule": {"rule": "FREQ=DAILY"}, "action": {"type": "archive_card"}},
            "action.params.cardId is required",
        ),
        (
            {"schedule": {"rule": "FREQ=DAILY"}, "conditions": {"all": [{"field": "title", "op": "is_set"}]}},
            "conditions need schedule.cards",
        ),
    ],
)
def test_malformed_schedule_is_refused(automation_api, body, message):
    new = {"trigger": "schedule", "action": {"type": "create_card", "params": {"title": "x"}}, **body}
    status, text = error(automation_api, "POST", f"{automation_api.path}/automations", new)
    assert status == 400
    assert message in text


def test_schedule_is_changed_exported_and_left(automation_api, clock):
    rule = create_rule(automation_api, ("archive_card", {}), rule="FREQ=DAILY", cards={"columnId": "Done"})
    path = automation_api.of_rule(rule)
    file = ask(automation_api, "GET", f"{automation_api.path}/export")
    imported = ask(automation_api, "POST", f"{automation_api.flat}/projects/import", file)
    copy_path = f"{automation_api.flat}/projects/{imported['id']}"
    (copy,) = ask(automation_api, "GET", f"{copy_path}/automations")
    column = next(
        item for item in ask(automation_api, "GET", f"{copy_path}/columns") if item["name"] == "Done"
    )
    assert copy["schedule"] == {"rule": "FREQ=DAILY", "timeZone": "UTC", "cards": {"columnId": column["id"]}}
    assert (copy["nextRunAt"], copy["enabled"]) == (rule["nextRunAt"], True)
    status, text = error(automation_api, "PATCH", path, {"schedule": {"rule": "FREQ=DAILY"}})
    assert (status, "actions[0].params.cardId is required" in text) == (400, True)
    changed = ask(automation_api, "PATCH", path, {"schedule": {"rule": "FREQ=DAILY;BYHOUR=11", "cards": {}}})
    assert (changed["nextRunAt"], changed["references"]) == ("2026-03-02T11:00:00Z", [])
    left = ask(automation_api, "PATCH", path, {"trigger": "task_moved"})
    assert (left["schedule"], left["nextRunAt"]) == (None, None)
    schedule = file["automations"][0]["schedule"]
    for change, problem in [
        ({"rule": "x"}, "schedule.rule has a part"),
        ({"timeZone": "x"}, "schedule.timeZone must"),
    ]:
        file["automations"][0]["schedule"] = {**schedule, **change}
        status, text = error(automation_api, "POST", f"{automation_api.flat}/projects/import", file)
        assert (status, f"automations[0].{problem}" in text) == (400, True)
    file["automations"][0]["schedule"] = {**schedule, "cards": {"columnId": "gone"}}
    answer = ask(automation_api, "POST", f"{automation_api.flat}/projects/import", file)
    (reason,) = [entry["reason"] for entry in answer["notCarried"] if entry["kind"] == "automation"]
    assert "automations[0].schedule.cards.columnId must be" in reason
    copy_path = f"{automation_api.flat}/projects/{answer['id']}/automations"
    (copy,) = ask(automation_api, "GET", copy_path)
    path = f"{copy_path}/{copy['id']}"
    assert (copy["schedule"], copy["enabled"]) == (file["automations"][0]["schedule"], False)
    assert ask(automation_api, "PATCH", path, {"name": "x"})["broken"] is True
    assert ask(automation_api, "PATCH", path, {"trigger": "task_moved"})["broken"] is False


def test_filters_follow_a_renamed_option_and_break_without_it(automation_api, clock, work):
    body = {"name": "Size", "type": "multi-select", "options": ["S", "L"]}
    field = ask(automation_api, "POST", f"{automation_api.path}/custom-fields", body)["id"]
    card = automation_api.card("Big", customFields={field: ["L"]})
    cards = {"customField": [f"{field}:L"]}
    rule = create_rule(automation_api, ("set_priority", {"priority": "high"}), cards=cards)
    path = f"{automation_api.path}/custom-fields/{field}"
    ask(automation_api, "PATCH", path, {"options": ["S", "Large"]})
    assert automation_api.rule_now(rule)["schedule"]["cards"] == {"customField": [f"{field}:Large"]}
    pass_time(clock, work, hours=1)
    assert automation_api.read(card)["priority"] == "high"
    ask(automation_api, "PATCH", path, {"options": ["S"]})
    problem = "the option 'Large' of 'Size' was removed"
    assert automation_api.rule_now(rule)["problem"] == problem
    ask(automation_api, "PATCH", path, {"options": ["S", "Large"]})
    body = {"schedule": automation_api.rule_now(rule)["schedule"]}
    assert ask(automation_api, "PATCH", automation_api.of_rule(rule), body)["broken"] is False


def test_filters_name_several_items_and_people_also_in_a_file(automation_api, clock, bob):
    automation_api.join(bob)
    cards = {"columnId": ["To Do", "Done"], "assigneeId": ["bob", "me", None]}
    rule = create_rule(automation_api, ("archive_card", {}), cards=cards)
    ids = [automation_api.columns[index]["id"] for index in (0, 2)]
    assert rule["schedule"]["cards"] == {"columnId": ids, "assigneeId": [bob.id, "me", None]}
    assert {reference["name"] for reference in rule["references"]} == {"To Do", "Done", "bob"}
    file = ask(automation_api, "GET", f"{automation_api.path}/export")
    assert file["automations"][0]["schedule"]["cards"]["assigneeId"] == [bob.email, "me", None]


def test_each_filter_that_takes_an_id_is_resolved():
    fields = wire_fields(ListCards).items()
    assert {name for name, field in fields if Reference() in marks(field.type)} == set(scheduling._KINDS)


def test_several_processes_run_each_rule_once(automation_api, clock, work, core):
    rules = [create_rule(automation_api, ("create_card", {"title": str(number)})) for number in range(8)]
    clock.advance(timedelta(hours=1))
    workers = [JobRunner(core.units, core.claims, HANDLERS) for _ in range(3)]
    at_once(*[worker.run_due for worker in (work, *workers)])
    assert [len(automation_api.traces(rule)) for rule in rules] == [1] * 8
    assert sorted(list_titles(automation_api)) == sorted(map(str, range(8)))
