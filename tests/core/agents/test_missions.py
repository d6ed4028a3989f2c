"""Missions: from start to end in each mode, with interruptions."""

from datetime import timedelta

import orjson
import pytest
from sqlalchemy import insert

from stellary.contract.port import RawRequest
from stellary.core import NOBODY
from tests.core.agents.agent_api import AgentApi
from tests.support.boards import ask, status
from tests.support.core_parts import action_calls, paging
from tests.support.statements import count_statements
from tests.support.tables import agent_proposals as proposals

COMMENTS = "comment: On it."

MOVED = 'Move LAU-1 *Write* from To Do to **Done**: status from "open" to **"done"**'
SET_HIGH = 'Change LAU-1 *Write*: priority from empty to **"high"**'
COMMENTED = 'Comment on LAU-1 *Write*: "On it."'
"""Changes as the result of a mission names them."""


def error(answer) -> tuple[int, str]:
    return answer.status, orjson.loads(answer.body)["code"]


def done_entry(agent_api: AgentApi, mission) -> dict:
    """Return the last entry of a mission's stream."""
    return agent_api.entries(mission)[-1].data


def comments_on(agent_api: AgentApi, card) -> list[tuple[str, str]]:
    """Return the author and the text of each comment on a card."""
    comments = ask(agent_api, "GET", f"{agent_api.of(card)}/comments")
    return [(comment["authorId"], comment["content"]) for comment in comments]


def test_autonomous_agent_carries_out_a_mission_and_reports(agent_api: AgentApi):
    agent, card = agent_api.agent("autonomous"), agent_api.card()
    agent_api.label("bug")
    prompt = "move to Done and set priority high\nadd checklist: design, build\ncomment: On it.\nadd label bug; due 2026-05-01"
    mission = agent_api.mission(agent, prompt, card)
    assert mission["status"] == "queued"
    after = agent_api.run_mission(mission)
    assert (after["status"], after["error"]) == ("completed", None)
    assert after["result"].startswith(f"Done: {MOVED}; {SET_HIGH}; ")
    assert f"; {COMMENTED}; " in after["result"]
    now = agent_api.read(card)
    assert (now["columnId"], now["priority"], now["dueDate"]) == (
        agent_api.columns[2]["id"],
        "high",
        "2026-05-01T00:00:00Z",
    )
    assert [item["title"] for item in now["checklist"]] == ["design", "build"]
    (comment,) = ask(agent_api, "GET", f"{agent_api.of(card)}/comments")
    assert (comment["authorId"], comment["content"]) == (agent["id"], "On it.")
    activity = ask(agent_api, "GET", f"{agent_api.path}/activity?actorId={agent['id']}")
    assert {entry["type"] for entry in activity} >= {"card_moved", "comment_added", "card_updated"}
    assert {outcome for _, outcome in agent_api.list_attempts(agent)} == {"allowed"}


def test_the_log_tells_it_from_the_beginning(agent_api: AgentApi):
    mission = agent_api.start("autonomous", "set priority high")
    assert agent_api.log(mission) == [
        ("status", "queued"),
        ("status", "running"),
        ("step", 1),
        ("message", "My plan: Set the priority of a card, or clear it: priority high"),
        ("tool_call", "set_priority done"),
        ("step", 2),
        ("status", "completed"),
        ("done", "completed"),
    ]
    assert agent_api.log(mission, after=6) == [("status", "completed"), ("done", "completed")]


def test_progress_of_a_mission_is_reported(agent_api: AgentApi):
    mission = agent_api.mission(agent_api.agent("supervised"), "set priority high, comment: On it.")
    nothing = {"turns": 0, "done": 0, "total": 0, "percent": 0, "message": None}
    assert mission["progress"] == agent_api.mission_now(mission)["progress"] == nothing
    waiting = agent_api.run_mission(mission)["progress"]
    assert (waiting["turns"], waiting["done"], waiting["total"], waiting["percent"]) == (1, 0, 2, 0)
    priority, comment = agent_api.proposals(mission)
    agent_api.decide(priority)
    half = agent_api.mission_now(mission)["progress"]
    assert (half["done"], half["total"], half["percent"]) == (1, 2, 50)
    assert half["message"].startswith(
        "My plan: Set the priority of a card, or clear it: priority high; Comment"
    )
    agent_api.decide(comment, "reject")
    ended = agent_api.run_mission(mission)["progress"]
    assert (ended["done"], ended["total"], ended["percent"]) == (2, 2, 100)


def test_misunderstood_mission_does_nothing(agent_api: AgentApi):
    card = agent_api.card()
    after = agent_api.start("autonomous", "make it nicer", card)
    assert after["status"] == "failed"
    assert after["error"].startswith("I did not understand 'nicer' in 'make it nicer'. Here I understand: ")
    assert after["error"].endswith(" Nothing was changed.")
    assert agent_api.read(card) == card


