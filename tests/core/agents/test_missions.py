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
from tests.support.each_case import for_each
from tests.support.statements import count_statements
from tests.support.tables import agent_proposals as proposals
from tests.support.world import outcome

COMMENTS = "comment: On it."

MOVED = 'Move LAU-1 *Write* from To Do to **Done**: status from "open" to **"done"**'
SET_HIGH = 'Change LAU-1 *Write*: priority from empty to **"high"**'
COMMENTED = 'Comment on LAU-1 *Write*: "On it."'
"""Changes as the result of a mission names them."""


def done_entry(board: AgentApi, mission) -> dict:
    """Return the last entry of a mission's stream."""
    return board.entries(mission)[-1].data


def comments_on(board: AgentApi, card) -> list[tuple[str, str]]:
    """Return the author and the text of each comment on a card."""
    comments = ask(board, "GET", f"{board.of(card)}/comments")
    return [(comment["authorId"], comment["content"]) for comment in comments]


def test_autonomous_agent_carries_out_a_mission_and_reports(board: AgentApi):
    agent, card = board.agent("autonomous"), board.card()
    board.label("bug")
    prompt = "move to Done and set priority high\nadd checklist: design, build\ncomment: On it.\nadd label bug; due 2026-05-01"
    mission = board.mission(agent, prompt, card)
    assert mission["status"] == "queued"
    after = board.run_mission(mission)
    assert (after["status"], after["error"]) == ("completed", None)
    assert after["result"].startswith(f"Done: {MOVED}; {SET_HIGH}; ")
    assert f"; {COMMENTED}; " in after["result"]
    now = board.read(card)
    expected = {"columnId": board.columns[2]["id"], "priority": "high", "dueDate": "2026-05-01T00:00:00Z"}
    assert now == now | expected
    assert [item["title"] for item in now["checklist"]] == ["design", "build"]
    (comment,) = ask(board, "GET", f"{board.of(card)}/comments")
    assert (comment["authorId"], comment["content"]) == (agent["id"], "On it.")
    activity = ask(board, "GET", f"{board.path}/activity?actorId={agent['id']}")
    assert {entry["type"] for entry in activity} >= {"card_moved", "comment_added", "card_updated"}
    assert {outcome for _, outcome in board.list_attempts(agent)} == {"allowed"}


def test_the_log_tells_it_from_the_beginning(board: AgentApi):
    mission = board.start("autonomous", "set priority high")
    assert board.log(mission) == [
        ("status", "queued"),
        ("status", "running"),
        ("step", 1),
        ("message", "My plan: Set the priority of a card, or clear it: priority high"),
        ("tool_call", "set_priority done"),
        ("step", 2),
        ("status", "completed"),
        ("done", "completed"),
    ]
    assert board.log(mission, after=6) == [("status", "completed"), ("done", "completed")]


def test_progress_of_a_mission_is_reported(board: AgentApi):
    mission = board.mission(board.agent("supervised"), "set priority high, comment: On it.")
    nothing = {"turns": 0, "done": 0, "total": 0, "percent": 0, "message": None}
    assert mission["progress"] == board.mission_now(mission)["progress"] == nothing
    waiting = board.run_mission(mission)["progress"]
    assert (waiting["turns"], waiting["done"], waiting["total"], waiting["percent"]) == (1, 0, 2, 0)
    priority, comment = board.proposals(mission)
    board.decide(priority)
    half = board.mission_now(mission)["progress"]
    assert (half["done"], half["total"], half["percent"]) == (1, 2, 50)
    assert half["message"].startswith(
        "My plan: Set the priority of a card, or clear it: priority high; Comment"
    )
    board.decide(comment, "reject")
    ended = board.run_mission(mission)["progress"]
    assert (ended["done"], ended["total"], ended["percent"]) == (2, 2, 100)


def test_misunderstood_mission_does_nothing(board: AgentApi):
    card = board.card()
    after = board.start("autonomous", "make it nicer", card)
    assert after["status"] == "failed"
    assert after["error"].startswith("I did not understand 'nicer' in 'make it nicer'. Here I understand: ")
    assert after["error"].endswith(" Nothing was changed.")
    assert board.read(card) == card


