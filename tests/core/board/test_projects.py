"""Projects and their members."""

from __future__ import annotations

import pytest

NOWHERE = "f" * 24


def make(desk, **body):
    return desk.world.ask(desk.person, "POST", f"{desk.workspace.path}/projects", body)


def refused(desk, **body):
    return desk.world.status(desk.person, "POST", f"{desk.workspace.path}/projects", body)


def projects(desk, query=""):
    found = desk.world.ask(desk.person, "GET", f"{desk.workspace.path}/projects?{query}")
    return [project["name"] for project in found]


def test_project_has_all_that_was_said(desk):
    made = make(desk, name="Website", description="All of it", key="WWW")
    assert made == {
        "id": made["id"],
        "name": "Website",
        "description": "All of it",
        "key": "WWW",
        "workspaceId": desk.workspace.id,
        "archived": False,
        "memberCount": 1,
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
    }
    assert desk.world.ask(desk.person, "GET", f"{desk.workspace.path}/projects/{made['id']}") == made


def test_key_is_made_from_the_name(desk):
    assert [make(desk, name="Website")["key"] for _ in range(2)] == ["WEB", "WEBS"]


def test_key_that_is_taken_is_refused(desk):
    make(desk, name="a", key="ABC")
    assert refused(desk, name="b", key="ABC") == 409


def test_key_can_be_taken_again_in_another_workspace(desk):
    other = desk.world.workspace(desk.person)
    desk.world.ask(desk.person, "POST", f"{other.path}/projects", {"name": "a", "key": "QL"})


@pytest.mark.parametrize("key", ["A", "ABCDEFG", "abc", "A1"])
def test_key_is_2_to_6_capitals(desk, key):
    assert refused(desk, name="a", key=key) == 400


@pytest.mark.parametrize(
    ("template", "columns"),
    [
        ("simple", "To Do, In Progress, Done"),
        ("development", "Backlog, To Do, In Progress, In Review, Done"),
        ("agency", "Brief, Design, Development, Client Review, Shipped"),
    ],
)
def test_project_begins_with_what_its_template_has(desk, template, columns):
    templates = desk.world.ask(desk.person, "GET", f"{desk.workspace.path}/projects/templates")
    resolve_one = next(each for each in templates if each["id"] == template)
    path = f"{desk.workspace.path}/projects/{make(desk, name='x', templateId=template)['id']}"
    found = desk.world.ask(desk.person, "GET", f"{path}/columns")
    labels = desk.world.ask(desk.person, "GET", f"{path}/labels")
    assert ", ".join(column["name"] for column in found) == columns
    assert [{"name": each["name"], "cardStatus": each["cardStatus"]} for each in found] == resolve_one[
        "columns"
    ]
    assert [{"name": each["name"], "color": each["color"]} for each in labels] == resolve_one["labels"]


def test_project_begins_as_the_simple_template_if_none_is_named(desk):
    assert [column["name"] for column in desk.columns()] == ["To Do", "In Progress", "Done"]
    assert [column["cardStatus"] for column in desk.columns()] == ["open", "in_progress", "done"]


def test_unknown_template_is_refused(desk):
    assert refused(desk, name="x", templateId="other") == 400


def test_templates_by_the_page(desk):
    path = f"{desk.workspace.path}/projects/templates"
    first = desk.world.call(desk.person, "GET", f"{path}?limit=2")
    following = first.headers["link"].partition("<")[2].partition(">")[0]
    rest = desk.world.ask(desk.person, "GET", following)
    assert len(rest) == 1
    assert rest[0] in desk.world.ask(desk.person, "GET", path)


def test_projects_are_listed_in_the_order_in_which_they_were_made(desk):
    make(desk, name="second")
    make(desk, name="third")
    assert projects(desk) == ["Q1 Launch", "second", "third"]
    assert projects(desk, "limit=2") == ["Q1 Launch", "second"]


def test_projects_of_another_workspace_are_not_listed(desk):
    other = desk.world.workspace(desk.person)
    assert desk.world.ask(desk.person, "GET", f"{other.path}/projects") == []


def test_archived_projects_can_be_told_apart(desk):
    make(desk, name="second")
    assert desk.ask("PATCH", "", {"archived": True})["archived"]
    assert projects(desk) == ["Q1 Launch", "second"]
    assert projects(desk, "archived=true") == ["Q1 Launch"]
    assert projects(desk, "archived=false") == ["second"]


def test_only_what_is_named_changes(desk):
    changed = desk.ask("PATCH", "", {"name": "Q2 Launch"})
    assert changed == desk.project | {"name": "Q2 Launch", "updatedAt": changed["updatedAt"]}
    assert desk.ask("GET") == changed


def test_description_is_cleared(desk):
    desk.ask("PATCH", "", {"description": "x"})
    assert desk.ask("PATCH", "", {"description": None})["description"] is None


def test_what_changes_nothing_leaves_the_project_as_it_was(desk):
    assert desk.ask("PATCH", "", {}) == desk.project
    assert desk.ask("PATCH", "", {"name": "Q1 Launch"}) == desk.project


