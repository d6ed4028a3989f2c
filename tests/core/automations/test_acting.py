"""Rules at work: when they act, on whose behalf, what stops them, and what they leave behind."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from stellary.contract.actions import CardParams
from stellary.contract.automations import ActionToRun, CreateAutomation
from stellary.contract.cards import UPDATE_CARD, CreateCard
from stellary.contract.refs import ColumnRef, ProjectRef
from stellary.core import Core
from stellary.core.automations import acting, automations, traces
from stellary.core.automations.rules.occurrences import (
    CHAIN_ACTIONS_MAX,
    CHAIN_DEPTH_MAX,
    TOO_DEEP,
    TOO_MANY,
)
from stellary.core.board import cards
from stellary.core.db.postgres import LOCK_TIMEOUT
from stellary.core.kernel import actions
from stellary.core.kernel.unit import NOBODY
from tests.core.automations.automation_api import AutomationApi
from tests.support.world import World

TO_DO, DOING, DONE = 0, 1, 2
TRIGGERS = [
    "task_created",
    "task_added_to_board",
    "task_moved",
    "checklist_complete",
    "task_status_changed",
    "task_assigned",
]


def when(field, op="is_set", *value):
    return {"all": [{"field": field, "op": op} | ({"value": value[0]} if value else {})]}


# ------------------------------------------------------------------------------------------------- triggers


def created(automation_api):
    return automation_api.card()


def moved(automation_api):
    return automation_api.move(automation_api.card(), DOING)


def completed(automation_api):
    card = automation_api.card(checklist=[{"title": "only step"}])
    return automation_api.change(card, checklist=[{"title": "only step", "done": True}])


def status_changed(automation_api):
    return automation_api.change(automation_api.card(), status="done")


def assigned(automation_api):
    return automation_api.change(automation_api.card(), assigneeId=automation_api.owner.id)


def created_with_assignee(automation_api):
    return automation_api.card(assigneeId=automation_api.owner.id)


def moved_to_another_scope(automation_api):
    scope = automation_api.world.ask(
        automation_api.owner, "POST", f"{automation_api.path}/scopes", {"name": "Next"}
    )
    body = {"name": "Later", "scopeId": scope["id"]}
    column = automation_api.world.ask(automation_api.owner, "POST", f"{automation_api.path}/columns", body)
    return automation_api.change(automation_api.card(), columnId=column["id"])


def restored(automation_api):
    card = automation_api.change(automation_api.card(), archived=True)
    return automation_api.change(card, archived=False)


def renamed(automation_api):
    return automation_api.change(automation_api.card(), title="new")


@pytest.mark.parametrize(
    ("happens", "triggers"),
    [
        (created, "task_created task_added_to_board"),
        (moved, "task_created task_added_to_board task_moved task_status_changed"),
        (completed, "task_created task_added_to_board checklist_complete"),
        (status_changed, "task_created task_added_to_board task_status_changed"),
        (assigned, "task_created task_added_to_board task_assigned"),
        (created_with_assignee, "task_created task_added_to_board task_assigned"),
        (moved_to_another_scope, "task_created task_added_to_board task_moved task_added_to_board"),
        (restored, "task_created task_added_to_board task_added_to_board"),
        (renamed, "task_created task_added_to_board"),
    ],
)
def test_a_rule_acts_when_what_it_waits_for_has_happened(automation_api, happens, triggers):
    rules = {
        trigger: automation_api.rule(trigger, "add_comment", content=trigger) for trigger in acting_triggers()
    }
    card = happens(automation_api)
    found = automation_api.world.ask(automation_api.owner, "GET", f"{automation_api.of(card)}/comments")
    assert [comment["content"] for comment in found] == triggers.split()
    assert sum(len(automation_api.traces(rule)) for rule in rules.values()) == len(found)


def acting_triggers():
    return [
        "task_created",
        "task_added_to_board",
        "task_moved",
        "checklist_complete",
        "task_status_changed",
        "task_assigned",
    ]


def test_a_card_that_is_given_to_nobody_is_not_assigned(automation_api):
    card = automation_api.card(assigneeId=automation_api.owner.id)
    rule = automation_api.rule("task_assigned", "set_status", status="done")
    automation_api.change(card, assigneeId=None)
    assert automation_api.traces(rule) == []


def test_rule_asks_for_the_assignee_that_a_card_is_made_with(automation_api):
    conditions = {"all": [when("toAssigneeId", "eq", "ann"), when("fromAssigneeId", "is_set", False)]}
    automation_api.rule("task_assigned", "set_priority", conditions, priority="high")
    assert automation_api.card(assigneeId=automation_api.owner.id)["priority"] == "high"
    assert automation_api.card()["priority"] is None


# ------------------------------------------------------------------------------------------------- what they do


def test_a_trace_tells_what_was_done_to_what_for_whom(automation_api):
    clock = automation_api.world.stop_clock()
    rule = automation_api.rule("task_moved", "set_priority", priority="high")
    bob = automation_api.world.person("bob")
    automation_api.join(bob)
    card = automation_api.card("Ship it")
    body = {"columnId": automation_api.columns[DOING]["id"]}
    automation_api.world.ask(bob, "PATCH", automation_api.of(card), body)
    (trace,) = automation_api.traces(rule)
    assert trace.pop("durationMs") >= 0
    assert trace == {
        "id": trace["id"],
        "automationId": rule["id"],
        "event": "task_moved",
        "actorId": automation_api.owner.id,
        "triggeredById": bob.id,
        "target": {"cardId": card["id"], "cardKey": card["key"], "cardTitle": "Ship it"},
        "result": "success",
        "error": None,
        "depth": 0,
        "createdAt": clock.now.isoformat().replace("+00:00", "Z"),
    }
    assert automation_api.read(card)["priority"] == "high"


def test_what_a_rule_does_is_told_as_its_owners_doing(automation_api):
    bob = automation_api.world.person("bob")
    automation_api.join(bob)
    automation_api.rule("task_moved", "assign_card", assigneeId="bob")
    card = automation_api.card()
    body = {"columnId": automation_api.columns[DOING]["id"]}
    automation_api.world.ask(bob, "PATCH", automation_api.of(card), body)
    (told,) = automation_api.world.ask(bob, "GET", "/notifications?limit=1")
    assert (told["activity"]["type"], told["activity"]["actorId"]) == (
        "card_assigned",
        automation_api.owner.id,
    )


def test_conditions_are_asked_of_the_card_and_of_what_has_happened(automation_api):
    rule = automation_api.rule(
        "task_moved", "set_status", when("fromColumn", "eq", "In Progress"), status="done"
    )
    card = automation_api.card()
    assert automation_api.move(card, DOING)["status"] == "in_progress"
    assert automation_api.move(card, TO_DO)["status"] == "done"
    assert automation_api.results(rule) == ["skipped", "success"]


def test_a_rule_that_is_off_does_not_act(automation_api):
    rule = automation_api.rule("task_created", "set_status", status="done")
    automation_api.turn(rule)
    automation_api.card()
    assert automation_api.traces(rule) == []


def test_rules_of_another_project_do_not_act(automation_api):
    rule = automation_api.rule("task_created", "set_status", status="done")
    AutomationApi(automation_api.world, automation_api.owner, automation_api.workspace).card()
    assert automation_api.traces(rule) == []


def test_names_are_looked_up_in_the_project_of_the_rule(automation_api):
    automation_api.rule(
        "task_status_changed", "move_card", when("toStatus", "eq", "done"), targetColumn="done"
    )
    assert (
        automation_api.change(automation_api.card(), status="done")["columnId"]
        == automation_api.columns[DONE]["id"]
    )


def test_a_rule_can_be_about_another_card(automation_api):
    log = automation_api.card("Log")
    automation_api.rule("task_moved", "add_comment", cardId="Log", content="something moved")
    automation_api.move(automation_api.card("other"), DOING)
    assert automation_api.read(log)["commentCount"] == 1


def test_a_version_that_the_caller_accepts_is_no_matter_of_the_rule(automation_api):
    automation_api.rule("task_moved", "set_priority", priority="high")
    card = automation_api.card()
    body = {"columnId": automation_api.columns[DOING]["id"]}
    automation_api.world.ask(automation_api.owner, "PATCH", automation_api.of(card), body, if_match='"1"')
    assert automation_api.read(card)["priority"] == "high"


def test_rules_act_on_all_cards_of_a_bulk_change(automation_api):
    rule = automation_api.rule("task_created", "set_priority", when("title", "ne", "b"), priority="low")
    column = automation_api.columns[TO_DO]["id"]
    cards = {"cards": [{"title": title, "columnId": column} for title in "abc"]}
    made = automation_api.world.ask(automation_api.owner, "POST", f"{automation_api.path}/cards/bulk", cards)
    assert [automation_api.read(card)["priority"] for card in made] == ["low", None, "low"]
    assert automation_api.results(rule) == ["success", "skipped", "success"]


# ------------------------------------------------------------------------------------------------- what fails


def test_an_action_that_fails_leaves_the_change_and_what_others_did(automation_api):
    path = f"{automation_api.path}/columns"
    column = automation_api.world.ask(automation_api.owner, "POST", path, {"name": "Nowhere"})
    failing = automation_api.rule("task_created", "move_card", targetColumn="Nowhere")
    acting = automation_api.rule("task_created", "set_priority", priority="high")
    automation_api.world.ask(automation_api.owner, "DELETE", f"{path}/{column['id']}")
    card = automation_api.read(automation_api.card("stays"))
    assert (card["title"], card["priority"], card["columnId"]) == (
        "stays",
        "high",
        automation_api.columns[0]["id"],
    )
    (result,) = automation_api.results(failing)
    assert result.startswith("targetColumn must be the id of something that is there")
    assert automation_api.results(acting) == ["success"]


def test_half_of_an_action_is_undone_and_never_told(automation_api, monkeypatch):
    """An action that breaks in the middle: no mistake of the rule's owner, and no word of it to anybody."""

    def break_off(uow, ref, params):
        actions.run(uow, ref, "set_status", {"cardId": params.card_id, "status": "done"})
        raise ZeroDivisionError

    broken = actions.Action("break", "Break.", CardParams, UPDATE_CARD, "board.write", break_off)
    core = automation_api.world.core
    core.env.actions = {**core.env.actions, "break": broken}
    rule = automation_api.rule("task_created", "break")
    watching = automation_api.rule("task_status_changed", "archive_card")
    assert automation_api.read(automation_api.card())["status"] == "open"
    assert (automation_api.results(rule), automation_api.results(watching)) == (["the server has failed"], [])


