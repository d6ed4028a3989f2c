"""Missions: from the first word to the last, in each mode, and whatever comes in between."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from tests.core.agents.office import Office

COMMENTS = "comment: On it."


def error(answer) -> tuple[int, str]:
    return answer.status, orjson.loads(answer.body)["code"]


def done_entry(office: Office, mission) -> dict:
    """Return the last entry of a mission's stream."""
    return office.entries(mission)[-1].data


def comments_on(office: Office, card) -> list[tuple[str, str]]:
    """Return the author and the text of each comment on a card."""
    found = office.world.ask(office.owner, "GET", f"{office.of(card)}/comments")
    return [(each["authorId"], each["content"]) for each in found]


def test_an_autonomous_agent_does_what_it_is_told_and_says_what_it_has_done(office: Office):
    agent, card = office.agent("autonomous"), office.card()
    office.label("bug")
    prompt = "move to Done and set priority high\nadd checklist: design, build\ncomment: On it.\nadd label bug; due 2026-05-01"
    mission = office.mission(agent, prompt, card)
    assert mission["status"] == "queued"
    after = office.worked(mission)
    assert (after["status"], after["error"]) == ("completed", None)
    assert after["result"].startswith(
        "Done: move_card, set_priority, add_checklist_item, add_checklist_item, add_comment"
    )
    now = office.read(card)
    assert (now["columnId"], now["priority"], now["dueDate"]) == (
        office.columns[2]["id"],
        "high",
        "2026-05-01T00:00:00Z",
    )
    assert [each["title"] for each in now["checklist"]] == ["design", "build"]
    (said,) = office.world.ask(office.owner, "GET", f"{office.of(card)}/comments")
    assert (said["authorId"], said["content"]) == (agent["id"], "On it.")
    activity = office.world.ask(office.owner, "GET", f"{office.path}/activity?actorId={agent['id']}")
    assert {each["type"] for each in activity} >= {"card_moved", "comment_added", "card_updated"}
    assert {outcome for _, outcome in office.tried(agent)} == {"allowed"}


def test_the_log_tells_it_from_the_beginning(office: Office):
    mission = office.mission(office.agent("autonomous"), "set priority high; dance")
    office.worked(mission)
    assert office.log(mission) == [
        ("status", "queued"),
        ("status", "running"),
        ("step", 1),
        ("message", "I will set priority high. I did not understand: 'dance'."),
        ("tool_call", "set_priority done"),
        ("step", 2),
        ("status", "completed"),
        ("done", "completed"),
    ]
    assert office.log(mission, after=6) == [("status", "completed"), ("done", "completed")]


def test_progress_of_a_mission_is_told(office: Office):
    mission = office.mission(office.agent("supervised"), "set priority high, comment: On it.")
    nothing = {"turns": 0, "done": 0, "total": 0, "percent": 0, "message": None}
    assert mission["progress"] == office.mission_now(mission)["progress"] == nothing
    waiting = office.worked(mission)["progress"]
    assert (waiting["turns"], waiting["done"], waiting["total"], waiting["percent"]) == (1, 0, 2, 0)
    priority, comment = office.proposals(mission)
    office.decide(priority)
    half = office.mission_now(mission)["progress"]
    assert (half["done"], half["total"], half["percent"]) == (1, 2, 50)
    assert half["message"].startswith("I will set priority high")
    office.decide(comment, "reject")
    ended = office.worked(mission)["progress"]
    assert (ended["done"], ended["total"], ended["percent"]) == (2, 2, 100)


def test_what_is_not_understood_is_said_and_nothing_is_done(office: Office):
    card = office.card()
    after = office.worked(office.mission(office.agent("autonomous"), "make it nicer", card))
    assert after["status"] == "failed"
    assert after["error"].startswith("I did not understand: 'make it nicer'. I understand: move to Done;")
    assert office.read(card) == card


def test_what_cannot_be_done_is_said_and_the_rest_is_done(office: Office):
    card = office.card()
    mission = office.mission(office.agent("autonomous"), "move to Nowhere, set priority low", card)
    after = office.worked(mission)
    assert after["status"] == "completed"
    assert "Done: set_priority. Not done: move_card was refused (targetColumn must be" in after["result"]
    assert office.read(card)["priority"] == "low"


