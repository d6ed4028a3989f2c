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
from tests.support.boards import ask, status
from tests.support.forms import FORM, form
from tests.support.tables import users

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


def error(answer) -> tuple[int, str]:
    return answer.status, orjson.loads(answer.body)["code"]


# ---------------------------------------------------------------------------------------------- what they are


def test_agent_is_supervised_and_reads_only_by_default(agent_api: AgentApi):
    agent = ask(agent_api, "POST", agent_api.agents, {"name": "Écrivain public"})
    assert agent | {"id": "", "workspaceId": "", "createdAt": "", "updatedAt": ""} == {
        "id": "",
        "workspaceId": "",
        "name": "Écrivain public",
        "slug": "ecrivain-public",
        "description": None,
        "autonomyMode": "supervised",
        "tools": ["board.read"],
        "projectIds": None,
        "rateLimit": {"maxActions": 60, "windowSeconds": 60},
        "runtime": "built_in",
        "model": None,
        "status": "active",
        "createdById": agent_api.owner.id,
        "createdAt": "",
        "updatedAt": "",
    }
    assert ask(agent_api, "GET", f"{agent_api.agents}/{agent['id']}") == agent
    assert ask(agent_api, "GET", agent_api.agents) == [agent]


def test_slugs_are_made_unique_and_refused_twice(agent_api: AgentApi):
    assert [agent_api.agent()["slug"] for _ in range(3)] == ["scribe", "scribe-2", "scribe-3"]
    twice = agent_api.world.call(agent_api.owner, "POST", agent_api.agents, {"name": "X", "slug": "scribe"})
    assert error(twice) == (409, "duplicate_slug")
    other = agent_api.agent(name="Other")
    renamed = agent_api.world.call(
        agent_api.owner, "PATCH", f"{agent_api.agents}/{other['id']}", {"slug": "scribe"}
    )
    assert error(renamed) == (409, "duplicate_slug")
    assert free_slug("a" * 60, ["a" * 60]) == "a" * 58 + "-2"


