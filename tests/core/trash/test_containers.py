"""Deleted workspaces and organizations: out of reach at once, silent, restored whole, and purged in batches."""

from datetime import timedelta
from functools import partial

import orjson
import pytest
from sqlalchemy import select

from stellary.core import NOBODY, DeliveryResult
from tests.core.trash.conftest import TrashApi
from tests.core.trash.test_round_trips import fill, read_all
from tests.support.core_parts import WebhookWorker
from tests.support.tables import organizations, read_rows, workspaces
from tests.support.world import PASSWORD, at_once

KINDS = ("workspace", "organization")


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def find_path(api: TrashApi, kind: str) -> str:
    """Return the path of the project's workspace, or that of its organization."""
    workspace = api.project.workspace
    return workspace.path if kind == "workspace" else f"/organizations/{workspace.organization.slug}"


def drop(api: TrashApi, kind: str) -> str:
    """Delete the workspace or the organization, and return the path of its entry in the trash."""
    api.world.ask(api.person, "DELETE", find_path(api, kind))
    return f"/trash/{list_entries(api)[0]['id']}"


def list_entries(api: TrashApi, person=None):
    return api.world.ask(api.world.bearer(person or api.person), "GET", "/trash")


def restore(api: TrashApi, path: str, body=None, person=None):
    return api.world.ask(api.world.bearer(person or api.person), "POST", f"{path}/restore", body)


def problem(api: TrashApi, method: str, path: str, body=None, person=None):
    response = api.world.call(api.world.bearer(person or api.person), method, path, body)
    error = orjson.loads(response.body)
    return response.status, error.get("code"), error["message"]


def count_rows(core):
    """Return the number of rows of each table."""
    return {name: len(rows) for name, rows in read_rows(core).items()}


def test_deleted_container_is_out_of_reach_and_restored_whole(trash_api, kind):
    world, workspace = trash_api.world, trash_api.project.workspace
    bob = world.member("bob", workspace)
    fill(trash_api)
    before = read_all(trash_api)
    notifications = world.ask(bob, "GET", "/notifications")
    path = drop(trash_api, kind)
    paths = {
        workspace.path: 404,
        trash_api.project.path: 404,
        f"{workspace.path}/trash": 404,
        f"/orgs/{workspace.organization.slug}/workspaces/~{workspace.id}": 404,
        f"/organizations/~{workspace.organization.id}": 404,
        f"/organizations/{workspace.organization.slug}": 404 if kind == "organization" else 200,
    }
    for person in (trash_api.person, bob):
        assert {path: world.status(person, "GET", path) for path in paths} == paths
        slugs = [item["slug"] for item in world.ask(person, "GET", "/organizations")]
        assert (workspace.organization.slug in slugs) == (kind == "workspace")
    assert world.ask(bob, "GET", "/notifications") == []
    assert world.ask(bob, "GET", "/notifications/count")["count"] == 0
    (entry,) = list_entries(trash_api)
    assert (entry["kind"], entry["deletedById"]) == (kind, trash_api.person.id)
    assert entry["slug"] == (workspace.slug if kind == "workspace" else workspace.organization.slug)
    assert list_entries(trash_api, bob) == []
    assert problem(trash_api, "POST", f"{path}/restore", person=bob)[0] == 404
    assert restore(trash_api, path)["itemId"] == entry["itemId"]
    assert list_entries(trash_api) == []
    assert read_all(trash_api) == before
    assert world.ask(bob, "GET", "/notifications") == notifications
    assert world.status(bob, "GET", workspace.path) == 200


def test_slug_that_was_taken_returns_409_and_another_one_can_be_given(trash_api, kind):
    world, workspace = trash_api.world, trash_api.project.workspace
    path = drop(trash_api, kind)
    slug = workspace.slug if kind == "workspace" else workspace.organization.slug
    parent = f"/orgs/{workspace.organization.slug}/workspaces" if kind == "workspace" else "/organizations"
    world.ask(trash_api.person, "POST", parent, {"name": "Another", "slug": slug})
    expected = (409, "duplicate_slug", f"another {kind} has the slug {slug!r}: pass another one as slug")
    assert problem(trash_api, "POST", f"{path}/restore") == expected
    restore(trash_api, path, {"slug": "restored"})
    assert world.status(trash_api.person, "GET", f"{parent}/restored") == 200


