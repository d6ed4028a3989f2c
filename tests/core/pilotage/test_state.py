"""The state: what each profile shows, in which order, in how much detail, and what that costs."""

from __future__ import annotations

from datetime import timedelta

import pytest


@pytest.fixture
def steered(pilotage_api):
    """A helm with four missions, three todos and a priority of which something has become."""
    clock = pilotage_api.world.stop_clock()

    def later(made):
        clock.advance(timedelta(hours=1))
        return made

    for objective, status in (
        ("Sell", "to_launch"),
        ("Build", "in_progress"),
        ("Hire", "blocked"),
        ("Plan", "done"),
        ("Draw", "done"),
    ):
        later(pilotage_api.mission(objective))
        later(
            pilotage_api.ask(
                "PATCH", f"missions/{pilotage_api.ask('GET', 'missions')[-1]['id']}", {"status": status}
            )
        )
    later(pilotage_api.ask("PATCH", "missions/m-004", {"module": "strategy"}))
    for label, status in (("Call", "todo"), ("Write", "in_progress"), ("Read", "done")):
        later(pilotage_api.todo(label))
        later(
            pilotage_api.ask(
                "PATCH", f"todos/{pilotage_api.ask('GET', 'todos')[-1]['id']}", {"status": status}
            )
        )
    later(pilotage_api.priority("Ship"))
    later(pilotage_api.priority("Old", status="done"))
    for title in ("First", "Second"):
        later(pilotage_api.decision(title))
    later(pilotage_api.doc())
    return pilotage_api


LISTS = ("missions", "activePriorities", "todos", "decisions", "activeDocs")


def names(state):
    return {name: [each["id"] for each in state[name]] for name in LISTS}


def test_the_state_of_a_new_workspace_is_empty(pilotage_api):
    assert pilotage_api.state() == {
        "cycle": "v1",
        "contractVersion": 7,
        "missions": [],
        "activePriorities": [],
        "todos": [],
        "decisions": [],
        "activeDocs": [],
        "counts": {
            "missions": 0,
            "activePriorities": 0,
            "todos": 0,
            "decisions": 0,
            "activeDocs": 0,
            "suggestedActions": 0,
            "approvedActions": 0,
        },
        "ids": None,
        "traces": [],
        "history": [],
        "usageContext": {
            "profile": "pilotage",
            "role": "owner",
            "intent": "weekly_review",
            "detailLevel": "standard",
        },
    }


def test_a_review_begins_with_what_was_done_and_what_is_in_the_way(steered):
    assert names(steered.state()) == {
        "missions": ["m-004", "m-005", "m-003", "m-002", "m-001"],
        "activePriorities": ["p-001"],
        "todos": ["t-003", "t-002", "t-001"],
        "decisions": ["d-002", "d-001"],
        "activeDocs": ["doc-001"],
    }
    assert steered.state("intent=weekly_review") == steered.state()


def test_a_day_begins_with_what_is_being_worked_on(steered):
    found = names(steered.state("intent=daily_execution"))
    assert found["missions"] == ["m-002", "m-003", "m-001", "m-004", "m-005"]
    assert found["todos"] == ["t-002", "t-001", "t-003"]


def test_a_sprint_begins_with_what_is_to_be_begun(steered):
    found = names(steered.state("intent=sprint_planning"))
    assert found["missions"] == ["m-001", "m-003", "m-002", "m-004", "m-005"]
    assert found["todos"] == ["t-001", "t-002", "t-003"]


def test_as_context_all_is_as_it_was_made(steered):
    found = names(steered.state("intent=context_only"))
    assert found["missions"] == [f"m-00{number}" for number in range(1, 6)]
    assert found["decisions"] == ["d-001", "d-002"]


def test_execution_shows_todos_and_running_missions(steered):
    assert names(steered.state("profile=execution")) == {
        "missions": ["m-003", "m-002"],
        "activePriorities": [],
        "todos": ["t-003", "t-002", "t-001"],
        "decisions": [],
        "activeDocs": [],
    }


def test_a_revue_shows_decisions_and_what_is_done(steered):
    state = steered.state("profile=revue")
    assert names(state) == {
        "missions": ["m-004", "m-005"],
        "activePriorities": [],
        "todos": ["t-003"],
        "decisions": ["d-002", "d-001"],
        "activeDocs": [],
    }
    assert state["usageContext"]["profile"] == "revue"


