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
from tests.core.automations.workshop import Workshop
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


def created(workshop):
    return workshop.card()


def moved(workshop):
    return workshop.move(workshop.card(), DOING)


def completed(workshop):
    card = workshop.card(checklist=[{"title": "only step"}])
    return workshop.change(card, checklist=[{"title": "only step", "done": True}])


def status_changed(workshop):
    return workshop.change(workshop.card(), status="done")


def assigned(workshop):
    return workshop.change(workshop.card(), assigneeId=workshop.owner.id)


def created_with_assignee(workshop):
    return workshop.card(assigneeId=workshop.owner.id)


def moved_to_another_scope(workshop):
    scope = workshop.world.ask(workshop.owner, "POST", f"{workshop.path}/scopes", {"name": "Next"})
    body = {"name": "Later", "scopeId": scope["id"]}
    column = workshop.world.ask(workshop.owner, "POST", f"{workshop.path}/columns", body)
    return workshop.change(workshop.card(), columnId=column["id"])


def restored(workshop):
    card = workshop.change(workshop.card(), archived=True)
    return workshop.change(card, archived=False)


def renamed(workshop):
    return workshop.change(workshop.card(), title="new")


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
def test_a_rule_acts_when_what_it_waits_for_has_happened(workshop, happens, triggers):
    rules = {trigger: workshop.rule(trigger, "add_comment", content=trigger) for trigger in acting_triggers()}
    card = happens(workshop)
    found = workshop.world.ask(workshop.owner, "GET", f"{workshop.of(card)}/comments")
    assert [comment["content"] for comment in found] == triggers.split()
    assert sum(len(workshop.traces(rule)) for rule in rules.values()) == len(found)


def acting_triggers():
    return [
        "task_created",
        "task_added_to_board",
        "task_moved",
        "checklist_complete",
        "task_status_changed",
        "task_assigned",
    ]


def test_a_card_that_is_given_to_nobody_is_not_assigned(workshop):
    card = workshop.card(assigneeId=workshop.owner.id)
    rule = workshop.rule("task_assigned", "set_status", status="done")
    workshop.change(card, assigneeId=None)
    assert workshop.traces(rule) == []


def test_rule_asks_for_the_assignee_that_a_card_is_made_with(workshop):
    conditions = {"all": [when("toAssigneeId", "eq", "ann"), when("fromAssigneeId", "is_set", False)]}
    workshop.rule("task_assigned", "set_priority", conditions, priority="high")
    assert workshop.card(assigneeId=workshop.owner.id)["priority"] == "high"
    assert workshop.card()["priority"] is None


# ------------------------------------------------------------------------------------------------- what they do


def test_a_trace_tells_what_was_done_to_what_for_whom(workshop):
    clock = workshop.world.stop_clock()
    rule = workshop.rule("task_moved", "set_priority", priority="high")
    bob = workshop.world.person("bob")
    workshop.join(bob)
    card = workshop.card("Ship it")
    body = {"columnId": workshop.columns[DOING]["id"]}
    workshop.world.ask(bob, "PATCH", workshop.of(card), body)
    (trace,) = workshop.traces(rule)
    assert trace.pop("durationMs") >= 0
    assert trace == {
        "id": trace["id"],
        "automationId": rule["id"],
        "event": "task_moved",
        "actorId": workshop.owner.id,
        "triggeredById": bob.id,
        "target": {"cardId": card["id"], "cardKey": card["key"], "cardTitle": "Ship it"},
        "result": "success",
        "error": None,
        "depth": 0,
        "createdAt": clock.now.isoformat().replace("+00:00", "Z"),
    }
    assert workshop.read(card)["priority"] == "high"


def test_what_a_rule_does_is_told_as_its_owners_doing(workshop):
    bob = workshop.world.person("bob")
    workshop.join(bob)
    workshop.rule("task_moved", "assign_card", assigneeId="bob")
    card = workshop.card()
    body = {"columnId": workshop.columns[DOING]["id"]}
    workshop.world.ask(bob, "PATCH", workshop.of(card), body)
    (told,) = workshop.world.ask(bob, "GET", "/notifications?limit=1")
    assert (told["activity"]["type"], told["activity"]["actorId"]) == ("card_assigned", workshop.owner.id)


