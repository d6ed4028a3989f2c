"""Second factors: enrolled, asked for at logins, used once, disabled and removed."""

from datetime import timedelta
from functools import partial

import orjson
import pytest
from sqlalchemy import select

from stellary.core import NOBODY
from stellary.core.accounts.second_factors import RECOVERY_CODES, remove_second_factor
from tests.support import tables
from tests.support.authenticator import enroll, show_code
from tests.support.core_parts import Signer
from tests.support.world import PASSWORD, at_once, outcome

ANN = "ann@example.com"
PATH = "/auth/second-factor"
STEP = timedelta(seconds=30)
NONE = {"enabled": False, "enabledAt": None, "recoveryCodes": 0}


def log_in(world, code=None, password=PASSWORD, email=ANN):
    body = {"email": email, "password": password} | ({} if code is None else {"code": code})
    return world.call(None, "POST", "/auth/login", body, x_request_id="the-same")


def disable(world, who, code, password=PASSWORD):
    return world.call(who, "POST", f"{PATH}/disable", {"currentPassword": password, "code": code})


def test_secret_does_not_count_until_it_is_confirmed(world, ann):
    response = world.ask(ann, "POST", PATH, {"currentPassword": PASSWORD})
    assert response["uri"].startswith(
        f"otpauth://totp/Stellary:ann%40example.com?secret={response['secret']}&"
    )
    assert world.ask(ann, "GET", PATH) == NONE
    assert log_in(world).status == 201


def test_confirmed_secret_is_asked_for_at_each_login(world, ann, clock):
    secret, codes = enroll(world, ann)
    assert len(set(codes)) == RECOVERY_CODES
    enabled_at = clock.now.isoformat().replace("+00:00", "Z")
    expected = {"enabled": True, "enabledAt": enabled_at, "recoveryCodes": RECOVERY_CODES}
    assert world.ask(ann, "GET", PATH) == expected
    clock.advance(STEP)
    assert outcome(log_in(world)) == (401, "code_required")
    assert outcome(log_in(world, "000000")) == (401, "wrong_code")
    assert log_in(world, show_code(secret, clock.now)).status == 201


def test_stored_secret_is_encrypted_with_the_key_of_the_server(world, ann, clock):
    def use_keys(key, *former):
        world.core.env.signer = Signer(key, timedelta(days=7), former)
        clock.advance(STEP)

    def read_stored():
        with world.core.view(NOBODY) as uow:
            return uow.connection.execute(select(tables.second_factors.c.secret)).scalar_one()

    secret, recovery_codes = enroll(world, ann)
    assert read_stored() == secret  # the core has a random key, which later processes lack
    for keys in (("a" * 32,), ("b" * 32, "c" * 32, "a" * 32), ("b" * 32,)):
        use_keys(*keys)
        assert log_in(world, show_code(secret, clock.now)).status == 201
        assert secret not in read_stored()
    use_keys("d" * 32)
    assert outcome(log_in(world, show_code(secret, clock.now))) == (401, "wrong_code")
    assert log_in(world, recovery_codes[0]).status == 201
    assert disable(world, world.bearer(ann), recovery_codes[1]).status == 200
    again = world.ask(world.bearer(ann), "POST", PATH, {"currentPassword": PASSWORD})["secret"]
    assert again not in read_stored()


def test_wrong_code_confirms_nothing(world, ann):
    world.ask(ann, "POST", PATH, {"currentPassword": PASSWORD})
    response = world.call(ann, "POST", f"{PATH}/confirm", {"code": "000000"})
    assert response.status == 400
    expected = [{"field": "code", "message": "is not the code that the app shows"}]
    assert orjson.loads(response.body)["details"] == expected
    assert world.ask(ann, "GET", PATH) == NONE


def test_new_secret_replaces_one_that_was_not_confirmed(world, ann, clock):
    first, second = (world.ask(ann, "POST", PATH, {"currentPassword": PASSWORD})["secret"] for _ in range(2))
    statuses = [
        world.status(ann, "POST", f"{PATH}/confirm", {"code": show_code(secret, clock.now)})
        for secret in (first, second)
    ]
    assert statuses == [400, 200]


def test_enabled_factor_is_not_replaced(world, ann, clock):
    secret, _ = enroll(world, ann)
    clock.advance(STEP)
    again = world.call(ann, "POST", PATH, {"currentPassword": PASSWORD})
    assert outcome(again) == (409, "second_factor_enabled")
    confirmed = world.call(ann, "POST", f"{PATH}/confirm", {"code": show_code(secret, clock.now)})
    assert outcome(confirmed) == (409, "second_factor_enabled")


def test_secret_needs_the_password(world, ann):
    response = world.call(ann, "POST", PATH, {"currentPassword": "wrong password"})
    assert response.status == 400
    assert "currentPassword" in response.body.decode()


def test_nothing_is_confirmed_or_disabled_without_a_secret(world, ann):
    expected = (409, "no_second_factor")
    assert outcome(world.call(ann, "POST", f"{PATH}/confirm", {"code": "123456"})) == expected
    assert outcome(disable(world, ann, "123456")) == (409, "no_second_factor")


def test_login_reveals_no_factor_before_the_password_is_right(world, ann, clock):
    world.person("bob")
    secret, _ = enroll(world, ann)
    clock.advance(STEP)
    bodies = {
        log_in(world, code, "wrong password", email).body
        for email in (ANN, "bob@example.com", "nobody@example.com")
        for code in (None, "000000", show_code(secret, clock.now))
    }
    assert len(bodies) == 1
    # A wrong password uses no code.
    assert log_in(world, show_code(secret, clock.now)).status == 201


