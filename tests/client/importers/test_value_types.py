"""Files with values of a wrong type: each such value is reported, or the file is rejected with one sentence."""

import json
from functools import partial
from pathlib import Path

import pytest

from stellary import UnsuitableFile
from stellary.client.importers import read_github_issues, read_trello
from stellary.client.importers.formats import (
    GITHUB_COMMENT,
    GITHUB_ISSUE,
    TRELLO_BOARD,
    ObjectFormat,
)
from stellary.contract import wire
from stellary.contract.project_imports import ImportProject
from tests.support.each_case import for_each

FOLDER = Path(__file__).parent
BOARD, ISSUES, COMMENTS = (
    json.loads((FOLDER / name).read_text())
    for name in ("trello_board.json", "github_issues.json", "github_comments.json")
)
_, _, CRASH, MANUAL = ISSUES
PEOPLE = {"octocat": "jane@example.com", "janedoe": "jane@example.com"}
FILES = {
    "Trello board": (BOARD, TRELLO_BOARD, partial(read_trello, people=PEOPLE)),
    "GitHub issues": ([CRASH], [GITHUB_ISSUE], partial(read_github_issues, people=PEOPLE)),
    "GitHub comments": (
        COMMENTS,
        [GITHUB_COMMENT],
        lambda comments: read_github_issues(ISSUES, comments=comments),
    ),
}
WRONG_VALUES = {
    "text": [[1], {"a": 1}, 1.5, True, 10**30],
    "id": ["", "x" * 101, "\ud800", [1], {"a": 1}, 1.5, True, 10**30],
    "integer": ["4", [1], {"a": 1}, 1.5, True, 10**30, -(10**30)],
    "number": ["4", [1], {"a": 1}, True, 10**30],
    "boolean": ["true", [1], {"a": 1}, 1.5, 1],
    list: ["x", {"a": 1}, 1.5, True, 10**30],
    ObjectFormat: [[1], 1.5, True, 10**30],
}


def declared_fields(value_type, value, path=()):
    """Yield the path and the type of each declared field of a file; of a list, the first item stands for all."""
    if isinstance(value_type, list):
        yield from declared_fields(value_type[0], value[0] if value else None, (*path, 0))
    elif isinstance(value_type, ObjectFormat) and isinstance(value, dict):
        for name, field_type in value_type.types.items():
            yield (*path, name), field_type
            yield from declared_fields(field_type, value.get(name), (*path, name))


def with_value(content, path, value):
    """Return a copy of a file with another value at a path."""
    if not path:
        return value
    key, *remaining_path = path
    changed = content.copy()
    changed[key] = with_value(content[key], remaining_path, value) if remaining_path else value
    return changed


def describe_problem(read, file, reported):
    """Return the problem of importing a file, or None if it is rejected, or imported with a further note in the report."""
    try:
        reading = read(file)
        for project in reading.projects:
            wire.load(ImportProject, json.loads(wire.dump(project)))
    except UnsuitableFile:
        return None
    except Exception as error:  # noqa: BLE001 - any of them is a problem
        return repr(error)
    notes = {(entry.kind, entry.reason) for entry in reading.left_out}
    return None if notes - reported else "not reported"


@pytest.mark.parametrize("name", FILES)
def test_value_of_wrong_type_is_reported_or_rejected(name):
    file, file_format, read = FILES[name]
    reported = {(entry.kind, entry.reason) for entry in read(file).left_out}
    fields = list(declared_fields(file_format, file))
    assert len(fields) > 5
    problems = [
        (path, str(value)[:20], problem)
        for path, field_type in fields
        for value in WRONG_VALUES[field_type if isinstance(field_type, str) else type(field_type)]
        if (problem := describe_problem(read, with_value(file, path, value), reported))
    ]
    assert problems == []


@pytest.mark.parametrize("name", FILES)
def test_null_stands_for_missing_field(name):
    file, file_format, read = FILES[name]
    problems = [
        (path, problem)
        for path, _ in declared_fields(file_format, file)
        if (problem := describe_problem(read, with_value(file, path, None), set()))
        not in (None, "not reported")
    ]
    assert problems == []


@for_each("number", ["4", [4], {}, None, 4.0, True, 0, -1, 2_000_000_001, 10**30])
def test_issue_with_invalid_number_is_rejected(number):
    with pytest.raises(UnsuitableFile) as error:
        read_github_issues([MANUAL, {**CRASH, "number": number}])
    assert str(error.value) == (
        "this is not a list of GitHub issues, as its REST API gives it:"
        " item 2 must have a title and a number from 1 to 2000000000"
    )


@for_each("number", ["4", [4], {}, None, 4.0, True, 0, -1, 2_000_000_001, 10**30])
def test_cards_get_new_numbers_if_one_is_invalid(number):
    (project,) = read_trello(with_value(BOARD, ("cards", 0, "idShort"), number)).projects
    assert all(not card.number for card in project.cards)


def test_large_comment_count_takes_no_memory():
    count = 10**15 - 1
    trello = read_trello(with_value(BOARD, ("cards", 0, "badges", "comments"), count))
    github = read_github_issues([{**CRASH, "comments": count}])
    assert max(entry.count for entry in trello.left_out) >= count - 2
    assert max(entry.count for entry in github.left_out) == count


def test_label_of_many_issues_is_reported_once():
    issues = [{**CRASH, "number": number} for number in range(1, 6)]
    notes = {entry.kind: entry.count for entry in read_github_issues(issues).left_out}
    assert notes["label.description"] == 1


def test_deeply_nested_unknown_field_is_reported():
    nested = "x"
    for _ in range(5_000):
        nested = [nested]
    assert "card.extra" in {
        entry.kind for entry in read_trello(with_value(BOARD, ("cards", 0, "extra"), nested)).left_out
    }


def test_comment_of_issue_with_long_number_is_reported():
    comments = with_value(
        COMMENTS, (0, "issue_url"), "https://api.github.com/repos/a/b/issues/" + "9" * 5_000
    )
    reading = read_github_issues(ISSUES, comments=comments)
    assert ("comment", "its issue is not in the list") in {
        (entry.kind, entry.reason) for entry in reading.left_out
    }
