"""Concurrent decisions and workers: each step of a mission happens once."""

from typing import Any

import pytest

from stellary.core import Core
from stellary.core.agents import running
from tests.core.agents.agent_api import AgentApi
from tests.support.boards import ask
from tests.support.world import at_once

PROMPT = "set priority high, add checklist: a, b\ncomment: On it."


def waiting(board: AgentApi, prompt: str = "comment: On it.", mode: str = "supervised") -> Any:
    """Return a mission that waits for approval, and its first proposal."""
    card = board.card()
    mission = board.start(mode, prompt, card)
    return card, mission, board.proposals(mission)[0]


def test_one_of_two_concurrent_approvals_wins(board: AgentApi):
    card, _, proposal = waiting(board)
    assert sorted(at_once(*[lambda: board.decide(proposal).status] * 2)) == [200, 409]
    assert board.read(card)["commentCount"] == 1


def test_one_of_two_concurrent_batch_approvals_wins(board: AgentApi):
    card, mission, _ = waiting(board, PROMPT, "approval")
    path = f"{board.of_mission(mission)}/proposals/approve"
    assert sorted(at_once(*[lambda: board.world.status(board.owner, "POST", path)] * 2)) == [200, 409]
    now = board.read(card)
    assert (now["commentCount"], len(now["checklist"])) == (1, 2)


def test_one_of_two_concurrent_last_decisions_closes_the_batch(board: AgentApi):
    for how in ("approve", "reject"):
        card, mission, _ = waiting(board, "set priority high\ncomment: On it.", "approval")
        first, second = board.proposals(mission)
        answers = at_once(
            lambda: board.decide(first).status,  # noqa: B023 - called at once
            lambda: board.decide(second, how).status,  # noqa: B023
        )
        assert answers == [200, 200]
        after, now = board.mission_now(mission), board.read(card)
        assert after["status"] == "completed"
        assert (now["priority"], now["version"]) == ("high", card["version"] + 1)
        # The comment that was asked for, or the one that says that it was rejected.
        assert now["commentCount"] == 1
        assert [entry for entry in board.log(mission) if entry[0] == "done"] == [("done", "completed")]


def test_concurrent_approval_and_rejection_have_one_winner(board: AgentApi):
    card, _, proposal = waiting(board)
    approved, rejected = at_once(
        lambda: board.decide(proposal).status, lambda: board.decide(proposal, "reject").status
    )
    assert sorted([approved, rejected]) == [200, 409]
    assert board.read(card)["commentCount"] == (approved == 200)


def test_concurrent_approval_and_cancellation_end_in_cancellation(board: AgentApi):
    card, mission, proposal = waiting(board, "comment: a\ncomment: b")
    cancel = f"{board.of_mission(mission)}/cancel"
    approved, cancelled = at_once(
        lambda: board.decide(proposal).status, lambda: board.world.status(board.owner, "POST", cancel)
    )
    assert cancelled == 200
    first, second = board.proposals(mission)
    assert (first["status"] == "approved") == (approved == 200) == (board.read(card)["commentCount"] == 1)
    assert second["status"] == "rejected"
    assert board.mission_now(mission)["status"] == "cancelled"


def test_only_one_of_two_missions_on_a_card_runs(board: AgentApi, core):
    card = board.card()
    agents = [board.agent("supervised"), board.agent("supervised")]
    missions = [board.mission(agent, "comment: hi", card) for agent in agents]
    at_once(*(lambda mission=mission: run(core, mission) for mission in missions))
    expected = ["awaiting_approval", "queued"]
    assert sorted(board.mission_now(mission)["status"] for mission in missions) == expected


def run(core: Core, mission: Any) -> None:
    running.run(core.units, {"missionId": mission["id"]}, lambda: None)


@pytest.mark.parametrize("mode", ["autonomous", "supervised"])
def test_two_workers_do_each_step_of_a_mission_once(board: AgentApi, mode):
    for _ in range(3):
        card = board.card()
        mission = board.mission(board.agent(mode), PROMPT, card)
        at_once(*[lambda: run(board.world.core, mission)] * 2)  # noqa: B023 - called at once
        board.run_mission(mission)
        now = board.read(card)
        done = {"autonomous": ("completed", 1, 2, 0), "supervised": ("awaiting_approval", 0, 0, 4)}[mode]
        status = board.mission_now(mission)["status"]
        assert (status, now["commentCount"], len(now["checklist"]), len(board.proposals(mission))) == done
        board.log(mission)


def test_mission_cancelled_while_thinking_does_nothing(board: AgentApi, core):
    brain = core.env.brains["built_in"]
    card = board.card()
    mission = board.mission(board.agent("autonomous"), PROMPT, card)

    class Slow:
        def think(self, task):
            ask(board, "POST", f"{board.of_mission(mission)}/cancel")
            return brain.think(task)

    core.env.brains = {"built_in": Slow()}
    assert board.run_mission(mission)["status"] == "cancelled"
    assert board.read(card) == card
    assert core.work.jobs() == []
