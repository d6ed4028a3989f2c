"""Addresses of new accounts, which nobody can be added by before their owners have confirmed them."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from tests.core.accounts.test_email_changes import ask_for_change, confirm, mailed_token
from tests.support.world import links

EVE = "eve@example.com"
PASSWORD = "horse battery staple"


@pytest.fixture
def eve(core, world):
    """Return the token of a person who has just registered on a core that verifies addresses."""
    core.env.verify_email = True
    return register(world)


def register(world):
    body = {"email": EVE, "password": PASSWORD}
    return world.ask(None, "POST", "/auth/register", body)["access_token"]


def is_verified(world, token):
    return world.ask(token, "GET", "/auth/me")["user"]["emailVerified"]


def add_to_organization(world):
    """Add the address to an organization of another person, and return the status and code of the answer."""
    ann = world.person("ann")
    organization = world.organization(ann, "acme")
    answer = world.call(
        ann, "POST", f"/organizations/{organization.slug}/members", {"email": EVE, "role": "member"}
    )
    return answer.status, orjson.loads(answer.body).get("code")


def test_link_verifies_the_address(world, eve):
    assert not is_verified(world, eve)
    (email,) = world.emails
    assert "valid for one day" in email.text
    assert confirm(world, mailed_token(world, EVE)).status == 200
    assert is_verified(world, eve)
    assert add_to_organization(world) == (201, None)


def test_unverified_address_is_answered_like_an_unknown_one(world, eve):
    assert add_to_organization(world) == (404, "unknown_user")


def test_addresses_are_verified_unless_the_core_requires_it(world):
    assert is_verified(world, register(world))
    assert world.emails == []
    assert add_to_organization(world) == (201, None)


def test_user_gets_another_link_with_the_password(world, eve):
    world.emails.clear()
    assert ask_for_change(world, eve, EVE, PASSWORD).status == 200
    # The owner of the present address needs no warning.
    (email,) = world.emails
    assert email.to == EVE
    assert confirm(world, mailed_token(world, EVE)).status == 200
    assert is_verified(world, eve)


def test_first_link_is_valid_for_a_day(world, core):
    clock = world.stop_clock()
    core.env.verify_email = True
    token = register(world)
    clock.advance(timedelta(days=1))
    assert confirm(world, mailed_token(world, EVE)).status == 400
    assert not is_verified(world, token)


def test_owner_of_the_address_takes_the_account_over(world, eve):
    world.ask(None, "POST", "/auth/forgot-password", {"email": EVE})
    world.core.work.run_due()
    (link,) = set(links(world.emails[-1]))
    body = {"token": link.rpartition("/")[2], "newPassword": "another battery staple"}
    world.ask(None, "POST", "/auth/reset-password", body)
    assert world.status(eve, "GET", "/auth/me") == 401
    credentials = {"email": EVE, "password": "another battery staple"}
    login = world.ask(None, "POST", "/auth/login", credentials)
    assert login["user"]["emailVerified"]


def test_invitation_does_not_verify_the_address(world, eve):
    """The inviter knows the token too, and may have registered the address."""
    ann = world.person("ann")
    workspace = world.workspace(ann, world.organization(ann, "acme"), "eng")
    invitation = world.ask(ann, "POST", f"{workspace.path}/members/invite", {"email": EVE})
    world.ask(eve, "POST", f"/invitations/{invitation['token']}/accept")
    assert not is_verified(world, eve)


def test_user_of_a_host_is_verified(core, world):
    core.env.verify_email = True
    actor = core.user(external_id="42", email=EVE, name="Eve")
    assert actor.user_id
    assert add_to_organization(world) == (201, None)
