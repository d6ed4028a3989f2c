"""Proposed actions: suggestion, review and application, with rights and refusals."""

from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import text

from stellary.contract.errors import ServerError
from stellary.core import NOBODY
from stellary.core.pilotage import rules
from tests.support.boards import ask
from tests.support.each_case import for_each

STEPS = {
    "approved": ("review", {"approved": True}),
    "rejected": ("review", {"approved": False}),
    "applied": ("apply", None),
}
WAYS = {
    "suggested": (),
    "approved": ("approved",),
    "rejected": ("rejected",),
    "applied": ("approved", "applied"),
}


def step(api, action, to, by=None):
    tail, body = STEPS[to]
    return api.ask("POST", f"actions/{action['id']}/{tail}", body, by=by)


def cannot(api, action, to, by=None):
    tail, body = STEPS[to]
    return api.error("POST", f"actions/{action['id']}/{tail}", body, by=by)


def test_the_published_example_moves_a_card_to_the_column_of_that_name(api):
    card = api.card()
    body = {
        "actionType": "move_card",
        "explanation": "All subtasks complete, move to Done",
        "payload": {"cardId": card["id"], "targetColumn": "Done"},
    }
    proposed = api.ask("POST", "actions/propose", body)
    references = [
        {"kind": kind, "id": id, "name": name, "missing": False}
        for kind, id, name in (
            ("card", card["id"], card["title"]),
            ("column", api.columns[2]["id"], "Done"),
            ("project", api.project["id"], api.project["name"]),
        )
    ]
    nothing = ("problem", "reviewedById", "reviewReason", "reviewedAt", "appliedById", "appliedAt", "result")
    derived = {"id": "act-001", "status": "suggested", "proposedById": api.owner.id, "references": references}
    assert proposed == proposed | body | dict.fromkeys(nothing) | derived
    reviewed = api.ask("POST", "actions/act-001/review", {"approved": True, "reason": "Looks correct"})
    assert (reviewed["status"], reviewed["reviewReason"]) == ("approved", "Looks correct")
    assert api.read(card)["columnId"] == card["columnId"]
    applied = api.ask("POST", "actions/act-001/apply")
    assert (applied["status"], applied["appliedById"]) == ("applied", api.owner.id)
    assert api.read(card)["columnId"] == api.columns[2]["id"]
    assert api.action(proposed) == applied


@pytest.mark.parametrize(("status", "to"), list(product(WAYS, STEPS)))
def test_only_suggested_actions_are_reviewed_and_approved_ones_applied(api, status, to):
    action = api.propose("create_todo", label="Next")
    for way in WAYS[status]:
        action = step(api, action, way)
    assert action["status"] == status
    if rules.BEFORE[to] == status:
        assert step(api, action, to)["status"] == to
    else:
        message = f"only an action that is {rules.BEFORE[to]} can be {to}; this one is {status}"
        assert cannot(api, action, to) == (409, message, "invalid_transition")
        assert api.action(action) == action
    assert len(api.ask("GET", "todos")) == (to == "applied" and status == "approved") + (status == "applied")


def test_action_has_time_and_actor_of_each_step(api):
    clock = api.world.stop_clock()
    bob = api.member("bob", "owner")
    action = api.propose("create_todo", label="Next", by=bob)
    clock.advance(timedelta(hours=1))
    step(api, action, "approved", by=bob)
    clock.advance(timedelta(hours=1))
    applied = step(api, action, "applied")
    assert (applied["proposedById"], applied["createdAt"]) == (bob.id, "2026-04-01T12:00:00Z")
    assert (applied["reviewedById"], applied["reviewedAt"]) == (bob.id, "2026-04-01T13:00:00Z")
    assert (applied["appliedById"], applied["appliedAt"]) == (api.owner.id, "2026-04-01T14:00:00Z")


def test_actions_are_listed_by_status(api):
    first, second = (api.propose("create_todo", label="Next") for _ in range(2))
    rejected = step(api, second, "rejected")
    assert api.ask("GET", "actions") == [first, rejected]
    assert api.ask("GET", "actions?status=suggested") == [first]
    assert api.ask("GET", "actions?status=rejected") == [rejected]


