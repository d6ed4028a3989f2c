"""Programs outside that take a mission, and are not heard of any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.core.agents.office import Office
from tests.core.agents.test_actions import code, run

HOUR = timedelta(hours=1)
EXTERNAL: dict[str, Any] = {"runtime": "external", "tools": ["missions", "board.read"]}


@pytest.fixture
def taken(office: Office) -> Any:
    """The clock, an agent, its token, and the mission that was taken with it."""
    clock = office.world.stop_clock()
    agent = office.agent(**EXTERNAL)
    token = office.token(agent)
    mission = office.mission(agent, "Do it")
    run(office, token, "get_next_mission")
    return clock, agent, token, mission


def test_a_mission_whose_program_is_not_heard_of_for_an_hour_fails(office: Office, taken: Any):
    clock, agent, token, mission = taken
    following = office.mission(agent, "And this", {"id": mission["cardId"]})
    clock.advance(HOUR - timedelta(seconds=1))
    assert office.worked(mission)["status"] == "running"
    clock.advance(timedelta(seconds=1))
    after = office.worked(mission)
    assert (after["status"], after["error"]) == (
        "failed",
        "the agent's program has not been heard of for an hour",
    )
    assert office.log(mission)[-2:] == [("status", "failed"), ("done", "failed")]
    # It comes back too late, and may take the next one.
    assert code(office, token, "complete_mission", missionId=mission["id"], summary="x") == "mission_over"
    assert run(office, token, "get_next_mission").id == following["id"]


def test_whatever_a_program_does_is_a_sign_that_it_is_there(office: Office, taken: Any):
    clock, _, token, mission = taken
    for _ in range(3):
        clock.advance(HOUR - timedelta(minutes=1))
        office.world.ask(token, "GET", office.path)
        assert office.worked(mission)["status"] == "running"
    clock.advance(HOUR)
    assert office.worked(mission)["status"] == "failed"


def test_a_program_that_may_do_nothing_is_not_expected(office: Office, taken: Any):
    clock, agent, _, mission = taken
    office.change(agent, status="suspended")
    clock.advance(3 * HOUR)
    assert office.worked(mission)["status"] == "running"
    office.change(agent, status="active")
    clock.advance(HOUR - timedelta(seconds=1))
    assert office.worked(mission)["status"] == "running"
    clock.advance(timedelta(seconds=1))
    assert office.worked(mission)["status"] == "failed"


def test_a_mission_is_cancelled_whoever_has_taken_it(office: Office, taken: Any):
    clock, _, token, mission = taken
    cancelled = office.world.ask(office.owner, "POST", f"{office.of_mission(mission)}/cancel")
    assert cancelled["status"] == "cancelled"
    assert code(office, token, "report_step", missionId=mission["id"], text="x") == "mission_over"
    clock.advance(2 * HOUR)
    assert office.worked(mission)["error"] is None
    assert office.world.core.work.jobs() == []


def test_who_is_to_think_may_change_while_a_mission_runs(office: Office, taken: Any):
    clock, agent, _, mission = taken
    office.change(agent, runtime="built_in", tools=["board.write"])
    assert office.worked(mission)["error"].startswith("I did not understand: 'Do it'.")
    other = office.agent("supervised")
    waiting = office.mission(other, "comment: Hi")
    office.change(other, status="suspended")
    office.worked(waiting)
    office.change(other, runtime="external", status="active")
    assert office.worked(waiting)["status"] == "queued"
    begun = office.agent(rateLimit={"maxActions": 1, "windowSeconds": 3600})
    running = office.mission(begun, "comment: a\ncomment: b")
    assert office.worked(running)["status"] == "running"
    office.change(begun, runtime="external")
    clock.advance(HOUR)
    assert office.worked(running)["status"] == "failed"


def test_a_program_is_expected_once_people_have_decided_what_it_waited_for(office: Office):
    clock = office.world.stop_clock()
    agent = office.agent("supervised")
    mission = office.mission(agent, "comment: Hi")
    office.worked(mission)
    office.change(agent, runtime="external")
    clock.advance(3 * HOUR)
    assert office.worked(mission)["status"] == "awaiting_approval"
    assert office.decide(office.proposals(mission)[0]).status == 200
    assert office.worked(mission)["status"] == "running"
    clock.advance(HOUR)
    assert office.worked(mission)["status"] == "failed"