@pytest.mark.parametrize(
    ("body", "message"),
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
def test_invalid_agent_is_refused(agent_api: AgentApi, body, message):
    agent = agent_api.agent()
    for method, path in (("POST", agent_api.agents), ("PATCH", f"{agent_api.agents}/{agent['id']}")):
        answer = agent_api.world.call(agent_api.owner, method, path, {"name": "X", **body})
        assert answer.status == 400
        assert orjson.loads(answer.body)["message"].startswith(message)


def test_update_changes_only_given_fields(agent_api: AgentApi):
    agent = agent_api.agent(projectIds=[agent_api.project["id"]])
    assert agent_api.change(agent) == agent
    after = agent_api.change(
        agent, tools=["add_comment"], projectIds=None, rateLimit={"maxActions": 3, "windowSeconds": 9}
    )
    assert after | {"updatedAt": ""} == agent | {
        "tools": ["add_comment"],
        "projectIds": None,
        "rateLimit": {"maxActions": 3, "windowSeconds": 9},
        "updatedAt": "",
    }


@pytest.mark.slow("creates a hundred agents")
def test_a_workspace_has_a_hundred_agents_and_an_agent_twenty_tokens(agent_api: AgentApi):
    agent = agent_api.agent()
    for _ in range(20):
        agent_api.token(agent)
    path = f"{agent_api.agents}/{agent['id']}/tokens"
    assert error(agent_api.world.call(agent_api.owner, "POST", path, {"name": "x"})) == (
        409,
        "too_many_tokens",
    )
    for _ in range(99):
        agent_api.agent()
    full = agent_api.world.call(agent_api.owner, "POST", agent_api.agents, {"name": "x"})
    assert error(full) == (409, "agents_full")


# ---------------------------------------------------------------------------------------------- tokens


def test_a_token_is_shown_once_and_kept_as_a_digest(agent_api: AgentApi):
    agent = agent_api.agent()
    token = agent_api.token(agent)
    (listed,) = ask(agent_api, "GET", f"{agent_api.agents}/{agent['id']}/tokens")
    assert token.startswith(listed["prefix"])
    assert listed["prefix"].startswith("synth_agent_")
    assert "token" not in listed
    with agent_api.world.core.view(NOBODY) as uow:
        (row,) = uow.connection.execute(select(tables.agent_tokens)).all()
    assert token not in map(str, row)


def test_token_ends_when_revoked_or_expired(agent_api: AgentApi):
    clock, agent = agent_api.world.stop_clock(), agent_api.agent()
    path = f"{agent_api.agents}/{agent['id']}/tokens"
    soon = (clock() + timedelta(hours=1)).isoformat()
    past = agent_api.world.call(agent_api.owner, "POST", path, {"name": "x", "expiresAt": "2020-01-01"})
    assert past.status == 400
    brief = ask(agent_api, "POST", path, {"name": "brief", "expiresAt": soon})["token"]
    token = agent_api.token(agent)
    assert agent_api.world.status(brief, "GET", agent_api.path) == 200
    clock.advance(timedelta(hours=1))
    assert agent_api.world.status(brief, "GET", agent_api.path) == 401
    used = {
        listed_token["prefix"]: listed_token["lastUsedAt"] for listed_token in ask(agent_api, "GET", path)
    }
    assert used[brief[:16]] is None or used[brief[:16]] >= "2026"
    (own_token,) = [
        listed_token for listed_token in ask(agent_api, "GET", path) if listed_token["prefix"] == token[:16]
    ]
    assert agent_api.world.status(token, "GET", agent_api.path) == 200
    ask(agent_api, "DELETE", f"{path}/{own_token['id']}")
    assert agent_api.world.status(token, "GET", agent_api.path) == 401
    assert agent_api.world.status(token[:-1] + "x", "GET", agent_api.path) == 401


def test_the_last_use_of_a_token_is_noted_once_a_minute(agent_api: AgentApi):
    clock, agent = agent_api.world.stop_clock(), agent_api.agent()
    token, path = agent_api.token(agent), f"{agent_api.agents}/{agent['id']}/tokens"
    versions = []
    for seconds in (61, 30, 40):
        clock.advance(timedelta(seconds=seconds))
        agent_api.world.ask(token, "GET", agent_api.path)
        versions.append(ask(agent_api, "GET", path)[0]["lastUsedAt"])
    assert versions == ["2026-04-01T12:01:01Z", "2026-04-01T12:01:01Z", "2026-04-01T12:02:11Z"]


def test_agent_has_at_most_the_rights_of_the_token_creator(agent_api: AgentApi, bob):
    agent_api.world.join(bob, agent_api.workspace, role="admin")
    token = agent_api.token(agent_api.agent(), by=bob)
    assert agent_api.world.status(token, "GET", agent_api.path) == 200
    ask(agent_api, "DELETE", f"{agent_api.flat}/members/{bob.id}")
    assert agent_api.world.status(token, "GET", agent_api.path) in (401, 404)


# ---------------------------------------------------------------------------------------------- what they do


def test_actions_of_an_agent_carry_its_id_and_name(agent_api: AgentApi):
    agent = agent_api.agent()
    token, card = agent_api.token(agent), agent_api.card()
    comment = agent_api.world.ask(token, "POST", f"{agent_api.of(card)}/comments", {"content": "Noted."})
    assert (comment["authorId"], comment["authorName"]) == (agent["id"], "Scribe")
    agent_api.change(agent, name="Clerk")
    (listed_comment,) = ask(agent_api, "GET", f"{agent_api.of(card)}/comments")
    assert listed_comment["authorName"] == "Clerk"
    activity = ask(agent_api, "GET", f"{agent_api.path}/activity?actorId={agent['id']}")
    assert [(entry["type"], entry["actorName"]) for entry in activity] == [("comment_added", "Clerk")]
    # Whom it acts for is told as anybody else is.
    (news,) = ask(agent_api, "GET", "/notifications")
    assert (news["activity"]["actorId"], news["activity"]["actorName"]) == (agent["id"], "Clerk")


def test_project_created_by_an_agent_has_a_human_member(agent_api: AgentApi):
    token = agent_api.token(agent_api.agent())
    project = agent_api.world.ask(token, "POST", f"{agent_api.flat}/projects", {"name": "Fresh"})
    members = ask(agent_api, "GET", f"{agent_api.flat}/projects/{project['id']}/members")
    assert [member["userId"] for member in members] == [agent_api.owner.id]


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
def test_agent_has_only_its_tools(agent_api: AgentApi, tools, allowed):
    token, card = agent_api.token(agent_api.agent(tools=tools)), agent_api.card()
    calls = {
        "GET": agent_api.world.call(token, "GET", agent_api.of(card)),
        "PATCH": agent_api.world.call(token, "PATCH", agent_api.of(card), {"title": "Renamed"}),
        "POST": agent_api.world.call(token, "POST", f"{agent_api.of(card)}/comments", {"content": "Well."}),
    }
    assert {method for method, answer in calls.items() if answer.status < 300} == allowed
    refused = [answer for answer in calls.values() if answer.status >= 300]
    assert {error(answer) for answer in refused} <= {(403, "tool_not_allowed")}


def test_agent_sees_only_its_projects(agent_api: AgentApi):
    other = AgentApi(agent_api.world, agent_api.owner, agent_api.workspace)
    agent = agent_api.agent(projectIds=[agent_api.project["id"]])
    token, mine, theirs = agent_api.token(agent), agent_api.card("Mine"), other.card("Theirs")
    call = agent_api.world.call
    assert [project["id"] for project in agent_api.world.ask(token, "GET", f"{agent_api.flat}/projects")] == [
        agent_api.project["id"]
    ]
    assert (
        call(token, "GET", agent_api.path).status
        == call(token, "GET", agent_api.flat_of(mine) + "/checklist").status
        == 200
    )
    never = call(token, "GET", f"{agent_api.flat}/projects/{'0' * 24}", x_request_id="x")
    assert call(token, "GET", other.path, x_request_id="x").body == never.body
    for path in (other.of(theirs), agent_api.flat_of(theirs) + "/checklist", f"{other.path}/board"):
        assert call(token, "GET", path).status == 404
    relate = {"targetCardId": theirs["id"], "type": "blocks"}
    assert call(token, "POST", f"{agent_api.flat_of(mine)}/relations", relate).status == 400
    ask(agent_api, "POST", f"{agent_api.flat_of(mine)}/relations", relate)
    nearby = agent_api.card("Nearby")["id"]
    ask(agent_api, "POST", f"{agent_api.flat_of(mine)}/relations", {**relate, "targetCardId": nearby})
    feeds = ("/activity", "/activity?limit=50", f"/activity?cardId={mine['id']}")
    assert not any(b"Theirs" in call(token, "GET", agent_api.path + feed).body for feed in feeds)
    seen = agent_api.world.ask(token, "GET", f"{agent_api.flat_of(mine)}/relations?limit=1")
    assert [relation["targetCardId"] for relation in seen] == [nearby]
    for method, path in (("POST", "/projects"), ("GET", "/projects/portfolio")):
        answer = call(token, method, agent_api.flat + path, {"name": "x"} if method == "POST" else None)
        assert error(answer) == (403, "outside_projects")
    agent_api.change(agent, projectIds=None)
    assert call(token, "GET", other.path).status == 200


def test_suspended_agent_stops_immediately(agent_api: AgentApi):
    agent = agent_api.agent()
    token = agent_api.token(agent)
    agent_api.change(agent, status="suspended")
    assert error(agent_api.world.call(token, "GET", agent_api.path)) == (403, "agent_suspended")
    agent_api.change(agent, status="active")
    assert agent_api.world.status(token, "GET", agent_api.path) == 200


def test_agent_is_limited_in_its_rate(agent_api: AgentApi, clock):
    token = agent_api.token(agent_api.agent(rateLimit={"maxActions": 2, "windowSeconds": 60}))
    assert agent_api.world.status(token, "GET", agent_api.path) == 200
    # What is refused is not counted.
    assert agent_api.world.status(token, "GET", f"{agent_api.path}/cards/{'0' * 24}") == 404
    clock.advance(timedelta(seconds=20))
    assert agent_api.world.status(token, "GET", agent_api.path) == 200
    answer = agent_api.world.call(token, "GET", agent_api.path)
    assert error(answer) == (429, "agent_rate")
    assert (answer.headers["retry-after"], answer.headers["x-ratelimit-limit"]) == ("40", "2")
    clock.advance(timedelta(seconds=40))
    assert agent_api.world.status(token, "GET", agent_api.path) == 200


def test_rate_window_starts_with_the_first_call_after_the_previous_one():
    first = count_in_window(Window(NOON - timedelta(days=1), 5), 5, 60, NOON)
    assert first == Window(NOON, 1)
    assert count_in_window(first, 5, 60, NOON + timedelta(seconds=59)) == Window(NOON, 2)
    # A clock that was set back does not shut anybody out.
    assert count_in_window(Window(NOON, 5), 5, 60, NOON - timedelta(hours=1)) == Window(
        NOON - timedelta(hours=1), 1
    )


# ---------------------------------------------------------------------------------------------- proposals, and what is noted


def test_writes_of_a_supervised_agent_become_proposals(agent_api: AgentApi):
    agent, card = agent_api.agent("supervised"), agent_api.card()
    answer = agent_api.world.call(
        agent_api.token(agent), "PATCH", agent_api.of(card), {"title": "Renamed", "priority": "high"}
    )
    proposal = orjson.loads(answer.body)
    assert answer.status == 202
    assert agent_api.read(card) == card
    assert (proposal["status"], proposal["action"], proposal["agentId"]) == (
        "pending",
        "cards.update",
        agent["id"],
    )
    assert proposal["params"] == {
        "path": agent_api.of(card),
        "body": {"title": "Renamed", "priority": "high"},
    }
    assert proposal["summary"] == (
        f'Change {card["key"]} *Write* ({card["id"]}): title from "Write" to **"Renamed"**, priority from empty to **"high"**'
    )
    assert agent_api.list_attempts(agent) == [("cards.update", "proposed")]
    assert agent_api.audit(agent)[0]["proposalId"] == proposal["id"]


def test_impossible_change_is_not_proposed(agent_api: AgentApi):
    agent, card = agent_api.agent("supervised"), agent_api.card()
    token = agent_api.token(agent)
    call = agent_api.world.call
    assert call(token, "PATCH", agent_api.of(card), {"dueDate": "yesterday"}).status == 400
    assert call(token, "PATCH", agent_api.of(card), {"columnId": "0" * 24}).status == 400
    assert call(token, "PATCH", f"{agent_api.path}/cards/{'0' * 24}", {"title": "x"}).status == 404
    assert call(token, "PATCH", agent_api.of(card), {"title": "x"}, if_match='"99"').status == 412
    assert {outcome for _, outcome in agent_api.list_attempts(agent)} == {"refused"}
    assert agent_api.audit(agent)[0]["reason"].startswith("dueDate must be")


def test_the_same_key_proposes_once(agent_api: AgentApi):
    agent, card = agent_api.agent("supervised"), agent_api.card()
    token, path = agent_api.token(agent), f"{agent_api.of(card)}/comments"
    first, again = (
        agent_api.world.call(token, "POST", path, {"content": "Well."}, idempotency_key="k") for _ in range(2)
    )
    assert (first.status, again.status, first.body) == (202, 202, again.body)


def test_proposed_file_is_kept_until_the_decision(agent_api: AgentApi):
    clock, agent, card = agent_api.world.stop_clock(), agent_api.agent("supervised"), agent_api.card()
    path = f"{agent_api.of(card)}/attachments"
    answer = agent_api.world.call(agent_api.token(agent), "POST", path, form(b"Hello."), content_type=FORM)
    assert answer.status == 202
    clock.now = datetime.now(UTC) + timedelta(hours=2)
    assert agent_api.world.core.sweep() == 0
    ask(agent_api, "DELETE", f"{agent_api.agents}/{agent['id']}")
    assert agent_api.world.core.sweep() == 1


def test_audit_keeps_only_the_newest_entries(agent_api: AgentApi, monkeypatch):
    monkeypatch.setattr(audit.LIMIT, "rows_max", 2)
    agent = agent_api.agent()
    token = agent_api.token(agent)
    for _ in range(4):
        agent_api.world.ask(token, "GET", agent_api.path)
    with agent_api.world.core.begin(NOBODY) as uow:
        audit.LIMIT.delete_oldest(uow, agent["id"])
    assert len(agent_api.audit(agent)) == 2


# ---------------------------------------------------------------------------------------------- what is left of them


def names(agent_api: AgentApi) -> set[str]:
    with agent_api.world.core.view(NOBODY) as uow:
        return set(
            uow.connection.execute(select(users.c.name).where(users.c.agent_of_id.is_not(None))).scalars()
        )


def test_deleted_agent_keeps_its_name_on_comments(agent_api: AgentApi):
    agent, card = agent_api.agent(), agent_api.card()
    token = agent_api.token(agent)
    agent_api.world.ask(token, "POST", f"{agent_api.of(card)}/comments", {"content": "Noted."})
    ask(agent_api, "DELETE", f"{agent_api.agents}/{agent['id']}")
    assert agent_api.world.status(token, "GET", agent_api.path) == 401
    (comment,) = ask(agent_api, "GET", f"{agent_api.of(card)}/comments")
    assert comment["authorName"] == "Scribe"


@pytest.mark.parametrize("what", ["workspace", "organization"])
def test_name_of_an_agent_is_deleted_with_its_workspace(agent_api: AgentApi, what):
    agent, card = agent_api.agent(), agent_api.card()
    agent_api.world.ask(
        agent_api.token(agent), "POST", f"{agent_api.of(card)}/comments", {"content": "Noted."}
    )
    assert names(agent_api) == {"Scribe"}
    path = agent_api.flat if what == "workspace" else agent_api.workspace.organization.path
    agent_api.world.delete_for_good(agent_api.owner, path)
    assert names(agent_api) == set()


def test_agent_cannot_become_a_member_or_log_in(agent_api: AgentApi):
    agent = agent_api.agent()
    for address in (f"agent:{agent['id']}", ""):
        body = {"email": address, "role": "member"}
        assert status(agent_api, "POST", f"{agent_api.workspace.organization.path}/members", body) == 400
        assert (
            agent_api.world.status(None, "POST", "/auth/login", {"email": address, "password": "x" * 8})
            == 400
        )


def test_card_is_assigned_to_an_agent_until_the_agent_is_deleted(agent_api: AgentApi):
    agent, card = agent_api.agent(), agent_api.card()
    body = {"assigneeId": agent["id"]}
    assert ask(agent_api, "PATCH", agent_api.of(card), body)["assigneeId"] == agent["id"]
    cards = ask(agent_api, "GET", f"{agent_api.path}/cards?assigneeId={agent['id']}")
    assert [card["id"] for card in cards] == [card["id"]]
    ask(agent_api, "DELETE", f"{agent_api.agents}/{agent['id']}")
    assert agent_api.read(card)["assigneeId"] is None
    assert status(agent_api, "PATCH", agent_api.of(card), body) == 400
    foreign = {"assigneeId": AgentApi(agent_api.world, agent_api.owner).agent()["id"]}
    assert status(agent_api, "PATCH", agent_api.of(card), foreign) == 400


def test_agent_can_neither_save_nor_use_a_template(agent_api):
    world, token = agent_api.world, agent_api.token(agent_api.agent())
    saved = world.ask(agent_api.owner, "POST", f"{agent_api.path}/template", {"name": "Client"})
    path, body = f"{agent_api.workspace.path}/projects", {"name": "New", "templateId": saved["id"]}
    assert world.status(token, "POST", path, body) == 403
    assert world.status(token, "POST", f"{agent_api.path}/template", {"name": "Own"}) == 403