def test_a_rule_acts_with_what_its_owner_may_do_now(automation_api):
    bob = automation_api.world.person("bob")
    automation_api.world.join(bob, automation_api.workspace, role="admin")
    rule = automation_api.rule("task_created", "set_priority", by=bob, priority="high")
    members = f"{automation_api.workspace.path}/members/{bob.id}"
    automation_api.world.ask(automation_api.owner, "DELETE", members)
    assert automation_api.read(automation_api.card())["priority"] is None
    assert not automation_api.rule_now(rule)["enabled"]
    (trace,) = automation_api.traces(rule)
    assert (trace["event"], trace["target"], trace["error"]) == ("owner_left", None, acting.OWNER_LEFT)
    assert (trace["actorId"], trace["triggeredById"]) == (bob.id, automation_api.owner.id)


def test_rules_of_who_leaves_one_workspace_stay_in_the_others(automation_api):
    elsewhere = AutomationApi(automation_api.world, automation_api.owner)
    bob = automation_api.world.person("bob")
    for each in (automation_api, elsewhere):
        automation_api.world.join(bob, each.workspace, role="admin")
    rule = elsewhere.rule("task_created", "set_priority", by=bob, priority="high")
    automation_api.world.ask(
        automation_api.owner, "DELETE", f"{automation_api.workspace.path}/members/{bob.id}"
    )
    assert elsewhere.rule_now(rule)["enabled"]


