"""Actions of pilotage and insights, for agents and rules."""

import pytest

from stellary.contract.errors import ApiError, Invalid
from stellary.core import Actor
from tests.support.core_parts import actions
from tests.support.each_case import for_each


def run(api, name, *, actor=None, **params):
    with api.world.core.begin(actor or api.owner.actor) as uow:
        return actions.run(uow, api.workspace.ref, name, params)


def test_state_action(api):
    api.mission()
    state = run(api, "get_pilotage_state", profile="pilotage", detailLevel="minimal")
    assert state.ids.missions == ["m-001"]


def test_items_are_created_and_updated_by_actions(api):
    mission = run(api, "create_mission", objective="Implement billing")
    assert run(api, "update_mission", missionId=mission.id, status="blocked").status == "blocked"
    priority = run(api, "create_priority", label="Ship it")
    assert run(api, "update_priority", priorityId=priority.id, status="done").completed_at is not None
    todo = run(api, "create_todo", label="Write tests", missionId=mission.id)
    assert run(api, "update_todo", todoId=todo.id, status="done", missionId=None).mission_id is None
    assert run(api, "create_decision", title="Use Stripe").id == "d-001"
    assert run(api, "propose_action", actionType="archive_card", explanation="x").status == "suggested"


@for_each(
    "name, field",
    [("update_mission", "missionId"), ("update_priority", "priorityId"), ("update_todo", "todoId")],
)
def test_unknown_item_is_a_problem_of_the_params(api, name, field):
    with pytest.raises(Invalid, match=rf"{field}\) must be the id of an existing item"):
        run(api, name, **{field: "x-001"})


def test_cockpit_summarizes_projects_missions_and_actions(api):
    api.card("Write", dueDate="2020-01-01")
    api.mission("Sell", status="in_progress")
    api.mission("Rest")
    waiting = api.propose("archive_card", cardId="Write")
    ready = api.approve("archive_card", cardId="Write")
    dashboard = run(api, "get_cockpit_dashboard")
    expected = [("Launch", 1, 1)]
    assert [(project.name, project.cards, project.overdue) for project in dashboard.projects] == expected
    assert [mission.objective for mission in dashboard.state.missions] == ["Sell"]
    assert [action.id for action in dashboard.actions_to_review] == [waiting["id"]]
    assert [action.id for action in dashboard.actions_to_apply] == [ready["id"]]


@for_each("scope", ["pilotage:read", "projects:read"])
def test_cockpit_needs_the_scopes_of_both_areas(api, scope):
    with pytest.raises(ApiError) as error:
        run(api, "get_cockpit_dashboard", actor=Actor(api.owner.id, frozenset({scope})))
    assert error.value.code == "insufficient_scope"
