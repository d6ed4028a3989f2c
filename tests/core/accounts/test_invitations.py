"""Invitations: creation, acceptance, revocation and concurrency."""

from datetime import timedelta

import orjson
import pytest

from stellary.core import NOBODY
from stellary.core.accounts.emails import clean_name
from tests.support.each_case import for_each
from tests.support.tables import users
from tests.support.world import at_once, links, outcome


@pytest.fixture
def eng(world):
    """Return a workspace of ann with the member cid; eve has an account without access."""
    people = dict(zip(("ann", "cid", "eve"), world.people("ann cid eve"), strict=True))
    workspace = world.workspace(people["ann"], slug="eng")
    world.join(people["cid"], workspace)
    return {**people, "at": workspace}


def invite(world, eng, email="eve@example.com", **more):
    return world.ask(eng["ann"], "POST", f"{eng['at'].path}/members/invite", {"email": email, **more})


def accept(world, who, token):
    return world.call(who, "POST", f"/invitations/{token}/accept")


def pending_invitations(world, eng):
    return world.ask(eng["ann"], "GET", f"{eng['at'].path}/invitations")


def test_invitation_returns_its_fields(world, eng, clock):
    invitation = invite(world, eng, "Eve@Example.com", role="admin")
    expected = {"email": "Eve@example.com", "role": "admin", "invitedById": eng["ann"].id}
    assert invitation == invitation | expected
    assert invitation["expiresAt"] == (clock.now + timedelta(days=7)).isoformat().replace("+00:00", "Z")


def test_email_leads_to_the_invitation(world, eng):
    invitation = invite(world, eng)
    (email,) = world.emails
    assert email.to == "eve@example.com"
    assert links(email) == [f"http://localhost:3001/invitations/{invitation['token']}"]


def test_names_in_an_email_stay_on_their_line(world, eng):
    world.ask(eng["ann"], "PATCH", "/auth/me", {"name": "Ann\n\nYour account is locked"})
    world.ask(eng["ann"], "PATCH", eng["at"].path, {"name": "Eng\r\nBcc: all"})
    invite(world, eng)
    (email,) = world.emails
    assert email.subject == "Invitation to Eng Bcc: all"
    assert email.text.startswith("Ann Your account is locked invites you")


@for_each(
    "name, cleaned",
    [
        ("Pay at https://evil.example.com/x?y now", "Pay at now"),
        ("evil.com, www.evil.com/x", "evil com, www evil com/x"),
        ("evil\u200b.com\u202e\x1b\u2028x", "evil .com x"),
        ("ev\uff49l\uff0ecom", "evil com"),
        ("https://evil.example.com", "…"),
        ("Dr. Ann O'Neil v1.2", "Dr. Ann O'Neil v1.2"),
        ("Zoë 설계 & Co. <b>", "Zoë 설계 & Co. <b>"),
    ],
)
def test_names_in_an_email_have_no_urls(name, cleaned):
    assert clean_name(name) == cleaned


def test_email_names_its_sender_and_the_workspace_without_urls(world, eng):
    world.ask(eng["ann"], "PATCH", "/auth/me", {"name": "Ann http://evil.com"})
    world.ask(eng["ann"], "PATCH", eng["at"].path, {"name": "Eng evil.com"})
    invite(world, eng)
    (email,) = world.emails
    assert "evil.com" not in email.subject + email.text + email.html + str(email.data)


@pytest.fixture
def mailing(world):
    """Make the core one that sends e-mails."""
    world.core.env.sends_email = True
    return world.stop_clock()


def test_token_is_only_in_the_email(world, eng, mailing):
    assert invite(world, eng)["token"] is None
    (link,) = links(world.emails[0])
    assert accept(world, eng["eve"], link.rpartition("/")[2]).status == 200


def test_person_who_is_invited_again_gets_no_other_email_within_an_hour(world, eng, mailing):
    first = invite(world, eng)
    assert invite(world, eng, role="admin") == {**first, "role": "admin"}
    mailing.advance(timedelta(hours=1))
    assert invite(world, eng)["id"] != first["id"]
    assert len(world.emails) == 2


@pytest.mark.parametrize(("address", "amount"), [("Eve+{}@example.com", 10), ("p{}@example.com", 50)])
def test_emails_of_a_user_and_to_a_mailbox_are_limited(world, eng, mailing, address, amount):
    for number in range(amount):
        invite(world, eng, address.format(number))
    body = {"email": address.format("last")}
    answer = world.call(eng["ann"], "POST", f"{eng['at'].path}/members/invite", body)
    assert outcome(answer) == (429, "rate_limited")
    assert (len(world.emails), len(pending_invitations(world, eng))) == (amount, amount)
    mailing.advance(timedelta(days=1))
    assert invite(world, eng, **body)["email"] == body["email"]


