"""Changing cards at the command line: edit, archive, restore and delete, and what a dry run prints."""

import json
import time
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

import pytest

from stellary.cli.options import DayParam
from tests.support.each_case import for_each


def add(shell, title: str, *options: str) -> str:
    """Add a card, and return its key."""
    fields = ("--priority", "high", "--label", "Bug", "--due", "2026-04-01", *options)
    return shell.json("card", "add", title, *fields)["key"]


def test_edit_changes_only_the_fields_that_are_named(shell):
    key = add(shell, "Print the flyers")
    assert shell("card", "edit", key, "--title", "Print posters") == f'Changed {key} "Print posters".\n'
    card = shell.json("card", "show", key)
    assert (card["title"], card["priority"], card["dueDate"][:10]) == ("Print posters", "high", "2026-04-01")
    people = (
        *("--assignee", "me", "--start", "2026-03-01", "--status", "in_progress", "--estimate", "2.5"),
        *("--description", "Big ones."),
    )
    card = shell.json("card", "edit", key, *people)
    assert (card["assigneeId"], card["startDate"][:10]) == (shell.json("whoami")["id"], "2026-03-01")
    assert (card["status"], card["description"], card["estimate"]) == ("in_progress", "Big ones.", 2.5)
    cleared = (
        *("--priority", "none", "--due", "none", "--start", "none", "--assignee", "none"),
        *("--description", "", "--estimate", "none"),
    )
    card = shell.json("card", "edit", key, *cleared)
    fields = ("priority", "dueDate", "startDate", "assigneeId", "description", "estimate")
    assert [card[name] for name in fields] == [None] * 6


def test_transfer_moves_a_card_to_another_project(shell):
    key = add(shell, "Sort the labels")
    projects = "/orgs/{org}/workspaces/{workspace}/projects"
    shell("api", "POST", projects, "-f", "name=Operations", "-f", "key=OPS", "-f", "templateId=simple")
    assert "label 'Bug'" in shell.error("card", "transfer", key, "--to", "OPS/To do")
    assert shell.error("card", "transfer", key, "--to", "OPS", code=2).startswith(
        "name the project and the column"
    )
    text = shell("card", "transfer", key, "--to", "Operations/to do", "--missing", "drop")
    assert text == f'Moved {key} to "To Do": OPS-1 "Sort the labels".\nDropped: label Bug\n'


def test_columns_and_documents_move_to_other_projects_and_workspaces(shell):
    here = json.loads(shell("api", "GET", "/orgs/{org}/workspaces/{workspace}"))
    shell("api", "POST", "/orgs/{org}/workspaces", "-f", "name=Side", "-f", "slug=side")
    shell("project", "add", "Sidelines", "--key", "SIDE", "--workspace", "side")
    shell("project", "add", "Source", "--key", "SRC", "--template", "simple")
    source, to_side = ("--project", "SRC"), ("--to-workspace", "side", "--to")
    keys = [shell.json("card", "add", title, *source)["key"] for title in ("Sort", "Fold")]
    moved = shell.json("card", "transfer", keys[0], *source, *to_side, "SIDE/done")
    assert (moved["key"], moved["dropped"]) == ("SIDE-1", [])
    scope = shell.json("board", "--project", "SIDE", "--workspace", "side")["scopes"][0]["name"]
    for target in ("SIDE", f"SIDE/{scope}"):
        text = shell("column", "transfer", "To Do", *source, *to_side, target)
        assert text == f'Moved "To Do" to "{scope}" of SIDE, with {len(keys) - 1} cards.\n'
        keys.pop()
        columns = "/orgs/{org}/workspaces/{workspace}/projects/{project}/columns"
        shell("api", "POST", columns, *source, "-f", "name=To Do")
    missing = shell.error("column", "transfer", "Nowhere", *source, *to_side, "SIDE")
    assert missing.startswith('there is no column "Nowhere"')
    documents = "/orgs/{org}/workspaces/{workspace}/documents"
    shell("api", "POST", documents, "-f", "title=Style guide")
    text = shell("document", "transfer", "style guide", *to_side, "Sidelines")
    assert text == 'Moved "Style guide" to "Sidelines".\n'
    back = ("--to-workspace", here["slug"], "--workspace", "side")
    assert shell.json("document", "transfer", "Style guide", *back)["contextType"] == "workspace"
    assert "/transfer" in shell("document", "transfer", "Style guide", "--to", "SRC", "--dry-run")
    assert [item["title"] for item in json.loads(shell("api", "GET", documents))] == ["Style guide"]


