"""The state of pilotage: profiles, order, levels of detail, and cost."""

from datetime import timedelta

import pytest

from tests.support.statements import count_statements


@pytest.fixture
def api_with_items(api):
    """Return an API with missions, todos and a priority in different states."""
    clock = api.world.stop_clock()

    def later(created):
        clock.advance(timedelta(hours=1))
        return created

    for objective, status in (
        ("Sell", "to_launch"),
        ("Build", "in_progress"),
        ("Hire", "blocked"),
        ("Plan", "done"),
        ("Draw", "done"),
    ):
        later(api.mission(objective, status=status))
    later(api.ask("PATCH", "missions/m-004", {"module": "strategy"}))
    for label, status in (("Call", "todo"), ("Write", "in_progress"), ("Read", "done")):
        later(api.todo(label, status=status))
    later(api.priority("Ship"))
    later(api.priority("Old", status="done"))
    for title in ("First", "Second"):
        later(api.decision(title))
    later(api.doc())
    return api


LISTS = ("missions", "activePriorities", "todos", "decisions", "activeDocs")


def names(state):
    return {name: [item["id"] for item in state[name]] for name in LISTS}


def test_the_state_of_a_new_workspace_is_empty(api):
    state = api.state()
    assert {name: state[name] for name in (*LISTS, "traces", "history")} == {
        name: [] for name in (*LISTS, "traces", "history")
    }
    assert state["counts"] == dict.fromkeys([*LISTS, "suggestedActions", "approvedActions"], 0)
    assert (state["cycle"], state["contractVersion"], state["ids"]) == ("v1", 7, None)
    context = {"profile": "pilotage", "role": "owner", "intent": "weekly_review", "detailLevel": "standard"}
    assert state["usageContext"] == context


def test_review_starts_with_done_and_blocked_items(api_with_items):
    assert names(api_with_items.state()) == {
        "missions": ["m-004", "m-005", "m-003", "m-002", "m-001"],
        "activePriorities": ["p-001"],
        "todos": ["t-003", "t-002", "t-001"],
        "decisions": ["d-002", "d-001"],
        "activeDocs": ["doc-001"],
    }
    assert api_with_items.state("intent=weekly_review") == api_with_items.state()


def test_daily_execution_starts_with_items_in_progress(api_with_items):
    ids = names(api_with_items.state("intent=daily_execution"))
    assert ids["missions"] == ["m-002", "m-003", "m-001", "m-004", "m-005"]
    assert ids["todos"] == ["t-002", "t-001", "t-003"]


def test_sprint_planning_starts_with_planned_items(api_with_items):
    ids = names(api_with_items.state("intent=sprint_planning"))
    assert ids["missions"] == ["m-001", "m-003", "m-002", "m-004", "m-005"]
    assert ids["todos"] == ["t-001", "t-002", "t-003"]


def test_context_is_in_creation_order(api_with_items):
    ids = names(api_with_items.state("intent=context_only"))
    assert ids["missions"] == [f"m-00{number}" for number in range(1, 6)]
    assert ids["decisions"] == ["d-001", "d-002"]


def test_execution_shows_todos_and_running_missions(api_with_items):
    assert names(api_with_items.state("profile=execution")) == {
        "missions": ["m-003", "m-002"],
        "activePriorities": [],
        "todos": ["t-003", "t-002", "t-001"],
        "decisions": [],
        "activeDocs": [],
    }


def test_a_revue_shows_decisions_and_what_is_done(api_with_items):
    state = api_with_items.state("profile=revue")
    expected = {"missions": ["m-004", "m-005"], "todos": ["t-003"], "decisions": ["d-002", "d-001"]}
    assert names(state) == {**expected, "activePriorities": [], "activeDocs": []}
    assert state["usageContext"]["profile"] == "revue"


@pytest.mark.parametrize("profile", ["pilotage", "execution", "revue"])
def test_minimal_detail_has_counts_and_ids(api_with_items, profile):
    whole, least = (
        api_with_items.state(f"profile={profile}&detailLevel={level}") for level in ("standard", "minimal")
    )
    assert least["ids"] == names(whole)
    assert {name: least[name] for name in LISTS} == {name: [] for name in LISTS}
    assert least["counts"] == whole["counts"]
    assert {name: whole["counts"][name] for name in LISTS} == {name: len(whole[name]) for name in LISTS}
    assert least["usageContext"]["detailLevel"] == "minimal"


def test_detailed_state_has_proposals_and_history(api):
    mission = api.mission("Sell")
    api.ask("PATCH", f"missions/{mission['id']}", {"status": "in_progress", "module": "sales"})
    first, second = (api.propose("archive_card", cardId="x") for _ in range(2))
    api.ask("POST", f"actions/{first['id']}/review", {"approved": False, "reason": "Not now"})
    state = api.state("detailLevel=detailed")
    assert state["traces"] == [api.action(second), api.action(first)]
    assert state["counts"]["suggestedActions"] == 1
    assert [(entry["type"], entry["meta"]) for entry in state["history"]] == [
        ("action_rejected", {"id": "act-001", "title": "archive_card"}),
        ("action_proposed", {"id": "act-002", "title": "archive_card"}),
        ("action_proposed", {"id": "act-001", "title": "archive_card"}),
        ("mission_updated", {"id": "m-001", "title": "Sell", "changed": ["module", "status"]}),
        ("mission_created", {"id": "m-001", "title": "Sell"}),
    ]
    assert {(entry["actorName"], entry["projectId"], entry["workspaceId"]) for entry in state["history"]} == {
        (api.owner.user.name, None, api.workspace.id)
    }


def test_history_contains_only_pilotage_of_the_workspace(api):
    type(api)(api.world, api.owner).mission()
    api.card()
    assert api.state("detailLevel=detailed")["history"] == []


def test_history_is_bounded(api):
    for _ in range(51):
        api.ask("PATCH", f"todos/{api.todo()['id']}", {"status": "done"})
    history = api.state("detailLevel=detailed")["history"]
    assert len(history) == 100
    assert history[0]["meta"] == {"id": "t-051", "title": "Write tests", "changed": ["status", "completedAt"]}


@pytest.mark.parametrize("role", ["viewer", "reviewer", "owner"])
def test_state_contains_the_role_of_the_caller(api, role):
    assert api.state(by=api.member("bob", role))["usageContext"]["role"] == role


def test_organization_owner_pilots_all_its_workspaces(api):
    boss = api.person("boss")
    api.world.join_organization(boss, api.workspace.organization, "admin")
    assert api.state(by=boss)["usageContext"]["role"] == "owner"
    api.ask("POST", "missions", {"objective": "Lead"}, by=boss)


@pytest.mark.parametrize(("level", "sent"), [("minimal", 7), ("standard", 7), ("detailed", 10)])
def test_statements_of_the_state_do_not_grow_with_missions(api, statements, level, sent):
    api.approve("create_todo", label="x")
    api.state(f"detailLevel={level}")
    with statements() as before:
        api.state(f"detailLevel={level}")
    for number in range(12):
        api.todo(f"Todo {number}", api.mission(f"Mission {number}"))
        api.decision()
        api.approve("create_todo", label="x")
    assert (len(before), count_statements(api.state, f"detailLevel={level}")) == (sent, sent)
