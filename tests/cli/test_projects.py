"""Projects as files on the command line: set-up, export and import."""

import json
from pathlib import Path

from tests.cli.conftest import LAUNCH, PASSWORD

IMPORTERS = Path(__file__).parents[1] / "client" / "importers"
SMALL = "project: Small\ncolumns: [To do]\nlabels: [{name: Bug, color: '#ff0000'}]\n"


def test_plan_is_printed_and_exit_code_says_whether_there_are_changes(shell, tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL)
    assert shell("setup", "plan", "small.yaml").splitlines() == [
        'Project "Small": 3 to create',
        '  + project "Small"',
        '  + label "Bug"',
        '      color  "#ff0000"',
        '  + column "To do" at the beginning',
    ]
    assert shell.run("setup", "plan", "small.yaml", "--exit-code", code=3)
    plan = shell.json("setup", "plan", "small.yaml")
    assert (plan["project"], plan["key"], len(plan["changes"])) == ("Small", None, 3)
    assert plan["changes"][1] == {
        "action": "create",
        "kind": "label",
        "name": "Bug",
        "note": None,
        "differences": [{"name": "color", "old": None, "new": "#ff0000"}],
    }
    output = shell("setup", "apply", "small.yaml", "--yes")
    assert output.splitlines()[-1] == 'Project "Small" (SMA): 3 changes made.'
    assert shell("setup", "apply", "small.yaml") == 'Project "Small" (SMA): nothing to do\n'
    assert shell.run("setup", "plan", "small.yaml", "--exit-code", code=0)
    (tmp_path / "less.yaml").write_text("project: Small\nlabels: []\n")
    assert '- label "Bug"' in shell("setup", "plan", "less.yaml", "--prune")


def test_project_is_saved_as_a_template_and_created_from_it(shell):
    assert (
        shell("template", "save", "Client project") == 'Saved "Client project" with 6 columns and 3 cards.\n'
    )
    assert shell("template", "save", "Empty", "--skeleton").endswith("0 cards.\n")
    assert shell("template", "list").count("\n") == 5
    options = ("--template", "client project", "--key", "NEXT", "--start", "2026-05-04")
    assert shell("project", "add", "Next", *options).startswith('Added NEXT "Next"')
    assert len(shell.json("card", "list", "--project", "NEXT")) == 3
    assert shell("template", "rename", "empty", "Bare") == 'Renamed to "Bare".\n'
    assert shell("template", "delete", "Bare", "--yes") == 'Deleted "Bare".\n'
    unknown = shell.run("project", "add", "Next", "--template", "Bare", code=1)
    assert unknown.stderr.startswith('stellary: there is no template "Bare"')


def test_apply_asks_for_confirmation(shell, tmp_path, monkeypatch):
    (tmp_path / "asked.yaml").write_text("project: Asked\n")
    refusal = shell.run("setup", "apply", "asked.yaml", code=1)
    assert refusal.stderr == "stellary: cannot ask for confirmation without a terminal; pass --yes\n"
    monkeypatch.setattr("stellary.cli.options.has_terminal", lambda: True)
    monkeypatch.setattr("stellary.cli.output.is_terminal", lambda stream=None: True)
    assert shell.run("setup", "apply", "asked.yaml", input="n\n", code=130).stderr.endswith("interrupted\n")
    result = shell.run("setup", "apply", "asked.yaml", input="y\n")
    assert "Applying" in result.stderr
    assert result.stdout.endswith("1 change made.\n")


def test_plan_with_dates_and_steps_as_json(shell):
    changes = shell.json("setup", "plan", str(LAUNCH), "--project", "LAUNCH")["changes"]
    assert all(change["kind"] != "project" for change in changes)
    card = {"title": "B", "due_date": "2026-01-01", "checklist": ["C"]}
    declaration = {"project": "Json", "columns": ["A"], "cards": [card]}
    Path("new.json").write_text(json.dumps(declaration))
    (card,) = [
        change for change in shell.json("setup", "plan", "new.json")["changes"] if change["kind"] == "card"
    ]
    assert card["differences"][1:] == [
        {"name": "due_date", "old": None, "new": "2026-01-01"},
        {"name": "checklist", "old": None, "new": [{"title": "C", "done": False}]},
    ]


