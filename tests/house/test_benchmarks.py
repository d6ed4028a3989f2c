"""The benchmarks: they run, and report every figure with a target. Its size depends on the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from benchmarks.figures import TARGETS, Target, at_least, format_number, table

ROOT = Path(__file__).resolve().parents[2]
OTHERS = (
    "handler",
    "writers",
    "movers",
    "clients",
    "absent",
    "large_bodies",
    "neighbours",
    "large_readers",
    "readers",
    "places",
    "pages",
    "transfer",
    "bulk",
    "webhooks",
    "growth",
    "streams",
    "start",
    "import",
)
# What the SDK takes is told by benchmarks/sdk.py, which has no short way.
TOLD = [name.replace("100000", "300") for name in TARGETS if not name.startswith("sdk")]
WANTED = {
    ("http",): [name for name in TOLD if not any(other in name for other in OTHERS)],
    (
        "handler",
        "core",
        "embedded",
        "contention",
        "places",
        "pages",
        "transfer",
        "webhooks",
        "growth",
        "streams",
        "start",
    ): [name for name in TOLD if any(other in name for other in OTHERS)],
}


@pytest.mark.bench
@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("names", WANTED)
def test_short_run_reports_every_figure_with_a_target(names, tmp_path):
    path = tmp_path / "figures.json"
    amount = ["--seconds", "0.05", "--rounds", "1", "--cards", "300", "--minutes", "0.02"]
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks", *names, *amount, "--json", path],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    figures = orjson.loads(path.read_bytes())
    assert [name for name in WANTED[names] if name not in figures] == []
    assert [name for name in figures if name not in process.stdout] == []


def test_a_figure_that_should_be_large_meets_its_target_when_it_is():
    assert [at_least(2).met(value) for value in (1, 2, 3)] == [False, True, True]


def test_a_figure_that_should_be_small_meets_its_target_when_it_is():
    assert [Target(2).met(value) for value in (1, 2, 3)] == [True, True, False]


def test_a_number_shows_what_can_be_compared():
    assert [format_number(value) for value in (1234.6, 100, 12.34, 0.1234)] == [
        "1,235",
        "100",
        "12.3",
        "0.123",
    ]


def test_the_columns_of_a_table_line_up():
    assert table(["a", "b"], [["one", "2"]]) == "| a   | b |\n|-----|---|\n| one | 2 |"