def test_edit_sets_and_ends_a_recurrence(shell):
    key = add(shell, "Water the plants")
    zone = ("--time-zone", "Europe/Berlin")
    card = shell.json("card", "edit", key, "--repeat", "FREQ=WEEKLY;BYDAY=MO", *zone, "--on-completion")
    recurrence = card["recurrence"]
    assert (recurrence["summary"], recurrence["create"]) == ("every Monday", "on_completion")
    assert recurrence["timeZone"] == "Europe/Berlin"
    assert "every Monday" in shell("card", "show", key)
    card = shell.json("card", "edit", key, "--title", "Water the palms", "--only-this")
    assert card["recurrence"]["later"] == {"title": "Water the plants"}
    assert shell.json("card", "edit", key, "--repeat", "none")["recurrence"] is None


def test_duplicate_copies_a_card(shell):
    key = add(shell, "Onboarding")
    copy = shell.json("card", "duplicate", key, "--title", "Onboarding of Joe")
    assert (copy["title"], copy["priority"]) == ("Onboarding of Joe", "high")
    assert copy["key"] != key


def test_edit_adds_and_removes_labels(shell):
    key = add(shell, "Sort the labels")
    labels = {label["name"]: label["id"] for label in shell.json("board")["labels"]}
    card = shell.json("card", "edit", key, "--add-label", "risk", "--add-label", "bug")
    assert card["labelIds"] == [labels["Bug"], labels["Risk"]]
    card = shell.json("card", "edit", key, "--remove-label", "Bug")
    assert card["labelIds"] == [labels["Risk"]]
    assert shell.error("card", "edit", key, "--add-label", "Bgu").startswith('there is no label "Bgu"')


def test_archive_and_restore(shell):
    key = add(shell, "Old flyers")
    assert shell("card", "archive", "old  flyers") == f'Archived {key} "Old flyers".\n'
    assert key in shell("card", "list", "--archived")
    assert shell("card", "restore", key) == f'Restored {key} "Old flyers".\n'
    assert shell.json("card", "show", key)["archived"] is False
    shell("card", "delete", key, "--yes")


def test_history_names_the_changed_fields(shell):
    key = add(shell, "Print the flyers")
    shell("card", "edit", key, "--title", "Print posters")
    updated, created = shell.json("card", "history", key)
    assert (updated["type"], created["type"]) == ("card_updated", "card_created")
    assert updated["changes"][0]["from"] == "Print the flyers"
    (line,) = shell("card", "history", key, "--limit", "1").splitlines()
    assert line.partition("\t")[2] == "Jane Doe updated the card: title Print the flyers → Print posters"


def test_history_is_in_words_in_a_terminal_too(shell, monkeypatch):
    key = add(shell, "Order the flyers", "--due", "2026-05-01", "--step", "Ask", "--step", "Pay")
    item, _ = shell.json("card", "show", key)["checklist"]
    path = "/orgs/{org}/workspaces/{workspace}/cards/" + f"{key}/checklist/{item['_id']}"
    shell("api", "PATCH", path, "-F", "done=true")
    shell("card", "move", key, "Doing")
    monkeypatch.setattr("stellary.cli.output.is_terminal", lambda stream=None: True)
    shell("undo", key)
    shell("card", "move", key, "Doing", "--top")
    shell("card", "edit", key, "--assignee", "me")
    shell("card", "archive", key)
    shell("card", "restore", key)
    lines = [line.partition("UTC  ")[2] for line in shell("card", "history", key).splitlines()]
    moved = "Jane Doe moved the card from To do to Doing: status open → in progress"
    assert lines[:-1] == [
        "Jane Doe restored the card",
        "Jane Doe archived the card",
        "Jane Doe assigned the card to Jane Doe",
        moved,
        'Jane Doe moved the card from Doing to To do: status in progress → open, to undo "card moved"',
        f"{moved} (undone by Jane Doe)",
        "Jane Doe updated the card: ☐ Ask → ☑ Ask",
    ]
    assert "due date — → 2026-05-01" in lines[-1]


