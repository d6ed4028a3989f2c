"""Execution: a roadmap becomes a project once, all of it or nothing."""

from collections import Counter
from datetime import UTC, datetime

import orjson
import pytest

from stellary.contract.refs import DraftRef
from stellary.contract.wizard import ExecuteProjectDraft
from stellary.core.wizard.execution import execute_project_draft
from tests.core.wizard.draft_api import BRIEF
from tests.support.concurrency import answered_meanwhile
from tests.support.core_parts import imports
from tests.support.world import at_once


def test_phases_become_columns_and_deliverables_cards(api):
    draft = api.plan(api.draft(description=BRIEF))
    project = api.execute(draft)
    board = api.board(project)
    roadmap = draft["roadmap"]
    phases = [(phase["name"], None) for phase in roadmap["phases"]]
    columns = [(column["name"], column["cardStatus"]) for column in board["columns"]]
    assert columns == [*phases, ("Done", "done")]
    by_column = {column["id"]: place for place, column in enumerate(board["columns"])}
    cards = [
        (
            by_column[card["columnId"]],
            card["title"],
            card["priority"],
            [step["title"] for step in card["checklist"]],
        )
        for card in board["cards"]
    ]
    assert cards == [
        (place, deliverable["title"], deliverable["priority"], deliverable["checklist"])
        for place, phase in enumerate(roadmap["phases"])
        for deliverable in phase["deliverables"]
    ]
    migration = next(card for card in board["cards"] if card["title"].startswith("Migrate"))
    deliverables = [item for phase in roadmap["phases"] for item in phase["deliverables"]]
    planned = next(item for item in deliverables if item["title"] == migration["title"])
    assert roadmap["startDate"] == "2031-05-05T00:00:00Z"
    days = [
        (datetime.fromisoformat(migration[name]) - datetime(2031, 5, 5, tzinfo=UTC)).days
        for name in ("startDate", "dueDate")
    ]
    assert days == [planned["startDay"], planned["endDay"]]
    assert (project["name"], project["memberCount"], board["project"]["description"]) == ("Booking", 1, BRIEF)


def test_a_draft_becomes_a_project_once(api):
    draft = api.plan(api.draft())
    project = api.execute(draft)
    after = api.read(draft)
    assert (after["stage"], after["projectId"]) == ("executed", project["id"])
    for step, body in (
        ("execute", None),
        ("refine", {"answers": {"work": "x"}}),
        ("refine", None),
        ("generate-roadmap", None),
    ):
        assert api.problem(draft, step, body) == (409, "the draft has been executed already")
    assert api.read(draft) == after


def test_of_many_who_execute_at_once_one_makes_the_project(api):
    draft = api.plan(api.draft(description=BRIEF))
    path = api.of(draft, "execute")
    answers = at_once(*[lambda: api.world.call(api.owner, "POST", path)] * 5)
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 4}
    projects = api.ask("GET", f"{api.workspace.path}/projects")
    assert [project["id"] for project in projects] == [api.read(draft)["projectId"]]


def test_a_project_that_cannot_be_made_leaves_the_draft_as_it_was(api, monkeypatch):
    draft = api.plan(api.draft())
    write = imports.write_plan

    def fails(*arguments):
        write(*arguments)
        raise RuntimeError("no more")

    monkeypatch.setattr(imports, "write_plan", fails)
    assert api.world.status(api.owner, "POST", api.of(draft, "execute")) == 500
    monkeypatch.undo()
    assert api.read(draft) == draft
    assert api.ask("GET", f"{api.workspace.path}/projects") == []
    assert api.execute(draft)["id"]


def test_name_and_start_can_be_said_last(api):
    draft = api.plan(api.draft(description="- Build a page\n- Launch it"))
    assert draft["roadmap"]["startDate"] is None
    project = api.execute(draft, name="Site", startDate="2027-03-01")
    assert (project["name"], api.board(project)["cards"][0]["startDate"]) == ("Site", "2027-03-01T00:00:00Z")


def test_without_a_start_it_begins_on_the_day_of_execution(api, clock):
    project = api.execute(api.plan(api.draft(description="- Build a page")))
    assert api.board(project)["cards"][0]["startDate"] == f"{clock.now.date()}T00:00:00Z"


def test_a_roadmap_has_to_end_before_time_does(api):
    draft = api.plan(api.draft())
    status, message = api.problem(draft, "execute", {"startDate": "9999-12-31"})
    assert status == 400
    assert message == f"startDate must leave {draft['roadmap']['days']} days until the end of year 9999"
    assert api.read(draft) == draft