def test_stale_version_changes_nothing(desk):
    desk.ask("PATCH", "", {"name": "second"}, if_match='"1"')
    assert desk.error("PATCH", "", {"name": "third"}, if_match='"1"')[0] == 412
    assert desk.error("DELETE", "", if_match='"1"')[0] == 412
    assert desk.ask("GET")["name"] == "second"


def test_project_is_deleted_with_all_that_is_in_it(desk):
    todo = desk.columns()[0]["id"]
    card = desk.card(todo, checklist=[{"title": "a"}])["id"]
    desk.ask("POST", f"/cards/{card}/comments", {"content": "x"})
    other = desk.another()
    kept = other.card(other.columns()[0]["id"])["id"]
    assert desk.ask("DELETE") == {"ok": True}
    assert desk.error("GET") == (404, "Project not found")
    assert desk.error("GET", f"/cards/{card}") == (404, "Project not found")
    assert other.read(kept)["title"] == "a card"


def test_project_is_deleted_by_its_members_and_by_admins_alone(desk):
    bob, boss = desk.world.people("bob boss")
    desk.world.join(bob, desk.workspace)
    desk.world.join(boss, desk.workspace, role="admin")
    assert desk.world.status(bob, "DELETE", desk.path) == 403
    assert desk.world.status(boss, "DELETE", desk.path) == 200


def test_project_that_is_not_there_is_not_found_before_roles_are_asked(desk):
    bob = desk.world.person("bob")
    desk.world.join(bob, desk.workspace)
    assert desk.world.status(bob, "DELETE", f"{desk.workspace.path}/projects/{NOWHERE}") == 404


def test_every_member_of_the_workspace_reads_and_writes_the_board(desk):
    bob = desk.world.person("bob")
    desk.world.join(bob, desk.workspace)
    todo = desk.columns()[0]["id"]
    assert desk.world.status(bob, "POST", f"{desk.path}/columns/{todo}/cards", {"title": "t"}) == 201
    assert desk.world.status(bob, "PATCH", desk.path, {"name": "t"}) == 200


# ---------------------------------------------------------------------------------------------- members


@pytest.fixture
def bob(desk):
    bob = desk.world.person("bob")
    desk.world.join(bob, desk.workspace)
    return bob


def members(desk):
    return [member["userId"] for member in desk.ask("GET", "/members")]


def test_whoever_makes_a_project_is_its_member(desk):
    assert members(desk) == [desk.person.id]


def test_member_is_added_by_address(desk, bob):
    made = desk.ask("POST", "/members", {"email": "Bob@Example.com"})
    assert made == {
        "userId": bob.id,
        "email": "bob@example.com",
        "name": "bob",
        "createdAt": made["createdAt"],
    }
    assert desk.ask("GET", "/members")[1] == made
    assert desk.ask("GET")["memberCount"] == 2


def test_members_by_the_page(desk, bob):
    desk.ask("POST", "/members", {"email": bob.email})
    assert [member["name"] for member in desk.ask("GET", "/members?limit=1")] == ["ann"]


def test_member_is_added_once(desk, bob):
    desk.ask("POST", "/members", {"email": bob.email})
    assert desk.error("POST", "/members", {"email": bob.email})[0] == 409


def test_who_does_not_reach_the_workspace_is_as_unknown_as_nobody(desk):
    stranger = desk.world.person("stranger")
    told = desk.error("POST", "/members", {"email": stranger.email})
    assert told == desk.error("POST", "/members", {"email": "nobody@example.com"})
    assert told[0] == 404


def test_member_is_removed(desk, bob):
    desk.ask("POST", "/members", {"email": bob.email})
    assert desk.ask("DELETE", f"/members/{bob.id}") == {"ok": True}
    assert members(desk) == [desk.person.id]
    assert desk.error("DELETE", f"/members/{bob.id}") == (404, "Member not found")


def test_members_are_managed_by_members_and_admins_alone(desk, bob):
    body = {"email": "nobody@example.com"}
    assert desk.world.status(bob, "POST", f"{desk.path}/members", body) == 403
    assert desk.world.status(bob, "DELETE", f"{desk.path}/members/{NOWHERE}") == 403
    desk.ask("POST", "/members", {"email": bob.email})
    assert desk.world.status(bob, "DELETE", f"{desk.path}/members/{desk.person.id}") == 200


def test_members_of_a_project_that_is_not_there(desk, bob):
    path = f"{desk.workspace.path}/projects/{NOWHERE}/members"
    assert desk.world.status(bob, "DELETE", f"{path}/{NOWHERE}") == 404
    assert desk.world.status(bob, "GET", path) == 404


def test_who_is_removed_keeps_what_is_assigned(desk, bob):
    desk.ask("POST", "/members", {"email": bob.email})
    card = desk.card(desk.columns()[0]["id"], assigneeId=bob.id)["id"]
    desk.ask("DELETE", f"/members/{bob.id}")
    assert desk.read(card)["assigneeId"] == bob.id
