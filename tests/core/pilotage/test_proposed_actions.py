"""Proposed actions: suggested, reviewed, applied; by whom, with whose rights, and what is in the way."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import text

from stellary.contract.errors import ServerError
from stellary.core.kernel.unit import NOBODY
from stellary.core.pilotage import rules
from tests.core.pilotage.helm import Helm

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


def step(helm, action, to, by=None):
    tail, body = STEPS[to]
    return helm.ask("POST", f"actions/{action['id']}/{tail}", body, by=by)


def cannot(helm, action, to, by=None):
    tail, body = STEPS[to]
    return helm.refused("POST", f"actions/{action['id']}/{tail}", body, by=by)


def test_the_published_example_moves_a_card_to_the_column_of_that_name(helm):
    card = helm.card()
    proposed = helm.ask(
        "POST",
        "actions/propose",
        {
            "actionType": "move_card",
            "explanation": "All subtasks complete, move to Done",
            "payload": {"cardId": card["id"], "targetColumn": "Done"},
        },
    )
    assert proposed == {
        "id": "act-001",
        "actionType": "move_card",
        "explanation": "All subtasks complete, move to Done",
        "status": "suggested",
        "payload": {"cardId": card["id"], "targetColumn": "Done"},
        "problem": None,
        "proposedById": helm.owner.id,
        "reviewedById": None,
        "reviewReason": None,
        "reviewedAt": None,
        "appliedById": None,
        "appliedAt": None,
        "result": None,
        "createdAt": proposed["createdAt"],
        "updatedAt": proposed["createdAt"],
    }
    reviewed = helm.ask("POST", "actions/act-001/review", {"approved": True, "reason": "Looks correct"})
    assert (reviewed["status"], reviewed["reviewReason"]) == ("approved", "Looks correct")
    assert helm.read(card)["columnId"] == card["columnId"]
    applied = helm.ask("POST", "actions/act-001/apply")
    assert (applied["status"], applied["appliedById"]) == ("applied", helm.owner.id)
    assert helm.read(card)["columnId"] == helm.columns[2]["id"]
    assert helm.action(proposed) == applied


@pytest.mark.parametrize(("status", "to"), list(product(WAYS, STEPS)))
def test_only_what_was_suggested_is_reviewed_and_only_what_was_approved_is_applied(helm, status, to):
    action = helm.proposed("create_todo", label="Next")
    for way in WAYS[status]:
        action = step(helm, action, way)
    assert action["status"] == status
    if rules.BEFORE[to] == status:
        assert step(helm, action, to)["status"] == to
    else:
        said = f"only an action that is {rules.BEFORE[to]} can be {to}; this one is {status}"
        assert cannot(helm, action, to) == (409, said, "invalid_transition")
        assert helm.action(action) == action
    assert len(helm.ask("GET", "todos")) == (to == "applied" and status == "approved") + (status == "applied")


def test_when_and_by_whom_each_step_was_done_is_told(helm):
    clock = helm.world.stop_clock()
    bob = helm.member("bob", "owner")
    action = helm.proposed("create_todo", label="Next", by=bob)
    clock.advance(timedelta(hours=1))
    step(helm, action, "approved", by=bob)
    clock.advance(timedelta(hours=1))
    applied = step(helm, action, "applied")
    assert (applied["proposedById"], applied["createdAt"]) == (bob.id, "2026-04-01T12:00:00Z")
    assert (applied["reviewedById"], applied["reviewedAt"]) == (bob.id, "2026-04-01T13:00:00Z")
    assert (applied["appliedById"], applied["appliedAt"]) == (helm.owner.id, "2026-04-01T14:00:00Z")


def test_actions_are_listed_by_status(helm):
    first, second = (helm.proposed("create_todo", label="Next") for _ in range(2))
    rejected = step(helm, second, "rejected")
    assert helm.ask("GET", "actions") == [first, rejected]
    assert helm.ask("GET", "actions?status=suggested") == [first]
    assert helm.ask("GET", "actions?status=rejected") == [rejected]
    assert helm.refused("GET", "actions?status=lost")[0] == 400


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "actionType is required; explanation is required"),
        ({"actionType": "x" * 101}, "actionType must be 1 to 100 characters"),
        ({"explanation": "x" * 501}, "explanation must be 1 to 500 characters"),
        ({"payload": []}, "payload must be an object"),
        ({"status": "approved"}, "status is not a field of this request"),
    ],
)
def test_what_cannot_be_proposed_is_told(helm, body, said):
    good = {"actionType": "move_card", "explanation": "Because"} if body else {}
    status, message, _ = helm.refused("POST", "actions/propose", good | body)
    assert status == 400
    assert message.startswith(said)
    assert helm.ask("GET", "actions") == []


@pytest.mark.parametrize("body", [{}, {"approved": "yes"}, {"approved": True, "reason": "x" * 201}])
def test_what_is_no_review_is_told(helm, body):
    action = helm.proposed("create_todo", label="Next")
    assert helm.refused("POST", f"actions/{action['id']}/review", body)[0] == 400
    assert helm.action(action) == action


# ---------------------------------------------------------------------------------------------- what is in the way


@pytest.mark.parametrize(
    ("action_type", "payload", "problem"),
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
def test_what_could_never_be_applied_says_so_from_the_beginning(helm, action_type, payload, problem):
    action = helm.proposed(action_type, **payload)
    assert action["problem"].startswith(problem)
    approved = step(helm, action, "approved")
    assert approved["problem"] == action["problem"]
    status, message, code = cannot(helm, action, "applied")
    assert (status, code) == (409, "action_failed")
    assert message == f"the action cannot be applied: {action['problem']}"
    assert helm.action(action) == approved
    rejected = step(helm, helm.proposed(action_type, **payload), "rejected")
    assert rejected["problem"] is None


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"targetColumn": "0" * 24}, "targetColumn must be the id of something that is there"),
        ({"cardId": "a" * 24}, "cardId must be the id of something that is there"),
        ({"targetColumn": "Done", "before": "a" * 24}, "before must be the id of something that is there"),
    ],
)
def test_what_cannot_be_done_leaves_everything_as_it_was(helm, payload, said):
    card = helm.card()
    action = helm.approved("move_card", **({"cardId": card["id"], "targetColumn": "Done"} | payload))
    assert cannot(helm, action, "applied") == (409, f"the action cannot be applied: {said}", "action_failed")
    assert helm.action(action) == action
    assert helm.read(card) == card


def test_applied_action_names_what_it_has_made(helm):
    action = helm.approved("create_card", projectId=helm.project["id"], title="Write")
    assert action["result"] is None
    applied = step(helm, action, "applied")
    assert applied["result"]["title"] == "Write"
    assert applied["result"] == helm.read(applied["result"])
    assert helm.action(action) == applied


def test_what_could_not_be_done_can_be_done_later(helm):
    card = helm.card()
    action = helm.approved("move_card", cardId=card["id"], targetColumn="Verified")
    assert cannot(helm, action, "applied")[2] == "action_failed"
    column = helm.world.ask(helm.owner, "POST", f"{helm.path}/columns", {"name": "Verified"})
    assert step(helm, action, "applied")["status"] == "applied"
    assert helm.read(card)["columnId"] == column["id"]


def test_what_an_action_does_in_part_is_undone(helm):
    bulk = [{"title": "One"}, {"title": "Two", "column": "Nowhere"}]
    action = helm.approved("create_cards_bulk", projectId=helm.project["id"], cards=bulk)
    assert cannot(helm, action, "applied")[0] == 409
    assert helm.world.ask(helm.owner, "GET", f"{helm.path}/cards") == []


def test_a_full_column_is_told(helm):
    card = helm.card()
    helm.world.ask(helm.owner, "PATCH", f"{helm.path}/columns/{helm.columns[2]['id']}", {"wipLimit": 1})
    helm.card(column=2)
    action = helm.approved("move_card", cardId=card["id"], targetColumn="Done")
    status, message, code = cannot(helm, action, "applied")
    assert (status, code) == (409, "action_failed")
    assert message.startswith("the action cannot be applied: ")


# ---------------------------------------------------------------------------------------------- whose rights


def test_an_action_runs_with_the_rights_of_who_approved_it(helm):
    bob = helm.member("bob", "reviewer")
    card = helm.card()
    action = helm.approved("move_card", cardId=card["id"], targetColumn="Done", by=bob)
    step(helm, action, "applied")
    moved = helm.world.ask(helm.owner, "GET", f"{helm.path}/activity?type=card_moved")
    assert [each["actorId"] for each in moved] == [bob.id]
    told = {each["type"]: each["actorId"] for each in helm.state("detailLevel=detailed")["history"]}
    assert (told["action_approved"], told["action_applied"]) == (bob.id, helm.owner.id)


def test_what_the_approver_may_not_do_is_not_done(helm):
    bob = helm.member("bob", "reviewer")
    action = helm.approved("create_mission", objective="Rule the world", by=bob)
    said = "the action cannot be applied: your role does not allow that"
    assert cannot(helm, action, "applied") == (409, said, "action_failed")
    assert helm.ask("GET", "missions") == []
    helm.world.ask(helm.owner, "PATCH", f"{helm.flat}/members/{bob.id}", {"pilotageRole": "owner"})
    assert step(helm, action, "applied")["status"] == "applied"
    assert [each["createdById"] for each in helm.ask("GET", "missions")] == [bob.id]


def test_what_was_approved_by_somebody_who_is_gone_without_a_word_is_not_done(helm):
    bob = helm.member("bob", "reviewer")
    action = helm.approved("create_todo", label="x", by=bob)
    with helm.world.core.begin(NOBODY) as uow:
        for table in ("stellary_workspace_members", "stellary_organization_members"):
            uow.connection.execute(text(f"DELETE FROM {table} WHERE user_id = :user"), {"user": bob.id})
    said = "whoever approved it no longer reaches the workspace"
    assert cannot(helm, action, "applied") == (409, said, "approver_left")
    assert helm.action(action) == action


def test_a_defect_is_told_as_such_and_leaves_the_action_approved(helm, monkeypatch):
    action = helm.approved("create_todo", label="x")

    def fail(*_):
        raise ServerError("the server has failed")

    monkeypatch.setattr("stellary.core.pilotage.proposed_actions.actions.run", fail)
    assert cannot(helm, action, "applied")[0] == 500
    assert helm.action(action) == action


def test_rules_act_on_what_an_action_has_done(helm):
    card = helm.card()
    rule = {"trigger": "task_moved", "action": {"type": "add_comment", "params": {"content": "Well done."}}}
    made = helm.world.ask(helm.owner, "POST", f"{helm.path}/automations", rule)
    step(helm, helm.approved("move_card", cardId=card["id"], targetColumn="Done"), "applied")
    assert helm.read(card)["commentCount"] == 1
    (trace,) = helm.world.ask(helm.owner, "GET", f"{helm.path}/automations/{made['id']}/traces")
    assert (trace["result"], trace["depth"]) == ("success", 0)


def test_a_rule_can_propose(helm):
    propose = {
        "actionType": "archive_card",
        "explanation": "Done for a while",
        "payload": {"cardId": "Write"},
    }
    rule = {"trigger": "task_moved", "action": {"type": "propose_action", "params": propose}}
    helm.world.ask(helm.owner, "POST", f"{helm.path}/automations", rule)
    card = helm.card()
    helm.world.ask(helm.owner, "PATCH", helm.of(card), {"columnId": helm.columns[2]["id"]})
    (action,) = helm.ask("GET", "actions?status=suggested")
    assert (action["actionType"], action["problem"]) == ("archive_card", None)


@pytest.mark.parametrize("way", ["removed", "left", "organization"])
def test_an_approval_ends_with_the_access_of_who_gave_it(helm, way):
    bob = helm.member("bob", "reviewer")
    kept, gone = helm.approved("create_todo", label="x"), helm.approved("create_todo", label="y", by=bob)
    rejected = step(helm, helm.proposed("create_todo", label="z"), "rejected", by=bob)
    if way == "organization":
        organization = helm.workspace.organization.path
        helm.world.ask(helm.owner, "DELETE", f"{organization}/members/{bob.id}")
    else:
        by = bob if way == "left" else helm.owner
        helm.world.ask(by, "DELETE", f"{helm.flat}/members/{bob.id}")
    assert helm.action(kept) == kept
    assert helm.action(rejected) == rejected
    again = helm.action(gone)
    assert (again["status"], again["reviewedById"], again["reviewedAt"]) == ("suggested", None, None)
    assert cannot(helm, gone, "applied")[2] == "invalid_transition"
    assert helm.state("detailLevel=detailed")["history"][0]["type"] == "action_reopened"
    step(helm, gone, "approved")
    step(helm, gone, "applied")


def test_what_was_approved_by_somebody_who_no_longer_leads_is_not_done(helm):
    boss = helm.person("boss")
    helm.world.join_organization(boss, helm.workspace.organization, "admin")
    action = helm.approved("create_todo", label="x", by=boss)
    members = f"{helm.workspace.organization.path}/members/{boss.id}"
    helm.world.ask(helm.owner, "PATCH", members, {"role": "member"})
    assert helm.action(action)["status"] == "suggested"


def test_nobody_else_may(helm):
    viewer, reviewer = helm.member("vic"), helm.member("ray", "reviewer")
    proposed, approved = helm.proposed("create_todo", label="x"), helm.approved("create_todo", label="y")
    assert (
        helm.refused("POST", "actions/propose", {"actionType": "x", "explanation": "y"}, by=viewer)[0] == 403
    )
    assert cannot(helm, proposed, "approved", by=viewer)[0] == 403
    assert cannot(helm, approved, "applied", by=reviewer)[0] == 403
    assert step(helm, proposed, "approved", by=reviewer)["status"] == "approved"


def test_a_token_reviews_and_applies_nothing(helm):
    token = helm.world.api_token(helm.owner)
    proposed, approved = helm.proposed("create_todo", label="x"), helm.approved("create_todo", label="y")
    path = f"{helm.flat}/pilotage/actions"
    assert helm.world.status(token, "POST", f"{path}/{proposed['id']}/review", {"approved": True}) == 403
    assert helm.world.status(token, "POST", f"{path}/{approved['id']}/apply") == 403
    body = {"actionType": "create_todo", "explanation": "y", "payload": {"label": "z"}}
    assert helm.world.status(token, "POST", f"{path}/propose", body) == 201


def test_an_action_of_another_workspace_is_not_there(helm):
    other = Helm(helm.world, helm.person("eve"))
    other.approved("create_todo", label="x")
    assert helm.refused("GET", "actions/act-001") == (404, "Action not found", "not_found")
    assert helm.refused("POST", "actions/act-001/apply")[0] == 404


# ---------------------------------------------------------------------------------------------- who is told


def test_who_has_proposed_is_told_what_becomes_of_it(helm):
    bob = helm.member("bob", "reviewer")
    action = helm.proposed("create_todo", label="x", by=bob)
    step(helm, action, "approved")
    step(helm, action, "applied")
    told = [each["activity"]["type"] for each in helm.world.ask(bob, "GET", "/notifications")]
    assert told == ["action_applied", "action_approved"]
    assert helm.world.ask(helm.owner, "GET", "/notifications") == []
    own = helm.proposed("create_todo", label="y", by=bob)
    step(helm, own, "rejected", by=bob)
    assert len(helm.world.ask(bob, "GET", "/notifications")) == 2


def test_who_has_left_is_told_nothing(helm):
    bob = helm.member("bob", "reviewer")
    action = helm.proposed("create_todo", label="x", by=bob)
    helm.world.ask(helm.owner, "DELETE", f"{helm.flat}/members/{bob.id}")
    step(helm, action, "approved")
    assert helm.world.ask(bob, "GET", "/notifications") == []