@for_each("mode", ["autonomous", "supervised", "approval"])
def test_an_instruction_that_is_not_possible_leaves_the_card_unchanged(board: AgentApi, mode: str):
    card = board.card()
    agent = board.agent(mode)
    after = board.start(agent, "set priority low and move to Nowhere, unassign", card)
    assert after["status"] == "failed"
    assert after["error"].startswith(
        "Not done: Set the priority of a card, or clear it: priority low (refused: another change is refused,"
    )
    assert "'Nowhere' is neither; the most similar names are " in after["error"]
    assert board.read(card) == card
    assert board.proposals(after) == []
    assert board.list_attempts(agent) == [
        (name, "refused") for name in ("set_priority", "move_card", "assign_card")
    ]


def test_a_mission_has_the_tools_of_its_agent_and_no_others(board: AgentApi):
    agent, card = board.agent("autonomous", ["add_comment"]), board.card()
    after = board.start(agent, "comment: hi\nmove to Done", card)
    assert "move card: targetColumn Done (refused: the agent does not have the tool" in after["error"]
    assert board.read(card) == card
    assert board.list_attempts(agent) == [("add_comment", "refused"), ("move_card", "refused")]
    board.start(agent, "comment: hi", card)
    assert board.list_attempts(agent)[2:] == [("add_comment", "allowed")]


# ---------------------------------------------------------------------------------------------- supervised


def test_a_supervised_agent_waits_for_each_change(board: AgentApi):
    agent, card = board.agent("supervised"), board.card()
    mission = board.mission(agent, "move to Done, set priority high, comment: On it.", card)
    waiting = board.run_mission(mission)
    assert (waiting["status"], waiting["pendingProposals"]) == ("awaiting_approval", 3)
    assert board.read(card) == card
    move, priority, comment = board.proposals(mission)
    done = board.columns[2]["id"]
    assert (move["action"], move["status"]) == ("move_card", "pending")
    assert move["params"]["targetColumn"] == done
    assert move["summary"] == (
        f"Move {card['key']} *Write* ({card['id']}) from To Do ({card['columnId']}) to **Done** ({done}): "
        'status from "open" to **"done"**'
    )
    # What one of them changes makes no other one stale.
    approved = orjson.loads(board.decide(move).body)
    assert approved["status"] == "approved"
    assert approved["decidedById"] == board.owner.id
    assert approved["result"]["id"] == card["id"]
    assert board.mission_now(mission)["status"] == "awaiting_approval"
    assert board.decide(comment, "reject", reason="Too chatty").status == 200
    assert board.decide(priority).status == 200
    after = board.run_mission(mission)
    assert after["status"] == "completed"
    assert after["result"] == f"Done: {MOVED}; {SET_HIGH}. Not done: {COMMENTED} (rejected: Too chatty)."
    now = board.read(card)
    assert (now["columnId"], now["priority"], now["commentCount"]) == (board.columns[2]["id"], "high", 0)


@pytest.mark.parametrize("mode", ["supervised", "approval"])
def test_requester_is_notified_of_pending_approvals(board: AgentApi, mode, bob):
    board.join(bob)
    agent = board.agent(mode)
    board.start(agent, COMMENTS, by=bob)
    (notification,) = board.world.ask(bob, "GET", "/notifications")
    activity = notification["activity"]
    assert (activity["actorId"], activity["type"]) == (agent["id"], "notice_given")
    assert "Changes wait for approval." in activity["meta"].values()


def test_statements_of_lists_do_not_grow(board: AgentApi):
    agent, counts = board.agent("supervised"), []
    paths = [board.agents, f"{board.agents}/{agent['id']}/missions", f"{board.agents}/{agent['id']}/audit"]
    for _ in range(2):
        mission = board.start(agent, "comment: a\ncomment: b")
        board.agent()
        lists = [*paths, f"{board.flat}/proposals", f"{board.of_mission(mission)}/proposals"]
        counts.append([count_statements(ask, board, "GET", path) for path in lists])
    assert counts[0] == counts[1]


