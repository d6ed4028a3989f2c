"""Registration, login and the caller's own profile."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

import orjson
import pytest

from tests.world import PASSWORD

ANN = {"email": "ann@example.com", "password": "12345678"}


def register(world, **more):
    return world.ask(None, "POST", "/auth/register", {**ANN, **more})


def login(world, email="ann@example.com", password=PASSWORD):
    return world.call(None, "POST", "/auth/login", {"email": email, "password": password})


def test_registering_logs_in(world):
    made = register(world, name="Ann Lee")
    assert made["user"]["name"] == "Ann Lee"
    assert world.ask(made["access_token"], "GET", "/auth/me")["user"] == made["user"]


def test_registering_makes_a_home(world):
    made = register(world, name="Ann Lee")
    (organization,) = world.ask(made["access_token"], "GET", "/organizations")
    assert (organization["slug"], organization["myRole"]) == ("ann-lee", "owner")
    (workspace,) = world.ask(made["access_token"], "GET", "/orgs/ann-lee/workspaces")
    assert workspace["isPersonal"]
    assert (workspace["slug"], workspace["myRole"], workspace["myPilotageRole"]) == (
        "ann-lee",
        "admin",
        "owner",
    )


def test_who_gives_no_name_is_called_by_the_address(world):
    assert register(world)["user"]["name"] == "ann"


def test_people_of_one_name_get_different_slugs(world):
    slugs = set()
    for number in range(3):
        made = register(world, email=f"ann{number}@example.com", name="Ann")
        slugs.add(world.ask(made["access_token"], "GET", "/organizations")[0]["slug"])
    assert len(slugs) == 3
    assert all(slug == "ann" or slug.startswith("ann-") for slug in slugs)


@pytest.mark.parametrize("name", ["陳", "x" * 100, "🦉", "A"])
def test_any_name_gets_a_home(world, name):
    made = register(world, name=name)
    assert len(world.ask(made["access_token"], "GET", "/organizations")) == 1


@pytest.mark.parametrize("email", ["ann@example.com", "ANN@EXAMPLE.COM"])
def test_an_address_is_taken_once(world, email):
    register(world)
    answer = world.call(None, "POST", "/auth/register", {**ANN, "email": email})
    assert (answer.status, orjson.loads(answer.body)["code"]) == (409, "duplicate_email")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "ann@x..com"),
        ("email", "ann"),
        ("password", "1234567"),
        ("password", "x" * 129),
        ("password", 12345678),
        ("name", ""),
        ("name", "x" * 101),
        ("admin", True),
    ],
)
def test_what_cannot_be_is_named(world, field, value):
    answer = world.call(None, "POST", "/auth/register", {**ANN, field: value})
    assert answer.status == 400
    assert orjson.loads(answer.body)["details"][0]["field"] == field


def test_a_long_address_of_letters_that_fold_into_more_is_taken(world):
    made = register(world, email="ß" * 32 + "@" + "ß" * 20 + ".example.com")
    assert world.ask(made["access_token"], "GET", "/auth/me")["user"] == made["user"]


def test_login_takes_the_address_in_any_case_and_encoding(world):
    register(world, email="zoë@example.com")
    for email in ("zoë@example.com", "ZOË@Example.com", unicodedata.normalize("NFD", "zoë@example.com")):
        assert login(world, email, "12345678").status == 201


def test_a_wrong_password_and_an_unknown_address_read_alike(world):
    world.person("ann")
    wrong, unknown = login(world, password="wrong password"), login(world, "nobody@example.com")
    assert wrong.status == 401
    assert orjson.loads(wrong.body) | {"requestId": ""} == orjson.loads(unknown.body) | {"requestId": ""}


def test_login_answers_as_registering_does(world):
    made = register(world)
    assert orjson.loads(login(world, password="12345678").body)["user"] == made["user"]


def test_a_login_ends_after_a_week(world):
    clock = world.stop_clock()
    token = world.bearer(world.person("ann"))
    clock.advance(timedelta(days=7, seconds=-1))
    assert world.status(token, "GET", "/auth/me") == 200
    clock.advance(timedelta(seconds=1))
    assert world.status(token, "GET", "/auth/me") == 401


def test_a_new_name_is_told_at_once(world):
    ann = world.person("ann")
    assert world.ask(ann, "PATCH", "/auth/me", {"name": "Ann Lee"})["user"]["name"] == "Ann Lee"
    assert world.ask(ann, "GET", "/auth/me")["user"]["name"] == "Ann Lee"


def test_an_empty_change_changes_nothing(world):
    ann = world.person("ann")
    assert world.ask(ann, "PATCH", "/auth/me", {}) == world.ask(ann, "GET", "/auth/me")


def test_a_token_that_may_write_the_account_need_not_read_it(world):
    ann = world.person("ann")
    token = world.api_token(ann, ["account:write"])
    assert world.status(token, "PATCH", "/auth/me", {"name": "Ann"}) == 200
    assert world.status(token, "GET", "/auth/me") == 403


# ---------------------------------------------------------------------------------------------- passwords


def change(world, who, current=PASSWORD, new="a new password"):
    return world.call(who, "POST", "/auth/change-password", {"currentPassword": current, "newPassword": new})


def test_a_changed_password_ends_every_login_of_before_at_once(world):
    world.stop_clock()
    ann = world.person("ann")
    before = world.bearer(ann)
    changed = change(world, before)
    assert changed.status == 200
    assert world.status(before, "GET", "/auth/me") == 401
    assert world.status(orjson.loads(changed.body)["access_token"], "GET", "/auth/me") == 200


def test_a_changed_password_is_the_only_one_that_logs_in(world):
    assert change(world, world.person("ann")).status == 200
    assert login(world).status == 401
    assert login(world, password="a new password").status == 201


def test_a_changed_password_leaves_api_tokens_alone(world):
    ann = world.person("ann")
    token = world.api_token(ann)
    assert change(world, ann).status == 200
    assert world.status(token, "GET", "/auth/me") == 200


def test_who_changes_a_password_has_to_know_it(world):
    ann = world.person("ann")
    answer = change(world, ann, current="wrong password")
    assert (answer.status, orjson.loads(answer.body)["details"][0]["field"]) == (400, "currentPassword")
    assert login(world).status == 201


def test_a_new_password_keeps_the_rules(world):
    answer = change(world, world.person("ann"), new="1234567")
    assert (answer.status, orjson.loads(answer.body)["details"][0]["field"]) == (400, "newPassword")


def test_an_api_token_changes_no_password(world):
    assert change(world, world.api_token(world.person("ann"))).status == 403
