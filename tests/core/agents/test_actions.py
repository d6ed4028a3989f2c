"""Mission actions: of people who ask for missions, and of external programs that work on them."""

from typing import Any

import pytest

from stellary.contract.errors import ApiError, Conflict, Forbidden, Invalid
from tests.core.agents.agent_api import AgentApi
from tests.support.boards import ask
from tests.support.core_parts import actions
from tests.support.world import at_once

EXTERNAL: dict[str, Any] = {"runtime": "external", "tools": ["missions"]}


def run(agent_api: AgentApi, who: Any, name: str, **params: Any) -> Any:
    """Run an action on behalf of a person or of the agent of a token."""
    core = agent_api.world.core
    with core.begin(core.authenticate(who) if isinstance(who, str) else who.actor) as uow:
        return actions.run(uow, agent_api.workspace.ref, name, params)


def code(agent_api: AgentApi, who: Any, name: str, **params: Any) -> str:
    with pytest.raises(ApiError) as caught:
        run(agent_api, who, name, **params)
    return caught.value.code


def test_person_asks_for_a_mission_and_reads_its_status(agent_api: AgentApi):
    agent, card = agent_api.agent("supervised"), agent_api.card("Print the invoices")
    mission = run(
        agent_api,
        agent_api.owner,
        "run_mission",
        agent="scribe",
        cardId="Print the invoices",
        prompt="comment: Hi",
    )
    assert (mission.card_id, mission.agent_id) == (card["id"], agent["id"])
    agent_api.world.core.work.run_due()
    assert run(agent_api, agent_api.owner, "get_mission", missionId=mission.id).status == "awaiting_approval"
    status = run(agent_api, agent_api.owner, "get_agent_status", agent="Scribe")
    assert (status.agent.id, [listed_mission.id for listed_mission in status.missions]) == (
        agent["id"],
        [mission.id],
    )
    (proposal,) = run(agent_api, agent_api.owner, "list_pending_proposals").items
    agent_api.decide({"id": proposal.id})
    agent_api.world.core.work.run_due()
    assert run(agent_api, agent_api.owner, "get_agent_status", agent=agent["id"]).missions == []
    with pytest.raises(Invalid):
        run(agent_api, agent_api.owner, "get_agent_status", agent="Nobody")


def test_program_takes_missions_in_order_and_reports_results(agent_api: AgentApi):
    agent = agent_api.agent("supervised", **EXTERNAL)
    token, card = agent_api.token(agent), agent_api.card()
    first, second = (agent_api.mission(agent, "Do it", card) for _ in range(2))
    assert agent_api.run_mission(first)["status"] == "queued"
    mission = run(agent_api, token, "get_next_mission")
    assert (mission.id, mission.status) == (first["id"], "running")
    # The other one waits until that is over: it is on the same card.
    assert run(agent_api, token, "get_next_mission") is None
    run(agent_api, token, "report_step", missionId=first["id"], text="Half of it")
    done = run(agent_api, token, "complete_mission", missionId=first["id"], summary="All of it")
    assert (done.status, done.result) == ("completed", "All of it")
    assert run(agent_api, token, "get_next_mission").id == second["id"]
    failed = run(agent_api, token, "fail_mission", missionId=second["id"], reason="No paper")
    assert (failed.status, failed.error) == ("failed", "No paper")
    comments = ask(agent_api, "GET", f"{agent_api.of(card)}/comments")
    assert [(comment["authorId"], comment["content"]) for comment in comments] == [
        (agent["id"], "Half of it"),
        (agent["id"], "All of it"),
        (agent["id"], "No paper"),
    ]
    assert (
        code(agent_api, token, "complete_mission", missionId=first["id"], summary="Again") == "mission_over"
    )


def test_only_one_of_two_concurrent_takers_gets_a_mission(agent_api: AgentApi):
    agent = agent_api.agent(**EXTERNAL)
    token = agent_api.token(agent)
    mission = agent_api.mission(agent, "Do it")
    missions = at_once(*[lambda: run(agent_api, token, "get_next_mission")] * 2)
    assert sorted(taken_mission.id if taken_mission else "" for taken_mission in missions) == [
        "",
        mission["id"],
    ]


def test_only_the_agent_itself_takes_and_ends_its_missions(agent_api: AgentApi):
    agent, other, builtin = (
        agent_api.agent(**EXTERNAL),
        agent_api.agent(**EXTERNAL),
        agent_api.agent(tools=["missions"]),
    )
    mission = agent_api.mission(agent, "Do it")
    token = agent_api.token(agent)
    run(agent_api, token, "get_next_mission")
    ends = {"missionId": mission["id"], "summary": "x"}
    with pytest.raises(Forbidden):
        run(agent_api, agent_api.token(other), "complete_mission", **ends)
    assert code(agent_api, agent_api.owner, "complete_mission", **ends) == "agents_only"
    assert code(agent_api, agent_api.owner, "get_next_mission") == "agents_only"
    with pytest.raises(Conflict):
        run(agent_api, agent_api.token(builtin), "get_next_mission")
    for name in ("run_mission", "list_pending_proposals"):
        params = {"agent": "scribe", "cardId": "x", "prompt": "x"} if name == "run_mission" else {}
        assert code(agent_api, token, name, **params) == "not_for_agents"


def test_no_rule_sends_an_agent_on_a_mission(agent_api: AgentApi):
    action = {"type": "run_mission", "params": {"agent": "scribe", "prompt": "move to Done"}}
    rule = {"trigger": "task_moved", "action": action}
    assert agent_api.world.status(agent_api.owner, "POST", f"{agent_api.path}/automations", rule) == 400
