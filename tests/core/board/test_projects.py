"""Projects and their members."""

import pytest
from sqlalchemy import update

from stellary.core import NOBODY
from tests.support.tables import users


def make(api, **body):
    return api.world.ask(api.person, "POST", f"{api.workspace.path}/projects", body)


def creation_status(api, **body):
    return api.world.status(api.person, "POST", f"{api.workspace.path}/projects", body)


def projects(api, query=""):
    listed = api.world.ask(api.person, "GET", f"{api.workspace.path}/projects?{query}")
    return [project["name"] for project in listed]


def test_created_project_has_all_given_fields(api):
    sent = {"name": "Website", "description": "All of it", "key": "WWW"}
    project = make(api, **sent)
    derived = {"workspaceId": api.workspace.id, "archived": False, "memberCount": 1, "memberRole": "editor"}
    assert project == project | sent | derived | {"visibility": "workspace", "estimateUnit": "points"}
    assert api.world.ask(api.person, "GET", f"{api.workspace.path}/projects/{project['id']}") == project


def test_key_is_made_from_the_name(api):
    assert [make(api, name="Website")["key"] for _ in range(2)] == ["WEB", "WEBS"]


def test_used_key_is_refused(api):
    make(api, name="a", key="ABC")
    assert creation_status(api, name="b", key="ABC") == 409


def test_key_can_be_taken_again_in_another_workspace(api):
    other = api.world.workspace(api.person)
    api.world.ask(api.person, "POST", f"{other.path}/projects", {"name": "a", "key": "QL"})


@pytest.mark.parametrize("key", ["A", "ABCDEFG", "abc", "A1"])
def test_key_is_2_to_6_capitals(api, key):
    assert creation_status(api, name="a", key=key) == 400


@pytest.mark.parametrize(
    ("template", "columns"),
    [
        ("simple", "To Do, In Progress, Done"),
        ("development", "Backlog, To Do, In Progress, In Review, Done"),
        ("agency", "Brief, Design, Development, Client Review, Shipped"),
    ],
)
def test_project_begins_with_what_its_template_has(api, template, columns):
    templates = api.world.ask(api.person, "GET", f"{api.workspace.path}/projects/templates")
    chosen_template = next(candidate for candidate in templates if candidate["id"] == template)
    path = f"{api.workspace.path}/projects/{make(api, name='x', templateId=template)['id']}"
    listed_columns = api.world.ask(api.person, "GET", f"{path}/columns")
    labels = api.world.ask(api.person, "GET", f"{path}/labels")
    assert ", ".join(column["name"] for column in listed_columns) == columns
    assert [
        {"name": column["name"], "cardStatus": column["cardStatus"]} for column in listed_columns
    ] == chosen_template["columns"]
    assert [{"name": label["name"], "color": label["color"]} for label in labels] == chosen_template["labels"]


def test_project_begins_as_the_simple_template_if_none_is_named(api):
    assert [column["name"] for column in api.columns()] == ["To Do", "In Progress", "Done"]
    assert [column["cardStatus"] for column in api.columns()] == ["open", "in_progress", "done"]


def test_unknown_template_is_refused(api):
    assert creation_status(api, name="x", templateId="other") == 400


def test_projects_are_listed_in_creation_order(api):
    make(api, name="second")
    make(api, name="third")
    assert projects(api) == ["Q1 Launch", "second", "third"]
    assert projects(api, "limit=2") == ["Q1 Launch", "second"]


def test_projects_of_another_workspace_are_not_listed(api):
    other = api.world.workspace(api.person)
    assert api.world.ask(api.person, "GET", f"{other.path}/projects") == []


def test_archived_projects_can_be_filtered(api):
    make(api, name="second")
    assert api.ask("PATCH", "", {"archived": True})["archived"]
    assert projects(api) == ["Q1 Launch", "second"]
    assert projects(api, "archived=true") == ["Q1 Launch"]
    assert projects(api, "archived=false") == ["second"]