# ---------------------------------------------------------------------------------------------- what is in the way


@for_each(
    "action_type, payload, problem",
    [
        ("launch_rocket", {}, "actionType must be one of create_card, "),
        ("list_cards", {"projectId": "x"}, "actionType must be one of create_card, "),
        ("move_card", {"cardId": "x"}, "payload.targetColumn is required"),
        (
            "move_card",
            {"cardId": "x", "targetColumn": "y", "z": 1},
            "payload.z is not a field of this request",
        ),
        ("create_todo", {"label": 5}, "payload.label must be a string"),
    ],
)
def test_inapplicable_action_is_refused_when_proposed(api, action_type, payload, problem):
    action = api.propose(action_type, **payload)
    assert action["problem"].startswith(problem)
    status, message, code = cannot(api, action, "approved")
    assert (status, code) == (409, "action_failed")
    assert message == f"the action cannot be applied: {action['problem']}"
    assert api.action(action) == action
    assert step(api, action, "rejected")["problem"] is None


@for_each(
    "payload, reason",
    [
        ({"targetColumn": "0" * 24}, "targetColumn must be the id of an existing item"),
        ({"cardId": "a" * 24}, "cardId must be the id of an existing item"),
        ({"targetColumn": "Done", "before": "a" * 24}, "before must be the id of an existing item"),
    ],
)
def test_action_on_an_unknown_item_cannot_be_approved(api, payload, reason):
    card = api.card()
    action = api.propose("move_card", **({"cardId": card["id"], "targetColumn": "Done"} | payload))
    assert action["problem"] == f"payload.{reason}"
    expected = (409, f"the action cannot be applied: payload.{reason}", "action_failed")
    assert cannot(api, action, "approved") == expected
    assert api.action(action) == action
    assert api.read(card) == card


@pytest.mark.parametrize("status", ["suggested", "approved"])
def test_action_keeps_to_the_items_that_it_named(api, status):
    card, done = api.card("Write"), api.columns[2]
    action = api.propose("move_card", cardId="write", targetColumn="Done")
    if status == "approved":
        step(api, action, "approved")
    columns = f"{api.path}/columns"
    ask(api, "PATCH", f"{columns}/{done['id']}", {"name": "Shipped"})
    ask(api, "POST", columns, {"name": "Done"})
    renamed = api.action(action)
    assert (renamed["payload"], renamed["problem"]) == (action["payload"], None)
    references = {(item["kind"], item["id"], item["name"]) for item in renamed["references"]}
    assert references > {("column", done["id"], "Shipped"), ("card", card["id"], "Write")}
    ask(api, "DELETE", f"{columns}/{done['id']}")
    lacking = api.action(action)
    assert lacking["problem"] == "the column 'Shipped' was deleted"
    following = {"suggested": "approved", "approved": "applied"}[status]
    message = f"the action cannot be applied: {lacking['problem']}"
    assert cannot(api, action, following) == (409, message, "action_failed")
    assert api.action(action) == lacking
    (entry,) = ask(api, "GET", f"{api.workspace.path}/trash")
    ask(api, "POST", f"{api.workspace.path}/trash/{entry['id']}/restore")
    assert api.action(action) == renamed
    if status == "suggested":
        step(api, action, "approved")
    assert step(api, action, "applied")["result"]["columnId"] == done["id"]


def test_action_shows_the_present_title_of_its_document(api):
    path = f"{api.workspace.path}/documents"
    _, spec = (ask(api, "POST", path, {"title": title}) for title in ("Plan", "Spec"))
    action = api.propose("update_document", documentId="Spec", title="Done")
    ask(api, "PATCH", f"{path}/{spec['id']}", {"title": "Specification"})
    assert ("document", spec["id"], "Specification") in {
        (item["kind"], item["id"], item["name"]) for item in api.action(action)["references"]
    }


def test_approved_action_is_rejected_only_if_it_can_no_longer_be_applied(api):
    api.card("Write")
    action = api.approve("move_card", cardId="write", targetColumn="Done")
    assert cannot(api, action, "rejected")[0] == 409
    ask(api, "DELETE", f"{api.path}/columns/{api.columns[2]['id']}")
    assert step(api, action, "rejected")["status"] == "rejected"
    assert cannot(api, action, "applied")[0] == 409


