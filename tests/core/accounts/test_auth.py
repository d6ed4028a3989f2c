"""Registration, login and the caller's own profile."""

import time
import unicodedata
from datetime import timedelta

import orjson
import pytest
from sqlalchemy import select, update

from stellary.core import NOBODY
from stellary.core.accounts.passwords import hash_password, rounds_of
from tests.support import tables
from tests.support.world import PASSWORD, outcome

ANN = {"email": "ann@example.com", "password": "long enough"}


def register(world, **more):
    return world.ask(None, "POST", "/auth/register", {**ANN, **more})


def login(world, email="ann@example.com", password=PASSWORD):
    return world.call(None, "POST", "/auth/login", {"email": email, "password": password})


def test_registering_logs_in(world):
    account = register(world, name="Ann Lee")
    assert account["user"]["name"] == "Ann Lee"
    assert world.ask(account["access_token"], "GET", "/auth/me")["user"] == account["user"]


def test_registering_makes_a_home(world):
    account = register(world, name="Ann Lee")
    (organization,) = world.ask(account["access_token"], "GET", "/organizations")
    assert (organization["slug"], organization["myRole"]) == ("ann-lee", "owner")
    (workspace,) = world.ask(account["access_token"], "GET", "/orgs/ann-lee/workspaces")
    assert workspace["isPersonal"]
    assert workspace == workspace | {"slug": "ann-lee", "myRole": "admin", "myPilotageRole": "owner"}


def test_name_defaults_to_the_local_part_of_the_address(world):
    assert register(world)["user"]["name"] == "ann"


def test_users_with_the_same_name_get_different_slugs(world):
    slugs = set()
    for number in range(3):
        account = register(world, email=f"ann{number}@example.com", name="Ann")
        slugs.add(world.ask(account["access_token"], "GET", "/organizations")[0]["slug"])
    assert len(slugs) == 3
    assert all(slug == "ann" or slug.startswith("ann-") for slug in slugs)


@pytest.mark.parametrize("name", ["陳", "x" * 100, "🦉", "A"])
def test_any_name_gets_a_home(world, name):
    assert len(world.ask(register(world, name=name)["access_token"], "GET", "/organizations")) == 1


@pytest.mark.parametrize("email", ["ann@example.com", "ANN@EXAMPLE.COM"])
def test_duplicate_address_is_rejected(world, email):
    register(world)
    answer = world.call(None, "POST", "/auth/register", {**ANN, "email": email})
    assert outcome(answer) == (409, "duplicate_email")


def test_a_long_address_of_letters_that_fold_into_more_is_taken(world):
    account = register(world, email="ß" * 32 + "@" + "ß" * 20 + ".example.com")
    assert world.ask(account["access_token"], "GET", "/auth/me")["user"] == account["user"]


def test_login_takes_the_address_in_any_case_of_ascii_and_any_encoding(world):
    register(world, email="zoë@example.com")
    for email in ("zoë@example.com", "ZOë@Example.com", unicodedata.normalize("NFD", "zoë@example.com")):
        assert login(world, email, "long enough").status == 201


def test_a_wrong_password_and_an_unknown_address_read_alike(world):
    world.person("ann")
    wrong, unknown = login(world, password="wrong password"), login(world, "nobody@example.com")
    assert wrong.status == 401
    assert orjson.loads(wrong.body) | {"requestId": ""} == orjson.loads(unknown.body) | {"requestId": ""}


def test_login_answers_as_registering_does(world):
    account = register(world)
    assert orjson.loads(login(world, password="long enough").body)["user"] == account["user"]


def test_a_login_ends_after_a_week(world, clock):
    token = world.bearer(world.person("ann"))
    clock.advance(timedelta(days=7, seconds=-1))
    assert world.status(token, "GET", "/auth/me") == 200
    clock.advance(timedelta(seconds=1))
    assert world.status(token, "GET", "/auth/me") == 401


# ---------------------------------------------------------------------------------------------- passwords


def change(world, who, current=PASSWORD, new="a new password"):
    return world.call(who, "POST", "/auth/change-password", {"currentPassword": current, "newPassword": new})