@pytest.mark.parametrize("profile", ["pilotage", "execution", "revue"])
def test_at_least_it_tells_counts_and_ids(steered, profile):
    whole, least = (
        steered.state(f"profile={profile}&detailLevel={level}") for level in ("standard", "minimal")
    )
    assert least["ids"] == names(whole)
    assert {name: least[name] for name in LISTS} == {name: [] for name in LISTS}
    assert least["counts"] == whole["counts"]
    assert {name: whole["counts"][name] for name in LISTS} == {name: len(whole[name]) for name in LISTS}
    assert least["usageContext"]["detailLevel"] == "minimal"


def test_in_detail_it_tells_what_was_proposed_and_what_has_happened(pilotage_api):
    mission = pilotage_api.mission("Sell")
    pilotage_api.ask("PATCH", f"missions/{mission['id']}", {"status": "in_progress", "module": "sales"})
    first, second = (pilotage_api.proposed("archive_card", cardId="x") for _ in range(2))
    pilotage_api.ask("POST", f"actions/{first['id']}/review", {"approved": False, "reason": "Not now"})
    state = pilotage_api.state("detailLevel=detailed")
    assert state["traces"] == [pilotage_api.action(second), pilotage_api.action(first)]
    assert state["counts"]["suggestedActions"] == 1
    happened = [(each["type"], each["meta"]) for each in state["history"]]
    assert happened == [
        ("action_rejected", {"id": "act-001", "title": "archive_card"}),
        ("action_proposed", {"id": "act-002", "title": "archive_card"}),
        ("action_proposed", {"id": "act-001", "title": "archive_card"}),
        ("mission_updated", {"id": "m-001", "title": "Sell", "changed": ["module", "status"]}),
        ("mission_created", {"id": "m-001", "title": "Sell"}),
    ]
    assert {(each["actorName"], each["projectId"], each["workspaceId"]) for each in state["history"]} == {
        (pilotage_api.owner.user.name, None, pilotage_api.workspace.id)
    }


def test_history_is_that_of_the_workspace_and_of_pilotage_alone(pilotage_api):
    other = type(pilotage_api)(pilotage_api.world, pilotage_api.owner)
    other.mission()
    pilotage_api.card()
    assert pilotage_api.state("detailLevel=detailed")["history"] == []


def test_history_is_bounded(pilotage_api):
    for _ in range(51):
        pilotage_api.ask("PATCH", f"todos/{pilotage_api.todo()['id']}", {"status": "done"})
    found = pilotage_api.state("detailLevel=detailed")["history"]
    assert len(found) == 100
    assert found[0]["meta"] == {"id": "t-051", "title": "Write tests", "changed": ["status", "completedAt"]}


@pytest.mark.parametrize("query", ["profile=all", "intent=rest", "detailLevel=3", "depth=1"])
def test_what_cannot_be_asked_is_told(pilotage_api, query):
    assert pilotage_api.refused("GET", f"state?{query}")[0] == 400


@pytest.mark.parametrize("role", ["viewer", "reviewer", "owner"])
def test_the_callers_role_is_told(pilotage_api, role):
    assert pilotage_api.state(by=pilotage_api.member("bob", role))["usageContext"]["role"] == role


def test_who_leads_the_organization_pilots_all_its_workspaces(pilotage_api):
    boss = pilotage_api.person("boss")
    pilotage_api.world.join_organization(boss, pilotage_api.workspace.organization, "admin")
    assert pilotage_api.state(by=boss)["usageContext"]["role"] == "owner"
    pilotage_api.ask("POST", "missions", {"objective": "Lead"}, by=boss)


@pytest.mark.parametrize(("level", "sent"), [("minimal", 7), ("standard", 7), ("detailed", 9)])
def test_a_state_takes_as_many_statements_for_many_missions_as_for_none(
    pilotage_api, statements, level, sent
):
    pilotage_api.state(f"detailLevel={level}")
    with statements() as before:
        pilotage_api.state(f"detailLevel={level}")
    for number in range(12):
        pilotage_api.todo(f"Todo {number}", pilotage_api.mission(f"Mission {number}"))
        pilotage_api.decision()
        pilotage_api.approved("archive_card", cardId="x")
    with statements() as after:
        pilotage_api.state(f"detailLevel={level}")
    assert (len(before), len(after)) == (sent, sent)
