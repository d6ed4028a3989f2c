"""Limits on failed logins and registrations."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

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


def attack(limits: PasswordLimits) -> None:
    """Fail to log in from three addresses."""
    for number in range(3):
        attempt(limits, Caller(f"3.3.3.{number}"))


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


def test_attack_from_elsewhere_locks_no_address_that_was_used_before(limits):
    process_limits = limits(PER_ACCOUNT)
    attempt(process_limits, HERE, status=201)
    attack(process_limits)
    assert_refused(process_limits, THERE)
    for _ in range(10):
        attempt(process_limits, HERE)
        attempt(process_limits, HERE, status=201)


def test_attack_locks_no_address_from_which_the_account_was_registered(limits):
    process_limits = limits(PER_ACCOUNT)
    attempt(process_limits, HERE, status=201, operation="auth.register")
    attack(process_limits)
    attempt(process_limits, HERE, status=201)


def test_failures_from_a_known_address_do_not_lock_others(limits):
    process_limits = limits(PER_ACCOUNT)
    attempt(process_limits, HERE, status=201)
    attempt(process_limits, HERE, times=10)
    attempt(process_limits, THERE, status=201)


def test_known_address_is_limited_by_itself(limits):
    process_limits = limits(PER_PAIR)
    attempt(process_limits, HERE, status=201)
    attempt(process_limits, HERE, times=3)
    assert_refused(process_limits, HERE)


def test_address_known_to_one_account_is_unknown_to_another(limits):
    process_limits = limits(PER_ACCOUNT)
    attempt(process_limits, HERE, "bob@example.com", status=201)
    attack(process_limits)
    assert_refused(process_limits, HERE)


def test_counts_and_known_addresses_survive_a_restart(limits, database_url):
    before = limits(PER_ACCOUNT)
    attempt(before, HERE, status=201)
    attempt(before, THERE, times=3)
    other = Core(database_url, bcrypt_rounds=4)
    after = PasswordLimits(PER_ACCOUNT, other.login_attempts)
    assert_refused(after, THERE)
    attempt(after, HERE, status=201)
    other.close()


def test_address_is_known_for_ninety_days_after_its_last_login(limits, clock):
    process_limits = limits(PER_ACCOUNT)
    attempt(process_limits, HERE, status=201)
    clock.shift(timedelta(days=89))
    attempt(process_limits, HERE, status=201)
    clock.shift(timedelta(days=89))
    attempt(process_limits, THERE, times=3)
    attempt(process_limits, HERE)
    clock.shift(timedelta(days=2))
    attempt(process_limits, THERE, times=3)
    assert_refused(process_limits, HERE)


def test_only_the_latest_addresses_of_an_account_are_known(limits, clock, monkeypatch):
    monkeypatch.setattr(login_attempts, "KNOWN_MAX", 20)
    process_limits = limits(PER_ACCOUNT)
    for number in range(21):
        clock.shift(timedelta(seconds=1))
        attempt(process_limits, Caller(f"1.1.1.{number}"), status=201)
    attempt(process_limits, THERE, times=3)
    attempt(process_limits, Caller("1.1.1.1"))
    assert_refused(process_limits, Caller("1.1.1.0"))


def test_lock_of_an_account_ends(limits, clock):
    process_limits = limits(PER_PAIR)
    for _ in range(4):
        for _ in range(3):
            attempt(process_limits, HERE)
        assert_refused(process_limits, HERE)
        clock.shift(timedelta(minutes=15))


def test_refused_attempts_do_not_prolong_the_lock(limits, clock):
    process_limits = limits(PER_PAIR)
    attempt(process_limits, HERE, times=3)
    for _ in range(14):
        clock.shift(timedelta(minutes=1))
        assert_refused(process_limits, HERE)
    clock.shift(timedelta(minutes=1))
    attempt(process_limits, HERE)


def test_login_that_succeeds_clears_the_failures_of_account_and_address(limits):
    process_limits = limits(PER_PAIR)
    for _ in range(3):
        attempt(process_limits, HERE)
        attempt(process_limits, HERE)
        attempt(process_limits, HERE, status=201)


def test_failed_logins_of_an_address_are_limited_across_accounts(limits):
    process_limits = limits(PER_ADDRESS)
    for number in range(3):
        attempt(process_limits, HERE, f"{number}@example.com")
    attempt(process_limits, THERE)
    assert_refused(process_limits, HERE, "3@example.com")


def test_login_that_succeeds_does_not_clear_its_address(limits):
    process_limits = limits(PER_ADDRESS)
    for _ in range(3):
        attempt(process_limits, HERE)
        attempt(process_limits, THERE, status=201)
    assert_refused(process_limits, HERE)


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


def test_password_is_not_guessed_by_changing_it(limits):
    process_limits = limits(PER_PAIR)
    thief = Caller("1.1.1.1", "Bearer stolen")
    for _ in range(3):
        attempt(process_limits, thief, status=400, operation="auth.change_password")
    assert_refused(process_limits, thief, operation="auth.change_password")
    attempt(process_limits, Caller("1.1.1.1", "Bearer own"), operation="auth.change_password")


def test_password_that_was_changed_clears_its_failures(limits):
    process_limits = limits(PER_PAIR)
    for _ in range(2):
        for status in (400, 400, 200):
            attempt(
                process_limits,
                Caller("1.1.1.1", "Bearer own"),
                status=status,
                operation="auth.change_password",
            )


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

    def refuse():
        raise AssertionError("it writes")

    monkeypatch.setattr(core.database, "writing", refuse)
    attempt(process_limits, HERE, status=201)


def test_refusal_is_repeated_without_the_database(limits, core, monkeypatch):
    process_limits = limits(PER_PAIR)
    attempt(process_limits, HERE, times=3)
    assert_refused(process_limits, HERE)

    def refuse():
        raise AssertionError("it reads")

    monkeypatch.setattr(core.database, "reading", refuse)
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
