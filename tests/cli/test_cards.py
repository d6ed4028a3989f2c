"""Boards and cards at the command line."""

from __future__ import annotations

import pytest


def test_a_board_is_shown(shell):
    told = shell("board")
    assert "Product" in told
    assert "Announce it" in told
    assert "Announce it" in shell("board", "--view", "list")
    assert "By column" in shell("board", "--view", "stats")
    marketing = shell("board", "--scope", "market")
    assert "Announce it" in marketing
    assert "Build it" not in marketing
    board = shell.json("board")
    assert board["project"]["key"] == "LAUNCH"
    assert shell.json("board", "--view", "roadmap")["data"]["roadmap"]["scopes"][0]["name"] == "Product"
    assert (
        shell.json("board", "--scope", "Marketing")["data"]["kanban"]["columns"][1]["column"]["name"]
        == "Booked"
    )


def test_a_card_is_added_moved_talked_about_and_done(shell):
    made = shell.json(
        "card",
        "add",
        "Call the printer",
        *("--column", "doing", "--label", "bug", "--label", "Risk", "--assignee", "me", "--priority", "high"),
        *("--start", "2026-03-01", "--due", "2026-04-01", "--step", "Ask", "--step", "Pay"),
        *("--description", "Soon."),
    )
    key = made["key"]
    assert (made["status"], made["dueDate"][:10], len(made["labelIds"])) == ("in_progress", "2026-04-01", 2)
    assert [each["title"] for each in made["checklist"]] == ["Ask", "Pay"]
    assert shell("card", "add", "Call the baker").startswith("Added LAUNCH-")
    assert (
        shell("card", "move", "call the p", "to do", "--top")
        == f'Moved to "To do": {key} "Call the printer".\n'
    )
    assert shell.json("card", "show", key)["order"] == 0
    assert (
        shell("card", "comment", key.split("-")[1], "Ready.") == f'Commented on {key} "Call the printer".\n'
    )
    said = shell("card", "comment", f"#{key.split('-')[1]}", "-", input="From a pipe\n")
    assert said.startswith("Commented")
    assert shell.json("card", "comment", key, "Third")["content"] == "Third"
    told = shell("card", "show", key.lower())
    assert all(part in told for part in ("Call the printer", "Ready.", "From a pipe", "Ask"))
    assert shell("card", "done", key) == f'Done: {key} "Call the printer".\n'
    assert shell.json("card", "done", key)["status"] == "done"
    board = shell.json("board")
    column = next(each["columnId"] for each in board["cards"] if each["key"] == key)
    assert next(each["name"] for each in board["columns"] if each["id"] == column) == "Done"


def test_a_card_of_a_scope_without_such_a_column_is_done_where_it_is(shell):
    before = shell.json("card", "show", "Announce")
    after = shell.json("card", "done", "Announce it")
    assert (after["columnId"], after["status"]) == (before["columnId"], "done")


def test_cards_are_listed_by_what_they_are(shell):
    shell("card", "add", "Write a letter", "--scope", "Marketing", "--priority", "low", "--due", "2026-01-01")

    def keys(*options: str) -> list[str]:
        return [each["title"] for each in shell.json("card", "list", *options)]

    assert keys("--column", "ideas") == ["Write a letter"]
    assert keys("--scope", "Marketing", "--priority", "low") == ["Write a letter"]
    assert "Build it" in keys("--label", "risk")
    assert "Write the spec" in keys("--assignee", "Jane Doe", "--status", "open")
    assert keys("--assignee", "me", "--search", "spec") == ["Write the spec"]
    assert keys("--due-before", "2026-01-02") == ["Write a letter"]
    assert keys("--archived") == []
    assert shell("card", "list", "--archived") == "There are no such cards.\n"
    assert "Write a letter" in shell("card", "list", "--column", "Ideas")


def test_what_is_meant_has_to_be_clear(shell):
    shell("card", "add", "Paint the wall")
    shell("card", "add", "Paint the door")
    said = shell.refused("card", "show", "paint")
    assert said.startswith('"paint" may be LAUNCH-')
    assert said.endswith('"Paint the door": say which')
    assert shell.refused("card", "show", "Pant the wall") == (
        "there is no card \"Pant the wall\"; did you mean 'Paint the wall'?"
    )
    assert shell.refused("card", "show", "999") == 'there is no card "LAUNCH-999"'
    assert shell.refused("card", "move", "Build", "Nowhere") == 'there is no column "Nowhere"'
    assert (
        shell.refused("card", "move", "Build", "Nowhere", "--scope", "Product")
        == 'there is no column "Nowhere"'
    )
    assert shell.refused("card", "move", "Build", "Doing", "--scope", "Prodct") == (
        "there is no scope \"Prodct\"; did you mean 'Product'?"
    )
    assert (
        shell.refused("card", "add", "A", "--label", "Bgu")
        == "there is no label \"Bgu\"; did you mean 'Bug'?"
    )
    assert shell.refused("card", "add", "A", "--assignee", "Bob") == 'there is no person "Bob"'
    assert shell.refused("card", "move", "Build", "do") == (
        '"do" may be "Doing" of "Product", "Done" of "Product": say which'
    )


def test_an_archived_card_is_found_as_well(shell):
    import json

    from stellary import Stellary

    token = json.loads(shell.config.read_bytes())["token"]
    with Stellary(shell.url, token) as client:
        board = client.workspace("jane-doe", "jane-doe").project(shell.json("board")["project"]["id"])
        card = board.cards.create(board.columns.list()[0], title="Old news")
        board.cards.update(card, archived=True)
        assert shell.json("card", "show", "old")["archived"] is True
        # Other tests of the board list what is archived.
        board.cards.delete(card)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("card", "add", "A", "--due", "soon"),
            "Invalid value for '--due': 'soon' is not a day such as 2026-04-01",
        ),
        (("card", "add"), "Missing argument 'TITLE'."),
        (("card", "mvoe"), "No such command 'mvoe'."),
        (("board", "--view", "tree"), "Invalid value for '--view': 'tree' is not one of"),
        (("bord",), "No such command 'bord'."),
    ],
)
def test_a_command_that_makes_no_sense_is_told_in_a_line(shell, words, said):
    assert shell.refused(*words, code=2).startswith(said)


def test_what_others_wrote_does_nothing_to_a_terminal(shell):
    told = shell("card", "add", "Evil \x1b[2J card")
    assert "\x1b" not in told
    assert "\x1b" not in shell("board")


def test_a_project_without_columns_takes_no_cards(shell, tmp_path):
    (tmp_path / "empty.yaml").write_text("project: Empty\ncolumns: []\n")
    shell("setup", "apply", "empty.yaml", "--yes")
    assert shell.refused("card", "add", "A", "--project", "Empty") == "the project has no columns"
