"""Imports in parts: a hidden project that appears at once, with the same content as by a single import."""

from datetime import timedelta

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from stellary.core import NOBODY
from stellary.core.board import multipart_imports
from tests.core.board.project_files import normalize, project_files
from tests.core.board.test_imports import KNOWN, Importing
from tests.support.tables import cards, columns, count_rows, import_parts, imports, private_projects, projects
from tests.support.tables import search_entries as entries
from tests.support.world import at_once


class ImportingInParts(Importing):
    """A user who imports projects in parts into a workspace, and another member."""

    @property
    def imports(self):
        return f"{self.workspace.path}/imports"

    def ask(self, method, tail="", body=None, who=None, **headers):
        return self.world.ask(who or self.ann, method, self.imports + tail, body, **headers)

    def call(self, method, tail="", body=None, who=None):
        answer = self.world.call(who or self.ann, method, self.imports + tail, body)
        return answer.status, orjson.loads(answer.body)

    def start(self, file, size=2):
        """Start an import, and add its cards in parts of a size; return the path of the import."""
        header = {name: value for name, value in file.items() if name != "cards"}
        tail = f"/{self.ask('POST', '', header)['id']}"
        for number, first in enumerate(range(0, len(file.get("cards", [])), size)):
            part = {"part": number, "cards": file["cards"][first : first + size]}
            self.ask("POST", f"{tail}/parts", part)
        return tail

    def import_in_parts(self, file, size=2):
        return self.ask("POST", f"{self.start(file, size)}/complete")

    def rejects(self, file, size=2):
        """Return the message with which an import is rejected at one of its requests."""
        header = {name: value for name, value in file.items() if name != "cards"}
        status, answer = self.call("POST", "", header)
        tail = f"/{answer.get('id')}"
        for number, first in enumerate(range(0, len(file.get("cards", [])), size)):
            if status == 201:
                part = {"part": number, "cards": file["cards"][first : first + size]}
                status, answer = self.call("POST", f"{tail}/parts", part)
        if status == 201:
            status, answer = self.call("POST", f"{tail}/complete")
        assert status == 400, answer
        return answer["message"]

    def read_everything(self):
        """Return what the readers of a workspace see."""
        tails = ("/projects", "/projects/portfolio", "/search?q=card", "/pilotage/state", "/documents")
        paths = [*(self.workspace.path + tail for tail in tails), "/notifications"]
        return [self.world.ask(self.bob, "GET", path) for path in paths]


@pytest.fixture
def importing(world):
    return ImportingInParts(world)


def file_of(count, **more):
    """Return a file of cards that are assigned, commented and related to the next one."""
    return {
        "project": {"name": "Launch", "key": "QX"},
        "columns": [{"id": "c", "name": "To Do"}],
        "labels": [{"id": "l", "name": "Label"}],
        "cards": [
            {
                "id": f"k{number}",
                "title": f"Card {number}",
                "columnId": "c",
                "labelIds": ["l"],
                "assignee": KNOWN,
                "comments": [{"content": "A card as well."}],
                "relations": [{"type": "blocks", "targetCardId": f"k{number + 1}"}]
                if number + 1 < count
                else [],
            }
            for number in range(count)
        ],
        "documents": [{"title": "A card in a document"}],
        "members": [{"email": KNOWN}],
        **more,
    }


@pytest.mark.slow("imports whole projects many times")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_import_in_parts_round_trips(importing, data):
    file = data.draw(project_files(["ann@example.com", KNOWN]))
    # A part does not see the numbers of the others, so the file says which one is the last.
    numbers = [card["number"] for card in file["cards"]]
    file["project"]["lastNumber"] = max([file["project"]["lastNumber"], *numbers])
    whole, in_parts = (
        importing.import_file(file),
        importing.import_in_parts(file, data.draw(st.integers(1, 3))),
    )
    exported = importing.export(in_parts)
    assert normalize(exported) == normalize(file)
    assert [len(in_parts[ids]) for ids in ("columnIds", "cardIds")] == [
        len(whole[ids]) for ids in ("columnIds", "cardIds")
    ]
    assert [card["id"] for card in exported["cards"]] == [
        card["id"] for card in importing.below(in_parts, "cards")
    ]


