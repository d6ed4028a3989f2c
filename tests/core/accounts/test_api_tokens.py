"""API tokens."""

from datetime import timedelta

from stellary.contract.endpoint import TOKEN_SCOPES
from tests.support.each_case import for_each
from tests.support.world import outcome


def make(world, who, **body):
    return world.ask(who, "POST", "/api-tokens", {"name": "CI", **body})


def test_new_token_has_the_access_of_its_user(world, ann):
    token = make(world, ann)
    assert token["scopes"] == list(TOKEN_SCOPES)
    assert (token["prefix"], token["expiresAt"]) == (token["token"][:10], None)
    assert world.ask(token["token"], "GET", "/auth/me")["user"]["id"] == ann.id


def test_a_token_reaches_no_further_than_its_scopes(world):
    token = make(world, world.person("ann"), scopes=["projects:read"])["token"]
    assert world.status(token, "GET", "/organizations") == 200
    assert world.status(token, "GET", "/auth/me") == 403


def test_duplicate_scopes_are_removed(world):
    token = make(world, world.person("ann"), scopes=["projects:write", "projects:read", "projects:write"])
    assert token["scopes"] == ["projects:read", "projects:write"]


def test_a_token_holds_until_it_expires(world, clock):
    expires_at = clock.now + timedelta(hours=1)
    token = make(world, world.person("ann"), expiresAt=expires_at.isoformat())
    clock.advance(timedelta(hours=1) - timedelta(milliseconds=1))
    assert world.status(token["token"], "GET", "/auth/me") == 200
    clock.advance(timedelta(milliseconds=1))
    assert world.status(token["token"], "GET", "/auth/me") == 401


def test_expired_token_is_rejected(world):
    body = {"name": "CI", "expiresAt": world.stop_clock().now.isoformat()}
    assert world.status(world.person("ann"), "POST", "/api-tokens", body) == 400


def test_a_list_holds_no_secrets_and_only_the_callers(world, ann, bob):
    tokens = [make(world, ann), make(world, ann, name="Deploy")]
    make(world, bob)
    listed = world.ask(ann, "GET", "/api-tokens")
    assert listed == [{name: value for name, value in token.items() if name != "token"} for token in tokens]


@for_each("token", ["synth_x", "x", "synth_agent_x", "a.b.c", "é"])
def test_malformed_token_is_rejected(world, token):
    assert world.status(token, "GET", "/auth/me") == 401


def test_a_token_reaches_no_further_than_its_user_does_now(world, ann, bob):
    place = world.workspace(ann)
    world.join(bob, place, role="admin")
    token = world.api_token(bob)
    assert world.status(token, "PATCH", place.path, {"name": "x"}) == 200
    world.ask(ann, "PATCH", f"{place.path}/members/{bob.id}", {"role": "member"})
    assert world.status(token, "PATCH", place.path, {"name": "x"}) == 403


def last_used(world, ann):
    return world.ask(ann, "GET", "/api-tokens")[0]["lastUsedAt"]


def test_the_last_use_is_written_once_a_minute(world, clock, ann):
    token = make(world, ann)["token"]
    first = clock.now
    assert last_used(world, ann) is None
    for seconds, expected in [(0, first), (59, first), (1, first + timedelta(minutes=1))]:
        clock.advance(timedelta(seconds=seconds))
        world.ask(token, "GET", "/auth/me")
        assert last_used(world, ann) == expected.isoformat().replace("+00:00", "Z")


def test_a_user_has_a_hundred_live_tokens_at_most(world, clock, ann, bob):
    for _ in range(99):
        world.api_token(ann)
    world.api_token(ann, expires_at=clock.now + timedelta(minutes=1))
    assert outcome(world.call(ann, "POST", "/api-tokens", {"name": "one more"})) == (409, "too_many_tokens")
    assert world.status(bob, "POST", "/api-tokens", {"name": "mine"}) == 201
    clock.advance(timedelta(minutes=1))
    assert world.status(ann, "POST", "/api-tokens", {"name": "one more"}) == 201
