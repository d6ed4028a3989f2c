"""The built documentation, which the processes of a test run share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RUN

ROOT = Path(__file__).resolve().parents[2]


def build_site(folder: Path) -> str:
    """Build the documentation in a folder, and return its path."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(folder)


@pytest.fixture(scope="session")
def site(pytestconfig: pytest.Config) -> Path:
    """Return the folder of the built documentation."""
    run = pytestconfig.stash[RUN]
    return Path(run.once("site", lambda: build_site(run.directory / "site")))
