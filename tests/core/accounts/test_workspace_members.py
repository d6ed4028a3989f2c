"""Members of workspaces: listing, adding, changing and removing."""

import pytest

from tests.support.world import outcome


@pytest.fixture
def eng(world):
    """Return a workspace of ann, with the admin bob and the member cid; dot is only in the organization."""
    people = dict(zip(("ann", "bob", "cid", "dot"), world.people("ann bob cid dot"), strict=True))
    boss = world.person("boss")
    organization = world.organization(boss, "acme")
    world.join_organization(people["ann"], organization)
    workspace = world.workspace(people["ann"], organization, "eng")
    world.join(people["bob"], workspace, role="admin")
    world.join(people["cid"], workspace)
    world.join_organization(people["dot"], organization)
    return {**people, "boss": boss, "at": workspace}


def roles(world, eng):
    listed = world.ask(eng["ann"], "GET", f"{eng['at'].path}/members")
    return {member["name"]: (member["role"], member["pilotageRole"]) for member in listed}


def member(eng, who):
    return f"{eng['at'].path}/members/{eng[who].id}"


def test_every_member_lists_the_members(world, eng):
    listed = world.ask(eng["cid"], "GET", f"{eng['at'].path}/members")
    assert [(member["name"], member["email"]) for member in listed] == [
        (name, f"{name}@example.com") for name in ("ann", "bob", "cid")
    ]
    assert world.status(eng["dot"], "GET", f"{eng['at'].path}/members") == 404


@pytest.mark.parametrize("who", ["ann", "bob", "boss"])
def test_an_admin_changes_roles(world, eng, who):
    changed = world.ask(eng[who], "PATCH", member(eng, "cid"), {"role": "admin", "pilotageRole": "reviewer"})
    assert (changed["role"], changed["pilotageRole"]) == ("admin", "reviewer")
    assert roles(world, eng)["cid"] == ("admin", "reviewer")


@pytest.mark.parametrize("body", [{"role": "member"}, {"pilotageRole": "viewer"}])
@pytest.mark.parametrize("who", ["ann", "bob", "boss"])
def test_the_owner_of_the_workspace_stays_admin_and_pilotage_owner(world, eng, who, body):
    assert outcome(world.call(eng[who], "PATCH", member(eng, "ann"), body)) == (409, "owner_stays")
    assert outcome(world.call(eng[who], "DELETE", member(eng, "ann"))) == (409, "owner_stays")


def test_setting_the_current_role_of_the_owner_succeeds(world, eng):
    body = {"role": "admin", "pilotageRole": "owner"}
    assert world.status(eng["bob"], "PATCH", member(eng, "ann"), body) == 200


def test_a_role_is_refused_before_a_member_is_looked_for(world, eng):
    for child in ("dot", "boss"):
        assert world.status(eng["cid"], "DELETE", member(eng, child)) == 403
        assert world.status(eng["bob"], "DELETE", member(eng, child)) == 404
        assert world.status(eng["bob"], "PATCH", member(eng, child), {"role": "king"}) == 404
        assert world.status(eng["dot"], "PATCH", member(eng, child), {"role": "king"}) == 404


@pytest.mark.parametrize("who", ["bob", "cid", "boss"])
def test_a_member_is_removed_by_an_admin_or_leaves(world, eng, who):
    assert world.ask(eng[who], "DELETE", member(eng, "cid"))["ok"] is True
    assert "cid" not in roles(world, eng)
    assert world.status(eng["cid"], "GET", eng["at"].path) == 404
    assert world.status(eng["cid"], "GET", "/organizations/acme") == 200
