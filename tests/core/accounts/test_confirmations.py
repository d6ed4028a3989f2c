"""Confirmations of changes by accounts without a password: the mailed link, and its limits."""

from datetime import timedelta
from functools import partial

import orjson
import pytest

from stellary.contract.errors import Invalid
from stellary.core import NOBODY
from stellary.core.accounts.email_links import find_confirmed_action
from stellary.core.accounts.proxied_users import find_or_create_user
from tests.support.core_parts import Identity, sign_in
from tests.support.world import PASSWORD, at_once, links, outcome

EMAIL = "ann@example.com"
NEW = "new@example.com"


def sign_in_as(world, name="ann"):
    """Sign in a user by a provider, and return the JWT."""
    identity = Identity(
        issuer="https://login.example.com", subject=name, email=f"{name}@example.com", name=name
    )
    token = sign_in(world.core.units, identity, "Laptop")
    assert token is not None
    return token


def request_link(world, who, action="delete_account"):
    return world.call(who, "POST", "/auth/send-confirmation", {"action": action})


def mailed_token(world, who, action="delete_account"):
    """Request a link, and return its token."""
    assert request_link(world, who, action).status == 200
    (link,) = set(links(world.emails[-1]))
    assert link.startswith("http://localhost:3001/account/")
    return link.rpartition("/")[2]


def delete_account(world, who, **body):
    return world.call(who, "POST", "/auth/delete-account", body)


def change_email(world, who, email=NEW, **body):
    return world.call(who, "POST", "/auth/change-email", {"email": email, **body})


def is_signed_in(world, token):
    return world.status(token, "GET", "/auth/me") == 200


@pytest.fixture
def ann(world):
    """Return the JWT of a user whom a provider has signed in."""
    return sign_in_as(world)


def test_link_confirms_the_deletion_of_an_account(world, ann):
    token = mailed_token(world, ann)
    assert (world.emails[-1].to, world.emails[-1].data["action"]) == (EMAIL, "delete_account")
    assert is_signed_in(world, ann)
    assert delete_account(world, ann, confirmation=token).status == 200
    assert not is_signed_in(world, ann)


def test_link_confirms_a_new_address(world, ann):
    assert change_email(world, ann, confirmation=mailed_token(world, ann, "change_email")).status == 200
    world.core.work.run_due()
    notice, message = world.emails[-2:]
    assert (notice.to, set(links(notice))) == (EMAIL, {"http://localhost:3001/account"})
    assert message.to == NEW
    (link,) = set(links(message))
    world.ask(None, "POST", "/auth/confirm-email", {"token": link.rpartition("/")[2]})
    assert world.ask(ann, "GET", "/auth/me")["user"]["email"] == NEW
    # The provider finds the account by its subject.
    assert world.ask(sign_in_as(world), "GET", "/auth/me")["user"]["email"] == NEW


@pytest.mark.parametrize("change", [delete_account, change_email])
def test_login_alone_changes_nothing(world, ann, change):
    for body in ({}, {"currentPassword": PASSWORD}):
        response = change(world, ann, **body)
        (detail,) = orjson.loads(response.body)["details"]
        assert (response.status, detail["field"]) == (400, "confirmation")
    assert is_signed_in(world, ann)


def test_link_confirms_only_its_own_change(world, ann):
    deletion, change = mailed_token(world, ann), mailed_token(world, ann, "change_email")
    assert outcome(delete_account(world, ann, confirmation=change)) == (400, "invalid_link")
    assert outcome(change_email(world, ann, confirmation=deletion)) == (400, "invalid_link")
    world.core.work.run_due()
    assert NEW not in {email.to for email in world.emails}
    for action, token in (("delete_account", deletion), ("change_email", change)):
        with world.core.view(NOBODY) as uow:
            user_id = world.ask(ann, "GET", "/auth/me")["user"]["id"]
            assert find_confirmed_action(uow, user_id, token) == action


def test_link_confirms_only_changes_of_its_own_account(world, ann):
    bob = sign_in_as(world, "bob")
    token = mailed_token(world, ann)
    assert outcome(delete_account(world, bob, confirmation=token)) == (400, "invalid_link")
    with world.core.view(NOBODY) as uow, pytest.raises(Invalid):
        find_confirmed_action(uow, world.ask(bob, "GET", "/auth/me")["user"]["id"], token)
    assert delete_account(world, ann, confirmation=token).status == 200
    assert is_signed_in(world, bob)


def test_link_needs_a_login(world, ann):
    token = mailed_token(world, ann)
    assert delete_account(world, None, confirmation=token).status == 401
    api_token = world.ask(ann, "POST", "/api-tokens", {"name": "ci"})["token"]
    assert outcome(delete_account(world, api_token, confirmation=token)) == (403, "login_required")
    assert outcome(request_link(world, api_token)) == (403, "login_required")


def test_link_can_be_used_once_within_an_hour(world, ann, clock):
    ann = sign_in_as(world)
    token = mailed_token(world, ann, "change_email")
    assert change_email(world, ann, confirmation=token).status == 200
    assert outcome(change_email(world, ann, confirmation=token)) == (400, "invalid_link")
    late = mailed_token(world, ann)
    clock.advance(timedelta(hours=1))
    assert outcome(delete_account(world, ann, confirmation=late)) == (400, "invalid_link")


def test_new_address_ends_the_links_to_the_old_one(world, ann):
    deletion = mailed_token(world, ann)
    change_email(world, ann, confirmation=mailed_token(world, ann, "change_email"))
    world.core.work.run_due()
    (link,) = set(links(world.emails[-1]))
    world.ask(None, "POST", "/auth/confirm-email", {"token": link.rpartition("/")[2]})
    assert outcome(delete_account(world, ann, confirmation=deletion)) == (400, "invalid_link")


def test_fourth_link_within_an_hour_is_refused(world, ann):
    tokens = [mailed_token(world, ann) for _ in range(3)]
    assert outcome(request_link(world, ann)) == (409, "too_many_links")
    assert delete_account(world, ann, confirmation=tokens[0]).status == 200


def test_account_with_a_password_is_confirmed_only_by_it(world):
    ann = world.person("ann")
    assert outcome(request_link(world, ann)) == (409, "has_password")
    assert world.emails == []
    for body in ({}, {"confirmation": "x"}):
        response = delete_account(world, ann, **body)
        (detail,) = orjson.loads(response.body)["details"]
        assert (response.status, detail["field"]) == (400, "currentPassword")
    assert delete_account(world, ann, currentPassword=PASSWORD, confirmation="x").status == 200


def test_user_of_a_proxy_can_delete_the_account_but_not_change_the_address(world):
    actor = find_or_create_user(world.core.units, EMAIL)
    with world.core.view(NOBODY) as uow:
        token = world.core.env.signer.issue(actor.user_id, 0, uow.now)
    assert outcome(request_link(world, token, "change_email")) == (409, "address_of_sign_in")
    assert delete_account(world, token, confirmation=mailed_token(world, token)).status == 200


@pytest.mark.race
def test_of_two_changes_with_one_link_one_wins(world, rounds):
    for number in range(rounds):
        user = sign_in_as(world, f"user{number}")
        change = partial(change_email, world, user, confirmation=mailed_token(world, user, "change_email"))
        assert sorted(response.status for response in at_once(change, change)) == [200, 400]