def test_code_is_ignored_without_a_factor(world, ann):
    assert log_in(world, "000000").status == 201


def test_code_is_accepted_once(world, ann, clock):
    secret, _ = enroll(world, ann)
    # The code that has confirmed the secret is used as well.
    assert outcome(log_in(world, show_code(secret, clock.now))) == (401, "wrong_code")
    clock.advance(STEP)
    code = show_code(secret, clock.now)
    assert [log_in(world, code).status for _ in range(2)] == [201, 401]
    # An earlier code of the window is not accepted after a later one.
    clock.advance(STEP)
    assert log_in(world, show_code(secret, clock.now, steps=1)).status == 201
    assert log_in(world, show_code(secret, clock.now)).status == 401


def test_concurrent_logins_with_one_code_have_one_winner(world, ann, clock):
    secret, codes = enroll(world, ann)
    for recovery_code in codes[:3]:
        clock.advance(STEP)
        for code in (show_code(secret, clock.now), recovery_code):
            statuses = at_once(*[lambda code=code: log_in(world, code).status] * 4)
            assert sorted(statuses) == [201, 401, 401, 401]


def test_recovery_code_replaces_a_code_once(world, ann):
    _, codes = enroll(world, ann)
    assert [log_in(world, codes[0]).status for _ in range(2)] == [201, 401]
    # Typed without dashes, in capitals.
    assert log_in(world, codes[1].replace("-", "").upper()).status == 201
    assert world.ask(ann, "GET", PATH)["recoveryCodes"] == RECOVERY_CODES - 2


def test_recovery_code_of_another_account_is_refused(world, ann):
    _, codes = enroll(world, world.person("bob"))
    enroll(world, ann)
    assert outcome(log_in(world, codes[0])) == (401, "wrong_code")


def test_recovery_codes_are_not_stored(world, ann):
    _, codes = enroll(world, ann)
    with world.core.view(NOBODY) as uow:
        stored = uow.connection.execute(select(tables.recovery_codes.c.code_digest)).scalars().all()
    assert len(stored) == RECOVERY_CODES
    assert not {code.replace("-", "") for code in codes} & set(stored)


@pytest.mark.parametrize("with_recovery_code", [False, True])
def test_factor_is_disabled_with_the_password_and_a_code(world, ann, clock, with_recovery_code):
    secret, codes = enroll(world, ann)
    clock.advance(STEP)
    code = codes[0] if with_recovery_code else show_code(secret, clock.now)
    assert disable(world, ann, code, "wrong password").status == 400
    assert disable(world, ann, "000000").status == 400
    assert log_in(world).status == 401
    assert disable(world, ann, code).status == 200
    assert world.ask(ann, "GET", PATH) == NONE
    assert log_in(world).status == 201
    assert count_rows(world) == 0


def test_concurrent_confirmations_return_one_list_of_codes(world, ann, clock):
    secret = world.ask(ann, "POST", PATH, {"currentPassword": PASSWORD})["secret"]
    body = {"code": show_code(secret, clock.now)}
    statuses = at_once(*[partial(world.status, ann, "POST", f"{PATH}/confirm", body)] * 4)
    assert sorted(statuses) == [200, 409, 409, 409]
    assert world.ask(ann, "GET", PATH)["recoveryCodes"] == RECOVERY_CODES


def test_password_reset_keeps_the_factor(world, ann, clock):
    secret, _ = enroll(world, ann)
    world.reset_password(ANN, "a new password")
    clock.advance(STEP)
    assert outcome(log_in(world, password="a new password")) == (401, "code_required")
    assert log_in(world, show_code(secret, clock.now), "a new password").status == 201


def test_owner_of_an_address_is_not_locked_out_by_a_factor_of_someone_else(world, clock):
    world.core.env.verify_email = True
    body = {"email": ANN, "password": PASSWORD}
    enroll(world, world.ask(None, "POST", "/auth/register", body)["access_token"])
    world.reset_password(ANN, "a new password")
    clock.advance(STEP)
    assert log_in(world, password="a new password").status == 201
    assert count_rows(world) == 0


def test_api_tokens_need_no_code(world, ann):
    token = world.api_token(ann)
    enroll(world, ann)
    assert world.status(token, "GET", "/auth/me") == 200
    for method, path in (("GET", PATH), ("POST", PATH)):
        body = None if method == "GET" else {"currentPassword": PASSWORD}
        assert outcome(world.call(token, method, path, body)) == (403, "login_required")


def test_deleted_account_leaves_no_factor(world, ann):
    enroll(world, ann)
    assert world.status(ann, "POST", "/auth/delete-account", {"currentPassword": PASSWORD}) == 200
    assert count_rows(world) == 0


def test_operator_removes_a_factor(world, ann):
    enroll(world, ann)
    remove = partial(world.core.run, NOBODY, lambda uow: remove_second_factor(uow, "ANN@example.com"))
    assert [remove(), remove()] == [True, False]
    assert log_in(world).status == 201
    assert count_rows(world) == 0
    assert world.core.run(NOBODY, lambda uow: remove_second_factor(uow, "nobody@example.com")) is None


def count_rows(world):
    return sum(
        tables.count_rows(world.core, table) for table in (tables.second_factors, tables.recovery_codes)
    )