def test_a_mission_has_the_tools_of_its_agent_and_no_others(office: Office):
    agent, card = office.agent("autonomous", ["add_comment"]), office.card()
    after = office.worked(office.mission(agent, "comment: hi\nmove to Done", card))
    assert after["result"].startswith(
        "Done: add_comment. Not done: move_card was refused (the agent has not the tool"
    )
    assert office.read(card)["columnId"] == card["columnId"]
    assert office.tried(agent) == [("add_comment", "allowed"), ("move_card", "refused")]


def test_agent_assigns_by_a_first_name_and_names_the_candidates_of_two(office: Office):
    jane, rob, roy = people = office.world.people("jane rob roy")
    office.join(*people)
    for person, name in ((jane, "Jane Doe"), (rob, "Rob Ray"), (roy, "Rob Roy")):
        office.world.ask(person, "PATCH", "/auth/me", {"name": name})
    card = office.card()
    after = office.worked(office.mission(office.agent("autonomous"), "assign to Jane", card))
    assert (after["status"], office.read(card)["assigneeId"]) == ("completed", jane.id)
    after = office.worked(office.mission(office.agent("autonomous"), "assign to Rob", card))
    assert f"'Rob' could be 'Rob Ray' ({rob.id}), 'Rob Roy' ({roy.id})" in after["error"]


# ---------------------------------------------------------------------------------------------- supervised


def test_a_supervised_agent_waits_for_each_change(office: Office):
    agent, card = office.agent("supervised"), office.card()
    mission = office.mission(agent, "move to Done, set priority high, comment: On it.", card)
    waiting = office.worked(mission)
    assert (waiting["status"], waiting["pendingProposals"]) == ("awaiting_approval", 3)
    assert office.read(card) == card
    move, priority, comment = office.proposals(mission)
    assert (move["action"], move["params"]["targetColumn"], move["status"]) == (
        "move_card",
        "Done",
        "pending",
    )
    assert move["summary"] == f"Move a card to a column: cardId {card['id']}, targetColumn Done"
    # What one of them changes makes no other one stale.
    approved = orjson.loads(office.decide(move).body)
    assert (approved["status"], approved["decidedById"], approved["result"]["id"]) == (
        "approved",
        office.owner.id,
        card["id"],
    )
    assert office.mission_now(mission)["status"] == "awaiting_approval"
    assert office.decide(comment, "reject", reason="Too chatty").status == 200
    assert office.decide(priority).status == 200
    after = office.worked(mission)
    assert after["status"] == "completed"
    assert (
        after["result"] == "Done: move_card, set_priority. Not done: add_comment was rejected (Too chatty)."
    )
    now = office.read(card)
    assert (now["columnId"], now["priority"], now["commentCount"]) == (office.columns[2]["id"], "high", 0)


@pytest.mark.parametrize("mode", ["supervised", "approval"])
def test_who_has_asked_for_a_mission_is_told_that_it_waits(office: Office, mode):
    bob = office.world.person("bob")
    office.join(bob)
    agent = office.agent(mode)
    office.worked(office.mission(agent, COMMENTS, by=bob))
    (news,) = office.world.ask(bob, "GET", "/notifications")
    told = news["activity"]
    assert (told["actorId"], told["type"]) == (agent["id"], "notice_given")
    assert "Changes wait for approval." in told["meta"].values()


def test_lists_take_as_many_statements_however_long_they_are(office: Office, statements):
    agent, counts = office.agent("supervised"), []
    paths = [office.agents, f"{office.agents}/{agent['id']}/missions", f"{office.agents}/{agent['id']}/audit"]
    for _ in range(2):
        mission = office.mission(agent, "comment: a\ncomment: b")
        office.worked(mission)
        office.agent()
        lists = [*paths, f"{office.flat}/proposals", f"{office.of_mission(mission)}/proposals"]
        found = []
        for path in lists:
            with statements() as sent:
                office.world.ask(office.owner, "GET", path)
            found.append(len(sent))
        counts.append(found)
    assert counts[0] == counts[1] == [2] * 5


