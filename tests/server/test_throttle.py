"""Who tries too often is held up for a while, and nobody else is."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest
import time_machine
from limits import parse

from reference_server import throttle
from reference_server.settings import NO_LIMITS, Limits, Settings
from reference_server.throttle import Caller, Throttle, Windows
from stellary.contract.errors import RateLimited
from stellary.core import Core
from tests.server.running import Running, running

HERE, THERE = Caller("1.1.1.1"), Caller("2.2.2.2")
PER_ACCOUNT = Limits(logins_per_account=parse("3 per 15 minutes"), logins_per_address=None)
PER_ADDRESS = Limits(logins_per_account=None, logins_per_address=parse("3 per 15 minutes"))


@pytest.fixture
def clock():
    """A clock that stands still until it is shifted."""
    with time_machine.travel("2026-04-01T12:00:00Z", tick=False) as traveller:
        yield traveller


def body(email: str = "ann@example.com") -> bytes:
    return orjson.dumps({"email": email, "password": "wrong"})


def fail(throttle: Throttle, caller: Caller, email: str = "ann@example.com", status: int = 401) -> None:
    throttle.admit_password("auth.login", caller, body(email))
    throttle.note_password("auth.login", caller, body(email), status)


def test_failed_logins_of_an_account_are_limited_wherever_they_come_from(clock):
    throttle = Throttle(PER_ACCOUNT)
    for number in range(3):
        fail(throttle, Caller(f"1.1.1.{number}"))
    with pytest.raises(RateLimited) as raised:
        fail(throttle, THERE, "  ANN@example.com ")
    assert raised.value.retry_after == 900
    assert raised.value.message == "too many failed logins; try again in 900 seconds"
    assert raised.value.headers == {
        "x-ratelimit-limit": "3",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "1775045700",
    }
    fail(throttle, HERE, "bob@example.com")


def test_an_account_is_never_locked_for_good(clock):
    throttle = Throttle(PER_ACCOUNT)
    for _ in range(4):
        for _ in range(3):
            fail(throttle, HERE)
        with pytest.raises(RateLimited):
            fail(throttle, HERE)
        clock.shift(timedelta(minutes=15))


def test_who_logs_in_begins_anew(clock):
    throttle = Throttle(PER_ACCOUNT)
    for _ in range(3):
        fail(throttle, HERE)
        fail(throttle, HERE)
        fail(throttle, HERE, status=201)


def test_failed_logins_of_an_address_are_limited_whatever_the_account(clock):
    throttle = Throttle(PER_ADDRESS)
    for number in range(3):
        fail(throttle, HERE, f"{number}@example.com")
    fail(throttle, THERE)
    with pytest.raises(RateLimited):
        fail(throttle, HERE, "3@example.com")


def test_a_login_that_succeeds_does_not_clear_its_address(clock):
    throttle = Throttle(PER_ADDRESS)
    for _ in range(3):
        fail(throttle, HERE)
        fail(throttle, THERE, status=201)
    with pytest.raises(RateLimited):
        fail(throttle, HERE)


@pytest.mark.parametrize("said", [b"", b"[]", b"{", b'{"email": 5}', b"[" * 10_000, b"\xff"])
def test_a_login_without_an_address_counts_as_one_account(said: bytes):
    throttle = Throttle(PER_ACCOUNT)
    for _ in range(3):
        throttle.admit_password("auth.login", HERE, said)
        throttle.note_password("auth.login", HERE, said, 400)
    with pytest.raises(RateLimited):
        throttle.admit_password("auth.login", HERE, b"")


def test_a_password_is_not_guessed_by_changing_it(clock):
    throttle = Throttle(PER_ACCOUNT)
    thief = Caller("1.1.1.1", "Bearer stolen")
    for _ in range(3):
        throttle.admit_password("auth.change_password", thief, b"")
        throttle.note_password("auth.change_password", thief, b"", 401)
    with pytest.raises(RateLimited):
        throttle.admit_password("auth.change_password", thief, b"")
    throttle.admit_password("auth.change_password", Caller("1.1.1.1", "Bearer own"), b"")


def test_accounts_are_counted_and_so_is_asking_whether_there_is_one(clock):
    throttle = Throttle(Limits(registrations=parse("3/hour")))
    for status in (201, 409, 400, 400, 201):
        throttle.admit_password("auth.register", HERE, body())
        throttle.note_password("auth.register", HERE, body(), status)
    with pytest.raises(RateLimited, match="too many accounts"):
        throttle.admit_password("auth.register", HERE, body())
    throttle.admit_password("auth.register", THERE, body())


def test_bad_tokens_of_an_address_are_limited_but_not_its_neighbours_good_ones(clock):
    throttle = Throttle(Limits(bad_tokens=parse("3/minute")))
    good = Caller("1.1.1.1", "Bearer good")
    throttle.note_token(good, 404)
    for number in range(3):
        bad = Caller("1.1.1.1", f"Bearer {number}")
        throttle.admit_token(bad)
        throttle.note_token(bad, 401)
    with pytest.raises(RateLimited):
        throttle.admit_token(Caller("1.1.1.1", "Bearer 3"))
    throttle.admit_token(good)
    throttle.admit_token(HERE)
    throttle.admit_token(Caller("2.2.2.2", "Bearer 3"))


def test_a_token_that_is_no_longer_good_is_forgotten(clock):
    throttle = Throttle(Limits(bad_tokens=parse("1/minute")))
    revoked = Caller("1.1.1.1", "Bearer revoked")
    throttle.note_token(revoked, 200)
    throttle.note_token(revoked, 401)
    with pytest.raises(RateLimited):
        throttle.admit_token(revoked)


def test_only_so_many_good_tokens_are_remembered(monkeypatch, clock):
    monkeypatch.setattr(throttle, "GOOD_TOKENS_MAX", 2)
    held = Throttle(Limits(bad_tokens=parse("1/minute")))
    for number in range(3):
        held.note_token(Caller("1.1.1.1", f"Bearer {number}"), 200)
    held.note_token(Caller("1.1.1.1", "Bearer bad"), 401)
    with pytest.raises(RateLimited):
        held.admit_token(Caller("1.1.1.1", "Bearer 0"))
    held.admit_token(Caller("1.1.1.1", "Bearer 2"))


def test_requests_are_limited_per_token_or_else_per_address(clock):
    throttle = Throttle(Limits(requests=parse("2/minute")))
    assert throttle.admit(HERE)["x-ratelimit-remaining"] == "1"
    assert throttle.admit(HERE)["x-ratelimit-remaining"] == "0"
    with pytest.raises(RateLimited, match="too many requests"):
        throttle.admit(HERE)
    throttle.admit(Caller("1.1.1.1", "Bearer a"))
    throttle.admit(THERE)
    clock.shift(timedelta(minutes=1))
    throttle.admit(HERE)


def test_without_limits_nothing_is_counted():
    throttle = Throttle(NO_LIMITS)
    for _ in range(1000):
        assert throttle.admit(HERE) == {}
        fail(throttle, HERE)
        throttle.admit_token(Caller("1.1.1.1", "Bearer x"))
        throttle.note_token(Caller("1.1.1.1", "Bearer x"), 401)
        throttle.admit_password("auth.register", HERE, body())
        throttle.note_password("auth.register", HERE, body(), 201)


def test_windows_are_bounded(monkeypatch, clock):
    monkeypatch.setattr(throttle, "WINDOWS_MAX", 3)
    windows = Windows()
    for key in "abcd":
        windows.incr(key, 60)
    assert [windows.get(key) for key in "abcd"] == [0, 1, 1, 1]
    assert windows.check()
    assert windows.base_exceptions == ()
    assert windows.reset() == 3
    assert windows.get("b") == 0


# ------------------------------------------------------------------------------------------ as the server does it


@pytest.fixture
def limited(sqlite_core: Core):
    """A server with limits that are soon reached."""
    limits = Limits(
        logins_per_account=parse("2/hour"), bad_tokens=parse("2/hour"), registrations=parse("2/hour")
    )
    with running(sqlite_core, Settings(limits=limits)) as server:
        yield server


def test_a_refusal_says_when_to_come_back(limited: Running):
    limited.register("ann", "correct horse")
    wrong = {"email": "ann@example.com", "password": "wrong"}
    statuses = [limited.ask("POST", "/auth/login", wrong).status for _ in range(3)]
    assert statuses == [401, 401, 429]
    refused = limited.ask("POST", "/auth/login", {**wrong, "password": "correct horse"})
    assert refused.json["code"] == "rate_limited"
    assert 3590 <= int(refused.headers["retry-after"]) <= 3600
    assert refused.headers["x-ratelimit-limit"] == "2"
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert int(refused.headers["x-ratelimit-reset"]) > 0


def test_tries_that_arrive_at_once_are_not_more_than_those_in_a_row(limited: Running):
    from concurrent.futures import ThreadPoolExecutor

    limited.register("ann", "correct horse")
    wrong = {"email": "ann@example.com", "password": "wrong"}
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: limited.ask("POST", "/auth/login", wrong).status, range(20)))
    # Two threads hash: each may have begun one when the last that counted ended.
    assert 2 <= statuses.count(401) <= 3
    assert statuses.count(429) == 20 - statuses.count(401)


def test_bad_tokens_are_counted_but_not_on_what_asks_for_none(limited: Running):
    token = limited.register()
    assert limited.ask("GET", "/auth/me", token=token).status == 200
    statuses = [limited.ask("GET", "/auth/me", token=f"bad{number}").status for number in range(4)]
    assert statuses == [401, 401, 429, 429]
    assert limited.ask("GET", "/auth/me", token=token).status == 200
    assert limited.ask("GET", "/health/live", token="bad").status == 200


def test_registrations_are_limited(limited: Running):
    limited.register("ann")
    limited.register("bob")
    said = {"email": "eve@example.com", "password": "correct horse"}
    assert limited.ask("POST", "/auth/register", said).status == 429


def test_what_is_left_of_a_general_limit_stands_on_every_answer(sqlite_core: Core):
    with running(sqlite_core, Settings(limits=Limits(requests=parse("2/hour")))) as server:
        answers = [server.ask("GET", "/auth/me", token="x") for _ in range(3)]
    assert [answer.status for answer in answers] == [401, 401, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]


def test_a_trusted_proxy_says_whom_to_count(sqlite_core: Core):
    from ipaddress import ip_network

    limits = Limits(bad_tokens=parse("1/hour"))
    with running(sqlite_core, Settings(limits=limits, trusted_proxies=(ip_network("127.0.0.1"),))) as server:
        statuses = [
            server.ask("GET", "/auth/me", token=f"bad{number}", x_forwarded_for=client).status
            for number, client in enumerate(["1.1.1.1", "2.2.2.2", "1.1.1.1"])
        ]
        assert [entry.client for entry in server.entries] == ["1.1.1.1", "2.2.2.2", "1.1.1.1"]
    assert statuses == [401, 401, 429]