def test_workspace_that_was_deleted_before_its_organization_stays_in_the_trash(trash_api):
    world, workspace = trash_api.world, trash_api.project.workspace
    other = world.workspace(trash_api.person, workspace.organization)
    workspace_path = drop(trash_api, "workspace")
    path = drop(trash_api, "organization")
    assert [entry["kind"] for entry in list_entries(trash_api)] == ["organization"]
    assert problem(trash_api, "POST", f"{workspace_path}/restore")[0] == 404
    restore(trash_api, path)
    assert world.status(trash_api.person, "GET", other.path) == 200
    assert world.status(trash_api.person, "GET", workspace.path) == 404
    restore(trash_api, workspace_path)
    assert world.status(trash_api.person, "GET", workspace.path) == 200


def test_admins_restore_a_workspace_and_only_owners_purge_it(trash_api):
    world, workspace = trash_api.world, trash_api.project.workspace
    admin, leader, member = world.people("adam lea mia")
    world.join(admin, workspace, role="admin")
    world.join(member, workspace)
    world.join_organization(leader, workspace.organization, "admin")
    for person in (admin, leader):
        path = drop(trash_api, "workspace")
        assert problem(trash_api, "DELETE", path, person=member)[0] == 404
        expected = (403, "insufficient_role", "only its owner can delete it for good")
        assert problem(trash_api, "DELETE", path, person=person) == expected
        restore(trash_api, path, person=person)


def test_deletion_and_restoration_are_recorded(trash_api, kind):
    restore(trash_api, drop(trash_api, kind))
    path = f"/organizations/{trash_api.project.workspace.organization.slug}/activity"
    restored, deleted, *_ = trash_api.world.ask(trash_api.person, "GET", path)
    assert (restored["type"], restored["entity"]) == ("item_restored", kind)
    assert deleted["type"] == f"{kind}_deleted"


def test_webhooks_wait_until_the_restoration(trash_api, core, kind):
    sent = []
    core.env.webhook_sender = lambda request: sent.append(request) or DeliveryResult(status=200)
    hooks = f"{trash_api.project.workspace.path}/webhooks"
    trash_api.ask("POST", hooks, {"url": "https://example.com/hook", "events": ["card_created"]})
    trash_api.card()
    path = drop(trash_api, kind)
    worker = WebhookWorker(core.units, core.claims)
    worker.run_due()
    assert sent == []
    restore(trash_api, path)
    worker.run_due()
    assert len(sent) == 1


def test_invitation_and_agent_token_are_refused_until_the_restoration(trash_api, kind):
    world, workspace = trash_api.world, trash_api.project.workspace
    guest = world.person("guest")
    token = trash_api.ask("POST", f"{workspace.path}/members/invite", {"email": guest.email})["token"]
    agents = f"{workspace.path}/agents"
    agent = trash_api.ask("POST", agents, {"name": "Helper", "tools": ["board.read"]})
    secret = world.ask(
        world.bearer(trash_api.person), "POST", f"{agents}/{agent['id']}/tokens", {"name": "laptop"}
    )["token"]
    path = drop(trash_api, kind)
    assert world.status(guest, "POST", f"/invitations/{token}/accept") == 404
    assert world.status(secret, "GET", trash_api.project.path) == 404
    restore(trash_api, path)
    assert world.status(secret, "GET", trash_api.project.path) == 200
    assert world.status(guest, "POST", f"/invitations/{token}/accept") == 200


def test_cards_become_due_after_the_restoration(trash_api, core, clock):
    rule = {"trigger": "due_date_reached", "action": {"type": "set_status", "params": {"status": "done"}}}
    trash_api.ask("POST", "/automations", rule)
    card = trash_api.card(dueDate="2026-04-01T12:30:00Z")
    path = drop(trash_api, "workspace")
    core.work.begin()
    clock.advance(timedelta(hours=1))
    core.work.run_due()
    restore(trash_api, path)
    assert trash_api.ask("GET", f"/cards/{card['id']}")["status"] == "open"
    clock.advance(timedelta(minutes=1))
    core.work.run_due()
    assert trash_api.ask("GET", f"/cards/{card['id']}")["status"] == "done"


