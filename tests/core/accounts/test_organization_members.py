"""Members of organizations: listing, adding, changing and removing."""

from datetime import timedelta

import pytest

from tests.support.world import outcome

ACME = "/organizations/acme"


def roles(world, who):
    return {member["name"]: member["role"] for member in world.ask(who, "GET", f"{ACME}/members")}


def member(person):
    return f"{ACME}/members/{person.id}"


def test_every_member_lists_the_members(world, acme):
    expected = {"ann": "owner", "bob": "admin", "cid": "member", "dot": "member"}
    assert roles(world, acme["cid"]) == expected


@pytest.mark.parametrize("who", ["ann", "bob"])
def test_an_admin_adds_people_by_address(world, acme, who):
    eve = world.person("eve")
    member = world.ask(acme[who], "POST", f"{ACME}/members", {"email": "EVE@example.com", "role": "admin"})
    assert (member["userId"], member["role"], member["email"]) == (eve.id, "admin", "eve@example.com")
    assert roles(world, eve)["eve"] == "admin"


def test_duplicate_member_is_rejected(world, acme):
    body = {"email": "cid@example.com", "role": "admin"}
    assert outcome(world.call(acme["ann"], "POST", f"{ACME}/members", body)) == (409, "already_member")
    assert roles(world, acme["ann"])["cid"] == "member"


def test_person_without_an_account_cannot_be_added(world, acme):
    body = {"email": "nobody@example.com", "role": "member"}
    assert outcome(world.call(acme["ann"], "POST", f"{ACME}/members", body)) == (404, "unknown_user")


@pytest.mark.parametrize("who", ["ann", "bob"])
def test_an_admin_makes_a_member_an_admin(world, acme, who):
    assert world.ask(acme[who], "PATCH", member(acme["cid"]), {"role": "admin"})["role"] == "admin"
    assert roles(world, acme["ann"])["cid"] == "admin"


def test_an_admin_touches_no_other_admin_nor_itself(world, acme):
    world.ask(acme["ann"], "PATCH", member(acme["cid"]), {"role": "admin"})
    for name in ("bob", "cid"):
        expected = (403, "insufficient_role")
        assert outcome(world.call(acme["bob"], "PATCH", member(acme[name]), {"role": "member"})) == expected
        assert world.status(acme["bob"], "DELETE", member(acme[name])) == 403
    assert world.status(acme["ann"], "PATCH", member(acme["bob"]), {"role": "member"}) == 200


@pytest.mark.parametrize("who", ["ann", "bob"])
def test_the_owner_stays_the_owner(world, acme, who):
    expected = (409, "owner_stays")
    assert outcome(world.call(acme[who], "PATCH", member(acme["ann"]), {"role": "member"})) == expected
    assert outcome(world.call(acme[who], "DELETE", member(acme["ann"]))) == (409, "owner_stays")
    assert outcome(world.call(acme["ann"], "POST", f"{ACME}/leave")) == (409, "owner_stays")


def test_an_empty_change_changes_nothing(world, acme):
    assert world.ask(acme["bob"], "PATCH", member(acme["ann"]), {})["role"] == "owner"


def test_setting_the_current_role_succeeds(world, acme):
    assert world.ask(acme["ann"], "PATCH", member(acme["bob"]), {"role": "admin"})["role"] == "admin"


def test_removed_member_loses_access_with_the_next_request(world, acme):
    token = world.api_token(acme["cid"])
    assert world.status(token, "GET", ACME) == 200
    assert world.ask(acme["bob"], "DELETE", member(acme["cid"]))["ok"] is True
    assert world.status(token, "GET", ACME) == 404
    assert world.status(token, "GET", "/auth/me") == 200
    assert "cid" not in roles(world, acme["ann"])


def test_removed_member_can_be_added_again(world, acme):
    world.ask(acme["bob"], "DELETE", member(acme["cid"]))
    body = {"email": "cid@example.com", "role": "member"}
    assert world.status(acme["bob"], "POST", f"{ACME}/members", body) == 201


@pytest.mark.parametrize("who", ["bob", "cid"])
def test_others_leave_as_they_like(world, acme, who):
    assert world.ask(acme[who], "POST", f"{ACME}/leave")["ok"] is True
    assert world.status(acme[who], "POST", f"{ACME}/leave") == 404


def test_addresses_without_an_account_are_limited_per_caller(world, clock):
    ann, bob, _ = world.people("ann bob cid")
    acme = world.organization(ann, "acme")
    world.join_organization(bob, acme, "admin")

    def add(caller, email):
        body = {"email": email, "role": "member"}
        return outcome(world.call(caller, "POST", f"{acme.path}/members", body))

    for number in range(30):
        assert add(ann, f"nobody{number}@example.com") == (404, "unknown_user")
    assert add(ann, "nobody@example.com") == (429, "rate_limited")
    assert add(ann, "cid@example.com") == (429, "rate_limited")
    assert add(bob, "nobody@example.com") == (404, "unknown_user")
    clock.advance(timedelta(hours=1))
    assert add(ann, "cid@example.com") == (201, None)
