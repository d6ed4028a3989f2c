"""Acting rules: triggers, owners, limits and traces."""

import threading
from collections import Counter
from contextlib import contextmanager

import pytest
from sqlalchemy import insert, select, text

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
from tests.support.boards import ask, status
from tests.support.core_parts import LOCK_TIMEOUT, actions, cards
from tests.support.tables import automation_traces
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


def create_card(board):
    return board.card()


def move_card(board):
    return board.move(board.card(), DOING)


def complete_checklist(board):
    card = board.card(checklist=[{"title": "only step"}])
    return board.change(card, checklist=[{"title": "only step", "done": True}])


def change_status(board):
    return board.change(board.card(), status="done")


def assign_card(board):
    return board.change(board.card(), assigneeId=board.owner.id)


def create_assigned_card(board):
    return board.card(assigneeId=board.owner.id)


def move_to_another_scope(board):
    body = {"name": "Later", "scopeId": ask(board, "POST", f"{board.path}/scopes", {"name": "Next"})["id"]}
    column = ask(board, "POST", f"{board.path}/columns", body)
    return board.change(board.card(), columnId=column["id"])


def restore_card(board):
    return board.change(board.change(board.card(), archived=True), archived=False)


def rename_card(board):
    return board.change(board.card(), title="new")


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
def test_rule_acts_on_its_trigger(board, happens, triggers):
    rules = {trigger: board.rule(trigger, "add_comment", content=trigger) for trigger in TRIGGERS}
    card = happens(board)
    comments = ask(board, "GET", f"{board.of(card)}/comments")
    assert [comment["content"] for comment in comments] == triggers.split()
    assert sum(len(board.traces(rule)) for rule in rules.values()) == len(comments)


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
def test_rule_acts_on_a_change(board, trigger, happens, conditions):
    """Rules that were made for another trigger before, were imported, or are new, react; others do not."""
    new = board.rule(trigger, "set_priority", conditions, priority="high")
    changed = board.rule("task_created", "add_checklist_item", title="{{trigger.comment}}.")
    ask(board, "PATCH", board.of_rule(changed), {"trigger": trigger, "conditions": conditions})
    card = board.card()
    assert (board.traces(new), board.traces(changed)) == ([], [])
    happens(board, card)
    after = board.read(card)
    comment = "Please review" if trigger == "comment_added" else ""
    assert (after["priority"], [item["title"] for item in after["checklist"]]) == ("high", [f"{comment}."])
    assert [trace["result"] for trace in board.traces(new) if trace["depth"] == 0] == ["success"]
    file = ask(board, "GET", f"{board.path}/export")
    other = AutomationApi(board.world, board.owner)
    imported = ask(other, "POST", f"{other.flat}/projects/import", file)
    other.path = f"{other.flat}/projects/{imported['id']}"
    other.columns = ask(other, "GET", f"{other.path}/columns")
    other_card = other.card()
    happens(other, other_card)
    assert other.read(other_card)["priority"] == "high"


def test_unassigned_card_triggers_no_assignment(board):
    card = board.card(assigneeId=board.owner.id)
    rule = board.rule("task_assigned", "set_status", status="done")
    board.change(card, assigneeId=None)
    assert board.traces(rule) == []


def test_condition_sees_the_assignee_of_a_new_card(board):
    conditions = {"all": [when("toAssigneeId", "eq", "ann"), when("fromAssigneeId", "is_set", False)]}
    board.rule("task_assigned", "set_priority", conditions, priority="high")
    assert board.card(assigneeId=board.owner.id)["priority"] == "high"
    assert board.card()["priority"] is None


# ------------------------------------------------------------------------------------------------- what they do


def test_trace_has_event_card_and_owner(board, clock):
    rule = board.rule("task_moved", "set_priority", priority="high")
    bob = board.member("bob")
    card = board.card("Ship it")
    board.world.ask(bob, "PATCH", board.of(card), {"columnId": board.columns[DOING]["id"]})
    (trace,) = board.traces(rule)
    assert trace.pop("durationMs") >= 0
    assert trace == {
        "id": trace["id"],
        "automationId": rule["id"],
        "event": "task_moved",
        "actorId": board.owner.id,
        "triggeredById": bob.id,
        "target": {"cardId": card["id"], "cardKey": card["key"], "cardTitle": "Ship it"},
        "result": "success",
        "error": None,
        "step": 1,
        "depth": 0,
        "createdAt": clock.now.isoformat().replace("+00:00", "Z"),
    }
    assert board.read(card)["priority"] == "high"