def test_user_with_an_unverified_address_invites_nobody(world, eng, mailing):
    world.core.env.verify_email = True
    with world.core.begin(NOBODY) as uow:
        uow.connection.execute(users.update().values(unverified_since=uow.now))
    answer = world.call(eng["ann"], "POST", f"{eng['at'].path}/members/invite", {"email": "x@example.com"})
    assert outcome(answer) == (403, "address_not_verified")
    assert world.emails == []


def test_rolled_back_invitation_sends_no_email(world, eng):
    invite(world, eng)
    answer = world.call(eng["ann"], "POST", f"{eng['at'].path}/members/invite", {"email": "cid@example.com"})
    assert outcome(answer) == (409, "already_member")
    assert len(world.emails) == 1


def test_token_is_shown_once(world, eng):
    invitation = invite(world, eng)
    (listed,) = pending_invitations(world, eng)
    assert listed == {name: value for name, value in invitation.items() if name != "token"}


def test_accepting_makes_a_member_of_workspace_and_organization(world, eng):
    accepted = orjson.loads(accept(world, eng["eve"], invite(world, eng)["token"]).body)
    assert accepted["orgSlug"] == eng["at"].organization.slug
    assert accepted["workspace"] == world.ask(eng["eve"], "GET", eng["at"].path)
    assert (accepted["workspace"]["myRole"], accepted["workspace"]["myPilotageRole"]) == ("member", "viewer")
    assert world.ask(eng["eve"], "GET", eng["at"].organization.path)["myRole"] == "member"
    assert pending_invitations(world, eng) == []


def test_an_admin_is_invited_as_one(world, eng):
    accepted = orjson.loads(accept(world, eng["eve"], invite(world, eng, role="admin")["token"]).body)
    assert (accepted["workspace"]["myRole"], accepted["workspace"]["myPilotageRole"]) == ("admin", "viewer")


def test_existing_role_in_the_organization_is_kept(world, eng):
    world.join_organization(eng["eve"], eng["at"].organization, "admin")
    assert accept(world, eng["eve"], invite(world, eng)["token"]).status == 200
    assert world.ask(eng["eve"], "GET", eng["at"].organization.path)["myRole"] == "admin"


def test_existing_role_in_the_workspace_is_kept(world, eng):
    token = invite(world, eng)["token"]
    world.join(eng["eve"], eng["at"], role="admin", pilotage_role="owner")
    accepted = orjson.loads(accept(world, eng["eve"], token).body)
    assert (accepted["workspace"]["myRole"], accepted["workspace"]["myPilotageRole"]) == ("admin", "owner")


def test_person_without_an_account_can_be_invited(world, eng):
    token = invite(world, eng, "new@example.com")["token"]
    body = {"email": "NEW@example.com", "password": "long enough"}
    assert accept(world, world.ask(None, "POST", "/auth/register", body)["access_token"], token).status == 200


def test_invitation_is_for_one_address(world, eng):
    token = invite(world, eng, "new@example.com")["token"]
    assert outcome(accept(world, eng["eve"], token)) == (403, "other_invitee")
    assert outcome(accept(world, eng["ann"], token)) == (403, "other_invitee")
    assert len(pending_invitations(world, eng)) == 1


def test_invitation_is_accepted_once(world, eng):
    token = invite(world, eng)["token"]
    assert accept(world, eng["eve"], token).status == 200
    assert outcome(accept(world, eng["eve"], token)) == (404, "not_found")


def test_it_holds_for_seven_days(world, eng, clock):
    token, other = invite(world, eng)["token"], invite(world, eng, "new@example.com")
    clock.advance(timedelta(days=7))
    assert outcome(accept(world, eng["eve"], token)) == (404, "not_found")
    assert pending_invitations(world, eng) == []
    assert world.status(eng["ann"], "DELETE", f"{eng['at'].path}/invitations/{other['id']}") == 200


def test_it_holds_to_the_last_moment(world, eng, clock):
    token = invite(world, eng)["token"]
    clock.advance(timedelta(days=7) - timedelta(milliseconds=1))
    assert accept(world, eng["eve"], token).status == 200


def test_new_invitation_replaces_the_previous_one(world, eng):
    former, token = invite(world, eng)["token"], invite(world, eng, "EVE@example.com", role="admin")["token"]
    assert [invitation["role"] for invitation in pending_invitations(world, eng)] == ["admin"]
    assert accept(world, eng["eve"], former).status == 404
    assert accept(world, eng["eve"], token).status == 200


def test_it_can_be_taken_back(world, eng):
    invitation = invite(world, eng)
    path = f"{eng['at'].path}/invitations/{invitation['id']}"
    assert world.ask(eng["ann"], "DELETE", path) == {"ok": True}
    assert accept(world, eng["eve"], invitation["token"]).status == 404


def test_a_deleted_workspace_takes_its_invitations_along(world, eng):
    token = invite(world, eng)["token"]
    world.ask(eng["ann"], "DELETE", eng["at"].path)
    assert accept(world, eng["eve"], token).status == 404


