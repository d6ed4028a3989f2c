"""The activity of a workspace: changes of members, invitations and the workspace, for those who may read the items."""

import pytest

from stellary.contract.wire import Follow
from stellary.core import Actor
from tests.support.boards import Board
from tests.support.core_parts import stream_events

FAR_PAST = "2000-01-01"


@pytest.fixture
def boss(world):
    return world.person("boss")


@pytest.fixture
def organization(world, boss):
    return world.organization(boss, "acme")


@pytest.fixture
def ann(world, organization):
    ann = world.person("ann")
    world.join_organization(ann, organization)
    return ann


@pytest.fixture
def bob(world, workspace):
    return world.member("bob", workspace)


@pytest.fixture
def workspace(world, organization, ann):
    return world.workspace(ann, organization, "eng")


def feed(world, workspace, who, query=""):
    """Return the activities of the workspace, newest first."""
    return world.ask(who, "GET", f"{workspace.path}/activity?{query}")


def describe(activity):
    """Return what an activity says: its type, its actor, the name of the item, and the changed fields."""
    changes = {change["field"]: (change["from"], change["to"]) for change in activity["changes"]}
    return activity["type"], activity["actorName"], activity["meta"]["name"], changes


def test_role_changes_and_removals_name_who_did_what(world, workspace, ann, boss, bob):
    path = f"{workspace.path}/members/{bob.id}"
    world.ask(ann, "PATCH", path, {"role": "admin"})
    world.ask(ann, "PATCH", path, {"role": "admin"})
    world.ask(boss, "DELETE", path)
    removed, updated = feed(world, workspace, ann)
    expected = ("workspace_member_updated", "ann", "bob", {"role": ("member", "admin")})
    assert describe(updated) == expected
    lost = {"role": ("admin", None), "pilotageRole": ("viewer", None), "name": ("bob", None)}
    assert describe(removed) == ("workspace_member_removed", "boss", "bob", lost)
    assert removed == removed | {"entity": "workspace_member", "entityId": bob.id, "projectId": None}


def test_accepted_invitation_records_the_member_and_the_sender(world, workspace, ann, bob):
    eve = world.person("eve")
    invited = world.ask(
        ann, "POST", f"{workspace.path}/members/invite", {"email": eve.email, "role": "admin"}
    )
    world.ask(eve, "POST", f"/invitations/{invited['token']}/accept")
    added, created = feed(world, workspace, ann)
    values = {"role": (None, "admin"), "expiresAt": (None, invited["expiresAt"])}
    assert describe(created) == ("invitation_created", "ann", eve.email, values)
    assert added["type"] == "workspace_member_added"
    assert added["meta"] == {"id": eve.id, "name": "eve", "invitedById": ann.id}
    assert invited["token"] not in str(feed(world, workspace, ann))


def test_invitations_of_a_removed_admin_are_recorded_as_revoked(world, workspace, ann, bob):
    world.ask(ann, "PATCH", f"{workspace.path}/members/{bob.id}", {"role": "admin"})
    world.ask(bob, "POST", f"{workspace.path}/members/invite", {"email": "eve@example.com"})
    world.ask(ann, "DELETE", f"{workspace.path}/members/{bob.id}")
    (revoked,) = feed(world, workspace, ann, "type=invitation_revoked")
    assert describe(revoked)[1:3] == ("ann", "eve@example.com")


def test_member_who_leaves_the_organization_hands_over_workspaces(world, workspace, ann, boss, bob):
    world.ask(boss, "DELETE", f"{workspace.organization.path}/members/{ann.id}")
    described = [describe(activity) for activity in reversed(feed(world, workspace, boss))]
    assert [entry[:3] for entry in described] == [
        ("workspace_member_added", "boss", "boss"),
        ("workspace_updated", "boss", "eng"),
        ("workspace_member_removed", "boss", "ann"),
    ]
    assert described[1][3] == {"ownerId": (ann.id, boss.id)}


