"""The start of the server on SQLite: time until it answers and memory; and the import time of the package."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.databases import Databases
from benchmarks.http import reference_server, seed_database
from benchmarks.processes import ROOT

TIMES = 7
_IMPORT = """
import time
began = time.perf_counter()
import stellary
print((time.perf_counter() - began) * 1000)
"""


def measure_server(databases: Databases, times: int = 3) -> Iterator[tuple[str, float]]:
    """Measure the start of the server on an existing database."""
    ready, memory = [], []
    database = databases.new("sqlite")
    seed_database(database)
    for _ in range(times):
        with reference_server(databases, database) as started:
            ready.append(started.ready_seconds)
            memory.append(started.memory_bytes() / 1e6)
    yield "start.ready_s", statistics.median(ready)
    yield "start.memory_mb", statistics.median(memory)


def measure_import(times: int = TIMES) -> Iterator[tuple[str, float]]:
    """Measure ``import stellary`` in a new process."""
    command = [sys.executable, "-c", _IMPORT]
    durations = [
        float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout) for _ in range(times)
    ]
    yield "import.stellary_ms", statistics.median(durations)
