"""The sessions of the guide run, and show what they show."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

from tests.cli.conftest import PASSWORD

DOCS = Path(__file__).parents[2] / "docs"


def steps() -> list[tuple[str, list[str]]]:
    """The commands of the guide, each with the lines that it shows."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(
        r"```console\n(.*?)```", (DOCS / "guides" / "command-line.md").read_text(), re.DOTALL
    ):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def test_the_session_of_the_guide(nobody, tmp_path: Path):
    shutil.copy(DOCS / "examples" / "team.yaml", tmp_path)
    for said, shown in steps():
        program, *words = shlex.split(said.replace("http://localhost:3001", nobody.url))
        assert program == "stellary"
        code = 1 if any(line.startswith("stellary: ") for line in shown) else 0
        found = nobody.run(*words, input=PASSWORD if "register" in words else None, code=code, COLUMNS="92")
        told = [line.rstrip() for line in (found.stdout + found.stderr).rstrip().splitlines()]
        expected = [
            line.replace("http://localhost:3001", nobody.url) for line in shown if line != "Password:"
        ]
        if "…" in expected:
            # What stands before it in the output stands in the guide already.
            assert told[-1] == expected[-1]
        else:
            assert told == expected
