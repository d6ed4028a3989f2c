"""Missions by name: asked for by people, and worked on by a program outside that is the agent."""

from __future__ import annotations

from typing import Any

import pytest

from stellary.contract.errors import ApiError, Conflict, Forbidden, Invalid
from stellary.core.kernel import actions
from tests.core.agents.office import Office
from tests.support.world import at_once

EXTERNAL: dict[str, Any] = {"runtime": "external", "tools": ["missions"]}


def run(office: Office, who: Any, name: str, **params: Any) -> Any:
    """Do something by its name, on behalf of a person or of the agent of a token."""
    core = office.world.core
    actor = core.authenticate(who) if isinstance(who, str) else who.actor
    with core.begin(actor) as uow:
        return actions.run(uow, office.workspace.ref, name, params)


def code(office: Office, who: Any, name: str, **params: Any) -> str:
    with pytest.raises(ApiError) as caught:
        run(office, who, name, **params)
    return caught.value.code


def test_a_person_asks_for_a_mission_and_sees_how_far_it_is(office: Office):
    agent, card = office.agent("supervised"), office.card("Print the invoices")
    made = run(
        office, office.owner, "run_mission", agent="scribe", cardId="Print the invoices", prompt="comment: Hi"
    )
    assert (made.card_id, made.agent_id) == (card["id"], agent["id"])
    office.world.core.work.run_due()
    assert run(office, office.owner, "get_mission", missionId=made.id).status == "awaiting_approval"
    found = run(office, office.owner, "get_agent_status", agent="Scribe")
    assert (found.agent.id, [each.id for each in found.missions]) == (agent["id"], [made.id])
    (proposal,) = run(office, office.owner, "list_pending_proposals").items
    office.decide({"id": proposal.id})
    office.world.core.work.run_due()
    assert run(office, office.owner, "get_agent_status", agent=agent["id"]).missions == []
    with pytest.raises(Invalid):
        run(office, office.owner, "get_agent_status", agent="Nobody")


def test_a_program_takes_its_missions_one_after_the_other_and_says_what_came_of_them(office: Office):
    agent = office.agent("supervised", **EXTERNAL)
    token, card = office.token(agent), office.card()
    first, second = (office.mission(agent, "Do it", card) for _ in range(2))
    assert office.worked(first)["status"] == "queued"
    taken = run(office, token, "get_next_mission")
    assert (taken.id, taken.status) == (first["id"], "running")
    # The other one waits until that is over: it is on the same card.
    assert run(office, token, "get_next_mission") is None
    run(office, token, "report_step", missionId=first["id"], text="Half of it")
    done = run(office, token, "complete_mission", missionId=first["id"], summary="All of it")
    assert (done.status, done.result) == ("completed", "All of it")
    assert run(office, token, "get_next_mission").id == second["id"]
    failed = run(office, token, "fail_mission", missionId=second["id"], reason="No paper")
    assert (failed.status, failed.error) == ("failed", "No paper")
    said = office.world.ask(office.owner, "GET", f"{office.of(card)}/comments")
    assert [(each["authorId"], each["content"]) for each in said] == [
        (agent["id"], "Half of it"),
        (agent["id"], "All of it"),
        (agent["id"], "No paper"),
    ]
    assert code(office, token, "complete_mission", missionId=first["id"], summary="Again") == "mission_over"


def test_of_two_who_take_a_mission_one_has_it(office: Office):
    agent = office.agent(**EXTERNAL)
    token = office.token(agent)
    mission = office.mission(agent, "Do it")
    taken = at_once(*[lambda: run(office, token, "get_next_mission")] * 2)
    assert sorted(each.id if each else "" for each in taken) == ["", mission["id"]]


def test_only_the_agent_itself_takes_and_ends_its_missions(office: Office):
    agent, other, builtin = (
        office.agent(**EXTERNAL),
        office.agent(**EXTERNAL),
        office.agent(tools=["missions"]),
    )
    mission = office.mission(agent, "Do it")
    token = office.token(agent)
    run(office, token, "get_next_mission")
    ends = {"missionId": mission["id"], "summary": "x"}
    with pytest.raises(Forbidden):
        run(office, office.token(other), "complete_mission", **ends)
    assert code(office, office.owner, "complete_mission", **ends) == "agents_only"
    assert code(office, office.owner, "get_next_mission") == "agents_only"
    with pytest.raises(Conflict):
        run(office, office.token(builtin), "get_next_mission")
    for name in ("run_mission", "list_pending_proposals"):
        params = {"agent": "scribe", "cardId": "x", "prompt": "x"} if name == "run_mission" else {}
        assert code(office, token, name, **params) == "not_for_agents"


def test_no_rule_sends_an_agent_on_a_mission(office: Office):
    action = {"type": "run_mission", "params": {"agent": "scribe", "prompt": "move to Done"}}
    rule = {"trigger": "task_moved", "action": action}
    assert office.world.status(office.owner, "POST", f"{office.path}/automations", rule) == 400