def test_conditions_are_asked_of_the_card_and_of_what_has_happened(workshop):
    rule = workshop.rule("task_moved", "set_status", when("fromColumn", "eq", "In Progress"), status="done")
    card = workshop.card()
    assert workshop.move(card, DOING)["status"] == "in_progress"
    assert workshop.move(card, TO_DO)["status"] == "done"
    assert workshop.results(rule) == ["skipped", "success"]


def test_a_rule_that_is_off_does_not_act(workshop):
    rule = workshop.rule("task_created", "set_status", status="done")
    workshop.turn(rule)
    workshop.card()
    assert workshop.traces(rule) == []


def test_rules_of_another_project_do_not_act(workshop):
    rule = workshop.rule("task_created", "set_status", status="done")
    Workshop(workshop.world, workshop.owner, workshop.workspace).card()
    assert workshop.traces(rule) == []


def test_names_are_looked_up_in_the_project_of_the_rule(workshop):
    workshop.rule("task_status_changed", "move_card", when("toStatus", "eq", "done"), targetColumn="done")
    assert workshop.change(workshop.card(), status="done")["columnId"] == workshop.columns[DONE]["id"]


def test_a_rule_can_be_about_another_card(workshop):
    log = workshop.card("Log")
    workshop.rule("task_moved", "add_comment", cardId="Log", content="something moved")
    workshop.move(workshop.card("other"), DOING)
    assert workshop.read(log)["commentCount"] == 1


def test_a_version_that_the_caller_accepts_is_no_matter_of_the_rule(workshop):
    workshop.rule("task_moved", "set_priority", priority="high")
    card = workshop.card()
    body = {"columnId": workshop.columns[DOING]["id"]}
    workshop.world.ask(workshop.owner, "PATCH", workshop.of(card), body, if_match='"1"')
    assert workshop.read(card)["priority"] == "high"


def test_rules_act_on_all_cards_of_a_bulk_change(workshop):
    rule = workshop.rule("task_created", "set_priority", when("title", "ne", "b"), priority="low")
    column = workshop.columns[TO_DO]["id"]
    cards = {"cards": [{"title": title, "columnId": column} for title in "abc"]}
    made = workshop.world.ask(workshop.owner, "POST", f"{workshop.path}/cards/bulk", cards)
    assert [workshop.read(card)["priority"] for card in made] == ["low", None, "low"]
    assert workshop.results(rule) == ["success", "skipped", "success"]


# ------------------------------------------------------------------------------------------------- what fails


def test_an_action_that_fails_leaves_the_change_and_what_others_did(workshop):
    path = f"{workshop.path}/columns"
    column = workshop.world.ask(workshop.owner, "POST", path, {"name": "Nowhere"})
    failing = workshop.rule("task_created", "move_card", targetColumn="Nowhere")
    acting = workshop.rule("task_created", "set_priority", priority="high")
    workshop.world.ask(workshop.owner, "DELETE", f"{path}/{column['id']}")
    card = workshop.read(workshop.card("stays"))
    assert (card["title"], card["priority"], card["columnId"]) == ("stays", "high", workshop.columns[0]["id"])
    (result,) = workshop.results(failing)
    assert result.startswith("targetColumn must be the id of something that is there")
    assert workshop.results(acting) == ["success"]


def test_half_of_an_action_is_undone_and_never_told(workshop, monkeypatch):
    """An action that breaks in the middle: no mistake of the rule's owner, and no word of it to anybody."""

    def break_off(uow, ref, params):
        actions.run(uow, ref, "set_status", {"cardId": params.card_id, "status": "done"})
        raise ZeroDivisionError

    broken = actions.Action("break", "Break.", CardParams, UPDATE_CARD, "board.write", break_off)
    core = workshop.world.core
    core.env.actions = {**core.env.actions, "break": broken}
    rule = workshop.rule("task_created", "break")
    watching = workshop.rule("task_status_changed", "archive_card")
    assert workshop.read(workshop.card())["status"] == "open"
    assert (workshop.results(rule), workshop.results(watching)) == (["the server has failed"], [])


