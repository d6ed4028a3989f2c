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
def taken_mission(board: AgentApi) -> Any:
    """Return the clock, an agent, its token, and the mission taken with it."""
    clock = board.world.stop_clock()
    agent = board.agent(**EXTERNAL)
    token = board.token(agent)
    mission = board.mission(agent, "Do it")
    run(board, token, "get_next_mission")
    return clock, agent, token, mission


def test_mission_fails_after_an_hour_without_a_sign_of_its_program(board: AgentApi, taken_mission: Any):
    clock, agent, token, mission = taken_mission
    following = board.mission(agent, "And this", {"id": mission["cardId"]})
    clock.advance(HOUR - timedelta(seconds=1))
    assert board.run_mission(mission)["status"] == "running"
    clock.advance(timedelta(seconds=1))
    after = board.run_mission(mission)
    assert after == after | {"status": "failed", "error": "the agent's program has made no call for an hour"}
    assert board.log(mission)[-2:] == [("status", "failed"), ("done", "failed")]
    # It comes back too late, and may take the next one.
    assert code(board, token, "complete_mission", missionId=mission["id"], summary="x") == "mission_over"
    assert run(board, token, "get_next_mission").id == following["id"]


def test_any_call_of_a_program_counts_as_a_sign_of_life(board: AgentApi, taken_mission: Any):
    clock, _, token, mission = taken_mission
    for _ in range(3):
        clock.advance(HOUR - timedelta(minutes=1))
        board.world.ask(token, "GET", board.path)
        assert board.run_mission(mission)["status"] == "running"
    clock.advance(HOUR)
    assert board.run_mission(mission)["status"] == "failed"


def test_suspended_program_is_not_expected(board: AgentApi, taken_mission: Any):
    clock, agent, _, mission = taken_mission
    board.change(agent, status="suspended")
    clock.advance(3 * HOUR)
    assert board.run_mission(mission)["status"] == "running"
    board.change(agent, status="active")
    clock.advance(HOUR - timedelta(seconds=1))
    assert board.run_mission(mission)["status"] == "running"
    clock.advance(timedelta(seconds=1))
    assert board.run_mission(mission)["status"] == "failed"


def test_taken_mission_can_be_cancelled(board: AgentApi, taken_mission: Any):
    clock, _, token, mission = taken_mission
    assert ask(board, "POST", f"{board.of_mission(mission)}/cancel")["status"] == "cancelled"
    assert code(board, token, "report_step", missionId=mission["id"], text="x") == "mission_over"
    clock.advance(2 * HOUR)
    assert board.run_mission(mission)["error"] is None
    assert board.world.core.work.jobs() == []


def test_who_is_to_think_may_change_while_a_mission_runs(board: AgentApi, taken_mission: Any):
    clock, agent, _, mission = taken_mission
    board.change(agent, runtime="built_in", tools=["board.write"])
    assert board.run_mission(mission)["error"].startswith("I did not understand 'Do' in 'Do it'.")
    other = board.agent("supervised")
    waiting = board.mission(other, "comment: Hi")
    board.change(other, status="suspended")
    board.run_mission(waiting)
    board.change(other, runtime="external", status="active")
    assert board.run_mission(waiting)["status"] == "queued"
    limited_agent = board.agent(rateLimit={"maxActions": 1, "windowSeconds": 3600})
    running = board.mission(limited_agent, "comment: a\ncomment: b")
    assert board.run_mission(running)["status"] == "running"
    board.change(limited_agent, runtime="external")
    clock.advance(HOUR)
    assert board.run_mission(running)["status"] == "failed"


def test_program_is_expected_after_its_proposals_are_decided(board: AgentApi, clock):
    agent = board.agent("supervised")
    mission = board.start(agent, "comment: Hi")
    board.change(agent, runtime="external")
    clock.advance(3 * HOUR)
    assert board.run_mission(mission)["status"] == "awaiting_approval"
    assert board.decide(board.proposals(mission)[0]).status == 200
    assert board.run_mission(mission)["status"] == "running"
    clock.advance(HOUR)
    assert board.run_mission(mission)["status"] == "failed"
