"""The benchmarks: they run, and report every figure with a target. Its size depends on the machine."""

import os
import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from benchmarks.figures import TARGETS, Target, at_least, format_number, is_worse, table
from benchmarks.http import measure_process
from benchmarks.shards import Sample, describe

ROOT = Path(__file__).resolve().parents[2]
PARTS = {
    ("http",): (),
    ("handler", "core", "embedded"): ("handler",),
    ("contention",): (
        "writers",
        "movers",
        "clients",
        "absent",
        "large_bodies",
        "neighbours",
        "large_readers",
        "readers",
    ),
    ("places", "pages", "transfer"): ("places", "pages", "transfer", "bulk"),
    ("webhooks", "growth", "streams", "start"): ("webhooks", "growth", "streams", "start", "import"),
}
"""The benchmarks that run together, and parts of the names of their figures. What the SDK takes, and what
scheduled rules delay, has no short way."""


def expected_figures(names):
    """Return the names of the figures with a target that some benchmarks report; http reports those of no others."""
    figures = [name.replace("100000", "300") for name in TARGETS if not re.search("sdk|schedules", name)]
    if parts := PARTS[names]:
        return [name for name in figures if any(part in name for part in parts)]
    other_parts = [part for parts in PARTS.values() for part in parts]
    return [name for name in figures if not any(part in name for part in other_parts)]


@pytest.mark.bench
@pytest.mark.slow("runs benchmarks")
@pytest.mark.postgres
@pytest.mark.parametrize("names", PARTS)
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
    assert [name for name in expected_figures(names) if name not in figures] == []
    assert [name for name in figures if name not in process.stdout] == []


def test_processes_that_have_ended_take_no_time():
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert measure_process(ended.pid) == 0 < measure_process(os.getpid())


def test_a_figure_that_should_be_large_meets_its_target_when_it_is():
    assert [at_least(2).met(value) for value in (1, 2, 3)] == [False, True, True]


def test_a_figure_that_should_be_small_meets_its_target_when_it_is():
    assert [Target(2).met(value) for value in (1, 2, 3)] == [True, True, False]


def test_a_figure_is_worse_when_it_is_further_from_its_target():
    assert [is_worse("sqlite.create.cpu/bare", value, 20) for value in (19, 20.9, 21.1)] == [
        False,
        False,
        True,
    ]
    assert [is_worse("sqlite.list.rate", value, 100) for value in (105, 96, 90)] == [False, False, True]


def test_a_number_shows_what_can_be_compared():
    assert [format_number(value) for value in (1234.6, 100, 12.34, 0.1234)] == [
        "1,235",
        "100",
        "12.3",
        "0.123",
    ]


def test_the_columns_of_a_table_line_up():
    assert table(["a", "b"], [["one", "2"]]) == "| a   | b |\n|-----|---|\n| one | 2 |"


def test_shards_are_computed_from_the_bytes_of_a_card():
    sample = Sample({"stellary_cards": (2.0, 600.0, 400.0)}, 1024.0**2, 300, 1024.0**2)
    lines = describe(sample, organizations=1_000, cards=2**30, shards=4)
    assert lines[2].split() == ["stellary_cards", "2.00", "600", "400", "536.9", "250.0"]
    assert lines[4:6] == [
        "one schema: 300 tables and indexes, catalogue 0.001 GB, empty pages 0.001 GB",
        "a schema for each organization: 75,000 tables and indexes, catalogue 0.244 GB, empty pages 0.244 GB",
    ]