def test_applied_action_names_the_created_item(api):
    action = api.approve("create_card", projectId=api.project["id"], title="Write")
    assert action["result"] is None
    applied = step(api, action, "applied")
    assert applied["result"]["title"] == "Write"
    assert applied["result"] == api.read(applied["result"])
    assert api.action(action) == applied


def test_failed_application_can_be_retried(api):
    card = api.card()
    column = api.columns[2]
    of_column = f"{api.path}/columns/{column['id']}"
    api.card(column=2)
    ask(api, "PATCH", of_column, {"wipLimit": 1})
    action = api.approve("move_card", cardId=card["id"], targetColumn="Done")
    assert cannot(api, action, "applied")[2] == "action_failed"
    ask(api, "PATCH", of_column, {"wipLimit": None})
    assert step(api, action, "applied")["status"] == "applied"
    assert api.read(card)["columnId"] == column["id"]


def test_partly_applied_action_is_rolled_back(api):
    ask(api, "PATCH", f"{api.path}/columns/{api.columns[2]['id']}", {"wipLimit": 1})
    bulk = [{"title": "One", "column": "Done"}, {"title": "Two", "column": "Done"}]
    action = api.approve("create_cards_bulk", projectId=api.project["id"], cards=bulk)
    assert cannot(api, action, "applied")[0] == 409
    assert ask(api, "GET", f"{api.path}/cards") == []


# ---------------------------------------------------------------------------------------------- whose rights


def test_action_runs_with_the_rights_of_its_approver(api):
    bob = api.member("bob", "reviewer")
    action = api.approve("move_card", cardId=api.card()["id"], targetColumn="Done", by=bob)
    step(api, action, "applied")
    assert [entry["actorId"] for entry in ask(api, "GET", f"{api.path}/activity?type=card_moved")] == [bob.id]
    actor_by_type = {
        entry["type"]: entry["actorId"] for entry in api.state("detailLevel=detailed")["history"]
    }
    assert (actor_by_type["action_approved"], actor_by_type["action_applied"]) == (bob.id, api.owner.id)


def test_application_beyond_the_rights_of_the_approver_is_refused(api):
    bob = api.member("bob", "reviewer")
    action = api.approve("create_mission", objective="Rule the world", by=bob)
    message = "the action cannot be applied: your role does not allow that"
    assert cannot(api, action, "applied") == (409, message, "action_failed")
    assert api.ask("GET", "missions") == []
    ask(api, "PATCH", f"{api.flat}/members/{bob.id}", {"pilotageRole": "owner"})
    assert step(api, action, "applied")["status"] == "applied"
    assert [mission["createdById"] for mission in api.ask("GET", "missions")] == [bob.id]


def test_transfer_is_applied_with_the_rights_of_its_approver_in_the_other_project(api):
    bob, card = api.member("bob", "reviewer"), api.card()
    other = ask(api, "POST", f"{api.flat}/projects", {"name": "Archive"})
    path = f"{api.flat}/projects/{other['id']}"
    ask(api, "PATCH", path, {"memberRole": "viewer"})
    transfer = {"cardId": card["id"], "targetProjectId": "Archive", "targetColumn": "Done"}
    action = api.approve("transfer_card", **transfer, by=bob)
    names = {reference["name"] for reference in action["references"]}
    assert names == {card["title"], "Archive", "Done", api.project["name"]}
    reason = "your role does not allow that: it requires the role editor in the project"
    assert cannot(api, action, "applied") == (409, f"the action cannot be applied: {reason}", "action_failed")
    ask(api, "PATCH", path, {"memberRole": "editor"})
    assert step(api, action, "applied")["result"]["projectId"] == other["id"]


def test_approval_by_a_vanished_user_is_not_applied(api):
    bob = api.member("bob", "reviewer")
    action = api.approve("create_todo", label="x", by=bob)
    with api.world.core.begin(NOBODY) as uow:
        for table in ("stellary_workspace_members", "stellary_organization_members"):
            uow.connection.execute(text(f"DELETE FROM {table} WHERE user_id = :user"), {"user": bob.id})
    message = "the approver no longer has access to the workspace"
    assert cannot(api, action, "applied") == (409, message, "approver_left")
    assert api.action(action) == action