def test_rule_effects_make_no_other_proposal_stale(board: AgentApi):
    card = board.card()
    rule = {"trigger": "task_moved", "action": {"type": "set_status", "params": {"status": "in_progress"}}}
    ask(board, "POST", f"{board.path}/automations", rule)
    mission = board.start("supervised", "move to Done, set priority high", card)
    move, priority = board.proposals(mission)
    approved = orjson.loads(board.decide(move).body)
    assert approved["result"] == board.read(card)
    assert approved["result"]["status"] == "in_progress"
    assert board.decide(priority).status == 200
    assert board.read(card)["priority"] == "high"


def test_approved_change_has_the_agents_name_and_the_approvers_rights(board: AgentApi):
    agent, card = board.agent("supervised"), board.card()
    (proposal,) = board.proposals(board.start(agent, COMMENTS, card))
    assert board.decide(proposal, by=board.world.person("eve")).status == 404
    assert outcome(board.decide(proposal, by=board.world.api_token(board.owner))) == (403, "login_required")
    assert outcome(board.decide(proposal, by=board.token(agent))) == (403, "not_for_agents")
    bob = board.member("bob")
    assert board.decide(proposal, by=bob).status == 200
    (comment,) = ask(board, "GET", f"{board.of(card)}/comments")
    assert comment["authorId"] == agent["id"]
    entry = board.audit(agent)[-1]
    assert entry["tool"] == "add_comment"
    assert entry["outcome"] == "allowed"
    assert entry["onBehalfOfId"] == bob.id
    assert entry["proposalId"] == proposal["id"]


def test_a_proposal_is_decided_once(board: AgentApi):
    first, _ = board.proposals(board.start("supervised", "comment: a\nset priority low"))
    assert board.decide(first).status == 200
    for how in ("approve", "reject"):
        assert outcome(board.decide(first, how)) == (409, "already_decided")


def test_stale_proposal_changes_nothing(board: AgentApi):
    card = board.card()
    mission = board.start("supervised", "move to Done", card)
    (proposal,) = board.proposals(mission)
    changed = ask(board, "PATCH", board.of(card), {"title": "Renamed"})
    answer = board.decide(proposal)
    assert outcome(answer) == (409, "stale")
    assert orjson.loads(answer.body)["message"] == "the card has changed since it was proposed"
    assert board.read(card) == changed
    assert board.proposals(mission)[0]["status"] == "pending"
    assert board.decide(proposal, "reject").status == 200


def test_proposal_keeps_its_meaning(board: AgentApi):
    moved, other = board.card(), board.card()
    proposals = []
    for card in (moved, other):
        mission = board.start("supervised", "move to Done", card)
        proposals += board.proposals(mission)
    columns = f"{board.path}/columns"
    done = f"{columns}/{board.columns[2]['id']}"
    ask(board, "PATCH", done, {"name": "Shipped"})
    ask(board, "POST", columns, {"name": "Done"})
    assert board.decide(proposals[0]).status == 200
    assert board.read(moved)["columnId"] == board.columns[2]["id"]
    target = board.columns[0]["id"]
    ask(board, "DELETE", f"{done}?moveCardsTo={target}")
    answer = board.decide(proposals[1])
    assert outcome(answer) == (409, "stale")
    assert orjson.loads(answer.body)["message"] == (
        "the proposed change is no longer possible: targetColumn must be the id of an existing item"
    )
    assert board.read(other)["columnId"] == target


def propose(board: AgentApi, token, action, **params) -> dict:
    """Call an action with the token of an agent, and return the proposal that it becomes."""
    core = board.world.core
    request = RawRequest("POST", "/mcp", "", {"authorization": f"Bearer {token}"}, b"")
    answer = action_calls.act(core.units, request, action, params)
    assert answer.status == 202, answer.body
    return orjson.loads(answer.body)


