"""Addresses of new accounts, which nobody can be added by before their owners have confirmed them."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from stellary.core import NOBODY
from stellary.core.accounts.proxied_users import find_or_create_user
from tests.core.accounts.test_email_changes import ask_for_change, confirm, mailed_token
from tests.support.core_parts import TAKEN_OVER
from tests.support.tables import users
from tests.support.world import links, outcome

EVE = "eve@example.com"
PASSWORD = "horse battery staple"


@pytest.fixture
def eve(core, world):
    """Return the token of a person who has just registered on a core that verifies addresses."""
    core.env.verify_email = True
    return register(world)


def register(world):
    return world.ask(None, "POST", "/auth/register", {"email": EVE, "password": PASSWORD})["access_token"]


def is_verified(world, token):
    return world.ask(token, "GET", "/auth/me")["user"]["emailVerified"]


def add_to_organization(world):
    """Add the address to an organization of another person, and return the status and code of the answer."""
    ann = world.person("ann")
    organization = world.organization(ann, "acme")
    body = {"email": EVE, "role": "member"}
    return outcome(world.call(ann, "POST", f"{organization.path}/members", body))


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


def test_first_link_is_valid_for_a_day(world, core, clock):
    core.env.verify_email = True
    token = register(world)
    clock.advance(timedelta(days=1))
    assert confirm(world, mailed_token(world, EVE)).status == 400
    assert not is_verified(world, token)


def reset_password(world):
    """Set a new password as the owner of the address, and return the answer."""
    world.ask(None, "POST", "/auth/forgot-password", {"email": EVE})
    world.core.work.run_due()
    (link,) = set(links(world.emails[-1]))
    body = {"token": link.rpartition("/")[2], "newPassword": "another battery staple"}
    return world.ask(None, "POST", "/auth/reset-password", body)


def set_up(world, token):
    """Create a webhook, an automation and an API token, and return functions that read the first two, and the token."""
    world.ask(token, "POST", "/organizations", {"name": "Eve", "slug": "eves-team"})
    world.ask(token, "POST", "/orgs/eves-team/workspaces", {"name": "Eng", "slug": "engine"})
    flat = "/orgs/eves-team/workspaces/engine"
    project = world.ask(token, "POST", f"{flat}/projects", {"name": "Launch"})
    webhook = world.ask(token, "POST", f"{flat}/webhooks", {"url": "https://hooks.example.com/eve"})
    action = {"type": "set_priority", "params": {"priority": "high"}}
    rules = f"{flat}/projects/{project['id']}/automations"
    rule = world.ask(token, "POST", rules, {"trigger": "task_created", "action": action})
    api_token = world.ask(token, "POST", "/api-tokens", {"name": "ci"})["token"]
    paths = {"webhook": f"{flat}/webhooks", "rule": f"{rules}/{rule['id']}", "activity": f"{flat}/activity"}
    return paths, webhook["id"], api_token


def read_set_up(world, token, paths, webhook_id):
    """Return whether the webhook and the rule are active, and how the activity and the traces explain it."""
    (webhook,) = world.ask(token, "GET", paths["webhook"])
    (trace,) = world.ask(token, "GET", f"{paths['rule']}/traces") or [{"error": None}]
    changed = [
        item["meta"].get("changed")
        for item in world.ask(token, "GET", f"{paths['activity']}?entity=webhook&limit=50")
        if item["entityId"] == webhook_id and item["meta"].get("changed")
    ]
    return webhook["active"], world.ask(token, "GET", paths["rule"])["enabled"], changed, trace["error"]


def sign_in_by_password(world):
    reset_password(world)
    credentials = {"email": EVE, "password": "another battery staple"}
    return world.ask(None, "POST", "/auth/login", credentials)["access_token"]


def sign_in_by_proxy(world):
    user_id = find_or_create_user(world.core.units, EVE).user_id
    with world.core.view(NOBODY) as uow:
        generation = uow.connection.execute(
            select(users.c.token_generation).where(users.c.id == user_id)
        ).scalar_one()
        return world.core.env.signer.issue(user_id, generation, uow.now)


@pytest.mark.parametrize("take_over", [sign_in_by_password, sign_in_by_proxy])
def test_owner_of_the_address_takes_over_nothing_that_acts(world, eve, take_over):
    paths, webhook_id, api_token = set_up(world, eve)
    assert read_set_up(world, eve, paths, webhook_id) == (True, True, [], None)
    assert read_set_up(world, take_over(world), paths, webhook_id) == (False, False, [["active"]], TAKEN_OVER)
    assert world.status(api_token, "GET", "/auth/me") == 401


def test_new_password_of_a_verified_account_keeps_what_acts(world, eve):
    paths, webhook_id, api_token = set_up(world, eve)
    assert confirm(world, mailed_token(world, EVE)).status == 200
    assert read_set_up(world, sign_in_by_password(world), paths, webhook_id) == (True, True, [], None)
    assert world.status(api_token, "GET", "/auth/me") == 200


def test_owner_of_the_address_takes_the_account_over(world, eve):
    reset_password(world)
    assert world.status(eve, "GET", "/auth/me") == 401
    credentials = {"email": EVE, "password": "another battery staple"}
    assert world.ask(None, "POST", "/auth/login", credentials)["user"]["emailVerified"]


def test_invitation_does_not_verify_the_address(world, eve, ann):
    """The inviter knows the token too, and may have registered the address."""
    workspace = world.workspace(ann, world.organization(ann, "acme"), "eng")
    invitation = world.ask(ann, "POST", f"{workspace.path}/members/invite", {"email": EVE})
    world.ask(eve, "POST", f"/invitations/{invitation['token']}/accept")
    assert not is_verified(world, eve)


def test_user_of_a_host_is_verified(core, world):
    core.env.verify_email = True
    assert core.user(external_id="42", email=EVE, name="Eve").user_id
    assert add_to_organization(world) == (201, None)
