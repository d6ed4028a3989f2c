"""A Trello board as a project, and the report of everything that is not converted."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stellary import UnsuitableFile
from stellary.client.importers import read_trello
from tests.support.each_case import for_each

FILE = Path(__file__).parent / "trello_board.json"
PEOPLE = {"janedoe": "jane@example.com"}


@pytest.fixture
def board():
    return json.loads(FILE.read_text())


def report_of(reading):
    return {entry.kind: (entry.count, entry.reason) for entry in reading.left_out}


def card_of(reading, title):
    return next(card for project in reading.projects for card in project.cards if card.title == title)


def test_a_board_becomes_a_project(ws):
    reading = read_trello(FILE, people=PEOPLE, statuses={"Doing": "in_progress"})
    created = ws.projects.import_file(reading.project)
    assert (created.name, created.archived) == ("Website relaunch", False)
    assert created.description == "All about the new site."
    assert created.ignored == []
    assert [entry.kind for entry in created.not_carried] == []
    project = ws.project(created)
    statuses = [(column.name, column.card_status) for column in project.columns.list()]
    assert statuses == [("To Do", None), ("Doing", "in_progress"), ("Old ideas", None)]
    cards = {card.title: card for card in project.cards.list()}
    assert {title: (card.number, card.archived) for title, card in cards.items()} == {
        "Pick a host": (2, False),
        "Write the copy": (1, False),
        "Draw a logo": (4, False),
        "Blink tags": (3, True),
    }
    # Ordered by position, unlike in the file.
    on_board = [card.title for card in project.cards.list() if card.order is not None]
    assert on_board[:2] == ["Pick a host", "Write the copy"]
    copy = cards["Write the copy"]
    assert copy.description == "Short *and* sweet."
    assert copy.start_date == datetime(2024, 5, 1, tzinfo=UTC)
    assert copy.due_date == datetime(2024, 5, 10, 15, tzinfo=UTC)
    assert (copy.status, copy.completed_at) == ("done", datetime(2024, 5, 9, 8, 30, tzinfo=UTC))
    assert copy.created_at == datetime.fromtimestamp(0x66310000, UTC)
    assert copy.assignee_id == ws.members.list()[0].user_id
    labels = {label.id: (label.name, label.color) for label in project.labels.list()}
    assert [labels[id] for id in copy.label_ids] == [("Content", "#4bce97"), ("sky", "#6cc3e0")]
    steps = [(step.title, step.done) for step in copy.checklist]
    assert steps == [("Draft: Home", True), ("Draft: About", False), ("Review: Legal", False)]
    fields = {field.id: field.name for field in project.custom_fields.list()}
    assert {fields[id]: value for id, value in copy.custom_fields.items()} == {
        "Words": 350,
        "Tone": "Friendly",
        "Approved": True,
        "Embargo": "2024-06-01",
        "Source": "Brand book",
    }
    comments = [
        (comment.imported_from or comment.author_name, comment.content)
        for comment in project.card(copy).comments.list()
    ]
    assert comments == [
        (
            "jane",
            "Attachments in Trello:\n- brief.pdf: https://trello.com/1/cards/c1/attachments/f1/download/brief.pdf\n- Style guide: https://example.com/style",
        ),
        ("Jane Doe", "First draft is up."),
        ("Rob Roe", "Looks good."),
    ]


def test_everything_left_out_is_reported(board):
    reading = read_trello(board, people=PEOPLE)
    assert report_of(reading) == {
        "action": (2, "the history stays in Trello"),
        "list": (1, "it is archived and empty"),
        "list.closed": (1, "columns cannot be archived: its cards are archived instead"),
        "member": (1, "`people` has no e-mail address for this login"),
        "assignee": (1, "Rob Roe: `people` has no e-mail address for this login"),
        "attachment": (1, "the export has no files; a comment has the link"),
        "checklist": (1, "a card has one checklist: the names precede the titles of the items"),
        "checkItem.due": (1, "Stellary has no equivalent"),
        "card.cover": (1, "Stellary has no equivalent"),
        "card.idMembersVoted": (1, "Stellary has no equivalent"),
        "card.pluginData": (1, "Stellary has no equivalent"),
        "comment": (2, "the export contains only the last 1000 actions of a board"),
        "card.start": (1, "it is after the due date"),
        "board.pluginData": (1, "Stellary has no equivalent"),
    }
    (files,) = [entry for entry in reading.left_out if entry.kind == "attachment"]
    assert files.where == ("card 'Write the copy'",)
    assert str(files) == (
        "1 attachment: the export has no files; a comment has the link (card 'Write the copy')"
    )


def test_unknown_field_is_reported(board):
    board["cards"][0]["mirrorSourceId"] = "x"
    assert report_of(read_trello(board))["card.mirrorSourceId"] == (1, "Stellary has no equivalent")


@pytest.mark.slow("reads a large board")
def test_large_board_becomes_several_projects_active_cards_first(board, ws):
    card = board["cards"][0]
    board["cards"] = [
        {
            **card,
            "id": f"{0x66310000 + number:08x}{number:016x}",
            "idShort": number + 1,
            "closed": number % 2 == 0,
        }
        for number in range(1_100)
    ]
    reading = read_trello(board)
    parts = reading.projects
    assert [len(part.cards) for part in parts] == [500, 500, 100]
    assert [part.project.name for part in parts] == [f"Website relaunch ({n} of 3)" for n in (1, 2, 3)]
    assert [card.archived for card in parts[0].cards] == [False] * 500
    assert [card.archived for card in parts[1].cards] == [False] * 50 + [True] * 450
    assert sorted(card.number for part in parts for card in part.cards) == list(range(1, 1_101))
    with pytest.raises(
        UnsuitableFile,
        match="the file results in 3 projects, since a project can have at most 50 columns and 500 cards",
    ):
        assert reading.project
    created_projects = [ws.projects.import_file(part) for part in parts]
    assert sum(len(project.card_ids) for project in created_projects) == 1_100


def test_many_lists_become_several_projects(board):
    board["lists"] = [{"id": f"l{n}", "name": f"List {n}", "closed": False, "pos": n} for n in range(120)]
    for number, card in enumerate(board["cards"]):
        card["idList"] = f"l{number * 30}"
    parts = read_trello(board).projects
    assert [len(part.columns) for part in parts] == [50, 50, 20]
    assert [len(part.cards) for part in parts] == [2, 2, 0]


def test_text_beyond_limits_continues_in_comments(board, ws):
    title, text, comment_text = "t" * 700, "d" * 9_500, "c" * 4_500
    board["cards"] = board["cards"][:1]
    board["cards"][0] |= {"name": title, "desc": text}
    board["actions"] = [
        {
            "id": "a1",
            "type": "commentCard",
            "date": "2024-05-02T09:00:00.000Z",
            "data": {"text": comment_text, "card": {"id": board["cards"][0]["id"]}},
            "memberCreator": {"fullName": "Jane Doe"},
        }
    ]
    board["lists"][0]["name"] = "l" * 150
    reading = read_trello(board)
    created = ws.projects.import_file(reading.project)
    (card,) = ws.project(created).cards.list()
    comments = [comment.content for comment in ws.project(created).card(card).comments.list()]
    assert (len(card.title), card.description) == (500, "d" * 5_000)
    assert title in comments
    assert "".join(comment for comment in comments if set(comment) == {"d"}) == "d" * 4_500
    assert "".join(comment for comment in comments if set(comment) == {"c"}) == comment_text
    assert {"card.title", "card.description", "list.name"} <= set(report_of(reading))


def test_invalid_values_are_reported_and_skipped(board, ws):
    board["name"] = " "
    board["cards"][0] |= {"idList": "nowhere"}
    board["cards"][1] |= {"due": "some day", "name": "\ud800\0", "idShort": None, "idLabels": ["gone"]}
    board["cards"][1]["customFieldItems"] = [{"id": "i", "idCustomField": "gone", "value": {"text": "x"}}]
    board["labels"].append({"id": "again", "name": "CONTENT", "color": None})
    board["customFields"].append(copy.deepcopy(board["customFields"][0]) | {"id": "again"})
    board["customFields"].append({"id": "f9", "name": "Empty", "type": "list", "options": []})
    board["members"].append("nobody")
    board["checklists"] = None
    reading = read_trello(board)
    created = ws.projects.import_file(reading.project)
    assert created.name == "Untitled"
    assert {card.title for card in ws.project(created).cards.list()} >= {"\ufffd\ufffd", "Draw a logo"}
    kinds = {
        "card",
        "card.due",
        "card.idShort",
        "card.label",
        "card.customField",
        "label",
        "customField.name",
    }
    assert kinds <= set(report_of(reading))


@for_each("file", [b"[]", b"{}", b"nonsense", b'{"lists": [], "cards": {}}', {"cards": []}])
def test_other_files_are_rejected(file):
    with pytest.raises(UnsuitableFile, match="this is not the JSON export of a Trello board: it "):
        read_trello(file)


def test_board_without_cards_is_imported(ws):
    created = ws.projects.import_file(read_trello({"name": "Empty", "lists": [], "cards": []}).project)
    assert (created.name, created.column_ids, created.card_ids) == ("Empty", [], [])


def test_items_beyond_limits_are_reported(board, ws):
    card = board["cards"][0]
    board["cards"] = [card]
    board["labels"] = [{"id": f"y{n}", "name": f"label {n}", "color": "red"} for n in range(1_001)]
    board["customFields"] = [
        {"id": f"f{n}", "name": f"field {n}", "type": "text", "pos": n} for n in range(101)
    ]
    card |= {"labels": [], "idLabels": ["y0", "y1000"], "idMembers": ["m1", "m1"]}
    card["customFieldItems"] = [
        {"id": "i", "idCustomField": "f0", "value": {"text": "x" * 6_000}},
        {"id": "j", "idCustomField": "f100", "value": {"text": "x"}},
    ]
    items = [{"id": f"t{n}", "name": f"step {n}", "state": "incomplete", "pos": n} for n in range(103)]
    board["checklists"] = [{"id": "k", "name": "Steps", "idCard": card["id"], "pos": 1, "checkItems": items}]
    reading = read_trello(board, people=PEOPLE)
    (created_card,) = ws.project(ws.projects.import_file(reading.project)).cards.list()
    assert (len(created_card.checklist), len(created_card.label_ids)) == (100, 1)
    assert [len(value) for value in created_card.custom_fields.values()] == [5_000]
    counts = {entry.kind: entry.count for entry in reading.left_out}
    assert (counts["label"], counts["customField"], counts["checkItem"], counts["assignee"]) == (1, 1, 1, 1)
    assert counts["checklist.name"] == counts["card.label"] == 1


@for_each(
    "type, value",
    [
        ("number", {"number": "many"}),
        ("number", {"number": "inf"}),
        ("date", {"date": "some day"}),
        ("checkbox", {"checked": "maybe"}),
        ("text", None),
    ],
)
def test_invalid_field_value_is_reported(board, type, value):
    board["customFields"] = [{"id": "f", "name": "Field", "type": type, "pos": 1}]
    board["cards"][0]["customFieldItems"] = [{"id": "i", "idCustomField": "f", "value": value}]
    reading = read_trello(board)
    assert card_of(reading, "Write the copy").custom_fields == {}
    assert "card.customField" in {entry.kind for entry in reading.left_out}


def test_handwritten_board_needs_no_trello_ids(ws):
    cards = [
        {"id": "a", "idShort": 1, "idList": "l", "name": "First", "dueComplete": True, "attachments": []}
    ]
    board = {"name": "Small", "lists": [{"id": "l", "name": "To Do"}], "cards": cards}
    created = ws.projects.import_file(read_trello(board).project)
    assert [(card.title, card.status) for card in ws.project(created).cards.list()] == [("First", "done")]
