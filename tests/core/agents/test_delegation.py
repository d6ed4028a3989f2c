"""Delegation of cards to agents, by assignment and by mention."""

from typing import Any

import pytest

from stellary.contract.endpoint import TOKEN_SCOPES
from tests.core.agents.agent_api import AgentApi
from tests.core.agents.test_actions import run
from tests.support.boards import Json, ask
from tests.support.each_case import for_each
from tests.support.world import at_once


def missions_of(agent_api: AgentApi, agent: Json) -> list[Json]:
    """Return the missions of an agent, oldest first."""
    missions: list[Json] = ask(agent_api, "GET", f"{agent_api.agents}/{agent['id']}/missions")
    return missions[::-1]


def assign(agent_api: AgentApi, card: Json, agent: Json | None, by: Any = None) -> None:
    body = {"assigneeId": agent and agent["id"]}
    agent_api.world.ask(by or agent_api.owner, "PATCH", agent_api.of(card), body)


def test_assigning_a_card_to_an_agent_starts_a_mission_with_its_text(agent_api: AgentApi):
    agent = agent_api.agent()
    card = agent_api.card("Print the invoices", description="set priority high\nmove to Done")
    assign(agent_api, card, agent)
    (mission,) = missions_of(agent_api, agent)
    assert mission["prompt"] == "Print the invoices\n\nset priority high\nmove to Done"
    assert (mission["cardId"], mission["createdById"]) == (card["id"], agent_api.owner.id)
    assert agent_api.run_mission(mission)["status"] == "completed"
    after = agent_api.read(card)
    assert (after["priority"], after["columnId"]) == ("high", agent_api.columns[2]["id"])


def test_creating_a_card_for_an_agent_starts_a_mission(agent_api: AgentApi):
    agent = agent_api.agent()
    agent_api.card("set priority high", assigneeId=agent["id"])
    (mission,) = missions_of(agent_api, agent)
    assert mission["prompt"] == "set priority high"


def test_card_text_that_is_no_instruction_changes_nothing(agent_api: AgentApi):
    agent = agent_api.agent()
    card = agent_api.card("Print the invoices", description="Archive it when they are paid.")
    assign(agent_api, card, agent)
    after = agent_api.run_mission(missions_of(agent_api, agent)[0])
    assert after["status"] == "failed"
    assert after["error"].startswith("I did not understand 'when'")
    assert agent_api.read(card)["archived"] is False


def test_mentioning_an_agent_starts_a_mission_with_the_comment(agent_api: AgentApi):
    agent, card = agent_api.agent(name="Release Scribe"), agent_api.card()
    for text in ("@release-scribe please set priority high", "Well,\n@Release-Scribe: move to Done"):
        agent_api.comment(card, text)
    first, second = missions_of(agent_api, agent)
    assert (first["prompt"], second["prompt"]) == ("please set priority high", "Well,\nmove to Done")
    assert agent_api.run_mission(first)["status"] == "completed"
    assert agent_api.read(card)["priority"] == "high"
    assert agent_api.mission_now(second)["error"].startswith("I did not understand 'Well'")


@for_each(
    "text",
    [
        "mail scribe@example.com",
        "Hello Scribe, move to Done",
        "@scribes move to Done",
        "@scribe-two move to Done",
        "@scribe.example move to Done",
        "@Release Scribe move to Done",
        "see @scribe's list: archive",
        "(@scribe) archive",
        "archive,@scribe",
        "@scribe",
        "@Scribe, ",
    ],
)
def test_comment_without_a_task_for_an_agent_starts_nothing(agent_api: AgentApi, text: str):
    agent, card = agent_api.agent(), agent_api.card()
    agent_api.comment(card, text)
    assert missions_of(agent_api, agent) == []


def test_each_mentioned_agent_gets_a_mission(agent_api: AgentApi):
    agents = [agent_api.agent(name=name) for name in ("Scribe", "Painter", "Idler")]
    agent_api.comment(agent_api.card(), "@scribe @painter set priority high")
    assert [len(missions_of(agent_api, agent)) for agent in agents] == [1, 1, 0]


def test_assigning_again_starts_no_second_mission_while_one_is_active(agent_api: AgentApi):
    agent, card = agent_api.agent(), agent_api.card("set priority high")
    for assignee in (agent, agent, None, agent):
        assign(agent_api, card, assignee)
    (mission,) = missions_of(agent_api, agent)
    agent_api.run_mission(mission)
    assign(agent_api, card, None)
    assign(agent_api, card, agent)
    assert len(missions_of(agent_api, agent)) == 2


