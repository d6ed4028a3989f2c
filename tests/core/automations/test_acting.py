"""Acting rules: triggers, owners, limits and traces."""

import threading

import pytest
from sqlalchemy import text

from stellary.contract.actions import CardParams
from stellary.contract.automations import ActionToRun, CreateAutomation
from stellary.contract.cards import UPDATE_CARD, CreateCard
from stellary.contract.refs import ColumnRef, ProjectRef
from stellary.core import NOBODY
from stellary.core.automations import acting, automations, traces
from stellary.core.automations.rules.occurrences import (
    CHAIN_ACTIONS_MAX,
    CHAIN_DEPTH_MAX,
    TOO_DEEP,
    TOO_MANY,
)
from tests.core.automations.automation_api import AutomationApi
from tests.support.boards import ask
from tests.support.core_parts import LOCK_TIMEOUT, actions, cards
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


def create_card(automation_api):
    return automation_api.card()


def move_card(automation_api):
    return automation_api.move(automation_api.card(), DOING)


def complete_checklist(automation_api):
    card = automation_api.card(checklist=[{"title": "only step"}])
    return automation_api.change(card, checklist=[{"title": "only step", "done": True}])


def change_status(automation_api):
    return automation_api.change(automation_api.card(), status="done")


def assign_card(automation_api):
    return automation_api.change(automation_api.card(), assigneeId=automation_api.owner.id)


def create_assigned_card(automation_api):
    return automation_api.card(assigneeId=automation_api.owner.id)


def move_to_another_scope(automation_api):
    scope = ask(automation_api, "POST", f"{automation_api.path}/scopes", {"name": "Next"})
    body = {"name": "Later", "scopeId": scope["id"]}
    column = ask(automation_api, "POST", f"{automation_api.path}/columns", body)
    return automation_api.change(automation_api.card(), columnId=column["id"])


def restore_card(automation_api):
    return automation_api.change(automation_api.change(automation_api.card(), archived=True), archived=False)


def rename_card(automation_api):
    return automation_api.change(automation_api.card(), title="new")


@pytest.mark.parametrize(
    ("happens", "triggers"),
    [
        (create_card, "task_created task_added_to_board"),
        (move_card, "task_created task_added_to_board task_moved task_status_changed"),
        (complete_checklist, "task_created task_added_to_board checklist_complete"),
        (change_status, "task_created task_added_to_board task_status_changed"),
        (assign_card, "task_created task_added_to_board task_assigned"),
        (create_assigned_card, "task_created task_added_to_board task_assigned"),
        (move_to_another_scope, "task_created task_added_to_board task_moved task_added_to_board"),
        (restore_card, "task_created task_added_to_board task_added_to_board"),
        (rename_card, "task_created task_added_to_board"),
    ],
)
def test_rule_acts_on_its_trigger(automation_api, happens, triggers):
    rules = {trigger: automation_api.rule(trigger, "add_comment", content=trigger) for trigger in TRIGGERS}
    card = happens(automation_api)
    comments = ask(automation_api, "GET", f"{automation_api.of(card)}/comments")
    assert [comment["content"] for comment in comments] == triggers.split()
    assert sum(len(automation_api.traces(rule)) for rule in rules.values()) == len(comments)


@pytest.mark.parametrize(
    ("trigger", "happens", "conditions"),
    [
        (
            "comment_added",
            lambda api, card: api.comment(card, "Please review"),
            when("comment", "contains", "review"),
        ),
        ("card_archived", lambda api, card: api.change(card, archived=True), None),
        (
            "field_changed",
            lambda api, card: api.change(card, title="new"),
            when("changedFields", "contains", "title"),
        ),
    ],
)
def test_rule_acts_on_a_change(automation_api, trigger, happens, conditions):
    """Rules that were made for another trigger before, were imported, or are new, react; others do not."""
    new = automation_api.rule(trigger, "set_priority", conditions, priority="high")
    changed = automation_api.rule("task_created", "add_checklist_item", title="{{trigger.comment}}.")
    ask(
        automation_api,
        "PATCH",
        automation_api.of_rule(changed),
        {"trigger": trigger, "conditions": conditions},
    )
    card = automation_api.card()
    assert (automation_api.traces(new), automation_api.traces(changed)) == ([], [])
    happens(automation_api, card)
    after = automation_api.read(card)
    comment = "Please review" if trigger == "comment_added" else ""
    assert (after["priority"], [item["title"] for item in after["checklist"]]) == ("high", [f"{comment}."])
    assert [trace["result"] for trace in automation_api.traces(new) if trace["depth"] == 0] == ["success"]
    file = ask(automation_api, "GET", f"{automation_api.path}/export")
    other = AutomationApi(automation_api.world, automation_api.owner)
    imported = ask(other, "POST", f"{other.flat}/projects/import", file)
    other.path = f"{other.flat}/projects/{imported['id']}"
    other.columns = ask(other, "GET", f"{other.path}/columns")
    other_card = other.card()
    happens(other, other_card)
    assert other.read(other_card)["priority"] == "high"


