"""External programs that take a mission and then stop reporting."""

from datetime import timedelta
from typing import Any

import pytest

from tests.core.agents.agent_api import AgentApi
from tests.core.agents.test_actions import code, run
from tests.support.boards import ask

HOUR = timedelta(hours=1)
EXTERNAL: dict[str, Any] = {"runtime": "external", "tools": ["missions", "board.read"]}


@pytest.fixture
def taken_mission(agent_api: AgentApi) -> Any:
    """Return the clock, an agent, its token, and the mission taken with it."""
    clock = agent_api.world.stop_clock()
    agent = agent_api.agent(**EXTERNAL)
    token = agent_api.token(agent)
    mission = agent_api.mission(agent, "Do it")
    run(agent_api, token, "get_next_mission")
    return clock, agent, token, mission


def test_mission_fails_after_an_hour_without_a_sign_of_its_program(agent_api: AgentApi, taken_mission: Any):
    clock, agent, token, mission = taken_mission
    following = agent_api.mission(agent, "And this", {"id": mission["cardId"]})
    clock.advance(HOUR - timedelta(seconds=1))
    assert agent_api.run_mission(mission)["status"] == "running"
    clock.advance(timedelta(seconds=1))
    after = agent_api.run_mission(mission)
    assert (after["status"], after["error"]) == (
        "failed",
        "the agent's program has made no call for an hour",
    )
    assert agent_api.log(mission)[-2:] == [("status", "failed"), ("done", "failed")]
    # It comes back too late, and may take the next one.
    assert code(agent_api, token, "complete_mission", missionId=mission["id"], summary="x") == "mission_over"
    assert run(agent_api, token, "get_next_mission").id == following["id"]


def test_any_call_of_a_program_counts_as_a_sign_of_life(agent_api: AgentApi, taken_mission: Any):
    clock, _, token, mission = taken_mission
    for _ in range(3):
        clock.advance(HOUR - timedelta(minutes=1))
        agent_api.world.ask(token, "GET", agent_api.path)
        assert agent_api.run_mission(mission)["status"] == "running"
    clock.advance(HOUR)
    assert agent_api.run_mission(mission)["status"] == "failed"


def test_suspended_program_is_not_expected(agent_api: AgentApi, taken_mission: Any):
    clock, agent, _, mission = taken_mission
    agent_api.change(agent, status="suspended")
    clock.advance(3 * HOUR)
    assert agent_api.run_mission(mission)["status"] == "running"
    agent_api.change(agent, status="active")
    clock.advance(HOUR - timedelta(seconds=1))
    assert agent_api.run_mission(mission)["status"] == "running"
    clock.advance(timedelta(seconds=1))
    assert agent_api.run_mission(mission)["status"] == "failed"


def test_taken_mission_can_be_cancelled(agent_api: AgentApi, taken_mission: Any):
    clock, _, token, mission = taken_mission
    assert ask(agent_api, "POST", f"{agent_api.of_mission(mission)}/cancel")["status"] == "cancelled"
    assert code(agent_api, token, "report_step", missionId=mission["id"], text="x") == "mission_over"
    clock.advance(2 * HOUR)
    assert agent_api.run_mission(mission)["error"] is None
    assert agent_api.world.core.work.jobs() == []


def test_who_is_to_think_may_change_while_a_mission_runs(agent_api: AgentApi, taken_mission: Any):
    clock, agent, _, mission = taken_mission
    agent_api.change(agent, runtime="built_in", tools=["board.write"])
    assert agent_api.run_mission(mission)["error"].startswith("I did not understand 'Do' in 'Do it'.")
    other = agent_api.agent("supervised")
    waiting = agent_api.mission(other, "comment: Hi")
    agent_api.change(other, status="suspended")
    agent_api.run_mission(waiting)
    agent_api.change(other, runtime="external", status="active")
    assert agent_api.run_mission(waiting)["status"] == "queued"
    limited_agent = agent_api.agent(rateLimit={"maxActions": 1, "windowSeconds": 3600})
    running = agent_api.mission(limited_agent, "comment: a\ncomment: b")
    assert agent_api.run_mission(running)["status"] == "running"
    agent_api.change(limited_agent, runtime="external")
    clock.advance(HOUR)
    assert agent_api.run_mission(running)["status"] == "failed"


def test_program_is_expected_after_its_proposals_are_decided(agent_api: AgentApi, clock):
    agent = agent_api.agent("supervised")
    mission = agent_api.start(agent, "comment: Hi")
    agent_api.change(agent, runtime="external")
    clock.advance(3 * HOUR)
    assert agent_api.run_mission(mission)["status"] == "awaiting_approval"
    assert agent_api.decide(agent_api.proposals(mission)[0]).status == 200
    assert agent_api.run_mission(mission)["status"] == "running"
    clock.advance(HOUR)
    assert agent_api.run_mission(mission)["status"] == "failed"
