"""Mission actions: of people who ask for missions, and of external programs that work on them."""

from typing import Any

import pytest

from stellary.contract.errors import ApiError, Conflict, Forbidden, Invalid
from tests.core.agents.agent_api import AgentApi
from tests.support.boards import ask
from tests.support.core_parts import actions
from tests.support.world import at_once

EXTERNAL: dict[str, Any] = {"runtime": "external", "tools": ["missions"]}


def run(board: AgentApi, who: Any, name: str, **params: Any) -> Any:
    """Run an action on behalf of a person or of the agent of a token."""
    core = board.world.core
    with core.begin(core.authenticate(who) if isinstance(who, str) else who.actor) as uow:
        return actions.run(uow, board.workspace.ref, name, params)


def code(board: AgentApi, who: Any, name: str, **params: Any) -> str:
    with pytest.raises(ApiError) as caught:
        run(board, who, name, **params)
    return caught.value.code


def test_person_asks_for_a_mission_and_reads_its_status(board: AgentApi):
    agent, card = board.agent("supervised"), board.card("Print the invoices")
    mission = run(
        board, board.owner, "run_mission", agent="scribe", cardId="Print the invoices", prompt="comment: Hi"
    )
    assert (mission.card_id, mission.agent_id) == (card["id"], agent["id"])
    board.world.core.work.run_due()
    assert run(board, board.owner, "get_mission", missionId=mission.id).status == "awaiting_approval"
    status = run(board, board.owner, "get_agent_status", agent="Scribe")
    assert status.agent.id == agent["id"]
    assert [listed_mission.id for listed_mission in status.missions] == [mission.id]
    (proposal,) = run(board, board.owner, "list_pending_proposals").items
    board.decide({"id": proposal.id})
    board.world.core.work.run_due()
    assert run(board, board.owner, "get_agent_status", agent=agent["id"]).missions == []
    with pytest.raises(Invalid):
        run(board, board.owner, "get_agent_status", agent="Nobody")


def test_program_takes_missions_in_order_and_reports_results(board: AgentApi):
    agent = board.agent("supervised", **EXTERNAL)
    token, card = board.token(agent), board.card()
    first, second = (board.mission(agent, "Do it", card) for _ in range(2))
    assert board.run_mission(first)["status"] == "queued"
    mission = run(board, token, "get_next_mission")
    assert (mission.id, mission.status) == (first["id"], "running")
    # The other one waits until that is over: it is on the same card.
    assert run(board, token, "get_next_mission") is None
    run(board, token, "report_step", missionId=first["id"], text="Half of it")
    done = run(board, token, "complete_mission", missionId=first["id"], summary="All of it")
    assert (done.status, done.result) == ("completed", "All of it")
    assert run(board, token, "get_next_mission").id == second["id"]
    failed = run(board, token, "fail_mission", missionId=second["id"], reason="No paper")
    assert (failed.status, failed.error) == ("failed", "No paper")
    comments = ask(board, "GET", f"{board.of(card)}/comments")
    expected = [(agent["id"], "Half of it"), (agent["id"], "All of it"), (agent["id"], "No paper")]
    assert [(comment["authorId"], comment["content"]) for comment in comments] == expected
    assert code(board, token, "complete_mission", missionId=first["id"], summary="Again") == "mission_over"


def test_only_one_of_two_concurrent_takers_gets_a_mission(board: AgentApi):
    agent = board.agent(**EXTERNAL)
    token = board.token(agent)
    mission = board.mission(agent, "Do it")
    missions = at_once(*[lambda: run(board, token, "get_next_mission")] * 2)
    expected = ["", mission["id"]]
    assert sorted(taken_mission.id if taken_mission else "" for taken_mission in missions) == expected


def test_only_the_agent_itself_takes_and_ends_its_missions(board: AgentApi):
    agent, other, builtin = (
        board.agent(**EXTERNAL),
        board.agent(**EXTERNAL),
        board.agent(tools=["missions"]),
    )
    mission = board.mission(agent, "Do it")
    token = board.token(agent)
    run(board, token, "get_next_mission")
    ends = {"missionId": mission["id"], "summary": "x"}
    with pytest.raises(Forbidden):
        run(board, board.token(other), "complete_mission", **ends)
    assert code(board, board.owner, "complete_mission", **ends) == "agents_only"
    assert code(board, board.owner, "get_next_mission") == "agents_only"
    with pytest.raises(Conflict):
        run(board, board.token(builtin), "get_next_mission")
    for name in ("run_mission", "list_pending_proposals"):
        params = {"agent": "scribe", "cardId": "x", "prompt": "x"} if name == "run_mission" else {}
        assert code(board, token, name, **params) == "not_for_agents"


def test_no_rule_sends_an_agent_on_a_mission(board: AgentApi):
    action = {"type": "run_mission", "params": {"agent": "scribe", "prompt": "move to Done"}}
    rule = {"trigger": "task_moved", "action": action}
    assert board.world.status(board.owner, "POST", f"{board.path}/automations", rule) == 400
