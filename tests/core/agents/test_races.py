"""Two at once: whatever is decided or done in a mission has one winner, and happens once."""

from __future__ import annotations

from typing import Any

import pytest

from stellary.core import Core
from stellary.core.agents import running
from tests.core.agents.office import Office
from tests.support.world import at_once

PROMPT = "set priority high, add checklist: a, b, comment: On it."


def waiting(office: Office, prompt: str = "comment: On it.", mode: str = "supervised") -> Any:
    """A mission that waits to be approved, and what it has proposed first."""
    card = office.card()
    mission = office.mission(office.agent(mode), prompt, card)
    office.worked(mission)
    return card, mission, office.proposals(mission)[0]


def test_of_two_who_approve_the_same_one_has_done_it(office: Office):
    card, _, proposal = waiting(office)
    answers = at_once(*[lambda: office.decide(proposal).status] * 2)
    assert sorted(answers) == [200, 409]
    assert office.read(card)["commentCount"] == 1


def test_of_two_who_approve_all_one_has_done_it(office: Office):
    card, mission, _ = waiting(office, PROMPT, "approval")
    path = f"{office.of_mission(mission)}/proposals/approve"
    answers = at_once(*[lambda: office.world.status(office.owner, "POST", path)] * 2)
    assert sorted(answers) == [200, 409]
    now = office.read(card)
    assert (now["commentCount"], len(now["checklist"])) == (1, 2)


def test_of_two_who_decide_the_last_two_of_a_batch_one_decides_it(office: Office):
    for how in ("approve", "reject"):
        card, mission, _ = waiting(office, "set priority high, comment: On it.", "approval")
        first, second = office.proposals(mission)
        answers = at_once(
            lambda: office.decide(first).status,  # noqa: B023 - called at once
            lambda: office.decide(second, how).status,  # noqa: B023
        )
        assert answers == [200, 200]
        after, now = office.mission_now(mission), office.read(card)
        assert after["status"] == "completed"
        assert (now["priority"], now["version"]) == ("high", card["version"] + 1)
        # The comment that was asked for, or the one that says that it was rejected.
        assert now["commentCount"] == 1
        assert [entry for entry in office.log(mission) if entry[0] == "done"] == [("done", "completed")]


def test_of_one_who_approves_and_one_who_rejects_one_has_decided(office: Office):
    card, _, proposal = waiting(office)
    approved, rejected = at_once(
        lambda: office.decide(proposal).status, lambda: office.decide(proposal, "reject").status
    )
    assert sorted([approved, rejected]) == [200, 409]
    assert office.read(card)["commentCount"] == (approved == 200)


def test_of_one_who_approves_and_one_who_cancels_both_or_the_latter_have_done_it(office: Office):
    card, mission, proposal = waiting(office, "comment: a\ncomment: b")
    cancel = f"{office.of_mission(mission)}/cancel"
    approved, cancelled = at_once(
        lambda: office.decide(proposal).status, lambda: office.world.status(office.owner, "POST", cancel)
    )
    assert cancelled == 200
    first, second = office.proposals(mission)
    assert (first["status"] == "approved") == (approved == 200) == (office.read(card)["commentCount"] == 1)
    assert second["status"] == "rejected"
    assert office.mission_now(mission)["status"] == "cancelled"


def test_of_two_missions_on_a_card_one_is_at_work(office: Office):
    card = office.card()
    agents = [office.agent("supervised"), office.agent("supervised")]
    missions = [office.mission(agent, "comment: hi", card) for agent in agents]
    core = office.world.core
    at_once(*(lambda mission=mission: run(core, mission) for mission in missions))
    assert sorted(office.mission_now(each)["status"] for each in missions) == ["awaiting_approval", "queued"]


def run(core: Core, mission: Any) -> None:
    running.run(core.units, {"missionId": mission["id"]}, lambda: None)


@pytest.mark.parametrize("mode", ["autonomous", "supervised"])
def test_of_two_workers_on_a_mission_each_step_is_done_by_one(office: Office, mode):
    for _ in range(3):
        card = office.card()
        agent = office.agent(mode)
        mission = office.mission(agent, PROMPT, card)
        at_once(*[lambda: run(office.world.core, mission)] * 2)  # noqa: B023 - called at once
        office.worked(mission)
        now = office.read(card)
        done = {"autonomous": ("completed", 1, 2, 0), "supervised": ("awaiting_approval", 0, 0, 4)}[mode]
        status = office.mission_now(mission)["status"]
        found = (status, now["commentCount"], len(now["checklist"]), len(office.proposals(mission)))
        assert found == done
        office.log(mission)


def test_a_mission_that_is_cancelled_while_it_is_thought_about_does_nothing(office: Office):
    core = office.world.core
    brain = core.env.brains["built_in"]
    card = office.card()
    mission = office.mission(office.agent("autonomous"), PROMPT, card)

    class Slow:
        def think(self, task):
            office.world.ask(office.owner, "POST", f"{office.of_mission(mission)}/cancel")
            return brain.think(task)

    core.env.brains = {"built_in": Slow()}
    assert office.worked(mission)["status"] == "cancelled"
    assert office.read(card) == card
    assert core.work.jobs() == []
