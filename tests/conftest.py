"""Fixtures of all tests: fresh databases of both kinds, a core on them, and the profiles of Hypothesis."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import known_columns, postgres_pool, sqlite_pool, statement_cache
from tests.support.shared_run import SERVER_VARIABLE, OwnedRun, Run

if TYPE_CHECKING:
    from stellary.core import Core

pytest_plugins = ["tests.support.slow_cases"]

RUN = pytest.StashKey[Run]()
RUN_DIRECTORY = "stellary_run_directory"

# How long an example takes says more about the machine than about the code.
settings.register_profile("ci", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("ci"), max_examples=5_000)
settings.register_profile("quick", settings.get_profile("ci"), max_examples=10)
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that set how long races and fuzzing run."""
    parser.addoption("--rounds", type=int, default=3, help="rounds of each race")
    parser.addoption(
        "--fuzz-count",
        type=int,
        help="requests made at random for each operation; 25, or 5,000 in dev.py fuzz",
    )
    parser.addoption(
        "--previous-release",
        help="the commit or tag that is upgraded; by default, the last one with another schema",
    )
    parser.addoption("--fuzz-seed", type=int, default=1, help="seed of requests that are made at random")


def pytest_configure(config: pytest.Config) -> None:
    """Begin the run, or join it in a worker process."""
    # What the developer's shell says about servers and tokens is not meant for the tests.
    for name in [name for name in os.environ if name.startswith("STELLARY_") and name != SERVER_VARIABLE]:
        del os.environ[name]
    worker: dict[str, str] | None = getattr(config, "workerinput", None)
    known_columns.check_values()
    statement_cache.share()
    postgres_pool.keep()
    sqlite_pool.keep()
    config.stash[RUN] = Run(Path(worker[RUN_DIRECTORY])) if worker else OwnedRun()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell a new worker of pytest-xdist which run it belongs to."""
    node.workerinput[RUN_DIRECTORY] = str(node.config.stash[RUN].directory)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run in the process that began it."""
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


MODELS = ("openai:some", "openai:gpt-5")
"""The models that agents of the tests may use. Nothing calls them unless a test replaces the brain."""

ALLOWED_SKIPS = {
    "Chromium or axe-core is not installed: python3 dev.py services installs them",
    "Chromium is not installed: python3 dev.py services installs it",
    "Patroni or etcd is not installed: python3 dev.py services installs them",
    "nginx is not installed: python3 dev.py services installs it",
    "PgBouncer is not installed: python3 dev.py services installs it",
    "Redis is not installed: python3 dev.py services installs it",
    "the clone has no commit with an earlier schema: git fetch --unshallow",
}
"""Reasons for which a test may be skipped; ``dev.py services`` installs what is missing."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the number of skipped tests by reason."""
    for reason, number in _count_skips(terminalreporter).items():
        terminalreporter.write_line(f"skipped, since {reason}: {number}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which a test was skipped for a reason that is not allowed."""
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
    return request.config.getoption("--rounds")


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
    return request.getfixturevalue(fixture)


@pytest.fixture
def core_options() -> dict[str, Any]:
    """Return the options of ``core``; a module with others overrides it."""
    return {"agent_models": MODELS}


@pytest.fixture
def core(database_url: str, core_options: dict[str, Any]) -> Iterator[Core]:
    """Return a core on a fresh database, once of each kind, with passwords that are quick to hash."""
    from stellary.core import Core

    with closing(Core(database_url, bcrypt_rounds=4, **core_options)) as core:
        yield core


@pytest.fixture
def sqlite_core(sqlite_url: str) -> Iterator[Core]:
    """Yield a core on SQLite, for tests that do not depend on the database."""
    from stellary.core import Core

    with closing(Core(sqlite_url, bcrypt_rounds=4)) as core:
        yield core