def test_password_change_ends_all_earlier_logins(world):
    world.stop_clock()
    before = world.bearer(world.person("ann"))
    changed = change(world, before)
    assert changed.status == 200
    assert world.status(before, "GET", "/auth/me") == 401
    assert world.status(orjson.loads(changed.body)["access_token"], "GET", "/auth/me") == 200


def test_only_the_new_password_logs_in(world):
    assert change(world, world.person("ann")).status == 200
    assert login(world).status == 401
    assert login(world, password="a new password").status == 201


def test_password_change_requires_the_current_password(world):
    answer = change(world, world.person("ann"), current="wrong password")
    assert (answer.status, orjson.loads(answer.body)["details"][0]["field"]) == (400, "currentPassword")
    assert login(world).status == 201


def test_ended_login_cannot_try_out_current_passwords(world):
    ended = world.bearer(world.person("ann"))
    assert change(world, ended).status == 200
    answers = [change(world, ended, current=text) for text in ("a new password", "wrong password")]
    assert [answer.status for answer in answers] == [401, 401]


def test_a_new_password_keeps_the_rules(world):
    answer = change(world, world.person("ann"), new="1234567")
    assert (answer.status, orjson.loads(answer.body)["details"][0]["field"]) == (400, "newPassword")


@pytest.mark.parametrize("password", ["password", "PassWord", "12345678", "iloveyou1", "Ann@Example.com"])
def test_password_that_is_tried_first_returns_400(world, password):
    answer = world.call(None, "POST", "/auth/register", {**ANN, "password": password})
    assert (answer.status, orjson.loads(answer.body)["details"][0]["field"]) == (400, "password")
    answer = change(world, world.person("ann"), new=password)
    assert (answer.status, orjson.loads(answer.body)["details"][0]["field"]) == (400, "newPassword")
    assert login(world).status == 201


def test_message_says_that_the_password_is_common(world):
    answer = world.call(None, "POST", "/auth/register", {**ANN, "password": "password"})
    message = "password is one of the most common passwords; choose another one"
    assert orjson.loads(answer.body)["message"] == message


# ------------------------------------------------------------------------------------------------ changed rounds


def stored_hash(world, person):
    of_person = select(tables.users.c.password_hash).where(tables.users.c.id == person.id)
    with world.core.view(NOBODY) as uow:
        return uow.connection.execute(of_person).scalar_one()


def store_hash(world, person, rounds):
    new = update(tables.users).where(tables.users.c.id == person.id)
    with world.core.begin(NOBODY) as uow:
        uow.connection.execute(new, {"password_hash": hash_password(PASSWORD, rounds)})


def login_cost(world, email):
    """Return the CPU time of a rejected login in seconds, the minimum of several."""

    def once():
        started_at = time.thread_time()
        assert login(world, email, "wrong password").status == 401
        return time.thread_time() - started_at

    return min(once() for _ in range(5))


@pytest.mark.slow("hashes passwords at full cost")
@pytest.mark.parametrize(("stored", "configured"), [(4, 8), (8, 4), (8, 8)])
def test_login_to_an_unknown_account_costs_what_a_wrong_password_costs(world, stored, configured, ann, bob):
    world.core.env.bcrypt_rounds = configured
    store_hash(world, ann, stored)
    # Of two that are stored in different ways, both cost the same as none.
    store_hash(world, bob, configured)
    unknown = login_cost(world, "nobody@example.com")
    for person in (ann, bob):
        assert 0.5 < login_cost(world, person.email) / unknown < 2


@pytest.mark.parametrize(("stored", "configured"), [(4, 5), (5, 4)])
def test_login_stores_the_password_with_the_rounds_of_the_setting(world, stored, configured, ann):
    store_hash(world, ann, stored)
    world.core.env.bcrypt_rounds = configured
    token = world.bearer(ann)
    assert login(world, password="wrong password").status == 401
    assert rounds_of(stored_hash(world, ann)) == stored
    assert login(world).status == 201
    assert rounds_of(after := stored_hash(world, ann)) == configured
    assert login(world).status == 201
    assert stored_hash(world, ann) == after
    # Nobody is logged out by that.
    assert world.status(token, "GET", "/auth/me") == 200
