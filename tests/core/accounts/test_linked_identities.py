"""Identities that their users list and unlink; the last way to sign in stays."""

from functools import partial

import orjson
import pytest

from stellary.contract.errors import Conflict
from tests.support.core_parts import Identity, link_identity, sign_in
from tests.support.world import at_once, outcome

PATH = "/auth/identities"
ISSUER = "https://login.example.com"


def build_identity(subject, name="ann"):
    return Identity(issuer=ISSUER, subject=subject, email=f"{name}@example.com", name=name)


def sign_in_as(world, subject="7", name="ann"):
    return sign_in(world.core.units, build_identity(subject, name), "Laptop")


def find_user_id(world, token):
    return world.ask(token, "GET", "/auth/me")["user"]["id"]


def unlink(world, who, identity):
    return world.call(who, "DELETE", f"{PATH}/{identity['id']}")


def test_user_lists_and_unlinks_an_identity(world, ann, clock):
    link_identity(world.core.units, build_identity("7"), ann.id)
    (identity,) = world.ask(ann, "GET", PATH)
    now = clock.now.isoformat().replace("+00:00", "Z")
    assert identity == {"id": identity["id"], "issuer": ISSUER, "subject": "7", "createdAt": now}
    assert sign_in_as(world) is not None
    assert unlink(world, ann, identity).status == 200
    assert world.ask(ann, "GET", PATH) == []
    # From now on, the provider's user has to prove again that the account is theirs.
    assert sign_in_as(world) is None
    assert outcome(unlink(world, ann, identity)) == (404, "not_found")


def test_last_way_to_sign_in_is_not_unlinked(world):
    token = sign_in_as(world)
    (identity,) = world.ask(token, "GET", PATH)
    response = unlink(world, token, identity)
    assert outcome(response) == (409, "last_identity")
    assert "no password and no other identity" in orjson.loads(response.body)["message"]
    assert find_user_id(world, sign_in_as(world)) == find_user_id(world, token)


def test_one_of_two_identities_is_unlinked(world):
    token = sign_in_as(world)
    link_identity(world.core.units, build_identity("8"), find_user_id(world, token))
    first, second = world.ask(token, "GET", PATH)
    assert [first["subject"], second["subject"]] == ["7", "8"]
    assert unlink(world, token, first).status == 200
    with pytest.raises(Conflict):
        sign_in_as(world)
    assert find_user_id(world, sign_in_as(world, "8")) == find_user_id(world, token)


@pytest.mark.race
def test_concurrent_requests_leave_one_way_to_sign_in(world, rounds):
    for number in range(rounds):
        token = sign_in_as(world, f"{number}", f"user{number}")
        link_identity(
            world.core.units, build_identity(f"{number}b", f"user{number}"), find_user_id(world, token)
        )
        both = world.ask(token, "GET", PATH)
        responses = at_once(*(partial(unlink, world, token, identity) for identity in both))
        assert sorted(response.status for response in responses) == [200, 409]
        assert len(world.ask(token, "GET", PATH)) == 1
