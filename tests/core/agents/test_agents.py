"""Agents: properties, permissions of their tokens, and traces after deletion."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import select

from stellary.core import NOBODY
from stellary.core.agents import audit
from stellary.core.agents.rules.agents import Window, count_in_window, free_slug
from tests.core.agents.agent_api import AgentApi
from tests.support import tables
from tests.support.boards import ask, error, status
from tests.support.each_case import for_each
from tests.support.forms import FORM, form
from tests.support.tables import users
from tests.support.world import outcome

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


# ---------------------------------------------------------------------------------------------- what they are


def test_agent_is_supervised_and_reads_only_by_default(board: AgentApi):
    agent = ask(board, "POST", board.agents, {"name": "Écrivain public"})
    expected = agent | dict.fromkeys(("description", "projectIds", "model"))
    expected |= {"name": "Écrivain public", "slug": "ecrivain-public", "createdById": board.owner.id}
    expected |= {
        "autonomyMode": "supervised",
        "tools": ["board.read"],
        "runtime": "built_in",
        "status": "active",
    }
    assert agent == expected | {"rateLimit": {"maxActions": 60, "windowSeconds": 60}}
    assert ask(board, "GET", f"{board.agents}/{agent['id']}") == agent
    assert ask(board, "GET", board.agents) == [agent]


def test_slugs_are_made_unique_and_refused_twice(board: AgentApi):
    assert [board.agent()["slug"] for _ in range(3)] == ["scribe", "scribe-2", "scribe-3"]
    twice = board.world.call(board.owner, "POST", board.agents, {"name": "X", "slug": "scribe"})
    assert outcome(twice) == (409, "duplicate_slug")
    other = board.agent(name="Other")
    renamed = board.world.call(board.owner, "PATCH", f"{board.agents}/{other['id']}", {"slug": "scribe"})
    assert outcome(renamed) == (409, "duplicate_slug")
    assert free_slug("a" * 60, ["a" * 60]) == "a" * 58 + "-2"


@for_each(
    "body, message",
    [
        ({"tools": ["board.write", "delete_card"]}, "tools[1] must be the name of an action"),
        ({"tools": ["board"]}, "tools[0] must be"),
        ({"projectIds": ["0" * 24]}, "projectIds[0] must be the id of an existing item"),
        ({"projectIds": []}, "projectIds must have 1 to 100 items"),
        ({"runtime": "none"}, "runtime must be one of built_in, "),
        ({"runtime": "model"}, "model is required where the runtime is model"),
        ({"model": "openai:gpt-5"}, "model must be null unless the runtime is model or built_in_else_model"),
        ({"rateLimit": {"maxActions": 0, "windowSeconds": 60}}, "rateLimit.maxActions must be 1 to 10000"),
    ],
)
def test_invalid_agent_is_refused(board: AgentApi, body, message):
    agent = board.agent()
    for method, path in (("POST", board.agents), ("PATCH", f"{board.agents}/{agent['id']}")):
        status, refusal = error(board, method, path, {"name": "X", **body})
        assert status == 400
        assert refusal.startswith(message)


@pytest.mark.slow("creates a hundred agents")
def test_a_workspace_has_a_hundred_agents_and_an_agent_twenty_tokens(board: AgentApi):
    agent = board.agent()
    for _ in range(20):
        board.token(agent)
    path = f"{board.agents}/{agent['id']}/tokens"
    assert outcome(board.world.call(board.owner, "POST", path, {"name": "x"})) == (409, "too_many_tokens")
    for _ in range(99):
        board.agent()
    full = board.world.call(board.owner, "POST", board.agents, {"name": "x"})
    assert outcome(full) == (409, "agents_full")


# ---------------------------------------------------------------------------------------------- tokens


def test_a_token_is_shown_once_and_kept_as_a_digest(board: AgentApi):
    agent = board.agent()
    token = board.token(agent)
    (listed,) = ask(board, "GET", f"{board.agents}/{agent['id']}/tokens")
    assert token.startswith(listed["prefix"])
    assert listed["prefix"].startswith("synth_agent_")
    assert "token" not in listed
    with board.world.core.view(NOBODY) as uow:
        (row,) = uow.connection.execute(select(tables.agent_tokens)).all()
    assert token not in map(str, row)


def test_token_ends_when_revoked_or_expired(board: AgentApi):
    clock, agent = board.world.stop_clock(), board.agent()
    path = f"{board.agents}/{agent['id']}/tokens"
    soon = (clock() + timedelta(hours=1)).isoformat()
    past = board.world.call(board.owner, "POST", path, {"name": "x", "expiresAt": "2020-01-01"})
    assert past.status == 400
    brief = ask(board, "POST", path, {"name": "brief", "expiresAt": soon})["token"]
    token = board.token(agent)
    assert board.world.status(brief, "GET", board.path) == 200
    clock.advance(timedelta(hours=1))
    assert board.world.status(brief, "GET", board.path) == 401
    used = {listed_token["prefix"]: listed_token["lastUsedAt"] for listed_token in ask(board, "GET", path)}
    assert used[brief[:16]] is None or used[brief[:16]] >= "2026"
    (own_token,) = [
        listed_token for listed_token in ask(board, "GET", path) if listed_token["prefix"] == token[:16]
    ]
    assert board.world.status(token, "GET", board.path) == 200
    ask(board, "DELETE", f"{path}/{own_token['id']}")
    assert board.world.status(token, "GET", board.path) == 401
    assert board.world.status(token[:-1] + "x", "GET", board.path) == 401


def test_the_last_use_of_a_token_is_noted_once_a_minute(board: AgentApi):
    clock, agent = board.world.stop_clock(), board.agent()
    token, path = board.token(agent), f"{board.agents}/{agent['id']}/tokens"
    versions = []
    for seconds in (61, 30, 40):
        clock.advance(timedelta(seconds=seconds))
        board.world.ask(token, "GET", board.path)
        versions.append(ask(board, "GET", path)[0]["lastUsedAt"])
    assert versions == ["2026-04-01T12:01:01Z", "2026-04-01T12:01:01Z", "2026-04-01T12:02:11Z"]


def test_agent_has_at_most_the_rights_of_the_token_creator(board: AgentApi, bob):
    board.world.join(bob, board.workspace, role="admin")
    token = board.token(board.agent(), by=bob)
    assert board.world.status(token, "GET", board.path) == 200
    ask(board, "DELETE", f"{board.flat}/members/{bob.id}")
    assert board.world.status(token, "GET", board.path) in (401, 404)


# ---------------------------------------------------------------------------------------------- what they do


def test_actions_of_an_agent_carry_its_id_and_name(board: AgentApi):
    agent = board.agent()
    token, card = board.token(agent), board.card()
    comment = board.world.ask(token, "POST", f"{board.of(card)}/comments", {"content": "Noted."})
    assert (comment["authorId"], comment["authorName"]) == (agent["id"], "Scribe")
    board.change(agent, name="Clerk")
    (listed_comment,) = ask(board, "GET", f"{board.of(card)}/comments")
    assert listed_comment["authorName"] == "Clerk"
    activity = ask(board, "GET", f"{board.path}/activity?actorId={agent['id']}")
    assert [(entry["type"], entry["actorName"]) for entry in activity] == [("comment_added", "Clerk")]
    # Whom it acts for is told as anybody else is.
    (news,) = ask(board, "GET", "/notifications")
    assert (news["activity"]["actorId"], news["activity"]["actorName"]) == (agent["id"], "Clerk")


def test_project_created_by_an_agent_has_a_human_member(board: AgentApi):
    project = board.world.ask(board.token(board.agent()), "POST", f"{board.flat}/projects", {"name": "Fresh"})
    members = ask(board, "GET", f"{board.flat}/projects/{project['id']}/members")
    assert [member["userId"] for member in members] == [board.owner.id]


@pytest.mark.parametrize(
    ("tools", "allowed"),
    [
        (["board.read"], {"GET"}),
        (["board.write"], {"PATCH", "POST"}),
        (["add_comment"], {"POST"}),
        (["update_card", "get_card_details"], {"PATCH", "GET"}),
        # What stands for a part of an endpoint does not stand for all of it.
        (["move_card", "set_priority", "assign_card"], set()),
        (["missions"], set()),
        ([], set()),
    ],
)
def test_agent_has_only_its_tools(board: AgentApi, tools, allowed):
    token, card = board.token(board.agent(tools=tools)), board.card()
    calls = {
        "GET": board.world.call(token, "GET", board.of(card)),
        "PATCH": board.world.call(token, "PATCH", board.of(card), {"title": "Renamed"}),
        "POST": board.world.call(token, "POST", f"{board.of(card)}/comments", {"content": "Well."}),
    }
    assert {method for method, answer in calls.items() if answer.status < 300} == allowed
    refused = [answer for answer in calls.values() if answer.status >= 300]
    assert {outcome(answer) for answer in refused} <= {(403, "tool_not_allowed")}


def test_agent_sees_only_its_projects(board: AgentApi):
    other = AgentApi(board.world, board.owner, board.workspace)
    agent = board.agent(projectIds=[board.project["id"]])
    token, mine, theirs = board.token(agent), board.card("Mine"), other.card("Theirs")
    call = board.world.call
    expected = [board.project["id"]]
    assert [project["id"] for project in board.world.ask(token, "GET", f"{board.flat}/projects")] == expected
    for path in (board.path, f"{board.flat_of(mine)}/checklist"):
        assert call(token, "GET", path).status == 200
    never = call(token, "GET", f"{board.flat}/projects/{'0' * 24}", x_request_id="x")
    assert call(token, "GET", other.path, x_request_id="x").body == never.body
    for path in (other.of(theirs), board.flat_of(theirs) + "/checklist", f"{other.path}/board"):
        assert call(token, "GET", path).status == 404
    relate = {"targetCardId": theirs["id"], "type": "blocks"}
    assert call(token, "POST", f"{board.flat_of(mine)}/relations", relate).status == 400
    ask(board, "POST", f"{board.flat_of(mine)}/relations", relate)
    nearby = board.card("Nearby")["id"]
    ask(board, "POST", f"{board.flat_of(mine)}/relations", {**relate, "targetCardId": nearby})
    feeds = ("/activity", "/activity?limit=50", f"/activity?cardId={mine['id']}")
    assert not any(b"Theirs" in call(token, "GET", board.path + feed).body for feed in feeds)
    seen = board.world.ask(token, "GET", f"{board.flat_of(mine)}/relations?limit=1")
    assert [relation["targetCardId"] for relation in seen] == [nearby]
    for method, path in (("POST", "/projects"), ("GET", "/projects/portfolio")):
        answer = call(token, method, board.flat + path, {"name": "x"} if method == "POST" else None)
        assert outcome(answer) == (403, "outside_projects")
    board.change(agent, projectIds=None)
    assert call(token, "GET", other.path).status == 200


def test_suspended_agent_stops_immediately(board: AgentApi):
    agent = board.agent()
    token = board.token(agent)
    board.change(agent, status="suspended")
    assert outcome(board.world.call(token, "GET", board.path)) == (403, "agent_suspended")
    board.change(agent, status="active")
    assert board.world.status(token, "GET", board.path) == 200


def test_agent_is_limited_in_its_rate(board: AgentApi, clock):
    token = board.token(board.agent(rateLimit={"maxActions": 2, "windowSeconds": 60}))
    assert board.world.status(token, "GET", board.path) == 200
    # What is refused is not counted.
    assert board.world.status(token, "GET", f"{board.path}/cards/{'0' * 24}") == 404
    clock.advance(timedelta(seconds=20))
    assert board.world.status(token, "GET", board.path) == 200
    answer = board.world.call(token, "GET", board.path)
    assert outcome(answer) == (429, "agent_rate")
    assert (answer.headers["retry-after"], answer.headers["x-ratelimit-limit"]) == ("40", "2")
    clock.advance(timedelta(seconds=40))
    assert board.world.status(token, "GET", board.path) == 200


def test_rate_window_starts_with_the_first_call_after_the_previous_one():
    first = count_in_window(Window(NOON - timedelta(days=1), 5), 5, 60, NOON)
    assert first == Window(NOON, 1)
    assert count_in_window(first, 5, 60, NOON + timedelta(seconds=59)) == Window(NOON, 2)
    # A clock that was set back does not shut anybody out.
    assert count_in_window(Window(NOON, 5), 5, 60, NOON - timedelta(hours=1)) == Window(
        NOON - timedelta(hours=1), 1
    )


# ---------------------------------------------------------------------------------------------- proposals, and what is noted


def test_writes_of_a_supervised_agent_become_proposals(board: AgentApi):
    agent, card = board.agent("supervised"), board.card()
    answer = board.world.call(
        board.token(agent), "PATCH", board.of(card), {"title": "Renamed", "priority": "high"}
    )
    proposal = orjson.loads(answer.body)
    assert answer.status == 202
    assert board.read(card) == card
    assert proposal == proposal | {"status": "pending", "action": "cards.update", "agentId": agent["id"]}
    assert proposal["params"] == {"path": board.of(card), "body": {"title": "Renamed", "priority": "high"}}
    assert proposal["summary"] == (
        f'Change {card["key"]} *Write* ({card["id"]}): title from "Write" to **"Renamed"**, priority from empty to **"high"**'
    )
    assert board.list_attempts(agent) == [("cards.update", "proposed")]
    assert board.audit(agent)[0]["proposalId"] == proposal["id"]


def test_impossible_change_is_not_proposed(board: AgentApi):
    agent, card = board.agent("supervised"), board.card()
    token = board.token(agent)
    call = board.world.call
    assert call(token, "PATCH", board.of(card), {"dueDate": "yesterday"}).status == 400
    assert call(token, "PATCH", board.of(card), {"columnId": "0" * 24}).status == 400
    assert call(token, "PATCH", f"{board.path}/cards/{'0' * 24}", {"title": "x"}).status == 404
    assert call(token, "PATCH", board.of(card), {"title": "x"}, if_match='"99"').status == 412
    assert {outcome for _, outcome in board.list_attempts(agent)} == {"refused"}
    assert board.audit(agent)[0]["reason"].startswith("dueDate must be")


def test_the_same_key_proposes_once(board: AgentApi):
    agent, card = board.agent("supervised"), board.card()
    token, path = board.token(agent), f"{board.of(card)}/comments"
    first, again = (
        board.world.call(token, "POST", path, {"content": "Well."}, idempotency_key="k") for _ in range(2)
    )
    assert (first.status, again.status, first.body) == (202, 202, again.body)


def test_proposed_file_is_kept_until_the_decision(board: AgentApi):
    clock, agent, card = board.world.stop_clock(), board.agent("supervised"), board.card()
    path = f"{board.of(card)}/attachments"
    answer = board.world.call(board.token(agent), "POST", path, form(b"Hello."), content_type=FORM)
    assert answer.status == 202
    clock.now = datetime.now(UTC) + timedelta(hours=2)
    assert board.world.core.sweep() == 0
    ask(board, "DELETE", f"{board.agents}/{agent['id']}")
    assert board.world.core.sweep() == 1


def test_audit_keeps_only_the_newest_entries(board: AgentApi, monkeypatch):
    monkeypatch.setattr(audit.LIMIT, "rows_max", 2)
    agent = board.agent()
    token = board.token(agent)
    for _ in range(4):
        board.world.ask(token, "GET", board.path)
    with board.world.core.begin(NOBODY) as uow:
        audit.LIMIT.delete_oldest(uow, agent["id"])
    assert len(board.audit(agent)) == 2


# ---------------------------------------------------------------------------------------------- what is left of them


def names(board: AgentApi) -> set[str]:
    with board.world.core.view(NOBODY) as uow:
        return set(
            uow.connection.execute(select(users.c.name).where(users.c.agent_of_id.is_not(None))).scalars()
        )


def test_deleted_agent_keeps_its_name_on_comments(board: AgentApi):
    agent, card = board.agent(), board.card()
    token = board.token(agent)
    board.world.ask(token, "POST", f"{board.of(card)}/comments", {"content": "Noted."})
    ask(board, "DELETE", f"{board.agents}/{agent['id']}")
    assert board.world.status(token, "GET", board.path) == 401
    (comment,) = ask(board, "GET", f"{board.of(card)}/comments")
    assert comment["authorName"] == "Scribe"


@pytest.mark.parametrize("what", ["workspace", "organization"])
def test_name_of_an_agent_is_deleted_with_its_workspace(board: AgentApi, what):
    agent, card = board.agent(), board.card()
    board.world.ask(board.token(agent), "POST", f"{board.of(card)}/comments", {"content": "Noted."})
    assert names(board) == {"Scribe"}
    path = board.flat if what == "workspace" else board.workspace.organization.path
    board.world.delete_for_good(board.owner, path)
    assert names(board) == set()


def test_agent_cannot_become_a_member_or_log_in(board: AgentApi):
    agent = board.agent()
    for address in (f"agent:{agent['id']}", ""):
        body = {"email": address, "role": "member"}
        assert status(board, "POST", f"{board.workspace.organization.path}/members", body) == 400
        assert board.world.status(None, "POST", "/auth/login", {"email": address, "password": "x" * 8}) == 400


def test_card_is_assigned_to_an_agent_until_the_agent_is_deleted(board: AgentApi):
    agent, card = board.agent(), board.card()
    body = {"assigneeId": agent["id"]}
    assert ask(board, "PATCH", board.of(card), body)["assigneeId"] == agent["id"]
    cards = ask(board, "GET", f"{board.path}/cards?assigneeId={agent['id']}")
    assert [card["id"] for card in cards] == [card["id"]]
    ask(board, "DELETE", f"{board.agents}/{agent['id']}")
    assert board.read(card)["assigneeId"] is None
    assert status(board, "PATCH", board.of(card), body) == 400
    foreign = {"assigneeId": AgentApi(board.world, board.owner).agent()["id"]}
    assert status(board, "PATCH", board.of(card), foreign) == 400


def test_agent_can_neither_save_nor_use_a_template(board):
    world, token = board.world, board.token(board.agent())
    saved = world.ask(board.owner, "POST", f"{board.path}/template", {"name": "Client"})
    path, body = f"{board.workspace.path}/projects", {"name": "New", "templateId": saved["id"]}
    assert world.status(token, "POST", path, body) == 403
    assert world.status(token, "POST", f"{board.path}/template", {"name": "Own"}) == 403