def test_proposals_hold_ids_and_show_names(board: AgentApi):
    bug = board.label("bug")
    document = ask(board, "POST", f"{board.flat}/documents", {"title": "Spec"})
    card, other = board.card("One", checklist=[{"title": "Step"}]), board.card("Two")
    step, ann, done = card["checklist"][0]["_id"], board.owner.id, board.columns[2]["id"]
    first, launch = board.columns[0]["id"], board.project["id"]
    archive = board.world.ask(board.owner, "POST", f"{board.flat}/projects", {"name": "Archive"})
    path = f"{board.flat}/projects/{archive['id']}/columns"
    archive_column = board.world.ask(board.owner, "GET", path)[0]["id"]
    token = board.token(board.agent("supervised", tools=["board.read", "board.write", "documents.write"]))
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
        proposal = propose(board, token, action, **params)
        assert proposal["params"] == expected
        assert description in proposal["summary"]
        assert board.decide(proposal).status == 200


def test_title_cannot_pass_for_the_words_of_a_proposal(board: AgentApi):
    card = board.card("x* to **Done**\nMove APP-1", description="a" * 3000)
    token = board.token(board.agent("supervised"))
    archive = propose(board, token, "archive_card", cardId=card["id"])
    assert archive["summary"] == (rf"Archive {card['key']} *x\* to \*\*Done\*\* Move APP-1* ({card['id']})")
    describe = propose(board, token, "update_card", cardId=card["id"], description="b" * 3000)
    assert 'description by **"@@ -1,1 +1,1 @@\n-aaa' in describe["summary"]


def test_proposal_made_with_a_token_is_listed_and_approved(board: AgentApi):
    agent, card = board.agent("supervised"), board.card()
    proposal = orjson.loads(
        board.world.call(board.token(agent), "PATCH", board.of(card), {"title": "Renamed"}).body
    )
    assert ask(board, "GET", f"{board.flat}/proposals?status=pending") == [proposal]
    assert board.decide(proposal).status == 200
    assert board.read(card)["title"] == "Renamed"
    assert ask(board, "GET", f"{board.flat}/proposals?status=pending") == []
    assert len(ask(board, "GET", f"{board.flat}/proposals")) == 1


def test_proposed_change_of_many_cards_goes_stale_as_a_whole(board: AgentApi):
    agent, cards = board.agent("supervised"), [board.card(title) for title in ("one", "two", "three")]
    changes = [{"id": card["id"], "priority": "high"} for card in cards]
    token, path = board.token(agent), f"{board.path}/cards/bulk"

    def propose() -> dict:
        return orjson.loads(board.world.call(token, "PATCH", path, {"cards": changes}).body)

    first, second = propose(), propose()
    assert first["action"] == "cards.update_many"
    ask(board, "PATCH", board.of(cards[1]), {"title": "Renamed"})
    before = [board.read(card) for card in cards]
    answer = board.decide(first)
    assert outcome(answer) == (409, "stale")
    assert orjson.loads(answer.body)["message"] == "the card has changed since it was proposed"
    assert [board.read(card) for card in cards] == before
    # One that was proposed after the change is carried out; the other then is stale because of that.
    assert board.decide(propose()).status == 200
    assert [board.read(card)["priority"] for card in cards] == ["high"] * 3
    assert outcome(board.decide(second)) == (409, "stale")


def test_proposals_of_a_suspended_agent_are_not_approved(board: AgentApi):
    agent = board.agent("supervised")
    mission = board.start(agent, COMMENTS)
    board.change(agent, status="suspended")
    (proposal,) = board.proposals(mission)
    assert outcome(board.decide(proposal)) == (409, "agent_suspended")
    assert board.proposals(mission)[0]["status"] == "pending"


# ---------------------------------------------------------------------------------------------- approval


def start_batch(board: AgentApi, first: str = "") -> tuple:
    """Start a mission whose agent asks for approval; return its card, the mission, and its proposals."""
    card = board.card()
    mission = board.start("approval", f"{first}set priority high, comment: On it.", card)
    return card, mission, *board.proposals(mission)


