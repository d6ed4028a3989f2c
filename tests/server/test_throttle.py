"""Rate limits of tokens and requests."""

from datetime import timedelta

import attrs
import pytest

from stellary.contract.errors import RateLimited
from stellary.core import Core
from stellary.core.http import throttle
from stellary.core.http.throttle import Caller, Throttle, Windows
from tests.server.running import running
from tests.support.core_parts import NO_LIMITS, Limits, RateLimit, parse_limit
from tests.support.each_case import for_each
from tests.support.server_parts import Settings

HERE, THERE = Caller("1.1.1.1"), Caller("2.2.2.2")


@for_each(
    "text, limit",
    [
        ("20 per 15 minutes", RateLimit(20, 900)),
        ("100/hour", RateLimit(100, 3600)),
        (" 3/2Days ", RateLimit(3, 2 * 86400)),
        ("5 per second", RateLimit(5, 1)),
    ],
)
def test_limit_is_parsed(text, limit):
    assert parse_limit(text) == limit


@for_each("text", ["", "0/hour", "5 per 0 hours", "5 per fortnight", "5 hours", "1/hour;9/day"])
def test_invalid_limit_is_an_error(text):
    with pytest.raises(ValueError, match="must be a limit such as '20 per 15 minutes'"):
        parse_limit(text)


async def test_token_that_became_invalid_is_forgotten(clock):
    throttle = Throttle(Limits(bad_tokens=parse_limit("1/minute")))
    revoked = Caller("1.1.1.1", "Bearer revoked")
    await throttle.note_token(revoked, 200)
    await throttle.note_token(revoked, 401)
    with pytest.raises(RateLimited):
        throttle.admit_token(revoked)


async def test_cache_of_valid_tokens_is_bounded(monkeypatch, clock):
    monkeypatch.setattr(throttle, "GOOD_TOKENS_MAX", 2)
    held = Throttle(Limits(bad_tokens=parse_limit("1/minute")))
    for number in range(3):
        await held.note_token(Caller("1.1.1.1", f"Bearer {number}"), 200)
    await held.note_token(Caller("1.1.1.1", "Bearer bad"), 401)
    with pytest.raises(RateLimited):
        held.admit_token(Caller("1.1.1.1", "Bearer 0"))
    held.admit_token(Caller("1.1.1.1", "Bearer 2"))


async def test_requests_are_limited_per_token_or_address(clock):
    throttle = Throttle(Limits(requests=parse_limit("2/minute")))
    assert (await throttle.admit(HERE))["x-ratelimit-remaining"] == "1"
    assert (await throttle.admit(HERE))["x-ratelimit-remaining"] == "0"
    with pytest.raises(RateLimited, match="too many requests"):
        await throttle.admit(HERE)
    await throttle.admit(Caller("1.1.1.1", "Bearer a"))
    await throttle.admit(THERE)
    clock.shift(timedelta(minutes=1))
    await throttle.admit(HERE)


def test_windows_are_bounded(monkeypatch, clock):
    monkeypatch.setattr(throttle, "WINDOWS_MAX", 3)
    windows = Windows(parse_limit("5/minute"))
    for key in "abcd":
        windows.count(key)
    assert [windows.read(key)[0] for key in "abcd"] == [0, 1, 1, 1]


def test_window_ends_and_begins_again(clock):
    windows = Windows(parse_limit("5/minute"))
    _, ends_at = windows.count("a")
    clock.shift(timedelta(seconds=30))
    assert windows.count("a") == (2, ends_at)
    clock.shift(timedelta(seconds=30))
    assert windows.read("a")[0] == 0
    assert windows.count("a") == (1, ends_at + 60)


# ------------------------------------------------------------------------------------------ as the server does it


def test_address_from_a_trusted_proxy_is_counted(sqlite_core: Core):
    from ipaddress import ip_network

    limits = Limits(bad_tokens=parse_limit("1/hour"))
    with running(sqlite_core, Settings(limits=limits, trusted_proxies=(ip_network("127.0.0.1"),))) as server:
        statuses = [
            server.ask("GET", "/auth/me", token=f"bad{number}", x_forwarded_for=client).status
            for number, client in enumerate(["1.1.1.1", "2.2.2.2", "1.1.1.1"])
        ]
        assert [entry.client for entry in server.entries] == ["1.1.1.1", "2.2.2.2", "1.1.1.1"]
    assert statuses == [401, 401, 429]


def test_valid_token_works_from_an_address_with_many_bad_ones(core: Core):
    limits = attrs.evolve(NO_LIMITS, bad_tokens=parse_limit("2/hour"))
    with running(core, Settings(limits=limits, jobs=False)) as server:
        tokens = [server.register(name) for name in ("ann", "bob")]
        statuses = [server.ask("GET", "/auth/me", token=f"bad{n}").status for n in range(4)]
        assert statuses == [401, 401, 429, 429]
        assert server.ask("GET", "/auth/me").status == 401
        # Neither has been used before.
        assert [server.ask("GET", "/auth/me", token=token).status for token in tokens] == [200, 200]
        body = {"name": "Acme", "slug": "acme"}
        assert server.ask("POST", "/organizations", body, token=tokens[0]).status == 201
        assert server.ask("GET", "/auth/me", token="bad5").status == 429
        assert server.ask("GET", "/auth/me", token=tokens[1] + "x").status == 429
