"""Concurrent decisions and workers: each step of a mission happens once."""

from typing import Any

import pytest

from stellary.core import Core
from stellary.core.agents import running
from tests.core.agents.agent_api import AgentApi
from tests.support.boards import ask
from tests.support.world import at_once

PROMPT = "set priority high, add checklist: a, b\ncomment: On it."


def waiting(agent_api: AgentApi, prompt: str = "comment: On it.", mode: str = "supervised") -> Any:
    """Return a mission that waits for approval, and its first proposal."""
    card = agent_api.card()
    mission = agent_api.start(mode, prompt, card)
    return card, mission, agent_api.proposals(mission)[0]


def test_one_of_two_concurrent_approvals_wins(agent_api: AgentApi):
    card, _, proposal = waiting(agent_api)
    assert sorted(at_once(*[lambda: agent_api.decide(proposal).status] * 2)) == [200, 409]
    assert agent_api.read(card)["commentCount"] == 1


def test_one_of_two_concurrent_batch_approvals_wins(agent_api: AgentApi):
    card, mission, _ = waiting(agent_api, PROMPT, "approval")
    path = f"{agent_api.of_mission(mission)}/proposals/approve"
    assert sorted(at_once(*[lambda: agent_api.world.status(agent_api.owner, "POST", path)] * 2)) == [200, 409]
    now = agent_api.read(card)
    assert (now["commentCount"], len(now["checklist"])) == (1, 2)


def test_one_of_two_concurrent_last_decisions_closes_the_batch(agent_api: AgentApi):
    for how in ("approve", "reject"):
        card, mission, _ = waiting(agent_api, "set priority high\ncomment: On it.", "approval")
        first, second = agent_api.proposals(mission)
        answers = at_once(
            lambda: agent_api.decide(first).status,  # noqa: B023 - called at once
            lambda: agent_api.decide(second, how).status,  # noqa: B023
        )
        assert answers == [200, 200]
        after, now = agent_api.mission_now(mission), agent_api.read(card)
        assert after["status"] == "completed"
        assert (now["priority"], now["version"]) == ("high", card["version"] + 1)
        # The comment that was asked for, or the one that says that it was rejected.
        assert now["commentCount"] == 1
        assert [entry for entry in agent_api.log(mission) if entry[0] == "done"] == [("done", "completed")]


def test_concurrent_approval_and_rejection_have_one_winner(agent_api: AgentApi):
    card, _, proposal = waiting(agent_api)
    approved, rejected = at_once(
        lambda: agent_api.decide(proposal).status, lambda: agent_api.decide(proposal, "reject").status
    )
    assert sorted([approved, rejected]) == [200, 409]
    assert agent_api.read(card)["commentCount"] == (approved == 200)


def test_concurrent_approval_and_cancellation_end_in_cancellation(agent_api: AgentApi):
    card, mission, proposal = waiting(agent_api, "comment: a\ncomment: b")
    cancel = f"{agent_api.of_mission(mission)}/cancel"
    approved, cancelled = at_once(
        lambda: agent_api.decide(proposal).status,
        lambda: agent_api.world.status(agent_api.owner, "POST", cancel),
    )
    assert cancelled == 200
    first, second = agent_api.proposals(mission)
    assert (first["status"] == "approved") == (approved == 200) == (agent_api.read(card)["commentCount"] == 1)
    assert second["status"] == "rejected"
    assert agent_api.mission_now(mission)["status"] == "cancelled"


def test_only_one_of_two_missions_on_a_card_runs(agent_api: AgentApi, core):
    card = agent_api.card()
    agents = [agent_api.agent("supervised"), agent_api.agent("supervised")]
    missions = [agent_api.mission(agent, "comment: hi", card) for agent in agents]
    at_once(*(lambda mission=mission: run(core, mission) for mission in missions))
    assert sorted(agent_api.mission_now(mission)["status"] for mission in missions) == [
        "awaiting_approval",
        "queued",
    ]


def run(core: Core, mission: Any) -> None:
    running.run(core.units, {"missionId": mission["id"]}, lambda: None)


@pytest.mark.parametrize("mode", ["autonomous", "supervised"])
def test_two_workers_do_each_step_of_a_mission_once(agent_api: AgentApi, mode):
    for _ in range(3):
        card = agent_api.card()
        mission = agent_api.mission(agent_api.agent(mode), PROMPT, card)
        at_once(*[lambda: run(agent_api.world.core, mission)] * 2)  # noqa: B023 - called at once
        agent_api.run_mission(mission)
        now = agent_api.read(card)
        done = {"autonomous": ("completed", 1, 2, 0), "supervised": ("awaiting_approval", 0, 0, 4)}[mode]
        status = agent_api.mission_now(mission)["status"]
        assert (status, now["commentCount"], len(now["checklist"]), len(agent_api.proposals(mission))) == done
        agent_api.log(mission)


def test_mission_cancelled_while_thinking_does_nothing(agent_api: AgentApi, core):
    brain = core.env.brains["built_in"]
    card = agent_api.card()
    mission = agent_api.mission(agent_api.agent("autonomous"), PROMPT, card)

    class Slow:
        def think(self, task):
            ask(agent_api, "POST", f"{agent_api.of_mission(mission)}/cancel")
            return brain.think(task)

    core.env.brains = {"built_in": Slow()}
    assert agent_api.run_mission(mission)["status"] == "cancelled"
    assert agent_api.read(card) == card
    assert core.work.jobs() == []