def test_batch_is_approved_as_a_whole(board: AgentApi):
    card = board.card()
    mission = board.mission(board.agent("approval"), "move to Done, set priority high, comment: On it.", card)
    assert (board.run_mission(mission)["status"], board.read(card)) == ("awaiting_approval", card)
    assert board.mission_now(mission)["result"] is None
    path = f"{board.of_mission(mission)}/proposals/approve"
    assert [proposal["status"] for proposal in ask(board, "POST", path)] == ["approved"] * 3
    after = board.mission_now(mission)
    assert (after["status"], after["result"]) == ("completed", f"Done: {MOVED}; {SET_HIGH}; {COMMENTED}.")
    now = board.read(card)
    assert (now["columnId"], now["priority"], now["commentCount"]) == (board.columns[2]["id"], "high", 1)
    assert outcome(board.world.call(board.owner, "POST", path)) == (409, "mission_over")


def test_batch_is_carried_out_completely_or_not_at_all(board: AgentApi):
    card = board.card()
    mission = board.start("approval", "comment: first\nmove to Done", card)
    ask(board, "PATCH", f"{board.path}/columns/{board.columns[2]['id']}", {"wipLimit": 1})
    board.card(column=2)
    path = f"{board.of_mission(mission)}/proposals/approve"
    assert board.world.call(board.owner, "POST", path).status == 409
    assert board.read(card) == card
    assert {proposal["status"] for proposal in board.proposals(mission)} == {"pending"}
    assert board.mission_now(mission)["status"] == "awaiting_approval"


def test_batch_is_rejected_as_a_whole(board: AgentApi):
    card = board.card()
    mission = board.start("approval", "comment: first\nmove to Done", card)
    decided = ask(board, "POST", f"{board.of_mission(mission)}/proposals/reject", {"reason": "Not now"})
    assert [(proposal["status"], proposal["reason"]) for proposal in decided] == [("rejected", "Not now")] * 2
    after = board.mission_now(mission)
    summary = (
        f"Not done: {COMMENTED.replace('On it.', 'first')} (rejected: Not now); {MOVED} (rejected: Not now)."
    )
    assert (after["status"], after["result"]) == ("completed", summary)
    assert done_entry(board, mission)["result"] == summary
    assert comments_on(board, card) == [(mission["agentId"], summary)]
    now = board.read(card)
    assert (now["version"], now["columnId"], now["commentCount"]) == (card["version"], card["columnId"], 1)


def test_last_decision_on_a_proposal_decides_its_batch(board: AgentApi):
    card, mission, move, priority, comment = start_batch(board, "move to Done, ")
    first = orjson.loads(board.decide(move).body)
    assert (first["status"], first["decidedById"], first["result"]) == ("approved", board.owner.id, None)
    assert board.decide(comment, "reject", reason="Too chatty").status == 200
    waiting = board.mission_now(mission)
    assert (waiting["status"], waiting["pendingProposals"]) == ("awaiting_approval", 1)
    assert board.read(card) == card
    last = orjson.loads(board.decide(priority).body)
    assert (last["status"], last["result"]["priority"]) == ("approved", "high")
    after = board.mission_now(mission)
    summary = f"Done: {MOVED}; {SET_HIGH}. Not done: {COMMENTED} (rejected: Too chatty)."
    assert (after["status"], after["result"]) == ("completed", summary)
    assert done_entry(board, mission)["result"] == summary
    assert comments_on(board, card) == [(mission["agentId"], summary)]
    now = board.read(card)
    assert (now["columnId"], now["priority"]) == (board.columns[2]["id"], "high")
    assert [proposal["result"] is None for proposal in board.proposals(mission)] == [False, False, True]
    assert outcome(board.decide(priority)) == (409, "mission_over")


