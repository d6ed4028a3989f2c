"""Execution: a roadmap becomes a project once, all of it or nothing."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import orjson
import pytest

from stellary.contract.refs import DraftRef
from stellary.contract.wizard import ExecuteProjectDraft
from stellary.core.board import imports
from stellary.core.wizard.execution import execute_project_draft
from tests.core.wizard.studio import BRIEF
from tests.support.concurrency import answered_meanwhile
from tests.support.world import at_once


def test_phases_become_columns_and_deliverables_cards(studio):
    draft = studio.plan(studio.draft(description=BRIEF))
    project = studio.execute(draft)
    board = studio.board(project)
    roadmap = draft["roadmap"]
    phases = [(phase["name"], None) for phase in roadmap["phases"]]
    columns = [(column["name"], column["cardStatus"]) for column in board["columns"]]
    assert columns == [*phases, ("Done", "done")]
    by_column = {column["id"]: place for place, column in enumerate(board["columns"])}
    made = [
        (
            by_column[card["columnId"]],
            card["title"],
            card["priority"],
            [step["title"] for step in card["checklist"]],
        )
        for card in board["cards"]
    ]
    assert made == [
        (place, each["title"], each["priority"], each["checklist"])
        for place, phase in enumerate(roadmap["phases"])
        for each in phase["deliverables"]
    ]
    migration = next(card for card in board["cards"] if card["title"].startswith("Migrate"))
    planned = next(
        each
        for phase in roadmap["phases"]
        for each in phase["deliverables"]
        if each["title"] == migration["title"]
    )
    assert roadmap["startDate"] == "2031-05-05T00:00:00Z"
    days = [
        (datetime.fromisoformat(migration[name]) - datetime(2031, 5, 5, tzinfo=UTC)).days
        for name in ("startDate", "dueDate")
    ]
    assert days == [planned["startDay"], planned["endDay"]]
    assert (project["name"], project["memberCount"], board["project"]["description"]) == ("Booking", 1, BRIEF)


def test_a_draft_becomes_a_project_once(studio):
    draft = studio.plan(studio.draft())
    project = studio.execute(draft)
    after = studio.read(draft)
    assert (after["stage"], after["projectId"]) == ("executed", project["id"])
    for step, body in (
        ("execute", None),
        ("refine", {"answers": {"work": "x"}}),
        ("refine", None),
        ("generate-roadmap", None),
    ):
        assert studio.problem(draft, step, body) == (409, "the draft has become a project already")
    assert studio.read(draft) == after


def test_of_many_who_execute_at_once_one_makes_the_project(studio):
    draft = studio.plan(studio.draft(description=BRIEF))
    path = studio.of(draft, "execute")
    answers = at_once(*[lambda: studio.world.call(studio.owner, "POST", path)] * 5)
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 4}
    projects = studio.world.ask(studio.owner, "GET", f"{studio.workspace.path}/projects")
    assert [each["id"] for each in projects] == [studio.read(draft)["projectId"]]


def test_a_project_that_cannot_be_made_leaves_the_draft_as_it_was(studio, monkeypatch):
    draft = studio.plan(studio.draft())
    write = imports._write

    def fails(*arguments):
        write(*arguments)
        raise RuntimeError("no more")

    monkeypatch.setattr(imports, "_write", fails)
    assert studio.world.status(studio.owner, "POST", studio.of(draft, "execute")) == 500
    monkeypatch.undo()
    assert studio.read(draft) == draft
    assert studio.world.ask(studio.owner, "GET", f"{studio.workspace.path}/projects") == []
    assert studio.execute(draft)["id"]


def test_an_execution_that_is_sent_twice_is_answered_alike(studio):
    draft = studio.plan(studio.draft())
    sent = [
        studio.world.call(studio.owner, "POST", studio.of(draft, "execute"), idempotency_key="k")
        for _ in range(2)
    ]
    assert [each.status for each in sent] == [201, 201]
    assert sent[0].body == sent[1].body


def test_name_and_start_can_be_said_last(studio):
    draft = studio.plan(studio.draft(description="- Build a page\n- Launch it"))
    assert draft["roadmap"]["startDate"] is None
    project = studio.execute(draft, name="Site", startDate="2027-03-01")
    assert (project["name"], studio.board(project)["cards"][0]["startDate"]) == (
        "Site",
        "2027-03-01T00:00:00Z",
    )


def test_without_a_start_it_begins_on_the_day_of_execution(studio):
    clock = studio.world.stop_clock()
    project = studio.execute(studio.plan(studio.draft(description="- Build a page")))
    assert studio.board(project)["cards"][0]["startDate"] == f"{clock.now.date()}T00:00:00Z"


def test_a_roadmap_has_to_end_before_time_does(studio):
    draft = studio.plan(studio.draft())
    status, message = studio.problem(draft, "execute", {"startDate": "9999-12-31"})
    assert (status, message) == (
        400,
        f"startDate must leave {draft['roadmap']['days']} days until the end of year 9999",
    )
    assert studio.read(draft) == draft


def test_who_made_the_draft_belongs_to_the_project_that_an_admin_makes_of_it(studio):
    eve = studio.world.person("eve")
    studio.world.join(eve, studio.workspace)
    draft = studio.plan(studio.draft(by=eve))
    project = studio.execute(draft)
    members = studio.world.ask(
        studio.owner, "GET", f"{studio.workspace.path}/projects/{project['id']}/members"
    )
    assert {each["userId"] for each in members} == {eve.id, studio.owner.id}


@pytest.mark.parametrize("gone", ["project", "workspace", "draft"])
def test_what_is_deleted_takes_no_more_than_its_own(studio, gone):
    draft = studio.plan(studio.draft())
    project = studio.execute(draft)
    paths = {
        "project": f"{studio.workspace.path}/projects/{project['id']}",
        "workspace": studio.workspace.path,
        "draft": studio.of(draft),
    }
    studio.world.ask(studio.owner, "DELETE", paths[gone])
    if gone == "project":
        assert (studio.read(draft)["stage"], studio.read(draft)["projectId"]) == ("executed", None)
        assert studio.problem(draft, "execute")[0] == 409
    elif gone == "draft":
        assert studio.board(project)["project"]["id"] == project["id"]
    else:
        assert studio.world.status(studio.owner, "GET", studio.of(draft)) == 404


def test_a_long_brief_is_cut_to_what_a_project_says(studio):
    draft = studio.plan(studio.draft(description="x" * 9_000))
    description = studio.board(studio.execute(draft))["project"]["description"]
    assert (len(description), description[-1]) == (5_000, "…")


def test_it_is_told_once_however_many_cards_it_has(studio):
    project = studio.execute(studio.plan(studio.draft(description=BRIEF)))
    activity = studio.world.ask(
        studio.owner, "GET", f"{studio.workspace.path}/projects/{project['id']}/activity"
    )
    assert [each["type"] for each in activity] == ["project_imported"]
    assert orjson.dumps(activity[0]["meta"])


def test_a_draft_that_is_executed_meanwhile_becomes_no_second_project(studio):
    draft = studio.plan(studio.draft(description=BRIEF))
    ref = studio.workspace.ref.child(DraftRef, draft["id"])
    answer = answered_meanwhile(
        studio.world,
        studio.owner,
        lambda uow: execute_project_draft(uow, ref, ExecuteProjectDraft()),
        lambda: studio.world.status(studio.owner, "POST", studio.of(draft, "execute"), {}),
    )
    assert answer == 409
    assert len(studio.world.ask(studio.owner, "GET", f"{studio.workspace.path}/projects")) == 1
