"""Workspaces, and access to them."""

import pytest

from tests.support.world import outcome

ENG = {"name": "Engineering", "slug": "eng"}


@pytest.fixture
def acme(world, acme):
    """Let cid create a workspace in the organization."""
    world.ask(acme["cid"], "POST", "/orgs/acme/workspaces", ENG)
    return acme


def test_member_creates_and_owns_a_workspace(world, acme):
    workspace = world.ask(acme["dot"], "POST", "/orgs/acme/workspaces", {"name": "Ops", "slug": "ops"})
    assert workspace["ownerId"] == acme["dot"].id
    assert workspace == workspace | {"myRole": "admin", "myPilotageRole": "owner", "isPersonal": False}
    assert world.ask(acme["dot"], "GET", "/orgs/acme/workspaces/ops") == workspace
    (member,) = world.ask(acme["dot"], "GET", "/orgs/acme/workspaces/ops/members")
    assert (member["role"], member["pilotageRole"]) == ("admin", "owner")


def test_a_slug_is_unique_in_the_organization(world, acme):
    assert outcome(world.call(acme["dot"], "POST", "/orgs/acme/workspaces", ENG)) == (409, "duplicate_slug")
    assert world.status(acme["dot"], "POST", "/orgs/dot/workspaces", ENG) == 201


def test_organization_admin_has_access_without_membership(world, acme):
    for who in ("ann", "bob"):
        workspace = world.ask(acme[who], "GET", "/orgs/acme/workspaces/eng")
        assert (workspace["myRole"], workspace["myPilotageRole"]) == ("admin", "owner")
    assert world.status(acme["dot"], "GET", "/orgs/acme/workspaces/eng") == 404


def test_list_has_accessible_workspaces_only(world, acme):
    world.ask(acme["ann"], "POST", "/orgs/acme/workspaces", {"name": "Board", "slug": "board"})
    listed = {
        name: {
            workspace["slug"]: (workspace["myRole"], workspace["myPilotageRole"])
            for workspace in world.ask(acme[name], "GET", "/orgs/acme/workspaces")
        }
        for name in acme
    }
    led = {"eng": ("admin", "owner"), "board": ("admin", "owner")}
    assert listed == {"ann": led, "bob": led, "cid": {"eng": ("admin", "owner")}, "dot": {}}


def test_a_list_answers_as_the_single_one(world, acme):
    (listed,) = world.ask(acme["bob"], "GET", "/orgs/acme/workspaces")
    assert listed == world.ask(acme["bob"], "GET", "/orgs/acme/workspaces/eng")


def test_a_personal_workspace_is_its_owners_alone(world, acme):
    home = world.home(acme["ann"])
    world.join_organization(acme["bob"], home.organization, "admin")
    assert world.status(acme["bob"], "GET", home.path) == 404
    assert world.ask(acme["bob"], "GET", "/orgs/ann/workspaces") == []
    assert len(world.ask(acme["ann"], "GET", "/orgs/ann/workspaces")) == 1


def test_a_personal_workspace_can_be_renamed_but_stays(world, acme):
    home = world.home(acme["ann"]).path
    assert world.ask(acme["ann"], "PATCH", home, {"name": "Mine"})["name"] == "Mine"
    assert outcome(world.call(acme["ann"], "DELETE", home)) == (409, "personal_workspace")
    body = {"email": "bob@example.com"}
    expected = (409, "personal_workspace")
    assert outcome(world.call(acme["ann"], "POST", f"{home}/members/invite", body)) == expected


def test_a_new_slug_is_a_new_address(world, acme):
    eng = "/orgs/acme/workspaces/eng"
    changed = world.ask(acme["cid"], "PATCH", eng, {"slug": "engine", "name": "Engine"})
    assert world.ask(acme["cid"], "GET", "/orgs/acme/workspaces/engine") == changed
    assert world.status(acme["cid"], "GET", eng) == 404


def test_change_to_a_taken_slug_is_rejected(world, acme):
    world.ask(acme["cid"], "POST", "/orgs/acme/workspaces", {"name": "Ops", "slug": "ops"})
    assert world.status(acme["cid"], "PATCH", "/orgs/acme/workspaces/ops", {"slug": "eng"}) == 409


def test_an_admin_of_the_organization_does_not_delete_it_but_its_owners_do(world, acme):
    eng = "/orgs/acme/workspaces/eng"
    assert world.status(acme["bob"], "DELETE", eng) == 403
    assert world.status(world.api_token(acme["cid"]), "DELETE", eng) == 403
    assert world.status(acme["cid"], "DELETE", eng) == 200
    world.ask(acme["cid"], "POST", "/orgs/acme/workspaces", ENG)
    assert world.status(acme["ann"], "DELETE", eng) == 200
