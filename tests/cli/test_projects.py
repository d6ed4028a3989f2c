"""Projects as files at the command line: set up, exported, imported."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import LAUNCH

IMPORTERS = Path(__file__).parents[1] / "client" / "importers"
SMALL = "project: Small\ncolumns: [To do]\nlabels: [{name: Bug, color: '#ff0000'}]\n"


def test_a_plan_is_shown_and_its_exit_code_tells_whether_there_is_something_to_do(shell, tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL)
    assert shell("setup", "plan", "small.yaml").splitlines() == [
        'Project "Small": 3 to create',
        '  + project "Small"',
        '  + label "Bug"',
        '      color  "#ff0000"',
        '  + column "To do" at the beginning',
    ]
    assert shell.run("setup", "plan", "small.yaml", "--exit-code", code=3)
    found = shell.json("setup", "plan", "small.yaml")
    assert (found["project"], found["key"], len(found["changes"])) == ("Small", None, 3)
    assert found["changes"][1] == {
        "action": "create",
        "kind": "label",
        "name": "Bug",
        "note": None,
        "differences": [{"name": "color", "old": None, "new": "#ff0000"}],
    }
    told = shell("setup", "apply", "small.yaml", "--yes")
    assert told.splitlines()[-1] == 'Project "Small" (SMA): 3 changes made.'
    assert shell("setup", "apply", "small.yaml") == 'Project "Small" (SMA): nothing to do\n'
    assert shell.run("setup", "plan", "small.yaml", "--exit-code", code=0)
    (tmp_path / "less.yaml").write_text("project: Small\nlabels: []\n")
    assert '- label "Bug"' in shell("setup", "plan", "less.yaml", "--prune")


def test_nothing_is_applied_without_a_word(shell, tmp_path, monkeypatch):
    (tmp_path / "asked.yaml").write_text("project: Asked\n")
    said = shell.run("setup", "apply", "asked.yaml", code=1)
    assert said.stderr == "stellary: nobody is there to be asked: say --yes\n"
    monkeypatch.setattr("stellary.cli.setups._at_a_terminal", lambda stream: True)
    assert shell.run("setup", "apply", "asked.yaml", input="n\n", code=130).stderr.endswith("interrupted\n")
    found = shell.run("setup", "apply", "asked.yaml", input="y\n")
    assert "Applying" in found.stderr
    assert found.stdout.endswith("1 change made.\n")


def test_a_plan_of_dates_and_steps_is_json(shell):
    changes = shell.json("setup", "plan", str(LAUNCH), "--project", "LAUNCH")["changes"]
    assert all(each["kind"] != "project" for each in changes)
    path = Path("new.json")
    path.write_text(
        json.dumps(
            {
                "project": "Json",
                "columns": ["A"],
                "cards": [{"title": "B", "due_date": "2026-01-01", "checklist": ["C"]}],
            }
        )
    )
    (card,) = [each for each in shell.json("setup", "plan", "new.json")["changes"] if each["kind"] == "card"]
    assert card["differences"][1:] == [
        {"name": "due_date", "old": None, "new": "2026-01-01"},
        {"name": "checklist", "old": None, "new": [{"title": "C", "done": False}]},
    ]


def test_a_file_that_makes_no_sense_is_told_with_its_line(shell, tmp_path):
    (tmp_path / "bad.yaml").write_text("project: x\nlabls: []\n")
    said = shell.run("setup", "plan", "bad.yaml", code=1).stderr
    assert said == "stellary: bad.yaml:2: labls: 'labls' is not known here; did you mean 'labels'?\n"
    assert shell.refused("setup", "plan", "none.yaml", code=2).startswith(
        "Invalid value for 'FILE': File 'none.yaml'"
    )


def test_a_project_is_described(shell, tmp_path):
    told = shell("setup", "describe")
    assert told.startswith("project:\n  name: Q1 Launch\n")
    (tmp_path / "again.yaml").write_text(told)
    assert shell("setup", "plan", "again.yaml", "--prune").endswith("nothing to do\n")
    assert json.loads(shell("setup", "describe", "--format", "json"))["project"]["key"] == "LAUNCH"


def test_a_project_is_exported_and_imported(shell, tmp_path):
    assert shell("export") == 'Wrote "Q1 Launch" to LAUNCH.json.\n'
    assert json.loads(shell("export", "-"))["project"]["name"] == "Q1 Launch"
    assert shell("export", "x.zip", "--project", "LAUNCH") == 'Wrote "Q1 Launch" to x.zip.\n'
    first, lost = shell("import", "LAUNCH.json").splitlines()
    assert first.startswith('Imported "Q1 Launch" (')
    assert lost.startswith("not carried over: project.key LAUNCH: ")
    (made,) = shell.json("import", "x.zip")
    assert made["name"] == "Q1 Launch"


def test_boards_of_other_tools_are_imported(shell, tmp_path):
    told = shell(
        "import", str(IMPORTERS / "trello_board.json"), "--person", "jdoe=jane@example.com"
    ).splitlines()
    assert told[0].startswith('Imported "')
    assert any(line.startswith("left out: ") for line in told)
    issues = str(IMPORTERS / "github_issues.json")
    comments = str(IMPORTERS / "github_comments.json")
    told = shell("import", issues, "--name", "Issues", "--comments", comments)
    assert told.startswith('Imported "Issues" (')
    assert shell.refused("import", issues, "--person", "jdoe", code=2).startswith("--person is LOGIN=EMAIL")
    (tmp_path / "x.json").write_text("{")
    assert shell.refused("import", "x.json") == "x.json is neither JSON nor an archive"
    assert shell.refused("import", "x.json", "--from", "trello").startswith(
        "this is not the JSON export of a Trello"
    )


def test_a_file_that_cannot_be_written_is_told(shell):
    assert shell.refused("export", "/nowhere/x.json") == "/nowhere/x.json: No such file or directory"