@for_each(
    "text, day",
    [
        ("2026-05-01", date(2026, 5, 1)),
        ("2026-05-01T09:30Z", datetime(2026, 5, 1, 9, 30, tzinfo=UTC)),
        ("today", date(2026, 4, 3)),
        ("Tomorrow", date(2026, 4, 4)),
        ("+10d", date(2026, 4, 13)),
        ("in 1 day", date(2026, 4, 4)),
        ("In 2 weeks", date(2026, 4, 17)),
        ("fri", date(2026, 4, 10)),
        ("saturday", date(2026, 4, 4)),
        ("thursday", date(2026, 4, 9)),
    ],
)
def test_day_may_be_in_words(monkeypatch, text, day):
    east = timezone(timedelta(hours=2))

    class Friday(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime(2026, 4, 3, 1, tzinfo=east).astimezone(tz or east)

    monkeypatch.setattr("stellary.cli.options.datetime", Friday)
    assert DayParam().convert(text, None, None) == day


@pytest.mark.slow("runs three commands in another time zone")
def test_times_and_days_of_time_entries_and_of_the_flow_are_those_of_utc(shell, monkeypatch):
    assert DayParam(UTC).convert("2026-04-03T01:00:00+02:00", None, None).isoformat()[:10] == "2026-04-02"
    today = datetime.now(UTC).date().isoformat()
    monkeypatch.setenv("TZ", "X-14" if datetime.now(UTC).hour >= 10 else "X+12")
    time.tzset()
    try:
        assert shell.json("time", "add", add(shell, "Write"), "5", "--day", "today")["day"] == today
        assert shell.json("flow", "--until", "today")["days"][-1] == today
    finally:
        monkeypatch.undo()
        time.tzset()


def test_delete_asks_for_confirmation(shell, monkeypatch):
    key = add(shell, "Wrong flyers")
    assert shell.error("card", "delete", key) == "cannot ask for confirmation without a terminal; pass --yes"
    monkeypatch.setattr("stellary.cli.options.has_terminal", lambda: True)
    refused = shell.run("card", "delete", key, input="n\n", code=130)
    assert f'Delete {key} "Wrong flyers" with its comments and files? [y/N]' in refused.stderr
    assert shell.json("card", "show", key)["key"] == key
    assert shell.run("card", "delete", key, input="y\n").stdout == f'Deleted {key} "Wrong flyers".\n'
    assert shell.error("card", "show", key).startswith(f'there is no card "{key}"')


def test_dry_run_prints_the_request_and_changes_nothing(shell):
    key = add(shell, "Keep it")
    before = shell.json("card", "show", key)
    first, *body = shell("card", "edit", key, "--title", "Changed", "--dry-run").splitlines()
    assert first.startswith("PATCH /orgs/jane-doe/workspaces/jane-doe/projects/")
    assert first.endswith(f"/cards/{before['id']}")
    assert json.loads("\n".join(body)) == {"title": "Changed"}
    assert shell("card", "delete", key, "--dry-run").startswith("DELETE /orgs/")
    assert shell("card", "archive", key, "--dry-run").startswith("PATCH /orgs/")
    for option, level in ((None, "watch"), ("--mute", "mute"), ("--default", "default")):
        assert shell("card", "watch", key, *filter(None, [option])).endswith(f": {level}.\n")
    assert '"level": "mute"' in shell("card", "watch", key, "--mute", "--dry-run")
    assert shell("card", "comment", key, "Hello", "--dry-run").endswith('"content": "Hello"\n}\n')
    assert shell("card", "add", "Never", "--dry-run").startswith("POST /orgs/")
    assert shell.json("card", "show", key) == before


def test_piped_lists_are_complete_lines_of_fields(shell):
    title = "A title that is long enough to be cut off in any table of a terminal, " * 4
    key = shell.json("card", "add", title.strip(), "--priority", "low", "--due", "2026-05-01")["key"]
    lines = [line.split("\t") for line in shell("card", "list", "--search", "cut off in any").splitlines()]
    assert lines == [[key, title.strip(), "open", "low", "2026-05-01T00:00:00Z", "", "To do", ""]]


@for_each("is_terminal", [False, True])
def test_list_has_names_of_columns_people_and_labels(shell, monkeypatch, is_terminal):
    key = add(shell, "Name the flyers", "--column", "Doing", "--assignee", "me", "--label", "Risk")
    monkeypatch.setattr("stellary.cli.output.is_terminal", lambda stream=None: is_terminal)
    line = next(line for line in shell("card", "list").splitlines() if line.startswith(key))
    for name in ("Doing", "Jane Doe", "Bug", "Risk"):
        assert name in line
    shell("card", "delete", key, "--yes")


def test_json_prints_the_fields_that_are_named(shell):
    key = add(shell, "Choose fields")
    search = ("card", "list", "--search", "Choose fields")
    assert json.loads(shell(*search, "--json", "key,title")) == [{"key": key, "title": "Choose fields"}]
    assert json.loads(shell(*search, "--json", "key")) == [{"key": key}]
    assert json.loads(shell("card", "show", "--json=key", key)) == {"key": key}
    assert json.loads(shell("card", "show", "--json", key))["key"] == key
    assert shell.error(*search, "--json", "kye") == "there is no field 'kye'; did you mean 'key'?"
    assert shell.error(*search, "--json", "qqqqqq").startswith(
        "there is no field 'qqqqqq'; there are id, key, "
    )


def test_jq_filters_the_json(shell, tmp_path, monkeypatch):
    key = add(shell, "Filter me")
    program = tmp_path / "jq"
    program.write_text(
        '#!/bin/sh\nif [ "$3" = bad ]; then echo "jq: error: bad" >&2; exit 3; fi\necho "$*"\ncat\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    arguments, data = shell("card", "show", key, "--json=key", "--jq", ".key").splitlines()
    assert arguments == "--raw-output -- .key"
    assert json.loads(data) == {"key": key}
    assert shell.error("card", "show", key, "--jq", "bad") == "jq: error: bad"
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert shell.error("card", "show", key, "--jq", ".key").startswith("--jq needs the program jq")
