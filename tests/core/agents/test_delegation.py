"""Delegation of cards to agents, by assignment and by mention."""

from typing import Any

import pytest

from stellary.contract.endpoint import TOKEN_SCOPES
from tests.core.agents.agent_api import AgentApi
from tests.core.agents.test_actions import run
from tests.support.boards import Json, ask
from tests.support.each_case import for_each
from tests.support.world import at_once


def missions_of(board: AgentApi, agent: Json) -> list[Json]:
    """Return the missions of an agent, oldest first."""
    missions: list[Json] = ask(board, "GET", f"{board.agents}/{agent['id']}/missions")
    return missions[::-1]


def assign(board: AgentApi, card: Json, agent: Json | None, by: Any = None) -> None:
    board.world.ask(by or board.owner, "PATCH", board.of(card), {"assigneeId": agent and agent["id"]})


def test_assigning_a_card_to_an_agent_starts_a_mission_with_its_text(board: AgentApi):
    agent = board.agent()
    card = board.card("Print the invoices", description="set priority high\nmove to Done")
    assign(board, card, agent)
    (mission,) = missions_of(board, agent)
    assert mission["prompt"] == "Print the invoices\n\nset priority high\nmove to Done"
    assert (mission["cardId"], mission["createdById"]) == (card["id"], board.owner.id)
    assert board.run_mission(mission)["status"] == "completed"
    after = board.read(card)
    assert (after["priority"], after["columnId"]) == ("high", board.columns[2]["id"])


def test_creating_a_card_for_an_agent_starts_a_mission(board: AgentApi):
    agent = board.agent()
    board.card("set priority high", assigneeId=agent["id"])
    (mission,) = missions_of(board, agent)
    assert mission["prompt"] == "set priority high"


def test_card_text_that_is_no_instruction_changes_nothing(board: AgentApi):
    agent = board.agent()
    card = board.card("Print the invoices", description="Archive it when they are paid.")
    assign(board, card, agent)
    after = board.run_mission(missions_of(board, agent)[0])
    assert after["status"] == "failed"
    assert after["error"].startswith("I did not understand 'when'")
    assert board.read(card)["archived"] is False


def test_mentioning_an_agent_starts_a_mission_with_the_comment(board: AgentApi):
    agent, card = board.agent(name="Release Scribe"), board.card()
    for text in ("@release-scribe please set priority high", "Well,\n@Release-Scribe: move to Done"):
        board.comment(card, text)
    first, second = missions_of(board, agent)
    assert (first["prompt"], second["prompt"]) == ("please set priority high", "Well,\nmove to Done")
    assert board.run_mission(first)["status"] == "completed"
    assert board.read(card)["priority"] == "high"
    assert board.mission_now(second)["error"].startswith("I did not understand 'Well'")


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
def test_comment_without_a_task_for_an_agent_starts_nothing(board: AgentApi, text: str):
    agent, card = board.agent(), board.card()
    board.comment(card, text)
    assert missions_of(board, agent) == []


def test_each_mentioned_agent_gets_a_mission(board: AgentApi):
    agents = [board.agent(name=name) for name in ("Scribe", "Painter", "Idler")]
    board.comment(board.card(), "@scribe @painter set priority high")
    assert [len(missions_of(board, agent)) for agent in agents] == [1, 1, 0]


def test_assigning_again_starts_no_second_mission_while_one_is_active(board: AgentApi):
    agent, card = board.agent(), board.card("set priority high")
    for assignee in (agent, agent, None, agent):
        assign(board, card, assignee)
    (mission,) = missions_of(board, agent)
    board.run_mission(mission)
    assign(board, card, None)
    assign(board, card, agent)
    assert len(missions_of(board, agent)) == 2


def test_concurrent_assignments_start_one_mission(board: AgentApi):
    agent, card = board.agent(), board.card()
    at_once(*[lambda: assign(board, card, agent)] * 4)
    assert len(missions_of(board, agent)) == 1


@pytest.mark.parametrize("scopes", [["projects:read", "projects:write"], list(TOKEN_SCOPES)])
def test_only_tokens_that_may_create_missions_delegate(board: AgentApi, scopes: list[str]):
    agent, card = board.agent(), board.card()
    token = board.world.api_token(board.owner, scopes)
    assign(board, card, agent, by=token)
    board.world.ask(token, "POST", f"{board.of(card)}/comments", {"content": "@scribe archive"})
    assert board.read(card)["assigneeId"] == agent["id"]
    assert len(missions_of(board, agent)) == (2 if set(scopes) == set(TOKEN_SCOPES) else 0)


@pytest.mark.parametrize("limit", ["suspended", "elsewhere", "full"])
def test_assignment_stays_if_the_mission_is_not_possible(board: AgentApi, limit: str):
    agent, card = board.agent(), board.card()
    if limit == "suspended":
        board.change(agent, status="suspended")
    elif limit == "elsewhere":
        board.change(agent, projectIds=[AgentApi(board.world, board.owner, board.workspace).project["id"]])
    else:
        busy = board.agent(runtime="external", tools=["missions"])
        for _ in range(20):
            board.mission(busy, "x", card)
    assign(board, card, agent)
    board.comment(card, "@scribe archive")
    assert board.read(card)["assigneeId"] == agent["id"]
    assert missions_of(board, agent) == []