def test_concurrent_acceptances_succeed_once(world, eng):
    for number in range(5):
        person = world.person(f"new{number}")
        token = invite(world, eng, person.email)["token"]
        answers = at_once(*[lambda: accept(world, person, token).status] * 2)  # noqa: B023
        assert sorted(answers) == [200, 404]


def test_either_revocation_or_acceptance_succeeds(world, eng):
    for number in range(5):
        person = world.person(f"new{number}")
        invitation = invite(world, eng, person.email)
        path = f"{eng['at'].path}/invitations/{invitation['id']}"
        revoked, accepted = at_once(
            lambda: world.status(eng["ann"], "DELETE", path),  # noqa: B023
            lambda: accept(world, person, invitation["token"]).status,  # noqa: B023
        )
        assert (revoked, accepted) in [(200, 404), (404, 200)]
        assert world.status(person, "GET", eng["at"].path) == (200 if accepted == 200 else 404)


def end_admin_role(world, eng, how):
    """Remove cid's right to invite in one of several ways."""
    ann, cid, organization, path = eng["ann"], eng["cid"], eng["at"].organization.path, eng["at"].path
    request = {
        "demoted in the workspace": (ann, "PATCH", f"{path}/members/{cid.id}", {"role": "member"}),
        "removed from the workspace": (ann, "DELETE", f"{path}/members/{cid.id}"),
        "demoted in the organization": (ann, "PATCH", f"{organization}/members/{cid.id}", {"role": "member"}),
        "removed from the organization": (ann, "DELETE", f"{organization}/members/{cid.id}"),
        "leaves the organization": (cid, "POST", f"{organization}/leave"),
    }[how]
    world.ask(*request)


def make_admin(world, eng, how):
    place = eng["at"].organization if how == "demoted in the organization" else eng["at"]
    world.ask(eng["ann"], "PATCH", f"{place.path}/members/{eng['cid'].id}", {"role": "admin"})


@pytest.mark.parametrize(
    "how",
    [
        "demoted in the workspace",
        "removed from the workspace",
        "demoted in the organization",
        "removed from the organization",
        "leaves the organization",
    ],
)
@pytest.mark.parametrize("role", ["admin", "member"])
def test_invitation_of_a_former_admin_returns_404(world, eng, how, role):
    make_admin(world, eng, how)
    path = f"{eng['at'].path}/members/invite"
    token = world.ask(eng["cid"], "POST", path, {"email": "eve@example.com", "role": role})["token"]
    end_admin_role(world, eng, how)
    unknown = accept(world, eng["eve"], "x" * 43)
    refused = accept(world, eng["eve"], token)
    assert (refused.status, outcome(refused)) == (404, outcome(unknown))
    assert world.status(eng["eve"], "GET", eng["at"].path) == 404
    assert world.status(eng["eve"], "GET", eng["at"].organization.path) == 404


def test_invitation_of_an_implicit_admin_is_accepted_as_admin(world, eng):
    dot = world.person("dot")
    world.join_organization(dot, eng["at"].organization, "admin")
    path = f"{eng['at'].path}/members/invite"
    token = world.ask(dot, "POST", path, {"email": "eve@example.com", "role": "admin"})["token"]
    assert orjson.loads(accept(world, eng["eve"], token).body)["workspace"]["myRole"] == "admin"


def test_invitation_of_an_admin_who_lost_the_workspace_role_but_leads_the_organization_is_accepted(
    world, eng
):
    make_admin(world, eng, "demoted in the workspace")
    path = f"{eng['at'].path}/members/invite"
    token = world.ask(eng["cid"], "POST", path, {"email": "eve@example.com", "role": "admin"})["token"]
    make_admin(world, eng, "demoted in the organization")
    end_admin_role(world, eng, "demoted in the workspace")
    assert accept(world, eng["eve"], token).status == 200


# ------------------------------------------------------------------------------------- who may create an account


def register(world, email):
    return world.call(None, "POST", "/auth/register", {"email": email, "password": "long enough"})


def test_closed_registration_creates_no_account(world, eng):
    invite(world, eng, "kim@example.com")
    world.core.env.registration = "closed"
    assert outcome(register(world, "kim@example.com")) == (403, "registration_closed")


def test_invited_person_may_register_and_accept(world, eng):
    world.core.env.registration = "invited"
    assert outcome(register(world, "kim@example.com")) == (403, "registration_closed")
    token = invite(world, eng, "kim@example.com")["token"]
    response = register(world, "KIM@example.com")
    assert response.status == 201
    assert accept(world, orjson.loads(response.body)["access_token"], token).status < 300
    assert outcome(register(world, "dan@example.com")) == (403, "registration_closed")


def test_expired_invitation_allows_no_registration(world, eng, clock):
    invite(world, eng, "kim@example.com")
    world.core.env.registration = "invited"
    clock.now += timedelta(days=8)
    assert outcome(register(world, "kim@example.com")) == (403, "registration_closed")