def test_what_a_rule_makes_of_an_approved_change_makes_no_other_proposal_stale(office: Office):
    card = office.card()
    rule = {"trigger": "task_moved", "action": {"type": "set_status", "params": {"status": "in_progress"}}}
    office.world.ask(office.owner, "POST", f"{office.path}/automations", rule)
    mission = office.mission(office.agent("supervised"), "move to Done, set priority high", card)
    office.worked(mission)
    move, priority = office.proposals(mission)
    approved = orjson.loads(office.decide(move).body)
    assert approved["result"] == office.read(card)
    assert approved["result"]["status"] == "in_progress"
    assert office.decide(priority).status == 200
    assert office.read(card)["priority"] == "high"


def test_what_was_approved_bears_the_agents_name_and_takes_the_approvers_rights(office: Office):
    agent, card = office.agent("supervised"), office.card()
    mission = office.mission(agent, COMMENTS, card)
    office.worked(mission)
    (proposal,) = office.proposals(mission)
    stranger = office.world.person("eve")
    assert office.decide(proposal, by=stranger).status == 404
    token = office.world.api_token(office.owner)
    assert error(office.decide(proposal, by=token)) == (403, "login_required")
    assert error(office.decide(proposal, by=office.token(agent))) == (403, "not_for_agents")
    bob = office.world.person("bob")
    office.join(bob)
    assert office.decide(proposal, by=bob).status == 200
    (said,) = office.world.ask(office.owner, "GET", f"{office.of(card)}/comments")
    assert said["authorId"] == agent["id"]
    entry = office.audit(agent)[-1]
    assert (entry["tool"], entry["outcome"], entry["onBehalfOfId"], entry["proposalId"]) == (
        "add_comment",
        "allowed",
        bob.id,
        proposal["id"],
    )


def test_a_proposal_is_decided_once(office: Office):
    mission = office.mission(office.agent("supervised"), "comment: a\nset priority low")
    office.worked(mission)
    first, _ = office.proposals(mission)
    assert office.decide(first).status == 200
    for how in ("approve", "reject"):
        assert error(office.decide(first, how)) == (409, "already_decided")


def test_a_proposal_about_what_has_changed_is_stale_and_changes_nothing(office: Office):
    card = office.card()
    mission = office.mission(office.agent("supervised"), "move to Done", card)
    office.worked(mission)
    (proposal,) = office.proposals(mission)
    changed = office.world.ask(office.owner, "PATCH", office.of(card), {"title": "Renamed"})
    answer = office.decide(proposal)
    assert error(answer) == (409, "stale")
    assert orjson.loads(answer.body)["message"] == "the card has changed since it was proposed"
    assert office.read(card) == changed
    assert office.proposals(mission)[0]["status"] == "pending"
    assert office.decide(proposal, "reject").status == 200


def test_a_proposal_means_what_it_meant_when_it_was_made(office: Office):
    card = office.card()
    mission = office.mission(office.agent("supervised"), "move to Done", card)
    office.worked(mission)
    (proposal,) = office.proposals(mission)
    columns = f"{office.path}/columns"
    office.world.ask(office.owner, "PATCH", f"{columns}/{office.columns[2]['id']}", {"name": "Shipped"})
    assert error(office.decide(proposal)) == (409, "stale")
    office.world.ask(office.owner, "POST", columns, {"name": "Done"})
    assert error(office.decide(proposal)) == (409, "stale")


def test_what_an_agent_has_asked_for_with_its_token_is_listed_and_approved(office: Office):
    agent, card = office.agent("supervised"), office.card()
    made = orjson.loads(
        office.world.call(office.token(agent), "PATCH", office.of(card), {"title": "Renamed"}).body
    )
    listed = office.world.ask(office.owner, "GET", f"{office.flat}/proposals?status=pending")
    assert listed == [made]
    assert office.decide(made).status == 200
    assert office.read(card)["title"] == "Renamed"
    assert office.world.ask(office.owner, "GET", f"{office.flat}/proposals?status=pending") == []
    assert len(office.world.ask(office.owner, "GET", f"{office.flat}/proposals")) == 1


