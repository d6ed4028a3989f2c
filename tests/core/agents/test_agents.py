"""Agents: what they are, what they may do with a token of their own, and what is left of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import select

from stellary.core.accounts.tables import users
from stellary.core.agents import audit
from stellary.core.agents import tables as agents_tables
from stellary.core.agents.rules.agents import Window, count_in_window, free_slug
from stellary.core.kernel.unit import NOBODY
from tests.core.agents.office import Office
from tests.support.forms import FORM, form

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


def error(answer) -> tuple[int, str]:
    return answer.status, orjson.loads(answer.body)["code"]


# ---------------------------------------------------------------------------------------------- what they are


def test_an_agent_asks_before_it_writes_and_only_reads_unless_told_otherwise(office: Office):
    made = office.world.ask(office.owner, "POST", office.agents, {"name": "Écrivain public"})
    assert made | {"id": "", "workspaceId": "", "createdAt": "", "updatedAt": ""} == {
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
        "createdById": office.owner.id,
        "createdAt": "",
        "updatedAt": "",
    }
    assert office.world.ask(office.owner, "GET", f"{office.agents}/{made['id']}") == made
    assert office.world.ask(office.owner, "GET", office.agents) == [made]


def test_slugs_are_made_unique_and_refused_twice(office: Office):
    assert [office.agent()["slug"] for _ in range(3)] == ["scribe", "scribe-2", "scribe-3"]
    twice = office.world.call(office.owner, "POST", office.agents, {"name": "X", "slug": "scribe"})
    assert error(twice) == (409, "duplicate_slug")
    other = office.agent(name="Other")
    renamed = office.world.call(office.owner, "PATCH", f"{office.agents}/{other['id']}", {"slug": "scribe"})
    assert error(renamed) == (409, "duplicate_slug")
    assert free_slug("a" * 60, ["a" * 60]) == "a" * 58 + "-2"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"tools": ["board.write", "delete_card"]}, "tools[1] must be the name of an action"),
        ({"tools": ["board"]}, "tools[0] must be"),
        ({"projectIds": ["0" * 24]}, "projectIds[0] must be the id of something that is there"),
        ({"projectIds": []}, "projectIds must have 1 to 100 items"),
        ({"runtime": "model"}, "model is required where the runtime is model"),
        ({"model": "openai:gpt-5"}, "model must be null unless the runtime is model"),
        ({"rateLimit": {"maxActions": 0, "windowSeconds": 60}}, "rateLimit.maxActions must be 1 to 10000"),
    ],
)
def test_what_an_agent_cannot_be_is_named(office: Office, body, said):
    agent = office.agent()
    for method, path in (("POST", office.agents), ("PATCH", f"{office.agents}/{agent['id']}")):
        answer = office.world.call(office.owner, method, path, {"name": "X", **body})
        assert answer.status == 400
        assert orjson.loads(answer.body)["message"].startswith(said)


def test_a_change_names_what_it_changes_and_nothing_else(office: Office):
    agent = office.agent(projectIds=[office.project["id"]])
    assert office.change(agent) == agent
    after = office.change(
        agent, tools=["add_comment"], projectIds=None, rateLimit={"maxActions": 3, "windowSeconds": 9}
    )
    assert after | {"updatedAt": ""} == agent | {
        "tools": ["add_comment"],
        "projectIds": None,
        "rateLimit": {"maxActions": 3, "windowSeconds": 9},
        "updatedAt": "",
    }


def test_a_workspace_has_a_hundred_agents_and_an_agent_twenty_tokens(office: Office):
    agent = office.agent()
    for _ in range(20):
        office.token(agent)
    path = f"{office.agents}/{agent['id']}/tokens"
    assert error(office.world.call(office.owner, "POST", path, {"name": "x"})) == (409, "too_many_tokens")
    for _ in range(99):
        office.agent()
    full = office.world.call(office.owner, "POST", office.agents, {"name": "x"})
    assert error(full) == (409, "agents_full")


# ---------------------------------------------------------------------------------------------- tokens


def test_a_token_is_shown_once_and_kept_as_a_digest(office: Office):
    agent = office.agent()
    token = office.token(agent)
    path = f"{office.agents}/{agent['id']}/tokens"
    (listed,) = office.world.ask(office.owner, "GET", path)
    assert token.startswith(listed["prefix"])
    assert listed["prefix"].startswith("synth_agent_")
    assert "token" not in listed
    with office.world.core.view(NOBODY) as uow:
        (row,) = uow.connection.execute(select(agents_tables.agent_tokens)).all()
    assert token not in map(str, row)


def test_a_token_ends_when_it_is_revoked_or_its_time_has_come(office: Office):
    clock, agent = office.world.stop_clock(), office.agent()
    path = f"{office.agents}/{agent['id']}/tokens"
    soon = (clock() + timedelta(hours=1)).isoformat()
    past = office.world.call(office.owner, "POST", path, {"name": "x", "expiresAt": "2020-01-01"})
    assert past.status == 400
    brief = office.world.ask(office.owner, "POST", path, {"name": "brief", "expiresAt": soon})["token"]
    token = office.token(agent)
    assert office.world.status(brief, "GET", office.path) == 200
    clock.advance(timedelta(hours=1))
    assert office.world.status(brief, "GET", office.path) == 401
    used = {each["prefix"]: each["lastUsedAt"] for each in office.world.ask(office.owner, "GET", path)}
    assert used[brief[:16]] is None or used[brief[:16]] >= "2026"
    (mine,) = [each for each in office.world.ask(office.owner, "GET", path) if each["prefix"] == token[:16]]
    assert office.world.status(token, "GET", office.path) == 200
    office.world.ask(office.owner, "DELETE", f"{path}/{mine['id']}")
    assert office.world.status(token, "GET", office.path) == 401
    assert office.world.status(token[:-1] + "x", "GET", office.path) == 401


def test_the_last_use_of_a_token_is_noted_once_a_minute(office: Office):
    clock, agent = office.world.stop_clock(), office.agent()
    token, path = office.token(agent), f"{office.agents}/{agent['id']}/tokens"
    seen = []
    for seconds in (61, 30, 40):
        clock.advance(timedelta(seconds=seconds))
        office.world.ask(token, "GET", office.path)
        seen.append(office.world.ask(office.owner, "GET", path)[0]["lastUsedAt"])
    assert seen == ["2026-04-01T12:01:01Z", "2026-04-01T12:01:01Z", "2026-04-01T12:02:11Z"]


def test_an_agent_does_no_more_than_who_has_given_it_the_token(office: Office):
    bob = office.world.person("bob")
    office.world.join(bob, office.workspace, role="admin")
    agent = office.agent()
    token = office.token(agent, by=bob)
    assert office.world.status(token, "GET", office.path) == 200
    office.world.ask(office.owner, "DELETE", f"{office.flat}/members/{bob.id}")
    assert office.world.status(token, "GET", office.path) in (401, 404)


# ---------------------------------------------------------------------------------------------- what they do


def test_what_an_agent_does_bears_its_id_and_its_name(office: Office):
    agent = office.agent()
    token, card = office.token(agent), office.card()
    comment = office.world.ask(token, "POST", f"{office.of(card)}/comments", {"content": "Noted."})
    assert (comment["authorId"], comment["authorName"]) == (agent["id"], "Scribe")
    office.change(agent, name="Clerk")
    (said,) = office.world.ask(office.owner, "GET", f"{office.of(card)}/comments")
    assert said["authorName"] == "Clerk"
    activity = office.world.ask(office.owner, "GET", f"{office.path}/activity?actorId={agent['id']}")
    assert [(each["type"], each["actorName"]) for each in activity] == [("comment_added", "Clerk")]
    # Whom it acts for is told as anybody else is.
    (news,) = office.world.ask(office.owner, "GET", "/notifications")
    assert (news["activity"]["actorId"], news["activity"]["actorName"]) == (agent["id"], "Clerk")


def test_the_project_that_an_agent_makes_has_a_person_in_it(office: Office):
    token = office.token(office.agent())
    made = office.world.ask(token, "POST", f"{office.flat}/projects", {"name": "Fresh"})
    members = office.world.ask(office.owner, "GET", f"{office.flat}/projects/{made['id']}/members")
    assert [each["userId"] for each in members] == [office.owner.id]


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
def test_an_agent_has_the_tools_that_it_was_given(office: Office, tools, allowed):
    token, card = office.token(office.agent(tools=tools)), office.card()
    calls = {
        "GET": office.world.call(token, "GET", office.of(card)),
        "PATCH": office.world.call(token, "PATCH", office.of(card), {"title": "Renamed"}),
        "POST": office.world.call(token, "POST", f"{office.of(card)}/comments", {"content": "Well."}),
    }
    assert {method for method, answer in calls.items() if answer.status < 300} == allowed
    refused = [answer for answer in calls.values() if answer.status >= 300]
    assert {error(answer) for answer in refused} <= {(403, "tool_not_allowed")}


def test_no_mode_may_delete_or_look_after_people_tokens_and_agents(office: Office):
    agent = office.agent(tools=["board.read", "board.write", "missions"])
    token, card = office.token(agent), office.card()
    for method, path in (
        ("DELETE", office.of(card)),
        ("DELETE", office.path),
        ("POST", f"{office.path}/members"),
        ("GET", office.agents),
        ("POST", f"{office.agents}/{agent['id']}/tokens"),
        ("GET", "/auth/me"),
        ("GET", "/organizations"),
        ("GET", "/api-tokens"),
        ("GET", "/notifications"),
    ):
        answer = office.world.call(token, method, path, {} if method == "POST" else None)
        assert error(answer) == (403, "not_for_agents"), path


def test_an_agent_sees_the_projects_that_it_works_in_and_no_other(office: Office):
    other = Office(office.world, office.owner, office.workspace)
    agent = office.agent(projectIds=[office.project["id"]])
    token, mine, theirs = office.token(agent), office.card("Mine"), other.card("Theirs")
    ask = office.world.call
    assert [each["id"] for each in office.world.ask(token, "GET", f"{office.flat}/projects")] == [
        office.project["id"]
    ]
    assert (
        ask(token, "GET", office.path).status
        == ask(token, "GET", office.flat_of(mine) + "/checklist").status
        == 200
    )
    never = ask(token, "GET", f"{office.flat}/projects/{'0' * 24}", x_request_id="x")
    assert ask(token, "GET", other.path, x_request_id="x").body == never.body
    for path in (other.of(theirs), office.flat_of(theirs) + "/checklist", f"{other.path}/board"):
        assert ask(token, "GET", path).status == 404
    relate = {"targetCardId": theirs["id"], "type": "blocks"}
    assert ask(token, "POST", f"{office.flat_of(mine)}/relations", relate).status == 400
    for method, path in (("POST", "/projects"), ("GET", "/projects/portfolio")):
        answer = ask(token, method, office.flat + path, {"name": "x"} if method == "POST" else None)
        assert error(answer) == (403, "outside_projects")
    office.change(agent, projectIds=None)
    assert ask(token, "GET", other.path).status == 200


def test_an_agent_that_is_suspended_stops_at_once(office: Office):
    agent = office.agent()
    token = office.token(agent)
    office.change(agent, status="suspended")
    assert error(office.world.call(token, "GET", office.path)) == (403, "agent_suspended")
    office.change(agent, status="active")
    assert office.world.status(token, "GET", office.path) == 200


def test_an_agent_is_held_up_when_it_has_done_enough_for_the_moment(office: Office):
    clock = office.world.stop_clock()
    agent = office.agent(rateLimit={"maxActions": 2, "windowSeconds": 60})
    token = office.token(agent)
    assert office.world.status(token, "GET", office.path) == 200
    # What is refused is not counted.
    assert office.world.status(token, "GET", f"{office.path}/cards/{'0' * 24}") == 404
    clock.advance(timedelta(seconds=20))
    assert office.world.status(token, "GET", office.path) == 200
    answer = office.world.call(token, "GET", office.path)
    assert error(answer) == (429, "agent_rate")
    assert (answer.headers["retry-after"], answer.headers["x-ratelimit-limit"]) == ("40", "2")
    clock.advance(timedelta(seconds=40))
    assert office.world.status(token, "GET", office.path) == 200


def test_a_window_begins_with_the_first_call_after_the_last_one():
    first = count_in_window(Window(NOON - timedelta(days=1), 5), 5, 60, NOON)
    assert first == Window(NOON, 1)
    assert count_in_window(first, 5, 60, NOON + timedelta(seconds=59)) == Window(NOON, 2)
    # A clock that was set back does not shut anybody out.
    assert count_in_window(Window(NOON, 5), 5, 60, NOON - timedelta(hours=1)) == Window(
        NOON - timedelta(hours=1), 1
    )


# ---------------------------------------------------------------------------------------------- proposals, and what is noted


def test_what_a_supervised_agent_writes_waits_and_changes_nothing(office: Office):
    agent, card = office.agent("supervised"), office.card()
    token = office.token(agent)
    answer = office.world.call(token, "PATCH", office.of(card), {"title": "Renamed", "priority": "high"})
    made = orjson.loads(answer.body)
    assert answer.status == 202
    assert office.read(card) == card
    assert (made["status"], made["action"], made["agentId"]) == ("pending", "cards.update", agent["id"])
    assert made["params"] == {"path": office.of(card), "body": {"title": "Renamed", "priority": "high"}}
    assert made["summary"].endswith(": title Renamed, priority high")
    assert office.tried(agent) == [("cards.update", "proposed")]
    assert office.audit(agent)[0]["proposalId"] == made["id"]


def test_what_could_not_be_done_is_not_proposed(office: Office):
    agent, card = office.agent("supervised"), office.card()
    token = office.token(agent)
    call = office.world.call
    assert call(token, "PATCH", office.of(card), {"dueDate": "yesterday"}).status == 400
    assert call(token, "PATCH", office.of(card), {"columnId": "0" * 24}).status == 400
    assert call(token, "PATCH", f"{office.path}/cards/{'0' * 24}", {"title": "x"}).status == 404
    assert call(token, "PATCH", office.of(card), {"title": "x"}, if_match='"99"').status == 412
    assert {outcome for _, outcome in office.tried(agent)} == {"refused"}
    assert office.audit(agent)[0]["reason"].startswith("dueDate must be")


def test_the_same_key_proposes_once(office: Office):
    agent, card = office.agent("supervised"), office.card()
    token, path = office.token(agent), f"{office.of(card)}/comments"
    first, again = (
        office.world.call(token, "POST", path, {"content": "Well."}, idempotency_key="k") for _ in range(2)
    )
    assert (first.status, again.status, first.body) == (202, 202, again.body)


def test_a_file_that_is_proposed_is_kept_until_somebody_decides(office: Office):
    clock, agent, card = office.world.stop_clock(), office.agent("supervised"), office.card()
    path = f"{office.of(card)}/attachments"
    answer = office.world.call(office.token(agent), "POST", path, form(b"Hello."), content_type=FORM)
    assert answer.status == 202
    clock.now = datetime.now(UTC) + timedelta(hours=2)
    assert office.world.core.sweep() == 0
    office.world.ask(office.owner, "DELETE", f"{office.agents}/{agent['id']}")
    assert office.world.core.sweep() == 1


def test_what_was_tried_is_kept_for_the_newest_only(office: Office, monkeypatch):
    monkeypatch.setattr(audit, "ENTRIES_MAX", 2)
    agent = office.agent()
    token = office.token(agent)
    for _ in range(4):
        office.world.ask(token, "GET", office.path)
    with office.world.core.begin(NOBODY) as uow:
        audit.delete_old_entries(uow, agent["id"])
    assert len(office.audit(agent)) in (2, 4)


# ---------------------------------------------------------------------------------------------- what is left of them


def names(office: Office) -> set[str]:
    with office.world.core.view(NOBODY) as uow:
        return set(
            uow.connection.execute(select(users.c.name).where(users.c.agent_of_id.is_not(None))).scalars()
        )


def test_the_name_of_a_deleted_agent_stays_on_what_it_has_done(office: Office):
    agent, card = office.agent(), office.card()
    token = office.token(agent)
    office.world.ask(token, "POST", f"{office.of(card)}/comments", {"content": "Noted."})
    office.world.ask(office.owner, "DELETE", f"{office.agents}/{agent['id']}")
    assert office.world.status(token, "GET", office.path) == 401
    (said,) = office.world.ask(office.owner, "GET", f"{office.of(card)}/comments")
    assert said["authorName"] == "Scribe"


@pytest.mark.parametrize("what", ["workspace", "organization"])
def test_with_its_workspace_the_name_goes_as_well(office: Office, what):
    agent, card = office.agent(), office.card()
    office.world.ask(office.token(agent), "POST", f"{office.of(card)}/comments", {"content": "Noted."})
    assert names(office) == {"Scribe"}
    path = office.flat if what == "workspace" else office.workspace.organization.path
    office.world.ask(office.owner, "DELETE", path)
    assert names(office) == set()


def test_nobody_can_make_an_agent_a_member_or_log_in_as_one(office: Office):
    agent = office.agent()
    for address in (f"agent:{agent['id']}", ""):
        body = {"email": address, "role": "member"}
        path = f"{office.workspace.organization.path}/members"
        assert office.world.status(office.owner, "POST", path, body) == 400
        assert (
            office.world.status(None, "POST", "/auth/login", {"email": address, "password": "x" * 8}) == 400
        )
    card = office.card()
    body = {"assigneeId": agent["id"]}
    assert office.world.status(office.owner, "PATCH", office.of(card), body) == 400