def test_project_appears_with_all_its_cards_when_the_import_is_completed(importing):
    before = importing.read_everything()
    tail = importing.start(file_of(5))
    assert importing.read_everything() == before
    progress = importing.ask("GET", tail)
    assert progress == progress | {"status": "open", "parts": 3, "cards": 5, "projectId": None}
    project = importing.ask("POST", f"{tail}/complete")
    assert (project["key"], project["memberCount"], len(project["cardIds"])) == ("QX", 2, 5)
    assert importing.below(project, "cards")[4]["key"] == "QX-5"
    (result,) = importing.world.ask(
        importing.bob, "GET", f"{importing.workspace.path}/search?q=QX-4&kind=card"
    )
    assert result["id"] == project["cardIds"][3]
    assert [activity["type"] for activity in importing.below(project, "activity")] == ["project_imported"]
    (notification,) = importing.world.ask(importing.bob, "GET", "/notifications")
    meta = notification["activity"]["meta"]
    assert (meta["project"], meta["columns"], meta["cards"]) == ("Launch", 1, 5)
    assert meta["columnCards"] == [{"id": project["columnIds"][0], "name": "To Do", "cards": 5}]
    assert importing.ask("GET", tail)["status"] == "completed"
    assert importing.ask("GET", tail)["projectId"] == project["id"]


def test_hidden_project_cannot_be_reached_by_its_ids(importing):
    importing.start(file_of(2))
    with importing.world.core.view(NOBODY) as uow:
        (project_id,) = uow.connection.execute(select(projects.c.id)).scalars()
        (column_id,) = uow.connection.execute(select(columns.c.id)).scalars()
        card_id = uow.connection.execute(select(cards.c.id)).scalars().first()
    path = f"{importing.path}/{project_id}"
    for method, tail in (
        ("GET", ""),
        ("GET", "/board"),
        ("GET", "/export"),
        ("GET", "/cards"),
        ("GET", f"/cards/{card_id}"),
        ("GET", "/members"),
        ("PATCH", f"/cards/{card_id}"),
        ("DELETE", ""),
        ("POST", f"/columns/{column_id}/cards"),
    ):
        body = {"title": "x"} if method in ("PATCH", "POST") else None
        assert importing.world.status(importing.ann, method, path + tail, body) == 404, (method, tail)
    workspace = importing.workspace.path
    for tail in (f"/cards/{card_id}/relations", f"/search?q=card&projectId={project_id}"):
        assert importing.world.status(importing.ann, "GET", workspace + tail) in (400, 404), tail


@pytest.mark.slow("imports a large project")
def test_cards_are_in_the_order_of_the_file_also_in_large_columns(importing):
    file = {
        "project": {"name": "Large"},
        "columns": [{"name": "a"}, {"name": "b"}],
        "cards": [
            {"title": str(number), "columnIndex": number % 2, "archived": number % 7 == 6}
            for number in range(6_000)
        ],
    }
    project = importing.import_in_parts(file, size=500)
    listed = importing.below(project, "cards?archived=false")
    titles = {
        column: [card["title"] for card in listed if card["columnId"] == column]
        for column in project["columnIds"]
    }
    assert list(titles.values()) == [
        [card["title"] for card in file["cards"] if card["columnIndex"] == index and not card["archived"]]
        for index in (0, 1)
    ]
    orders = [card["order"] for card in listed if card["columnId"] == project["columnIds"][0]]
    assert orders == list(range(len(orders)))
    card = f"{importing.path}/{project['id']}/cards/{listed[0]['id']}"
    moved = importing.world.ask(importing.ann, "PATCH", card, {"order": 2_000})
    assert moved["order"] == 2_000
    assert [card["number"] for card in listed[:2]] == [1, 3]


def test_key_that_is_taken_in_the_meantime_is_replaced_also_in_search(importing):
    tail = importing.start(file_of(2))
    importing.world.ask(importing.ann, "POST", importing.path, {"name": "Other", "key": "QX"})
    project = importing.ask("POST", f"{tail}/complete")
    assert (project["key"], project["notCarried"][0]["kind"]) == ("LAU", "key")
    search = f"{importing.workspace.path}/search?kind=card&q="
    expected = ["LAU-2"]
    assert [hit["cardKey"] for hit in importing.world.ask(importing.ann, "GET", f"{search}LAU-2")] == expected
    assert importing.world.ask(importing.ann, "GET", f"{search}QX-2") == []
    assert [hit["title"] for hit in importing.world.ask(importing.ann, "GET", search + '"LAU 2 Card"')] == [
        "Card 1"
    ]


