"""Files with invalid values in any position: the result is a project or one clear error."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellary import UnsuitableFile
from stellary.client.importers import read_github_issues, read_trello
from tests.client.importers.test_value_types import with_value

FOLDER = Path(__file__).parent
FILES = {"trello_board.json": read_trello, "github_issues.json": read_github_issues}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(
        ["", "\ud800", "x" * 30_000, "2024-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "name", "pos"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def paths_of(value, path=()):
    """Yield the path of every value of a file."""
    yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from paths_of(child, (*path, key))


CASES = [(name, path) for name in FILES for path in paths_of(json.loads((FOLDER / name).read_text()))]


@pytest.mark.slow("imports many random files")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(CASES), JSON), min_size=1, max_size=3))
def test_any_file_is_imported_or_rejected(ws, changes):
    name = changes[0][0][0]
    file = json.loads((FOLDER / name).read_text())
    for (file_name, path), value in changes:
        if file_name == name:
            try:
                file = with_value(file, path, value)
            except (KeyError, IndexError, TypeError, AttributeError):
                continue  # an earlier change has removed this path
    if not isinstance(file, dict | list):
        file = json.dumps(file).encode()
    try:
        reading = FILES[name](file)
    except UnsuitableFile:
        return
    for project in reading.projects:
        ws.projects.import_file(project)
    assert all(str(entry) for entry in reading.left_out)


def test_report_names_ten_occurrences_and_the_count():
    issues = json.loads((FOLDER / "github_issues.json").read_text())
    (entry,) = read_github_issues([{**issues[1], "number": number} for number in range(1, 21)]).left_out
    assert (entry.count, len(entry.where)) == (20, 10)
    assert str(entry).startswith("20 pull request: it is not an issue (issue 1, issue 2, ")
    assert str(entry).endswith(", …)")
