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


def test_phases_become_columns_and_deliverables_cards(draft_api):
    draft = draft_api.plan(draft_api.draft(description=BRIEF))
    project = draft_api.execute(draft)
    board = draft_api.board(project)
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
    planned = next(
        deliverable
        for phase in roadmap["phases"]
        for deliverable in phase["deliverables"]
        if deliverable["title"] == migration["title"]
    )
    assert roadmap["startDate"] == "2031-05-05T00:00:00Z"
    days = [
        (datetime.fromisoformat(migration[name]) - datetime(2031, 5, 5, tzinfo=UTC)).days
        for name in ("startDate", "dueDate")
    ]
    assert days == [planned["startDay"], planned["endDay"]]
    assert (project["name"], project["memberCount"], board["project"]["description"]) == ("Booking", 1, BRIEF)


def test_a_draft_becomes_a_project_once(draft_api):
    draft = draft_api.plan(draft_api.draft())
    project = draft_api.execute(draft)
    after = draft_api.read(draft)
    assert (after["stage"], after["projectId"]) == ("executed", project["id"])
    for step, body in (
        ("execute", None),
        ("refine", {"answers": {"work": "x"}}),
        ("refine", None),
        ("generate-roadmap", None),
    ):
        assert draft_api.problem(draft, step, body) == (409, "the draft has been executed already")
    assert draft_api.read(draft) == after


def test_of_many_who_execute_at_once_one_makes_the_project(draft_api):
    draft = draft_api.plan(draft_api.draft(description=BRIEF))
    path = draft_api.of(draft, "execute")
    answers = at_once(*[lambda: draft_api.world.call(draft_api.owner, "POST", path)] * 5)
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 4}
    projects = draft_api.ask("GET", f"{draft_api.workspace.path}/projects")
    assert [project["id"] for project in projects] == [draft_api.read(draft)["projectId"]]


def test_a_project_that_cannot_be_made_leaves_the_draft_as_it_was(draft_api, monkeypatch):
    draft = draft_api.plan(draft_api.draft())
    write = imports.write_plan

    def fails(*arguments):
        write(*arguments)
        raise RuntimeError("no more")

    monkeypatch.setattr(imports, "write_plan", fails)
    assert draft_api.world.status(draft_api.owner, "POST", draft_api.of(draft, "execute")) == 500
    monkeypatch.undo()
    assert draft_api.read(draft) == draft
    assert draft_api.ask("GET", f"{draft_api.workspace.path}/projects") == []
    assert draft_api.execute(draft)["id"]


def test_name_and_start_can_be_said_last(draft_api):
    draft = draft_api.plan(draft_api.draft(description="- Build a page\n- Launch it"))
    assert draft["roadmap"]["startDate"] is None
    project = draft_api.execute(draft, name="Site", startDate="2027-03-01")
    assert (project["name"], draft_api.board(project)["cards"][0]["startDate"]) == (
        "Site",
        "2027-03-01T00:00:00Z",
    )


def test_without_a_start_it_begins_on_the_day_of_execution(draft_api, clock):
    project = draft_api.execute(draft_api.plan(draft_api.draft(description="- Build a page")))
    assert draft_api.board(project)["cards"][0]["startDate"] == f"{clock.now.date()}T00:00:00Z"


def test_a_roadmap_has_to_end_before_time_does(draft_api):
    draft = draft_api.plan(draft_api.draft())
    status, message = draft_api.problem(draft, "execute", {"startDate": "9999-12-31"})
    assert (status, message) == (
        400,
        f"startDate must leave {draft['roadmap']['days']} days until the end of year 9999",
    )
    assert draft_api.read(draft) == draft


def test_who_made_the_draft_belongs_to_the_project_that_an_admin_makes_of_it(draft_api):
    eve = draft_api.world.member("eve", draft_api.workspace)
    project = draft_api.execute(draft_api.plan(draft_api.draft(by=eve)))
    members = draft_api.ask("GET", f"{draft_api.workspace.path}/projects/{project['id']}/members")
    assert {member["userId"] for member in members} == {eve.id, draft_api.owner.id}


@pytest.mark.parametrize("deleted", ["project", "workspace", "draft"])
def test_what_is_deleted_takes_no_more_than_its_own(draft_api, deleted):
    draft = draft_api.plan(draft_api.draft())
    project = draft_api.execute(draft)
    paths = {
        "project": f"{draft_api.workspace.path}/projects/{project['id']}",
        "workspace": draft_api.workspace.path,
        "draft": draft_api.of(draft),
    }
    draft_api.ask("DELETE", paths[deleted])
    if deleted == "project":
        assert (draft_api.read(draft)["stage"], draft_api.read(draft)["projectId"]) == ("executed", None)
        assert draft_api.problem(draft, "execute")[0] == 409
    elif deleted == "draft":
        assert draft_api.board(project)["project"]["id"] == project["id"]
    else:
        assert draft_api.world.status(draft_api.owner, "GET", draft_api.of(draft)) == 404