@pytest.mark.parametrize("mode", ["autonomous", "supervised", "approval"])
def test_an_instruction_that_is_not_possible_leaves_the_card_unchanged(agent_api: AgentApi, mode: str):
    card = agent_api.card()
    agent = agent_api.agent(mode)
    after = agent_api.start(agent, "set priority low and move to Nowhere, unassign", card)
    assert after["status"] == "failed"
    assert after["error"].startswith(
        "Not done: Set the priority of a card, or clear it: priority low (refused: another change is refused,"
    )
    assert "'Nowhere' is neither; the most similar names are " in after["error"]
    assert agent_api.read(card) == card
    assert agent_api.proposals(after) == []
    assert agent_api.list_attempts(agent) == [
        (name, "refused") for name in ("set_priority", "move_card", "assign_card")
    ]


def test_a_mission_has_the_tools_of_its_agent_and_no_others(agent_api: AgentApi):
    agent, card = agent_api.agent("autonomous", ["add_comment"]), agent_api.card()
    after = agent_api.start(agent, "comment: hi\nmove to Done", card)
    assert "move card: targetColumn Done (refused: the agent does not have the tool" in after["error"]
    assert agent_api.read(card) == card
    assert agent_api.list_attempts(agent) == [("add_comment", "refused"), ("move_card", "refused")]
    agent_api.start(agent, "comment: hi", card)
    assert agent_api.list_attempts(agent)[2:] == [("add_comment", "allowed")]


def test_agent_assigns_by_a_first_name_and_names_the_candidates_of_two(agent_api: AgentApi):
    jane, rob, roy = people = agent_api.world.people("jane rob roy")
    agent_api.join(*people)
    for person, name in ((jane, "Jane Doe"), (rob, "Rob Ray"), (roy, "Rob Roy")):
        agent_api.world.ask(person, "PATCH", "/auth/me", {"name": name})
    card = agent_api.card()
    after = agent_api.start("autonomous", "assign to Jane", card)
    assert (after["status"], agent_api.read(card)["assigneeId"]) == ("completed", jane.id)
    after = agent_api.start("autonomous", "assign to Rob", card)
    assert f"'Rob' could be 'Rob Ray' ({rob.id}), 'Rob Roy' ({roy.id})" in after["error"]


# ---------------------------------------------------------------------------------------------- supervised


def test_a_supervised_agent_waits_for_each_change(agent_api: AgentApi):
    agent, card = agent_api.agent("supervised"), agent_api.card()
    mission = agent_api.mission(agent, "move to Done, set priority high, comment: On it.", card)
    waiting = agent_api.run_mission(mission)
    assert (waiting["status"], waiting["pendingProposals"]) == ("awaiting_approval", 3)
    assert agent_api.read(card) == card
    move, priority, comment = agent_api.proposals(mission)
    assert (move["action"], move["params"]["targetColumn"], move["status"]) == (
        "move_card",
        done := agent_api.columns[2]["id"],
        "pending",
    )
    assert move["summary"] == (
        f"Move {card['key']} *Write* ({card['id']}) from To Do ({card['columnId']}) to **Done** ({done}): "
        'status from "open" to **"done"**'
    )
    # What one of them changes makes no other one stale.
    approved = orjson.loads(agent_api.decide(move).body)
    assert (approved["status"], approved["decidedById"], approved["result"]["id"]) == (
        "approved",
        agent_api.owner.id,
        card["id"],
    )
    assert agent_api.mission_now(mission)["status"] == "awaiting_approval"
    assert agent_api.decide(comment, "reject", reason="Too chatty").status == 200
    assert agent_api.decide(priority).status == 200
    after = agent_api.run_mission(mission)
    assert after["status"] == "completed"
    assert after["result"] == f"Done: {MOVED}; {SET_HIGH}. Not done: {COMMENTED} (rejected: Too chatty)."
    now = agent_api.read(card)
    assert (now["columnId"], now["priority"], now["commentCount"]) == (agent_api.columns[2]["id"], "high", 0)


@pytest.mark.parametrize("mode", ["supervised", "approval"])
def test_requester_is_notified_of_pending_approvals(agent_api: AgentApi, mode, bob):
    agent_api.join(bob)
    agent = agent_api.agent(mode)
    agent_api.start(agent, COMMENTS, by=bob)
    (notification,) = agent_api.world.ask(bob, "GET", "/notifications")
    activity = notification["activity"]
    assert (activity["actorId"], activity["type"]) == (agent["id"], "notice_given")
    assert "Changes wait for approval." in activity["meta"].values()


def test_statements_of_lists_do_not_grow(agent_api: AgentApi):
    agent, counts = agent_api.agent("supervised"), []
    paths = [
        agent_api.agents,
        f"{agent_api.agents}/{agent['id']}/missions",
        f"{agent_api.agents}/{agent['id']}/audit",
    ]
    for _ in range(2):
        mission = agent_api.start(agent, "comment: a\ncomment: b")
        agent_api.agent()
        lists = [*paths, f"{agent_api.flat}/proposals", f"{agent_api.of_mission(mission)}/proposals"]
        counts.append([count_statements(ask, agent_api, "GET", path) for path in lists])
    assert counts[0] == counts[1]


