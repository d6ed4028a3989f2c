"""Strict reading of declarations: every problem is reported with its path and line."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from stellary import UnsuitableDeclaration
from stellary.client import project_setup as ps
from stellary.contract.wire import UNSET
from tests.support.each_case import for_each

YAML = """\
project: {name: Launch, key: LAUNCH}
columns:
  - To do
  - {name: Done, card_status: done, wip_limit: 3}
labels: [Bug, "no"]
fields:
  - {name: Size, type: number}
cards:
  - title: Write
    labels: [bug]
    due_date: 2026-04-01
    start_date: 2026-03-01T10:00:00Z
    fields: {size: 3}
    checklist: [Ask, {title: Draft, done: true}]
    assignee: null
"""

TOML = """\
columns = ["To do", { name = "Done", card_status = "done", wip_limit = 3 }]
labels = ["Bug", "no"]
fields = [{ name = "Size", type = "number" }]

[project]
name = "Launch"
key = "LAUNCH"

[[cards]]
title = "Write"
labels = ["bug"]
due_date = 2026-04-01
start_date = 2026-03-01T10:00:00Z
fields = { size = 3 }
checklist = ["Ask", { title = "Draft", done = true }]
"""

DECLARED = ps.Declaration(
    ps.Project("Launch", key="LAUNCH"),
    columns=[ps.Column("To do"), ps.Column("Done", card_status="done", wip_limit=3)],
    labels=[ps.Label("Bug"), ps.Label("no")],
    fields=[ps.Field("Size", "number")],
    cards=[
        ps.Card(
            "Write",
            labels=["bug"],
            due_date=date(2026, 4, 1),
            start_date=datetime(2026, 3, 1, 10, tzinfo=UTC),
            fields={"size": 3},
            checklist=[ps.Step("Ask"), ps.Step("Draft", True)],
        )
    ],
)


def read_errors(text: str, suffix: str = ".yaml") -> list[str]:
    """Return the lines of the error with which a file is refused."""
    with pytest.raises(UnsuitableDeclaration) as caught:
        ps.loads(text.encode(), suffix, f"launch{suffix}")
    return str(caught.value).splitlines()


def test_yaml_is_read():
    assert ps.loads(YAML.encode(), ".yaml").cards[0].assignee is None
    assert ps.loads(YAML.replace("assignee: null", "").encode(), ".yml") == DECLARED


def test_toml_is_read():
    assert ps.loads(TOML.encode(), ".toml") == DECLARED


def test_json_is_read(tmp_path: Path):
    path = tmp_path / "launch.json"
    path.write_text('{"project": "Launch", "scopes": [{"name": "MVP", "views": {"list": {"sort": null}}}]}')
    assert ps.read(path) == ps.Declaration(
        ps.Project("Launch"), scopes=[ps.Scope("MVP", views={"list": {"sort": None}})]
    )


def test_dumps_and_loads_round_trip():
    assert ps.loads(ps.dumps(DECLARED).encode(), ".yaml") == DECLARED
    assert "due_date: 2026-04-01\n" in ps.dumps(DECLARED)


def test_text_that_looks_like_another_type_round_trips():
    names = ["no", "on", "null", "1", "1.5", "1e3", "0x10", "089", "12:30", "~", "2026-01-01", "a: b", "# c"]
    declaration = ps.Declaration(ps.Project("yes", description=""), cards=[*map(ps.Card, names)])
    assert ps.loads(ps.dumps(declaration).encode(), ".yaml") == declaration


@for_each(
    "text, message",
    [
        (
            "project: Launch\ncolums: []",
            "launch.yaml:2: colums: 'colums' is not known here; did you mean 'columns'?",
        ),
        ("columns: []", "launch.yaml:1: 'project' is missing"),
        ("", "launch.yaml: must have fields such as 'project', not be null"),
        ("- a", "launch.yaml:1: must have fields such as 'project', not be a list"),
        ("project: 7", "launch.yaml:1: project: must have fields such as 'name', not be 7"),
        ("project: x\nlabels: Bug", "launch.yaml:2: labels: must be a list, not 'Bug'"),
        ("project: x\nlabels: [1]", "launch.yaml:2: labels[0]: must have fields such as 'name', not be 1"),
        (
            "project: x\nlabels:\n- name: 1.0",
            "launch.yaml:3: labels[0].name: must be a string, not 1.0; put it in quotes",
        ),
        ('project: x\nlabels: [""]', "launch.yaml:2: labels[0].name: must be 1 to 50 characters"),
        ('project: "a\\0b"', "launch.yaml:1: project.name: must not contain a NUL character"),
        (
            "project: x\nlabels:\n- {name: Bug, color: red}",
            "launch.yaml:3: labels[0].color: must be a colour such as #22c55e",
        ),
        (
            "project: x\nfields:\n- {name: A, type: txt}",
            "launch.yaml:3: fields[0].type: must be one of text, number, select, multi-select, date, boolean, not",
        ),
        (
            "project: x\nfields:\n- {name: A, type: text, required: no}",
            "launch.yaml:3: fields[0].required: must be true or false, not 'no'",
        ),
        (
            "project: x\ncolumns:\n- {name: A, wip_limit: 1.5}",
            "launch.yaml:3: columns[0].wip_limit: must be a whole number, not 1.5",
        ),
        (
            "project: x\ncards:\n- {title: A, due_date: soon}",
            "launch.yaml:3: cards[0].due_date: must be a date such as 2026-04-01, not 'soon'",
        ),
        (
            "project: x\nscopes:\n- {name: A, views: {bord: {}}}",
            "launch.yaml:3: scopes[0].views.bord: must be one of kanban, list, calendar, roadmap, stats, not 'bord'",
        ),
        (
            "project: x\nscopes:\n- {name: A, views: []}",
            "launch.yaml:3: scopes[0].views: must be a mapping, not a list",
        ),
        ("project: x\nproject: y", "launch.yaml:2: project: 'project' is listed twice"),
        (
            "project: &a x",
            "launch.yaml: this is not YAML: anchors and aliases are not supported at line 1 column 10",
        ),
        (
            "project: !!str x",
            "launch.yaml: this is not YAML: tags such as tag:yaml.org,2002:str are not supported at line 1 column 10",
        ),
        ("project: [", "launch.yaml: this is not YAML: expected the node content, but found '<stream end>'"),
        (
            "a: \x01",
            "launch.yaml: this is not YAML: unacceptable character #x0001: special characters are not allowed",
        ),
    ],
)
def test_problem_of_a_file_has_its_line(text, message):
    (first, *_) = read_errors(text)
    assert first.startswith(message)


@for_each(
    "text, suffix, message",
    [
        ("a = ", ".toml", "launch.toml: this is not TOML: Invalid value"),
        ("{", ".json", "launch.json: this is not JSON: Expecting property name"),
        ('{"project": 1, "project": 2}', ".json", "launch.json: 'project' occurs twice in one object"),
        ("[" * 100_000, ".json", "launch.json: this cannot be read"),
        ("1" * 5000, ".json", "launch.json: this cannot be read"),
        (
            "",
            ".ini",
            "launch.ini: the file name must end in .yaml, .yml, .toml, .json, not in '.ini'",
        ),
    ],
)
def test_unreadable_file_is_refused(text, suffix, message):
    (first, *_) = read_errors(text, suffix)
    assert first.startswith(message)


def test_file_that_is_not_utf_8_is_refused():
    with pytest.raises(UnsuitableDeclaration, match=r"^x: the file is not UTF-8$"):
        ps.loads(b"\xff", ".yaml", "x")


def problems(*args, **items) -> list[str]:
    """Return the problems of a declaration, each as path and message."""
    declaration = ps.Declaration(ps.Project("Launch"), *args, **items)
    with pytest.raises(UnsuitableDeclaration) as caught:
        ps.dumps(declaration) and ps.loads(ps.dumps(declaration).encode(), ".yaml")
    return [": ".join(problem) for problem in caught.value.problems]


def test_undeclared_names_are_problems_with_suggestions():
    assert problems(
        scopes=[ps.Scope("MVP")],
        columns=[ps.Column("To do")],
        labels=[ps.Label("Bug")],
        fields=[ps.Field("Size", "number")],
        cards=[
            ps.Card("A", scope="MPV", labels=["Bgu"], fields={"Sizes": 1}, blocks=["B"]),
            ps.Card("C", column="Todo", fields={"Size": "big"}, parent="C"),
        ],
        automations=[
            ps.Automation("R", "task_moved", ps.Action("x", {"a": [{"column": "Done"}, {"label": "Bux"}]})),
        ],
    ) == [
        "cards[0].scope: the scope \"MPV\" is not declared; did you mean 'MVP'?",
        "cards[0].labels[0]: the label \"Bgu\" is not declared; did you mean 'Bug'?",
        "cards[0].fields.Sizes: the field \"Sizes\" is not declared; did you mean 'Size'?",
        'cards[0].blocks[0]: the card "B" is not declared',
        "cards[1].column: the column \"Todo\" is not declared; did you mean 'To do'?",
        "cards[1].fields.Size: must be a finite number",
        "cards[1].parent: must be another card",
        'automations[0].action.params.a[0]: the column "Done" is not declared',
        "automations[0].action.params.a[1]: the label \"Bux\" is not declared; did you mean 'Bug'?",
    ]


def test_duplicates_are_problems():
    same = "665f1a2b3c4d5e6f7a8b9c0d"
    assert problems(
        scopes=[
            ps.Scope("MVP", default=True, columns=[ps.Column("A"), ps.Column("A")]),
            ps.Scope("MVP", default=True),
        ],
        columns=[ps.Column("A", id=same), ps.Column("A", id=same)],
        labels=[ps.Label("Bug"), ps.Label("bug")],
        fields=[ps.Field("Size", "number"), ps.Field("New", "number", was="size")],
        cards=[
            ps.Card("A"),
            ps.Card("A", labels=["Bug", "BUG"]),
            ps.Card("B", fields={"size": 1, "Size": 2}, related_to=["A"]),
        ],
        members=["a@example.com", "A@example.com"],
    ) == [
        "scopes[1]: the scope \"MVP\" is already declared at scopes[0]; use 'id' to distinguish them",
        "scopes[1].default: is already set for scopes[0]",
        "scopes[0].columns[1]: the column \"A\" is already declared at scopes[0].columns[0]; use 'id' to distinguish them",
        "columns: are those of scopes[0], which declares its own",
        f"columns[1].id: {same} is listed twice",
        'labels[1]: the label "bug" is already declared at labels[0]',
        'fields[1].was: the field "size" is also declared',
        "cards[1]: the card \"A\" is already declared at cards[0]; use 'key' to distinguish them",
        'cards[1].labels[1]: the label "BUG" is listed twice',
        "cards[2].fields.Size: is listed twice",
        'cards[2].related_to[0]: there are several cards "A"; use its key',
        "members[1]: A@example.com is listed twice",
    ]


def test_contradictions_are_problems():
    assert problems(
        scopes=[ps.Scope("A", start_date=date(2026, 2, 2), due_date=date(2026, 1, 1))],
        fields=[
            ps.Field("A", "select"),
            ps.Field("B", "text", options=["x"]),
            ps.Field("C", "select", options=["x", "x"]),
            *(ps.Field(f"F{number}", "text") for number in range(98)),
        ],
        cards=[ps.Card("A", start_date=date(2026, 2, 2), due_date=date(2026, 1, 1))],
    ) == [
        "scopes[0].start_date: must not be after due_date",
        "fields: must have at most 100 items",
        "fields[0]: 'options' is missing: it is required for the type select",
        "fields[1].options: is not allowed for the type text",
        "fields[2].options: must be unique",
        "cards[0].start_date: must not be after due_date",
    ]


def test_long_list_of_problems_is_shortened():
    lines = read_errors("project: x\ncards:\n" + "- {title: A, nix: 1}\n" * 40)
    assert len(lines) == 21
    assert lines[-1] == "… and 59 more"  # each field, and that a card stands twice


@pytest.mark.parametrize(
    "moment",
    ["2026-04-01T12:00", datetime(2026, 4, 1), "2026-04-01T12:00:00"],  # noqa: DTZ001 - what is meant
)
def test_moment_without_offset_is_a_problem(any_ws, moment):
    with pytest.raises(UnsuitableDeclaration) as caught:
        ps.plan(any_ws, {"project": "x", "columns": ["A"], "cards": [{"title": "A", "due_date": moment}]})
    assert caught.value.problems == (
        ("cards[0].due_date", "must have a UTC offset such as +02:00; in Python, a time zone"),
    )


def test_all_problems_are_reported_together_with_their_lines(any_ws, tmp_path):
    """Problems of the file, of the declaration by itself, and of names unknown in the workspace."""
    path = tmp_path / "launch.yaml"
    path.write_text(
        "project: All at once\n"
        "columns: [To do, {nmae: Done}]\n"
        "labels: [Bug, {name: Late, color: red}]\n"
        "fields: [{name: Level, type: txt}]\n"
        "cards:\n"
        "- {title: One, priority: urgent, labels: [Bgu, Late], column: Nowhere, fields: {Level: 3}}\n"
        "- {title: Two, column: To do, assignee: nobody@example.com, start_date: 2026-05-01, due_date: 2026-04-01}\n"
        "- {column: To do, labels: [Gub]}\n"
        "- {title: Four, column: To do, blocks: [Five]}\n"
        "- {title: Five, column: To do, blocks: [Four, Unknown]}\n"
        "members: [stranger@example.com]\n"
    )
    with pytest.raises(UnsuitableDeclaration) as caught:
        ps.plan(any_ws, path)
    assert str(caught.value).splitlines() == [
        "launch.yaml:2: columns[1].nmae: 'nmae' is not known here; did you mean 'name'?",
        "launch.yaml:2: columns[1]: 'name' is missing",
        "launch.yaml:3: labels[1].color: must be a colour such as #22c55e",
        "launch.yaml:4: fields[0].type: must be one of text, number, select, multi-select, date, boolean, not 'txt'; did you mean 'text'?",
        "launch.yaml:6: cards[0].priority: must be one of low, medium, high, not 'urgent'",
        "launch.yaml:8: cards[2]: 'title' is missing",
        "launch.yaml:6: cards[0].labels[0]: the label \"Bgu\" is not declared; did you mean 'Bug'?",
        "launch.yaml:7: cards[1].start_date: must not be after due_date",
        'launch.yaml:8: cards[2].labels[0]: the label "Gub" is not declared',
        "launch.yaml:11: members[0]: the workspace has no person \"stranger@example.com\"; did you mean 'jane@example.com' or 'ann@example.com' or 'joe@example.com'?",
        "launch.yaml:7: cards[1].assignee: the workspace has no person \"nobody@example.com\"; did you mean 'joe@example.com' or 'ann@example.com' or 'jane@example.com'?",
        'launch.yaml:9: cards[3].blocks[0]: creates a cycle: "Five" blocks "Four" blocks "Five"',
    ]
    assert [project.name for project in any_ws.projects.list() if project.name == "All at once"] == []


def test_python_value_is_checked_like_a_file(any_ws):
    declaration = ps.Declaration(ps.Project("Launch"), cards=[ps.Card("", priority="urgent")])
    with pytest.raises(UnsuitableDeclaration, match=r"cards\[0\].title: must be 1 to 500 characters"):
        ps.plan(any_ws, declaration)
    odd = {
        "project": "x",
        "cards": [{"title": "A", "fields": {"a": {1}, "b": 2**64, "c": float("nan"), "d": "\0"}}],
    }
    with pytest.raises(UnsuitableDeclaration) as caught:
        ps.plan(any_ws, odd)
    assert [problem[1] for problem in caught.value.problems] == [
        "must be a JSON value",
        "must fit 64 bits",
        "must be a finite number",
        "must not contain a NUL character",
        "the scope has no column for it",
    ]
    with pytest.raises(TypeError, match="a declaration must be a Declaration, a dict or a path, not int"):
        ps.plan(any_ws, 7)
    assert ps.Project("x").key is UNSET


def test_missing_pyyaml_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImportError, match="PyYAML: pip install 'stellary"):
        ps.loads(b"project: x", ".yaml")


@for_each(
    "kind, options, value, stored",
    [
        ("text", [], "x", "x"),
        ("text", [], " ", ValueError),
        ("number", [], 2.0, 2),
        ("number", [], 2.5, 2.5),
        ("number", [], 1e300, 1e300),
        ("number", [], True, ValueError),
        ("number", [], float("inf"), ValueError),
        ("boolean", [], False, False),
        ("boolean", [], 0, ValueError),
        ("date", [], "2026-04-01", "2026-04-01"),
        ("date", [], "2026-04-01T00:00:00Z", "2026-04-01"),
        ("date", [], "2026-04-31", ValueError),
        ("date", [], "20260401", ValueError),
        ("date", [], 5, ValueError),
        ("select", ["a"], "a", "a"),
        ("select", ["a"], "b", ValueError),
        ("multi-select", ["a", "b"], ["b", "a"], ["b", "a"]),
        ("multi-select", ["a", "b"], [], None),
        ("multi-select", ["a"], ["a", "a"], ValueError),
        ("multi-select", ["a"], "a", ValueError),
        ("text", [], None, None),
    ],
)
def test_values_have_the_form_stored_by_the_api(kind, options, value, stored):
    from stellary.client.project_setup.checking import to_stored

    if stored is ValueError:
        with pytest.raises(ValueError, match=r"^must be "):
            to_stored(kind, options, value)
    else:
        assert to_stored(kind, options, value) == stored


def test_toml_dates_in_values_become_text():
    text = "project = 'x'\n[[cards]]\ntitle = 'A'\nfields = { Day = 2026-04-01 }\n"
    assert ps.loads(text.encode(), ".toml").cards[0].fields == {"Day": "2026-04-01"}


def test_columns_with_the_same_name_are_identified_by_id():
    ids = ["665f1a2b3c4d5e6f7a8b9c0d", "665f1a2b3c4d5e6f7a8b9c0e"]
    columns = [ps.Column("A", id=id) for id in ids]
    assert problems(columns=columns, cards=[ps.Card("A", column="A"), ps.Card("B", column=ids[0])]) == [
        'cards[0].column: there are several columns "A"; use its id'
    ]


def test_an_error_can_be_pickled():
    import pickle

    again = pickle.loads(pickle.dumps(UnsuitableDeclaration("x: y", [("x", "y")])))
    assert (str(again), again.problems) == ("x: y", (("x", "y"),))
