"""Guests of a workspace: how people become guests and stop to be, and their place in the organization."""

import pytest

from stellary.core import Membership
from tests.support.each_case import for_each
from tests.support.statements import count_statements
from tests.support.world import Person, outcome


@pytest.fixture
def office(world):
    """Return a function that calls the API below the workspace ``eng``, which has a private project."""
    boss = world.person("boss")
    workspace = world.workspace(boss, slug="eng")
    project = world.project(boss, workspace, "Site", visibility="private")

    class Office:
        def __init__(self):
            self.boss, self.workspace, self.project = boss, workspace, project

        def ask(self, method, tail, body=None, who=boss):
            return world.ask(who, method, f"{workspace.path}/{tail}", body)

        def invite(self, person, **fields):
            token = self.ask("POST", "members/invite", {"email": person.email, **fields})["token"]
            return world.ask(person, "POST", f"/invitations/{token}/accept")

        def roles(self, person):
            """Return the role of a person in the organization, or None, and in the workspace."""
            organizations = world.ask(person, "GET", "/organizations")
            path = f"/orgs/{workspace.organization.slug}/workspaces"
            mine = {item["slug"]: item["myRole"] for item in organizations}
            if workspace.organization.slug not in mine:
                return None, None
            seats = {item["slug"]: item["myRole"] for item in world.ask(person, "GET", path)}
            return mine[workspace.organization.slug], seats.get("eng")

    return Office()


def test_invitation_leads_a_guest_into_a_project(world, office):
    client = world.person("client")
    fields = {"role": "guest", "projectId": office.project.id, "projectRole": "commenter"}
    office.ask("POST", "members/invite", {"email": client.email, "role": "member"})
    accepted = office.invite(client, **fields)
    assert (accepted["workspace"]["myRole"], accepted["workspace"]["pilotageCycle"]) == ("guest", "")
    assert office.roles(client) == ("guest", "guest")
    assert [project["name"] for project in office.ask("GET", "projects", who=client)] == ["Site"]
    members = {
        member["email"]: member["role"]
        for member in office.ask("GET", f"projects/{office.project.id}/members")
    }
    assert members == {"boss@example.com": "manager", "client@example.com": "commenter"}
    activity = office.ask("GET", f"projects/{office.project.id}/activity?type=member_added")[0]
    assert activity["actorId"] == client.id


def test_invitation_into_a_deleted_project_leads_into_the_workspace(world, office):
    client = world.person("client")
    fields = {"email": client.email, "role": "guest", "projectId": office.project.id}
    invitation = office.ask("POST", "members/invite", fields)
    assert (invitation["projectId"], invitation["projectRole"]) == (office.project.id, "viewer")
    office.ask("DELETE", f"projects/{office.project.id}")
    world.ask(client, "POST", f"/invitations/{invitation['token']}/accept")
    assert office.ask("GET", "projects", who=client) == []


def test_admin_of_the_organization_accepts_an_invitation_into_a_project_of_theirs(world, office):
    admin = world.person("admin")
    world.join_organization(admin, office.workspace.organization, "admin")
    office.ask("POST", f"projects/{office.project.id}/members", {"email": admin.email})
    office.invite(admin, role="guest", projectId=office.project.id)
    assert office.roles(admin) == ("admin", "admin")


@for_each(
    "fields, problem",
    [
        ({"projectId": "f" * 24}, "projectId must be the id of an existing item"),
        ({"projectRole": "viewer"}, "projectRole requires projectId"),
        ({"role": "owner"}, "role must be one of"),
    ],
)
def test_wrong_invitations(world, office, fields, problem):
    path = f"{office.workspace.path}/members/invite"
    status, message = world.error(office.boss, "POST", path, {"email": "client@example.com", **fields})
    assert status == 400
    assert problem in message


def test_role_in_the_organization_follows_that_in_its_workspaces(world, office):
    client, other = world.person("client"), world.workspace(office.boss, office.workspace.organization, "ops")
    office.invite(client, role="guest")
    path = f"members/{client.id}"
    changed = office.ask("PATCH", path, {"role": "member"})
    assert (changed["role"], office.roles(client)) == ("member", ("member", "member"))
    world.join(client, other)
    office.ask("PATCH", path, {"role": "guest"})
    assert office.roles(client) == ("member", "guest")
    seat = f"{office.workspace.organization.path}/members/{client.id}"
    assert outcome(world.call(office.boss, "PATCH", seat, {"role": "guest"})) == (409, "not_a_guest")
    world.ask(office.boss, "DELETE", f"{other.path}/members/{client.id}")
    assert world.ask(office.boss, "PATCH", seat, {"role": "guest"})["role"] == "guest"
    office.ask("DELETE", path)
    assert office.roles(client) == (None, None)


def test_second_invitation_makes_a_guest_a_member_of_the_organization(world, office):
    client, other = world.person("client"), world.workspace(office.boss, office.workspace.organization, "ops")
    office.invite(client, role="guest")
    invite = world.ask(office.boss, "POST", f"{other.path}/members/invite", {"email": client.email})
    world.ask(client, "POST", f"/invitations/{invite['token']}/accept")
    assert office.roles(client) == ("member", "guest")


def test_invitation_of_a_person_who_has_become_a_guest_changes_no_role(world, office):
    client = world.person("client")
    token = office.ask("POST", "members/invite", {"email": client.email, "role": "member"})["token"]
    world.join(client, office.workspace, role="guest")
    accepted = world.ask(client, "POST", f"/invitations/{token}/accept")
    assert (accepted["workspace"]["myRole"], office.roles(client)) == ("guest", ("guest", "guest"))


def test_guest_has_no_role_in_the_pilotage(world, office):
    client = world.person("client")
    office.invite(client)
    path = f"{office.workspace.path}/members/{client.id}"
    world.ask(office.boss, "PATCH", path, {"pilotageRole": "owner"})
    assert world.call(office.boss, "PATCH", path, {"role": "guest", "pilotageRole": "reviewer"}).status == 400
    assert world.ask(office.boss, "PATCH", path, {"role": "guest"})["pilotageRole"] == "viewer"
    assert world.call(office.boss, "PATCH", path, {"pilotageRole": "owner"}).status == 400


def test_admin_who_becomes_a_guest_loses_what_only_admins_have(world, office):
    client = world.person("client")
    office.invite(client, role="admin")
    office.ask("POST", "members/invite", {"email": "eve@example.com"}, who=client)
    changed = office.ask("PATCH", f"members/{client.id}", {"role": "guest"})
    assert changed["ended"]["invitations"] == 1
    assert office.roles(client) == ("guest", "guest")


@pytest.mark.parametrize(
    ("before", "after", "roles"),
    [
        ([], ["guest"], ("guest", "guest")),
        (["member"], ["guest"], ("guest", "guest")),
        (["guest"], ["member"], ("member", "member")),
        (["guest"], [], (None, None)),
        (["member", "member"], ["guest", "guest"], ("guest", "guest")),
        (["guest", "guest"], ["guest", "member"], ("member", "guest")),
        (["guest", "admin"], ["guest"], ("guest", "guest")),
    ],
)
def test_mapping_of_a_host_makes_guests(world, office, before, after, roles):
    core, slug = world.core, office.workspace.organization.slug
    world.workspace(office.boss, office.workspace.organization, "ops")
    for names in (before, after):
        seats = [
            Membership(slug, place, role=role) for place, role in zip(("eng", "ops"), names, strict=False)
        ]
        actor = core.set_memberships("client", seats)
    assert office.roles(Person(None, actor)) == roles
    assert count_statements(core.set_memberships, "client", seats) == 2
