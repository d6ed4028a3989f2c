"""Concurrent requests: one succeeds, the others get an error, and nothing is left half done."""

from functools import partial

import pytest
from sqlalchemy import delete, text

from tests.support import tables
from tests.support.concurrency import start_blocked
from tests.support.world import PASSWORD, at_once


def test_users_with_the_same_name_register_concurrently(world):
    bodies = [
        {"email": f"ann{number}@example.com", "password": "long enough", "name": "Ann"} for number in range(8)
    ]
    answers = at_once(
        *[lambda body=body: world.status(None, "POST", "/auth/register", body) for body in bodies]
    )
    assert answers == [201] * 8


def test_registration_avoids_a_slug_that_is_taken_concurrently(postgres_world):
    world, core = postgres_world, postgres_world.core
    ann = world.person("ann")
    body = {"email": "bob@example.com", "password": "long enough", "name": "Bob"}
    with core.database.writing() as connection:
        connection.execute(
            text(
                "INSERT INTO stellary_organizations (id, name, slug, owner_id, created_at, updated_at)"
                " VALUES ('f', 'Bob', 'bob', :owner, now(), now())"
            ),
            {"owner": ann.id},
        )
        registered = start_blocked(core, lambda: world.ask(None, "POST", "/auth/register", body))
    (organization,) = world.ask(registered.result()["access_token"], "GET", "/organizations")
    assert organization["slug"].startswith("bob-")


def test_concurrent_password_changes_succeed_once(world, ann):
    passwords = [f"new password {number}" for number in range(4)]
    token = world.bearer(ann)
    bodies = [{"currentPassword": PASSWORD, "newPassword": new} for new in passwords]
    answers = at_once(
        *[lambda body=body: world.status(token, "POST", "/auth/change-password", body) for body in bodies]
    )
    assert answers.count(200) == 1
    # Those that came in time were overtaken; those that came later had a login, or a password, of before.
    assert set(answers) <= {200, 400, 401, 409}
    logins = [
        world.status(None, "POST", "/auth/login", {"email": ann.email, "password": new}) for new in passwords
    ]
    assert [status == 201 for status in logins] == [status == 200 for status in answers]


def test_concurrent_additions_of_a_member_succeed_once(world, ann, bob):
    for number in range(5):
        acme = world.organization(ann)
        body = {"email": bob.email, "role": "admin" if number % 2 else "member"}
        answers = at_once(
            *[lambda: world.status(ann, "POST", f"{acme.path}/members", body)] * 3  # noqa: B023
        )
        assert sorted(answers) == [201, 409, 409]


def test_two_admins_that_remove_each_other_change_nothing(world):
    ann, bob, cid = world.people("ann bob cid")
    acme = world.organization(ann)
    for who in (bob, cid):
        world.join_organization(who, acme, "admin")
    members = f"{acme.path}/members"
    answers = at_once(
        lambda: world.status(bob, "DELETE", f"{members}/{cid.id}"),
        lambda: world.status(cid, "DELETE", f"{members}/{bob.id}"),
    )
    assert answers == [403, 403]


def test_demoted_admin_grants_nothing(world):
    ann, bob, cid = world.people("ann bob cid")
    for _ in range(5):
        acme = world.organization(ann)
        world.join_organization(bob, acme, "admin")
        world.join_organization(cid, acme)
        demoted, raised = at_once(
            lambda: world.status(ann, "PATCH", f"{acme.path}/members/{bob.id}", {"role": "member"}),  # noqa: B023
            lambda: world.status(bob, "PATCH", f"{acme.path}/members/{cid.id}", {"role": "admin"}),  # noqa: B023
        )
        assert demoted == 200
        assert raised in (200, 403)
        roles = {member["name"]: member["role"] for member in world.ask(ann, "GET", f"{acme.path}/members")}
        assert roles == {"ann": "owner", "bob": "member", "cid": "admin" if raised == 200 else "member"}


def test_leaving_member_owns_no_concurrently_created_workspace(world, ann, bob):
    for _ in range(5):
        acme = world.organization(ann)
        world.join_organization(bob, acme)
        body = {"name": "Eng", "slug": "eng"}
        leaving, creation = at_once(
            lambda: world.status(bob, "POST", f"{acme.path}/leave"),  # noqa: B023
            lambda: world.status(bob, "POST", f"/orgs/{acme.slug}/workspaces", body),  # noqa: B023
        )
        assert leaving == 200
        owners = [
            workspace["ownerId"] for workspace in world.ask(ann, "GET", f"/orgs/{acme.slug}/workspaces")
        ]
        assert owners == ([ann.id] if creation == 201 else [])


def test_member_leaves_while_the_workspace_that_they_own_is_purged(postgres_world):
    world = postgres_world
    ann, bob = world.people("ann bob")
    acme = world.organization(ann)
    world.join_organization(bob, acme, "admin")
    eng = world.workspace(bob, acme)
    world.join(ann, eng)
    world.ask(bob, "DELETE", eng.path)
    members = tables.workspace_members
    with world.core.database.writing() as connection:
        # One batch of the purge.
        connection.execute(delete(members).where(members.c.workspace_id == eng.id))
        left = start_blocked(world.core, lambda: world.status(bob, "POST", f"{acme.path}/leave"))
    assert left.result() == 200


