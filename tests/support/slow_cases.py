"""A plugin of pytest for slow cases, which ``dev.py test`` leaves out: what makes a case slow, and the check that all others are quick.

A case is slow by its marker, ``@pytest.mark.slow("what it does")``, or by what its code uses, down to the functions of the tests
that it calls and the fixtures that it requests. An unmarked case that is not quick fails.
"""

from __future__ import annotations

import functools
import inspect
import os
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings

CPU_SECONDS_MAX = 0.6
"""Processor time of a quick case, with that of processes that end in it: twice what is wanted, since the same case takes
up to 1.7 times as long on some machines as on others. A slower machine allows more."""
SLEEP_SECONDS_MAX = 0.2
POLL_SECONDS_MAX = 0.05
"""Pauses up to this length belong to a wait for something that a busy machine delays."""
TRIES = 3
"""A case that is not quick at the first try may have loaded modules, or have been held up."""
REFERENCE_SECONDS = 0.02
"""Processor time of ``count_to_a_million`` on the machine for which the limit is."""

REASONS = {
    "subprocess": "starts a process",
    "multiprocessing": "starts a process",
    "tests.support.forkserver": "starts a process",
    "tests.support.cpu_time": "measures how processor time grows",
}
"""Modules of which a slow case uses something, and what it then does."""

TOO_SLOW = pytest.StashKey[list[str]]()
"""The unmarked cases of a run with several processes that were not quick."""
LEFT_OUT = pytest.StashKey[Counter[str]]()
LEFT_OUT_NAMES = {
    "packaging": "of packages",
    "bench": "of benchmarks",
    "wide": "of what only wide changes break",
    "slow": "slow",
    "postgres": "on PostgreSQL",
}
"""How cases are called that a run leaves out, by the first of these markers that they have."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that sets the order."""
    parser.addoption("--slow-first", action="store_true", help="begin with the cases that take long")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count what is left out, and how long tests sleep."""
    config.stash[LEFT_OUT] = Counter()
    config.stash[TOO_SLOW] = []
    _count_sleep()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, object, object]:
    """Mark cases by what they use, before any is chosen by its markers; then bring them into the order that is asked for."""
    for item in items:
        mark(item)
    result = yield
    if config.getoption("--slow-first"):
        items[:] = order_slow_first(items, getattr(config, "workerinput", {}).get("workercount", 1))
    return result


def order_slow_first(items: list[pytest.Item], processes: int) -> list[pytest.Item]:
    """Return cases in parts of almost one length, each with its slow cases first.

    pytest-xdist gives each process such a part. The cases of a module stay together, since they share fixtures.
    """
    sizes = [0] * processes
    part_of = {}
    for path, size in Counter(item.path for item in items).most_common():
        part_of[path] = sizes.index(min(sizes))
        sizes[part_of[path]] += size
    return sorted(items, key=lambda item: (part_of[item.path], item.get_closest_marker("slow") is None))


def mark(item: pytest.Item) -> None:
    """Give a case its markers: ``postgres`` if it uses a PostgreSQL fixture, and ``slow`` if its code uses what is slow."""
    if "postgres_url" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.postgres)
    marker = item.get_closest_marker("slow")
    if marker and not marker.args:
        raise pytest.UsageError(f"{item.nodeid}: say what it does: @pytest.mark.slow('what it does')")
    if isinstance(item, pytest.Function) and not marker:
        fixtures = (
            definition.func
            for definitions in item._fixtureinfo.name2fixturedefs.values()
            for definition in definitions
            # A database takes its server from the run, which starts it once.
            if definition.func.__module__ != "tests.conftest"
        )
        if reason := find_reason(item.function, *fixtures):
            item.add_marker(pytest.mark.slow(reason))


def find_reason(*functions: Callable[..., Any]) -> str | None:
    """Return why functions are slow by what they use, or None."""
    seen: set[FunctionType] = set()
    waiting = [function for called in functions for function in _functions_of(called)]
    while waiting:
        function = waiting.pop()
        if function in seen:
            continue
        seen.add(function)
        reason, called = _read(function)
        if reason:
            return reason
        waiting += called
    return None


@functools.cache
def _read(function: FunctionType) -> tuple[str | None, tuple[FunctionType, ...]]:
    """Return why the code of a function alone is slow, or None, and the functions of the tests that it uses."""
    called: list[FunctionType] = []
    names = set(_names(function.__code__))
    for name in names:
        value = function.__globals__.get(name)
        module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) or ""
        # A module that is imported within the function is known by its name alone.
        if reason := REASONS.get(module) or (REASONS.get(name) if value is None else None):
            return reason, ()
        if module.startswith("tests.") or module == function.__module__:
            values = vars(value) if isinstance(value, ModuleType) else {name: value}
            called += [inner for shared in names & values.keys() for inner in _functions_of(values[shared])]
    return None, tuple(called)


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names that code uses, with those of the functions within it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _functions_of(value: object) -> list[FunctionType]:
    """Return the functions of a callable of the tests: itself, or the methods of a class."""
    if isinstance(value, type):
        methods = (member for member in vars(value).values() if not isinstance(member, type))
        return [inner for method in methods for inner in _functions_of(method)]
    if isinstance(value, functools.partial | staticmethod | classmethod):
        value = value.func if isinstance(value, functools.partial) else value.__func__
    value = inspect.unwrap(value) if callable(value) else value
    value = getattr(getattr(value, "hypothesis", None), "inner_test", value)
    return [value] if isinstance(value, FunctionType) else []


# --- Quick cases ------------------------------------------------------------------------------------------------


class Clock:
    """The processor time and the sleep of a case so far."""

    slept = 0.0
    """Seconds that the main thread has slept, or waited in vain, in pauses that are longer than those of a poll."""

    def __init__(self) -> None:
        self._cpu, self._slept = _read_cpu_seconds(), Clock.slept

    def exceeds(self) -> str | None:
        """Return what has been exceeded since this clock was made, or None."""
        cpu, slept = _read_cpu_seconds() - self._cpu, Clock.slept - self._slept
        if cpu > CPU_SECONDS_MAX * _measure_slowness(cpu):
            return f"takes {cpu:.2f} s of processor time"
        return f"sleeps for {slept:.2f} s" if slept > SLEEP_SECONDS_MAX else None


def _count_sleep() -> None:
    """Let all clocks of this process see how long its main thread sleeps, and waits for what does not come."""
    sleep, wait = time.sleep, threading.Condition.wait

    def count(seconds: float) -> None:
        if seconds > POLL_SECONDS_MAX and threading.current_thread() is threading.main_thread():
            Clock.slept += seconds

    def sleep_counted(seconds: float) -> None:
        count(seconds)
        sleep(seconds)

    def wait_counted(condition: threading.Condition, timeout: float | None = None) -> bool:
        is_notified = wait(condition, timeout)
        count(0 if is_notified else timeout or 0)
        return is_notified

    time.sleep, threading.Condition.wait = sleep_counted, wait_counted


def _read_cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _measure_slowness(cpu: float) -> float:
    """Return how many times as slow as the reference the machine is at the moment, at least 1."""
    return max(1.0, count_to_a_million() / REFERENCE_SECONDS) if cpu > CPU_SECONDS_MAX else 1.0


def count_to_a_million() -> float:
    """Return the processor time in seconds that counting takes."""
    start = time.process_time()
    for _ in range(1_000_000):
        pass
    return time.process_time() - start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Run a case, and report a failure if it is neither marked nor quick in any of three tries.

    Processes beside each other slow each other down. There, the case is only noted, and tried alone at the end.
    """
    clock = Clock()
    result = yield
    excess = None if _may_be_slow(item) else clock.exceeds()
    for _ in range(TRIES - 1):
        if excess is None:
            return result
        item._initrequest()
        clock = Clock()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        # A case that fails is reported for that.
        excess = clock.exceeds() if all(report.passed for report in reports) else None
    if excess and hasattr(item.config, "workerinput"):
        item.config.stash[TOO_SLOW].append(item.nodeid)
    elif excess:
        text = f"{item.nodeid} {excess}: make it quicker, or mark it: @pytest.mark.slow('what it does')"
        report = pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "teardown")
        item.ihook.pytest_runtest_logreport(report=report)
    return result


