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
from tests.support.boards import ask, status
from tests.support.core_parts import HANDLERS, LEASE, AgentLimits, JobRunner
from tests.support.forms import FORM, form
from tests.support.world import outcome


def test_unfinished_batch_is_not_approved(board: AgentApi):
    agent = board.agent("approval", rateLimit={"maxActions": 1, "windowSeconds": 60})
    mission = board.mission(agent, "set priority high, comment: On it.")
    assert (board.run_mission(mission)["status"], len(board.proposals(mission))) == ("running", 1)
    for how in ("approve", "reject"):
        path = f"{board.of_mission(mission)}/proposals/{how}"
        assert outcome(board.world.call(board.owner, "POST", path)) == (409, "still_at_work")


def test_program_cannot_end_a_mission_of_the_server(board: AgentApi):
    agent = board.agent("supervised", tools=["missions", "board.write"])
    ended = {"missionId": board.start(agent, "comment: On it.")["id"], "summary": "x"}
    assert code(board, board.token(agent), "complete_mission", **ended) == "not_external"


def test_agent_suspended_while_thinking_resumes_later(board: AgentApi):
    brain = board.world.core.env.brains["built_in"]
    agent, card = board.agent(), board.card()

    class Suspended:
        def think(self, task: Any) -> Any:
            turn = brain.think(task)
            if task.history is None:
                board.change(agent, status="suspended")
            return turn

    board.world.core.env.brains = {"built_in": Suspended()}
    mission = board.mission(agent, "set priority high", card)
    assert (board.run_mission(mission)["status"], board.read(card)) == ("running", card)
    board.change(agent, status="active")
    assert board.run_mission(mission)["status"] == "completed"
    assert board.read(card)["priority"] == "high"


def test_mission_ends_with_its_card_before_it_starts(board: AgentApi):
    card = board.card()
    mission = board.mission(board.agent(), "set priority high", card)
    running.run(
        board.world.core.units, {"missionId": mission["id"]}, lambda: ask(board, "DELETE", board.of(card))
    )
    assert status(board, "GET", board.of_mission(mission)) == 404


def test_temporary_failure_is_retried(board: AgentApi):
    core, clock = board.world.core, board.world.stop_clock()
    whole = core.env.actions
    down = {"left": 2}

    def unavailable(uow: Any, ref: Any, params: Any) -> Any:
        down["left"] -= 1
        if down["left"] >= 0:
            raise Unavailable("the store does not answer", retry_after=300)
        return whole["set_priority"].do(uow, ref, params)

    core.env.actions = {**whole, "set_priority": attrs.evolve(whole["set_priority"], do=unavailable)}
    mission = board.mission(board.agent(), "set priority high")
    assert board.run_mission(mission)["status"] == "running"
    (job,) = core.work.jobs()
    assert (job.error, (job.due_at - clock()).total_seconds()) == ("the store does not answer", 300)
    for _ in range(2):
        clock.advance(timedelta(seconds=300))
        now = board.run_mission(mission)
    assert now["status"] == "completed"
    assert board.list_attempts(ask(board, "GET", board.agents)[0]) == [("set_priority", "allowed")]


def test_worker_that_outlives_its_claim_discards_its_result(board: AgentApi):
    core, clock = board.world.core, board.world.stop_clock()
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
    card = board.card()
    assert board.run_mission(board.mission(board.agent(), "comment: Hi", card))["status"] == "completed"
    assert (len(tasks), board.read(card)["commentCount"], core.work.jobs()) == (3, 1, [])


def test_brain_receives_read_and_approved_results_together(board: AgentApi):
    card = board.card()
    calls = [
        call("list_projects", "a"),
        call("set_priority", "b", cardId=card["id"], priority="high"),
        call("fly", "c"),
    ]
    board.world.core.env.brains = {
        "built_in": (brain := Scripted(Turn(history=1, calls=calls), Turn(result="ok")))
    }
    mission = board.start("supervised", "go", card)
    board.decide(board.proposals(mission)[0])
    board.run_mission(mission)
    outcomes = [(answer.outcome, answer.value and bool(answer.value)) for answer in brain.asked[1].answers]
    assert outcomes == [("done", True), ("done", True), ("refused", None)]


def test_number_of_pending_proposals_is_limited(board: AgentApi, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(proposing, "PENDING_MAX", 2)
    mission = board.start("supervised", "comment: a\ncomment: b\ncomment: c")
    assert len(board.proposals(mission)) == 2
    expected = ["add_comment proposed", "add_comment proposed", "add_comment refused"]
    assert [what for kind, what in board.log(mission) if kind == "tool_call"] == expected


def test_proposal_made_with_a_token_is_rejected_alone(board: AgentApi):
    agent, card = board.agent("supervised"), board.card()
    proposed = board.world.call(board.token(agent), "PATCH", board.of(card), {"title": "Renamed"})
    answer = board.decide(orjson.loads(proposed.body), "reject", reason="No")
    assert (answer.status, orjson.loads(answer.body)["reason"]) == (200, "No")
    assert board.read(card) == card


@pytest.mark.parametrize("how", ["approve", "reject"])
def test_uploaded_file_waits_with_its_proposal(board: AgentApi, how: str):
    agent, card = board.agent("supervised"), board.card()
    path = f"{board.of(card)}/attachments"
    proposed = board.world.call(board.token(agent), "POST", path, form(b"Hello."), content_type=FORM)
    assert (proposed.status, ask(board, "GET", path)) == (202, [])
    assert board.world.core.sweep() == 0
    assert board.decide(orjson.loads(proposed.body), how).status == 200
    assert [attachment["size"] for attachment in ask(board, "GET", path)] == ([6] if how == "approve" else [])


def test_summary_of_a_long_change_is_truncated(board: AgentApi):
    agent, card = board.agent("supervised"), board.card()
    labels = [board.label(f"label {number}")["id"] for number in range(3)]
    change = {
        "title": "x" * 200,
        "description": "y" * 200,
        "labelIds": labels,
        "priority": "high",
        "columnId": board.columns[1]["id"],
        "assigneeId": board.owner.id,
        "startDate": "2026-01-01",
        "dueDate": "2026-12-31",
    }
    proposed = board.world.call(board.token(agent), "PATCH", board.of(card), change)
    summary = orjson.loads(proposed.body)["summary"]
    assert (proposed.status, len(summary), summary[-1]) == (202, 500, "…")


def test_refusal_of_a_deleted_agent_is_not_recorded(board: AgentApi):
    agent = board.agent()
    deleted_agent = AgentLimits(
        agent["id"], board.owner.id, board.workspace.id, frozenset(), None, at_once=True
    )
    ask(board, "DELETE", f"{board.agents}/{agent['id']}")
    audit.record_refusal(board.world.core.units, deleted_agent, "move_card", "it is suspended")
    assert ask(board, "GET", board.agents) == []


def test_overlong_action_name_is_refused(board: AgentApi):
    calls = [ToolCall("a", "x" * 5000, {})]
    board.world.core.env.brains = {"built_in": Scripted(Turn(history=1, calls=calls), Turn(result="ok"))}
    agent = board.agent()
    assert board.start(agent, "go")["status"] == "completed"
    assert board.list_attempts(agent) == [("x" * 100, "refused")]
