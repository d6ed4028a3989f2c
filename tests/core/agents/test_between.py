"""Events during a running mission."""

from datetime import timedelta
from typing import Any

import attrs
import orjson
import pytest

from stellary.contract.errors import Unavailable
from stellary.core import ToolCall, Turn
from stellary.core.agents import audit, proposing, running
from tests.core.agents.agent_api import AgentApi
from tests.core.agents.test_actions import code
from tests.core.agents.test_brains import Scripted, call
from tests.core.agents.test_missions import error
from tests.support.boards import ask, status
from tests.support.core_parts import HANDLERS, LEASE, AgentLimits, JobRunner
from tests.support.forms import FORM, form


def test_unfinished_batch_is_not_approved(agent_api: AgentApi):
    agent = agent_api.agent("approval", rateLimit={"maxActions": 1, "windowSeconds": 60})
    mission = agent_api.mission(agent, "set priority high, comment: On it.")
    assert (agent_api.run_mission(mission)["status"], len(agent_api.proposals(mission))) == ("running", 1)
    for how in ("approve", "reject"):
        path = f"{agent_api.of_mission(mission)}/proposals/{how}"
        assert error(agent_api.world.call(agent_api.owner, "POST", path)) == (409, "still_at_work")


def test_program_cannot_end_a_mission_of_the_server(agent_api: AgentApi):
    agent = agent_api.agent("supervised", tools=["missions", "board.write"])
    mission = agent_api.start(agent, "comment: On it.")
    ended = {"missionId": mission["id"], "summary": "x"}
    assert code(agent_api, agent_api.token(agent), "complete_mission", **ended) == "not_external"


def test_agent_suspended_while_thinking_resumes_later(agent_api: AgentApi):
    brain = agent_api.world.core.env.brains["built_in"]
    agent, card = agent_api.agent(), agent_api.card()

    class Suspended:
        def think(self, task: Any) -> Any:
            turn = brain.think(task)
            if task.history is None:
                agent_api.change(agent, status="suspended")
            return turn

    agent_api.world.core.env.brains = {"built_in": Suspended()}
    mission = agent_api.mission(agent, "set priority high", card)
    assert (agent_api.run_mission(mission)["status"], agent_api.read(card)) == ("running", card)
    agent_api.change(agent, status="active")
    assert agent_api.run_mission(mission)["status"] == "completed"
    assert agent_api.read(card)["priority"] == "high"


def test_mission_ends_with_its_card_before_it_starts(agent_api: AgentApi):
    card = agent_api.card()
    mission = agent_api.mission(agent_api.agent(), "set priority high", card)
    running.run(
        agent_api.world.core.units,
        {"missionId": mission["id"]},
        lambda: ask(agent_api, "DELETE", agent_api.of(card)),
    )
    assert status(agent_api, "GET", agent_api.of_mission(mission)) == 404


def test_temporary_failure_is_retried(agent_api: AgentApi):
    core, clock = agent_api.world.core, agent_api.world.stop_clock()
    whole = core.env.actions
    down = {"left": 2}

    def unavailable(uow: Any, ref: Any, params: Any) -> Any:
        down["left"] -= 1
        if down["left"] >= 0:
            raise Unavailable("the store does not answer", retry_after=300)
        return whole["set_priority"].do(uow, ref, params)

    core.env.actions = {**whole, "set_priority": attrs.evolve(whole["set_priority"], do=unavailable)}
    mission = agent_api.mission(agent_api.agent(), "set priority high")
    assert agent_api.run_mission(mission)["status"] == "running"
    (job,) = core.work.jobs()
    assert (job.error, (job.due_at - clock()).total_seconds()) == ("the store does not answer", 300)
    for _ in range(2):
        clock.advance(timedelta(seconds=300))
        now = agent_api.run_mission(mission)
    assert now["status"] == "completed"
    assert agent_api.list_attempts(ask(agent_api, "GET", agent_api.agents)[0]) == [
        ("set_priority", "allowed")
    ]


def test_worker_that_outlives_its_claim_discards_its_result(agent_api: AgentApi):
    core, clock = agent_api.world.core, agent_api.world.stop_clock()
    brain, tasks = core.env.brains["built_in"], []

    class Slow:
        def think(self, task: Any) -> Any:
            tasks.append(task)
            if len(tasks) == 1:
                clock.advance(2 * LEASE)
                JobRunner(core.units, core.claims, HANDLERS).run_due()
                task.waiting()
            return brain.think(task)

    core.env.brains = {"built_in": Slow()}
    card = agent_api.card()
    mission = agent_api.mission(agent_api.agent(), "comment: Hi", card)
    assert agent_api.run_mission(mission)["status"] == "completed"
    assert (len(tasks), agent_api.read(card)["commentCount"], core.work.jobs()) == (3, 1, [])