def test_a_rule_acts_with_what_its_owner_may_do_now(workshop):
    bob = workshop.world.person("bob")
    workshop.world.join(bob, workshop.workspace, role="admin")
    rule = workshop.rule("task_created", "set_priority", by=bob, priority="high")
    members = f"{workshop.workspace.path}/members/{bob.id}"
    workshop.world.ask(workshop.owner, "DELETE", members)
    assert workshop.read(workshop.card())["priority"] is None
    assert not workshop.rule_now(rule)["enabled"]
    (trace,) = workshop.traces(rule)
    assert (trace["event"], trace["target"], trace["error"]) == ("owner_left", None, acting.OWNER_LEFT)
    assert (trace["actorId"], trace["triggeredById"]) == (bob.id, workshop.owner.id)


def test_rules_of_who_leaves_one_workspace_stay_in_the_others(workshop):
    elsewhere = Workshop(workshop.world, workshop.owner)
    bob = workshop.world.person("bob")
    for each in (workshop, elsewhere):
        workshop.world.join(bob, each.workspace, role="admin")
    rule = elsewhere.rule("task_created", "set_priority", by=bob, priority="high")
    workshop.world.ask(workshop.owner, "DELETE", f"{workshop.workspace.path}/members/{bob.id}")
    assert elsewhere.rule_now(rule)["enabled"]


def test_an_owner_who_is_gone_without_a_word_is_found_out_by_the_first_attempt(workshop):
    rule = workshop.rule("task_created", "set_priority", priority="high")
    second = workshop.rule("task_added_to_board", "set_priority", priority="high")
    bob = workshop.world.person("bob")
    workshop.join(bob)
    with workshop.world.core.begin(NOBODY) as uow:
        for table in ("stellary_workspace_members", "stellary_organization_members"):
            where = {"user": workshop.owner.id}
            uow.connection.execute(text(f"DELETE FROM {table} WHERE user_id = :user"), where)
    column = {"columnId": workshop.columns[0]["id"]}
    cards = {"cards": [{"title": "a", **column}, {"title": "b", **column}]}
    workshop.world.ask(bob, "POST", f"{workshop.path}/cards/bulk", cards)

    def read(path):
        return workshop.world.ask(bob, "GET", path)

    for each in (rule, second):
        assert not read(workshop.of_rule(each))["enabled"]
        assert [trace["error"] for trace in read(f"{workshop.of_rule(each)}/traces")] == [acting.OWNER_LEFT]


# ------------------------------------------------------------------------------------------------- chains


def ping_pong(workshop):
    there = workshop.rule("task_moved", "move_card", when("toColumn", "eq", "Done"), targetColumn="To Do")
    back = workshop.rule("task_moved", "move_card", when("toColumn", "eq", "To Do"), targetColumn="Done")
    return there, back


def test_rules_that_lead_to_each_other_stop_and_say_so(workshop):
    there, back = ping_pong(workshop)
    card = workshop.move(workshop.card(), DONE)
    assert card["columnId"] == workshop.columns[DONE]["id"]
    assert workshop.results(there) == ["success", "skipped"] * 5 + [TOO_DEEP]
    assert workshop.results(back) == ["skipped", "success"] * 5 + ["skipped"]
    assert [trace["depth"] for trace in workshop.traces(there)] == list(range(CHAIN_DEPTH_MAX, -1, -1))


def test_one_event_leads_to_a_hundred_actions_at_most(workshop):
    rules = [
        workshop.rule("task_created", "create_card", title=f"card {number}", projectId="Launch")
        for number in range(3)
    ]
    workshop.card()
    found = [each for rule in rules for each in workshop.results(rule)]
    assert found.count("success") == CHAIN_ACTIONS_MAX
    assert set(found) == {"success", TOO_MANY}
    assert len(workshop.world.ask(workshop.owner, "GET", f"{workshop.path}/cards")) == CHAIN_ACTIONS_MAX + 1


# ------------------------------------------------------------------------------------------------- as jobs


def test_what_is_too_much_for_one_transaction_is_done_after_it(workshop):
    workshop.world.stop_clock()
    rule = workshop.rule("task_created", "set_priority", priority="low")
    column = workshop.columns[TO_DO]["id"]
    cards = {"cards": [{"title": str(number), "columnId": column} for number in range(103)]}
    workshop.world.ask(workshop.owner, "POST", f"{workshop.path}/cards/bulk", cards)
    work = workshop.world.core.work
    assert (len(workshop.traces(rule)), len(work.jobs())) == (100, 3)
    work.run_due()
    assert workshop.results(rule) == ["success"] * 103
    cards = workshop.world.ask(workshop.owner, "GET", f"{workshop.path}/cards")
    assert {card["priority"] for card in cards} == {"low"}