def test_rule_effects_make_no_other_proposal_stale(agent_api: AgentApi):
    card = agent_api.card()
    rule = {"trigger": "task_moved", "action": {"type": "set_status", "params": {"status": "in_progress"}}}
    ask(agent_api, "POST", f"{agent_api.path}/automations", rule)
    mission = agent_api.start("supervised", "move to Done, set priority high", card)
    move, priority = agent_api.proposals(mission)
    approved = orjson.loads(agent_api.decide(move).body)
    assert approved["result"] == agent_api.read(card)
    assert approved["result"]["status"] == "in_progress"
    assert agent_api.decide(priority).status == 200
    assert agent_api.read(card)["priority"] == "high"


def test_approved_change_has_the_agents_name_and_the_approvers_rights(agent_api: AgentApi):
    agent, card = agent_api.agent("supervised"), agent_api.card()
    mission = agent_api.start(agent, COMMENTS, card)
    (proposal,) = agent_api.proposals(mission)
    assert agent_api.decide(proposal, by=agent_api.world.person("eve")).status == 404
    token = agent_api.world.api_token(agent_api.owner)
    assert error(agent_api.decide(proposal, by=token)) == (403, "login_required")
    assert error(agent_api.decide(proposal, by=agent_api.token(agent))) == (403, "not_for_agents")
    bob = agent_api.member("bob")
    assert agent_api.decide(proposal, by=bob).status == 200
    (comment,) = ask(agent_api, "GET", f"{agent_api.of(card)}/comments")
    assert comment["authorId"] == agent["id"]
    entry = agent_api.audit(agent)[-1]
    assert (entry["tool"], entry["outcome"], entry["onBehalfOfId"], entry["proposalId"]) == (
        "add_comment",
        "allowed",
        bob.id,
        proposal["id"],
    )


def test_a_proposal_is_decided_once(agent_api: AgentApi):
    mission = agent_api.start("supervised", "comment: a\nset priority low")
    first, _ = agent_api.proposals(mission)
    assert agent_api.decide(first).status == 200
    for how in ("approve", "reject"):
        assert error(agent_api.decide(first, how)) == (409, "already_decided")


def test_stale_proposal_changes_nothing(agent_api: AgentApi):
    card = agent_api.card()
    mission = agent_api.start("supervised", "move to Done", card)
    (proposal,) = agent_api.proposals(mission)
    changed = ask(agent_api, "PATCH", agent_api.of(card), {"title": "Renamed"})
    answer = agent_api.decide(proposal)
    assert error(answer) == (409, "stale")
    assert orjson.loads(answer.body)["message"] == "the card has changed since it was proposed"
    assert agent_api.read(card) == changed
    assert agent_api.proposals(mission)[0]["status"] == "pending"
    assert agent_api.decide(proposal, "reject").status == 200


def test_proposal_keeps_its_meaning(agent_api: AgentApi):
    moved, other = agent_api.card(), agent_api.card()
    proposals = []
    for card in (moved, other):
        mission = agent_api.start("supervised", "move to Done", card)
        proposals += agent_api.proposals(mission)
    columns = f"{agent_api.path}/columns"
    done = f"{columns}/{agent_api.columns[2]['id']}"
    ask(agent_api, "PATCH", done, {"name": "Shipped"})
    ask(agent_api, "POST", columns, {"name": "Done"})
    assert agent_api.decide(proposals[0]).status == 200
    assert agent_api.read(moved)["columnId"] == agent_api.columns[2]["id"]
    target = agent_api.columns[0]["id"]
    ask(agent_api, "DELETE", f"{done}?moveCardsTo={target}")
    answer = agent_api.decide(proposals[1])
    assert error(answer) == (409, "stale")
    assert orjson.loads(answer.body)["message"] == (
        "the proposed change is no longer possible: targetColumn must be the id of an existing item"
    )
    assert agent_api.read(other)["columnId"] == target


def propose(agent_api: AgentApi, token, action, **params) -> dict:
    """Call an action with the token of an agent, and return the proposal that it becomes."""
    core = agent_api.world.core
    request = RawRequest("POST", "/mcp", "", {"authorization": f"Bearer {token}"}, b"")
    answer = action_calls.act(core.units, request, action, params)
    assert answer.status == 202, answer.body
    return orjson.loads(answer.body)