def test_changes_by_a_rule_have_its_owner_as_actor(board, bob):
    board.join(bob)
    board.rule("task_moved", "assign_card", assigneeId="bob")
    card = board.card()
    body = {"columnId": board.columns[DOING]["id"]}
    board.world.ask(bob, "PATCH", board.of(card), body)
    (notification,) = board.world.ask(bob, "GET", "/notifications?limit=1")
    assert notification["activity"]["type"] == "card_assigned"
    assert notification["activity"]["actorId"] == board.owner.id


def test_conditions_see_the_card_and_the_event(board):
    rule = board.rule("task_moved", "set_status", when("fromColumn", "eq", "In Progress"), status="done")
    card = board.card()
    assert board.move(card, DOING)["status"] == "in_progress"
    assert board.move(card, TO_DO)["status"] == "done"
    assert board.results(rule) == ["skipped", "success"]


def test_a_rule_that_is_off_does_not_act(board):
    rule = board.rule("task_created", "set_status", status="done")
    board.turn(rule)
    board.card()
    assert board.traces(rule) == []


def test_rules_of_another_project_do_not_act(board):
    rule = board.rule("task_created", "set_status", status="done")
    AutomationApi(board.world, board.owner, board.workspace).card()
    assert board.traces(rule) == []


def test_names_are_looked_up_in_the_project_of_the_rule(board):
    board.rule("task_status_changed", "move_card", when("toStatus", "eq", "done"), targetColumn="done")
    assert board.change(board.card(), status="done")["columnId"] == board.columns[DONE]["id"]


def test_a_rule_can_be_about_another_card(board):
    log = board.card("Log")
    board.rule("task_moved", "add_comment", cardId="Log", content="something moved")
    board.move(board.card("other"), DOING)
    assert board.read(log)["commentCount"] == 1


def test_if_match_of_the_caller_does_not_apply_to_rules(board):
    board.rule("task_moved", "set_priority", priority="high")
    card = board.card()
    body = {"columnId": board.columns[DOING]["id"]}
    ask(board, "PATCH", board.of(card), body, if_match='"1"')
    assert board.read(card)["priority"] == "high"


def test_rules_act_on_all_cards_of_a_bulk_change(board):
    rule = board.rule("task_created", "set_priority", when("title", "ne", "1"), priority="low")
    assert [board.read(card)["priority"] for card in board.cards(3)] == ["low", None, "low"]
    assert board.results(rule) == ["success", "skipped", "success"]


# ------------------------------------------------------------------------------------------------- what fails


def test_an_action_that_fails_leaves_the_change_and_what_others_did(board):
    path = f"{board.path}/columns"
    column = ask(board, "POST", path, {"name": "Nowhere"})
    failing = board.rule("task_created", "move_card", targetColumn="Nowhere")
    acting = board.rule("task_created", "set_priority", priority="high")
    ask(board, "DELETE", f"{path}/{column['id']}")
    card = board.read(board.card("stays"))
    assert (card["title"], card["priority"], card["columnId"]) == ("stays", "high", board.columns[0]["id"])
    (result,) = board.results(failing)
    assert result == "the rule is broken: the column 'Nowhere' was deleted"
    assert board.results(acting) == ["success"]


def test_failed_action_is_rolled_back_without_events(board, monkeypatch, core):
    """Break an action in the middle: the owner of the rule did nothing wrong, and no event is sent."""

    def break_off(uow, ref, params):
        actions.run(uow, ref, "set_status", {"cardId": params.card_id, "status": "done"})
        raise ZeroDivisionError

    broken = actions.Action("break", "Break.", CardParams, UPDATE_CARD, "board.write", break_off)
    core.env.actions = {**core.env.actions, "break": broken}
    rule = board.rule("task_created", "break")
    watching = board.rule("task_status_changed", "archive_card")
    assert board.read(board.card())["status"] == "open"
    assert (board.results(rule), board.results(watching)) == (["the server has failed"], [])