def test_internal_error_leaves_the_action_approved(api, monkeypatch):
    action = api.approve("create_todo", label="x")

    def fail(*_):
        raise ServerError("the server has failed")

    monkeypatch.setattr("stellary.core.pilotage.proposed_actions.actions.run", fail)
    assert cannot(api, action, "applied")[0] == 500
    assert api.action(action) == action


def test_rules_act_on_applied_actions(api):
    card = api.card()
    rule = {"trigger": "task_moved", "action": {"type": "add_comment", "params": {"content": "Well done."}}}
    created_rule = ask(api, "POST", f"{api.path}/automations", rule)
    step(api, api.approve("move_card", cardId=card["id"], targetColumn="Done"), "applied")
    assert api.read(card)["commentCount"] == 1
    (trace,) = ask(api, "GET", f"{api.path}/automations/{created_rule['id']}/traces")
    assert (trace["result"], trace["depth"]) == ("success", 0)


def test_a_rule_can_propose(api):
    propose = {
        "actionType": "archive_card",
        "explanation": "Done for a while",
        "payload": {"cardId": "Write"},
    }
    rule = {"trigger": "task_moved", "action": {"type": "propose_action", "params": propose}}
    ask(api, "POST", f"{api.path}/automations", rule)
    ask(api, "PATCH", api.of(api.card()), {"columnId": api.columns[2]["id"]})
    (action,) = api.ask("GET", "actions?status=suggested")
    assert (action["actionType"], action["problem"]) == ("archive_card", None)


@pytest.mark.parametrize("way", ["removed", "left", "organization"])
def test_approval_ends_with_the_access_of_its_approver(api, way):
    bob = api.member("bob", "reviewer")
    applied, reopened = (api.approve("create_todo", label="x"), api.approve("create_todo", label="y", by=bob))
    rejected = step(api, api.propose("create_todo", label="z"), "rejected", by=bob)
    if way == "organization":
        organization = api.workspace.organization.path
        ask(api, "DELETE", f"{organization}/members/{bob.id}")
    else:
        by = bob if way == "left" else api.owner
        api.world.ask(by, "DELETE", f"{api.flat}/members/{bob.id}")
    assert api.action(applied) == applied
    assert api.action(rejected) == rejected
    again = api.action(reopened)
    assert (again["status"], again["reviewedById"], again["reviewedAt"]) == ("suggested", None, None)
    assert cannot(api, reopened, "applied")[2] == "invalid_transition"
    assert api.state("detailLevel=detailed")["history"][0]["type"] == "action_reopened"
    step(api, reopened, "approved")
    step(api, reopened, "applied")


def test_approval_by_a_demoted_user_is_not_applied(api):
    boss = api.person("boss")
    api.world.join_organization(boss, api.workspace.organization, "admin")
    action = api.approve("create_todo", label="x", by=boss)
    ask(api, "PATCH", f"{api.workspace.organization.path}/members/{boss.id}", {"role": "member"})
    assert api.action(action)["status"] == "suggested"


# ---------------------------------------------------------------------------------------------- who is told


def test_proposer_is_notified_of_the_outcome(api):
    bob = api.member("bob", "reviewer")
    action = api.propose("create_todo", label="x", by=bob)
    step(api, action, "approved")
    step(api, action, "applied")
    types = [notification["activity"]["type"] for notification in api.world.ask(bob, "GET", "/notifications")]
    assert types == ["action_applied", "action_approved"]
    (notification,) = ask(api, "GET", "/notifications")
    assert notification["activity"]["type"] == "action_proposed"
    step(api, api.propose("create_todo", label="y", by=bob), "rejected", by=bob)
    assert len(api.world.ask(bob, "GET", "/notifications")) == 2


def test_former_member_is_not_notified(api):
    bob = api.member("bob", "reviewer")
    action = api.propose("create_todo", label="x", by=bob)
    ask(api, "DELETE", f"{api.flat}/members/{bob.id}")
    step(api, action, "approved")
    assert api.world.ask(bob, "GET", "/notifications") == []
