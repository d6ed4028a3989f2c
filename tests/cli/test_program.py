"""The program as a whole: help that teaches, completion, serving, and a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from stellary.cli import entry
from stellary.cli.app import cli
from tests.cli.conftest import PASSWORD


def commands(
    at: click.Command, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command, with the words that call it."""
    yield words, at
    if isinstance(at, click.Group):
        context = click.Context(at)
        for name in at.list_commands(context):
            yield from commands(at.get_command(context, name), (*words, name))


EVERY = list(commands(cli))


@pytest.mark.parametrize(
    ("words", "command"), EVERY, ids=[" ".join(words) or "stellary" for words, _ in EVERY]
)
def test_each_command_has_a_help_with_an_example(nobody, words, command):
    told = nobody(*words, "--help")
    assert "Example" in told
    assert f"stellary {' '.join(words)}".strip() in told.partition("Example")[2]


def test_what_reads_can_be_read_by_programs():
    reading = {
        "whoami",
        "orgs",
        "workspaces",
        "projects",
        "board",
        "card list",
        "card show",
        "tokens list",
        "setup plan",
    }
    with_json = {
        " ".join(words) for words, each in EVERY if any(option.name == "as_json" for option in each.params)
    }
    assert reading <= with_json


def test_the_overview_has_each_command(nobody):
    told = nobody("--help")
    assert all(f"\n  {words[0]} " in told for words, _ in EVERY if len(words) == 1)


def test_the_version_is_told(nobody):
    from stellary import __version__

    assert nobody("--version") == f"stellary {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(nobody, shell):
    assert "_STELLARY_COMPLETE" in nobody("completion", shell)


def completed(shell, *words: str) -> list[str]:
    """What a shell offers for the last word."""
    said = " ".join(["stellary", *words])
    variables = {"_STELLARY_COMPLETE": "bash_complete", "COMP_WORDS": said, "COMP_CWORD": str(len(words))}
    found = shell.run(**variables)
    return [line.partition(",")[2] for line in found.stdout.splitlines() if line]


def test_words_are_completed(shell):
    assert completed(shell, "card", "mo") == ["move"]
    assert completed(shell, "setup", "") == ["apply", "describe", "plan"]
    assert completed(shell, "board", "--view", "k") == ["kanban"]
    assert completed(shell, "board", "--project", "la") == ["LAUNCH"]
    assert completed(shell, "board", "--workspace", "no/where", "--project", "la") == []
    assert "LAUNCH-1" in completed(shell, "card", "done", "launch-1")
    assert completed(shell, "--url", "http://127.0.0.1:1", "card", "done", "launch-1") == []


def test_a_server_is_run_by_its_own_options(nobody, monkeypatch):
    asked = []
    monkeypatch.setattr("reference_server.__main__.main", lambda words: asked.append(words) or 0)
    nobody("serve", "--port", "0", "--data-dir", "x", "migrate")
    assert asked == [("--port", "0", "--data-dir", "x", "migrate")]


def test_what_is_missing_is_said(nobody, monkeypatch):
    monkeypatch.setattr("stellary.cli.serving.NEEDED", ("no_such_package",))
    assert nobody.refused("serve") == "a server needs some packages more: pip install 'stellary[cli,server]'"
    assert "Example" in nobody("serve", "--help")
    monkeypatch.setattr(entry, "NEEDED", ("no_such_package",))
    with pytest.raises(
        SystemExit, match="the command line is an extra; install it with: pip install 'stellary"
    ):
        entry.main()


def test_the_entry_runs_the_program(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["stellary", "--version"])
    with pytest.raises(SystemExit) as caught:
        entry.main()
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("stellary ")


def test_it_runs_as_a_process(nobody, tmp_path):
    program = Path(sys.executable).with_name("stellary")
    variables = {
        **os.environ,
        "STELLARY_URL": nobody.url,
        "STELLARY_CONFIG": str(nobody.config),
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
        "You work in real/real.\n"
    )
    (tmp_path / "real.yaml").write_text("project: Real\ncolumns: [To do]\ncards: [First]\n")
    assert run("setup", "apply", "real.yaml", "--yes").returncode == 0
    shown = run("board", "--project", "Real")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "First" in shown.stdout
    assert "\x1b" not in shown.stdout
    lost = run("board")
    assert (lost.returncode, lost.stdout, lost.stderr.count("\n")) == (1, "", 1)
    with subprocess.Popen(
        [program, "projects", "--json"], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        # Who reads the output has gone, and is told of no error.
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1
