"""The sessions in the guide run, and print what the guide shows."""

import re
import shlex
import shutil
from pathlib import Path

from tests.cli.conftest import PASSWORD

DOCS = Path(__file__).parents[2] / "docs"


def load_steps() -> list[tuple[str, list[str]]]:
    """Return the commands of the guide, each with the output lines that it shows."""
    steps: list[tuple[str, list[str]]] = []
    for block in re.findall(
        r"```console\n(.*?)```", (DOCS / "guides" / "command-line.md").read_text(), re.DOTALL
    ):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            else:
                steps[-1][1].append(line)
    return steps


def test_guide_sessions_print_what_they_show(new_shell, tmp_path: Path):
    shutil.copy(DOCS / "examples" / "team.yaml", tmp_path)
    for command, expected_lines in load_steps():
        program, *words = shlex.split(command.replace("http://localhost:3001", new_shell.url))
        assert program == "stellary"
        code = 1 if any(line.startswith("stellary: ") for line in expected_lines) else 0
        result = new_shell.run(
            *words, input=PASSWORD if "register" in words else None, code=code, COLUMNS="92"
        )
        printed = [line.rstrip() for line in (result.stdout + result.stderr).rstrip().splitlines()]
        expected = [
            line.replace("http://localhost:3001", new_shell.url)
            for line in expected_lines
            if line != "Password:"
        ]
        if "…" in expected:
            # The lines before the last one are in the guide already.
            assert printed[-1] == expected[-1]
        else:
            assert printed == expected