def test_proposed_change_of_many_cards_goes_stale_as_a_whole(office: Office):
    agent, cards = office.agent("supervised"), [office.card(title) for title in ("one", "two", "three")]
    changes = [{"id": card["id"], "priority": "high"} for card in cards]
    token, path = office.token(agent), f"{office.path}/cards/bulk"

    def propose() -> dict:
        return orjson.loads(office.world.call(token, "PATCH", path, {"cards": changes}).body)

    first, second = propose(), propose()
    assert first["action"] == "cards.update_many"
    office.world.ask(office.owner, "PATCH", office.of(cards[1]), {"title": "Renamed"})
    before = [office.read(card) for card in cards]
    answer = office.decide(first)
    assert error(answer) == (409, "stale")
    assert orjson.loads(answer.body)["message"] == "the card has changed since it was proposed"
    assert [office.read(card) for card in cards] == before
    # One that was proposed after the change is carried out; the other then is stale because of that.
    third = propose()
    assert office.decide(third).status == 200
    assert [office.read(card)["priority"] for card in cards] == ["high"] * 3
    assert error(office.decide(second)) == (409, "stale")


def test_nothing_of_a_suspended_agent_is_approved(office: Office):
    agent = office.agent("supervised")
    mission = office.mission(agent, COMMENTS)
    office.worked(mission)
    office.change(agent, status="suspended")
    (proposal,) = office.proposals(mission)
    assert error(office.decide(proposal)) == (409, "agent_suspended")
    assert office.proposals(mission)[0]["status"] == "pending"


# ---------------------------------------------------------------------------------------------- approval


def test_what_a_mission_gathers_is_decided_at_once(office: Office):
    card = office.card()
    mission = office.mission(
        office.agent("approval"), "move to Done, set priority high, comment: On it.", card
    )
    assert (office.worked(mission)["status"], office.read(card)) == ("awaiting_approval", card)
    assert office.mission_now(mission)["result"] is None
    path = f"{office.of_mission(mission)}/proposals/approve"
    made = office.world.ask(office.owner, "POST", path)
    assert [each["status"] for each in made] == ["approved"] * 3
    after = office.mission_now(mission)
    assert (after["status"], after["result"]) == ("completed", "Done: move_card, set_priority, add_comment.")
    now = office.read(card)
    assert (now["columnId"], now["priority"], now["commentCount"]) == (office.columns[2]["id"], "high", 1)
    assert error(office.world.call(office.owner, "POST", path)) == (409, "mission_over")


def test_all_of_what_was_gathered_is_done_or_nothing(office: Office):
    card = office.card()
    mission = office.mission(office.agent("approval"), "comment: first\nmove to Done", card)
    office.worked(mission)
    done = f"{office.path}/columns/{office.columns[2]['id']}"
    office.world.ask(office.owner, "PATCH", done, {"wipLimit": 1})
    office.card(column=2)
    path = f"{office.of_mission(mission)}/proposals/approve"
    answer = office.world.call(office.owner, "POST", path)
    assert answer.status == 409
    assert office.read(card) == card
    assert {each["status"] for each in office.proposals(mission)} == {"pending"}
    assert office.mission_now(mission)["status"] == "awaiting_approval"


def test_all_of_what_was_gathered_can_be_rejected(office: Office):
    card = office.card()
    mission = office.mission(office.agent("approval"), "comment: first\nmove to Done", card)
    office.worked(mission)
    path = f"{office.of_mission(mission)}/proposals/reject"
    made = office.world.ask(office.owner, "POST", path, {"reason": "Not now"})
    assert [(each["status"], each["reason"]) for each in made] == [("rejected", "Not now")] * 2
    after = office.mission_now(mission)
    said = "Not done: add_comment was rejected (Not now); move_card was rejected (Not now)."
    assert (after["status"], after["result"]) == ("completed", said)
    assert done_entry(office, mission)["result"] == said
    assert comments_on(office, card) == [(mission["agentId"], said)]
    now = office.read(card)
    assert (now["version"], now["columnId"], now["commentCount"]) == (card["version"], card["columnId"], 1)


