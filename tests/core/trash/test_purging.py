"""The purge of the trash: expired items, their rows in batches, and their files."""

from datetime import timedelta
from functools import partial
from typing import get_args

import pytest
from sqlalchemy import select

from stellary.contract.trash import TrashKind
from stellary.core import NOBODY
from tests.core.trash.conftest import TrashApi
from tests.support.blobs import list_blob_keys
from tests.support.core_parts import BatchSize, purged_texts
from tests.support.forms import FORM, form
from tests.support.tables import activities, count_rows, watches
from tests.support.tables import trash_rows as rows
from tests.support.world import at_once


def count_files(core) -> int:
    return len(list_blob_keys(core))


def test_item_expires_after_the_days_of_the_setting(world, core, clock):
    core.env.trash_days = 7
    api = TrashApi(world, (person := world.person()), world.project(person, world.workspace(person)))
    card = api.card()
    api.ask("DELETE", f"/cards/{card['id']}")
    core.work.begin()
    clock.advance(timedelta(days=7, seconds=-1))
    core.work.run_due()
    assert [item["itemId"] for item in api.items()] == [card["id"]]
    clock.advance(timedelta(hours=1))
    core.work.run_due()
    assert (api.items(), count_rows(core, rows)) == ([], 0)


def test_rows_are_deleted_in_batches_and_then_their_files(trash_api, core, monkeypatch):
    for card in [trash_api.card() for _ in range(3)]:
        trash_api.attach(card)
    trash_api.ask("DELETE", "")
    (item,) = trash_api.items()
    assert count_rows(core, rows) == item["rowCount"]
    assert (core.sweep(), count_files(core)) == (0, 3)
    trash_api.ask("DELETE", f"{trash_api.trash}/{item['id']}")
    assert trash_api.items() == []
    assert count_rows(core, rows) == item["rowCount"]
    core.work.run_due()
    assert (count_rows(core, rows), count_files(core)) == (0, 0)


@pytest.mark.slow("deletes many rows")
def test_each_batch_is_a_job_of_its_own(trash_api, core):
    cards = [{"title": "a card", "columnId": trash_api.project.column_ids[0]}] * 500
    for _ in range(2):
        trash_api.ask("POST", "/cards/bulk", {"cards": cards})
    trash_api.ask("DELETE", "")
    (item,) = trash_api.items()
    trash_api.ask("DELETE", f"{trash_api.trash}/{item['id']}")
    assert core.work.run_due() >= item["rowCount"] / BatchSize.MAX > 2
    assert count_rows(core, rows) == 0


def test_purged_card_is_not_watched_any_more(trash_api, core):
    other, purged = trash_api.card(), trash_api.card()
    for card in (other, purged):
        trash_api.ask("POST", f"/cards/{card['id']}/watch", {"level": "watch"})
    trash_api.ask("DELETE", f"/cards/{purged['id']}")
    core.work.run_due()
    assert count_rows(core, watches) == 2
    trash_api.ask("DELETE", f"{trash_api.trash}/{trash_api.entry(purged['id'])}")
    core.work.run_due()
    assert count_rows(core, watches, watches.c.card_id == other["id"]) == count_rows(core, watches) == 1


def test_sweep_keeps_the_files_of_deleted_attachments(trash_api, core, monkeypatch):
    card = trash_api.card()
    attachment = trash_api.attach(card, b"Hello.")
    path = f"/cards/{card['id']}/attachments/{attachment['id']}"
    trash_api.ask("DELETE", path)
    now = core.env.clock()
    monkeypatch.setattr(core.env, "clock", lambda: now + timedelta(hours=2))
    assert core.sweep() == 0
    trash_api.restore(attachment["id"])
    response = trash_api.world.call(trash_api.person, "GET", f"{trash_api.project.path}{path}")
    assert b"".join(response.blocks or [response.body]) == b"Hello."


def test_purged_project_takes_what_was_deleted_from_it_before(trash_api):
    card = trash_api.card()
    trash_api.ask("DELETE", f"/cards/{card['id']}")
    trash_api.ask("DELETE", "")
    trash_api.ask("DELETE", f"{trash_api.trash}/{trash_api.entry(trash_api.project.id)}")
    assert trash_api.items() == []


@pytest.mark.parametrize("container", ["workspace", "organization"])
def test_trash_of_a_deleted_container_is_purged_within_an_hour(world, core, container, clock):
    person = world.person()
    workspace = world.workspace(person)
    api = TrashApi(world, person, world.project(person, workspace))
    other = TrashApi(world, person, world.project(person, world.workspace(person)))
    for trash_api in (api, other):
        card = trash_api.card()
        trash_api.attach(card)
        trash_api.ask("DELETE", f"/cards/{card['id']}")
    other_count = other.items()[0]["rowCount"]
    core.work.begin()
    core.work.run_due()
    path = workspace.path if container == "workspace" else f"/organizations/{workspace.organization.slug}"
    world.ask(person, "DELETE", path)
    bearer = world.bearer(person)
    (entry,) = world.ask(bearer, "GET", "/trash")
    world.ask(bearer, "DELETE", f"/trash/{entry['id']}")
    core.work.run_due()
    clock.advance(timedelta(hours=1, seconds=1))
    core.work.run_due()
    assert (count_rows(core, rows), count_files(core)) == (other_count, 1)
    assert len(other.items()) == 1