def _may_be_slow(item: pytest.Item) -> bool:
    """Return whether a case says that it is slow, or takes many examples of Hypothesis in a longer run.

    In a run with the environment variable ``ANY_SPEED``, as for a mutant, each may be slow.
    """
    if "ANY_SPEED" in os.environ or any(
        item.get_closest_marker(marker) for marker in ("slow", "wide", "bench", "packaging")
    ):
        return True
    is_long = settings.get_current_profile_name() != "quick"
    return is_long and hasattr(getattr(item, "function", None), "hypothesis")


# --- What is left out -------------------------------------------------------------------------------------------


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what is left out, by the first marker that explains it."""
    for item in items:
        name = next((name for name in LEFT_OUT_NAMES if item.get_closest_marker(name)), "other")
        item.config.stash[LEFT_OUT][name] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Report what a worker has left out and noted; with all of it, try the slow cases alone."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput |= {"left_out": dict(config.stash[LEFT_OUT]), "too_slow": config.stash[TOO_SLOW]}
    elif config.stash[TOO_SLOW]:
        options = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
        profile = f"--hypothesis-profile={settings.get_current_profile_name()}"
        command = [sys.executable, "-m", "pytest", *options, profile, *config.stash[TOO_SLOW]]
        done = subprocess.run(command, cwd=config.rootpath, capture_output=True, text=True)
        if done.returncode:
            config.get_terminal_writer().line(f"\nnot quick, also alone:\n{done.stdout}")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Read what a worker has left out, which is the same in each, and noted."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[LEFT_OUT] = Counter(output.get("left_out", {})) or node.config.stash[LEFT_OUT]
    node.config.stash[TOO_SLOW] += output.get("too_slow", [])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Print what the run has left out, after everything else."""
    if (counts := config.stash.get(LEFT_OUT, None)) and not hasattr(config, "workerinput"):
        config.get_terminal_writer().line(describe_left_out(counts))


def describe_left_out(counts: Counter[str]) -> str:
    """Return the last line of a run: what it has left out, and what runs it."""
    parts = [f"{counts[marker]:,} {name}" for marker, name in LEFT_OUT_NAMES.items() if counts[marker]]
    built = " (packages and benchmarks: .ci/run)" if counts["packaging"] or counts["bench"] else ""
    return f"left out: {', '.join(parts or ['others'])}. Everything: python3 dev.py test --all{built}"