def test_who_made_the_draft_belongs_to_the_project_that_an_admin_makes_of_it(api):
    eve = api.world.member("eve", api.workspace)
    project = api.execute(api.plan(api.draft(by=eve)))
    members = api.ask("GET", f"{api.workspace.path}/projects/{project['id']}/members")
    assert {member["userId"] for member in members} == {eve.id, api.owner.id}


@pytest.mark.parametrize("deleted", ["project", "workspace", "draft"])
def test_what_is_deleted_takes_no_more_than_its_own(api, deleted):
    draft = api.plan(api.draft())
    project = api.execute(draft)
    paths = {
        "project": f"{api.workspace.path}/projects/{project['id']}",
        "workspace": api.workspace.path,
        "draft": api.of(draft),
    }
    api.ask("DELETE", paths[deleted])
    if deleted == "project":
        assert (api.read(draft)["stage"], api.read(draft)["projectId"]) == ("executed", None)
        assert api.problem(draft, "execute")[0] == 409
    elif deleted == "draft":
        assert api.board(project)["project"]["id"] == project["id"]
    else:
        assert api.world.status(api.owner, "GET", api.of(draft)) == 404


def test_draft_names_its_project_again_after_the_restoration(api):
    draft = api.plan(api.draft())
    project = api.execute(draft)
    ask, trash = api.world.ask, f"{api.workspace.path}/trash"
    ask(api.owner, "DELETE", f"{api.workspace.path}/projects/{project['id']}")
    assert api.read(draft)["projectId"] is None
    (entry,) = ask(api.owner, "GET", trash)
    ask(api.owner, "POST", f"{trash}/{entry['id']}/restore")
    assert api.read(draft)["projectId"] == project["id"]


def test_private_draft_and_its_project_are_hidden(api):
    world, boss, projects = api.world, api.owner, f"{api.workspace.path}/projects"
    ann, rob, eve = (world.person(name) for name in ("amy", "rob", "eve"))
    for person, role in ((ann, "member"), (rob, "member"), (eve, "admin")):
        world.join(person, api.workspace, role=role)
    draft = api.draft(by=ann, visibility="private")

    def seen_by(person):
        listed = [
            [item["id"] for item in world.ask(person, "GET", path)]
            for path in (api.path, f"{api.path}?limit=5")
        ]
        assert world.status(person, "GET", api.of(draft)) == (200 if listed[0] else 404)
        assert listed[0] == listed[1]
        return listed[0] == [draft["id"]]

    assert [seen_by(person) for person in (ann, boss, eve, rob)] == [True, True, True, False]
    assert world.status(rob, "POST", api.of(draft, "generate-roadmap")) == 404
    api.plan(draft)
    assert world.status(rob, "DELETE", api.of(draft)) == 404
    project = f"{projects}/{api.execute(draft)['id']}"
    assert [world.status(person, "GET", project) for person in (ann, boss, eve, rob)] == [200, 200, 200, 404]
    version = api.read(draft)["version"]
    world.ask(boss, "PATCH", project, {"visibility": "workspace"})
    assert (seen_by(rob), api.read(draft)["version"]) == (True, version + 1)
    world.ask(boss, "PATCH", project, {"visibility": "private"})
    world.ask(boss, "DELETE", project)
    assert (seen_by(rob), api.read(draft)["projectId"]) == (False, None)


def test_draft_becomes_private_with_its_project(api):
    rob = api.world.member("rob", api.workspace)
    draft = api.plan(api.draft())
    assert api.world.status(rob, "GET", api.of(draft)) == 200
    assert api.execute(draft, visibility="private")["visibility"] == "private"
    assert api.world.status(rob, "GET", api.of(draft)) == 404


def test_a_long_brief_is_cut_to_what_a_project_says(api):
    draft = api.plan(api.draft(description="x" * 9_000))
    description = api.board(api.execute(draft))["project"]["description"]
    assert (len(description), description[-1]) == (5_000, "…")


def test_it_is_told_once_however_many_cards_it_has(api):
    project = api.execute(api.plan(api.draft(description=BRIEF)))
    activity = api.ask("GET", f"{api.workspace.path}/projects/{project['id']}/activity")
    assert [activity["type"] for activity in activity] == ["project_imported"]
    assert orjson.dumps(activity[0]["meta"])


def test_a_draft_that_is_executed_meanwhile_becomes_no_second_project(api):
    draft = api.plan(api.draft(description=BRIEF))
    ref = api.workspace.ref.child(DraftRef, draft["id"])
    answer = answered_meanwhile(
        api.world,
        api.owner,
        lambda uow: execute_project_draft(uow, ref, ExecuteProjectDraft()),
        lambda: api.world.status(api.owner, "POST", api.of(draft, "execute"), {}),
    )
    assert answer == 409
    assert len(api.ask("GET", f"{api.workspace.path}/projects")) == 1
