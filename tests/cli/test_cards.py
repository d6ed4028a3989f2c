"""Boards and cards at the command line."""

import json
from itertools import product

from tests.support.each_case import for_each


def test_show_a_board(shell):
    output = shell("board")
    assert "Product" in output
    assert "Announce it" in output
    assert "Announce it" in shell("board", "--view", "list")
    assert "By column" in shell("board", "--view", "stats")
    marketing = shell("board", "--scope", "marketing")
    assert "Announce it" in marketing
    assert "Build it" not in marketing
    assert shell.json("board")["project"]["key"] == "LAUNCH"
    assert shell.json("board", "--view", "roadmap")["data"]["roadmap"]["scopes"][0]["name"] == "Product"
    columns = shell.json("board", "--scope", "Marketing")["data"]["kanban"]["columns"]
    assert columns[1]["column"]["name"] == "Booked"


def test_show_the_flow_of_a_project_and_of_a_scope(shell):
    assert "Lead time" in shell("flow")
    flow = shell.json("flow", "--scope", "marketing", "--since", "today", "--seed", "3")
    assert (len(flow["days"]), flow["forecast"]["seed"]) == (1, 3)
    statuses = [card["status"] for card in shell.json("card", "list", "--scope", "marketing")]
    assert (flow["total"], flow["done"]) == ([len(statuses)], [statuses.count("done")])
    assert flow["remaining"] == [len(statuses) - statuses.count("done")]
    assert "until must not be in the future" in shell.error("flow", "--until", "tomorrow")


def test_record_time(shell):
    assert "Recorded 90 min on LAUNCH-1 " in shell("time", "add", "LAUNCH-1", "90", "--note", "=1")
    assert "Started on LAUNCH-2" in shell("time", "start", "LAUNCH-2")
    assert "your timer does not run on this card" in shell.error("time", "stop", "LAUNCH-1")
    assert shell.json("time", "stop", "LAUNCH-2")["minutes"] == 1
    assert [entry["note"] for entry in shell.json("time", "list", "LAUNCH-1")] == ["=1"]
    heads, *rows = shell("time", "export", "--from", "today", "--to", "tomorrow").splitlines()
    assert (heads[:9], len(rows), rows[0][-3:]) == ("day,card,", 2, "'=1")


def test_search_a_workspace(shell):
    shell("card", "add", "Order a bookcase", "--description", "Of oak, two metres high.")
    assert "Order a bookcase" in shell("search", "bookcase oak", "--kind", "card")
    assert shell.run("search", "bookcase", "--kind", "comment").stdout == ""
    assert [hit["title"] for hit in shell.json("search", "bookcase", "--limit", "1")] == ["Order a bookcase"]
    assert shell.run("search", "bookcase", "--archived").stdout == ""
    assert shell.run("search", "wardrobe").stderr == "No results.\n"
    assert "Invalid value for '-k'" in shell.error("search", "bookcase", "--kind", "boat", code=2)


def test_filter_in_words_selects_cards_of_one_or_all_projects(shell):
    shell("card", "add", "Call the plumber", "--assignee", "me", "--due", "tomorrow")
    shell("card", "add", "Thank the plumber", "--assignee", "me")
    words = ("--filter", 'assignee = me and due <= tomorrow and text = "the plumber" order by due desc')
    shell("filter", "add", "Plumber", words[1])
    for everywhere, chosen in product(((), ("--everywhere",)), (words, ("--saved", "plumber"))):
        selected = [card["title"] for card in shell.json("card", "list", *everywhere, *chosen)]
        assert selected in (["Call the plumber"], ["Call the plumber", "Pay the plumber"])
    refused = shell.error("card", "list", "--everywhere", "--status", "open", code=2)
    assert "--everywhere takes --filter and --saved only, not --status" in refused
    assert "at position 11, not the end" in shell.error("card", "list", "--filter", "assignee =")