def test_an_owner_who_is_gone_without_a_word_is_found_out_by_the_first_attempt(automation_api):
    rule = automation_api.rule("task_created", "set_priority", priority="high")
    second = automation_api.rule("task_added_to_board", "set_priority", priority="high")
    bob = automation_api.world.person("bob")
    automation_api.join(bob)
    with automation_api.world.core.begin(NOBODY) as uow:
        for table in ("stellary_workspace_members", "stellary_organization_members"):
            where = {"user": automation_api.owner.id}
            uow.connection.execute(text(f"DELETE FROM {table} WHERE user_id = :user"), where)
    column = {"columnId": automation_api.columns[0]["id"]}
    cards = {"cards": [{"title": "a", **column}, {"title": "b", **column}]}
    automation_api.world.ask(bob, "POST", f"{automation_api.path}/cards/bulk", cards)

    def read(path):
        return automation_api.world.ask(bob, "GET", path)

    for each in (rule, second):
        assert not read(automation_api.of_rule(each))["enabled"]
        assert [trace["error"] for trace in read(f"{automation_api.of_rule(each)}/traces")] == [
            acting.OWNER_LEFT
        ]


# ------------------------------------------------------------------------------------------------- chains


def ping_pong(automation_api):
    there = automation_api.rule(
        "task_moved", "move_card", when("toColumn", "eq", "Done"), targetColumn="To Do"
    )
    back = automation_api.rule(
        "task_moved", "move_card", when("toColumn", "eq", "To Do"), targetColumn="Done"
    )
    return there, back


