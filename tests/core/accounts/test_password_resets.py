"""Forgotten passwords: the link in the email, its use, and races."""

from datetime import timedelta
from functools import partial

import orjson
import pytest
from sqlalchemy import select, update

from stellary.core import NOBODY
from stellary.core.accounts.email_links import create_reset_link
from tests.support import tables
from tests.support.world import PASSWORD, at_once, links, outcome

NEW_PASSWORD = "a new password"


def forget(world, email="ann@example.com"):
    """Ask for a link, and run the job that sends it."""
    response = world.call(None, "POST", "/auth/forgot-password", {"email": email})
    world.core.work.run_due()
    return response


def mailed_token(world):
    (link,) = set(links(world.emails[-1]))
    assert link.startswith("http://localhost:3001/reset-password/")
    return link.rpartition("/")[2]


def reset(world, token, password=NEW_PASSWORD, **more):
    return world.call(None, "POST", "/auth/reset-password", {"token": token, "newPassword": password, **more})


def login_status(world, password, email="ann@example.com"):
    return world.status(None, "POST", "/auth/login", {"email": email, "password": password})


def test_link_in_the_email_sets_a_new_password(world, ann):
    assert forget(world).status == 200
    assert world.emails[-1].to == "ann@example.com"
    assert reset(world, mailed_token(world)).status == 200
    assert login_status(world, NEW_PASSWORD) == 201
    assert login_status(world, PASSWORD) == 401


def test_email_has_the_link_as_text_and_as_html(world, ann):
    forget(world)
    (email,) = world.emails
    (link,) = set(links(email))
    assert f'href="{link}"' in email.html


def test_response_is_the_same_for_an_unknown_address(world, ann):
    assert forget(world).body == forget(world, "nobody@example.com").body
    assert [email.to for email in world.emails] == ["ann@example.com"]


def test_request_executes_the_same_statements_for_an_unknown_address(world, ann, statements):
    sent = []
    for email in ("ann@example.com", "nobody@example.com"):
        with statements() as executed:
            world.call(None, "POST", "/auth/forgot-password", {"email": email})
        sent.append(list(executed))
    assert sent[0] == sent[1]
    assert not any("stellary_users" in statement for statement in sent[0])


def test_link_is_sent_to_the_stored_spelling_of_the_address(world):
    world.ask(None, "POST", "/auth/register", {"email": "Strasse@example.com", "password": PASSWORD})
    forget(world, "straße@example.com")
    forget(world, "sTRASSE@EXAMPLE.com")
    assert [email.to for email in world.emails] == ["Strasse@example.com"]


def test_account_without_a_password_gets_no_link(world):
    world.core.user(external_id="host-7", email="hosted@example.com")
    assert forget(world, "hosted@example.com").status == 200
    assert world.emails == []


def test_deactivated_account_gets_no_link(world, ann):
    with world.core.begin(NOBODY) as uow:
        uow.connection.execute(update(tables.users).values(deactivated_at=uow.now))
    assert forget(world).status == 200
    assert world.emails == []


def test_reset_ends_all_logins(world, ann):
    bearer = world.bearer(ann)
    forget(world)
    reset(world, mailed_token(world))
    assert world.status(bearer, "GET", "/auth/me") == 401


@pytest.mark.parametrize(("revokes", "status"), [(False, 200), (True, 401)])
def test_reset_revokes_api_tokens_on_request(world, ann, revokes, status):
    api_token = world.api_token(ann)
    forget(world)
    answer = orjson.loads(reset(world, mailed_token(world), revokeTokens=revokes).body)
    assert (answer["liveApiTokens"], answer["revokedTokens"]) == ((0, 1) if revokes else (1, 0))
    assert world.status(api_token, "GET", "/auth/me") == status


def test_token_can_be_used_once(world, ann):
    forget(world)
    token = mailed_token(world)
    assert reset(world, token).status == 200
    assert outcome(reset(world, token, "yet another one")) == (400, "invalid_link")
    assert login_status(world, NEW_PASSWORD) == 201


def test_use_of_a_token_ends_the_others(world, ann):
    forget(world)
    first = mailed_token(world)
    forget(world)
    assert reset(world, mailed_token(world)).status == 200
    assert outcome(reset(world, first)) == (400, "invalid_link")


