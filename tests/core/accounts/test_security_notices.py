"""Security notices: the owner of an account is told by e-mail when the ways to get into it change."""

from datetime import timedelta

import pytest

from tests.support.authenticator import enroll, show_code
from tests.support.core_parts import Identity, link_identity, oauth_grants
from tests.support.each_case import for_each
from tests.support.world import PASSWORD

NEW = "another horse battery"


@pytest.fixture
def emails(world, ann):
    """Return the e-mails from now on of a core that sends e-mails."""
    sent = []
    world.core.env.mailer, world.core.env.sends_email = sent.append, True
    world.core.env.public_url = "https://pm.example.com"
    return sent


def change_password(world, ann, clock):
    world.ask(ann, "POST", "/auth/change-password", {"currentPassword": PASSWORD, "newPassword": NEW})


def reset_password(world, ann, clock):
    world.reset_password(ann.email, NEW)


def enable_second_factor(world, ann, clock):
    enroll(world, ann)


def disable_second_factor(world, ann, clock):
    secret, _ = enroll(world, ann)
    clock.advance(timedelta(seconds=30))
    body = {"currentPassword": PASSWORD, "code": show_code(secret, clock.now)}
    world.ask(ann, "POST", "/auth/second-factor/disable", body)


def create_token(world, ann, clock):
    world.ask(ann, "POST", "/api-tokens", {"name": "Laptop"})


def add_identity(world, ann, clock):
    link_identity(world.core.units, Identity("https://id.example.com", "1", ann.email, "Ann"), ann.id)


def connect_program(world, ann, clock):
    with world.core.begin(ann.actor) as uow:
        oauth_grants.create_grant(uow, "Helper", ["projects:read"], {})


@for_each(
    "change, subject",
    [
        # In this order, since they share the account.
        (disable_second_factor, "The second factor of your account was disabled"),
        (create_token, "An API token of your account was created"),
        (add_identity, "A way to sign in was added to your account"),
        (connect_program, "The program “Helper” was given access to your account"),
        (enable_second_factor, "The second factor of your account was enabled"),
        (change_password, "The password of your account was changed"),
        (reset_password, "The password of your account was reset"),
    ],
)
def test_owner_is_told_of_each_change(world, ann, clock, emails, change, subject):
    change(world, ann, clock)
    email = emails[-1]
    assert (email.to, email.kind, email.subject) == (ann.email, "security_notice", subject)
    assert f"{subject}. This happened on {clock.now:%Y-%m-%d at %H:%M} UTC." in email.text
    assert "See your account: https://pm.example.com/account" in email.text
    assert PASSWORD not in email.text
    assert NEW not in email.text


def test_refused_change_tells_nobody(world, ann, emails):
    wrong = {"currentPassword": "wrong", "newPassword": NEW}
    assert world.status(ann, "POST", "/auth/change-password", wrong) == 400
    assert emails == []


def test_without_e_mail_nothing_is_logged(world, ann, clock):
    sent = []
    world.core.env.mailer = sent.append
    create_token(world, ann, clock)
    assert sent == []