def test_draft_names_its_project_again_after_the_restoration(draft_api):
    draft = draft_api.plan(draft_api.draft())
    project = draft_api.execute(draft)
    ask, trash = draft_api.world.ask, f"{draft_api.workspace.path}/trash"
    ask(draft_api.owner, "DELETE", f"{draft_api.workspace.path}/projects/{project['id']}")
    assert draft_api.read(draft)["projectId"] is None
    (entry,) = ask(draft_api.owner, "GET", trash)
    ask(draft_api.owner, "POST", f"{trash}/{entry['id']}/restore")
    assert draft_api.read(draft)["projectId"] == project["id"]


def test_private_draft_and_its_project_are_hidden(draft_api):
    world, boss, projects = draft_api.world, draft_api.owner, f"{draft_api.workspace.path}/projects"
    ann, rob, eve = (world.person(name) for name in ("amy", "rob", "eve"))
    for person, role in ((ann, "member"), (rob, "member"), (eve, "admin")):
        world.join(person, draft_api.workspace, role=role)
    draft = draft_api.draft(by=ann, visibility="private")

    def seen_by(person):
        listed = [
            [item["id"] for item in world.ask(person, "GET", path)]
            for path in (draft_api.path, f"{draft_api.path}?limit=5")
        ]
        assert world.status(person, "GET", draft_api.of(draft)) == (200 if listed[0] else 404)
        assert listed[0] == listed[1]
        return listed[0] == [draft["id"]]

    assert [seen_by(person) for person in (ann, boss, eve, rob)] == [True, True, True, False]
    assert world.status(rob, "POST", draft_api.of(draft, "generate-roadmap")) == 404
    draft_api.plan(draft)
    assert world.status(rob, "DELETE", draft_api.of(draft)) == 404
    project = f"{projects}/{draft_api.execute(draft)['id']}"
    assert [world.status(person, "GET", project) for person in (ann, boss, eve, rob)] == [200, 200, 200, 404]
    version = draft_api.read(draft)["version"]
    world.ask(boss, "PATCH", project, {"visibility": "workspace"})
    assert (seen_by(rob), draft_api.read(draft)["version"]) == (True, version + 1)
    world.ask(boss, "PATCH", project, {"visibility": "private"})
    world.ask(boss, "DELETE", project)
    assert (seen_by(rob), draft_api.read(draft)["projectId"]) == (False, None)


def test_draft_becomes_private_with_its_project(draft_api):
    rob = draft_api.world.member("rob", draft_api.workspace)
    draft = draft_api.plan(draft_api.draft())
    assert draft_api.world.status(rob, "GET", draft_api.of(draft)) == 200
    assert draft_api.execute(draft, visibility="private")["visibility"] == "private"
    assert draft_api.world.status(rob, "GET", draft_api.of(draft)) == 404


def test_a_long_brief_is_cut_to_what_a_project_says(draft_api):
    draft = draft_api.plan(draft_api.draft(description="x" * 9_000))
    description = draft_api.board(draft_api.execute(draft))["project"]["description"]
    assert (len(description), description[-1]) == (5_000, "…")


def test_it_is_told_once_however_many_cards_it_has(draft_api):
    project = draft_api.execute(draft_api.plan(draft_api.draft(description=BRIEF)))
    activity = draft_api.ask("GET", f"{draft_api.workspace.path}/projects/{project['id']}/activity")
    assert [activity["type"] for activity in activity] == ["project_imported"]
    assert orjson.dumps(activity[0]["meta"])


def test_a_draft_that_is_executed_meanwhile_becomes_no_second_project(draft_api):
    draft = draft_api.plan(draft_api.draft(description=BRIEF))
    ref = draft_api.workspace.ref.child(DraftRef, draft["id"])
    answer = answered_meanwhile(
        draft_api.world,
        draft_api.owner,
        lambda uow: execute_project_draft(uow, ref, ExecuteProjectDraft()),
        lambda: draft_api.world.status(draft_api.owner, "POST", draft_api.of(draft, "execute"), {}),
    )
    assert answer == 409
    assert len(draft_api.ask("GET", f"{draft_api.workspace.path}/projects")) == 1
