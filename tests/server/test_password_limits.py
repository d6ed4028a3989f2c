"""Limits on failed logins and registrations."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from stellary.contract.errors import RateLimited
from stellary.core import Core
from stellary.core.http import password_limits
from stellary.core.http.password_limits import PasswordLimits
from stellary.core.http.throttle import Caller
from tests.server.running import Running, running
from tests.support.core_parts import NO_LIMITS, Limits, login_attempts, parse_limit
from tests.support.server_parts import Settings
from tests.support.tables import count_rows
from tests.support.tables import login_attempts as table

HERE, THERE = Caller("1.1.1.1"), Caller("2.2.2.2")
OFF = {"logins": None, "logins_per_account": None, "logins_per_address": None, "registrations": None}
PER_PAIR = Limits(**OFF | {"logins": parse_limit("3 per 15 minutes")})
PER_ACCOUNT = Limits(**OFF | {"logins_per_account": parse_limit("3 per hour")})
PER_ADDRESS = Limits(**OFF | {"logins_per_address": parse_limit("3 per 15 minutes")})


@pytest.fixture
def limits(core, clock):
    """Return a function that makes the limits of one process; each call simulates a start of the server."""
    return lambda limits: PasswordLimits(limits, core.login_attempts)


def body(email: str = "ann@example.com") -> bytes:
    return orjson.dumps({"email": email, "password": "wrong"})


def attempt(
    limits: PasswordLimits,
    caller: Caller,
    email: str = "ann@example.com",
    status: int = 401,
    operation: str = "auth.login",
    times: int = 1,
) -> None:
    for _ in range(times):
        attempt_in_progress = limits.attempt(operation, caller, body(email))
        attempt_in_progress.refuse_early()
        attempt_in_progress.admit()
        attempt_in_progress.record(status)


def assert_refused(
    limits: PasswordLimits, caller: Caller, *email: str, operation: str = "auth.login"
) -> None:
    with pytest.raises(RateLimited):
        attempt(limits, caller, *email, operation=operation)


def test_failed_logins_of_an_account_from_an_address_are_limited(limits):
    process_limits = limits(PER_PAIR)
    attempt(process_limits, HERE, times=3)
    with pytest.raises(RateLimited) as raised:
        attempt(process_limits, HERE, "  ANN@example.com ")
    assert raised.value.retry_after == 900
    assert raised.value.message == "too many failed logins; try again in 900 seconds"
    assert raised.value.headers == {
        "x-ratelimit-limit": "3",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "1775045700",
    }
    attempt(process_limits, HERE, "bob@example.com")
    attempt(process_limits, THERE)


Step = Callable[[PasswordLimits, Any], None]


def fail(caller: Caller, *email: str, **options: Any) -> Step:
    return lambda limits, clock: attempt(limits, caller, *email, **options)


def accept(caller: Caller, *email: str, **options: Any) -> Step:
    return fail(caller, *email, **{"status": 201, **options})


def refuse(caller: Caller, *email: str, **options: str) -> Step:
    return lambda limits, clock: assert_refused(limits, caller, *email, **options)


def wait(**time: int) -> Step:
    return lambda limits, clock: clock.shift(timedelta(**time))


ATTACKED = [fail(Caller(f"3.3.3.{number}")) for number in range(3)]
THIEF, OWNER = (Caller("1.1.1.1", f"Bearer {token}") for token in ("stolen", "own"))
CHANGE = {"operation": "auth.change_password"}
SCENES: dict[str, tuple[Limits, list[Step]]] = {
    "an attack from elsewhere locks no address that was used before": (
        PER_ACCOUNT,
        [accept(HERE), *ATTACKED, refuse(THERE), *[fail(HERE), accept(HERE)] * 10],
    ),
    "an attack locks no address from which the account was registered": (
        PER_ACCOUNT,
        [accept(HERE, operation="auth.register"), *ATTACKED, accept(HERE)],
    ),
    "failures from a known address do not lock others": (
        PER_ACCOUNT,
        [accept(HERE), fail(HERE, times=10), accept(THERE)],
    ),
    "a known address is limited by itself": (
        PER_PAIR,
        [accept(HERE), fail(HERE, times=3), refuse(HERE)],
    ),
    "an address known to one account is unknown to another": (
        PER_ACCOUNT,
        [accept(HERE, "bob@example.com"), *ATTACKED, refuse(HERE)],
    ),
    "an address is known for ninety days after its last login": (
        PER_ACCOUNT,
        [
            *[accept(HERE), wait(days=89)] * 2,
            *[fail(THERE, times=3), fail(HERE), wait(days=2), fail(THERE, times=3), refuse(HERE)],
        ],
    ),
    "the lock of an account ends": (PER_PAIR, [fail(HERE, times=3), refuse(HERE), wait(minutes=15)] * 4),
    "refused attempts do not prolong the lock": (
        PER_PAIR,
        [fail(HERE, times=3), *[wait(minutes=1), refuse(HERE)] * 14, wait(minutes=1), fail(HERE)],
    ),
    "a login that succeeds clears the failures of account and address": (
        PER_PAIR,
        [fail(HERE, times=2), accept(HERE)] * 3,
    ),
    "failed logins of an address are limited across accounts": (
        PER_ADDRESS,
        [*(fail(HERE, f"{n}@example.com") for n in range(3)), fail(THERE), refuse(HERE, "3@example.com")],
    ),
    "a login that succeeds does not clear its address": (
        PER_ADDRESS,
        [*[fail(HERE), accept(THERE)] * 3, refuse(HERE)],
    ),
    "a password is not guessed by changing it": (
        PER_PAIR,
        [fail(THIEF, status=400, times=3, **CHANGE), refuse(THIEF, **CHANGE), fail(OWNER, **CHANGE)],
    ),
    "a password that was changed clears its failures": (
        PER_PAIR,
        [fail(OWNER, status=400, times=2, **CHANGE), accept(OWNER, status=200, **CHANGE)] * 2,
    ),
}


@pytest.mark.parametrize("scene", SCENES)
def test_failures_are_counted_by_account_and_address(limits, clock, scene):
    amounts, steps = SCENES[scene]
    process_limits = limits(amounts)
    for step in steps:
        step(process_limits, clock)


def test_counts_and_known_addresses_survive_a_restart(limits, database_url):
    before = limits(PER_ACCOUNT)
    attempt(before, HERE, status=201)
    attempt(before, THERE, times=3)
    other = Core(database_url, bcrypt_rounds=4)
    after = PasswordLimits(PER_ACCOUNT, other.login_attempts)
    assert_refused(after, THERE)
    attempt(after, HERE, status=201)
    other.close()


def test_only_the_latest_addresses_of_an_account_are_known(limits, clock, monkeypatch):
    monkeypatch.setattr(login_attempts, "KNOWN_MAX", 20)
    process_limits = limits(PER_ACCOUNT)
    for number in range(21):
        clock.shift(timedelta(seconds=1))
        attempt(process_limits, Caller(f"1.1.1.{number}"), status=201)
    attempt(process_limits, THERE, times=3)
    attempt(process_limits, Caller("1.1.1.1"))
    assert_refused(process_limits, Caller("1.1.1.0"))


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"email": 5}', b"[" * 10_000, b"\xff"])
def test_login_without_an_email_counts_for_the_client_address(limits, core, data):
    process_limits = limits(PER_ADDRESS)
    for _ in range(3):
        tried = process_limits.attempt("auth.login", HERE, data)
        tried.admit()
        tried.record(400)
    with pytest.raises(RateLimited):
        process_limits.attempt("auth.login", HERE, b"").admit()
    assert count_rows(core, table) == 1


@pytest.mark.parametrize("code", ["code_required", "wrong_code", "too_many_codes"])
def test_code_after_a_right_password_is_no_failed_login(limits, core, code):
    attempt_in_progress = limits(Limits()).attempt("auth.login", HERE, body())
    attempt_in_progress.admit()
    attempt_in_progress.record(401, code)
    assert count_rows(core, table) == 0


def test_conflict_after_a_right_password_is_no_failure(limits, core):
    process_limits = limits(Limits())
    owner = Caller("1.1.1.1", "Bearer own")
    for operation in ("auth.delete_account", "auth.enroll_second_factor"):
        attempt(process_limits, owner, status=409, operation=operation)
    assert count_rows(core, table) == 0


def test_registrations_and_duplicate_registrations_are_limited(limits):
    process_limits = limits(Limits(**OFF | {"registrations": parse_limit("3/hour")}))
    for status in (201, 409, 400, 400, 201):
        attempt(process_limits, HERE, status=status, operation="auth.register")
    with pytest.raises(RateLimited, match="too many accounts"):
        attempt(process_limits, HERE, operation="auth.register")
    attempt(process_limits, THERE, operation="auth.register")


def test_without_limits_nothing_is_counted(limits, core):
    process_limits = limits(NO_LIMITS)
    for status in (401, 201) * 50:
        attempt(process_limits, HERE, status=status)
        attempt(process_limits, HERE, status=status, operation="auth.register")
    assert count_rows(core, table) == 0


def test_login_from_a_known_address_writes_nothing(limits, core, monkeypatch):
    process_limits = limits(Limits())
    attempt(process_limits, HERE, status=201)
    monkeypatch.setattr(core.database, "writing", None)
    attempt(process_limits, HERE, status=201)


def test_refusal_is_repeated_without_the_database(limits, core, monkeypatch):
    process_limits = limits(PER_PAIR)
    attempt(process_limits, HERE, times=3)
    assert_refused(process_limits, HERE)
    monkeypatch.setattr(core.database, "reading", None)
    assert_refused(process_limits, HERE)


def test_cache_of_refusals_is_bounded(limits, monkeypatch):
    monkeypatch.setattr(password_limits, "REFUSALS_MAX", 2)
    process_limits = limits(PER_PAIR)
    for number in range(3):
        caller = Caller(f"1.1.1.{number}")
        for _ in range(3):
            attempt(process_limits, caller)
        assert_refused(process_limits, caller)
    # The first one is no longer remembered, and is refused by the database.
    process_limits.attempt("auth.login", Caller("1.1.1.0"), body()).refuse_early()
    assert_refused(process_limits, Caller("1.1.1.0"))


def test_sweep_deletes_expired_rows(limits, core, clock):
    process_limits = limits(Limits())
    attempt(process_limits, HERE, status=201)
    attempt(process_limits, THERE)
    for number in range(20):
        attempt(process_limits, Caller("4.4.4.4"), f"{number}@example.com")
    core.sweep()
    assert count_rows(core, table) > 1
    clock.shift(timedelta(hours=1))
    core.sweep()
    # Only the address from which ann has logged in remains.
    assert count_rows(core, table) == 1
    clock.shift(timedelta(days=90))
    core.sweep()
    assert count_rows(core, table) == 0


def test_concurrent_failures_are_all_counted(limits, core):
    process_limits = limits(
        Limits(**OFF | {"logins": parse_limit("40/hour"), "logins_per_address": parse_limit("40/hour")})
    )
    tries = [process_limits.attempt("auth.login", HERE, body()) for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda tried: tried.record(401), tries))
    assert_refused(process_limits, HERE)


def test_database_holds_no_address(limits, core):
    process_limits = limits(Limits())
    attempt(process_limits, HERE)
    attempt(process_limits, HERE, status=201)
    with core.database.reading() as connection:
        rows = str(connection.execute(select(table)).fetchall())
    assert "ann" not in rows
    assert "1.1.1.1" not in rows


# ------------------------------------------------------------------------------------------ as the server does it


@pytest.fixture
def limited_server(core: Core):
    """Yield a server with low limits, behind a trusted proxy."""
    from ipaddress import ip_network

    limits = Limits(
        logins=parse_limit("2/hour"),
        logins_per_account=parse_limit("4/hour"),
        registrations=parse_limit("2/hour"),
    )
    with running(core, Settings(limits=limits, trusted_proxies=(ip_network("127.0.0.1"),))) as server:
        yield server


WRONG = {"email": "ann@example.com", "password": "wrong"}
RIGHT = {"email": "ann@example.com", "password": "correct horse"}


def log_in(server: Running, credentials: dict[str, str], client: str) -> int:
    return server.ask("POST", "/auth/login", credentials, x_forwarded_for=client).status


def test_right_password_works_from_a_known_address_during_an_attack(limited_server: Running):
    limited_server.register("ann", "correct horse")
    assert log_in(limited_server, RIGHT, "5.5.5.5") == 201
    assert [log_in(limited_server, WRONG, f"6.6.6.{number}") for number in range(6)] == [401] * 4 + [429] * 2
    assert log_in(limited_server, RIGHT, "5.5.5.5") == 201
    # An address that was never used waits.
    assert log_in(limited_server, RIGHT, "7.7.7.7") == 429


def test_unknown_account_is_refused_like_a_known_one(limited_server: Running):
    limited_server.register("ann", "correct horse")
    for email in ("ann@example.com", "nobody@example.com"):
        statuses = [log_in(limited_server, {**WRONG, "email": email}, "6.6.6.6") for _ in range(3)]
        assert statuses == [401, 401, 429]


def test_refusal_has_rate_limit_headers(limited_server: Running):
    limited_server.register("ann", "correct horse")
    assert [limited_server.ask("POST", "/auth/login", WRONG).status for _ in range(3)] == [401, 401, 429]
    refused = limited_server.ask("POST", "/auth/login", RIGHT)
    assert refused.json["code"] == "rate_limited"
    assert 3590 <= int(refused.headers["retry-after"]) <= 3600
    assert refused.headers["x-ratelimit-limit"] == "2"
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert int(refused.headers["x-ratelimit-reset"]) > 0


def test_concurrent_attempts_do_not_exceed_the_limit(limited_server: Running):
    limited_server.register("ann", "correct horse")
    with ThreadPoolExecutor(20) as pool:
        statuses = list(
            pool.map(lambda _: limited_server.ask("POST", "/auth/login", WRONG).status, range(20))
        )
    # Two threads hash: each may have started one attempt before the last counted one ended.
    assert 2 <= statuses.count(401) <= 3
    assert statuses.count(429) == 20 - statuses.count(401)


def test_registrations_are_limited(limited_server: Running):
    limited_server.register("ann")
    limited_server.register("bob")
    account = {"email": "eve@example.com", "password": "correct horse"}
    assert limited_server.ask("POST", "/auth/register", account).status == 429
