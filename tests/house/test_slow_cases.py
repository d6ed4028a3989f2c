"""Slow cases: what makes a case slow, what of an unmarked case is refused, and which parts of the tests a change asks for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import dev
from tests.conftest import ALLOWED_SKIPS
from tests.support.slow_cases import describe_left_out, find_reason, order_slow_first

ROOT = Path(dev.__file__).parent
SAMPLE = """
import subprocess, threading, time
import pytest

def start(): subprocess.run(["true"])
def spin(seconds):
    start = time.process_time()
    while time.process_time() < start + seconds: pass

def test_process(): start()
def test_busy(): spin(1)
@pytest.mark.slow("spins")
def test_marked(): spin(1)
def test_asleep(): time.sleep(0.3)
def test_waits_in_vain(): threading.Event().wait(0.3)
def test_polling(): [time.sleep(0.03) for _ in range(10)]
loaded = []
def test_busy_at_first():
    if not loaded: loaded.append(spin(1))
"""


def run_true():
    subprocess.run(["true"], check=True)


class Programs:
    """A class of the tests, whose methods a case may call."""

    def run(self):
        run_true()


def call_class():
    Programs().run()


def test_case_is_slow_by_what_it_uses():
    assert [find_reason(function) for function in (run_true, call_class)] == ["starts a process"] * 2
    assert find_reason(test_last_line_says_what_was_left_out) is None


@pytest.mark.parametrize("processes", [0, 2])
def test_unmarked_case_that_is_not_quick_fails(tmp_path, processes):
    (tmp_path / "test_sample.py").write_text(SAMPLE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    options = ["-p", "tests.support.slow_cases", "-p", "no:randomly", "-p", "no:cacheprovider", "-q"]
    options += ["-c", tmp_path / "pytest.ini", "-m", "not slow", f"-n{processes}", tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_PLUGINS": "tests.support.slow_cases"}
    # The outer run may be one of mutants, or measure its coverage.
    for name in ("ANY_SPEED", "SLIPCOVER_ENABLED"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "pytest", *options]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    failed = sorted(line.split("::")[1].split()[0] for line in lines if line.startswith("ERROR"))
    assert failed == ["test_asleep", "test_busy", "test_waits_in_vain"], done.stdout + done.stderr
    assert done.returncode == 1
    assert lines[-1] == "left out: 2 slow. Everything: python3 dev.py test --all"


class Case:
    """A case of a module, as far as its order depends on it."""

    def __init__(self, path, is_slow):
        self.path, self.is_slow = path, is_slow

    def get_closest_marker(self, name):
        return self.is_slow or None


def test_slow_cases_are_first_in_each_process_and_modules_stay_together():
    cases = [Case(path, is_slow) for path in "abacab" for is_slow in (False, True)]
    ordered = [(case.path, case.is_slow) for case in order_slow_first(cases, processes=2)]
    parts = ("aaa", "bcb")
    assert ordered == [(path, is_slow) for part in parts for is_slow in (True, False) for path in part]


def test_last_line_says_what_was_left_out():
    counts = Counter(slow=1200, wide=3, packaging=2)
    assert describe_left_out(counts) == (
        "left out: 2 of packages, 3 of what only wide changes break, 1,200 slow. "
        "Everything: python3 dev.py test --all (packages and benchmarks: .ci/run)"
    )


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        (["docs/guide.md"], {"site"}),
        (["stellary/core/db/database.py"], {"migrations", "hosts", "versions", "faults", "operations"}),
        (
            ["stellary/contract/cards.py", "README.md"],
            {"operations", "requests", "shells", "packaging", "costs", "typing", "site"},
        ),
        (["stellary/core/insights/rules/flow.py"], {"operations", "costs"}),
        (["uv.lock"], set(dev.WIDE)),
        (None, set(dev.WIDE)),
    ],
)
def test_change_asks_for_the_parts_it_can_break(changed, parts):
    assert dev.find_affected_parts(changed) == parts


def test_each_path_of_a_part_exists():
    paths = {path for part in dev.WIDE.values() for path in (*part, *dev.TOOLCHAIN)}
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_each_part_has_tests_and_each_wide_test_belongs_to_its_part():
    marks = [
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / "tests").rglob("test_*.py")
        if path != Path(__file__)
        for name in re.findall(r'mark\.wide\(when="(\w+)"\)', path.read_text())
    ]
    assert [mark for mark in marks if mark[1] not in dev.find_affected_parts([mark[0]])] == []
    commands = set(re.findall(r"affects (\w+)", (ROOT / ".ci" / "run").read_text()))
    assert {name for _, name in marks} | commands | {*dev.BUILT.values()} == dev.WIDE.keys()


def test_each_program_that_is_missing_is_an_allowed_reason_to_skip():
    sources = [path.read_text() for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    reasons = {
        reason for source in sources for reason in re.findall(r'"([^"]* installed: [^"]*dev.py.*)"', source)
    }
    assert reasons <= ALLOWED_SKIPS