def test_proposals_hold_ids_and_show_names(agent_api: AgentApi):
    bug = agent_api.label("bug")
    document = ask(agent_api, "POST", f"{agent_api.flat}/documents", {"title": "Spec"})
    card, other = agent_api.card("One", checklist=[{"title": "Step"}]), agent_api.card("Two")
    step, ann, done = card["checklist"][0]["_id"], agent_api.owner.id, agent_api.columns[2]["id"]
    first, launch = agent_api.columns[0]["id"], agent_api.project["id"]
    archive = agent_api.world.ask(agent_api.owner, "POST", f"{agent_api.flat}/projects", {"name": "Archive"})
    path = f"{agent_api.flat}/projects/{archive['id']}/columns"
    archive_column = agent_api.world.ask(agent_api.owner, "GET", path)[0]["id"]
    tools = ["board.read", "board.write", "documents.write"]
    token = agent_api.token(agent_api.agent("supervised", tools=tools))
    ids = {"cardId": card["id"]}
    for action, params, expected, description in (
        (
            "assign_card",
            {"cardId": "one", "assigneeId": "ann"},
            {**ids, "assigneeId": ann},
            f'assignee from empty to **"ann ({ann})"**',
        ),
        (
            "add_label",
            {"cardId": "one", "label": "BUG"},
            {**ids, "label": bug["id"]},
            f'label from empty to **"bug ({bug["id"]})"**',
        ),
        (
            "add_relation",
            {"cardId": "one", "targetCardId": "two", "type": "blocks"},
            {**ids, "targetCardId": other["id"], "type": "blocks"},
            f"*One* ({card['id']}): **blocks** {other['key']} *Two* ({other['id']})",
        ),
        (
            "notify",
            {"cardId": "one", "to": ["creator", "Ann"], "message": "Look"},
            {**ids, "to": ["creator", ann], "message": "Look"},
            f'Tell **ann ({ann})** about {card["key"]} *One* ({card["id"]}): "Look"',
        ),
        (
            "toggle_checklist_item",
            {"cardId": "one", "itemId": "step"},
            {**ids, "itemId": step},
            'a checklist item from "Step" to **"Step" (done)**',
        ),
        (
            "create_card",
            {"projectId": "launch", "title": "New"},
            {"projectId": launch, "title": "New", "column": first},
            f"Create *New* in **To Do** ({first})",
        ),
        (
            "create_cards_bulk",
            {"projectId": "launch", "cards": [{"title": "New", "column": "done"}]},
            {"projectId": launch, "cards": [{"title": "New", "column": done}]},
            f'Create *New* in **Done** ({done}): status **"done"**',
        ),
        (
            "duplicate_card",
            {"cardId": "two", "column": "done"},
            {"cardId": other["id"], "column": done},
            f"Create *Two* in **Done** ({done})",
        ),
        (
            "transfer_card",
            {"cardId": other["key"], "targetProjectId": "archive"},
            {"cardId": other["id"], "targetProjectId": archive["id"], "targetColumn": archive_column},
            f'key from "{other["key"]}" to **"ARC-1"**',
        ),
        (
            "update_document",
            {"documentId": "spec", "title": "Plan"},
            {"documentId": document["id"], "title": "Plan"},
            f"'Spec' ({document['id']})",
        ),
    ):
        proposal = propose(agent_api, token, action, **params)
        assert proposal["params"] == expected
        assert description in proposal["summary"]
        assert agent_api.decide(proposal).status == 200


def test_title_cannot_pass_for_the_words_of_a_proposal(agent_api: AgentApi):
    card = agent_api.card("x* to **Done**\nMove APP-1", description="a" * 3000)
    token = agent_api.token(agent_api.agent("supervised"))
    archive = propose(agent_api, token, "archive_card", cardId=card["id"])
    assert archive["summary"] == (rf"Archive {card['key']} *x\* to \*\*Done\*\* Move APP-1* ({card['id']})")
    describe = propose(agent_api, token, "update_card", cardId=card["id"], description="b" * 3000)
    assert 'description by **"@@ -1,1 +1,1 @@\n-aaa' in describe["summary"]


def test_proposal_made_with_a_token_is_listed_and_approved(agent_api: AgentApi):
    agent, card = agent_api.agent("supervised"), agent_api.card()
    proposal = orjson.loads(
        agent_api.world.call(agent_api.token(agent), "PATCH", agent_api.of(card), {"title": "Renamed"}).body
    )
    listed = ask(agent_api, "GET", f"{agent_api.flat}/proposals?status=pending")
    assert listed == [proposal]
    assert agent_api.decide(proposal).status == 200
    assert agent_api.read(card)["title"] == "Renamed"
    assert ask(agent_api, "GET", f"{agent_api.flat}/proposals?status=pending") == []
    assert len(ask(agent_api, "GET", f"{agent_api.flat}/proposals")) == 1


def test_proposed_change_of_many_cards_goes_stale_as_a_whole(agent_api: AgentApi):
    agent, cards = agent_api.agent("supervised"), [agent_api.card(title) for title in ("one", "two", "three")]
    changes = [{"id": card["id"], "priority": "high"} for card in cards]
    token, path = agent_api.token(agent), f"{agent_api.path}/cards/bulk"

    def propose() -> dict:
        return orjson.loads(agent_api.world.call(token, "PATCH", path, {"cards": changes}).body)

    first, second = propose(), propose()
    assert first["action"] == "cards.update_many"
    ask(agent_api, "PATCH", agent_api.of(cards[1]), {"title": "Renamed"})
    before = [agent_api.read(card) for card in cards]
    answer = agent_api.decide(first)
    assert error(answer) == (409, "stale")
    assert orjson.loads(answer.body)["message"] == "the card has changed since it was proposed"
    assert [agent_api.read(card) for card in cards] == before
    # One that was proposed after the change is carried out; the other then is stale because of that.
    assert agent_api.decide(propose()).status == 200
    assert [agent_api.read(card)["priority"] for card in cards] == ["high"] * 3
    assert error(agent_api.decide(second)) == (409, "stale")


