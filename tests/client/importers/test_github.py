"""GitHub issues as a project, and the report of everything that is not converted."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stellary import UnsuitableFile
from stellary.client.importers import read_github_issues
from tests.support.each_case import for_each

FOLDER = Path(__file__).parent
ISSUES, COMMENTS = FOLDER / "github_issues.json", FOLDER / "github_comments.json"
PEOPLE = {"octocat": "jane@example.com"}


@pytest.fixture
def issues():
    return json.loads(ISSUES.read_text())


def report_of(reading):
    return {(entry.kind, entry.reason): (entry.count, *entry.where) for entry in reading.left_out}


def kinds(reading):
    return {entry.kind for entry in reading.left_out}


def test_issues_become_a_project(ws):
    created = ws.projects.import_file(read_github_issues(ISSUES, comments=COMMENTS, people=PEOPLE).project)
    assert created.name == "octo-org/octo-repo"
    assert created.ignored == []
    # The importing user is the creator of the cards; the authors of the issues are only named.
    assert [entry.kind for entry in created.not_carried] == ["creator"]
    project = ws.project(created)
    columns = {column.id: column for column in project.columns.list()}
    statuses = [(column.name, column.card_status) for column in columns.values()]
    assert statuses == [("Open", "open"), ("Done", "done"), ("Not planned", "done")]
    cards = {card.number: card for card in project.cards.list()}
    assert {
        number: (card.title, columns[card.column_id].name, card.status) for number, card in cards.items()
    } == {
        2: ("Write the manual", "Done", "done"),
        4: ("Crash on save", "Open", "open"),
        7: ("Idea: dark mode", "Not planned", "done"),
    }
    crash = cards[4]
    assert crash.description == "It crashes.\r\n\r\n```\nTraceback\n```"
    assert crash.created_at == datetime(2024, 3, 1, 8, tzinfo=UTC)
    assert crash.assignee_id == ws.members.list()[0].user_id
    assert cards[2].completed_at == datetime(2024, 3, 3, 10, 30, tzinfo=UTC)
    labels = {label.id: (label.name, label.color) for label in project.labels.list()}
    assert [labels[id] for id in crash.label_ids] == [("bug", "#d73a4a"), ("help wanted", "#008672")]
    fields = {field.id: (field.name, field.type) for field in project.custom_fields.list()}
    assert {fields[id]: value for id, value in crash.custom_fields.items()} == {
        ("Milestone", "select"): "v1.0",
        ("Type", "select"): "Bug",
        ("GitHub", "text"): "https://github.com/octo-org/octo-repo/issues/4",
    }
    comments = project.card(crash).comments.list()
    contents = [(comment.imported_from, comment.content) for comment in comments]
    assert contents == [("hubot", "I can reproduce it."), ("octocat", "Fixed soon.")]


def test_everything_left_out_is_reported(issues):
    nothing = "Stellary has no equivalent"
    assert report_of(read_github_issues(issues, comments=COMMENTS, people=PEOPLE)) == {
        ("pull request", "it is not an issue"): (1, "issue 5"),
        ("label.description", nothing): (1, "label 'bug'"),
        ("milestone.due_on", "an option of a field cannot have a date"): (1, "milestone 'v1.0'"),
        ("issue.closed_by", nothing): (1, "issue 2"),
        ("issue.locked", nothing): (1, "issue 4"),
        ("issue.active_lock_reason", nothing): (1, "issue 4"),
        ("issue.reactions", nothing): (1, "issue 4"),
        ("assignee", "hubot: `people` has no e-mail address for this login"): (1, "issue 4"),
        ("comment", "its issue is not in the list"): (1, "issue 99"),
    }


def test_missing_comments_are_counted(issues):
    reading = read_github_issues(issues)
    assert report_of(reading)["comment", "the list contains no comments: pass `comments`"] == (2, "issue 4")


def test_pull_requests_are_included_on_request(issues):
    (project,) = read_github_issues(issues, pull_requests=True, name="Octo").projects
    assert project.project.name == "Octo"
    assert [card.number for card in project.cards] == [2, 4, 5, 7]


def test_issues_of_several_repositories_get_new_numbers(issues, ws):
    issues[0]["repository_url"] = "https://api.github.com/repos/octo-org/other"
    issues[0]["number"] = 2
    reading = read_github_issues(issues)
    assert "number" in kinds(reading)
    created = ws.projects.import_file(reading.project)
    assert sorted(card.number for card in ws.project(created).cards.list()) == [1, 2, 3]


def test_duplicate_issue_is_imported_once(issues):
    reading = read_github_issues([*issues, issues[0]])
    assert len(reading.project.cards) == 3
    assert "issue" in kinds(reading)


@pytest.mark.slow("reads many issues")
def test_many_issues_become_several_projects(issues, ws):
    many = [{**issues[2], "number": number, "comments": 0} for number in range(1, 701)]
    parts = read_github_issues(many, name="Octo").projects
    sizes = [(part.project.name, len(part.cards)) for part in parts]
    assert sizes == [("Octo (1 of 2)", 500), ("Octo (2 of 2)", 200)]
    created_projects = [ws.projects.import_file(part) for part in parts]
    assert [len(project.card_ids) for project in created_projects] == [500, 200]
    # New cards do not reuse the numbers of the other part.
    card = ws.project(created_projects[0]).column(created_projects[0].column_ids[0]).cards.create(title="new")
    assert card.number == 701


def test_long_bodies_and_many_milestones_are_kept(issues, ws):
    issues[2] |= {"title": "t" * 256, "body": "b" * 12_000}
    many = [{**issues[2], "number": number, "milestone": {"title": f"m{number}"}} for number in range(1, 130)]
    project = ws.project(ws.projects.import_file(read_github_issues(many).project))
    card = project.cards.list()[0]
    assert len(card.description) == 5_000
    comments = project.card(card).comments.list()
    assert sum(len(comment.content) for comment in comments) == 7_000
    assert {comment.imported_from for comment in comments} == {"octocat"}
    assert ("text", "Milestone") in {(field.type, field.name) for field in project.custom_fields.list()}


def test_invalid_values_are_reported_and_skipped(issues, ws):
    issues[2] |= {"user": None, "labels": [None, {"name": "ok", "color": "blue"}], "created_at": "yesterday"}
    issues[2] |= {"assignees": None, "milestone": [], "type": "Bug", "body": 3, "closed_at": 12}
    reading = read_github_issues(issues)
    assert len(ws.projects.import_file(reading.project).card_ids) == 3
    assert {"issue.created_at", "issue.closed_at"} <= kinds(reading)


@for_each("file", [b"{}", b"[1]", b'[{"number": 1}]', b"nonsense", b'[{"title": "x", "number": "1"}]'])
def test_other_files_are_rejected(file):
    with pytest.raises(UnsuitableFile, match="this is not a list of GitHub issues"):
        read_github_issues(file)


def test_empty_list_is_an_empty_project(ws):
    created = ws.projects.import_file(read_github_issues([]).project)
    assert (created.name, created.card_ids) == ("GitHub issues", [])
