"""What comes in between, while a mission is on its way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import orjson
import pytest

from stellary.contract.errors import Unavailable
from stellary.core.agents import audit, proposing, running
from stellary.core.agents.brains import ToolCall, Turn
from stellary.core.api.job_runner import HANDLERS, JobRunner
from stellary.core.kernel.jobs import LEASE
from stellary.core.kernel.unit import AgentLimits
from tests.core.agents.office import Office
from tests.core.agents.test_actions import code
from tests.core.agents.test_brains import Scripted, call
from tests.core.agents.test_missions import error
from tests.support.forms import FORM, form


def test_what_is_not_proposed_to_its_end_is_not_approved_as_a_whole(office: Office):
    agent = office.agent("approval", rateLimit={"maxActions": 1, "windowSeconds": 60})
    mission = office.mission(agent, "set priority high, comment: On it.")
    assert (office.worked(mission)["status"], len(office.proposals(mission))) == ("running", 1)
    for how in ("approve", "reject"):
        path = f"{office.of_mission(mission)}/proposals/{how}"
        assert error(office.world.call(office.owner, "POST", path)) == (409, "still_at_work")


def test_what_the_server_works_on_is_not_ended_by_a_program(office: Office):
    agent = office.agent("supervised", tools=["missions", "board.write"])
    mission = office.mission(agent, "comment: On it.")
    office.worked(mission)
    ended = {"missionId": mission["id"], "summary": "x"}
    assert code(office, office.token(agent), "complete_mission", **ended) == "not_external"


def test_an_agent_that_is_suspended_while_it_thinks_goes_on_when_it_may(office: Office):
    brain = office.world.core.env.brains["built_in"]
    agent, card = office.agent(), office.card()

    class Suspended:
        def think(self, task: Any) -> Any:
            turn = brain.think(task)
            if task.history is None:
                office.change(agent, status="suspended")
            return turn

    office.world.core.env.brains = {"built_in": Suspended()}
    mission = office.mission(agent, "set priority high", card)
    assert (office.worked(mission)["status"], office.read(card)) == ("running", card)
    office.change(agent, status="active")
    assert office.worked(mission)["status"] == "completed"
    assert office.read(card)["priority"] == "high"


def test_a_mission_whose_card_goes_before_it_is_thought_about_ends_with_it(office: Office):
    card = office.card()
    mission = office.mission(office.agent(), "set priority high", card)
    running.run(
        office.world.core.units,
        {"missionId": mission["id"]},
        lambda: office.world.ask(office.owner, "DELETE", office.of(card)),
    )
    assert office.world.status(office.owner, "GET", office.of_mission(mission)) == 404


def test_what_cannot_be_done_at_the_moment_is_tried_again(office: Office):
    core, clock = office.world.core, office.world.stop_clock()
    whole = core.env.actions
    down = {"left": 2}

    def unavailable(uow: Any, ref: Any, params: Any) -> Any:
        down["left"] -= 1
        if down["left"] >= 0:
            raise Unavailable("the store does not answer", retry_after=300)
        return whole["set_priority"].do(uow, ref, params)

    core.env.actions = {**whole, "set_priority": attrs.evolve(whole["set_priority"], do=unavailable)}
    mission = office.mission(office.agent(), "set priority high")
    assert office.worked(mission)["status"] == "running"
    (job,) = core.work.jobs()
    assert (job.error, (job.due_at - clock()).total_seconds()) == ("the store does not answer", 300)
    for _ in range(2):
        clock.advance(timedelta(seconds=300))
        now = office.worked(mission)
    assert now["status"] == "completed"
    assert office.tried(office.world.ask(office.owner, "GET", office.agents)[0]) == [
        ("set_priority", "allowed")
    ]


def test_who_has_thought_for_longer_than_is_claimed_finds_that_another_has_gone_on(office: Office):
    core, clock = office.world.core, office.world.stop_clock()
    brain, asked = core.env.brains["built_in"], []

    class Slow:
        def think(self, task: Any) -> Any:
            asked.append(task)
            if len(asked) == 1:
                clock.advance(2 * LEASE)
                JobRunner(core.units, core.claims, HANDLERS).run_due()
                task.waiting()
            return brain.think(task)

    core.env.brains = {"built_in": Slow()}
    card = office.card()
    mission = office.mission(office.agent(), "comment: Hi", card)
    assert office.worked(mission)["status"] == "completed"
    assert (len(asked), office.read(card)["commentCount"], core.work.jobs()) == (3, 1, [])


def test_what_was_read_and_what_was_approved_are_told_together(office: Office):
    card = office.card()
    calls = [
        call("list_projects", "a"),
        call("set_priority", "b", cardId=card["id"], priority="high"),
        call("fly", "c"),
    ]
    office.world.core.env.brains = {
        "built_in": (brain := Scripted(Turn(history=1, calls=calls), Turn(result="ok")))
    }
    mission = office.mission(office.agent("supervised"), "go", card)
    office.worked(mission)
    office.decide(office.proposals(mission)[0])
    office.worked(mission)
    told = [(answer.outcome, answer.value and bool(answer.value)) for answer in brain.asked[1].answers]
    assert told == [("done", True), ("done", True), ("refused", None)]


def test_an_agent_does_not_propose_without_end(office: Office, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(proposing, "PENDING_MAX", 2)
    mission = office.mission(office.agent("supervised"), "comment: a\ncomment: b\ncomment: c")
    office.worked(mission)
    assert len(office.proposals(mission)) == 2
    assert [what for kind, what in office.log(mission) if kind == "tool_call"] == [
        "add_comment proposed",
        "add_comment proposed",
        "add_comment refused",
    ]


def test_what_an_agent_has_asked_for_with_its_token_is_rejected_by_itself(office: Office):
    agent, card = office.agent("supervised"), office.card()
    made = office.world.call(office.token(agent), "PATCH", office.of(card), {"title": "Renamed"})
    answer = office.decide(orjson.loads(made.body), "reject", reason="No")
    assert (answer.status, orjson.loads(answer.body)["reason"]) == (200, "No")
    assert office.read(card) == card


@pytest.mark.parametrize("how", ["approve", "reject"])
def test_a_file_that_an_agent_has_brought_waits_with_its_proposal(office: Office, how: str):
    agent, card = office.agent("supervised"), office.card()
    path = f"{office.of(card)}/attachments"
    made = office.world.call(office.token(agent), "POST", path, form(b"Hello."), content_type=FORM)
    assert (made.status, office.world.ask(office.owner, "GET", path)) == (202, [])
    assert office.world.core.sweep() == 0
    assert office.decide(orjson.loads(made.body), how).status == 200
    there = office.world.ask(office.owner, "GET", path)
    assert [each["size"] for each in there] == ([6] if how == "approve" else [])


def test_what_was_said_is_cut_to_one_sentence(office: Office):
    agent, card = office.agent("supervised"), office.card()
    labels = [office.label(f"label {number}")["id"] for number in range(3)]
    change = {
        "title": "x" * 200,
        "description": "y" * 200,
        "labelIds": labels,
        "priority": "high",
        "columnId": office.columns[1]["id"],
        "assigneeId": office.owner.id,
        "startDate": "2026-01-01",
        "dueDate": "2026-12-31",
    }
    made = office.world.call(office.token(agent), "PATCH", office.of(card), change)
    summary = orjson.loads(made.body)["summary"]
    assert (made.status, len(summary), summary[-1]) == (202, 500, "…")


def test_what_is_refused_to_an_agent_that_is_gone_is_noted_nowhere(office: Office):
    agent = office.agent()
    gone = AgentLimits(agent["id"], office.owner.id, office.workspace.id, frozenset(), None, at_once=True)
    office.world.ask(office.owner, "DELETE", f"{office.agents}/{agent['id']}")
    audit.record_refusal(office.world.core.units, gone, "move_card", "it is suspended")
    assert office.world.ask(office.owner, "GET", office.agents) == []


def test_a_call_of_a_name_without_end_is_refused(office: Office):
    calls = [ToolCall("a", "x" * 5000, {})]
    office.world.core.env.brains = {"built_in": Scripted(Turn(history=1, calls=calls), Turn(result="ok"))}
    agent = office.agent()
    assert office.worked(office.mission(agent, "go"))["status"] == "completed"
    assert office.tried(agent) == [("x" * 100, "refused")]