@pytest.fixture
def deferred(workshop, monkeypatch):
    """A rule that had no room in its transaction, and its card."""
    workshop.world.stop_clock()
    monkeypatch.setattr(acting.rules, "UNIT_ACTIONS_MAX", 0)
    rule = workshop.rule("task_created", "set_priority", priority="low")
    card = workshop.card()
    monkeypatch.undo()
    return rule, card


def test_a_job_acts_on_behalf_of_the_owner_and_tells_who_began_it(workshop, deferred):
    rule, card = deferred
    workshop.world.core.work.run_due()
    (trace,) = workshop.traces(rule)
    assert (trace["result"], trace["actorId"], trace["triggeredById"]) == (
        "success",
        workshop.owner.id,
        workshop.owner.id,
    )
    assert workshop.read(card)["priority"] == "low"


def test_a_rule_that_was_turned_off_before_its_turn_is_skipped(workshop, deferred):
    rule, _ = deferred
    workshop.turn(rule)
    workshop.world.core.work.run_due()
    assert workshop.results(rule) == [acting.TURNED_OFF]
    assert workshop.traces(rule)[0]["result"] == "skipped"


def test_a_rule_that_was_deleted_before_its_turn_leaves_nothing_to_do(workshop, deferred):
    rule, card = deferred
    workshop.world.ask(workshop.owner, "DELETE", workshop.of_rule(rule))
    assert workshop.world.core.work.run_due() == 1
    assert workshop.read(card)["priority"] is None


def test_jobs_count_what_their_chain_has_done(workshop, deferred, monkeypatch):
    rule, _ = deferred
    monkeypatch.setattr(acting.rules, "CHAIN_ACTIONS_MAX", 0)
    workshop.world.core.work.run_due()
    assert workshop.results(rule) == [TOO_MANY]


def test_nobody_waits_for_what_somebody_else_holds(postgres_url):
    """A rule needs a column that somebody holds, who in turn may need what the unit holds: it gives way, as a job."""
    core = Core(postgres_url, bcrypt_rounds=4)
    world = World(core)
    workshop = Workshop(world, world.person("ann"))
    rule = workshop.rule("task_created", "move_card", targetColumn="Done")
    after = workshop.rule("task_created", "set_priority", priority="high")
    hold = text("SELECT id FROM stellary_columns WHERE id = :id FOR UPDATE")
    held, let_go = threading.Event(), threading.Event()

    def holding():
        with core.begin(NOBODY) as uow:
            uow.connection.execute(hold, {"id": workshop.columns[DONE]["id"]})
            held.set()
            assert let_go.wait(20)

    holder = threading.Thread(target=holding)
    holder.start()
    assert held.wait(20)
    card = workshop.read(workshop.card())
    assert (card["columnId"], card["priority"]) == (workshop.columns[TO_DO]["id"], "high")
    assert (workshop.results(rule), workshop.results(after), len(core.work.jobs())) == ([], ["success"], 1)
    let_go.set()
    holder.join(20)
    core.work.run_due()
    assert workshop.read(card)["columnId"] == workshop.columns[DONE]["id"]
    assert workshop.results(rule) == ["success"]
    with core.begin(NOBODY) as uow:
        assert uow.connection.execute(acting._GET_LOCK_TIMEOUT).scalar_one() == LOCK_TIMEOUT
    core.close()


# ------------------------------------------------------------------------------------------------- traces


def test_traces_are_listed_by_the_page_newest_first(workshop):
    rule = workshop.rule("task_created", "set_priority", priority="high")
    for number in range(3):
        workshop.card(str(number))
    titles = [trace["target"]["cardTitle"] for trace in workshop.traces(rule, "limit=2")]
    assert titles == ["2", "1"]


def test_the_oldest_traces_are_forgotten(workshop, monkeypatch):
    monkeypatch.setattr(traces, "DELETE_OLD_EVERY", 1)
    rule = workshop.rule("task_created", "set_priority", priority="high")
    other = workshop.rule("task_created", "set_priority", priority="low")
    with workshop.world.core.begin(NOBODY) as uow:
        column = workshop.columns[0]["id"]
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
    workshop.card()
    found = workshop.traces(rule)
    assert (len(found), found[0]["result"]) == (traces.TRACES_MAX, "success")
    assert len(workshop.traces(other)) == 1