def test_proposals_of_a_suspended_agent_are_not_approved(agent_api: AgentApi):
    agent = agent_api.agent("supervised")
    mission = agent_api.start(agent, COMMENTS)
    agent_api.change(agent, status="suspended")
    (proposal,) = agent_api.proposals(mission)
    assert error(agent_api.decide(proposal)) == (409, "agent_suspended")
    assert agent_api.proposals(mission)[0]["status"] == "pending"


# ---------------------------------------------------------------------------------------------- approval


def test_batch_is_approved_as_a_whole(agent_api: AgentApi):
    card = agent_api.card()
    mission = agent_api.mission(
        agent_api.agent("approval"), "move to Done, set priority high, comment: On it.", card
    )
    assert (agent_api.run_mission(mission)["status"], agent_api.read(card)) == ("awaiting_approval", card)
    assert agent_api.mission_now(mission)["result"] is None
    path = f"{agent_api.of_mission(mission)}/proposals/approve"
    decided = ask(agent_api, "POST", path)
    assert [proposal["status"] for proposal in decided] == ["approved"] * 3
    after = agent_api.mission_now(mission)
    assert (after["status"], after["result"]) == ("completed", f"Done: {MOVED}; {SET_HIGH}; {COMMENTED}.")
    now = agent_api.read(card)
    assert (now["columnId"], now["priority"], now["commentCount"]) == (agent_api.columns[2]["id"], "high", 1)
    assert error(agent_api.world.call(agent_api.owner, "POST", path)) == (409, "mission_over")


def test_batch_is_carried_out_completely_or_not_at_all(agent_api: AgentApi):
    card = agent_api.card()
    mission = agent_api.start("approval", "comment: first\nmove to Done", card)
    done = f"{agent_api.path}/columns/{agent_api.columns[2]['id']}"
    ask(agent_api, "PATCH", done, {"wipLimit": 1})
    agent_api.card(column=2)
    path = f"{agent_api.of_mission(mission)}/proposals/approve"
    assert agent_api.world.call(agent_api.owner, "POST", path).status == 409
    assert agent_api.read(card) == card
    assert {proposal["status"] for proposal in agent_api.proposals(mission)} == {"pending"}
    assert agent_api.mission_now(mission)["status"] == "awaiting_approval"


def test_batch_is_rejected_as_a_whole(agent_api: AgentApi):
    card = agent_api.card()
    mission = agent_api.start("approval", "comment: first\nmove to Done", card)
    path = f"{agent_api.of_mission(mission)}/proposals/reject"
    decided = ask(agent_api, "POST", path, {"reason": "Not now"})
    assert [(proposal["status"], proposal["reason"]) for proposal in decided] == [("rejected", "Not now")] * 2
    after = agent_api.mission_now(mission)
    summary = (
        f"Not done: {COMMENTED.replace('On it.', 'first')} (rejected: Not now); {MOVED} (rejected: Not now)."
    )
    assert (after["status"], after["result"]) == ("completed", summary)
    assert done_entry(agent_api, mission)["result"] == summary
    assert comments_on(agent_api, card) == [(mission["agentId"], summary)]
    now = agent_api.read(card)
    assert (now["version"], now["columnId"], now["commentCount"]) == (card["version"], card["columnId"], 1)


def test_last_decision_on_a_proposal_decides_its_batch(agent_api: AgentApi):
    card = agent_api.card()
    mission = agent_api.start("approval", "move to Done, set priority high, comment: On it.", card)
    move, priority, comment = agent_api.proposals(mission)
    first = orjson.loads(agent_api.decide(move).body)
    assert (first["status"], first["decidedById"], first["result"]) == ("approved", agent_api.owner.id, None)
    assert agent_api.decide(comment, "reject", reason="Too chatty").status == 200
    waiting = agent_api.mission_now(mission)
    assert (waiting["status"], waiting["pendingProposals"]) == ("awaiting_approval", 1)
    assert agent_api.read(card) == card
    last = orjson.loads(agent_api.decide(priority).body)
    assert (last["status"], last["result"]["priority"]) == ("approved", "high")
    after = agent_api.mission_now(mission)
    summary = f"Done: {MOVED}; {SET_HIGH}. Not done: {COMMENTED} (rejected: Too chatty)."
    assert (after["status"], after["result"]) == ("completed", summary)
    assert done_entry(agent_api, mission)["result"] == summary
    assert comments_on(agent_api, card) == [(mission["agentId"], summary)]
    now = agent_api.read(card)
    assert (now["columnId"], now["priority"]) == (agent_api.columns[2]["id"], "high")
    assert [proposal["result"] is None for proposal in agent_api.proposals(mission)] == [False, False, True]
    assert error(agent_api.decide(priority)) == (409, "mission_over")