def test_rule_acts_with_the_current_rights_of_its_owner(board, bob):
    board.world.join(bob, board.workspace, role="admin")
    rule = board.rule("task_created", "set_priority", by=bob, priority="high")
    ask(board, "DELETE", f"{board.workspace.path}/members/{bob.id}")
    assert board.read(board.card())["priority"] is None
    assert not board.rule_now(rule)["enabled"]
    (trace,) = board.traces(rule)
    assert (trace["event"], trace["target"], trace["error"]) == ("owner_left", None, traces.OWNER_LEFT)
    assert (trace["actorId"], trace["triggeredById"]) == (bob.id, board.owner.id)


def test_rules_of_a_former_member_stay_in_other_workspaces(board):
    elsewhere = AutomationApi(board.world, board.owner)
    bob = board.world.person("bob")
    for api in (board, elsewhere):
        board.world.join(bob, api.workspace, role="admin")
    rule = elsewhere.rule("task_created", "set_priority", by=bob, priority="high")
    ask(board, "DELETE", f"{board.workspace.path}/members/{bob.id}")
    assert elsewhere.rule_now(rule)["enabled"]


def test_rules_of_a_vanished_owner_are_turned_off_at_the_first_attempt(board):
    rule = board.rule("task_created", "set_priority", priority="high")
    second = board.rule("task_added_to_board", "set_priority", priority="high")
    bob = board.member("bob")
    with board.world.core.begin(NOBODY) as uow:
        for table in ("stellary_workspace_members", "stellary_organization_members"):
            where = {"user": board.owner.id}
            uow.connection.execute(text(f"DELETE FROM {table} WHERE user_id = :user"), where)
    board.cards(2, by=bob)

    def read(path):
        return board.world.ask(bob, "GET", path)

    for stopped_rule in (rule, second):
        assert not read(board.of_rule(stopped_rule))["enabled"]
        expected = [traces.OWNER_LEFT]
        assert [trace["error"] for trace in read(f"{board.of_rule(stopped_rule)}/traces")] == expected


# ------------------------------------------------------------------------------------------------- chains


def ping_pong(board):
    there = board.rule("task_moved", "move_card", when("toColumn", "eq", "Done"), targetColumn="To Do")
    back = board.rule("task_moved", "move_card", when("toColumn", "eq", "To Do"), targetColumn="Done")
    return there, back


def test_cyclic_rules_stop_with_an_error(board):
    there, back = ping_pong(board)
    assert board.move(board.card(), DONE)["columnId"] == board.columns[DONE]["id"]
    assert board.results(there) == ["success", "skipped"] * 5 + [TOO_DEEP]
    assert board.results(back) == ["skipped", "success"] * 5 + ["skipped"]
    assert [trace["depth"] for trace in board.traces(there)] == list(range(CHAIN_DEPTH_MAX, -1, -1))


@pytest.mark.slow("runs many rules")
def test_one_event_leads_to_a_hundred_actions_at_most(board):
    rules = [
        board.rule("task_created", "create_card", title=f"card {number}", projectId="Launch")
        for number in range(3)
    ]
    board.card()
    results = [outcome for rule in rules for outcome in board.results(rule)]
    assert results.count("success") == CHAIN_ACTIONS_MAX
    assert set(results) == {"success", TOO_MANY}
    assert len(ask(board, "GET", f"{board.path}/cards")) == CHAIN_ACTIONS_MAX + 1


# ------------------------------------------------------------------------------------------------- as jobs


@pytest.mark.slow("runs many rules")
def test_excess_actions_run_after_the_transaction(board):
    board.world.stop_clock()
    rule = board.rule("task_created", "set_priority", priority="low")
    board.cards(103)
    work = board.world.core.work
    assert (len(board.traces(rule)), len(work.jobs())) == (100, 3)
    work.run_due()
    assert board.results(rule) == ["success"] * 103
    assert {card["priority"] for card in ask(board, "GET", f"{board.path}/cards")} == {"low"}


@pytest.fixture
def deferred_rule(board, monkeypatch):
    """Return a rule that did not fit into its transaction, and its card."""
    board.world.stop_clock()
    monkeypatch.setattr(acting.rules, "UNIT_ACTIONS_MAX", 0)
    rule = board.rule("task_created", "set_priority", priority="low")
    card = board.card()
    monkeypatch.undo()
    return rule, card