def test_project_is_deleted_with_all_that_is_in_it(api):
    card = api.card(api.columns()[0]["id"], checklist=[{"title": "a"}])["id"]
    api.ask("POST", f"/cards/{card}/comments", {"content": "x"})
    other = api.another()
    other_card = other.card(other.columns()[0]["id"])["id"]
    assert api.ask("DELETE") == {"ok": True}
    assert api.error("GET") == (404, "Project not found")
    assert api.error("GET", f"/cards/{card}") == (404, "Project not found")
    assert other.read(other_card)["title"] == "a card"


# ---------------------------------------------------------------------------------------------- members


@pytest.fixture
def bob(api):
    return api.world.member("bob", api.workspace)


def members(api):
    return [member["userId"] for member in api.ask("GET", "/members")]


def test_creator_of_a_project_is_its_member(api):
    assert members(api) == [api.person.id]


def test_member_is_added_by_address(api, bob):
    member = api.ask("POST", "/members", {"email": "Bob@Example.com"})
    expected = {"userId": bob.id, "email": "bob@example.com", "name": "bob", "role": "manager"}
    assert member == {**expected, "createdAt": member["createdAt"]}
    assert api.ask("GET", "/members")[1] == member
    assert api.ask("GET")["memberCount"] == 2


def test_member_is_added_once(api, bob):
    api.ask("POST", "/members", {"email": bob.email})
    assert api.error("POST", "/members", {"email": bob.email})[0] == 409


def test_users_outside_the_workspace_are_unknown(api):
    stranger_error = api.error("POST", "/members", {"email": api.world.person("stranger").email})
    assert stranger_error == api.error("POST", "/members", {"email": "nobody@example.com"})
    assert stranger_error[0] == 404


def test_admins_who_see_a_private_project_are_listed(api, bob):
    world, workspace = api.world, api.workspace
    amy, leo, gus, eva = world.people("amy leo gus eva")
    for person, role in ((amy, "admin"), (gus, "guest"), (eva, "admin")):
        world.join(person, workspace, role=role)
    world.join_organization(leo, workspace.organization, "admin")
    with world.core.begin(NOBODY) as uow:
        uow.connection.execute(update(users).where(users.c.id == eva.id).values(deactivated_at=uow.now))
    api.ask("PATCH", "", {"visibility": "private"})
    api.ask("POST", "/members", {"email": gus.email})
    listed = api.ask("GET", "/members?admins=true")
    assert {item["name"]: item["role"] for item in listed} == dict.fromkeys(["ann", "amy", "leo"], "manager")
    pages = [api.ask("GET", f"/members?admins=true&limit={limit}") for limit in (1, 2, 3)]
    assert pages == [listed[:1], listed[:2], listed]
    path = f"{api.path}/members"
    assert [world.status(gus, "GET", path), world.status(gus, "GET", f"{path}?admins=true")] == [200, 403]
    assert world.status(bob, "GET", f"{path}?admins=true") == 404
    body = {"name": "CI", "scopes": ["projects:read"], "projectIds": [api.project["id"]]}
    token = world.ask(api.person, "POST", "/api-tokens", body)["token"]
    assert [world.status(token, "GET", path), world.status(token, "GET", f"{path}?admins=true")] == [200, 403]


def test_member_is_removed(api, bob):
    api.ask("POST", "/members", {"email": bob.email})
    assert api.ask("DELETE", f"/members/{bob.id}") == {"ok": True}
    assert members(api) == [api.person.id]
    assert api.error("DELETE", f"/members/{bob.id}") == (404, "Member not found")


def test_removed_member_keeps_assigned_cards(api, bob):
    api.ask("POST", "/members", {"email": bob.email})
    card = api.card(api.columns()[0]["id"], assigneeId=bob.id)["id"]
    api.ask("DELETE", f"/members/{bob.id}")
    assert api.read(card)["assigneeId"] == bob.id