@pytest.mark.race
@pytest.mark.parametrize("calls", [("POST", "POST"), ("DELETE", "DELETE"), ("POST", "DELETE")])
def test_concurrent_calls_have_one_winner(trash_api, core, rounds, calls):
    for _ in range(rounds):
        card = trash_api.card()
        trash_api.ask("POST", f"/cards/{card['id']}/comments", {"content": "Well."})
        trash_api.ask("DELETE", f"/cards/{card['id']}")
        path = f"{trash_api.trash}/{trash_api.entry(card['id'])}"
        paths = {"POST": f"{path}/restore", "DELETE": path}
        statuses = at_once(*(partial(trash_api.status, method, paths[method]) for method in calls))
        assert sorted(statuses) == [200, 404]
        core.work.run_due()
        is_restored = trash_api.status("GET", f"/cards/{card['id']}") == 200
        assert is_restored == (calls[statuses.index(200)] == "POST")
        assert count_rows(core, rows) == 0


@pytest.mark.race
def test_comment_is_refused_or_restored_with_its_card(trash_api, rounds):
    for _ in range(rounds):
        card = trash_api.card()
        comments = f"/cards/{card['id']}/comments"
        commented, deleted = at_once(
            lambda path=comments: trash_api.status("POST", path, {"content": "Well."}),
            lambda card_id=card["id"]: trash_api.status("DELETE", f"/cards/{card_id}"),
        )
        assert (deleted, commented in (201, 404)) == (200, True)
        trash_api.restore(card["id"])
        assert len(trash_api.ask("GET", comments)) == (commented == 201)


SECRET = "Secret"


def create_secret_items(api: TrashApi) -> dict[str, tuple[str, str]]:
    """Create items with secret texts, change each, and return the path and the id of each by its kind."""
    workspace = api.project.workspace.path
    card, other = api.card(f"{SECRET} card", description=f"{SECRET} " * 500), api.card("Other")
    api.ask("PATCH", f"/cards/{card['id']}", {"title": f"{SECRET} title"})
    relation = {"targetCardId": card["id"], "type": "blocks"}
    api.ask("POST", f"{workspace}/cards/{other['id']}/relations", relation)
    file = form(b"Hello.", f"{SECRET}.txt".encode())
    attachment = api.ask("POST", f"/cards/{other['id']}/attachments", file, content_type=FORM)
    project = api.ask("POST", f"{workspace}/projects", {"name": f"{SECRET} project"})
    api.ask("POST", f"{workspace}/projects/{project['id']}/labels", {"name": f"{SECRET} label"})
    created = {
        "column": (api.project.path, "columns", {"name": f"{SECRET} column"}),
        "scope": (api.project.path, "scopes", {"name": f"{SECRET} scope"}),
        "label": (api.project.path, "labels", {"name": f"{SECRET} label"}),
        "custom_field": (api.project.path, "custom-fields", {"name": f"{SECRET} field", "type": "text"}),
        "document": (
            workspace,
            "documents",
            {"title": SECRET, "content": SECRET, "contentFormat": "markdown"},
        ),
    }
    paths = {
        "card": (f"/cards/{card['id']}", card["id"]),
        "attachment": (f"/cards/{other['id']}/attachments/{attachment['id']}", attachment["id"]),
        "project": (f"{workspace}/projects/{project['id']}", project["id"]),
    }
    for kind, (base, collection, body) in created.items():
        item = api.ask("POST", f"{base}/{collection}", body)
        place = base if kind == "column" else workspace
        paths[kind] = (f"{place}/{collection}/{item['id']}", item["id"])
        name = "title" if kind == "document" else "name"
        api.ask("PATCH", paths[kind][0], {name: f"{SECRET} renamed"})
    comments = f"{paths['document'][0]}/comments"
    comment, _ = (api.ask("POST", comments, {"content": SECRET}) for _ in range(2))
    return {"document_comment": (f"{comments}/{comment['id']}", comment["id"]), **paths}


@pytest.mark.slow("purges one item of each kind")
def test_purged_texts_remain_in_no_activity(trash_api, core, monkeypatch):
    monkeypatch.setattr(purged_texts, "BATCH_MAX", 2)
    items = create_secret_items(trash_api)
    for path, _ in items.values():
        trash_api.ask("DELETE", path)
    for number, (_, id) in enumerate(items.values()):
        trash_api.ask("DELETE", f"{trash_api.trash}/{trash_api.entry(id)}")
        core.work.run_due()
        with core.view(NOBODY) as uow:
            records = [dict(row._mapping) for row in uow.connection.execute(select(activities))]
        remaining = {record["entity_id"] for record in records if SECRET in str(record)}
        assert not remaining & {item_id for _, item_id in list(items.values())[: number + 1]}
    assert [record for record in records if SECRET in str(record)] == []
    purges = [record["meta"]["kind"] for record in records if record["type"] == "item_purged"]
    assert sorted(purges) == sorted(items)


def test_each_kind_of_item_has_its_texts_erased():
    # Cards and projects are found by their own columns; the records of a comment contain none of its text.
    assert {*get_args(TrashKind)} - {"card", "project", "comment"} <= {*purged_texts._KINDS.values()}