def test_saved_filters_are_listed_changed_and_deleted(shell):
    before = shell.json("filter", "list")
    added = shell.json("filter", "add", "Mine", "assignee = me", "--project", "LAUNCH", "--shared")
    assert (added["shared"], added["filter"], added["projectId"] is None) == (True, "assignee = me", False)
    assert shell("filter", "edit", "mine", "--name", "All mine", "--own", "--filter", "due = any") == (
        'Changed "All mine": due = any\n'
    )
    changed = next(row for row in shell.json("filter", "list") if row["id"] == added["id"])
    assert (changed["name"], changed["shared"]) == ("All mine", False)
    assert "name what to change" in shell.error("filter", "edit", "All mine", code=2)
    assert "at position 7" in shell.error("filter", "add", "Wrong", "due = ")
    assert 'there is no saved filter "All min"' in shell.error("filter", "delete", "All min", "--yes")
    assert shell("filter", "delete", "All mine", "--yes") == 'Deleted "All mine".\n'
    assert shell.json("filter", "list") == before


def test_work_has_what_is_due_in_all_workspaces(shell):
    shell("card", "add", "Pay the plumber", "--assignee", "me", "--due", "2026-01-15")
    line = next(line for line in shell("work").splitlines() if "Pay the plumber" in line)
    assert line.split("\t")[0::2] == ["overdue", "2026-01-15"]
    assert "Pay the plumber" in [card["title"] for card in shell.json("work")["overdue"]]


def test_add_move_comment_on_and_complete_a_card(shell):
    card = shell.json(
        "card",
        "add",
        "Call the printer",
        *("--column", "doing", "--label", "bug", "--label", "Risk", "--assignee", "me", "--priority", "high"),
        *("--start", "2026-03-01", "--due", "2026-04-01", "--step", "Ask", "--step", "Pay"),
        *("--description", "Soon.", "--estimate", "0.5"),
    )
    key = card["key"]
    assert card["estimate"] == 0.5
    assert (card["status"], card["dueDate"][:10], len(card["labelIds"])) == ("in_progress", "2026-04-01", 2)
    assert [item["title"] for item in card["checklist"]] == ["Ask", "Pay"]
    assert shell("card", "add", "Call the baker").startswith("Added LAUNCH-")
    output = shell("card", "move", "call the  Printer", "to do", "--top")
    assert output == f'Moved to "To do": {key} "Call the printer".\n'
    assert shell.json("card", "show", key)["order"] == 0
    assert (
        shell("card", "comment", key.split("-")[1], "Ready.") == f'Commented on {key} "Call the printer".\n'
    )
    piped = shell("card", "comment", f"#{key.split('-')[1]}", "-", "--json", input="From a pipe\n")
    assert json.loads(piped)["content"] == "From a pipe"
    assert shell.json("card", "comment", key, "Third")["content"] == "Third"
    details = shell("card", "show", key.lower())
    assert all(part in details for part in ("Call the printer", "Ready.", "From a pipe", "Ask"))
    assert shell("card", "done", key) == f'Done: {key} "Call the printer".\n'
    assert shell.json("card", "done", key)["status"] == "done"
    board = shell.json("board")
    column = next(card["columnId"] for card in board["cards"] if card["key"] == key)
    assert next(item["name"] for item in board["columns"] if item["id"] == column) == "Done"


def test_card_in_scope_without_done_column_stays_in_its_column(shell):
    before = shell.json("card", "show", "Announce it")
    after = shell.json("card", "done", "Announce it")
    assert (after["columnId"], after["status"]) == (before["columnId"], "done")


def test_list_cards_with_filters(shell):
    shell("card", "edit", "Write the spec", "--assignee", "me")
    shell("card", "add", "Write a letter", "--scope", "Marketing", "--priority", "low", "--due", "2026-01-01")

    def keys(*options: str) -> list[str]:
        return [card["title"] for card in shell.json("card", "list", *options)]

    assert keys("--column", "ideas") == ["Write a letter"]
    assert keys("--scope", "Marketing", "--priority", "low") == ["Write a letter"]
    assert "Build it" in keys("--label", "risk")
    assert "Write the spec" in keys("--assignee", "Jane Doe", "--status", "open")
    assert keys("--assignee", "me", "--search", "spec") == ["Write the spec"]
    assert keys("--due-before", "2026-01-02") == ["Write a letter"]
    assert keys("--archived") == []
    assert shell.run("card", "list", "--archived").stderr == "No cards match.\n"
    assert "Write a letter" in shell("card", "list", "--column", "Ideas")