def test_job_acts_for_the_owner_and_names_the_original_actor(board, deferred_rule):
    rule, card = deferred_rule
    board.world.core.work.run_due()
    (trace,) = board.traces(rule)
    assert trace == trace | {"result": "success", "actorId": board.owner.id, "triggeredById": board.owner.id}
    assert board.read(card)["priority"] == "low"


def test_rule_turned_off_before_its_job_is_skipped(board, deferred_rule):
    rule, _ = deferred_rule
    board.turn(rule)
    board.world.core.work.run_due()
    assert board.results(rule) == [acting.TURNED_OFF]
    assert board.traces(rule)[0]["result"] == "skipped"


def test_rule_deleted_before_its_job_does_nothing(board, deferred_rule):
    rule, card = deferred_rule
    ask(board, "DELETE", board.of_rule(rule))
    assert board.world.core.work.run_due() == 1
    assert board.read(card)["priority"] is None


def test_jobs_count_what_their_chain_has_done(board, deferred_rule, monkeypatch):
    rule, _ = deferred_rule
    monkeypatch.setattr(acting.rules, "CHAIN_ACTIONS_MAX", 0)
    board.world.core.work.run_due()
    assert board.results(rule) == [TOO_MANY]


@contextmanager
def hold_locks(core, board, *statements):
    """Lock the last column in a transaction of another thread, and execute further statements in it."""
    hold = f"SELECT FROM stellary_columns WHERE id = '{board.columns[DONE]['id']}' FOR UPDATE"
    held, let_go = threading.Event(), threading.Event()

    def holding():
        with core.begin(NOBODY) as uow:
            for statement in (hold, *statements):
                uow.connection.execute(text(statement))
            held.set()
            assert let_go.wait(20)

    holder = threading.Thread(target=holding)
    holder.start()
    try:
        assert held.wait(20)
        yield
    finally:
        let_go.set()
        holder.join(20)


def test_rule_does_not_wait_for_a_locked_column(postgres_core):
    """Check that a rule which needs a locked column becomes a job instead of waiting."""
    world = World(postgres_core)
    board = AutomationApi(world, world.person("ann"))
    rule = board.rule("task_created", "move_card", targetColumn="Done")
    after = board.rule("task_created", "set_priority", priority="high")
    with hold_locks(postgres_core, board):
        card = board.read(board.card())
        assert (card["columnId"], card["priority"]) == (board.columns[TO_DO]["id"], "high")
        results = board.results(rule), board.results(after)
        assert (*results, len(postgres_core.work.jobs())) == ([], ["success"], 1)
    postgres_core.work.run_due()
    assert board.read(card)["columnId"] == board.columns[DONE]["id"]
    assert board.results(rule) == ["success"]
    with postgres_core.begin(NOBODY) as uow:
        assert uow.connection.execute(acting._GET_LOCK_TIMEOUT).scalar_one() == LOCK_TIMEOUT


def test_change_whose_rules_cannot_become_jobs_is_refused(postgres_core):
    world = World(postgres_core)
    board = AutomationApi(world, world.person("ann"))
    for _ in range(2):
        board.rule("task_created", "move_card", targetColumn="Done")
    path = f"{board.path}/columns/{board.columns[TO_DO]['id']}/cards"
    # Statements are queued from their second execution.
    for statement, expected in (("SELECT 1", 201), ("LOCK TABLE stellary_jobs IN EXCLUSIVE MODE", 503)):
        with hold_locks(postgres_core, board, statement):
            assert status(board, "POST", path, {"title": "x"}) == expected
    assert len(ask(board, "GET", f"{board.path}/cards")) == 1


# ------------------------------------------------------------------------------------------------- traces