def test_unassigned_card_triggers_no_assignment(automation_api):
    card = automation_api.card(assigneeId=automation_api.owner.id)
    rule = automation_api.rule("task_assigned", "set_status", status="done")
    automation_api.change(card, assigneeId=None)
    assert automation_api.traces(rule) == []


def test_condition_sees_the_assignee_of_a_new_card(automation_api):
    conditions = {"all": [when("toAssigneeId", "eq", "ann"), when("fromAssigneeId", "is_set", False)]}
    automation_api.rule("task_assigned", "set_priority", conditions, priority="high")
    assert automation_api.card(assigneeId=automation_api.owner.id)["priority"] == "high"
    assert automation_api.card()["priority"] is None


# ------------------------------------------------------------------------------------------------- what they do


def test_trace_has_event_card_and_owner(automation_api, clock):
    rule = automation_api.rule("task_moved", "set_priority", priority="high")
    bob = automation_api.member("bob")
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
        "step": 1,
        "depth": 0,
        "createdAt": clock.now.isoformat().replace("+00:00", "Z"),
    }
    assert automation_api.read(card)["priority"] == "high"


def test_changes_by_a_rule_have_its_owner_as_actor(automation_api, bob):
    automation_api.join(bob)
    automation_api.rule("task_moved", "assign_card", assigneeId="bob")
    card = automation_api.card()
    body = {"columnId": automation_api.columns[DOING]["id"]}
    automation_api.world.ask(bob, "PATCH", automation_api.of(card), body)
    (notification,) = automation_api.world.ask(bob, "GET", "/notifications?limit=1")
    assert (notification["activity"]["type"], notification["activity"]["actorId"]) == (
        "card_assigned",
        automation_api.owner.id,
    )


def test_conditions_see_the_card_and_the_event(automation_api):
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


def test_if_match_of_the_caller_does_not_apply_to_rules(automation_api):
    automation_api.rule("task_moved", "set_priority", priority="high")
    card = automation_api.card()
    body = {"columnId": automation_api.columns[DOING]["id"]}
    ask(automation_api, "PATCH", automation_api.of(card), body, if_match='"1"')
    assert automation_api.read(card)["priority"] == "high"


def test_rules_act_on_all_cards_of_a_bulk_change(automation_api):
    rule = automation_api.rule("task_created", "set_priority", when("title", "ne", "b"), priority="low")
    column = automation_api.columns[TO_DO]["id"]
    cards = {"cards": [{"title": title, "columnId": column} for title in "abc"]}
    created_cards = ask(automation_api, "POST", f"{automation_api.path}/cards/bulk", cards)
    assert [automation_api.read(card)["priority"] for card in created_cards] == ["low", None, "low"]
    assert automation_api.results(rule) == ["success", "skipped", "success"]


# ------------------------------------------------------------------------------------------------- what fails


def test_an_action_that_fails_leaves_the_change_and_what_others_did(automation_api):
    path = f"{automation_api.path}/columns"
    column = ask(automation_api, "POST", path, {"name": "Nowhere"})
    failing = automation_api.rule("task_created", "move_card", targetColumn="Nowhere")
    acting = automation_api.rule("task_created", "set_priority", priority="high")
    ask(automation_api, "DELETE", f"{path}/{column['id']}")
    card = automation_api.read(automation_api.card("stays"))
    assert (card["title"], card["priority"], card["columnId"]) == (
        "stays",
        "high",
        automation_api.columns[0]["id"],
    )
    (result,) = automation_api.results(failing)
    assert result == "the rule is broken: the column 'Nowhere' was deleted"
    assert automation_api.results(acting) == ["success"]


