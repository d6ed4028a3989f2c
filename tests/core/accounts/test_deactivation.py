"""Deactivation of accounts by a host: ``Core.deactivate`` and ``Core.reactivate``."""

import orjson
import pytest
from sqlalchemy import text

from stellary import Stellary
from stellary.contract.errors import Forbidden, Unauthenticated
from stellary.core import Core, Membership
from tests.support.boards import Board, ask
from tests.support.concurrency import start_blocked
from tests.support.world import PASSWORD, at_once, outcome

URL = "https://example.com/hook"
CHANGE = {"currentPassword": PASSWORD, "newPassword": "another horse"}
RULE = {
    "name": "Urgent",
    "trigger": "task_created",
    "action": {"type": "set_priority", "params": {"priority": "high"}},
}


def map_to_host(world, person):
    """Make a person a user of the host, whose external id is the name; the password stays."""
    with world.core.database.writing() as connection:
        connection.execute(
            text("UPDATE stellary_users SET external_id = :name WHERE id = :id"),
            {"name": person.user.name, "id": person.id},
        )


@pytest.fixture
def board(world):
    """A board of ann, on which bob is an admin of the workspace."""
    ann, bob = world.people("ann bob")
    board = Board(world, ann)
    world.join(bob, board.workspace, role="admin")
    for person in (ann, bob):
        map_to_host(world, person)
    board.bob = bob
    return board


def log_in(world, person):
    return world.call(None, "POST", "/auth/login", {"email": person.email, "password": PASSWORD})


def test_sessions_and_tokens_end_and_do_not_return(board):
    world, bob = board.world, board.bob
    login = orjson.loads(log_in(world, bob).body)["access_token"]
    token = world.ask(bob, "POST", "/api-tokens", {"name": "laptop"})["token"]
    agent = world.ask(bob, "POST", f"{board.workspace.path}/agents", {"name": "Bot"})
    agent_path = f"{board.workspace.path}/agents/{agent['id']}/tokens"
    bearers = (login, token, world.ask(bob, "POST", agent_path, {"name": "laptop"})["token"])
    assert [world.status(bearer, "GET", f"{board.path}/cards") for bearer in bearers] == [200] * 3
    assert world.core.deactivate("bob")
    assert [world.status(bearer, "GET", f"{board.path}/cards") for bearer in bearers] == [401] * 3
    assert outcome(log_in(world, bob)) == (403, "account_deactivated")
    assert world.core.reactivate("bob")
    assert [world.status(bearer, "GET", f"{board.path}/cards") for bearer in bearers] == [401] * 3
    login = orjson.loads(log_in(world, bob).body)["access_token"]
    assert world.status(login, "GET", f"{board.path}/cards") == 200


def test_wrong_password_does_not_reveal_that_the_account_is_deactivated(board):
    board.world.core.deactivate("bob")
    body = {"email": board.bob.email, "password": "wrong horse"}
    assert outcome(board.world.call(None, "POST", "/auth/login", body)) == (401, "bad_credentials")


def test_rules_webhooks_invitations_and_missions_end(board):
    world, bob, here = board.world, board.bob, board.workspace.path
    rule = world.ask(bob, "POST", f"{board.path}/automations", RULE)
    webhook = world.ask(bob, "POST", f"{here}/webhooks", {"url": URL})
    world.ask(bob, "POST", f"{here}/members/invite", {"email": "dan@example.com"})
    agent = world.ask(bob, "POST", f"{here}/agents", {"name": "Bot"})
    missions = f"{here}/agents/{agent['id']}/missions"
    mission = world.ask(bob, "POST", missions, {"cardId": board.card()["id"], "prompt": "move it to Done"})
    world.core.deactivate("bob")
    ann = board.owner
    assert world.ask(ann, "GET", f"{board.path}/automations/{rule['id']}")["enabled"] is False
    (after,) = world.ask(ann, "GET", f"{here}/webhooks")
    assert (after["id"], after["active"], after["createdById"]) == (webhook["id"], False, ann.id)
    assert world.ask(ann, "GET", f"{here}/invitations") == []
    assert world.ask(ann, "GET", f"{here}/missions/{mission['id']}")["status"] == "cancelled"
    assert board.card()["priority"] != "high"


def test_memberships_and_assignments_stay_and_admins_see_the_deactivation(board):
    world, bob = board.world, board.bob
    card = board.card(assigneeId=bob.id)
    world.core.deactivate("bob")
    for path in (board.workspace.path, board.workspace.organization.path):
        members = {
            member["userId"]: member["deactivatedAt"] is None
            for member in world.ask(board.owner, "GET", f"{path}/members")
        }
        assert members == {board.owner.id: True, bob.id: False}
    assert board.read(card)["assigneeId"] == bob.id
    world.core.reactivate("bob")
    members = world.ask(board.owner, "GET", f"{board.workspace.path}/members")
    assert [member["deactivatedAt"] for member in members] == [None, None]
    assert world.status(bob, "GET", f"{board.path}/cards") == 200