def test_rules_that_lead_to_each_other_stop_and_say_so(automation_api):
    there, back = ping_pong(automation_api)
    card = automation_api.move(automation_api.card(), DONE)
    assert card["columnId"] == automation_api.columns[DONE]["id"]
    assert automation_api.results(there) == ["success", "skipped"] * 5 + [TOO_DEEP]
    assert automation_api.results(back) == ["skipped", "success"] * 5 + ["skipped"]
    assert [trace["depth"] for trace in automation_api.traces(there)] == list(range(CHAIN_DEPTH_MAX, -1, -1))


def test_one_event_leads_to_a_hundred_actions_at_most(automation_api):
    rules = [
        automation_api.rule("task_created", "create_card", title=f"card {number}", projectId="Launch")
        for number in range(3)
    ]
    automation_api.card()
    found = [each for rule in rules for each in automation_api.results(rule)]
    assert found.count("success") == CHAIN_ACTIONS_MAX
    assert set(found) == {"success", TOO_MANY}
    assert (
        len(automation_api.world.ask(automation_api.owner, "GET", f"{automation_api.path}/cards"))
        == CHAIN_ACTIONS_MAX + 1
    )


# ------------------------------------------------------------------------------------------------- as jobs


def test_what_is_too_much_for_one_transaction_is_done_after_it(automation_api):
    automation_api.world.stop_clock()
    rule = automation_api.rule("task_created", "set_priority", priority="low")
    column = automation_api.columns[TO_DO]["id"]
    cards = {"cards": [{"title": str(number), "columnId": column} for number in range(103)]}
    automation_api.world.ask(automation_api.owner, "POST", f"{automation_api.path}/cards/bulk", cards)
    work = automation_api.world.core.work
    assert (len(automation_api.traces(rule)), len(work.jobs())) == (100, 3)
    work.run_due()
    assert automation_api.results(rule) == ["success"] * 103
    cards = automation_api.world.ask(automation_api.owner, "GET", f"{automation_api.path}/cards")
    assert {card["priority"] for card in cards} == {"low"}


@pytest.fixture
def deferred(automation_api, monkeypatch):
    """A rule that had no room in its transaction, and its card."""
    automation_api.world.stop_clock()
    monkeypatch.setattr(acting.rules, "UNIT_ACTIONS_MAX", 0)
    rule = automation_api.rule("task_created", "set_priority", priority="low")
    card = automation_api.card()
    monkeypatch.undo()
    return rule, card


def test_a_job_acts_on_behalf_of_the_owner_and_tells_who_began_it(automation_api, deferred):
    rule, card = deferred
    automation_api.world.core.work.run_due()
    (trace,) = automation_api.traces(rule)
    assert (trace["result"], trace["actorId"], trace["triggeredById"]) == (
        "success",
        automation_api.owner.id,
        automation_api.owner.id,
    )
    assert automation_api.read(card)["priority"] == "low"


def test_a_rule_that_was_turned_off_before_its_turn_is_skipped(automation_api, deferred):
    rule, _ = deferred
    automation_api.turn(rule)
    automation_api.world.core.work.run_due()
    assert automation_api.results(rule) == [acting.TURNED_OFF]
    assert automation_api.traces(rule)[0]["result"] == "skipped"


def test_a_rule_that_was_deleted_before_its_turn_leaves_nothing_to_do(automation_api, deferred):
    rule, card = deferred
    automation_api.world.ask(automation_api.owner, "DELETE", automation_api.of_rule(rule))
    assert automation_api.world.core.work.run_due() == 1
    assert automation_api.read(card)["priority"] is None


def test_jobs_count_what_their_chain_has_done(automation_api, deferred, monkeypatch):
    rule, _ = deferred
    monkeypatch.setattr(acting.rules, "CHAIN_ACTIONS_MAX", 0)
    automation_api.world.core.work.run_due()
    assert automation_api.results(rule) == [TOO_MANY]