def test_failed_action_is_rolled_back_without_events(automation_api, monkeypatch, core):
    """Break an action in the middle: the owner of the rule did nothing wrong, and no event is sent."""

    def break_off(uow, ref, params):
        actions.run(uow, ref, "set_status", {"cardId": params.card_id, "status": "done"})
        raise ZeroDivisionError

    broken = actions.Action("break", "Break.", CardParams, UPDATE_CARD, "board.write", break_off)
    core.env.actions = {**core.env.actions, "break": broken}
    rule = automation_api.rule("task_created", "break")
    watching = automation_api.rule("task_status_changed", "archive_card")
    assert automation_api.read(automation_api.card())["status"] == "open"
    assert (automation_api.results(rule), automation_api.results(watching)) == (["the server has failed"], [])


def test_rule_acts_with_the_current_rights_of_its_owner(automation_api, bob):
    automation_api.world.join(bob, automation_api.workspace, role="admin")
    rule = automation_api.rule("task_created", "set_priority", by=bob, priority="high")
    ask(automation_api, "DELETE", f"{automation_api.workspace.path}/members/{bob.id}")
    assert automation_api.read(automation_api.card())["priority"] is None
    assert not automation_api.rule_now(rule)["enabled"]
    (trace,) = automation_api.traces(rule)
    assert (trace["event"], trace["target"], trace["error"]) == ("owner_left", None, traces.OWNER_LEFT)
    assert (trace["actorId"], trace["triggeredById"]) == (bob.id, automation_api.owner.id)


def test_rules_of_a_former_member_stay_in_other_workspaces(automation_api):
    elsewhere = AutomationApi(automation_api.world, automation_api.owner)
    bob = automation_api.world.person("bob")
    for api in (automation_api, elsewhere):
        automation_api.world.join(bob, api.workspace, role="admin")
    rule = elsewhere.rule("task_created", "set_priority", by=bob, priority="high")
    ask(automation_api, "DELETE", f"{automation_api.workspace.path}/members/{bob.id}")
    assert elsewhere.rule_now(rule)["enabled"]