def test_last_decision_on_a_proposal_decides_its_batch(office: Office):
    card = office.card()
    mission = office.mission(
        office.agent("approval"), "move to Done, set priority high, comment: On it.", card
    )
    office.worked(mission)
    move, priority, comment = office.proposals(mission)
    first = orjson.loads(office.decide(move).body)
    assert (first["status"], first["decidedById"], first["result"]) == ("approved", office.owner.id, None)
    assert office.decide(comment, "reject", reason="Too chatty").status == 200
    waiting = office.mission_now(mission)
    assert (waiting["status"], waiting["pendingProposals"]) == ("awaiting_approval", 1)
    assert office.read(card) == card
    last = orjson.loads(office.decide(priority).body)
    assert (last["status"], last["result"]["priority"]) == ("approved", "high")
    after = office.mission_now(mission)
    said = "Done: move_card, set_priority. Not done: add_comment was rejected (Too chatty)."
    assert (after["status"], after["result"]) == ("completed", said)
    assert done_entry(office, mission)["result"] == said
    assert comments_on(office, card) == [(mission["agentId"], said)]
    now = office.read(card)
    assert (now["columnId"], now["priority"]) == (office.columns[2]["id"], "high")
    assert [each["result"] is None for each in office.proposals(mission)] == [False, False, True]
    assert error(office.decide(priority)) == (409, "mission_over")


@pytest.mark.parametrize(
    ("how", "result"),
    [
        ("approve", "Done: set_priority. I did not understand: 'dance'."),
        (
            "reject",
            "Not done: set_priority was rejected (no reason was given). I did not understand: 'dance'.",
        ),
    ],
)
def test_batch_of_one_is_decided_by_its_proposal(office: Office, how, result):
    card = office.card()
    mission = office.mission(office.agent("approval"), "set priority high; dance", card)
    office.worked(mission)
    (proposal,) = office.proposals(mission)
    assert office.decide(proposal, how).status == 200
    after = office.mission_now(mission)
    assert (after["status"], after["result"]) == ("completed", result)
    assert (office.read(card)["priority"] == "high") == (how == "approve")


def test_last_rejection_carries_out_what_was_approved(office: Office):
    card = office.card()
    mission = office.mission(office.agent("approval"), "set priority high, comment: On it.", card)
    office.worked(mission)
    priority, comment = office.proposals(mission)
    assert office.decide(priority).status == 200
    assert error(office.decide(priority)) == (409, "already_decided")
    assert office.decide(comment, "reject").status == 200
    assert office.read(card)["priority"] == "high"
    assert office.mission_now(mission)["result"].startswith("Done: set_priority. Not done: add_comment was")


def test_approved_proposal_that_has_gone_stale_keeps_its_batch_open_until_it_is_rejected(office: Office):
    card = office.card()
    mission = office.mission(office.agent("approval"), "set priority high, comment: On it.", card)
    office.worked(mission)
    priority, comment = office.proposals(mission)
    assert office.decide(priority).status == 200
    changed = office.world.ask(office.owner, "PATCH", office.of(card), {"title": "Renamed"})
    answer = office.decide(comment, "reject")
    assert error(answer) == (409, "stale")
    assert (
        "the card has changed since it was proposed; reject it first" in orjson.loads(answer.body)["message"]
    )
    assert office.read(card) == changed
    assert [each["status"] for each in office.proposals(mission)] == ["approved", "pending"]
    assert office.decide(priority, "reject", reason="Stale").status == 200
    assert office.decide(comment, "reject").status == 200
    assert office.mission_now(mission)["status"] == "completed"
    assert office.read(card)["priority"] == changed["priority"]


def test_approval_in_a_batch_is_refused_at_once_if_it_cannot_be_carried_out(office: Office):
    card = office.card()
    mission = office.mission(office.agent("approval"), "set priority high, comment: On it.", card)
    office.worked(mission)
    office.world.ask(office.owner, "PATCH", office.of(card), {"title": "Renamed"})
    priority, _ = office.proposals(mission)
    assert error(office.decide(priority)) == (409, "stale")
    assert office.proposals(mission)[0]["status"] == "pending"


def test_each_proposal_of_a_batch_is_carried_out_within_the_rights_of_its_approver(office: Office):
    bob = office.world.person("bob")
    office.join(bob)
    agent, card = office.agent("approval"), office.card()
    mission = office.mission(agent, "set priority high, comment: On it.", card)
    office.worked(mission)
    priority, comment = office.proposals(mission)
    assert office.decide(priority, by=bob).status == 200
    assert office.decide(comment).status == 200
    assert [entry["onBehalfOfId"] for entry in office.audit(agent)[-2:]] == [bob.id, office.owner.id]