def test_part_that_is_sent_again_changes_nothing(importing):
    file = file_of(2)
    tail = importing.start(file)
    again = importing.ask("POST", f"{tail}/parts", {"part": 0, "cards": file["cards"]})
    assert (again["parts"], again["cards"]) == (1, 2)
    status, answer = importing.call("POST", f"{tail}/parts", {"part": 0, "cards": file["cards"][:1]})
    assert (status, answer["message"]) == (409, "part 0 was added before, with other cards")
    assert len(importing.ask("POST", f"{tail}/complete")["cardIds"]) == 2
    assert (
        importing.ask("POST", f"{tail}/parts", {"part": 0, "cards": file["cards"]})["status"] == "completed"
    )
    assert importing.call("POST", f"{tail}/parts", {"part": 1, "cards": file["cards"]})[0] == 409


def test_parts_are_added_in_order(importing):
    tail = importing.start(file_of(2))
    status, answer = importing.call("POST", f"{tail}/parts", {"part": 2, "cards": file_of(1)["cards"]})
    assert (status, answer["message"]) == (409, "part 1 must be added before part 2")


def test_errors_of_the_whole_file_are_reported(importing):
    twice = file_of(3)
    twice["cards"][2]["id"] = "k0"
    assert importing.rejects(twice) == "cards[2].id must not be that of cards[0] as well"
    absent = file_of(3)
    absent["cards"][2]["relations"] = [{"type": "blocks", "targetCardId": "k9"}]
    message = "cards[2].relations[0].targetCardId must be the id of one of the file's cards"
    assert importing.rejects(absent) == message
    circle = file_of(3)
    circle["cards"][2]["relations"] = [{"type": "blocks", "targetCardId": "k0"}]
    assert importing.rejects(circle) == "cards[2].relations[0] must not create a cycle of blocks"
    number = file_of(3)
    number["cards"][0]["number"] = number["cards"][2]["number"] = 4
    assert importing.rejects(number) == "cards[0].number must not be that of a card of an earlier part"
    label = file_of(3)
    label["cards"][2]["labelIds"] = ["m"]
    assert importing.rejects(label) == "cards[0].labelIds[0] must be the id of one of the file's labels"
    message = "documents[0].parentId must be the id of one of the file's documents"
    assert importing.rejects(file_of(1, documents=[{"title": "a", "parentId": "b"}])) == message
    rule = {"trigger": "task_moved", "action": {"type": "unknown"}}
    assert importing.rejects(file_of(1, automations=[rule])).startswith("automations[0].action")
    assert importing.world.ask(importing.ann, "GET", importing.path) == []


def test_rules_refer_to_imported_cards(importing):
    rule = {
        "trigger": "task_moved",
        "action": {"type": "add_comment", "params": {"cardId": "QX-7", "content": "Moved."}},
    }
    file = file_of(2, automations=[rule])
    file["cards"][1]["number"] = 7
    project = importing.import_in_parts(file, size=1)
    (created,) = importing.below(project, "automations")
    assert (created["enabled"], created["ownerId"]) == (True, importing.ann.id)
    assert project["cardIds"][1] in orjson.dumps(created["action"]).decode()


def test_losses_have_paths_of_the_whole_file_and_are_counted_together(importing):
    file = file_of(3)
    for card in file["cards"]:
        card["cover"] = "red"
        card["assignee"] = "eve@example.com"
        card["createdBy"] = {"name": "Zoe", "email": "zoe@example.com"}
    file["cards"][2]["attachments"] = [{"originalName": "a.txt"}]
    project = importing.import_in_parts(file)
    assert project["ignored"] == ["cards[].cover"]
    assert [(loss["kind"], loss["path"], loss["count"]) for loss in project["notCarried"]] == [
        ("assignee", "cards[].assignee", 3),
        ("creator", "cards[].createdBy", 3),
        ("attachment", "cards[2].attachments[0]", 1),
    ]