def test_deactivated_user_is_not_assigned_or_notified(board):
    world, bob = board.world, board.bob
    card = board.card(assigneeId=bob.id)
    other = board.card()
    world.core.deactivate("bob")
    assert world.call(board.owner, "PATCH", board.of(other), {"assigneeId": bob.id}).status == 400
    board.comment(card, "Any news?")
    world.core.reactivate("bob")
    assert [item["activity"]["type"] for item in world.ask(bob, "GET", "/notifications")] == ["card_created"]


def test_actor_of_the_host_is_refused(board):
    world, bob = board.world, board.bob
    here = board.workspace
    assert world.core.user(external_id="bob") == bob.actor
    world.core.deactivate("bob")
    membership = Membership(here.organization.slug, here.slug)
    with pytest.raises(Forbidden) as caught:
        world.core.user(external_id="bob", name="Bobby")
    assert caught.value.code == "account_deactivated"
    with pytest.raises(Forbidden):
        world.core.provision("bob", membership)
    client = Stellary.embedded(world.core.port(bob.actor))
    for call in (
        client.workspace(here.organization.slug, here.slug).get,
        client.organization(here.organization.slug).get,
        client.auth.me,
    ):
        with pytest.raises(Forbidden):
            call()
    with pytest.raises(Unauthenticated):
        client.api_tokens.create(name="laptop")


def test_owner_can_be_deactivated_and_the_host_still_manages_members(board):
    world, here = board.world, board.workspace
    core = world.core
    assert core.deactivate("ann")
    cid = core.provision("cid", Membership(here.organization.slug, here.slug, role="admin"))
    members = Stellary.embedded(core.port(cid)).workspace(here.organization.slug, here.slug).members.list()
    expected = {board.owner.id: False, board.bob.id: True, cid.user_id: True}
    assert {member.user_id: member.deactivated_at is None for member in members} == expected
    assert core.deprovision("cid", organization=here.organization.slug)
    assert core.reactivate("ann")
    assert world.status(board.owner, "GET", f"{board.path}/cards") == 200


def test_deactivated_user_can_be_erased(board, core):
    core.deactivate("bob")
    assert core.erase("bob")
    members = ask(board, "GET", f"{board.workspace.path}/members")
    assert [member["userId"] for member in members] == [board.owner.id]
    assert core.user(external_id="bob") != board.bob.actor


def test_second_call_and_unknown_users_change_nothing(board, core):
    assert not core.reactivate("bob")
    assert core.deactivate("bob")
    assert not core.deactivate("bob")
    assert not core.deactivate("nobody")
    assert core.reactivate("bob")
    assert not core.reactivate("bob")
    assert not core.reactivate("nobody")


def test_deactivation_ends_with_a_rolled_back_transaction_of_the_host(host):
    core = Core(host, bcrypt_rounds=4)
    membership = Membership("acme", "eng")
    core.provision("1", membership)
    bob = core.provision("2", membership)
    with host.connect() as connection, connection.begin() as transaction:
        assert core.deactivate("2", connection=connection)
        transaction.rollback()
    assert core.provision("2", membership) == bob


@pytest.mark.race
def test_no_login_or_token_outlives_a_concurrent_deactivation(world, rounds):
    for number in range(rounds):
        bob = world.person(f"bob{number}")
        map_to_host(world, bob)
        login = world.bearer(bob)
        responses = at_once(
            lambda bob=bob: log_in(world, bob),
            lambda login=login: world.call(login, "POST", "/api-tokens", {"name": "new"}),
            lambda bob=bob: world.core.deactivate(bob.user.name),
            lambda login=login: world.call(login, "POST", "/auth/change-password", CHANGE),
            lambda bob=bob: log_in(world, bob),
        )
        assert responses.pop(2) is True
        bodies = [orjson.loads(response.body) for response in responses]
        bearers = [body.get("access_token") or body.get("token") for body in bodies]
        assert {response.status for response in responses} <= {200, 201, 401, 403, 409}
        assert {world.status(bearer, "GET", "/auth/me") for bearer in bearers if bearer} <= {401}


@pytest.mark.parametrize("first", ["deactivate", "create"])
def test_deactivation_and_new_token_wait_for_each_other(postgres_world, first):
    world, core = postgres_world, postgres_world.core
    bob = world.person("bob")
    map_to_host(world, bob)
    login = world.bearer(bob)
    calls = {
        "deactivate": lambda: core.deactivate("bob"),
        "create": lambda: world.call(login, "POST", "/api-tokens", {"name": "new"}),
    }
    with core.database.writing() as connection:
        connection.execute(
            text("SELECT 1 FROM stellary_users WHERE id = :id FOR NO KEY UPDATE"), {"id": bob.id}
        )
        responses = {
            name: start_blocked(core, calls[name], count)
            for count, name in enumerate(sorted(calls, key=lambda name: name != first), start=1)
        }
    assert responses["deactivate"].result()
    response = responses["create"].result()
    if first == "deactivate":
        assert response.status == 401
    else:
        core.reactivate("bob")
        assert world.status(orjson.loads(response.body)["token"], "GET", "/auth/me") == 401
