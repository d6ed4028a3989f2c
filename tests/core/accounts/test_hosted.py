"""Users of a host that manages its own accounts."""

import pytest

from stellary.contract.errors import Conflict, Invalid
from tests.support.each_case import for_each
from tests.support.world import at_once


def me(world, actor):
    return world.ask(
        world.core.env.signer.issue(actor.user_id, 0, world.core.env.clock()), "GET", "/auth/me"
    )["user"]


def test_user_of_a_host_is_created_once(world):
    first, again = (world.core.user(external_id="42", email="ann@example.com", name="Ann") for _ in range(2))
    assert first == again
    assert (me(world, first)["name"], me(world, first)["email"]) == ("Ann", "ann@example.com")


def test_a_hosts_user_has_a_home(world):
    actor = world.core.user(external_id="42", email="ann@example.com")
    token = world.core.env.signer.issue(actor.user_id, 0, world.core.env.clock())
    assert [organization["slug"] for organization in world.ask(token, "GET", "/organizations")] == ["ann"]


def test_user_of_a_host_is_updated(world):
    before = world.core.user(external_id="42", email="ann@example.com", name="Ann")
    after = world.core.user(external_id="42", email="ann.lee@example.com", name="Ann Lee")
    assert before == after
    assert (me(world, after)["name"], me(world, after)["email"]) == ("Ann Lee", "ann.lee@example.com")


def test_omitted_name_is_unchanged(world):
    world.core.user(external_id="42", email="ann@example.com", name="Ann")
    assert me(world, world.core.user(external_id="42", email="ann.lee@example.com"))["name"] == "Ann"


def test_a_hosts_user_has_no_password_to_log_in_with(world):
    world.core.user(external_id="42", email="ann@example.com")
    for password in ("", "None", "nobody's password"):
        body = {"email": "ann@example.com", "password": password or "x"}
        assert world.status(None, "POST", "/auth/login", body) == 401


def test_address_of_another_user_is_not_taken_over(world):
    world.person("ann")
    with pytest.raises(Conflict):
        world.core.user(external_id="42", email="ANN@example.com")
    actor = world.core.user(external_id="42", email="bob@example.com")
    with pytest.raises(Conflict):
        world.core.user(external_id="42", email="ann@example.com")
    assert me(world, actor)["email"] == "bob@example.com"


@for_each(
    "fields",
    [
        {"external_id": "", "email": "ann@example.com"},
        {"external_id": "x" * 201, "email": "ann@example.com"},
        {"external_id": "42", "email": "ann"},
        {"external_id": "42", "email": "ann@example.com", "name": " "},
        {"external_id": "42", "email": "ann@example.com", "name": "x" * 101},
    ],
)
def test_invalid_user_is_rejected(world, fields):
    with pytest.raises(Invalid):
        world.core.user(**fields)


def test_a_host_maps_users_in_its_own_transaction(world):
    with world.core.database.writing() as connection:
        actor = world.core.user(external_id="42", email="ann@example.com", connection=connection)
        assert world.core.user(external_id="42", email="ann@example.com", connection=connection) == actor
        with pytest.raises(Conflict):
            world.core.user(external_id="43", email="ann@example.com", connection=connection)
        connection.rollback()
    assert world.core.user(external_id="42", email="ann@example.com") != actor


def test_concurrent_mappings_create_a_user_once(world):
    for number in range(5):
        actors = at_once(
            *[lambda: world.core.user(external_id=str(number), email=f"{number}@example.com")] * 4  # noqa: B023
        )
        assert len(set(actors)) == 1