def test_person_who_leaves_during_the_import_is_unassigned(importing):
    tail = importing.start(file_of(2))
    importing.world.ask(importing.ann, "DELETE", f"{importing.workspace.path}/members/{importing.bob.id}")
    project = importing.ask("POST", f"{tail}/complete")
    assert {card["assigneeId"] for card in importing.below(project, "cards")} == {None}
    expected = [("member", KNOWN, 1), ("assignee", KNOWN, 2)]
    assert [(loss["kind"], loss["name"], loss["count"]) for loss in project["notCarried"]] == expected
    assert project["memberCount"] == 1


# ---------------------------------------------------------------------------------------------- ends


def test_deleted_import_leaves_nothing(importing):
    file = file_of(3)
    tail = importing.start({**file, "project": {**file["project"], "visibility": "private"}})
    importing.ask("DELETE", tail)
    assert importing.call("GET", tail)[0] == 404
    importing.world.core.work.run_due()
    for table in (projects, cards, columns, imports, import_parts, entries, private_projects):
        assert count_rows(importing.world.core, table) == 0, table.name


def test_import_that_is_not_completed_is_deleted_after_a_day(importing, monkeypatch, clock):
    monkeypatch.setattr(multipart_imports, "BATCH", 2)
    tail = importing.start(file_of(5))
    expires_at = importing.ask("GET", tail)["expiresAt"]
    clock.advance(timedelta(hours=23))
    importing.world.core.work.run_due()
    assert importing.ask("GET", tail)["cards"] == 5
    clock.advance(timedelta(hours=1))
    assert expires_at == clock.now.isoformat().replace("+00:00", "Z")
    importing.world.core.work.run_due()
    assert importing.call("GET", tail)[0] == 404
    for table in (projects, cards, imports, import_parts):
        assert count_rows(importing.world.core, table) == 0, table.name


def test_completed_project_outlives_its_import(importing, clock):
    tail = importing.start(file_of(3))
    project = importing.ask("POST", f"{tail}/complete")
    clock.advance(timedelta(days=2))
    importing.world.core.work.run_due()
    assert importing.call("GET", tail)[0] == 404
    assert len(importing.below(project, "cards")) == 3


def test_import_ends_with_its_workspace(importing, clock):
    importing.start(file_of(3))
    importing.world.delete_for_good(importing.ann, importing.workspace.path)
    assert count_rows(importing.world.core, imports) == 0
    clock.advance(timedelta(days=2))
    importing.world.core.work.run_due()
    assert count_rows(importing.world.core, projects) == count_rows(importing.world.core, cards) == 0


def test_second_completion_is_a_conflict(importing):
    tail = importing.start(file_of(1))
    project = importing.ask("POST", f"{tail}/complete", idempotency_key="k")
    assert importing.ask("POST", f"{tail}/complete", idempotency_key="k") == project
    status, answer = importing.call("POST", f"{tail}/complete")
    assert (status, answer["message"]) == (409, f"the import has been completed, as project {project['id']}")


@pytest.mark.race
def test_two_completions_have_one_winner(importing, rounds):
    for _ in range(rounds):
        tail = importing.start(file_of(3))
        answers = at_once(*[lambda tail=tail: importing.call("POST", f"{tail}/complete")] * 3)
        assert sorted(status for status, _ in answers) == [201, 409, 409]
        (project,) = [answer for status, answer in answers if status == 201]
        assert len(importing.below(project, "cards")) == 3
        importing.world.ask(importing.ann, "DELETE", f"{importing.path}/{project['id']}")


@pytest.mark.race
def test_completion_and_deletion_leave_a_whole_project_or_none(importing, rounds):
    for _ in range(rounds):
        tail = importing.start(file_of(3))
        (completed, project), (deleted, _) = at_once(
            lambda tail=tail: importing.call("POST", f"{tail}/complete"),
            lambda tail=tail: importing.call("DELETE", tail),
        )
        assert deleted == 200
        importing.world.core.work.run_due()
        listed = importing.world.ask(importing.ann, "GET", importing.path)
        if completed == 201:
            assert [item["id"] for item in listed] == [project["id"]]
            assert len(importing.below(project, "cards")) == 3
            importing.world.ask(importing.ann, "DELETE", f"{importing.path}/{project['id']}")
        else:
            assert (completed, listed) == (404, [])
            assert count_rows(importing.world.core, cards) == 0