def test_accepted_invitation_is_not_revoked_concurrently(postgres_world):
    world, core = postgres_world, postgres_world.core
    ann = world.person("ann")
    place = world.workspace(ann, world.organization(ann))
    invited = world.ask(ann, "POST", f"{place.path}/members/invite", {"email": "bob@example.com"})
    path = f"{place.path}/invitations/{invited['id']}"
    with core.database.writing() as connection:
        connection.execute(text("DELETE FROM stellary_invitations"))
        status = start_blocked(core, lambda: world.status(ann, "DELETE", path))
    assert status.result() == 404


@pytest.mark.parametrize("what", ["organization", "workspace"])
def test_deletion_during_an_acceptance_deletes_everything(world, what, ann):
    for number in range(5):
        acme = world.organization(ann)
        place = world.workspace(ann, acme)
        person = world.person(f"new{number}")
        token = world.ask(ann, "POST", f"{place.path}/members/invite", {"email": person.email})["token"]
        deleted, accepted = at_once(
            lambda: world.status(ann, "DELETE", acme.path if what == "organization" else place.path),  # noqa: B023
            lambda: world.status(person, "POST", f"/invitations/{token}/accept"),  # noqa: B023
        )
        assert deleted == 200
        assert accepted in (200, 404)
        assert world.status(person, "GET", place.path) == 404


@pytest.mark.parametrize("table", ["stellary_workspace_members", "stellary_organization_members"])
def test_accepting_waits_for_the_demotion_of_the_inviter(postgres_world, table):
    world, core = postgres_world, postgres_world.core
    ann, bob, eve = world.people("ann bob eve")
    place = world.workspace(ann)
    if table == "stellary_workspace_members":
        world.join(bob, place, role="admin")
    else:
        world.join_organization(bob, place.organization, "admin")
    body = {"email": eve.email, "role": "admin"}
    token = world.ask(bob, "POST", f"{place.path}/members/invite", body)["token"]
    with core.database.writing() as connection:
        # What the services that demote do: lock the container, then change the role.
        container = table.removeprefix("stellary_").removesuffix("_members") + "s"
        connection.execute(text(f"SELECT id FROM stellary_{container} FOR NO KEY UPDATE"))
        status = start_blocked(core, lambda: world.status(eve, "POST", f"/invitations/{token}/accept"))
        connection.execute(
            text(f"UPDATE {table} SET role = 'member' WHERE user_id = :id"),
            {"id": bob.id},
        )
    assert status.result() == 404


def test_guest_who_enters_another_workspace_while_being_removed_stays(postgres_world):
    world, core = postgres_world, postgres_world.core
    ann, eve = world.people("ann eve")
    place = world.workspace(ann)
    other = world.workspace(ann, place.organization)
    body = {"email": eve.email, "role": "guest"}
    for entered in (place, other):
        token = world.ask(ann, "POST", f"{entered.path}/members/invite", body)["token"]
        if entered is place:
            world.ask(eve, "POST", f"/invitations/{token}/accept")
    with core.database.writing() as connection:
        # What an acceptance does: it locks the organization, and then adds the member.
        connection.execute(
            text("SELECT id FROM stellary_organizations WHERE slug = :slug FOR NO KEY UPDATE"),
            {"slug": place.organization.slug},
        )
        connection.execute(
            text(
                "INSERT INTO stellary_workspace_members (workspace_id, user_id, role, pilotage_role, created_at)"
                " VALUES (:place, :user, 'guest', 'viewer', now())"
            ),
            {"place": other.id, "user": eve.id},
        )
        removed = start_blocked(core, lambda: world.ask(ann, "DELETE", f"{place.path}/members/{eve.id}"))
    removed.result()
    assert world.status(eve, "GET", place.path) == 404
    assert world.ask(eve, "GET", other.path)["myRole"] == "guest"


def test_changes_of_guests_wait_for_the_organization_before_the_workspace(postgres_world):
    world, core = postgres_world, postgres_world.core
    ann, eve = world.people("ann eve")
    place = world.workspace(ann)
    path = f"{place.path}/members/{eve.id}"
    token = world.ask(ann, "POST", f"{place.path}/members/invite", {"email": eve.email})["token"]
    world.ask(eve, "POST", f"/invitations/{token}/accept")
    lock = "SELECT id FROM stellary_{} WHERE slug = :slug FOR NO KEY UPDATE"
    for method, body in (("PATCH", {"role": "guest"}), ("DELETE", None)):
        with core.database.writing() as connection:
            connection.execute(text(lock.format("organizations")), {"slug": place.organization.slug})
            changed = start_blocked(core, partial(world.ask, ann, method, path, body))
            # A request that holds the organization does not wait for the one that waits for it.
            locked = f"{lock.format('workspaces')} SKIP LOCKED"
            assert connection.execute(text(locked), {"slug": place.slug}).first() is not None
        changed.result()
    assert world.status(eve, "GET", place.path) == 404