def test_agents_and_rules_delegate_nothing(board: AgentApi):
    worker, agent = board.agent(name="Worker"), board.agent()
    card, other = board.card("set priority high"), board.card("set priority low")
    assert board.start(worker, "assign to Scribe\ncomment: @scribe archive", card)["status"] == "completed"
    mission = board.start(board.agent("supervised", name="Supervised"), "assign to Scribe", other)
    assert board.decide(board.proposals(mission)[0]).status == 200
    board.world.ask(board.token(worker), "PATCH", board.of(board.card()), {"assigneeId": agent["id"]})
    rule = {
        "name": "Assign",
        "trigger": "task_moved",
        "action": {"type": "assign_card", "params": {"assigneeId": "Scribe"}},
    }
    ask(board, "POST", f"{board.path}/automations", rule)
    moved = board.card()
    ask(board, "PATCH", board.of(moved), {"columnId": board.columns[2]["id"]})
    for assigned in (card, other, moved):
        assert board.read(assigned)["assigneeId"] == agent["id"]
    assert missions_of(board, agent) == []


def test_viewer_of_another_workspace_cannot_delegate(board: AgentApi):
    stranger = AgentApi(board.world, board.world.person("eve"))
    agent = board.agent()
    card = stranger.card()
    assert board.world.status(stranger.owner, "PATCH", stranger.of(card), {"assigneeId": agent["id"]}) == 400
    stranger.comment(card, "@scribe archive")
    assert missions_of(board, agent) == []


def answers(board: AgentApi, card: Json) -> list[tuple[str, str]]:
    """Return author and content of the comments on a card that the owner did not write, oldest first."""
    return [
        (comment["authorName"], comment["content"])
        for comment in ask(board, "GET", f"{board.of(card)}/comments")
        if comment["authorId"] != board.owner.id
    ]


def test_comment_is_answered_in_its_thread_with_the_result_or_what_can_be_asked(board: AgentApi):
    agent, card = board.agent(), board.card()
    for text in (
        "@scribe set priority high",
        "@scribe rename this to match the epic",
        "@scribe move to Nowhere",
    ):
        board.comment(card, text)
        board.world.core.work.run_due()
    (done, refused, failed) = answers(board, card)
    name = board.owner.user.name
    assert done == ("Scribe", f'@{name}, Done: Change LAU-1 *Write*: priority from empty to **"high"**.')
    assert refused[1].startswith(f"@{name}, I did not understand 'match'")
    assert "'rename this: match the epic'" in refused[1]
    assert failed[1].startswith(f"@{name}, ")
    assert "targetColumn must be the id or the name of an existing item" in failed[1]
    assert [mission["status"] for mission in missions_of(board, agent)] == ["completed", "failed", "failed"]


def test_assignment_is_answered_and_other_missions_are_not(board: AgentApi):
    agent, card = board.agent(), board.card("set priority high")
    assign(board, card, agent)
    board.world.core.work.run_due()
    board.start(agent, "set priority low", card)
    done = 'Done: Change LAU-1 *set priority high*: priority from empty to **"high"**.'
    assert answers(board, card) == [("Scribe", f"@{board.owner.user.name}, {done}")]


def test_answer_that_may_not_be_posted_is_a_notice(board: AgentApi):
    member = board.member("bob")
    board.agent()
    board.comment(board.card(), "@scribe archive", by=member)
    ask(board, "PATCH", board.path, {"memberRole": "viewer"})
    board.world.core.work.run_due()
    (notification,) = board.world.ask(member, "GET", "/notifications")
    assert notification["activity"]["type"] == "notice_given"
    assert "editor" in notification["activity"]["meta"]["message"]


def test_person_who_asked_is_notified_once_of_the_answer(board: AgentApi):
    member = board.member("bob")
    board.agent()
    card = board.card()
    board.world.ask(member, "POST", f"{board.of(card)}/comments", {"content": "@scribe archive"})
    board.world.core.work.run_due()
    notifications = board.world.ask(member, "GET", "/notifications")
    assert [entry["activity"]["type"] for entry in notifications].count("comment_added") == 1


def test_answers_of_two_agents_start_no_mission(board: AgentApi):
    agents = [board.agent(name=name) for name in ("Scribe", "Painter")]
    card = board.card()
    board.comment(card, "@scribe tell @painter archive\n@painter ask @scribe to archive")
    for _ in range(5):
        board.world.core.work.run_due()
    assert [len(missions_of(board, agent)) for agent in agents] == [1, 1]
    assert len(answers(board, card)) == 2


def test_answer_that_may_not_be_posted_does_not_keep_the_mission_open(board: AgentApi):
    agent, card = board.agent(), board.card()
    board.comment(card, "@scribe make tea")
    board.change(agent, projectIds=[AgentApi(board.world, board.owner, board.workspace).project["id"]])
    board.world.core.work.run_due()
    assert [mission["status"] for mission in missions_of(board, agent)] == ["failed"]
    assert len(answers(board, card)) == 1


def test_program_of_an_external_agent_answers_once(board: AgentApi):
    agent = board.agent(runtime="external", tools=["missions"])
    card, token = board.card(), board.token(agent)
    board.comment(card, "@scribe write the notes")
    run(board, token, "get_next_mission")
    (mission,) = missions_of(board, agent)
    run(board, token, "complete_mission", missionId=mission["id"], summary="Written.")
    assert answers(board, card) == [("Scribe", f"@{board.owner.user.name}, Written.")]