def test_error_in_a_file_has_its_line(shell, tmp_path):
    (tmp_path / "bad.yaml").write_text("project: x\nlabls: []\n")
    error = shell.run("setup", "plan", "bad.yaml", code=1).stderr
    assert error == "stellary: bad.yaml:2: labls: 'labls' is not known here; did you mean 'labels'?\n"
    assert shell.error("setup", "plan", "none.yaml", code=2).startswith(
        "Invalid value for 'FILE': File 'none.yaml'"
    )


def test_describe_a_project(shell, tmp_path):
    output = shell("setup", "describe")
    assert output.startswith("project:\n  name: Q1 Launch\n")
    (tmp_path / "again.yaml").write_text(output)
    assert shell("setup", "plan", "again.yaml", "--prune").endswith("nothing to do\n")
    assert json.loads(shell("setup", "describe", "--format", "json"))["project"]["key"] == "LAUNCH"


def test_export_and_import_a_project(shell, tmp_path):
    assert shell("export") == 'Wrote "Q1 Launch" to LAUNCH.json.\n'
    assert shell.error("export") == "LAUNCH.json exists; pass --force to replace it"
    assert shell("export", "--force") == 'Wrote "Q1 Launch" to LAUNCH.json.\n'
    assert json.loads(shell("export", "-"))["project"]["name"] == "Q1 Launch"
    assert shell("export", "x.zip", "--project", "LAUNCH") == 'Wrote "Q1 Launch" to x.zip.\n'
    first, lost = shell("import", "LAUNCH.json").splitlines()
    assert first.startswith('Imported "Q1 Launch" (')
    assert lost.startswith("not carried over: project.key LAUNCH: ")
    (project,) = shell.json("import", "x.zip")
    assert project["name"] == "Q1 Launch"


def test_large_import_is_not_repeated_with_the_same_key(shell, tmp_path):
    cards = [{"title": f"Card {number}", "columnIndex": 0} for number in range(501)]
    file = {"project": {"name": "Large"}, "columns": [{"name": "To Do"}], "cards": cards}
    Path("large.json").write_text(json.dumps(file))
    for _ in range(2):
        assert shell("import", "large.json", "--key", "monday") == 'Imported "Large" (LAR) with 501 cards.\n'


def test_import_files_of_other_tools(shell, tmp_path):
    output = shell(
        "import", str(IMPORTERS / "trello_board.json"), "--person", "jdoe=jane@example.com"
    ).splitlines()
    assert output[0].startswith('Imported "')
    assert any(line.startswith("left out: ") for line in output)
    issues = str(IMPORTERS / "github_issues.json")
    comments = str(IMPORTERS / "github_comments.json")
    output = shell("import", issues, "--name", "Issues", "--comments", comments)
    assert output.startswith('Imported "Issues" (')
    assert shell.error("import", issues, "--person", "jdoe", code=2).startswith(
        "--person must be LOGIN=EMAIL"
    )
    (tmp_path / "x.json").write_text("{")
    assert shell.error("import", "x.json") == "x.json is neither JSON nor an archive"
    for foreign in ({"name": "left-pad", "version": "1.3.0"}, {"project": "X"}, {"project": {"key": "X"}}):
        Path("foreign.json").write_text(json.dumps(foreign))
        assert shell.error("import", "foreign.json") == (
            "this is not an exported project: it has no 'project' with a 'name'"
        )
    assert shell.error("import", "x.json", "--from", "trello").startswith(
        "this is not the JSON export of a Trello"
    )


def test_unwritable_file_is_an_error(shell):
    assert shell.error("export", "/nowhere/x.json") == "/nowhere/x.json: No such file or directory"


def test_example_of_the_help_works_for_anybody(new_shell):
    new_shell.run("register", "--email", "zoe@example.com", "--name", "Zoe", input=PASSWORD)
    assert new_shell("setup", "apply", str(LAUNCH), "--yes").endswith("changes made.\n")
