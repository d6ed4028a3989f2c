"""Project imports: complete content in the right positions, and notifications."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from stellary.contract.endpoint import TOKEN_SCOPES
from stellary.contract.project_imports import ImportProject
from stellary.contract.refs import CardRef, ProjectRef
from stellary.contract.wire import load
from stellary.core.board.cards import delete_card
from tests.core.board.project_files import normalize, one_card, project_files
from tests.core.board.test_import_rules import WRONG, related_cards
from tests.support.boards import Board
from tests.support.core_parts import import_project
from tests.support.forms import FORM, form
from tests.support.tables import read_rows
from tests.support.world import at_once

PUBLISHED = {
    "project": {"name": "Imported"},
    "columns": [{"name": "To Do"}, {"name": "In Progress"}, {"name": "Done"}],
    "cards": [{"title": "First task", "columnIndex": 0, "priority": "medium"}],
}
KNOWN = "bob@example.com"


class Importing:
    """A user who imports projects into a workspace, and another member."""

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

    def error(self, file):
        status, message = self.world.error(self.ann, "POST", f"{self.path}/import", file)
        assert status == 400, message
        return message

    def below(self, project, tail):
        return self.world.ask(self.ann, "GET", f"{self.path}/{project['id']}/{tail}")


@pytest.fixture
def importing(world):
    return Importing(world)


# ---------------------------------------------------------------------------------------------- what is made


def test_the_published_form_makes_a_project(importing):
    new_project = importing.import_file(PUBLISHED)
    expected = {"name": "Imported", "key": "IMP", "memberCount": 1, "ignored": [], "notCarried": []}
    assert new_project == new_project | expected
    (card,) = importing.below(new_project, "cards")
    assert [column["id"] for column in importing.below(new_project, "columns")] == new_project["columnIds"]
    assert [card["id"]] == new_project["cardIds"]
    expected = {"title": "First task", "columnId": new_project["columnIds"][0], "priority": "medium"}
    assert card == card | expected | {"key": "IMP-1", "status": "open"}


def test_a_project_alone_has_its_scope_and_nothing_else(importing):
    exported = importing.export(importing.import_file({"project": {"name": "Empty"}}))
    assert [scope["name"] for scope in exported["scopes"]] == ["Main"]
    assert (exported["columns"], exported["cards"]) == ([], [])


@pytest.mark.slow("imports whole projects many times")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_import_and_export_round_trip(importing, data):
    file = data.draw(project_files(["ann@example.com", KNOWN]))
    new_project = importing.import_file(file)
    first = importing.export(new_project)
    assert normalize(first) == normalize(file)
    assert new_project["notCarried"] == [] or [loss["kind"] for loss in new_project["notCarried"]] == ["key"]
    assert normalize(importing.export(importing.import_file(first))) == normalize(first)
    assert importing.export(new_project)["cards"] == first["cards"]


def test_a_key_is_kept_unless_another_project_has_it(importing):
    file = {"project": {"name": "Launch", "key": "QX"}}
    assert importing.import_file(file)["key"] == "QX"
    again = importing.import_file(file)
    assert again["key"] == "LAU"
    expected = [("key", "project.key", "QX")]
    assert [(loss["kind"], loss["path"], loss["name"]) for loss in again["notCarried"]] == expected


def test_cards_without_a_number_get_an_unused_one(importing):
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


def test_status_defaults_to_that_of_the_column(importing):
    cards = [{"title": "a", "columnIndex": 0}, {"title": "b", "columnIndex": 0, "status": "open"}]
    columns = [{"name": "a", "cardStatus": "done"}]
    new_project = importing.import_file({"project": {"name": "x"}, "columns": columns, "cards": cards})
    cards = importing.below(new_project, "cards")
    completed = [(card["status"], card["completedAt"] is not None) for card in cards]
    assert completed == [("done", True), ("open", False)]


def test_future_timestamps_become_the_present(importing):
    later = (importing.world.stop_clock().now + timedelta(days=1)).isoformat()
    comment = {"content": "Well.", "createdAt": later}
    new_project = importing.import_file(
        one_card(status="done", createdAt=later, completedAt=later, comments=[comment])
    )
    (card,) = importing.export(new_project)["cards"]
    now = "2026-04-01T12:00:00Z"
    assert (card["createdAt"], card["completedAt"], card["comments"][0]["createdAt"]) == (now, now, now)


def test_creation_is_not_after_completion(importing):
    new_project = importing.import_file(one_card(status="done", completedAt="2026-01-01"))
    assert importing.export(new_project)["cards"][0]["createdAt"] == "2026-01-01T00:00:00Z"


def test_unknown_names_are_listed_once(importing):
    file = one_card(
        cover={"color": "red"}, checklist=[{"title": "a", "_id": "1"}, {"title": "b", "_id": "2"}]
    )
    file |= {"generator": "x"}
    file["cards"].append(file["cards"][0])
    assert importing.import_file(file)["ignored"] == ["cards[].checklist[]._id", "cards[].cover", "generator"]


def test_at_most_100_unknown_names_are_listed(importing):
    ignored = importing.import_file(
        {"project": {"name": "x"}} | {f"n{number:03}": 1 for number in range(150)}
    )["ignored"]
    assert (len(ignored), ignored[-1]) == (101, "and 50 more")


def test_concurrent_imports_get_different_keys(importing):
    assert len({project["key"] for project in at_once(*[lambda: importing.import_file(PUBLISHED)] * 4)}) == 4


# ---------------------------------------------------------------------------------------------- people


def test_cards_are_assigned_to_existing_members(importing):
    importing.world.person("eve")
    file = one_card(assignee="BOB@example.com")
    file["cards"] += [{"title": "u", "columnIndex": 0, "assignee": "eve@example.com"}] * 2
    new_project = importing.import_file(file)
    assignees = [card["assigneeId"] for card in importing.below(new_project, "cards")]
    assert assignees == [importing.bob.id, None, None]
    (loss,) = new_project["notCarried"]
    expected = {"kind": "assignee", "path": "cards[].assignee", "name": "eve@example.com", "count": 2}
    assert loss == loss | expected


def test_import_adds_only_members_of_the_workspace(importing):
    eve = importing.world.person("eve")
    members = [{"email": KNOWN}, {"email": "eve@example.com"}, {"name": "Nobody"}, {"email": KNOWN}]
    new_project = importing.import_file({"project": {"name": "x"}, "members": members})
    assert new_project["memberCount"] == 2
    addresses = {member["email"] for member in importing.below(new_project, "members")}
    assert addresses == {"ann@example.com", KNOWN}
    expected = [("members[1]", "eve@example.com"), ("members[2]", "Nobody")]
    assert [(loss["path"], loss["name"]) for loss in new_project["notCarried"]] == expected
    assert importing.world.status(eve, "GET", f"{importing.path}/{new_project['id']}") == 404


def test_a_token_that_could_not_add_members_adds_none(importing):
    file = {"project": {"name": "x"}, "members": [{"email": "ann@example.com"}, {"email": KNOWN}]}
    new_project = importing.import_file(file, importing.world.api_token(importing.ann, ["projects:write"]))
    assert new_project["memberCount"] == 1
    (loss,) = new_project["notCarried"]
    assert loss["path"] == "members[1]"
    assert loss["reason"] == "adding members is not allowed: this requires an API token with all scopes"
    with_scopes = importing.world.api_token(importing.ann, TOKEN_SCOPES)
    assert importing.import_file(file, with_scopes)["memberCount"] == 2


def test_imported_comments_belong_to_the_importer(importing):
    author = {"name": "bob", "email": KNOWN}
    comments = [
        {"content": "I quit.", "author": author, "createdAt": "2026-01-01"},
        {"content": "Mine.", "createdAt": "2026-01-02"},
        {"content": "By mail.", "author": {"email": "x" * 60 + "@" + "y" * 60 + ".example.com"}},
    ]
    new_project = importing.import_file(one_card(comments=comments))
    tail = f"cards/{new_project['cardIds'][0]}/comments"
    imported = importing.below(new_project, tail)
    assert [
        (comment["authorId"], comment["authorName"], comment["importedFrom"]) for comment in imported[:2]
    ] == [
        (importing.ann.id, "bob (imported by ann)", "bob"),
        (importing.ann.id, "ann (imported by ann)", "ann"),
    ]
    assert len(imported[2]["importedFrom"]) == 100
    assert importing.below(new_project, "cards")[0]["commentCount"] == 3
    own_comment = importing.world.ask(
        importing.ann, "POST", f"{importing.path}/{new_project['id']}/{tail}", {"content": "Here."}
    )
    assert (own_comment["authorName"], own_comment["importedFrom"]) == ("ann", None)
    # Bob did not say it here, so that it is not for him to change.
    path = f"{importing.path}/{new_project['id']}/{tail}/{imported[0]['id']}"
    assert importing.world.status(importing.bob, "PATCH", path, {"content": "I stay."}) == 403
    assert importing.export(new_project)["cards"][0]["comments"][0]["author"] == author
    assert importing.import_file(importing.export(new_project))["notCarried"][0]["kind"] == "key"


def test_foreign_creators_are_reported_as_not_carried(importing):
    new_project = importing.import_file(one_card(createdBy={"name": "bob", "email": KNOWN}))
    assert importing.below(new_project, "cards")[0]["createdById"] == importing.ann.id
    expected = [("creator", "bob", 1)]
    assert [(loss["kind"], loss["name"], loss["count"]) for loss in new_project["notCarried"]] == expected
    own_card = one_card(createdBy={"name": "Ann", "email": "ANN@example.com"})
    assert importing.import_file(own_card)["notCarried"] == []


def test_import_notifies_each_assignee_once(importing):
    zoe = importing.world.member("zoe", importing.workspace)
    file = one_card(assignee=KNOWN, comments=[{"content": "@zoe, look."}])
    file["cards"] *= 20
    file["members"] = [{"email": "zoe@example.com"}]
    importing.import_file(file)
    for person in (importing.bob, zoe):
        (notification,) = importing.world.ask(person, "GET", "/notifications")
        assert notification["activity"]["type"] == "project_imported"
        meta = notification["activity"]["meta"]
        assert (meta["project"], meta["columns"], meta["cards"]) == ("x", 1, 20)
        assert [(column["name"], column["cards"]) for column in meta["columnCards"]] == [("a", 20)]
    assert importing.world.ask(importing.ann, "GET", "/notifications") == []


# ---------------------------------------------------------------------------------------------- what is refused


def test_invalid_file_creates_nothing(importing):
    before = read_rows(importing.world.core)
    for file, message in WRONG.values():
        assert importing.error(file) == message
    assert read_rows(importing.world.core) == before


def test_relations_are_imported_from_either_end(importing):
    relations = (
        "0 blocked_by 1",
        "0 child_of 2",
        "1 duplicated_by 2",
        "2 related_to 0",
        "0 blocks 3",
        "1 blocks 3",
    )
    new_project = importing.import_file(related_cards(*relations))
    cards = importing.export(new_project)["cards"]
    places = {card["id"]: place for place, card in enumerate(cards)}
    relations = {
        f"{place} {relation['type']} {places[relation['targetCardId']]}"
        for place, card in enumerate(cards)
        for relation in card["relations"]
    }
    assert relations == {
        "1 blocks 0",
        "2 parent_of 0",
        "2 duplicates 1",
        "0 related_to 2",
        "0 blocks 3",
        "1 blocks 3",
    }


@pytest.mark.slow("imports a project once for each statement")
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
    before = read_rows(importing.world.core)
    at, statement_count = 0, 0

    def fail(connection, cursor, sql, *remaining):
        nonlocal statement_count
        statement_count += 1
        if statement_count == at and not sql.startswith(("ROLLBACK", "RELEASE")):
            raise RuntimeError("injected")

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        failed = 0
        while True:
            at, statement_count = at + 1, 0
            answer = importing.world.call(importing.ann, "POST", f"{importing.path}/import", file)
            if statement_count < at:
                break
            if answer.status == 500:
                failed += 1
                at_that, at = at, -1
                assert read_rows(importing.world.core) == before
                at = at_that
            else:
                importing.world.ask(
                    importing.ann, "DELETE", f"{importing.path}/{orjson.loads(answer.body)['id']}"
                )
                before = read_rows(importing.world.core)
    finally:
        event.remove(Engine, "before_cursor_execute", fail)
    assert answer.status == 201
    assert failed >= 14


# ---------------------------------------------------------------------------------------------- what is exported


def test_export_lists_attachments_and_relations_it_cannot_carry(importing):
    board = Board(importing.world, importing.ann, importing.workspace)
    elsewhere = Board(importing.world, importing.ann, importing.workspace)
    card, other = board.card("Here"), elsewhere.card("There")
    relation_body = {"targetCardId": card["id"], "type": "blocks"}
    importing.world.ask(importing.ann, "POST", f"{board.flat}/cards/{other['id']}/relations", relation_body)
    file = form(b"Hello.", b"spec.pdf", b"application/pdf")
    importing.world.ask(importing.bob, "POST", f"{board.of(card)}/attachments", file, content_type=FORM)
    (exported_card,) = importing.export(board.project)["cards"]
    expected = [{"type": "blocked_by", "targetCardId": None, "targetKey": f"{elsewhere.project['key']}-1"}]
    assert exported_card["relations"] == expected
    (attachment,) = exported_card["attachments"]
    assert attachment["originalName"] == "spec.pdf"
    assert attachment["size"] == 6
    assert attachment["uploadedBy"]["name"] == "bob"
    losses = importing.import_file(importing.export(board.project))["notCarried"]
    assert [(loss["kind"], loss["path"], loss["name"]) for loss in losses] == [
        ("key", "project.key", board.project["key"]),
        ("relation", "cards[0].relations[0]", f"blocked_by {elsewhere.project['key']}-1"),
        ("attachment", "cards[0].attachments[0]", "spec.pdf"),
    ]


def test_export_omits_the_address_of_former_members(importing):
    board = Board(importing.world, importing.ann, importing.workspace)
    board.comment(board.card("Here", by=importing.bob), by=importing.bob)
    importing.world.ask(importing.ann, "DELETE", f"{importing.workspace.path}/members/{importing.bob.id}")
    (exported_card,) = importing.export(board.project)["cards"]
    assert exported_card["createdBy"] == {"name": "bob", "email": None}
    assert exported_card["comments"][0]["author"] == {"name": "bob", "email": None}


def test_moments_of_a_file_are_read_as_everywhere(importing):
    new_project = importing.import_file(one_card(createdAt="2026-01-01T01:00:00+01:00"))
    created_at = datetime.fromisoformat(importing.below(new_project, "cards")[0]["createdAt"])
    assert created_at == datetime(2026, 1, 1, tzinfo=UTC)


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
                "estimate": at / 4,
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


@pytest.mark.slow("imports a project of maximum size")
def test_largest_project_survives_a_round_trip(importing, statements):
    small, big = importing.import_file(large(10, 2)), importing.import_file(large(500, 50))
    for card in big["cardIds"][:20]:
        path = f"{importing.path}/{big['id']}/cards/{card}/attachments"
        importing.world.ask(importing.ann, "POST", path, form(b"Hello."), content_type=FORM)
    counted = []
    for project in (small, big):
        with statements() as exporting:
            file = importing.export(project)
        with statements() as statements_sent:
            again = importing.import_file(file)
        counted.append((len(exporting), len(statements_sent)))
        assert [loss["kind"] for loss in again["notCarried"]] == ["key"] + ["attachment"] * sum(
            map(len, [card["attachments"] for card in file["cards"]])
        )
        for card in file["cards"]:
            card["attachments"] = []
        assert normalize(importing.export(again)) == normalize(file)
    assert counted[0] == counted[1]
    assert counted[0][0] <= 12
    assert counted[0][1] <= 23


def test_imported_card_that_is_deleted_in_the_same_unit_is_not_found(importing):
    file = {
        "project": {"name": "Imported"},
        "columns": [{"name": "To Do"}],
        "cards": [
            {"title": f"zebra {number}", "columnIndex": 0, "comments": [{"content": "zebra crossing"}]}
            for number in range(2)
        ],
    }
    with importing.world.core.begin(importing.ann.actor) as uow:
        imported = import_project(uow, importing.workspace.ref, load(ImportProject, file))
        project_ref = importing.workspace.ref.child(ProjectRef, imported.id)
        delete_card(uow, project_ref.child(CardRef, imported.card_ids[0]))
    hits = importing.world.ask(importing.ann, "GET", f"{importing.workspace.path}/search?q=zebra")
    assert {hit["cardId"] for hit in hits} == {imported.card_ids[1]}
    assert sorted(hit["kind"] for hit in hits) == ["card", "comment"]