def test_rules_of_a_vanished_owner_are_turned_off_at_the_first_attempt(automation_api):
    rule = automation_api.rule("task_created", "set_priority", priority="high")
    second = automation_api.rule("task_added_to_board", "set_priority", priority="high")
    bob = automation_api.member("bob")
    with automation_api.world.core.begin(NOBODY) as uow:
        for table in ("stellary_workspace_members", "stellary_organization_members"):
            where = {"user": automation_api.owner.id}
            uow.connection.execute(text(f"DELETE FROM {table} WHERE user_id = :user"), where)
    column = {"columnId": automation_api.columns[0]["id"]}
    cards = {"cards": [{"title": "a", **column}, {"title": "b", **column}]}
    automation_api.world.ask(bob, "POST", f"{automation_api.path}/cards/bulk", cards)

    def read(path):
        return automation_api.world.ask(bob, "GET", path)

    for stopped_rule in (rule, second):
        assert not read(automation_api.of_rule(stopped_rule))["enabled"]
        assert [trace["error"] for trace in read(f"{automation_api.of_rule(stopped_rule)}/traces")] == [
            traces.OWNER_LEFT
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


def test_cyclic_rules_stop_with_an_error(automation_api):
    there, back = ping_pong(automation_api)
    assert automation_api.move(automation_api.card(), DONE)["columnId"] == automation_api.columns[DONE]["id"]
    assert automation_api.results(there) == ["success", "skipped"] * 5 + [TOO_DEEP]
    assert automation_api.results(back) == ["skipped", "success"] * 5 + ["skipped"]
    assert [trace["depth"] for trace in automation_api.traces(there)] == list(range(CHAIN_DEPTH_MAX, -1, -1))


@pytest.mark.slow("runs many rules")
def test_one_event_leads_to_a_hundred_actions_at_most(automation_api):
    rules = [
        automation_api.rule("task_created", "create_card", title=f"card {number}", projectId="Launch")
        for number in range(3)
    ]
    automation_api.card()
    results = [outcome for rule in rules for outcome in automation_api.results(rule)]
    assert results.count("success") == CHAIN_ACTIONS_MAX
    assert set(results) == {"success", TOO_MANY}
    assert len(ask(automation_api, "GET", f"{automation_api.path}/cards")) == CHAIN_ACTIONS_MAX + 1


# ------------------------------------------------------------------------------------------------- as jobs


@pytest.mark.slow("runs many rules")
def test_excess_actions_run_after_the_transaction(automation_api):
    automation_api.world.stop_clock()
    rule = automation_api.rule("task_created", "set_priority", priority="low")
    column = automation_api.columns[TO_DO]["id"]
    cards = {"cards": [{"title": str(number), "columnId": column} for number in range(103)]}
    ask(automation_api, "POST", f"{automation_api.path}/cards/bulk", cards)
    work = automation_api.world.core.work
    assert (len(automation_api.traces(rule)), len(work.jobs())) == (100, 3)
    work.run_due()
    assert automation_api.results(rule) == ["success"] * 103
    cards = ask(automation_api, "GET", f"{automation_api.path}/cards")
    assert {card["priority"] for card in cards} == {"low"}


@pytest.fixture
def deferred_rule(automation_api, monkeypatch):
    """Return a rule that did not fit into its transaction, and its card."""
    automation_api.world.stop_clock()
    monkeypatch.setattr(acting.rules, "UNIT_ACTIONS_MAX", 0)
    rule = automation_api.rule("task_created", "set_priority", priority="low")
    card = automation_api.card()
    monkeypatch.undo()
    return rule, card


def test_job_acts_for_the_owner_and_names_the_original_actor(automation_api, deferred_rule):
    rule, card = deferred_rule
    automation_api.world.core.work.run_due()
    (trace,) = automation_api.traces(rule)
    assert (trace["result"], trace["actorId"], trace["triggeredById"]) == (
        "success",
        automation_api.owner.id,
        automation_api.owner.id,
    )
    assert automation_api.read(card)["priority"] == "low"


def test_rule_turned_off_before_its_job_is_skipped(automation_api, deferred_rule):
    rule, _ = deferred_rule
    automation_api.turn(rule)
    automation_api.world.core.work.run_due()
    assert automation_api.results(rule) == [acting.TURNED_OFF]
    assert automation_api.traces(rule)[0]["result"] == "skipped"


def test_rule_deleted_before_its_job_does_nothing(automation_api, deferred_rule):
    rule, card = deferred_rule
    ask(automation_api, "DELETE", automation_api.of_rule(rule))
    assert automation_api.world.core.work.run_due() == 1
    assert automation_api.read(card)["priority"] is None


def test_jobs_count_what_their_chain_has_done(automation_api, deferred_rule, monkeypatch):
    rule, _ = deferred_rule
    monkeypatch.setattr(acting.rules, "CHAIN_ACTIONS_MAX", 0)
    automation_api.world.core.work.run_due()
    assert automation_api.results(rule) == [TOO_MANY]


def test_rule_does_not_wait_for_a_locked_column(postgres_core):
    """Check that a rule which needs a locked column becomes a job instead of waiting."""
    world = World(postgres_core)
    automation_api = AutomationApi(world, world.person("ann"))
    rule = automation_api.rule("task_created", "move_card", targetColumn="Done")
    after = automation_api.rule("task_created", "set_priority", priority="high")
    hold = text("SELECT id FROM stellary_columns WHERE id = :id FOR UPDATE")
    held, let_go = threading.Event(), threading.Event()

    def holding():
        with postgres_core.begin(NOBODY) as uow:
            uow.connection.execute(hold, {"id": automation_api.columns[DONE]["id"]})
            held.set()
            assert let_go.wait(20)

    holder = threading.Thread(target=holding)
    holder.start()
    assert held.wait(20)
    card = automation_api.read(automation_api.card())
    assert (card["columnId"], card["priority"]) == (automation_api.columns[TO_DO]["id"], "high")
    assert (automation_api.results(rule), automation_api.results(after), len(postgres_core.work.jobs())) == (
        [],
        ["success"],
        1,
    )
    let_go.set()
    holder.join(20)
    postgres_core.work.run_due()
    assert automation_api.read(card)["columnId"] == automation_api.columns[DONE]["id"]
    assert automation_api.results(rule) == ["success"]
    with postgres_core.begin(NOBODY) as uow:
        assert uow.connection.execute(acting._GET_LOCK_TIMEOUT).scalar_one() == LOCK_TIMEOUT


# ------------------------------------------------------------------------------------------------- traces


def test_traces_are_listed_by_the_page_newest_first(automation_api):
    rule = automation_api.rule("task_created", "set_priority", priority="high")
    for number in range(3):
        automation_api.card(str(number))
    assert [trace["target"]["cardTitle"] for trace in automation_api.traces(rule, "limit=2")] == ["2", "1"]


def test_the_oldest_traces_are_forgotten(automation_api, monkeypatch):
    monkeypatch.setattr(traces.LIMIT, "every", 1)
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
    kept_traces = automation_api.traces(rule)
    assert (len(kept_traces), kept_traces[0]["result"]) == (traces.TRACES_MAX, "success")
    assert len(automation_api.traces(other)) == 1


# ------------------------------------------------------------------------------------------------- cost


def test_board_without_rules_pays_one_statement_per_trigger(automation_api, statements):
    """Check also that a workspace without any rule pays no statement."""
    doing = {"columnId": automation_api.columns[DOING]["id"]}
    changes = [{"title": "new"}, {"order": 1}, doing, {"status": "done"}]

    def count_statements():
        card = automation_api.card()
        for fields in changes:
            with statements() as statements_sent:
                ask(automation_api, "PATCH", automation_api.of(card), fields)
            yield sum("stellary_automation" in statement for statement in statements_sent)

    assert list(count_statements()) == [0, 0, 0, 0]
    AutomationApi(automation_api.world, automation_api.owner, automation_api.workspace).rule(
        "task_moved", "archive_card"
    )
    assert list(count_statements()) == [0, 0, 1, 1]


def test_a_rule_acts_on_what_follows_it_in_the_same_unit(automation_api):
    """Check this although access was checked before the workspace had a rule."""
    place = automation_api.workspace
    ref = ProjectRef(place.organization.slug, place.slug, automation_api.project["id"])
    column = ColumnRef(ref.org_slug, ref.ws_slug, ref.project_id, automation_api.columns[0]["id"])
    new_rule = CreateAutomation(
        trigger="task_created", action=ActionToRun(type="set_priority", params={"priority": "high"})
    )
    with automation_api.world.core.begin(automation_api.owner.actor) as uow:
        automations.create_automation(uow, ref, new_rule)
        card = cards.create_card(uow, column, CreateCard(title="Write"))
    assert automation_api.read({"id": card.id})["priority"] == "high"


def test_inapplicable_rules_cost_two_statements(automation_api, statements, monkeypatch):
    # Now and then a third one forgets the oldest traces: not by chance while they are counted.
    monkeypatch.setattr(traces.LIMIT, "every", 1 << 128)
    card = automation_api.card()
    for _ in range(5):
        automation_api.rule("task_moved", "archive_card", when("title", "eq", "other"))
    with statements() as statements_sent:
        ask(
            automation_api,
            "PATCH",
            automation_api.of(card),
            {"columnId": automation_api.columns[DOING]["id"]},
        )
    assert sum("stellary_automation" in statement for statement in statements_sent) == 2


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


def test_each_writing_action_can_be_used_in_a_rule(automation_api):
    automation_api.label()
    for tail, body in (
        ("missions", {"objective": "x"}),
        ("priorities", {"label": "x"}),
        ("todos", {"label": "x"}),
    ):
        ask(automation_api, "POST", f"{automation_api.flat}/pilotage/{tail}", body)
    card = automation_api.card(checklist=[{"title": "first step"}])
    rules = {
        name: automation_api.rule("task_assigned", name, when("title", "eq", card["title"]), **params)
        for name, params in ALL.items()
    }
    automation_api.change(card, assigneeId=automation_api.owner.id)
    assert {name: automation_api.results(rule)[:1] for name, rule in rules.items()} == {
        name: ["success"] for name in ALL
    }


def test_rule_can_notify_its_owner(automation_api):
    automation_api.rule("task_moved", "notify", message="It moves.", to=["creator"])
    automation_api.move(automation_api.card(), DOING)
    notifications = ask(automation_api, "GET", "/notifications")
    assert [notification["activity"]["meta"]["message"] for notification in notifications] == ["It moves."]


def test_rule_without_permission_fails_and_stays_on(automation_api):
    """Check with a document of the organization, which only its own workspace changes."""
    organization = automation_api.workspace.organization
    elsewhere = automation_api.world.workspace(automation_api.owner, organization)
    where = {"contextType": "organization", "contextId": organization.id, "contentFormat": "markdown"}
    document = ask(
        automation_api,
        "POST",
        f"{elsewhere.path}/documents",
        {"title": "Rules", "content": "Old.", **where},
    )
    rule = automation_api.rule("task_created", "update_document", documentId=document["id"], title="New")
    automation_api.card()
    assert automation_api.results(rule) == [
        "a document of the organization can be changed only in the workspace in which it was created"
    ]
    assert automation_api.rule_now(rule)["enabled"]
    automation_api.card()
    assert len(automation_api.results(rule)) == 2