def test_update_of_the_workspace_is_recorded_without_the_roles_of_the_caller(world, workspace, ann):
    with world.core.view(ann.actor) as uow:
        record = stream_events(uow, workspace.ref, Follow(last_event_id="0"))
    world.ask(ann, "PATCH", workspace.path, {"name": "Engineering", "pilotageCycle": "v2"})
    (updated,) = feed(world, workspace, ann)
    assert describe(updated)[3] == {"name": ("eng", "Engineering"), "pilotageCycle": ("v1", "v2")}
    frames = record.read(world.core.units, 0).frames.decode()
    assert '"name":"Engineering"' in frames
    assert "myRole" not in frames


def test_deleted_project_is_named_with_the_person_who_deleted_it(world, workspace, ann, bob):
    board = Board(world, bob, workspace)
    board.card("Write")
    world.ask(ann, "DELETE", board.path)
    assert [describe(activity)[:3] for activity in feed(world, workspace, bob, "type=project_deleted")] == [
        ("project_deleted", "ann", "Launch")
    ]
    assert "card" not in {activity["entity"] for activity in feed(world, workspace, bob)}


def test_filters_of_the_workspace_activity_combine(world, workspace, ann, boss, bob):
    path = f"{workspace.path}/members/{bob.id}"
    world.ask(ann, "PATCH", path, {"role": "admin"})
    world.ask(boss, "PATCH", path, {"role": "member"})
    world.ask(ann, "PATCH", workspace.path, {"name": "Engineering"})

    def names(query):
        return [describe(activity)[:2] for activity in feed(world, workspace, ann, query)]

    member_updated = "workspace_member_updated"
    assert names(f"actorId={ann.id}") == [("workspace_updated", "ann"), (member_updated, "ann")]
    assert names("entity=workspace_member&limit=1") == [(member_updated, "boss")]
    assert names(f"type={member_updated}&actorId={ann.id}&since={FAR_PAST}") == [(member_updated, "ann")]
    assert names("since=2999-01-01") == []


def test_members_do_not_read_records_about_what_only_admins_see(world, workspace, ann, bob):
    world.ask(ann, "POST", f"{workspace.path}/members/invite", {"email": "eve@example.com"})
    world.ask(ann, "PATCH", workspace.path, {"name": "Engineering"})
    assert [activity["type"] for activity in feed(world, workspace, bob)] == ["workspace_updated"]
    assert feed(world, workspace, bob, "type=invitation_created") == []
    for who, expected in ((ann, True), (bob, False)):
        with world.core.view(who.actor) as uow:
            record = stream_events(uow, workspace.ref, Follow(last_event_id="0"))
        frames = record.read(world.core.units, 0).frames
        assert (b"invitation_created" in frames) is expected
        assert b"workspace_updated" in frames


def test_token_reads_only_records_of_its_scopes(world, workspace, ann):
    Board(world, ann, workspace)
    world.ask(ann, "POST", f"{workspace.path}/pilotage/missions", {"objective": "Ship"})
    world.ask(ann, "PATCH", workspace.path, {"name": "Engineering"})
    entities = {}
    for scope in ("account:read", "projects:read", "pilotage:read"):
        token = world.api_token(ann, [scope])
        entities[scope] = {activity["entity"] for activity in feed(world, workspace, token)}
    assert entities == {
        "account:read": {"workspace"},
        "projects:read": {"workspace", "project"},
        "pilotage:read": {"workspace", "mission"},
    }


def test_streams_with_different_views_are_told_apart(world, workspace, ann, bob):
    def view(actor: Actor):
        with world.core.view(actor) as uow:
            return stream_events(uow, workspace.ref, Follow()).view

    assert view(ann.actor) != view(bob.actor)
    assert view(ann.actor) == view(Actor(ann.id))


# ---------------------------------------------------------------------------------------------- webhooks and agents

AGENT = {"name": "Scout", "tools": ["board.read"], "runtime": "external"}


@pytest.fixture
def agent(world, workspace, ann):
    return world.ask(ann, "POST", f"{workspace.path}/agents", AGENT)


