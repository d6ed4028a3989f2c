"""The examples of the guide that mount the API."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = {
    "/mounted_asgi.py": '{"status":"ready"}\n',
    "/mounted_fastapi.py": "ann@example.com\n404 200\n",
    "/mounted_flask.py": "ann@example.com\n404 200\n",
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_of_the_guide_runs(example):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, f"{ROOT}/docs/examples{example}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (EXAMPLES[example], "")
