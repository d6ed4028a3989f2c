"""Sessions: listed, revoked, and ended by logging out."""

from datetime import timedelta
from functools import partial

import jwt
import pytest

from tests.core.accounts.test_logins import REQUESTS, fill_in
from tests.support import tables
from tests.support.world import PASSWORD, at_once, outcome


def log_in(world, device=None):
    body = {"email": "ann@example.com", "password": PASSWORD}
    if device is not None:
        body["device"] = device
    return world.ask(None, "POST", "/auth/login", body)["access_token"]


def id_of(token):
    return jwt.decode(token, options={"verify_signature": False})["jti"]


def list_sessions(world, token):
    return world.ask(token, "GET", "/auth/sessions")


def revoke(world, token, session_id):
    return world.call(token, "DELETE", f"/auth/sessions/{session_id}")


def test_login_is_listed_with_its_device(world, ann, clock):
    phone, laptop = log_in(world, "Phone"), log_in(world)
    sessions = list_sessions(world, laptop)
    described = [(item["id"], item["device"], item["isCurrent"]) for item in sessions]
    assert described == [(id_of(phone), "Phone", False), (id_of(laptop), None, True)]
    assert sessions[0]["expiresAt"] == (clock.now + timedelta(days=7)).isoformat().replace("+00:00", "Z")


def test_registration_is_listed(world):
    body = {"email": "new@example.com", "password": PASSWORD, "device": "Laptop"}
    token = world.ask(None, "POST", "/auth/register", body)["access_token"]
    assert [item["device"] for item in list_sessions(world, token)] == ["Laptop"]


def test_sessions_of_others_are_not_listed(world, ann):
    log_in(world)
    assert list_sessions(world, world.bearer(world.person("bob"))) == []


def test_revoked_session_ends_with_the_next_request(world, ann):
    phone, laptop = log_in(world), log_in(world)
    assert revoke(world, laptop, id_of(phone)).status == 200
    assert outcome(world.call(phone, "GET", "/auth/me")) == (401, "invalid_token")
    assert [item["id"] for item in list_sessions(world, laptop)] == [id_of(laptop)]


def test_own_session_can_be_revoked(world, ann):
    token = log_in(world)
    assert revoke(world, token, id_of(token)).status == 200
    assert world.status(token, "GET", "/auth/me") == 401


def test_logging_out_ends_the_session_of_the_request(world, ann):
    phone, laptop = log_in(world), log_in(world)
    assert world.status(phone, "POST", "/auth/logout") == 200
    assert world.status(phone, "POST", "/auth/logout") == 401
    assert [item["id"] for item in list_sessions(world, laptop)] == [id_of(laptop)]


def test_jwt_without_a_session_can_log_out(world, ann):
    token, other = world.bearer(ann), world.bearer(ann)
    assert world.status(token, "POST", "/auth/logout") == 200
    assert world.status(token, "GET", "/auth/me") == 401
    assert world.status(other, "GET", "/auth/me") == 200


def test_actor_of_a_host_has_no_login_that_could_end(world, ann):
    assert outcome(world.call(ann, "POST", "/auth/logout")) == (409, "no_session")


def test_changed_password_ends_the_listed_sessions(world, ann):
    log_in(world)
    body = {"currentPassword": PASSWORD, "newPassword": "a new password"}
    token = world.ask(log_in(world), "POST", "/auth/change-password", body)["access_token"]
    assert [item["id"] for item in list_sessions(world, token)] == [id_of(token)]


def test_expired_session_is_not_listed_and_is_swept(world, ann, clock):
    first = log_in(world)
    clock.advance(timedelta(days=7))
    token = log_in(world)
    assert [item["id"] for item in list_sessions(world, token)] == [id_of(token)]
    assert outcome(revoke(world, token, id_of(first))) == (404, "not_found")
    world.core.sweep()
    assert tables.count_rows(world.core, tables.sessions) == 1


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_ended_session_gets_401(world, ann, method, path, body, board):
    token, other = log_in(world), log_in(world)
    path = fill_in(path, board, id_of(other))
    assert world.status(token, "POST", "/auth/logout") == 200
    assert outcome(world.call(token, method, path, body)) == (401, "invalid_token")
    assert world.status(other, "GET", "/auth/me") == 200


@pytest.mark.race
def test_sessions_that_revoke_each_other_leave_one(world, ann, rounds):
    for _ in range(rounds):
        phone, laptop = log_in(world), log_in(world)
        responses = at_once(
            partial(revoke, world, phone, id_of(laptop)), partial(revoke, world, laptop, id_of(phone))
        )
        assert sorted(response.status for response in responses) == [200, 401]


@pytest.mark.race
def test_revocation_and_password_change_of_one_session_have_one_winner(world, ann, rounds):
    current = PASSWORD
    for number in range(rounds):
        body = {"email": "ann@example.com", "password": current}
        phone, laptop = (world.ask(None, "POST", "/auth/login", body)["access_token"] for _ in range(2))
        new_password = f"new password {number}"
        change, revocation = at_once(
            partial(
                world.call,
                phone,
                "POST",
                "/auth/change-password",
                {"currentPassword": current, "newPassword": new_password},
            ),
            partial(revoke, world, laptop, id_of(phone)),
        )
        assert (change.status, revocation.status) in [(200, 401), (401, 200)]
        current = new_password if change.status == 200 else current


@pytest.mark.race
def test_session_that_is_revoked_creates_no_token_afterwards(world, ann, rounds):
    for _ in range(rounds):
        phone, laptop = log_in(world), log_in(world)
        created, revoked = at_once(
            partial(world.call, phone, "POST", "/api-tokens", {"name": "ci"}),
            partial(revoke, world, laptop, id_of(phone)),
        )
        assert revoked.status == 200
        assert created.status in (201, 401)