@pytest.mark.parametrize(
    ("how", "result"),
    [
        ("approve", f"Done: {SET_HIGH}."),
        ("reject", f"Not done: {SET_HIGH} (rejected: no reason was given)."),
    ],
)
def test_batch_of_one_is_decided_by_its_proposal(board: AgentApi, how, result):
    card = board.card()
    mission = board.start("approval", "set priority high", card)
    (proposal,) = board.proposals(mission)
    assert board.decide(proposal, how).status == 200
    after = board.mission_now(mission)
    assert (after["status"], after["result"]) == ("completed", result)
    assert (board.read(card)["priority"] == "high") == (how == "approve")


def test_last_rejection_carries_out_what_was_approved(board: AgentApi):
    card, mission, priority, comment = start_batch(board)
    assert board.decide(priority).status == 200
    assert outcome(board.decide(priority)) == (409, "already_decided")
    assert board.decide(comment, "reject").status == 200
    assert board.read(card)["priority"] == "high"
    assert board.mission_now(mission)["result"].startswith(f"Done: {SET_HIGH}. Not done: {COMMENTED} (")


def test_approved_proposal_that_has_gone_stale_keeps_its_batch_open_until_it_is_rejected(board: AgentApi):
    card, mission, priority, comment = start_batch(board)
    assert board.decide(priority).status == 200
    changed = ask(board, "PATCH", board.of(card), {"title": "Renamed"})
    answer = board.decide(comment, "reject")
    assert outcome(answer) == (409, "stale")
    assert (
        "the card has changed since it was proposed; reject it first" in orjson.loads(answer.body)["message"]
    )
    assert board.read(card) == changed
    assert [proposal["status"] for proposal in board.proposals(mission)] == ["approved", "pending"]
    assert board.decide(priority, "reject", reason="Stale").status == 200
    assert board.decide(comment, "reject").status == 200
    assert board.mission_now(mission)["status"] == "completed"
    assert board.read(card)["priority"] == changed["priority"]


def test_impossible_approval_in_a_batch_is_refused_immediately(board: AgentApi):
    card, mission, priority, _ = start_batch(board)
    ask(board, "PATCH", board.of(card), {"title": "Renamed"})
    assert outcome(board.decide(priority)) == (409, "stale")
    assert board.proposals(mission)[0]["status"] == "pending"


def test_each_proposal_of_a_batch_is_carried_out_within_the_rights_of_its_approver(board: AgentApi, bob):
    board.join(bob)
    agent, card = board.agent("approval"), board.card()
    mission = board.start(agent, "set priority high, comment: On it.", card)
    priority, comment = board.proposals(mission)
    assert board.decide(priority, by=bob).status == 200
    assert board.decide(comment).status == 200
    assert [entry["onBehalfOfId"] for entry in board.audit(agent)[-2:]] == [bob.id, board.owner.id]


def test_approving_all_takes_over_what_was_approved_before(board: AgentApi):
    card, mission, move, priority, _ = start_batch(board, "move to Done, ")
    assert board.decide(move, "reject").status == board.decide(priority).status == 200
    decided = ask(board, "POST", f"{board.of_mission(mission)}/proposals/approve")
    assert [proposal["action"] for proposal in decided] == ["set_priority", "add_comment"]
    now = board.read(card)
    assert (now["columnId"], now["priority"]) == (card["columnId"], "high")
    assert board.mission_now(mission)["result"].startswith(f"Done: {SET_HIGH}; {COMMENTED}. Not done: Move")


def test_cancelled_batch_carries_out_nothing_that_was_approved(board: AgentApi):
    card, mission, priority, _ = start_batch(board)
    assert board.decide(priority).status == 200
    ask(board, "POST", f"{board.of_mission(mission)}/cancel")
    assert {proposal["status"] for proposal in board.proposals(mission)} == {"rejected"}
    assert board.read(card) == card


# ---------------------------------------------------------------------------------------------- one at a time, and to the end


