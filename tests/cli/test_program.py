"""The program as a whole: help with examples, completion, serving, and a real process."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from stellary.cli import entry
from stellary.cli.app import cli
from tests.cli.conftest import PASSWORD


def iterate_commands(
    at: click.Command, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command, with the words that call it."""
    yield words, at
    if isinstance(at, click.Group):
        context = click.Context(at)
        for name in at.list_commands(context):
            yield from iterate_commands(at.get_command(context, name), (*words, name))


COMMANDS = list(iterate_commands(cli))


OPTIONS = {
    words: {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    for words, command in COMMANDS
}


@pytest.mark.parametrize(
    ("words", "command"), COMMANDS, ids=[" ".join(words) or "stellary" for words, _ in COMMANDS]
)
def test_help_of_each_command_has_an_example(new_shell, words, command):
    output = new_shell(*words, "--help")
    assert "Example" in output
    assert "\\b" not in output
    examples = output.partition("Example")[2].partition("Options:")[0]
    assert f"stellary {' '.join(words)}".strip() in examples
    # The server reads the options of ``serve``.
    for line in examples.splitlines() if words != ("serve",) else ():
        _, program, arguments = line.partition("stellary ")
        called = [words for words in OPTIONS if words == tuple(arguments.split()[: len(words)])]
        used = set(re.findall(r"(?<= )--?[a-z][a-z-]*", arguments))
        assert not program or used <= OPTIONS[max(called, key=len)], line


def test_reading_commands_have_a_json_option():
    reading = {
        *("whoami", "orgs", "workspaces", "projects", "board", "card list", "card show", "card history"),
        *("sessions list", "second-factor status", "tokens list", "setup plan"),
    }
    with_json = {
        " ".join(words)
        for words, command in COMMANDS
        if any(option.name == "json_fields" for option in command.params)
    }
    assert reading <= with_json


def test_overview_lists_each_command(new_shell):
    output = new_shell("--help")
    assert all(f"\n  {words[0]} " in output for words, _ in COMMANDS if len(words) == 1)


def test_version_is_printed(new_shell):
    from stellary import __version__

    assert new_shell("--version") == f"stellary {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_printed(new_shell, shell):
    assert "_STELLARY_COMPLETE" in new_shell("completion", shell)


def complete(shell, *words: str) -> list[str]:
    """Return the completions that a shell offers for the last word."""
    line = " ".join(["stellary", *words])
    variables = {"_STELLARY_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    result = shell.run(**variables)
    return [row.partition(",")[2] for row in result.stdout.splitlines() if row]


def test_words_are_completed(shell):
    assert complete(shell, "card", "mo") == ["move"]
    assert complete(shell, "setup", "") == ["apply", "describe", "plan"]
    assert complete(shell, "board", "--view", "k") == ["kanban"]
    assert complete(shell, "board", "--project", "la") == ["LAUNCH"]
    assert complete(shell, "use", "--project", "la") == ["LAUNCH"]
    assert complete(shell, "use", "jane") == ["jane-doe/jane-doe"]
    assert complete(shell, "use", "jane-doe/jane-doe/la") == ["jane-doe/jane-doe/LAUNCH"]
    assert complete(shell, "use", "no/where/la") == []
    assert complete(shell, "board", "--workspace", "") == ["jane-doe/jane-doe"]
    assert complete(shell, "workspaces", "j") == complete(shell, "board", "--org", "j") == ["jane-doe"]
    assert complete(shell, "use", "jane-doe/jane-doe", "--project", "la") == ["LAUNCH"]
    assert complete(shell, "use", "no/where", "--project", "la") == []
    assert complete(shell, "board", "--workspace", "no/where", "--project", "la") == []
    assert "LAUNCH-1" in complete(shell, "card", "done", "launch-1")
    assert complete(shell, "card", "add", "A", "--column", "do") == ["Doing", "Done"]
    assert complete(shell, "card", "move", "LAUNCH-1", "boo") == ["Booked"]
    assert complete(shell, "card", "list", "--scope", "mark") == ["Marketing"]
    assert complete(shell, "card", "edit", "LAUNCH-1", "--add-label", "b") == ["Bug"]
    assert complete(shell, "card", "list", "--assignee", "") == ["me", "jane@example.com"]
    assert complete(shell, "--url", "http://127.0.0.1:1", "card", "done", "launch-1") == []


def test_names_of_projects_are_kept_for_a_minute(shell, monkeypatch):
    assert complete(shell, "use", "--project", "la") == ["LAUNCH"]
    names = shell.config.with_name("completions.json")
    assert names.stat().st_mode & 0o077 == 0
    names.write_text(names.read_text().replace("LAUNCH", "LATER"))
    assert complete(shell, "use", "--project", "la") == ["LATER"]
    now = time.time()
    monkeypatch.setattr("stellary.cli.options.time.time", lambda: now + 61)
    assert complete(shell, "use", "--project", "la") == ["LAUNCH"]
    for text in ("", "[3]", '{"a": 3}', '{"a": ["x"]}'):
        names.write_text(text)
        assert complete(shell, "use", "--project", "la") == ["LAUNCH"]
    names.unlink()
    names.mkdir()
    assert complete(shell, "use", "--project", "la") == ["LAUNCH"], "names are shown if they cannot be kept"
    names.rmdir()


def test_serve_passes_all_options_to_the_server(new_shell, monkeypatch):
    calls = []
    monkeypatch.setattr("reference_server.__main__.main", lambda words: calls.append(words) or 0)
    new_shell("serve", "--port", "0", "--data-dir", "x", "migrate")
    assert calls == [("--port", "0", "--data-dir", "x", "migrate")]


def test_missing_packages_are_named(new_shell, monkeypatch):
    monkeypatch.setattr("stellary.cli.serving.NEEDED", ("no_such_package",))
    message = "the server needs more packages; install them with: pip install 'stellary[cli,server]'"
    assert new_shell.error("serve") == message
    assert "Example" in new_shell("serve", "--help")
    monkeypatch.setattr(entry, "NEEDED", ("no_such_package",))
    with pytest.raises(
        SystemExit, match="the command line is an extra; install it with: pip install 'stellary"
    ):
        entry.main()


def test_it_runs_as_a_process(new_shell, tmp_path):
    program = Path(sys.executable).with_name("stellary")
    variables = {
        **os.environ,
        "STELLARY_URL": new_shell.url,
        "STELLARY_CONFIG": str(new_shell.config),
        "FORCE_COLOR": "",
    }

    def run(*words: str, input: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *words],
            input=input,
            env=variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert run("register", "--email", "real@example.com", input=PASSWORD).stdout.endswith(
        "Now working in real/real.\n"
    )
    (tmp_path / "real.yaml").write_text("project: Real\ncolumns: [To do]\ncards: [First]\n")
    assert run("setup", "apply", "real.yaml", "--yes").returncode == 0
    board = run("board", "--project", "Real")
    assert (board.returncode, board.stderr) == (0, "")
    assert "First" in board.stdout
    assert "\x1b" not in board.stdout
    lost = run("board")
    assert (lost.returncode, lost.stdout, lost.stderr.count("\n")) == (1, "", 1)
    with subprocess.Popen(
        [program, "projects", "--json"], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        # The reader of the output is gone, so no error is printed.
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_usage_of_models_is_shown(shell):
    assert shell.json("usage", "--days", "7") == []
    assert "0 of 2,000,000 tokens are used today." in shell("usage")