def test_webhooks_are_recorded_without_secret_and_path(world, workspace, ann, monkeypatch):
    # All in one moment, so that not even the time of the change differs.
    moment = world.core.env.clock()
    monkeypatch.setattr(world.core.env, "clock", lambda: moment)
    path = f"{workspace.path}/webhooks"
    hook = world.ask(ann, "POST", path, {"url": "https://hooks.example.com/s3cret?key=k3y"})
    world.ask(ann, "PATCH", f"{path}/{hook['id']}", {"url": "https://hooks.example.com/0ther"})
    world.ask(ann, "PATCH", f"{path}/{hook['id']}", {"active": False})
    world.ask(ann, "DELETE", f"{path}/{hook['id']}")
    activities = feed(world, workspace, ann)[::-1]
    host = "https://hooks.example.com/…"
    assert [describe(activity) for activity in activities] == [
        ("webhook_created", "ann", host, {"url": (None, host), "active": (None, True)}),
        ("webhook_updated", "ann", host, {}),
        ("webhook_updated", "ann", host, {"active": (True, False)}),
        ("webhook_deleted", "ann", host, {"url": (host, None)}),
    ]
    assert [activity["meta"].get("changed") for activity in activities] == [None, ["url"], ["active"], None]
    with world.core.view(ann.actor) as uow:
        record = stream_events(uow, workspace.ref, Follow(last_event_id="0"))
    frames = record.read(world.core.units, 0).frames.decode()
    for secret in (hook["secret"], "s3cret", "k3y", "0ther"):
        assert secret not in frames + str(activities)


def test_webhook_of_a_demoted_admin_is_recorded_as_disabled(world, workspace, ann, bob):
    world.ask(ann, "PATCH", f"{workspace.path}/members/{bob.id}", {"role": "admin"})
    world.ask(bob, "POST", f"{workspace.path}/webhooks", {"url": "https://hooks.example.com/a"})
    world.ask(ann, "PATCH", f"{workspace.path}/members/{bob.id}", {"role": "member"})
    (updated,) = feed(world, workspace, ann, "type=webhook_updated")
    assert describe(updated)[1] == "ann"
    assert describe(updated)[3] == {"active": (True, False)}
    assert updated["meta"]["successorId"] == ann.id


def test_agents_and_their_tokens_are_recorded_without_the_token(world, workspace, ann, agent):
    path = f"{workspace.path}/agents/{agent['id']}"
    token = world.ask(ann, "POST", f"{path}/tokens", {"name": "CI"})
    world.ask(ann, "PATCH", path, {"status": "suspended"})
    world.ask(ann, "DELETE", f"{path}/tokens/{token['id']}")
    world.ask(ann, "DELETE", path)
    activities = feed(world, workspace, ann)[::-1]
    assert [describe(activity)[:3] for activity in activities] == [
        ("agent_created", "ann", "Scout"),
        ("agent_token_created", "ann", "CI"),
        ("agent_updated", "ann", "Scout"),
        ("agent_token_revoked", "ann", "CI"),
        ("agent_deleted", "ann", "Scout"),
    ]
    assert describe(activities[2])[3] == {"status": ("active", "suspended")}
    assert activities[3]["meta"]["agent"] == "Scout"
    with world.core.view(ann.actor) as uow:
        record = stream_events(uow, workspace.ref, Follow(last_event_id="0"))
    assert token["token"][:16] not in record.read(world.core.units, 0).frames.decode() + str(activities)


def test_tokens_of_a_removed_admin_are_recorded_as_revoked(world, workspace, ann, bob, agent):
    world.ask(ann, "PATCH", f"{workspace.path}/members/{bob.id}", {"role": "admin"})
    world.ask(bob, "POST", f"{workspace.path}/agents/{agent['id']}/tokens", {"name": "CI"})
    world.ask(ann, "DELETE", f"{workspace.path}/members/{bob.id}")
    (revoked,) = feed(world, workspace, ann, "type=agent_token_revoked")
    assert (describe(revoked)[1:3], revoked["meta"]["agent"]) == (("ann", "CI"), "Scout")
