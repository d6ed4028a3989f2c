"""The API in a Django project, which runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SIZE = 256 * 2000


def test_users_of_a_django_project_call_the_api(database_url, tmp_path):
    project = Path(__file__).with_name("django_project.py")
    done = subprocess.run(
        [sys.executable, project, tmp_path, database_url],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "anonymous": 401,
        "me": "ann@example.com",
        "banned": "banned",
        "header of the host": "django",
        "not found": "unknown_path",
        "file": True,
        "range": [206, [1, 2, 3]],
        "head": ["", str(SIZE)],
        "stream": ["text/event-stream", "retry: 1000\n\n", True],
    }