@pytest.mark.parametrize(
    ("how", "result"),
    [
        ("approve", f"Done: {SET_HIGH}."),
        ("reject", f"Not done: {SET_HIGH} (rejected: no reason was given)."),
    ],
)
def test_batch_of_one_is_decided_by_its_proposal(agent_api: AgentApi, how, result):
    card = agent_api.card()
    mission = agent_api.start("approval", "set priority high", card)
    (proposal,) = agent_api.proposals(mission)
    assert agent_api.decide(proposal, how).status == 200
    after = agent_api.mission_now(mission)
    assert (after["status"], after["result"]) == ("completed", result)
    assert (agent_api.read(card)["priority"] == "high") == (how == "approve")


def test_last_rejection_carries_out_what_was_approved(agent_api: AgentApi):
    card = agent_api.card()
    mission = agent_api.start("approval", "set priority high, comment: On it.", card)
    priority, comment = agent_api.proposals(mission)
    assert agent_api.decide(priority).status == 200
    assert error(agent_api.decide(priority)) == (409, "already_decided")
    assert agent_api.decide(comment, "reject").status == 200
    assert agent_api.read(card)["priority"] == "high"
    assert agent_api.mission_now(mission)["result"].startswith(f"Done: {SET_HIGH}. Not done: {COMMENTED} (")


def test_approved_proposal_that_has_gone_stale_keeps_its_batch_open_until_it_is_rejected(agent_api: AgentApi):
    card = agent_api.card()
    mission = agent_api.start("approval", "set priority high, comment: On it.", card)
    priority, comment = agent_api.proposals(mission)
    assert agent_api.decide(priority).status == 200
    changed = ask(agent_api, "PATCH", agent_api.of(card), {"title": "Renamed"})
    answer = agent_api.decide(comment, "reject")
    assert error(answer) == (409, "stale")
    assert (
        "the card has changed since it was proposed; reject it first" in orjson.loads(answer.body)["message"]
    )
    assert agent_api.read(card) == changed
    assert [proposal["status"] for proposal in agent_api.proposals(mission)] == ["approved", "pending"]
    assert agent_api.decide(priority, "reject", reason="Stale").status == 200
    assert agent_api.decide(comment, "reject").status == 200
    assert agent_api.mission_now(mission)["status"] == "completed"
    assert agent_api.read(card)["priority"] == changed["priority"]


def test_impossible_approval_in_a_batch_is_refused_immediately(agent_api: AgentApi):
    card = agent_api.card()
    mission = agent_api.start("approval", "set priority high, comment: On it.", card)
    ask(agent_api, "PATCH", agent_api.of(card), {"title": "Renamed"})
    priority, _ = agent_api.proposals(mission)
    assert error(agent_api.decide(priority)) == (409, "stale")
    assert agent_api.proposals(mission)[0]["status"] == "pending"


def test_each_proposal_of_a_batch_is_carried_out_within_the_rights_of_its_approver(agent_api: AgentApi, bob):
    agent_api.join(bob)
    agent, card = agent_api.agent("approval"), agent_api.card()
    mission = agent_api.start(agent, "set priority high, comment: On it.", card)
    priority, comment = agent_api.proposals(mission)
    assert agent_api.decide(priority, by=bob).status == 200
    assert agent_api.decide(comment).status == 200
    assert [entry["onBehalfOfId"] for entry in agent_api.audit(agent)[-2:]] == [bob.id, agent_api.owner.id]


def test_approving_all_takes_over_what_was_approved_before(agent_api: AgentApi):
    card = agent_api.card()
    mission = agent_api.start("approval", "move to Done, set priority high, comment: On it.", card)
    move, priority, _ = agent_api.proposals(mission)
    assert agent_api.decide(move, "reject").status == agent_api.decide(priority).status == 200
    decided = ask(agent_api, "POST", f"{agent_api.of_mission(mission)}/proposals/approve")
    assert [proposal["action"] for proposal in decided] == ["set_priority", "add_comment"]
    now = agent_api.read(card)
    assert (now["columnId"], now["priority"]) == (card["columnId"], "high")
    assert agent_api.mission_now(mission)["result"].startswith(
        f"Done: {SET_HIGH}; {COMMENTED}. Not done: Move"
    )


def test_cancelled_batch_carries_out_nothing_that_was_approved(agent_api: AgentApi):
    card = agent_api.card()
    mission = agent_api.start("approval", "set priority high, comment: On it.", card)
    assert agent_api.decide(agent_api.proposals(mission)[0]).status == 200
    ask(agent_api, "POST", f"{agent_api.of_mission(mission)}/cancel")
    assert {proposal["status"] for proposal in agent_api.proposals(mission)} == {"rejected"}
    assert agent_api.read(card) == card


