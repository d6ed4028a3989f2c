"""Type checkers see what ``sdk.py`` and its neighbours say they see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = sorted(path.relative_to(ROOT) for path in HERE.glob("*.py") if path.name != Path(__file__).name)


def complaints(*command: str | Path) -> str:
    """What a tool says, if it does not agree."""
    tool = Path(sys.executable).with_name(str(command[0]))
    found = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    return "" if found.returncode == 0 else found.stdout + found.stderr


def test_mypy_agrees():
    options = ("--strict", "--warn-unused-ignores", "--cache-dir", ".mypy_cache/typing")
    assert complaints("mypy", *options, *FILES) == ""


def test_pyright_agrees():
    assert complaints("pyright", "--project", HERE / "pyrightconfig.json") == ""