def test_the_oldest_traces_are_forgotten(board, monkeypatch):
    monkeypatch.setattr(traces.LIMIT, "every", 1)
    rule = board.rule("task_created", "set_priority", priority="high")
    other = board.rule("task_created", "set_priority", priority="low")
    board.card()
    with board.world.core.begin(NOBODY) as uow:
        of_rule = select(automation_traces).where(automation_traces.c.automation_id == rule["id"])
        (trace,) = uow.connection.execute(of_rule).mappings()
        rows = [
            {**trace, "id": uow.new_id(), "event_id": uow.new_id(), "result": "skipped"}
            for _ in range(traces.TRACES_MAX)
        ]
        uow.connection.execute(insert(automation_traces), rows)
    board.card()
    results = Counter(trace["result"] for trace in board.traces(rule))
    assert results == {"success": 1, "skipped": traces.TRACES_MAX - 1}
    assert board.traces(rule)[0]["result"] == "success"
    assert len(board.traces(other)) == 2


# ------------------------------------------------------------------------------------------------- cost


def test_board_without_rules_pays_one_statement_per_trigger(board, statements):
    """Check also that a workspace without any rule pays no statement."""
    changes = [{"title": "new"}, {"order": 1}, {"columnId": board.columns[DOING]["id"]}, {"status": "done"}]

    def count_statements():
        card = board.card()
        for fields in changes:
            with statements() as statements_sent:
                ask(board, "PATCH", board.of(card), fields)
            yield sum("stellary_automation" in statement for statement in statements_sent)

    assert list(count_statements()) == [0, 0, 0, 0]
    AutomationApi(board.world, board.owner, board.workspace).rule("task_moved", "archive_card")
    assert list(count_statements()) == [0, 0, 1, 1]


def test_a_rule_acts_on_what_follows_it_in_the_same_unit(board):
    """Check this although access was checked before the workspace had a rule."""
    place = board.workspace
    ref = ProjectRef(place.organization.slug, place.slug, board.project["id"])
    column = ColumnRef(ref.org_slug, ref.ws_slug, ref.project_id, board.columns[0]["id"])
    new_rule = CreateAutomation(
        trigger="task_created", action=ActionToRun(type="set_priority", params={"priority": "high"})
    )
    with board.world.core.begin(board.owner.actor) as uow:
        automations.create_automation(uow, ref, new_rule)
        card = cards.create_card(uow, column, CreateCard(title="Write"))
    assert board.read({"id": card.id})["priority"] == "high"


def test_inapplicable_rules_cost_two_statements(board, statements, monkeypatch):
    # Now and then a third one forgets the oldest traces: not by chance while they are counted.
    monkeypatch.setattr(traces.LIMIT, "every", 1 << 128)
    card = board.card()
    for _ in range(5):
        board.rule("task_moved", "archive_card", when("title", "eq", "other"))
    with statements() as statements_sent:
        ask(board, "PATCH", board.of(card), {"columnId": board.columns[DOING]["id"]})
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


def test_each_writing_action_can_be_used_in_a_rule(board):
    board.label()
    for tail, body in (
        ("missions", {"objective": "x"}),
        ("priorities", {"label": "x"}),
        ("todos", {"label": "x"}),
    ):
        ask(board, "POST", f"{board.flat}/pilotage/{tail}", body)
    card = board.card(checklist=[{"title": "first step"}])
    rules = {
        name: board.rule("task_assigned", name, when("title", "eq", card["title"]), **params)
        for name, params in ALL.items()
    }
    board.change(card, assigneeId=board.owner.id)
    assert {name: board.results(rule)[:1] for name, rule in rules.items()} == {
        name: ["success"] for name in ALL
    }


def test_rule_can_notify_its_owner(board):
    board.rule("task_moved", "notify", message="It moves.", to=["creator"])
    board.move(board.card(), DOING)
    notifications = ask(board, "GET", "/notifications")
    assert [notification["activity"]["meta"]["message"] for notification in notifications] == ["It moves."]


def test_rule_without_permission_fails_and_stays_on(board):
    """Check with a document of the organization, which only its own workspace changes."""
    organization = board.workspace.organization
    elsewhere = board.world.workspace(board.owner, organization)
    where = {"contextType": "organization", "contextId": organization.id, "contentFormat": "markdown"}
    document = ask(
        board, "POST", f"{elsewhere.path}/documents", {"title": "Rules", "content": "Old.", **where}
    )
    rule = board.rule("task_created", "update_document", documentId=document["id"], title="New")
    board.card()
    assert board.results(rule) == [
        "a document of the organization can be changed only in the workspace in which it was created"
    ]
    assert board.rule_now(rule)["enabled"]
    board.card()
    assert len(board.results(rule)) == 2
