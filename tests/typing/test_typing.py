"""Type checkers agree with the types in ``sdk.py`` and its neighbours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = sorted(path.relative_to(ROOT) for path in HERE.glob("*.py") if path.name != Path(__file__).name)


def run_checker(*command: str | Path) -> str:
    """Run a type checker, and return its output if it reports errors."""
    tool = Path(sys.executable).with_name(str(command[0]))
    process = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    return "" if process.returncode == 0 else process.stdout + process.stderr


def test_mypy_reports_no_error():
    options = ("--strict", "--warn-unused-ignores", "--cache-dir", ".mypy_cache/typing")
    assert run_checker("mypy", *options, *FILES) == ""


def test_pyright_reports_no_error():
    assert run_checker("pyright", "--project", HERE / "pyrightconfig.json") == ""