def test_nobody_waits_for_what_somebody_else_holds(postgres_url):
    """A rule needs a column that somebody holds, who in turn may need what the unit holds: it gives way, as a job."""
    core = Core(postgres_url, bcrypt_rounds=4)
    world = World(core)
    automation_api = AutomationApi(world, world.person("ann"))
    rule = automation_api.rule("task_created", "move_card", targetColumn="Done")
    after = automation_api.rule("task_created", "set_priority", priority="high")
    hold = text("SELECT id FROM stellary_columns WHERE id = :id FOR UPDATE")
    held, let_go = threading.Event(), threading.Event()

    def holding():
        with core.begin(NOBODY) as uow:
            uow.connection.execute(hold, {"id": automation_api.columns[DONE]["id"]})
            held.set()
            assert let_go.wait(20)

    holder = threading.Thread(target=holding)
    holder.start()
    assert held.wait(20)
    card = automation_api.read(automation_api.card())
    assert (card["columnId"], card["priority"]) == (automation_api.columns[TO_DO]["id"], "high")
    assert (automation_api.results(rule), automation_api.results(after), len(core.work.jobs())) == (
        [],
        ["success"],
        1,
    )
    let_go.set()
    holder.join(20)
    core.work.run_due()
    assert automation_api.read(card)["columnId"] == automation_api.columns[DONE]["id"]
    assert automation_api.results(rule) == ["success"]
    with core.begin(NOBODY) as uow:
        assert uow.connection.execute(acting._GET_LOCK_TIMEOUT).scalar_one() == LOCK_TIMEOUT
    core.close()


# ------------------------------------------------------------------------------------------------- traces


def test_traces_are_listed_by_the_page_newest_first(automation_api):
    rule = automation_api.rule("task_created", "set_priority", priority="high")
    for number in range(3):
        automation_api.card(str(number))
    titles = [trace["target"]["cardTitle"] for trace in automation_api.traces(rule, "limit=2")]
    assert titles == ["2", "1"]


def test_the_oldest_traces_are_forgotten(automation_api, monkeypatch):
    monkeypatch.setattr(traces, "DELETE_OLD_EVERY", 1)
    rule = automation_api.rule("task_created", "set_priority", priority="high")
    other = automation_api.rule("task_created", "set_priority", priority="low")
    with automation_api.world.core.begin(NOBODY) as uow:
        column = automation_api.columns[0]["id"]
        rows = [
            {
                "automation_id": rule["id"],
                "event": "task_created",
                "event_id": uow.new_id(),
                "chain_id": uow.new_id(),
                "depth": 0,
                "actor_id": column,
                "triggered_by_id": None,
                "card_id": None,
                "card_key": None,
                "card_title": None,
                "result": "skipped",
                "error": None,
                "duration_ms": 0,
                "id": uow.new_id(),
                "created_at": uow.now,
            }
            for _ in range(traces.TRACES_MAX)
        ]
        uow.connection.execute(traces._INSERT, rows)
    automation_api.card()
    found = automation_api.traces(rule)
    assert (len(found), found[0]["result"]) == (traces.TRACES_MAX, "success")
    assert len(automation_api.traces(other)) == 1


# ------------------------------------------------------------------------------------------------- cost


def test_a_board_without_rules_pays_one_statement_for_what_could_trigger_one(automation_api, statements):
    """And none before anybody in the workspace has made a rule."""
    doing = {"columnId": automation_api.columns[DOING]["id"]}
    changes = [{"title": "new"}, {"order": 1}, doing, {"status": "done"}]

    def asked():
        card = automation_api.card()
        for fields in changes:
            with statements() as sent:
                automation_api.world.ask(automation_api.owner, "PATCH", automation_api.of(card), fields)
            yield sum("stellary_automation" in each for each in sent)

    assert list(asked()) == [0, 0, 0, 0]
    AutomationApi(automation_api.world, automation_api.owner, automation_api.workspace).rule(
        "task_moved", "archive_card"
    )
    assert list(asked()) == [0, 0, 1, 1]