# ---------------------------------------------------------------------------------------------- one at a time, and to the end


def test_one_mission_at_a_time_works_on_a_card(agent_api: AgentApi):
    agent, card = agent_api.agent("supervised"), agent_api.card()
    first, second = (agent_api.mission(agent, COMMENTS, card) for _ in range(2))
    assert [agent_api.run_mission(mission)["status"] for mission in (first, second)] == [
        "awaiting_approval",
        "queued",
    ]
    assert agent_api.decide(agent_api.proposals(first)[0]).status == 200
    assert [agent_api.run_mission(mission)["status"] for mission in (first, second)] == [
        "completed",
        "awaiting_approval",
    ]
    for _ in range(19):
        agent_api.mission(agent, COMMENTS, card)
    body = {"cardId": card["id"], "prompt": "x"}
    full = agent_api.world.call(agent_api.owner, "POST", f"{agent_api.agents}/{agent['id']}/missions", body)
    assert error(full) == (409, "missions_full")


def test_next_mission_that_begins_is_one_of_the_same_card(agent_api: AgentApi):
    """Check that the card's next mission starts, although one of another card has waited longer."""
    agent, card, other = agent_api.agent("supervised"), agent_api.card(), agent_api.card()
    of_other = [agent_api.mission(agent, COMMENTS, other) for _ in range(2)]
    of_card = [agent_api.mission(agent, COMMENTS, card) for _ in range(2)]
    expected = ["awaiting_approval", "queued"]
    assert [agent_api.run_mission(mission)["status"] for mission in of_other + of_card] == expected * 2
    assert agent_api.decide(agent_api.proposals(of_card[0])[0]).status == 200
    assert [agent_api.run_mission(mission)["status"] for mission in of_card] == [
        "completed",
        "awaiting_approval",
    ]
    assert [agent_api.mission_now(mission)["status"] for mission in of_other] == expected


@pytest.mark.parametrize("mode", ["supervised", "approval", "autonomous"])
def test_a_mission_can_be_cancelled_at_any_moment(agent_api: AgentApi, mode):
    agent, card = agent_api.agent(mode), agent_api.card()
    queued = agent_api.mission(agent, COMMENTS, card)
    cancelled = ask(agent_api, "POST", f"{agent_api.of_mission(queued)}/cancel")
    assert cancelled["status"] == "cancelled"
    assert agent_api.run_mission(queued)["status"] == "cancelled"
    mission = agent_api.start(agent, COMMENTS, card)
    answer = agent_api.world.call(agent_api.owner, "POST", f"{agent_api.of_mission(mission)}/cancel")
    if mode == "autonomous":
        assert error(answer) == (409, "mission_over")
        return
    assert answer.status == 200
    (proposal,) = agent_api.proposals(mission)
    assert (proposal["status"], proposal["reason"]) == ("rejected", "the mission was cancelled")
    assert error(agent_api.decide(proposal)) == (409, "mission_over")
    assert agent_api.log(mission)[-3:] == [
        ("proposal", "add_comment rejected"),
        ("status", "cancelled"),
        ("done", "cancelled"),
    ]


def test_a_mission_on_no_card_is_refused(agent_api: AgentApi):
    other = AgentApi(agent_api.world, agent_api.owner, agent_api.workspace)
    agent = agent_api.agent(projectIds=[agent_api.project["id"]])
    path = f"{agent_api.agents}/{agent['id']}/missions"
    call = agent_api.world.call
    elsewhere = AgentApi(agent_api.world, agent_api.owner)
    for card_id in ("0" * 24, agent_api.project["id"], "", elsewhere.card()["id"]):
        assert call(agent_api.owner, "POST", path, {"cardId": card_id, "prompt": "x"}).status == 400
    body = {"cardId": other.card()["id"], "prompt": "x"}
    assert error(call(agent_api.owner, "POST", path, body)) == (409, "outside_projects")
    agent_api.change(agent, status="suspended", projectIds=None)
    assert error(call(agent_api.owner, "POST", path, body)) == (409, "agent_suspended")


def test_a_mission_waits_while_its_agent_is_suspended(agent_api: AgentApi):
    agent = agent_api.agent("autonomous")
    mission = agent_api.mission(agent, COMMENTS)
    agent_api.change(agent, status="suspended")
    assert agent_api.run_mission(mission)["status"] == "queued"
    agent_api.change(agent, status="active")
    assert agent_api.run_mission(mission)["status"] == "completed"


def test_mission_waits_while_its_agent_is_at_its_rate_limit(agent_api: AgentApi, clock):
    agent = agent_api.agent("autonomous", rateLimit={"maxActions": 1, "windowSeconds": 60})
    mission = agent_api.mission(agent, "set priority high, comment: On it.")
    assert agent_api.run_mission(mission)["status"] == "running"
    clock.advance(timedelta(seconds=59))
    assert agent_api.run_mission(mission)["status"] == "running"
    clock.advance(timedelta(seconds=1))
    assert agent_api.run_mission(mission)["status"] == "completed"
    assert agent_api.list_attempts(agent) == [("set_priority", "allowed"), ("add_comment", "allowed")]


