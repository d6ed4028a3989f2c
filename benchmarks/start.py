"""The start of the server on SQLite: time until it answers and memory; and the import times of the package and its client."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.databases import Databases
from benchmarks.http import reference_server
from benchmarks.processes import ROOT
from benchmarks.project import seed_database

TIMES = 7
_STARTS = {
    "import.stellary_ms": "import stellary",
    "import.httpx_ms": "import httpx",
    "import.client_ms": "import stellary; stellary.Stellary('http://127.0.0.1:1', token='x').organizations",
}
_PROGRAM = """
import time
began = time.process_time()
{}
print((time.process_time() - began) * 1000)
"""


def measure_server(databases: Databases, times: int = 3) -> Iterator[tuple[str, float]]:
    """Measure the first start of the server, which creates the tables, and later ones on a database with a project."""
    seeded = databases.new("sqlite")
    seed_database(seeded)
    for seconds_name, memory_name, database in (
        ("start.first_s", "start.first_memory_mb", None),
        ("start.ready_s", "start.memory_mb", seeded),
    ):
        seconds, memory = [], []
        for _ in range(times):
            with reference_server(databases, database or databases.new("sqlite")) as started:
                seconds.append(started.ready_seconds)
                memory.append(started.memory_bytes() / 1e6)
        yield seconds_name, statistics.median(seconds)
        yield memory_name, statistics.median(memory)


def measure_import(times: int = TIMES) -> Iterator[tuple[str, float]]:
    """Measure the processor time of imports, each in a new process, in turn."""
    durations: dict[str, list[float]] = {name: [] for name in _STARTS}
    for _ in range(times):
        for name, code in _STARTS.items():
            command = [sys.executable, "-c", _PROGRAM.format(code)]
            output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
            durations[name].append(float(output))
    medians = {name: statistics.median(values) for name, values in durations.items()}
    yield from medians.items()
    yield "import.client/httpx", medians["import.client_ms"] / medians["import.httpx_ms"]
