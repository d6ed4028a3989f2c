"""The activity of an organization: its members, their roles, its workspaces and its settings, for its admins."""

import pytest

from tests.core.notifications.test_workspace_activity import boss, describe

__all__ = ["boss"]


@pytest.fixture
def acme(world, boss):
    world.ask(boss, "POST", "/organizations", {"name": "Acme", "slug": "acme"})
    return "/organizations/acme"


@pytest.fixture
def ann(world, boss, acme):
    ann = world.person("ann")
    world.ask(boss, "POST", f"{acme}/members", {"email": ann.email, "role": "admin"})
    return ann


def feed(world, acme, who, query=""):
    """Return the activities of the organization, oldest first."""
    return world.ask(who, "GET", f"{acme}/activity?{query}")[::-1]


def test_new_organization_records_itself_its_members_and_workspaces(world, acme, boss, ann):
    world.ask(ann, "POST", "/orgs/acme/workspaces", {"name": "Engineering", "slug": "eng"})
    created, added, workspace = feed(world, acme, boss)
    assert describe(created)[:3] == ("organization_created", "boss", "Acme")
    expected = ("organization_member_added", "boss", "ann", {"role": (None, "admin"), "name": (None, "ann")})
    assert describe(added) == expected
    assert describe(workspace)[:3] == ("workspace_created", "ann", "Engineering")
    assert (workspace["workspaceId"], workspace["projectId"], workspace["cardId"]) == (None, None, None)


def test_roles_and_removals_name_who_changed_them(world, acme, boss, ann):
    world.ask(boss, "PATCH", f"{acme}/members/{ann.id}", {"role": "member"})
    world.ask(boss, "PATCH", f"{acme}/members/{ann.id}", {"role": "member"})
    world.ask(boss, "DELETE", f"{acme}/members/{ann.id}")
    *_, updated, removed = feed(world, acme, boss, "entity=organization_member")
    expected = ("organization_member_updated", "boss", "ann", {"role": ("admin", "member")})
    assert describe(updated) == expected
    assert describe(removed)[:3] == ("organization_member_removed", "boss", "ann")
    assert removed["entityId"] == ann.id


def test_member_who_leaves_is_the_actor(world, acme, boss, ann):
    world.ask(ann, "POST", f"{acme}/leave")
    (removed,) = feed(world, acme, boss, "type=organization_member_removed")
    assert describe(removed)[1:3] == ("ann", "ann")


def test_deleted_workspace_is_named_with_the_person_who_deleted_it(world, acme, boss, ann):
    world.ask(ann, "POST", "/orgs/acme/workspaces", {"name": "Engineering", "slug": "eng"})
    world.ask(boss, "DELETE", "/orgs/acme/workspaces/eng")
    (deleted,) = feed(world, acme, ann, "type=workspace_deleted")
    assert describe(deleted)[:3] == ("workspace_deleted", "boss", "Engineering")
    assert describe(deleted)[3]["slug"] == ("eng", None)


def test_renamed_organization_records_both_names(world, acme, boss):
    world.ask(boss, "PATCH", acme, {"name": "Acme Inc.", "slug": "acme-inc"})
    *_, updated = feed(world, "/organizations/acme-inc", boss)
    assert describe(updated)[3] == {"name": ("Acme", "Acme Inc."), "slug": ("acme", "acme-inc")}


def test_accepted_invitation_records_the_new_member_of_the_organization(world, acme, boss):
    world.ask(boss, "POST", "/orgs/acme/workspaces", {"name": "Engineering", "slug": "eng"})
    eve = world.person("eve")
    invited = world.ask(boss, "POST", "/orgs/acme/workspaces/eng/members/invite", {"email": eve.email})
    world.ask(eve, "POST", f"/invitations/{invited['token']}/accept")
    (added,) = feed(world, acme, boss, "entity=organization_member")
    assert describe(added)[1:] == ("eve", "eve", {"role": (None, "member"), "name": (None, "eve")})


def test_filters_and_pages_of_the_organization_activity(world, acme, boss, ann):
    for name in ("One", "Two", "Three"):
        world.ask(boss, "PATCH", acme, {"name": name})
    assert [activity["meta"]["name"] for activity in feed(world, acme, ann, "limit=2")] == ["Two", "Three"]
    assert feed(world, acme, ann, f"actorId={ann.id}") == []
    assert len(feed(world, acme, ann, f"actorId={boss.id}&type=organization_updated&since=2000-01-01")) == 3
    assert feed(world, acme, ann, "since=2999-01-01") == []
