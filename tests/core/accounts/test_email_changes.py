"""Changed e-mail addresses: the link to the new one, its use, and races."""

from datetime import timedelta
from functools import partial

import orjson
import pytest

from stellary.core import NOBODY
from stellary.core.accounts.proxied_users import find_or_create_user
from tests.support.core_parts import create_email_token, create_reset_link
from tests.support.world import PASSWORD, at_once, links, outcome

NEW = "new@example.com"


def ask_for_change(world, who, email=NEW, password=PASSWORD):
    """Ask for a new address, and run the job that sends the link."""
    response = world.call(who, "POST", "/auth/change-email", {"email": email, "currentPassword": password})
    world.core.work.run_due()
    return response


def mailed_token(world, to=NEW):
    email = next(email for email in reversed(world.emails) if email.to == to)
    (link,) = set(links(email))
    assert link.startswith("http://localhost:3001/confirm-email/")
    assert f'href="{link}"' in email.html
    return link.rpartition("/")[2]


def confirm(world, token):
    return world.call(None, "POST", "/auth/confirm-email", {"token": token})


def address_of(world, who):
    return world.ask(who, "GET", "/auth/me")["user"]["email"]


def test_address_changes_once_the_link_is_used(world, ann):
    assert ask_for_change(world, ann).status == 200
    assert address_of(world, ann) == "ann@example.com"
    assert confirm(world, mailed_token(world)).status == 200
    assert address_of(world, ann) == NEW
    for email, status in ((NEW, 201), ("ann@example.com", 401)):
        assert world.status(None, "POST", "/auth/login", {"email": email, "password": PASSWORD}) == status


def test_old_address_is_warned(world, ann):
    ask_for_change(world, ann)
    (warning,) = [email for email in world.emails if email.to == "ann@example.com"]
    assert NEW in warning.text
    assert set(links(warning)) == {"http://localhost:3001/forgot-password"}


def test_response_does_not_reveal_that_an_address_is_taken(world, ann):
    world.person("bob")
    free, taken = ask_for_change(world, ann), ask_for_change(world, ann, "bob@example.com")
    assert (free.status, free.body) == (taken.status, taken.body)
    assert [email.to for email in world.emails if email.to != "ann@example.com"] == [NEW]


def test_address_that_was_taken_in_the_meantime_returns_409(world, ann):
    ask_for_change(world, ann)
    world.person("new")
    assert outcome(confirm(world, mailed_token(world))) == (409, "duplicate_email")
    assert address_of(world, ann) == "ann@example.com"


def test_wrong_password_sends_nothing(world, ann):
    response = ask_for_change(world, ann, password="wrong password")
    assert (response.status, orjson.loads(response.body)["details"][0]["field"]) == (400, "currentPassword")
    assert world.emails == []


def test_token_can_be_used_once_within_an_hour(world, ann, clock):
    ask_for_change(world, ann)
    token = mailed_token(world)
    assert confirm(world, token).status == 200
    assert outcome(confirm(world, token)) == (400, "invalid_link")
    ask_for_change(world, ann, "third@example.com")
    clock.advance(timedelta(hours=1))
    assert outcome(confirm(world, mailed_token(world, "third@example.com"))) == (400, "invalid_link")


def test_new_address_ends_the_links_of_the_old_one(world, ann):
    link = world.core.run(NOBODY, lambda uow: create_reset_link(uow, "ann@example.com"))
    ask_for_change(world, ann)
    confirm(world, mailed_token(world))
    body = {"token": link.rpartition("/")[2], "newPassword": "a new password"}
    assert outcome(world.call(None, "POST", "/auth/reset-password", body)) == (400, "invalid_link")


def test_tokens_are_good_for_their_purpose_only(world, ann):
    ask_for_change(world, ann)
    body = {"token": mailed_token(world), "newPassword": "a new password"}
    assert outcome(world.call(None, "POST", "/auth/reset-password", body)) == (400, "invalid_link")
    link = world.core.run(NOBODY, lambda uow: create_reset_link(uow, "ann@example.com"))
    assert outcome(confirm(world, link.rpartition("/")[2])) == (400, "invalid_link")


@pytest.mark.race
def test_concurrent_confirmations_of_one_address_succeed_once(world, rounds):
    for number in range(rounds):
        people = world.people(f"ann{number} bob{number}")
        email = f"new{number}@example.com"
        with world.core.begin(NOBODY) as uow:
            tokens = [
                create_email_token(uow, person.id, "change_email", timedelta(hours=1), email)
                for person in people
            ]
        responses = at_once(*[partial(confirm, world, token) for token in [*tokens, tokens[0]]])
        assert [response.status for response in responses].count(200) == 1
        assert {response.status for response in responses} <= {200, 400, 409}
        assert [address_of(world, person) for person in people].count(email) == 1


# A thief knows the password, and has asked for a link to an address of their own. The owner gets a notice, and acts.


def change_password(world, ann):
    body = {"currentPassword": PASSWORD, "newPassword": "a new password"}
    world.ask(ann, "POST", "/auth/change-password", body)


def reset_password(world, ann):
    world.reset_password(ann.email, "a new password")


@pytest.mark.parametrize("set_password", [change_password, reset_password])
def test_new_password_ends_links_to_other_addresses(world, ann, set_password):
    ask_for_change(world, ann)
    token = mailed_token(world)
    set_password(world, ann)
    assert outcome(confirm(world, token)) == (400, "invalid_link")
    assert address_of(world, ann) == "ann@example.com"


def test_new_password_ends_a_request_whose_link_is_not_sent_yet(world, ann):
    world.ask(world.bearer(ann), "POST", "/auth/change-email", {"email": NEW, "currentPassword": PASSWORD})
    change_password(world, ann)
    world.core.work.run_due()
    assert NEW not in {email.to for email in world.emails}


def test_new_password_keeps_the_link_that_verifies_the_present_address(world):
    world.core.env.verify_email = True
    body = {"email": NEW, "password": PASSWORD}
    token = world.ask(None, "POST", "/auth/register", body)["access_token"]
    link = mailed_token(world)
    body = {"currentPassword": PASSWORD, "newPassword": "a new password"}
    token = world.ask(token, "POST", "/auth/change-password", body)["access_token"]
    assert confirm(world, link).status == 200
    assert world.ask(token, "GET", "/auth/me")["user"]["emailVerified"]


def test_owner_who_takes_an_address_over_keeps_it(world):
    """Someone has registered the address of another person, and asked for a link to an address of their own."""
    world.core.env.verify_email = True
    body = {"email": "bob@example.com", "password": PASSWORD}
    ask_for_change(world, world.ask(None, "POST", "/auth/register", body)["access_token"])
    token = mailed_token(world)
    owner = find_or_create_user(world.core.units, "bob@example.com")
    assert outcome(confirm(world, token)) == (400, "invalid_link")
    assert find_or_create_user(world.core.units, "bob@example.com") == owner