# ------------------------------------------------------------------------------------------------- cost


def test_a_board_without_rules_pays_one_statement_for_what_could_trigger_one(workshop, statements):
    """And none before anybody in the workspace has made a rule."""
    doing = {"columnId": workshop.columns[DOING]["id"]}
    changes = [{"title": "new"}, {"order": 1}, doing, {"status": "done"}]

    def asked():
        card = workshop.card()
        for fields in changes:
            with statements() as sent:
                workshop.world.ask(workshop.owner, "PATCH", workshop.of(card), fields)
            yield sum("stellary_automation" in each for each in sent)

    assert list(asked()) == [0, 0, 0, 0]
    Workshop(workshop.world, workshop.owner, workshop.workspace).rule("task_moved", "archive_card")
    assert list(asked()) == [0, 0, 1, 1]


def test_a_rule_acts_on_what_follows_it_in_the_same_unit(workshop):
    """Access to the board was checked before there was a rule in the workspace."""
    place = workshop.workspace
    ref = ProjectRef(place.organization.slug, place.slug, workshop.project["id"])
    column = ColumnRef(ref.org_slug, ref.ws_slug, ref.project_id, workshop.columns[0]["id"])
    asked = CreateAutomation(
        trigger="task_created", action=ActionToRun(type="set_priority", params={"priority": "high"})
    )
    with workshop.world.core.begin(workshop.owner.actor) as uow:
        automations.create_automation(uow, ref, asked)
        made = cards.create_card(uow, column, CreateCard(title="Write"))
    assert workshop.read({"id": made.id})["priority"] == "high"


def test_rules_that_do_not_apply_cost_two_statements_however_many_they_are(workshop, statements, monkeypatch):
    # Now and then a third one forgets the oldest traces: not by chance while they are counted.
    monkeypatch.setattr(traces, "DELETE_OLD_EVERY", 1 << 128)
    card = workshop.card()
    for _ in range(5):
        workshop.rule("task_moved", "archive_card", when("title", "eq", "other"))
    with statements() as sent:
        workshop.world.ask(
            workshop.owner, "PATCH", workshop.of(card), {"columnId": workshop.columns[DOING]["id"]}
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


def test_each_action_that_writes_can_be_what_a_rule_does(workshop):
    workshop.label()
    for tail, body in (
        ("missions", {"objective": "x"}),
        ("priorities", {"label": "x"}),
        ("todos", {"label": "x"}),
    ):
        workshop.world.ask(workshop.owner, "POST", f"{workshop.flat}/pilotage/{tail}", body)
    card = workshop.card(checklist=[{"title": "first step"}])
    rules = {
        name: workshop.rule("task_assigned", name, when("title", "eq", card["title"]), **params)
        for name, params in ALL.items()
    }
    workshop.change(card, assigneeId=workshop.owner.id)
    assert {name: workshop.results(rule)[:1] for name, rule in rules.items()} == {
        name: ["success"] for name in ALL
    }


def test_a_rule_tells_its_own_owner(workshop):
    workshop.rule("task_moved", "notify", message="It moves.", to=["creator"])
    workshop.move(workshop.card(), DOING)
    found = workshop.world.ask(workshop.owner, "GET", "/notifications")
    assert [each["activity"]["meta"]["message"] for each in found] == ["It moves."]


def test_what_its_owner_may_not_do_a_rule_may_not_and_stays_on(workshop):
    """A document of the organization is changed where it was made, by whoever it is."""
    organization = workshop.workspace.organization
    elsewhere = workshop.world.workspace(workshop.owner, organization)
    where = {"contextType": "organization", "contextId": organization.id, "contentFormat": "markdown"}
    made = workshop.world.ask(
        workshop.owner, "POST", f"{elsewhere.path}/documents", {"title": "Rules", "content": "Old.", **where}
    )
    rule = workshop.rule("task_created", "update_document", documentId=made["id"], title="New")
    workshop.card()
    assert workshop.results(rule) == [
        "a document of the organization is changed in the workspace in which it was made"
    ]
    assert workshop.rule_now(rule)["enabled"]
    workshop.card()
    assert len(workshop.results(rule)) == 2