def test_one_mission_at_a_time_works_on_a_card(board: AgentApi):
    agent, card = board.agent("supervised"), board.card()
    first, second = (board.mission(agent, COMMENTS, card) for _ in range(2))
    expected = ["awaiting_approval", "queued"]
    assert [board.run_mission(mission)["status"] for mission in (first, second)] == expected
    assert board.decide(board.proposals(first)[0]).status == 200
    statuses = [board.run_mission(mission)["status"] for mission in (first, second)]
    assert statuses == ["completed", "awaiting_approval"]
    for _ in range(19):
        board.mission(agent, COMMENTS, card)
    body = {"cardId": card["id"], "prompt": "x"}
    full = board.world.call(board.owner, "POST", f"{board.agents}/{agent['id']}/missions", body)
    assert outcome(full) == (409, "missions_full")


def test_next_mission_that_begins_is_one_of_the_same_card(board: AgentApi):
    """Check that the card's next mission starts, although one of another card has waited longer."""
    agent, card, other = board.agent("supervised"), board.card(), board.card()
    of_other = [board.mission(agent, COMMENTS, other) for _ in range(2)]
    of_card = [board.mission(agent, COMMENTS, card) for _ in range(2)]
    expected = ["awaiting_approval", "queued"]
    assert [board.run_mission(mission)["status"] for mission in of_other + of_card] == expected * 2
    assert board.decide(board.proposals(of_card[0])[0]).status == 200
    assert [board.run_mission(mission)["status"] for mission in of_card] == ["completed", "awaiting_approval"]
    assert [board.mission_now(mission)["status"] for mission in of_other] == expected


@pytest.mark.parametrize("mode", ["supervised", "approval", "autonomous"])
def test_a_mission_can_be_cancelled_at_any_moment(board: AgentApi, mode):
    agent, card = board.agent(mode), board.card()
    queued = board.mission(agent, COMMENTS, card)
    assert ask(board, "POST", f"{board.of_mission(queued)}/cancel")["status"] == "cancelled"
    assert board.run_mission(queued)["status"] == "cancelled"
    mission = board.start(agent, COMMENTS, card)
    answer = board.world.call(board.owner, "POST", f"{board.of_mission(mission)}/cancel")
    if mode == "autonomous":
        assert outcome(answer) == (409, "mission_over")
        return
    assert answer.status == 200
    (proposal,) = board.proposals(mission)
    assert (proposal["status"], proposal["reason"]) == ("rejected", "the mission was cancelled")
    assert outcome(board.decide(proposal)) == (409, "mission_over")
    expected = [("proposal", "add_comment rejected"), ("status", "cancelled"), ("done", "cancelled")]
    assert board.log(mission)[-3:] == expected


def test_a_mission_on_no_card_is_refused(board: AgentApi):
    other = AgentApi(board.world, board.owner, board.workspace)
    agent = board.agent(projectIds=[board.project["id"]])
    path = f"{board.agents}/{agent['id']}/missions"
    call = board.world.call
    for card_id in ("0" * 24, board.project["id"], "", AgentApi(board.world, board.owner).card()["id"]):
        assert call(board.owner, "POST", path, {"cardId": card_id, "prompt": "x"}).status == 400
    body = {"cardId": other.card()["id"], "prompt": "x"}
    assert outcome(call(board.owner, "POST", path, body)) == (409, "outside_projects")
    board.change(agent, status="suspended", projectIds=None)
    assert outcome(call(board.owner, "POST", path, body)) == (409, "agent_suspended")


def test_a_mission_waits_while_its_agent_is_suspended(board: AgentApi):
    agent = board.agent("autonomous")
    mission = board.mission(agent, COMMENTS)
    board.change(agent, status="suspended")
    assert board.run_mission(mission)["status"] == "queued"
    board.change(agent, status="active")
    assert board.run_mission(mission)["status"] == "completed"


def test_mission_waits_while_its_agent_is_at_its_rate_limit(board: AgentApi, clock):
    agent = board.agent("autonomous", rateLimit={"maxActions": 1, "windowSeconds": 60})
    mission = board.mission(agent, "set priority high, comment: On it.")
    assert board.run_mission(mission)["status"] == "running"
    clock.advance(timedelta(seconds=59))
    assert board.run_mission(mission)["status"] == "running"
    clock.advance(timedelta(seconds=1))
    assert board.run_mission(mission)["status"] == "completed"
    assert board.list_attempts(agent) == [("set_priority", "allowed"), ("add_comment", "allowed")]