def test_approving_all_takes_over_what_was_approved_before(office: Office):
    card = office.card()
    mission = office.mission(
        office.agent("approval"), "move to Done, set priority high, comment: On it.", card
    )
    office.worked(mission)
    move, priority, _ = office.proposals(mission)
    assert office.decide(move, "reject").status == office.decide(priority).status == 200
    decided = office.world.ask(office.owner, "POST", f"{office.of_mission(mission)}/proposals/approve")
    assert [each["action"] for each in decided] == ["set_priority", "add_comment"]
    now = office.read(card)
    assert (now["columnId"], now["priority"]) == (card["columnId"], "high")
    assert office.mission_now(mission)["result"].startswith("Done: set_priority, add_comment. Not done: move")


def test_cancelled_batch_carries_out_nothing_that_was_approved(office: Office):
    card = office.card()
    mission = office.mission(office.agent("approval"), "set priority high, comment: On it.", card)
    office.worked(mission)
    assert office.decide(office.proposals(mission)[0]).status == 200
    office.world.ask(office.owner, "POST", f"{office.of_mission(mission)}/cancel")
    assert {each["status"] for each in office.proposals(mission)} == {"rejected"}
    assert office.read(card) == card


# ---------------------------------------------------------------------------------------------- one at a time, and to the end


def test_one_mission_at_a_time_works_on_a_card(office: Office):
    agent, card = office.agent("supervised"), office.card()
    first, second = (office.mission(agent, COMMENTS, card) for _ in range(2))
    assert [office.worked(each)["status"] for each in (first, second)] == ["awaiting_approval", "queued"]
    assert office.decide(office.proposals(first)[0]).status == 200
    assert [office.worked(each)["status"] for each in (first, second)] == ["completed", "awaiting_approval"]
    for _ in range(19):
        office.mission(agent, COMMENTS, card)
    body = {"cardId": card["id"], "prompt": "x"}
    full = office.world.call(office.owner, "POST", f"{office.agents}/{agent['id']}/missions", body)
    assert error(full) == (409, "missions_full")


def test_next_mission_that_begins_is_one_of_the_same_card(office: Office):
    """Though a mission of another card has waited for longer."""
    agent, card, other = office.agent("supervised"), office.card(), office.card()
    of_other = [office.mission(agent, COMMENTS, other) for _ in range(2)]
    of_card = [office.mission(agent, COMMENTS, card) for _ in range(2)]
    expected = ["awaiting_approval", "queued"]
    assert [office.worked(each)["status"] for each in of_other + of_card] == expected * 2
    assert office.decide(office.proposals(of_card[0])[0]).status == 200
    assert [office.worked(each)["status"] for each in of_card] == ["completed", "awaiting_approval"]
    assert [office.mission_now(each)["status"] for each in of_other] == expected


@pytest.mark.parametrize("mode", ["supervised", "approval", "autonomous"])
def test_a_mission_can_be_cancelled_at_any_moment(office: Office, mode):
    agent, card = office.agent(mode), office.card()
    queued = office.mission(agent, COMMENTS, card)
    cancelled = office.world.ask(office.owner, "POST", f"{office.of_mission(queued)}/cancel")
    assert cancelled["status"] == "cancelled"
    assert office.worked(queued)["status"] == "cancelled"
    mission = office.mission(agent, COMMENTS, card)
    office.worked(mission)
    answer = office.world.call(office.owner, "POST", f"{office.of_mission(mission)}/cancel")
    if mode == "autonomous":
        assert error(answer) == (409, "mission_over")
        return
    assert answer.status == 200
    (proposal,) = office.proposals(mission)
    assert (proposal["status"], proposal["reason"]) == ("rejected", "the mission was cancelled")
    assert error(office.decide(proposal)) == (409, "mission_over")
    assert office.log(mission)[-3:] == [
        ("proposal", "add_comment rejected"),
        ("status", "cancelled"),
        ("done", "cancelled"),
    ]


def test_who_has_asked_for_a_mission_may_cancel_it_and_no_other_member(office: Office):
    bob, eve = office.world.people("bob eve")
    office.join(bob, eve)
    mission = office.mission(office.agent("supervised"), COMMENTS, by=bob)
    path = f"{office.of_mission(mission)}/cancel"
    assert office.world.status(eve, "POST", path) == 403
    assert office.world.status(bob, "POST", path) == 200