def test_missions_are_listed_newest_first_and_by_status_and_card(agent_api: AgentApi):
    agent, card = agent_api.agent("supervised"), agent_api.card()
    first, second = agent_api.mission(agent, COMMENTS, card), agent_api.mission(agent, "x")
    agent_api.run_mission(first)
    path = f"{agent_api.agents}/{agent['id']}/missions"
    ids = {
        query: [mission["id"] for mission in ask(agent_api, "GET", f"{path}?{query}")]
        for query in (
            "",
            "limit=1",
            "status=failed",
            f"cardId={card['id']}",
            f"status=failed&cardId={card['id']}",
        )
    }
    assert list(ids.values()) == [
        [second["id"], first["id"]],
        [second["id"]],
        [second["id"]],
        [first["id"]],
        [],
    ]


# ---------------------------------------------------------------------------------------------- what ends with something else


def test_mission_is_deleted_with_its_card(agent_api: AgentApi):
    card = agent_api.card()
    mission = agent_api.start("supervised", COMMENTS, card)
    ask(agent_api, "DELETE", agent_api.of(card))
    assert status(agent_api, "GET", agent_api.of_mission(mission)) == 404
    agent_api.world.core.work.run_due()
    assert agent_api.world.core.work.jobs(given_up=True) == []


@pytest.mark.parametrize("what", ["project", "agent", "workspace", "organization"])
def test_agent_is_deleted_with_its_workspace(agent_api: AgentApi, what):
    agent = agent_api.agent("supervised")
    mission = agent_api.start(agent, COMMENTS)
    path = {
        "project": agent_api.path,
        "agent": f"{agent_api.agents}/{agent['id']}",
        "workspace": agent_api.flat,
        "organization": agent_api.workspace.organization.path,
    }[what]
    ask(agent_api, "DELETE", path)
    assert status(agent_api, "GET", agent_api.of_mission(mission)) == 404


def test_agents_stop_when_their_owner_leaves_the_workspace(agent_api: AgentApi, bob):
    agent_api.world.join(bob, agent_api.workspace, role="admin")
    agent, card = agent_api.agent("supervised"), agent_api.card()
    token = agent_api.token(agent, by=bob)
    mission = agent_api.start(agent, COMMENTS, card, by=bob)
    ask(agent_api, "DELETE", f"{agent_api.flat}/members/{bob.id}")
    assert agent_api.world.status(token, "GET", agent_api.path) == 401
    after = agent_api.mission_now(mission)
    assert (after["status"], after["error"]) == (
        "cancelled",
        "the person who created it no longer has access to the workspace",
    )


def test_pages_by_status_look_through_a_bounded_number_of_missions(agent_api, monkeypatch):
    agent = agent_api.agent()
    missions = [agent_api.mission(agent, f"Do {number}") for number in range(10)]
    ask(agent_api, "POST", f"{agent_api.of_mission(missions[5])}/cancel")
    monkeypatch.setattr(paging, "SCAN_MAX", 4)
    pages = agent_api.walk(f"{agent_api.agents}/{agent['id']}/missions?status=cancelled&limit=3")
    assert [[mission["id"] for mission in page] for page in pages] == [[], [missions[5]["id"]], []]


def test_page_of_pending_proposals_does_not_look_through_the_decided_ones(agent_api, monkeypatch):
    core, agent = agent_api.world.core, agent_api.agent()
    with core.begin(NOBODY) as uow:
        rows = [
            {
                "id": uow.new_id(),
                "workspace_id": agent_api.workspace.id,
                "agent_id": agent["id"],
                "action": "set_status",
                "params": {},
                "summary": f"Change {number}",
                "seen": {},
                "status": "pending" if number == 9 else "rejected",
                "created_at": uow.now,
            }
            for number in range(10)
        ]
        uow.connection.execute(insert(proposals), rows)
    monkeypatch.setattr(paging, "SCAN_MAX", 4)
    pages = agent_api.walk(f"{agent_api.flat}/proposals?status=pending&limit=3")
    assert [[proposal["summary"] for proposal in page] for page in pages] == [["Change 9"]]


@pytest.mark.slow("runs several missions")
def test_missions_of_another_workspace_delay_a_mission_by_one_turn(agent_api: AgentApi):
    agent = agent_api.agent()
    crowd = [agent_api.mission(agent, "set priority high") for _ in range(8)]
    other = AgentApi(agent_api.world, agent_api.world.person("bob"))
    mission = other.mission(other.agent(), "set priority high")
    work = agent_api.world.core.work
    while other.mission_now(mission)["status"] == "queued":
        work._do(work._claim_next())
    assert [agent_api.mission_now(one)["status"] for one in crowd].count("queued") >= 7
    work.run_due()
    assert {agent_api.mission_now(one)["status"] for one in crowd} == {"completed"}