def test_repeated_requests_start_one_mission(agent_api: AgentApi):
    agent, card = agent_api.agent(), agent_api.card()
    path, body = f"{agent_api.of(card)}/comments", {"content": "@scribe set priority high"}
    headers = {"idempotency_key": "a-key-of-the-caller"}
    first, second = (ask(agent_api, "POST", path, body, **headers) for _ in range(2))
    assert first == second
    assert len(missions_of(agent_api, agent)) == 1


def test_concurrent_assignments_start_one_mission(agent_api: AgentApi):
    agent, card = agent_api.agent(), agent_api.card()
    at_once(*[lambda: assign(agent_api, card, agent)] * 4)
    assert len(missions_of(agent_api, agent)) == 1


@pytest.mark.parametrize("scopes", [["projects:read", "projects:write"], list(TOKEN_SCOPES)])
def test_only_tokens_that_may_create_missions_delegate(agent_api: AgentApi, scopes: list[str]):
    agent, card = agent_api.agent(), agent_api.card()
    token = agent_api.world.api_token(agent_api.owner, scopes)
    assign(agent_api, card, agent, by=token)
    agent_api.world.ask(token, "POST", f"{agent_api.of(card)}/comments", {"content": "@scribe archive"})
    assert agent_api.read(card)["assigneeId"] == agent["id"]
    assert len(missions_of(agent_api, agent)) == (2 if set(scopes) == set(TOKEN_SCOPES) else 0)


@pytest.mark.parametrize("limit", ["suspended", "elsewhere", "full"])
def test_assignment_stays_if_the_mission_is_not_possible(agent_api: AgentApi, limit: str):
    agent, card = agent_api.agent(), agent_api.card()
    if limit == "suspended":
        agent_api.change(agent, status="suspended")
    elif limit == "elsewhere":
        other = AgentApi(agent_api.world, agent_api.owner, agent_api.workspace)
        agent_api.change(agent, projectIds=[other.project["id"]])
    else:
        busy = agent_api.agent(runtime="external", tools=["missions"])
        for _ in range(20):
            agent_api.mission(busy, "x", card)
    assign(agent_api, card, agent)
    agent_api.comment(card, "@scribe archive")
    assert agent_api.read(card)["assigneeId"] == agent["id"]
    assert missions_of(agent_api, agent) == []


def test_agents_and_rules_delegate_nothing(agent_api: AgentApi):
    worker, agent = agent_api.agent(name="Worker"), agent_api.agent()
    card, other = agent_api.card("set priority high"), agent_api.card("set priority low")
    prompt = "assign to Scribe\ncomment: @scribe archive"
    assert agent_api.start(worker, prompt, card)["status"] == "completed"
    mission = agent_api.start(agent_api.agent("supervised", name="Supervised"), "assign to Scribe", other)
    assert agent_api.decide(agent_api.proposals(mission)[0]).status == 200
    agent_api.world.ask(
        agent_api.token(worker), "PATCH", agent_api.of(agent_api.card()), {"assigneeId": agent["id"]}
    )
    rule = {
        "name": "Assign",
        "trigger": "task_moved",
        "action": {"type": "assign_card", "params": {"assigneeId": "Scribe"}},
    }
    ask(agent_api, "POST", f"{agent_api.path}/automations", rule)
    moved = agent_api.card()
    ask(agent_api, "PATCH", agent_api.of(moved), {"columnId": agent_api.columns[2]["id"]})
    for assigned in (card, other, moved):
        assert agent_api.read(assigned)["assigneeId"] == agent["id"]
    assert missions_of(agent_api, agent) == []


def test_viewer_of_another_workspace_cannot_delegate(agent_api: AgentApi):
    stranger = AgentApi(agent_api.world, agent_api.world.person("eve"))
    agent = agent_api.agent()
    card = stranger.card()
    body = {"assigneeId": agent["id"]}
    assert agent_api.world.status(stranger.owner, "PATCH", stranger.of(card), body) == 400
    stranger.comment(card, "@scribe archive")
    assert missions_of(agent_api, agent) == []


