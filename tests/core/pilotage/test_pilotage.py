"""Missions, priorities, todos, decisions and active documents: creation, lists, changes and deletion."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from stellary.contract.pilotage import CreateTodo
from stellary.core import NOBODY
from stellary.core.pilotage.pilotage import create_todo
from tests.core.pilotage.pilotage_api import PilotageApi
from tests.support import tables
from tests.support.boards import ask, status
from tests.support.core_parts import paging
from tests.support.each_case import for_each
from tests.support.world import at_once

KINDS = {
    "missions": ({"objective": "Implement billing"}, "m"),
    "priorities": ({"label": "Ship it"}, "p"),
    "todos": ({"label": "Write tests"}, "t"),
    "decisions": ({"title": "Use Stripe"}, "d"),
    "docs": ({"title": "Spec"}, "doc"),
    "actions/propose": ({"actionType": "archive_card", "explanation": "Old"}, "act"),
}
DELETED = ("missions", "priorities", "todos", "docs")
kinds = pytest.mark.parametrize("kind", KINDS)


def create(api, kind, **more):
    return api.ask("POST", kind, KINDS[kind][0] | more)


def list_items(api, kind, query=""):
    return api.ask("GET", f"{kind.partition('/')[0]}?{query}")


# ---------------------------------------------------------------------------------------------- what all have in common


@kinds
def test_ids_count_in_each_workspace(api, kind):
    other = PilotageApi(api.world, api.owner)
    assert [create(api, kind)["id"] for _ in range(2)] == [f"{KINDS[kind][1]}-00{n}" for n in (1, 2)]
    assert create(other, kind)["id"] == f"{KINDS[kind][1]}-001"
    assert [item["id"] for item in list_items(other, kind)] == [f"{KINDS[kind][1]}-001"]


@kinds
def test_concurrently_assigned_ids_are_unique_and_consecutive(api, kind):
    ids = at_once(*[lambda: create(api, kind)["id"]] * 16)
    assert sorted(ids) == [f"{KINDS[kind][1]}-{n:03d}" for n in range(1, 17)]
    assert [item["id"] for item in list_items(api, kind)] == sorted(ids)


def give_up(api):
    with api.world.core.begin(api.owner.actor) as uow:
        assert create_todo(uow, api.workspace.ref, CreateTodo(label="x")).id == "t-002"
        raise LookupError


def test_failed_creation_leaves_no_gap(api):
    assert create(api, "todos")["id"] == "t-001"
    assert api.error("POST", "todos", {"label": "x", "missionId": "m-001"})[0] == 400
    with pytest.raises(LookupError):
        give_up(api)
    assert create(api, "todos")["id"] == "t-002"


@pytest.mark.parametrize("kind", DELETED)
def test_id_of_a_deleted_item_is_not_reused(api, kind):
    first = create(api, kind)["id"]
    assert api.ask("DELETE", f"{kind}/{first}") == {"ok": True}
    assert list_items(api, kind) == []
    assert create(api, kind)["id"].endswith("-002")


@kinds
def test_lists_come_by_the_page_and_beyond_a_thousand(api, kind):
    first = create(api, kind)
    table = getattr(tables, f"pilotage_{kind.partition('/')[0]}")
    with api.world.core.begin(NOBODY) as uow:
        number = update(tables.pilotage_numbers).where(
            tables.pilotage_numbers.c.workspace_id == api.workspace.id
        )
        uow.connection.execute(number.values(last=998))
    items = [first, *(create(api, kind) for _ in range(3))]
    assert [item["id"].partition("-")[2] for item in items] == ["001", "999", "1000", "1001"]
    assert [item["id"] for item in list_items(api, kind)] == [item["id"] for item in items]
    pages = api.world.walk(api.owner, f"{api.flat}/pilotage/{kind.partition('/')[0]}?limit=2")
    assert [item for page in pages for item in page] == items
    assert table.name.startswith("stellary_pilotage_")


@for_each("cursor", ["x", "MA", "LTE", "OTk5OTk5OTk5OTk5", "YWJj"])
def test_foreign_cursor_is_refused(api, cursor):
    assert api.error("GET", f"missions?cursor={cursor}")[0] == 400


def test_cursor_beyond_the_last_number_ends_the_list(api):
    api.mission()
    assert api.ask("GET", "missions?limit=3&cursor=OTk5OTk5OTk5OQ") == []


@pytest.mark.slow("deletes a workspace for each kind of item")
@kinds
def test_items_are_deleted_with_the_workspace(api, kind):
    create(api, kind)
    other = PilotageApi(api.world, api.owner)
    other_item = create(other, kind)
    api.world.delete_for_good(api.owner, api.flat)
    assert list_items(other, kind) == [other_item]
    api.world.delete_for_good(api.owner, other.workspace.organization.path)
    table = getattr(tables, f"pilotage_{kind.partition('/')[0]}")
    with api.world.core.view(NOBODY) as uow:
        for numbered_table in (table, tables.pilotage_numbers):
            rows = select(numbered_table).where(
                numbered_table.c.workspace_id.in_([api.workspace.id, other.workspace.id])
            )
            assert uow.connection.execute(rows).fetchall() == []


def test_created_item_reads_back_equal(api):
    decided = create(api, "decisions", impact="Saves three weeks")
    assert (decided["createdById"], decided["updatedAt"]) == (api.owner.id, decided["createdAt"])
    assert list_items(api, "decisions") == [decided]


# ---------------------------------------------------------------------------------------------- missions


def test_a_mission_is_launched_blocked_and_done(api):
    clock = api.world.stop_clock()
    mission = api.ask("POST", "missions", {"objective": "Implement billing", "module": "billing"})
    assert (mission["id"], mission["status"], mission["module"]) == ("m-001", "to_launch", "billing")
    path = f"missions/{mission['id']}"
    clock.advance(timedelta(hours=1))
    blocked = api.ask("PATCH", path, {"status": "blocked", "blockedReason": "Waiting on API"})
    assert blocked["blockedReason"] == "Waiting on API"
    assert blocked["updatedAt"] == "2026-04-01T13:00:00Z"
    going = api.ask("PATCH", path, {"status": "in_progress"})
    assert (going["blockedReason"], going["completedAt"]) == (None, None)
    done = api.ask("PATCH", path, {"status": "done", "objective": "Bill", "module": None})
    assert (done["completedAt"], done["objective"], done["module"]) == ("2026-04-01T13:00:00Z", "Bill", None)
    again = api.ask("PATCH", path, {"status": "to_launch"})
    assert again["completedAt"] is None
    assert api.ask("PATCH", path, {}) == again
    assert list_items(api, "missions") == [again]


@pytest.mark.parametrize("kind", ["missions", "priorities", "todos"])
def test_things_are_listed_by_status(api, kind):
    create(api, kind)
    done = api.ask("PATCH", f"{kind}/{create(api, kind)['id']}", {"status": "done"})
    assert list_items(api, kind, "status=done") == [done]


def test_concurrent_changes_leave_a_consistent_mission(api):
    def changing(mission, body):
        return lambda: status(api, "PATCH", f"{api.flat}/pilotage/missions/{mission}", body)

    for _ in range(6):
        mission = api.mission(status="blocked", blockedReason="Waiting")["id"]
        changes = [{"status": "done"}, {"blockedReason": "Still waiting"}] * 4
        assert set(at_once(*[changing(mission, body) for body in changes])) <= {200, 409}
    for mission in list_items(api, "missions"):
        assert (mission["status"], mission["blockedReason"]) == ("done", None)


# ---------------------------------------------------------------------------------------------- todos


def test_a_todo_serves_a_mission_and_a_priority(api):
    mission, priority = api.mission(), api.priority()
    todo = api.ask(
        "POST", "todos", {"label": "Write", "missionId": mission["id"], "priorityId": priority["id"]}
    )
    assert (todo["missionId"], todo["priorityId"], todo["status"]) == ("m-001", "p-001", "todo")
    path = f"todos/{todo['id']}"
    assert api.ask("PATCH", path, {"missionId": api.mission("Another")["id"]})["missionId"] == "m-002"
    freed = api.ask("PATCH", path, {"missionId": None, "label": "Rewrite"})
    assert (freed["missionId"], freed["priorityId"], freed["label"]) == (None, "p-001", "Rewrite")
    assert api.error("PATCH", path, {"missionId": "m-003"})[0] == 400
    assert list_items(api, "todos") == [freed]


def test_todo_outlives_its_mission_and_priority(api):
    mission, priority = api.mission(), api.priority()
    served = {"missionId": mission["id"], "priorityId": priority["id"]}
    todo = api.ask("POST", "todos", {"label": "Write", **served})
    other_todo = api.todo("Read", api.mission("Another"))
    api.ask("DELETE", f"missions/{mission['id']}")
    api.ask("DELETE", f"priorities/{priority['id']}")
    first, second = list_items(api, "todos")
    assert (first["id"], first["missionId"], first["priorityId"]) == (todo["id"], None, None)
    assert second == other_todo


# ---------------------------------------------------------------------------------------------- the cycle


def test_workspace_has_a_pilotage_cycle(api):
    assert api.state()["cycle"] == "v1"
    assert ask(api, "PATCH", api.flat, {"pilotageCycle": "v8"})["pilotageCycle"] == "v8"
    assert ask(api, "GET", api.flat)["pilotageCycle"] == "v8"
    assert ask(api, "PATCH", api.flat, {"name": "Renamed"})["pilotageCycle"] == "v8"
    assert api.state()["cycle"] == "v8"
    assert status(api, "PATCH", api.flat, {"pilotageCycle": "x" * 51}) == 400


def test_pages_by_status_look_through_a_bounded_number_of_items(api, monkeypatch):
    missions = [api.mission(f"Mission {number}") for number in range(10)]
    api.ask("PATCH", f"missions/{missions[5]['id']}", {"status": "done"})
    monkeypatch.setattr(paging, "SCAN_MAX", 4)
    pages = api.walk(f"{api.flat}/pilotage/missions?status=done&limit=3")
    assert [[mission["id"] for mission in page] for page in pages] == [[], [missions[5]["id"]], []]