def test_a_mission_on_no_card_is_refused(office: Office):
    other = Office(office.world, office.owner, office.workspace)
    agent = office.agent(projectIds=[office.project["id"]])
    path = f"{office.agents}/{agent['id']}/missions"
    ask = office.world.call
    for card_id in ("0" * 24, office.project["id"], ""):
        assert ask(office.owner, "POST", path, {"cardId": card_id, "prompt": "x"}).status == 400
    body = {"cardId": other.card()["id"], "prompt": "x"}
    assert error(ask(office.owner, "POST", path, body)) == (409, "outside_projects")
    office.change(agent, status="suspended", projectIds=None)
    assert error(ask(office.owner, "POST", path, body)) == (409, "agent_suspended")


def test_a_mission_waits_while_its_agent_is_suspended(office: Office):
    agent = office.agent("autonomous")
    mission = office.mission(agent, COMMENTS)
    office.change(agent, status="suspended")
    assert office.worked(mission)["status"] == "queued"
    office.change(agent, status="active")
    assert office.worked(mission)["status"] == "completed"


def test_a_mission_waits_while_its_agent_has_done_enough(office: Office):
    clock = office.world.stop_clock()
    agent = office.agent("autonomous", rateLimit={"maxActions": 1, "windowSeconds": 60})
    mission = office.mission(agent, "set priority high, comment: On it.")
    assert office.worked(mission)["status"] == "running"
    clock.advance(timedelta(seconds=59))
    assert office.worked(mission)["status"] == "running"
    clock.advance(timedelta(seconds=1))
    assert office.worked(mission)["status"] == "completed"
    assert office.tried(agent) == [("set_priority", "allowed"), ("add_comment", "allowed")]


def test_missions_are_listed_newest_first_and_by_status_and_card(office: Office):
    agent, card = office.agent("supervised"), office.card()
    first, second = office.mission(agent, COMMENTS, card), office.mission(agent, "x")
    office.worked(first)
    path = f"{office.agents}/{agent['id']}/missions"
    found = {
        query: [each["id"] for each in office.world.ask(office.owner, "GET", f"{path}?{query}")]
        for query in (
            "",
            "limit=1",
            "status=failed",
            f"cardId={card['id']}",
            f"status=failed&cardId={card['id']}",
        )
    }
    assert list(found.values()) == [
        [second["id"], first["id"]],
        [second["id"]],
        [second["id"]],
        [first["id"]],
        [],
    ]


# ---------------------------------------------------------------------------------------------- what ends with something else


def test_with_its_card_a_mission_goes(office: Office):
    card = office.card()
    mission = office.mission(office.agent("supervised"), COMMENTS, card)
    office.worked(mission)
    office.world.ask(office.owner, "DELETE", office.of(card))
    assert office.world.status(office.owner, "GET", office.of_mission(mission)) == 404
    office.world.core.work.run_due()
    assert office.world.core.work.jobs(given_up=True) == []


@pytest.mark.parametrize("what", ["project", "agent", "workspace", "organization"])
def test_all_of_an_agents_goes_with_what_it_belongs_to(office: Office, what):
    agent = office.agent("supervised")
    mission = office.mission(agent, COMMENTS)
    office.worked(mission)
    path = {
        "project": office.path,
        "agent": f"{office.agents}/{agent['id']}",
        "workspace": office.flat,
        "organization": office.workspace.organization.path,
    }[what]
    office.world.ask(office.owner, "DELETE", path)
    assert office.world.status(office.owner, "GET", office.of_mission(mission)) == 404


def test_who_leaves_the_workspace_leaves_no_agent_at_work(office: Office):
    bob = office.world.person("bob")
    office.world.join(bob, office.workspace, role="admin")
    agent, card = office.agent("supervised"), office.card()
    token = office.token(agent, by=bob)
    mission = office.mission(agent, COMMENTS, card, by=bob)
    office.worked(mission)
    office.world.ask(office.owner, "DELETE", f"{office.flat}/members/{bob.id}")
    assert office.world.status(token, "GET", office.path) == 401
    after = office.mission_now(mission)
    assert (after["status"], after["error"]) == (
        "cancelled",
        "the person who created it no longer has access to the workspace",
    )