def answers(agent_api: AgentApi, card: Json) -> list[tuple[str, str]]:
    """Return author and content of the comments on a card that the owner did not write, oldest first."""
    comments = ask(agent_api, "GET", f"{agent_api.of(card)}/comments")
    return [
        (comment["authorName"], comment["content"])
        for comment in comments
        if comment["authorId"] != agent_api.owner.id
    ]


def test_comment_is_answered_in_its_thread_with_the_result_or_what_can_be_asked(agent_api: AgentApi):
    agent, card = agent_api.agent(), agent_api.card()
    for text in (
        "@scribe set priority high",
        "@scribe rename this to match the epic",
        "@scribe move to Nowhere",
    ):
        agent_api.comment(card, text)
        agent_api.world.core.work.run_due()
    (done, refused, failed) = answers(agent_api, card)
    name = agent_api.owner.user.name
    assert done == ("Scribe", f'@{name}, Done: Change LAU-1 *Write*: priority from empty to **"high"**.')
    assert refused[1].startswith(f"@{name}, I did not understand 'match'")
    assert "'rename this: match the epic'" in refused[1]
    assert failed[1].startswith(f"@{name}, ")
    assert "targetColumn must be the id or the name of an existing item" in failed[1]
    assert [mission["status"] for mission in missions_of(agent_api, agent)] == [
        "completed",
        "failed",
        "failed",
    ]


def test_assignment_is_answered_and_other_missions_are_not(agent_api: AgentApi):
    agent, card = agent_api.agent(), agent_api.card("set priority high")
    assign(agent_api, card, agent)
    agent_api.world.core.work.run_due()
    agent_api.start(agent, "set priority low", card)
    assert answers(agent_api, card) == [
        (
            "Scribe",
            f'@{agent_api.owner.user.name}, Done: Change LAU-1 *set priority high*: priority from empty to **"high"**.',
        )
    ]


def test_answer_that_may_not_be_posted_is_a_notice(agent_api: AgentApi):
    member = agent_api.member("bob")
    agent_api.agent()
    card = agent_api.card()
    agent_api.comment(card, "@scribe archive", by=member)
    ask(agent_api, "PATCH", agent_api.path, {"memberRole": "viewer"})
    agent_api.world.core.work.run_due()
    (notification,) = agent_api.world.ask(member, "GET", "/notifications")
    assert notification["activity"]["type"] == "notice_given"
    assert "editor" in notification["activity"]["meta"]["message"]


def test_person_who_asked_is_notified_once_of_the_answer(agent_api: AgentApi):
    member = agent_api.member("bob")
    agent_api.agent()
    card = agent_api.card()
    agent_api.world.ask(member, "POST", f"{agent_api.of(card)}/comments", {"content": "@scribe archive"})
    agent_api.world.core.work.run_due()
    notifications = agent_api.world.ask(member, "GET", "/notifications")
    assert [entry["activity"]["type"] for entry in notifications].count("comment_added") == 1


def test_answers_of_two_agents_start_no_mission(agent_api: AgentApi):
    agents = [agent_api.agent(name=name) for name in ("Scribe", "Painter")]
    card = agent_api.card()
    agent_api.comment(card, "@scribe tell @painter archive\n@painter ask @scribe to archive")
    for _ in range(5):
        agent_api.world.core.work.run_due()
    assert [len(missions_of(agent_api, agent)) for agent in agents] == [1, 1]
    assert len(answers(agent_api, card)) == 2


def test_answer_that_may_not_be_posted_does_not_keep_the_mission_open(agent_api: AgentApi):
    agent, card = agent_api.agent(), agent_api.card()
    agent_api.comment(card, "@scribe make tea")
    agent_api.change(
        agent, projectIds=[AgentApi(agent_api.world, agent_api.owner, agent_api.workspace).project["id"]]
    )
    agent_api.world.core.work.run_due()
    assert [mission["status"] for mission in missions_of(agent_api, agent)] == ["failed"]
    assert len(answers(agent_api, card)) == 1


def test_program_of_an_external_agent_answers_once(agent_api: AgentApi):
    agent = agent_api.agent(runtime="external", tools=["missions"])
    card, token = agent_api.card(), agent_api.token(agent)
    agent_api.comment(card, "@scribe write the notes")
    run(agent_api, token, "get_next_mission")
    (mission,) = missions_of(agent_api, agent)
    run(agent_api, token, "complete_mission", missionId=mission["id"], summary="Written.")
    assert answers(agent_api, card) == [("Scribe", f"@{agent_api.owner.user.name}, Written.")]
