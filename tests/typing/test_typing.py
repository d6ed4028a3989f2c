"""Type checkers see what ``sdk.py`` and its neighbours say they see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted(
    str(path.relative_to(ROOT))
    for path in Path(__file__).parent.glob("*.py")
    if path.name != Path(__file__).name
)


def run(*command: str) -> str:
    tool = Path(sys.executable).with_name(command[0])
    found = subprocess.run([tool, *command[1:], *FILES], cwd=ROOT, capture_output=True, text=True)
    return "" if found.returncode == 0 else found.stdout + found.stderr


def test_mypy_agrees():
    assert run("mypy", "--strict", "--warn-unused-ignores", "--cache-dir", ".mypy_cache/typing") == ""


def test_pyright_agrees():
    assert run("pyright") == ""