def test_missions_are_listed_newest_first_and_by_status_and_card(board: AgentApi):
    agent, card = board.agent("supervised"), board.card()
    first, second = board.mission(agent, COMMENTS, card), board.mission(agent, "x")
    board.run_mission(first)
    path = f"{board.agents}/{agent['id']}/missions"
    ids = {
        query: [mission["id"] for mission in ask(board, "GET", f"{path}?{query}")]
        for query in (
            "",
            "limit=1",
            "status=failed",
            f"cardId={card['id']}",
            f"status=failed&cardId={card['id']}",
        )
    }
    expected = [[second["id"], first["id"]], [second["id"]], [second["id"]], [first["id"]], []]
    assert list(ids.values()) == expected


# ---------------------------------------------------------------------------------------------- what ends with something else


def test_mission_is_deleted_with_its_card(board: AgentApi):
    card = board.card()
    mission = board.start("supervised", COMMENTS, card)
    ask(board, "DELETE", board.of(card))
    assert status(board, "GET", board.of_mission(mission)) == 404
    board.world.core.work.run_due()
    assert board.world.core.work.jobs(given_up=True) == []


@pytest.mark.parametrize("what", ["project", "agent", "workspace", "organization"])
def test_agent_is_deleted_with_its_workspace(board: AgentApi, what):
    agent = board.agent("supervised")
    mission = board.start(agent, COMMENTS)
    path = {
        "project": board.path,
        "agent": f"{board.agents}/{agent['id']}",
        "workspace": board.flat,
        "organization": board.workspace.organization.path,
    }[what]
    ask(board, "DELETE", path)
    assert status(board, "GET", board.of_mission(mission)) == 404


def test_agents_stop_when_their_owner_leaves_the_workspace(board: AgentApi, bob):
    board.world.join(bob, board.workspace, role="admin")
    agent, card = board.agent("supervised"), board.card()
    token = board.token(agent, by=bob)
    mission = board.start(agent, COMMENTS, card, by=bob)
    ask(board, "DELETE", f"{board.flat}/members/{bob.id}")
    assert board.world.status(token, "GET", board.path) == 401
    after = board.mission_now(mission)
    assert after["status"] == "cancelled"
    assert after["error"] == "the person who created it no longer has access to the workspace"


def test_pages_by_status_look_through_a_bounded_number_of_missions(board, monkeypatch):
    agent = board.agent()
    missions = [board.mission(agent, f"Do {number}") for number in range(10)]
    ask(board, "POST", f"{board.of_mission(missions[5])}/cancel")
    monkeypatch.setattr(paging, "SCAN_MAX", 4)
    pages = board.walk(f"{board.agents}/{agent['id']}/missions?status=cancelled&limit=3")
    assert [[mission["id"] for mission in page] for page in pages] == [[], [missions[5]["id"]], []]


def test_page_of_pending_proposals_does_not_look_through_the_decided_ones(board, monkeypatch):
    core, agent = board.world.core, board.agent()
    with core.begin(NOBODY) as uow:
        rows = [
            {
                "id": uow.new_id(),
                "workspace_id": board.workspace.id,
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
    pages = board.walk(f"{board.flat}/proposals?status=pending&limit=3")
    assert [[proposal["summary"] for proposal in page] for page in pages] == [["Change 9"]]


@pytest.mark.slow("runs several missions")
def test_missions_of_another_workspace_delay_a_mission_by_one_turn(board: AgentApi):
    agent = board.agent()
    crowd = [board.mission(agent, "set priority high") for _ in range(8)]
    other = AgentApi(board.world, board.world.person("bob"))
    mission = other.mission(other.agent(), "set priority high")
    work = board.world.core.work
    while other.mission_now(mission)["status"] == "queued":
        work._do(work._claim_next())
    assert [board.mission_now(one)["status"] for one in crowd].count("queued") >= 7
    work.run_due()
    assert {board.mission_now(one)["status"] for one in crowd} == {"completed"}
