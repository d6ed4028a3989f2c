"""Projects that come as a file: as much as there is to say, in the right places, and who is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from stellary.contract.endpoint import TOKEN_SCOPES
from stellary.core.db.base import metadata
from stellary.core.kernel.unit import NOBODY
from tests.core.board.project_files import alike, one_card, project_files
from tests.core.board.test_import_rules import WRONG, related
from tests.support.boards import Board
from tests.support.forms import FORM, form
from tests.support.world import at_once

PUBLISHED = {
    "project": {"name": "Imported"},
    "columns": [{"name": "To Do"}, {"name": "In Progress"}, {"name": "Done"}],
    "cards": [{"title": "First task", "columnIndex": 0, "priority": "medium"}],
}
KNOWN = "bob@example.com"


class Importing:
    """Somebody who imports into a workspace, in which there is somebody else as well."""

    def __init__(self, world):
        self.world = world
        self.ann, self.bob = world.people("ann bob")
        self.workspace = world.workspace(self.ann)
        world.join(self.bob, self.workspace)
        self.path = f"{self.workspace.path}/projects"

    def import_file(self, file, who=None, **headers):
        return self.world.ask(who or self.ann, "POST", f"{self.path}/import", file, **headers)

    def export(self, project):
        return self.world.ask(self.ann, "GET", f"{self.path}/{project['id']}/export")

    def refused(self, file):
        answer = self.world.call(self.ann, "POST", f"{self.path}/import", file)
        assert answer.status == 400, answer
        return orjson.loads(answer.body)["message"]

    def below(self, project, tail):
        return self.world.ask(self.ann, "GET", f"{self.path}/{project['id']}/{tail}")


@pytest.fixture
def importing(world):
    return Importing(world)


def rows(core):
    """All rows there are."""
    with core.view(NOBODY) as uow:
        return {
            table.name: sorted(map(repr, uow.connection.execute(table.select())))
            for table in metadata.sorted_tables
        }


# ---------------------------------------------------------------------------------------------- what is made


def test_the_published_form_makes_a_project(importing):
    new_project = importing.import_file(PUBLISHED)
    assert (
        new_project["name"],
        new_project["key"],
        new_project["memberCount"],
        new_project["ignored"],
        new_project["notCarried"],
    ) == (
        "Imported",
        "IMP",
        1,
        [],
        [],
    )
    (card,) = importing.below(new_project, "cards")
    columns = importing.below(new_project, "columns")
    assert [column["id"] for column in columns] == new_project["columnIds"]
    assert [card["id"]] == new_project["cardIds"]
    assert (card["title"], card["columnId"], card["priority"], card["key"], card["status"]) == (
        "First task",
        new_project["columnIds"][0],
        "medium",
        "IMP-1",
        "open",
    )


def test_a_project_alone_has_its_scope_and_nothing_else(importing):
    found = importing.export(importing.import_file({"project": {"name": "Empty"}}))
    assert [scope["name"] for scope in found["scopes"]] == ["Main"]
    assert (found["columns"], found["cards"]) == ([], [])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_was_imported_is_exported_again(importing, data):
    file = data.draw(project_files(["ann@example.com", KNOWN]))
    new_project = importing.import_file(file)
    first = importing.export(new_project)
    assert alike(first) == alike(file)
    assert new_project["notCarried"] == [] or [each["kind"] for each in new_project["notCarried"]] == ["key"]
    assert alike(importing.export(importing.import_file(first))) == alike(first)
    assert importing.export(new_project)["cards"] == first["cards"]


def test_a_key_is_kept_unless_another_project_has_it(importing):
    file = {"project": {"name": "Launch", "key": "QX"}}
    assert importing.import_file(file)["key"] == "QX"
    again = importing.import_file(file)
    assert again["key"] == "LAU"
    assert [(each["kind"], each["path"], each["name"]) for each in again["notCarried"]] == [
        ("key", "project.key", "QX")
    ]


def test_cards_without_a_number_get_one_that_none_has_had(importing):
    cards = [{"title": "a", "columnIndex": 0}, {"title": "b", "columnIndex": 0, "number": 7}]
    file = {"project": {"name": "x", "lastNumber": 9}, "columns": [{"name": "a"}], "cards": cards}
    new_project = importing.import_file(file)
    assert [card["number"] for card in importing.below(new_project, "cards")] == [10, 7]
    column = new_project["columnIds"][0]
    new = importing.world.ask(
        importing.ann, "POST", f"{importing.path}/{new_project['id']}/columns/{column}/cards", {"title": "c"}
    )
    assert (new["number"], new["order"]) == (11, 2)


def test_a_column_that_holds_more_than_its_limit_keeps_them(importing):
    cards = [{"title": "a", "columnIndex": 0}] * 3
    file = {"project": {"name": "x"}, "columns": [{"name": "a", "wipLimit": 1}], "cards": cards}
    assert [column["cardCount"] for column in importing.below(importing.import_file(file), "columns")] == [3]


def test_a_status_that_is_not_given_is_the_columns(importing):
    cards = [{"title": "a", "columnIndex": 0}, {"title": "b", "columnIndex": 0, "status": "open"}]
    columns = [{"name": "a", "cardStatus": "done"}]
    new_project = importing.import_file({"project": {"name": "x"}, "columns": columns, "cards": cards})
    assert [
        (card["status"], card["completedAt"] is None) for card in importing.below(new_project, "cards")
    ] == [
        ("done", False),
        ("open", True),
    ]


def test_what_is_still_to_come_has_happened_now(importing):
    clock = importing.world.stop_clock()
    later = (clock.now + timedelta(days=1)).isoformat()
    comment = {"content": "Well.", "createdAt": later}
    new_project = importing.import_file(
        one_card(status="done", createdAt=later, completedAt=later, comments=[comment])
    )
    (card,) = importing.export(new_project)["cards"]
    now = "2026-04-01T12:00:00Z"
    assert (card["createdAt"], card["completedAt"], card["comments"][0]["createdAt"]) == (now, now, now)


def test_what_was_completed_was_made_by_then(importing):
    new_project = importing.import_file(one_card(status="done", completedAt="2026-01-01"))
    assert importing.export(new_project)["cards"][0]["createdAt"] == "2026-01-01T00:00:00Z"


def test_what_is_not_known_is_named_once(importing):
    file = one_card(
        cover={"color": "red"}, checklist=[{"title": "a", "_id": "1"}, {"title": "b", "_id": "2"}]
    )
    file |= {"generator": "x"}
    file["cards"].append(file["cards"][0])
    assert importing.import_file(file)["ignored"] == ["cards[].checklist[]._id", "cards[].cover", "generator"]


def test_of_very_many_unknown_names_a_hundred_are_told(importing):
    found = importing.import_file({"project": {"name": "x"}} | {f"n{number:03}": 1 for number in range(150)})[
        "ignored"
    ]
    assert (len(found), found[-1]) == (101, "and 50 more")


def test_an_idempotency_key_makes_one_project(importing):
    projects = [importing.import_file(PUBLISHED, idempotency_key="k") for _ in range(2)]
    assert projects[0] == projects[1]
    assert len(importing.world.ask(importing.ann, "GET", importing.path)) == 1


def test_two_imports_at_once_get_keys_of_their_own(importing):
    projects = at_once(*[lambda: importing.import_file(PUBLISHED)] * 4)
    assert len({each["key"] for each in projects}) == 4


# ---------------------------------------------------------------------------------------------- people


def test_cards_are_assigned_to_who_is_there(importing):
    importing.world.person("eve")
    file = one_card(assignee="BOB@example.com")
    file["cards"] += [{"title": "u", "columnIndex": 0, "assignee": "eve@example.com"}] * 2
    new_project = importing.import_file(file)
    assert [card["assigneeId"] for card in importing.below(new_project, "cards")] == [
        importing.bob.id,
        None,
        None,
    ]
    (left,) = new_project["notCarried"]
    assert (left["kind"], left["path"], left["name"], left["count"]) == (
        "assignee",
        "cards[].assignee",
        "eve@example.com",
        2,
    )


def test_members_are_those_who_are_there_and_nobody_is_let_in(importing):
    eve = importing.world.person("eve")
    members = [{"email": KNOWN}, {"email": "eve@example.com"}, {"name": "Nobody"}, {"email": KNOWN}]
    new_project = importing.import_file({"project": {"name": "x"}, "members": members})
    assert new_project["memberCount"] == 2
    assert {each["email"] for each in importing.below(new_project, "members")} == {"ann@example.com", KNOWN}
    assert [(each["path"], each["name"]) for each in new_project["notCarried"]] == [
        ("members[1]", "eve@example.com"),
        ("members[2]", "Nobody"),
    ]
    assert importing.world.status(eve, "GET", f"{importing.path}/{new_project['id']}") == 404


def test_a_token_that_could_not_add_members_adds_none(importing):
    file = {"project": {"name": "x"}, "members": [{"email": "ann@example.com"}, {"email": KNOWN}]}
    new_project = importing.import_file(file, importing.world.api_token(importing.ann, ["projects:write"]))
    assert new_project["memberCount"] == 1
    (left,) = new_project["notCarried"]
    assert (left["path"], left["reason"]) == (
        "members[1]",
        "adding members is not allowed: this takes an API token with all scopes",
    )
    assert (
        importing.import_file(file, importing.world.api_token(importing.ann, TOKEN_SCOPES))["memberCount"]
        == 2
    )


def test_whoever_imports_answers_for_the_comments_whatever_the_file_says(importing):
    author = {"name": "bob", "email": KNOWN}
    comments = [
        {"content": "I quit.", "author": author, "createdAt": "2026-01-01"},
        {"content": "Mine.", "createdAt": "2026-01-02"},
        {"content": "By mail.", "author": {"email": "x" * 60 + "@" + "y" * 60 + ".example.com"}},
    ]
    new_project = importing.import_file(one_card(comments=comments))
    tail = f"cards/{new_project['cardIds'][0]}/comments"
    found = importing.below(new_project, tail)
    assert [(each["authorId"], each["authorName"], each["importedFrom"]) for each in found[:2]] == [
        (importing.ann.id, "bob (imported by ann)", "bob"),
        (importing.ann.id, "ann (imported by ann)", "ann"),
    ]
    assert len(found[2]["importedFrom"]) == 100
    assert importing.below(new_project, "cards")[0]["commentCount"] == 3
    own = importing.world.ask(
        importing.ann, "POST", f"{importing.path}/{new_project['id']}/{tail}", {"content": "Here."}
    )
    assert (own["authorName"], own["importedFrom"]) == ("ann", None)
    # Bob did not say it here, so that it is not for him to change.
    path = f"{importing.path}/{new_project['id']}/{tail}/{found[0]['id']}"
    assert importing.world.status(importing.bob, "PATCH", path, {"content": "I stay."}) == 403
    said = importing.export(new_project)["cards"][0]["comments"]
    assert said[0]["author"] == author
    assert importing.import_file(importing.export(new_project))["notCarried"][0]["kind"] == "key"


def test_who_made_a_card_elsewhere_is_told_and_not_kept(importing):
    new_project = importing.import_file(one_card(createdBy={"name": "bob", "email": KNOWN}))
    assert importing.below(new_project, "cards")[0]["createdById"] == importing.ann.id
    assert [(each["kind"], each["name"], each["count"]) for each in new_project["notCarried"]] == [
        ("creator", "bob", 1)
    ]
    assert (
        importing.import_file(one_card(createdBy={"name": "Ann", "email": "ANN@example.com"}))["notCarried"]
        == []
    )


def test_an_import_is_told_once_to_each_whom_it_concerns(importing):
    zoe = importing.world.person("zoe")
    importing.world.join(zoe, importing.workspace)
    file = one_card(assignee=KNOWN, comments=[{"content": "@zoe, look."}])
    file["cards"] *= 20
    file["members"] = [{"email": "zoe@example.com"}]
    importing.import_file(file)
    for person in (importing.bob, zoe):
        (told,) = importing.world.ask(person, "GET", "/notifications")
        assert told["activity"]["type"] == "project_imported"
        assert told["activity"]["meta"] == {"project": "x", "columns": 1, "cards": 20}
    assert importing.world.ask(importing.ann, "GET", "/notifications") == []


# ---------------------------------------------------------------------------------------------- what is refused


def test_what_cannot_be_makes_nothing(importing):
    before = rows(importing.world.core)
    for file, said in WRONG.values():
        assert importing.refused(file) == said
    assert rows(importing.world.core) == before


def test_relations_are_kept_from_whichever_end_they_are_told(importing):
    new_project = importing.import_file(
        related(
            "0 blocked_by 1",
            "0 child_of 2",
            "1 duplicated_by 2",
            "2 related_to 0",
            "0 blocks 3",
            "1 blocks 3",
        )
    )
    found = importing.export(new_project)["cards"]
    places = {card["id"]: place for place, card in enumerate(found)}
    told = {
        f"{place} {each['type']} {places[each['targetCardId']]}"
        for place, card in enumerate(found)
        for each in card["relations"]
    }
    assert told == {
        "1 blocks 0",
        "2 parent_of 0",
        "2 duplicates 1",
        "0 related_to 2",
        "0 blocks 3",
        "1 blocks 3",
    }


def test_a_failure_at_any_statement_leaves_nothing(importing):
    file = one_card(
        id="k",
        assignee=KNOWN,
        labelIds=["l"],
        customFields={"f": "v"},
        checklist=[{"title": "s"}],
        comments=[{"content": "Well."}],
        relations=[{"type": "blocks", "targetCardId": "m"}],
    )
    file["cards"].append({"id": "m", "title": "u", "columnIndex": 0})
    file |= {"labels": [{"id": "l", "name": "L"}], "customFields": [{"id": "f", "name": "F", "type": "text"}]}
    before = rows(importing.world.core)
    at, sent = 0, 0

    def fail(connection, cursor, sql, *rest):
        nonlocal sent
        sent += 1
        if sent == at and not sql.startswith(("ROLLBACK", "RELEASE")):
            raise RuntimeError("injected")

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        failed = 0
        while True:
            at, sent = at + 1, 0
            answer = importing.world.call(importing.ann, "POST", f"{importing.path}/import", file)
            if sent < at:
                break
            if answer.status == 500:
                failed += 1
                at_that, at = at, -1
                assert rows(importing.world.core) == before
                at = at_that
            else:
                importing.world.ask(
                    importing.ann, "DELETE", f"{importing.path}/{orjson.loads(answer.body)['id']}"
                )
                before = rows(importing.world.core)
    finally:
        event.remove(Engine, "before_cursor_execute", fail)
    assert answer.status == 201
    assert failed >= 14


# ---------------------------------------------------------------------------------------------- what is exported


def test_an_export_tells_what_it_cannot_hold(importing):
    board = Board(importing.world, importing.ann, importing.workspace)
    elsewhere = Board(importing.world, importing.ann, importing.workspace)
    card, other = board.card("Here"), elsewhere.card("There")
    related = {"targetCardId": card["id"], "type": "blocks"}
    importing.world.ask(importing.ann, "POST", f"{board.flat}/cards/{other['id']}/relations", related)
    file = form(b"Hello.", b"spec.pdf", b"application/pdf")
    importing.world.ask(importing.bob, "POST", f"{board.of(card)}/attachments", file, content_type=FORM)
    (found,) = (each for each in importing.export(board.project)["cards"])
    assert found["relations"] == [
        {"type": "blocked_by", "targetCardId": None, "targetKey": f"{elsewhere.project['key']}-1"}
    ]
    (attachment,) = found["attachments"]
    assert (attachment["originalName"], attachment["size"], attachment["uploadedBy"]["name"]) == (
        "spec.pdf",
        6,
        "bob",
    )
    left = importing.import_file(importing.export(board.project))["notCarried"]
    assert [(each["kind"], each["path"], each["name"]) for each in left] == [
        ("key", "project.key", board.project["key"]),
        ("relation", "cards[0].relations[0]", f"blocked_by {elsewhere.project['key']}-1"),
        ("attachment", "cards[0].attachments[0]", "spec.pdf"),
    ]


def test_the_address_of_who_has_left_is_not_told(importing):
    board = Board(importing.world, importing.ann, importing.workspace)
    card = board.card("Here", by=importing.bob)
    board.comment(card, by=importing.bob)
    importing.world.ask(importing.ann, "DELETE", f"{importing.workspace.path}/members/{importing.bob.id}")
    (found,) = importing.export(board.project)["cards"]
    assert found["createdBy"] == {"name": "bob", "email": None}
    assert found["comments"][0]["author"] == {"name": "bob", "email": None}


def test_moments_of_a_file_are_read_as_everywhere(importing):
    new_project = importing.import_file(one_card(createdAt="2026-01-01T01:00:00+01:00"))
    found = datetime.fromisoformat(importing.below(new_project, "cards")[0]["createdAt"])
    assert found == datetime(2026, 1, 1, tzinfo=UTC)


# ---------------------------------------------------------------------------------------------- large ones


def large(cards, columns):
    """A file with something in every field."""
    kinds = {"text": "a text", "number": 7.5, "boolean": True, "date": "2026-04-01", "multi-select": ["low"]}
    return {
        "project": {"name": "Large", "key": "LARGE", "description": "x" * 5_000},
        "scopes": [{"id": "a", "name": "A"}, {"id": "b", "name": "B", "dueDate": "2026-12-24"}],
        "columns": [
            {"id": f"c{at}", "name": f"C{at}", "scopeId": "ab"[at % 2], "cardStatus": "done", "wipLimit": 99}
            for at in range(columns)
        ],
        "labels": [{"id": f"l{at}", "name": f"L{at}"} for at in range(20)],
        "customFields": [
            {"id": kind, "name": kind, "type": kind, "options": ["low", "high"] if "select" in kind else []}
            for kind in kinds
        ],
        "cards": [
            {
                "id": f"k{at}",
                "title": f"card {at}",
                "description": "d" * 500,
                "columnId": f"c{at % columns}",
                "priority": "high",
                "status": "done",
                "createdAt": "2026-01-01",
                "completedAt": "2026-02-01T10:30:00Z",
                "startDate": "2026-01-02",
                "dueDate": "2026-01-03",
                "archived": at % 10 == 9,
                "assignee": KNOWN,
                "labelIds": [f"l{at % 20}", f"l{(at + 1) % 20}"],
                "customFields": kinds,
                "checklist": [{"title": f"step {step}", "done": step < 3} for step in range(5)],
                "comments": [
                    {"content": f"said {number}", "author": {"name": "Jane"}, "createdAt": "2026-01-05"}
                    for number in range(3)
                ],
                "relations": [{"type": "blocks", "targetCardId": f"k{at - 1}"}] if at else [],
            }
            for at in range(cards)
        ],
    }


def test_a_project_as_large_as_may_be_is_the_same_after_a_round_trip(importing, statements):
    small, big = importing.import_file(large(10, 2)), importing.import_file(large(500, 50))
    for card in big["cardIds"][:20]:
        path = f"{importing.path}/{big['id']}/cards/{card}/attachments"
        importing.world.ask(importing.ann, "POST", path, form(b"Hello."), content_type=FORM)
    counted = []
    for made in (small, big):
        with statements() as exporting:
            file = importing.export(made)
        with statements() as sent:
            again = importing.import_file(file)
        counted.append((len(exporting), len(sent)))
        attached = [each["attachments"] for each in file["cards"]]
        assert [each["kind"] for each in again["notCarried"]] == ["key"] + ["attachment"] * sum(
            map(len, attached)
        )
        for card in file["cards"]:
            card["attachments"] = []
        assert alike(importing.export(again)) == alike(file)
    assert counted[0] == counted[1]
    assert counted[0][0] <= 12
    assert counted[0][1] <= 23