def test_ambiguous_and_unknown_names_are_errors(shell):
    shell("card", "add", "Paint the wall")
    shell("card", "add", "Paint the door")
    shell("card", "add", "PAINT the door")
    error = shell.error("card", "show", "Paint the DOOR")
    assert error.startswith('"Paint the DOOR" is ambiguous: LAUNCH-')
    assert error.endswith('"PAINT the door"')
    assert shell.error("card", "show", "Paint the w") == (
        "there is no card \"Paint the w\"; did you mean 'Paint the wall' or 'PAINT the door'?"
    )
    assert shell.error("card", "show", "Pant the wall") == (
        "there is no card \"Pant the wall\"; did you mean 'Paint the wall' or 'PAINT the door'?"
    )
    assert shell.error("card", "show", "999") == 'there is no card "LAUNCH-999"'
    assert shell.error("card", "move", "Build it", "Nowhere") == 'there is no column "Nowhere"'
    message = shell.error("card", "move", "Build it", "Nowhere", "--scope", "Product")
    assert message == 'there is no column "Nowhere"'
    assert shell.error("card", "move", "Build it", "Doing", "--scope", "Prodct") == (
        "there is no scope \"Prodct\"; did you mean 'Product'?"
    )
    assert (
        shell.error("card", "add", "A", "--label", "Bgu") == "there is no label \"Bgu\"; did you mean 'Bug'?"
    )
    assert shell.error("card", "add", "A", "--assignee", "Bob") == 'there is no person "Bob"'
    assert shell.error("card", "move", "Build it", "do") == (
        "there is no column \"do\"; did you mean 'Doing' or 'Done'?"
    )
    assert shell.error("card", "move", "Announce it", "Doing").endswith(
        'has no column "Doing", which could be "Doing" of "Product"; pass --scope'
    )


def test_archived_card_is_found(shell):
    import json

    from stellary import Stellary

    token = json.loads(shell.config.read_bytes())["token"]
    with Stellary(shell.url, token) as client:
        board = client.workspace("jane-doe", "jane-doe").project(shell.json("board")["project"]["id"])
        card = board.cards.create(board.columns.list()[0], title="Old news")
        board.cards.update(card, archived=True)
        assert shell.json("card", "show", "old news")["archived"] is True
        # Other tests of the board list what is archived.
        board.cards.delete(card)


@for_each(
    "words, message",
    [
        (
            ("card", "add", "A", "--due", "soon"),
            "Invalid value for '--due': 'soon' is not a day such as 2026-04-01, today, tomorrow, friday, +3d or in 2 weeks, nor a time",
        ),
        (("card", "add"), "Missing argument 'TITLE'."),
        (("card", "mvoe"), "No such command 'mvoe'; did you mean 'move'?"),
        (("card", "qqqqq"), "No such command 'qqqqq'."),
        (("card", "edit", "LAUNCH-1"), "name a field to change, such as --title"),
        (("board", "--view", "tree"), "Invalid value for '--view': 'tree' is not one of"),
        (("bord",), "No such command 'bord'; did you mean 'board'?"),
        (("setup", "aply"), "No such command 'aply'; did you mean 'apply'?"),
    ],
)
def test_invalid_usage_is_a_one_line_error(shell, words, message):
    assert shell.error(*words, code=2).startswith(message)


def test_control_characters_are_not_printed(shell):
    assert "\x1b" not in shell("card", "add", "Evil \x1b[2J card")
    assert "\x1b" not in shell("board")


def test_project_without_columns_takes_no_cards(shell, tmp_path):
    (tmp_path / "empty.yaml").write_text("project: Empty\ncolumns: []\n")
    shell("setup", "apply", "empty.yaml", "--yes")
    assert shell.error("card", "add", "A", "--project", "Empty") == "the project has no columns"