def test_a_rule_acts_on_what_follows_it_in_the_same_unit(automation_api):
    """Access to the board was checked before there was a rule in the workspace."""
    place = automation_api.workspace
    ref = ProjectRef(place.organization.slug, place.slug, automation_api.project["id"])
    column = ColumnRef(ref.org_slug, ref.ws_slug, ref.project_id, automation_api.columns[0]["id"])
    asked = CreateAutomation(
        trigger="task_created", action=ActionToRun(type="set_priority", params={"priority": "high"})
    )
    with automation_api.world.core.begin(automation_api.owner.actor) as uow:
        automations.create_automation(uow, ref, asked)
        made = cards.create_card(uow, column, CreateCard(title="Write"))
    assert automation_api.read({"id": made.id})["priority"] == "high"


def test_rules_that_do_not_apply_cost_two_statements_however_many_they_are(
    automation_api, statements, monkeypatch
):
    # Now and then a third one forgets the oldest traces: not by chance while they are counted.
    monkeypatch.setattr(traces, "DELETE_OLD_EVERY", 1 << 128)
    card = automation_api.card()
    for _ in range(5):
        automation_api.rule("task_moved", "archive_card", when("title", "eq", "other"))
    with statements() as sent:
        automation_api.world.ask(
            automation_api.owner,
            "PATCH",
            automation_api.of(card),
            {"columnId": automation_api.columns[DOING]["id"]},
        )
    assert sum("stellary_automation" in each for each in sent) == 2


# ------------------------------------------------------------------------------------------------- all actions

ALL = {
    "create_card": {"title": "another"},
    "create_cards_bulk": {"cards": [{"title": "one"}, {"title": "two"}]},
    "update_card": {"description": "new"},
    "move_card": {"targetColumn": "Done"},
    "assign_card": {"assigneeId": "ann"},
    "archive_card": {},
    "set_status": {"status": "done"},
    "set_priority": {"priority": "high"},
    "add_label": {"label": "bug"},
    "remove_label": {"label": "bug"},
    "add_comment": {"content": "hm"},
    "notify": {"message": "Look!"},
    "add_checklist_item": {"title": "step"},
    "toggle_checklist_item": {"itemId": "first step"},
    "create_mission": {"objective": "Sell"},
    "update_mission": {"missionId": "m-001", "status": "done"},
    "create_priority": {"label": "Ship"},
    "update_priority": {"priorityId": "p-001", "status": "done"},
    "create_todo": {"label": "Write"},
    "update_todo": {"todoId": "t-001", "status": "done"},
    "create_decision": {"title": "Use Stripe"},
    "propose_action": {"actionType": "archive_card", "explanation": "old"},
}


def test_each_action_that_writes_can_be_what_a_rule_does(automation_api):
    automation_api.label()
    for tail, body in (
        ("missions", {"objective": "x"}),
        ("priorities", {"label": "x"}),
        ("todos", {"label": "x"}),
    ):
        automation_api.world.ask(automation_api.owner, "POST", f"{automation_api.flat}/pilotage/{tail}", body)
    card = automation_api.card(checklist=[{"title": "first step"}])
    rules = {
        name: automation_api.rule("task_assigned", name, when("title", "eq", card["title"]), **params)
        for name, params in ALL.items()
    }
    automation_api.change(card, assigneeId=automation_api.owner.id)
    assert {name: automation_api.results(rule)[:1] for name, rule in rules.items()} == {
        name: ["success"] for name in ALL
    }


def test_a_rule_tells_its_own_owner(automation_api):
    automation_api.rule("task_moved", "notify", message="It moves.", to=["creator"])
    automation_api.move(automation_api.card(), DOING)
    found = automation_api.world.ask(automation_api.owner, "GET", "/notifications")
    assert [each["activity"]["meta"]["message"] for each in found] == ["It moves."]


def test_what_its_owner_may_not_do_a_rule_may_not_and_stays_on(automation_api):
    """A document of the organization is changed where it was made, by whoever it is."""
    organization = automation_api.workspace.organization
    elsewhere = automation_api.world.workspace(automation_api.owner, organization)
    where = {"contextType": "organization", "contextId": organization.id, "contentFormat": "markdown"}
    made = automation_api.world.ask(
        automation_api.owner,
        "POST",
        f"{elsewhere.path}/documents",
        {"title": "Rules", "content": "Old.", **where},
    )
    rule = automation_api.rule("task_created", "update_document", documentId=made["id"], title="New")
    automation_api.card()
    assert automation_api.results(rule) == [
        "a document of the organization is changed in the workspace in which it was made"
    ]
    assert automation_api.rule_now(rule)["enabled"]
    automation_api.card()
    assert len(automation_api.results(rule)) == 2