@pytest.mark.slow("purges many rows")
def test_purge_deletes_all_rows_in_batches(world, core, kind):
    person = world.person()
    organization = world.organization(person)
    before = count_rows(core)
    api = TrashApi(world, person, world.project(person, world.workspace(person, organization)))
    fill(api)
    cards = [{"title": "a card", "columnId": api.project.column_ids[0]}] * 300
    api.ask("POST", "/cards/bulk", {"cards": cards})
    path = drop(api, kind)
    world.ask(world.bearer(person), "DELETE", path)
    assert problem(api, "POST", f"{path}/restore")[0] == 404
    core.work.begin()
    assert core.work.run_due() > 20
    after = count_rows(core)
    # It has the ids of the last changes only.
    assert after["stellary_card_log"] < 2_000
    remaining = {
        "stellary_card_log",
        "stellary_jobs",
        "stellary_notification_preferences",
        "stellary_organization_activities",
        "stellary_organizations",
        "stellary_users",
    }
    grown = {name for name in after if after[name] > before[name] and name not in remaining}
    assert grown - {"stellary_trash", "stellary_trash_rows", "stellary_card_log"} == set()
    assert after["stellary_organizations"] == before["stellary_organizations"] - (kind == "organization")


def test_purge_leaves_other_workspaces_of_the_organization(trash_api, core):
    person, workspace = trash_api.person, trash_api.project.workspace
    other = trash_api.world.workspace(person, workspace.organization)
    api = TrashApi(trash_api.world, person, trash_api.world.project(person, other))
    body = {"name": "Scribe", "autonomyMode": "supervised", "tools": ["board.read"]}
    agent = trash_api.world.ask(person, "POST", f"{other.path}/agents", body)
    card = api.card("kept", assigneeId=agent["id"])
    path = drop(trash_api, "workspace")
    trash_api.world.ask(trash_api.world.bearer(person), "DELETE", path)
    core.work.begin()
    core.work.run_due()
    assert [job.error for job in core.work.jobs() if job.kind == "trash.delete_container"] == []
    assert api.ask("GET", f"/cards/{card['id']}")["assigneeId"] == agent["id"]


def test_expired_container_is_purged(trash_api, core, clock):
    core.work.begin()
    core.work.run_due()
    drop(trash_api, "workspace")
    clock.advance(timedelta(days=30, hours=1))
    core.work.run_due()
    assert list_entries(trash_api) == []
    with core.view(NOBODY) as uow:
        ids = uow.connection.execute(select(workspaces.c.id)).scalars().all()
    assert trash_api.project.workspace.id not in ids


@pytest.mark.race
def test_one_of_two_concurrent_restorations_and_purges_succeeds(trash_api, kind, rounds):
    bearer = trash_api.world.bearer(trash_api.person)

    def send(method, path):
        return trash_api.world.status(bearer, method, path)

    for _ in range(rounds):
        restoration = partial(send, "POST", f"{drop(trash_api, kind)}/restore")
        assert sorted(at_once(restoration, restoration)) == [200, 404]
    path = drop(trash_api, kind)
    statuses = at_once(partial(send, "POST", f"{path}/restore"), partial(send, "DELETE", path))
    assert sorted(statuses) == [200, 404]


def test_owner_of_a_deleted_organization_can_delete_the_account(trash_api):
    world, workspace = trash_api.world, trash_api.project.workspace
    world.join(world.person("bob"), workspace)
    drop(trash_api, "organization")
    world.ask(world.bearer(trash_api.person), "POST", "/auth/delete-account", {"currentPassword": PASSWORD})
    with world.core.view(NOBODY) as uow:
        ids = uow.connection.execute(select(organizations.c.id)).scalars().all()
    assert workspace.organization.id not in ids


def test_member_who_deletes_the_account_has_left_the_restored_container(trash_api, kind):
    world, workspace = trash_api.world, trash_api.project.workspace
    bob = world.member("bob", workspace)
    path = drop(trash_api, kind)
    world.ask(world.bearer(bob), "POST", "/auth/delete-account", {"currentPassword": PASSWORD})
    restore(trash_api, path)
    members = trash_api.ask("GET", f"{workspace.path}/members")
    assert [member["userId"] for member in members] == [trash_api.person.id]
