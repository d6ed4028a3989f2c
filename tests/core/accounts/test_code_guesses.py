"""Guesses of codes: their own limit, which concurrent guesses keep and recovery codes are exempt from."""

from datetime import timedelta
from functools import partial

import pytest

from stellary.contract.errors import RateLimited
from stellary.core import NOBODY
from stellary.core.accounts.one_time_codes import GUESSES_MAX, WINDOW, is_guess
from stellary.core.accounts.second_factors import PendingLogin, finish_login, remove_second_factor
from tests.support.authenticator import enroll, show_code
from tests.support.world import PASSWORD, at_once, outcome

ANN = "ann@example.com"
PATH = "/auth/second-factor"
STEP = timedelta(seconds=30)


def log_in(world, code, password=PASSWORD):
    body = {"email": ANN, "password": password, "code": code}
    return outcome(world.call(None, "POST", "/auth/login", body))


def choose_wrong_code(secret, now):
    """Return six digits that are no code of this time."""
    codes = {show_code(secret, now, steps) for steps in (-1, 0, 1)}
    return next(f"{number:06}" for number in range(4) if f"{number:06}" not in codes)


@pytest.fixture
def factor(world, ann, clock):
    """Return the secret and the recovery codes of ann."""
    secret, codes = enroll(world, ann)
    clock.advance(STEP)
    return secret, codes


@pytest.fixture
def wrong(factor, clock):
    return choose_wrong_code(factor[0], clock.now)


def use_up(world, wrong):
    assert [log_in(world, wrong) for _ in range(GUESSES_MAX)] == [(401, "wrong_code")] * GUESSES_MAX


def test_right_code_is_refused_after_ten_wrong_ones(world, factor, clock, wrong):
    use_up(world, wrong)
    body = {"email": ANN, "password": PASSWORD, "code": show_code(factor[0], clock.now)}
    response = world.call(None, "POST", "/auth/login", body)
    assert outcome(response) == (429, "too_many_codes")
    assert response.headers["retry-after"] == str(24 * 3600)
    clock.advance(WINDOW)
    assert log_in(world, show_code(factor[0], clock.now))[0] == 201


def test_recovery_code_lets_a_user_in_whose_guesses_are_used_up(world, factor, wrong):
    use_up(world, wrong)
    assert log_in(world, factor[1][0])[0] == 201
    assert log_in(world, factor[1][0]) == (401, "wrong_code")


def test_right_code_ends_the_window(world, factor, clock, wrong):
    for _ in range(3):
        assert [log_in(world, wrong)[0] for _ in range(GUESSES_MAX - 1)] == [401] * (GUESSES_MAX - 1)
        assert log_in(world, show_code(factor[0], clock.now))[0] == 201
        clock.advance(STEP)


def test_all_ways_to_try_a_code_share_the_limit(world, ann, factor, wrong):
    login = PendingLogin(ann.id, ANN, 0)
    disabling = {"currentPassword": PASSWORD, "code": wrong}
    for _ in range(GUESSES_MAX // 2):
        assert world.status(ann, "POST", f"{PATH}/disable", disabling) == 400
        assert log_in(world, wrong) == (401, "wrong_code")
    assert outcome(world.call(ann, "POST", f"{PATH}/disable", disabling)) == (429, "too_many_codes")
    with pytest.raises(RateLimited):
        finish_login(world.core.units, login, wrong, "Browser")
    assert world.ask(ann, "GET", PATH)["enabled"]


def test_code_that_confirms_a_secret_is_limited(world, ann, clock):
    secret = world.ask(ann, "POST", PATH, {"currentPassword": PASSWORD})["secret"]
    body = {"code": choose_wrong_code(secret, clock.now)}
    statuses = [world.status(ann, "POST", f"{PATH}/confirm", body) for _ in range(GUESSES_MAX + 1)]
    assert statuses == [400] * GUESSES_MAX + [429]
    assert not world.ask(ann, "GET", PATH)["enabled"]


def test_wrong_password_is_no_guess(world, factor, clock, wrong):
    for _ in range(GUESSES_MAX + 1):
        assert log_in(world, wrong, "wrong password") == (401, "bad_credentials")
    assert log_in(world, show_code(factor[0], clock.now))[0] == 201


def test_new_password_does_not_renew_the_guesses(world, factor, clock, wrong):
    use_up(world, wrong)
    world.reset_password(ANN, "a new password")
    assert log_in(world, show_code(factor[0], clock.now), "a new password") == (429, "too_many_codes")


def test_removed_factor_renews_the_guesses(world, ann, factor, clock, wrong):
    use_up(world, wrong)
    world.core.run(NOBODY, lambda uow: remove_second_factor(uow, ANN))
    secret, _ = enroll(world, ann)
    clock.advance(STEP)
    assert log_in(world, show_code(secret, clock.now))[0] == 201


def test_guesses_of_one_account_are_not_those_of_another(world, factor, clock, wrong, bob):
    secret, _ = enroll(world, bob)
    use_up(world, wrong)
    clock.advance(STEP)
    body = {"email": bob.email, "password": PASSWORD, "code": show_code(secret, clock.now)}
    assert world.status(None, "POST", "/auth/login", body) == 201


@pytest.mark.race
def test_concurrent_guesses_keep_the_limit(world, factor, wrong):
    outcomes = at_once(*[partial(log_in, world, wrong)] * (GUESSES_MAX + 4))
    assert outcomes.count((401, "wrong_code")) == GUESSES_MAX
    assert outcomes.count((429, "too_many_codes")) == 4


def test_only_six_digits_are_a_guess():
    assert [is_guess(code) for code in ("123456", "123 456", " 123456 ")] == [True] * 3
    assert not any(map(is_guess, ("12345", "1234567", "abcd-efgh-jkmn-pqrs", "", "١٢٣٤٥٦")))
