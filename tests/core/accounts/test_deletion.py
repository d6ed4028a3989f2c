"""Deletion of accounts: what ends, what stays, and races."""

from functools import partial

import orjson
import pytest
from sqlalchemy import select

from stellary.core import NOBODY
from stellary.core.accounts.people import find_contact
from tests.support import tables
from tests.support.boards import Board
from tests.support.world import PASSWORD, at_once, outcome


def delete_account(world, who, password=PASSWORD):
    return world.call(who, "POST", "/auth/delete-account", {"currentPassword": password})


def list_organizations(world):
    with world.core.view(NOBODY) as uow:
        return list(uow.connection.execute(select(tables.organizations.c.slug)).scalars())


@pytest.fixture
def people(world):
    """Return ann, whose account is deleted, and bob, who has invited her to a board."""
    ann, bob = world.people("ann bob")
    return ann, bob


@pytest.fixture
def board(world, people):
    ann, bob = people
    board = Board(world, bob)
    board.join(ann)
    return board


def test_shared_items_stay_under_another_name(world, people, board):
    ann, bob = people
    card = board.of(board.card(assigneeId=ann.id))
    comment = world.ask(ann, "POST", f"{card}/comments", {"content": "Well."})
    assert delete_account(world, world.bearer(ann)).status == 200
    assert world.ask(bob, "GET", card)["assigneeId"] is None
    (left,) = world.ask(bob, "GET", f"{card}/comments")
    assert (left["id"], left["authorName"]) == (comment["id"], "former member")
    activities = world.ask(bob, "GET", f"{board.path}/activity")
    assert {item["actorName"] for item in activities if item["actorId"] == ann.id} == {"former member"}


def test_deleted_account_has_left_its_organizations(world, people, board):
    ann, bob = people
    delete_account(world, world.bearer(ann))
    members = world.ask(bob, "GET", f"{board.workspace.organization.path}/members")
    assert [member["userId"] for member in members] == [bob.id]


def test_deleted_account_is_not_contacted(world, people):
    ann, bob = people
    delete_account(world, world.bearer(ann))
    with world.core.view(NOBODY) as uow:
        contacts = [find_contact(uow, user.id) for user in (ann, bob)]
    assert [contact and contact.email for contact in contacts] == [None, bob.email]


def test_own_organizations_are_deleted(world, people, board):
    ann, _ = people
    world.organization(ann, "solo")
    assert {"ann", "solo"} <= set(list_organizations(world))
    delete_account(world, world.bearer(ann))
    assert not {"ann", "solo"} & set(list_organizations(world))
    assert "bob" in list_organizations(world)


def test_owner_of_a_shared_organization_cannot_delete_the_account(world, people, board):
    _, bob = people
    response = delete_account(world, world.bearer(bob))
    assert outcome(response) == (409, "owns_organizations")
    assert board.workspace.organization.slug in orjson.loads(response.body)["message"]
    assert world.status(bob, "GET", board.path) == 200
    assert "bob" in list_organizations(world)


def test_tokens_and_sessions_end(world, people):
    ann, _ = people
    bearer, other, api_token = world.bearer(ann), world.bearer(ann), world.api_token(ann)
    assert delete_account(world, bearer).status == 200
    for token in (bearer, other, api_token):
        assert outcome(world.call(token, "GET", "/auth/me")) == (401, "invalid_token")
        assert outcome(world.call(token, "GET", "/organizations")) == (401, "invalid_token")


def test_address_can_be_registered_again(world, people):
    ann, _ = people
    delete_account(world, world.bearer(ann))
    account = {"email": ann.email, "password": PASSWORD}
    assert world.status(None, "POST", "/auth/login", account) == 401
    assert world.ask(None, "POST", "/auth/register", account)["user"]["id"] != ann.id


def test_invitations_to_the_address_end(world, people):
    ann, bob = people
    invite = f"{world.workspace(bob).path}/members/invite"
    token = world.ask(bob, "POST", invite, {"email": ann.email.upper()})["token"]
    world.ask(bob, "POST", invite, {"email": "other@example.com"})
    delete_account(world, world.bearer(ann))
    assert [
        row["email"] for row in world.ask(bob, "GET", invite.replace("members/invite", "invitations"))
    ] == ["other@example.com"]
    account = {"email": ann.email, "password": PASSWORD}
    other = world.ask(None, "POST", "/auth/register", account)["access_token"]
    assert world.status(other, "POST", f"/invitations/{token}/accept") == 404


def test_former_member_is_not_found_by_address(world, people, board):
    ann, bob = people
    delete_account(world, world.bearer(ann))
    path = f"{board.workspace.organization.path}/members"
    expected = (404, "unknown_user")
    assert outcome(world.call(bob, "POST", path, {"email": ann.email, "role": "member"})) == expected


def test_wrong_password_deletes_nothing(world, people):
    ann, _ = people
    response = delete_account(world, ann, "wrong password")
    assert (response.status, orjson.loads(response.body)["details"][0]["field"]) == (400, "currentPassword")
    assert world.status(ann, "GET", "/auth/me") == 200


@pytest.mark.race
def test_concurrent_deletions_succeed_once(world, rounds):
    for number in range(rounds):
        token = world.bearer(world.person(f"person{number}"))
        responses = at_once(*[partial(delete_account, world, token)] * 3)
        assert [response.status for response in responses].count(200) == 1
        assert {response.status for response in responses} <= {200, 401, 409}


@pytest.mark.race
def test_deleted_account_joins_no_organization(world, rounds):
    owner = world.person("owner")
    acme = world.organization(owner, "acme")
    for number in range(rounds):
        person = world.person(f"person{number}")
        deletion, addition = at_once(
            partial(delete_account, world, world.bearer(person)),
            partial(
                world.call, owner, "POST", f"{acme.path}/members", {"email": person.email, "role": "member"}
            ),
        )
        members = [member["userId"] for member in world.ask(owner, "GET", f"{acme.path}/members")]
        assert (deletion.status, addition.status) in [(200, 201), (200, 404), (409, 201)]
        assert (person.id in members) == (deletion.status == 409)