def test_another_request_leaves_the_first_link_valid(world, ann):
    forget(world)
    first = mailed_token(world)
    forget(world)
    assert reset(world, first).status == 200


def test_changed_password_ends_the_links(world, ann):
    forget(world)
    body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    assert world.status(ann, "POST", "/auth/change-password", body) == 200
    assert outcome(reset(world, mailed_token(world))) == (400, "invalid_link")


def test_token_expires_after_an_hour(world, ann, clock):
    forget(world)
    token = mailed_token(world)
    clock.advance(timedelta(hours=1))
    assert outcome(reset(world, token)) == (400, "invalid_link")
    assert login_status(world, PASSWORD) == 201


def test_rejected_password_leaves_the_token_valid(world, ann):
    forget(world)
    token = mailed_token(world)
    for password in ("short", "password", "ann@example.com"):
        response = reset(world, token, password)
        assert (response.status, orjson.loads(response.body)["details"][0]["field"]) == (400, "newPassword")
    assert reset(world, token).status == 200


@pytest.mark.parametrize("token", ["x", "é" * 100])
def test_unknown_token_returns_400(world, ann, token):
    assert outcome(reset(world, token)) == (400, "invalid_link")


def test_mailbox_cannot_be_flooded(world, ann, clock):
    for _ in range(5):
        assert forget(world).status == 200
    assert len(world.emails) == 3
    clock.advance(timedelta(hours=1))
    forget(world)
    assert len(world.emails) == 4


def test_operator_gets_a_link_whatever_was_mailed(world, ann):
    for _ in range(3):
        forget(world)
    link = world.core.run(NOBODY, lambda uow: create_reset_link(uow, "Ann@Example.com"))
    assert reset(world, link.rpartition("/")[2]).status == 200


def test_token_is_stored_hashed(world, ann):
    forget(world)
    with world.core.view(NOBODY) as uow:
        (row,) = uow.connection.execute(select(tables.email_tokens)).all()
    assert mailed_token(world) not in str(row)


def test_sweep_deletes_expired_tokens(world, ann, clock):
    forget(world)
    counts = []
    for step in (timedelta(minutes=59), timedelta(minutes=1)):
        clock.advance(step)
        world.core.sweep()
        counts.append(tables.count_rows(world.core, tables.email_tokens))
    assert counts == [1, 0]


@pytest.mark.race
def test_concurrent_resets_with_one_token_succeed_once(world, ann, rounds):
    for number in range(rounds):
        token = world.core.run(NOBODY, lambda uow: create_reset_link(uow, "ann@example.com"))
        token = token.rpartition("/")[2]
        passwords = [f"password {number} {letter}" for letter in "ab"]
        responses = at_once(*[partial(reset, world, token, password) for password in passwords])
        assert sorted(outcome(response) for response in responses) == [(200, None), (400, "invalid_link")]
        logins = [login_status(world, password) for password in passwords]
        assert logins == [201 if response.status == 200 else 401 for response in responses]


@pytest.mark.race
def test_concurrent_resets_with_two_tokens_succeed_once(world, ann, rounds):
    for _ in range(rounds):
        tokens = [
            world.core.run(NOBODY, lambda uow: create_reset_link(uow, "ann@example.com")).rpartition("/")[2]
            for _ in range(2)
        ]
        responses = at_once(*[partial(reset, world, token) for token in tokens])
        assert sorted(outcome(response) for response in responses) == [(200, None), (400, "invalid_link")]


@pytest.mark.race
def test_password_change_and_reset_at_the_same_time_succeed_once(world, ann, rounds):
    current = PASSWORD
    for number in range(rounds):
        token = world.core.run(NOBODY, lambda uow: create_reset_link(uow, "ann@example.com"))
        changed, was_reset = f"changed {number}", f"reset {number}"
        body = {"currentPassword": current, "newPassword": changed}
        change, reset_response = at_once(
            partial(world.call, world.bearer(ann), "POST", "/auth/change-password", body),
            partial(reset, world, token.rpartition("/")[2], was_reset),
        )
        assert (change.status, reset_response.status) in [(200, 400), (401, 200), (409, 200)]
        logins = [login_status(world, password) for password in (changed, was_reset)]
        assert logins == ([201, 401] if change.status == 200 else [401, 201])
        current = changed if change.status == 200 else was_reset
