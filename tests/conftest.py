"""Fixtures of all tests: fresh databases of both kinds, a core on them, and the profiles of Hypothesis."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import postgres_pool, slow_cases, sqlite_pool, statement_cache
from tests.support.shared_run import SERVER_VARIABLE, OwnedRun, Run

if TYPE_CHECKING:
    from stellary.core import Core

RUN = pytest.StashKey[Run]()
RUN_DIRECTORY = "stellary_run_directory"
LEFT_OUT_COUNTS = "stellary_left_out"
LEFT_OUT = pytest.StashKey[Counter[str]]()

# How long an example takes says more about the machine than about the code.
settings.register_profile("ci", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("ci"), max_examples=5_000)
settings.register_profile("quick", settings.get_profile("ci"), max_examples=10)
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that set how long races and fuzzing run, and whether slow cases come first."""
    parser.addoption("--rounds", type=int, default=3, help="rounds of each race")
    parser.addoption(
        "--fuzz-count",
        type=int,
        help="requests made at random for each operation; 25, or 5,000 in dev.py fuzz",
    )
    parser.addoption("--slow-first", action="store_true", help="begin with the cases that take long")
    parser.addoption("--fuzz-seed", type=int, default=1, help="seed of requests that are made at random")


def pytest_configure(config: pytest.Config) -> None:
    """Begin the run, or join it in a worker process."""
    # What the developer's shell says about servers and tokens is not meant for the tests.
    for name in [name for name in os.environ if name.startswith("STELLARY_") and name != SERVER_VARIABLE]:
        del os.environ[name]
    worker: dict[str, str] | None = getattr(config, "workerinput", None)
    config.stash[LEFT_OUT] = Counter()
    slow_cases.count_sleep()
    statement_cache.share()
    postgres_pool.keep()
    sqlite_pool.keep()
    config.stash[RUN] = Run(Path(worker[RUN_DIRECTORY])) if worker else OwnedRun()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell a new worker of pytest-xdist which run it belongs to."""
    node.workerinput[RUN_DIRECTORY] = str(node.config.stash[RUN].directory)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Read what a worker left out: each has the same cases to choose from."""
    if counts := getattr(node, "workeroutput", {}).get(LEFT_OUT_COUNTS):
        node.config.stash[LEFT_OUT] = Counter(counts)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run in the process that began it, and print what it left out."""
    if (counts := config.stash.get(LEFT_OUT, None)) and not hasattr(config, "workerinput"):
        config.get_terminal_writer().line(slow_cases.describe_left_out(counts))
    run = config.stash.get(RUN, None)
    if run is None:
        return
    from tests.support.databases import Postgres, Sqlite

    Sqlite(run).drop_idle()
    server = Postgres(run)
    postgres_pool.end()
    for name in list(server.sweepers):
        server.close_sweeper(name)
    if SERVER_VARIABLE in os.environ:
        server.drop_idle()
        if isinstance(run, OwnedRun):
            server.drop_templates()
    if isinstance(run, OwnedRun):
        run.end()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Freeze the tests and all imported modules, so that the garbage collector does not traverse them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark cases by what they use, before any is chosen by its markers."""
    for item in items:
        slow_cases.mark(item)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what is left out."""
    if items:
        items[0].config.stash[LEFT_OUT] += slow_cases.count_left_out(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin with the slow cases if this is asked for, so that no process is alone with one at the end."""
    if session.config.getoption("--slow-first"):
        session.items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Fail a case that is slow and does not say so."""
    if any(item.get_closest_marker(marker) for marker in ("slow", "wide", "bench", "packaging")):
        return (yield)
    return (yield from slow_cases.run_quick_case(item, nextitem))


MODELS = ("openai:some", "openai:gpt-5")
"""The models that agents of the tests may use. Nothing calls them unless a test replaces the brain."""

ALLOWED_SKIPS = {
    "Chromium is not installed: python3 dev.py services installs it",
    "nginx is not installed: python3 dev.py services installs it",
    "PgBouncer is not installed: python3 dev.py services installs it",
}
"""Reasons for which a test may be skipped; ``dev.py services`` installs what is missing."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the number of skipped tests by reason."""
    for reason, number in _count_skips(terminalreporter).items():
        terminalreporter.write_line(f"skipped, since {reason}: {number}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which a test was skipped for a reason that is not allowed; report what a worker left out."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[LEFT_OUT_COUNTS] = dict(session.config.stash[LEFT_OUT])
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not _count_skips(reporter).keys() <= ALLOWED_SKIPS:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _count_skips(reporter: Any) -> Counter[str]:
    """Return how many tests were skipped for each reason."""
    return Counter(
        report.longrepr[2].removeprefix("Skipped: ") for report in reporter.stats.get("skipped", ())
    )


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """Return the number of rounds of a race."""
    count: int = request.config.getoption("--rounds")
    return count


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the URL of a fresh and migrated SQLite database in a file."""
    from tests.support.databases import Sqlite

    with Sqlite(request.config.stash[RUN]).database() as url:
        yield url


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the URL of a fresh and migrated PostgreSQL database."""
    from tests.support.databases import Postgres

    with Postgres(request.config.stash[RUN]).database() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a fresh and migrated database: the test runs once on SQLite and once on PostgreSQL."""
    fixture = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    url: str = request.getfixturevalue(fixture)
    return url


@pytest.fixture
def core(database_url: str) -> Iterator[Core]:
    """Return a core on a fresh database, once of each kind, with passwords that are quick to hash."""
    from stellary.core import Core

    core = Core(database_url, bcrypt_rounds=4, agent_models=MODELS)
    try:
        yield core
    finally:
        core.close()