def test_brain_receives_read_and_approved_results_together(agent_api: AgentApi):
    card = agent_api.card()
    calls = [
        call("list_projects", "a"),
        call("set_priority", "b", cardId=card["id"], priority="high"),
        call("fly", "c"),
    ]
    agent_api.world.core.env.brains = {
        "built_in": (brain := Scripted(Turn(history=1, calls=calls), Turn(result="ok")))
    }
    mission = agent_api.start("supervised", "go", card)
    agent_api.decide(agent_api.proposals(mission)[0])
    agent_api.run_mission(mission)
    outcomes = [(answer.outcome, answer.value and bool(answer.value)) for answer in brain.asked[1].answers]
    assert outcomes == [("done", True), ("done", True), ("refused", None)]


def test_number_of_pending_proposals_is_limited(agent_api: AgentApi, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(proposing, "PENDING_MAX", 2)
    mission = agent_api.start("supervised", "comment: a\ncomment: b\ncomment: c")
    assert len(agent_api.proposals(mission)) == 2
    assert [what for kind, what in agent_api.log(mission) if kind == "tool_call"] == [
        "add_comment proposed",
        "add_comment proposed",
        "add_comment refused",
    ]


def test_proposal_made_with_a_token_is_rejected_alone(agent_api: AgentApi):
    agent, card = agent_api.agent("supervised"), agent_api.card()
    proposed = agent_api.world.call(agent_api.token(agent), "PATCH", agent_api.of(card), {"title": "Renamed"})
    answer = agent_api.decide(orjson.loads(proposed.body), "reject", reason="No")
    assert (answer.status, orjson.loads(answer.body)["reason"]) == (200, "No")
    assert agent_api.read(card) == card


@pytest.mark.parametrize("how", ["approve", "reject"])
def test_uploaded_file_waits_with_its_proposal(agent_api: AgentApi, how: str):
    agent, card = agent_api.agent("supervised"), agent_api.card()
    path = f"{agent_api.of(card)}/attachments"
    proposed = agent_api.world.call(agent_api.token(agent), "POST", path, form(b"Hello."), content_type=FORM)
    assert (proposed.status, ask(agent_api, "GET", path)) == (202, [])
    assert agent_api.world.core.sweep() == 0
    assert agent_api.decide(orjson.loads(proposed.body), how).status == 200
    there = ask(agent_api, "GET", path)
    assert [attachment["size"] for attachment in there] == ([6] if how == "approve" else [])


def test_summary_of_a_long_change_is_truncated(agent_api: AgentApi):
    agent, card = agent_api.agent("supervised"), agent_api.card()
    labels = [agent_api.label(f"label {number}")["id"] for number in range(3)]
    change = {
        "title": "x" * 200,
        "description": "y" * 200,
        "labelIds": labels,
        "priority": "high",
        "columnId": agent_api.columns[1]["id"],
        "assigneeId": agent_api.owner.id,
        "startDate": "2026-01-01",
        "dueDate": "2026-12-31",
    }
    proposed = agent_api.world.call(agent_api.token(agent), "PATCH", agent_api.of(card), change)
    summary = orjson.loads(proposed.body)["summary"]
    assert (proposed.status, len(summary), summary[-1]) == (202, 500, "…")


def test_refusal_of_a_deleted_agent_is_not_recorded(agent_api: AgentApi):
    agent = agent_api.agent()
    deleted_agent = AgentLimits(
        agent["id"], agent_api.owner.id, agent_api.workspace.id, frozenset(), None, at_once=True
    )
    ask(agent_api, "DELETE", f"{agent_api.agents}/{agent['id']}")
    audit.record_refusal(agent_api.world.core.units, deleted_agent, "move_card", "it is suspended")
    assert ask(agent_api, "GET", agent_api.agents) == []


def test_overlong_action_name_is_refused(agent_api: AgentApi):
    calls = [ToolCall("a", "x" * 5000, {})]
    agent_api.world.core.env.brains = {"built_in": Scripted(Turn(history=1, calls=calls), Turn(result="ok"))}
    agent = agent_api.agent()
    assert agent_api.start(agent, "go")["status"] == "completed"
    assert agent_api.list_attempts(agent) == [("x" * 100, "refused")]
