"""Everything one does in this repository, by one command: ``python3 dev.py COMMAND [ARGUMENTS]``.

It needs Python 3.11 or newer with pip, on Linux or macOS, and nothing else: the first command that needs
them installs uv into ``.uv/`` and the locked dependencies into ``.venv/``. Afterwards a command installs
again only when ``uv.lock`` or ``pyproject.toml`` has changed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

UV_VERSION = "0.13.9"
ROOT = Path(__file__).resolve().parent
UV_DIR = ROOT / ".uv"
VENV = ROOT / ".venv"
OTHER_VENVS = ROOT / ".venvs"
STAMP = VENV / ".synced"
PYTHON = VENV / "bin" / "python"
COMPILED = VENV / "compiled"

# What `uv sync` is asked for. "serve" is the smaller one, for a machine that only runs the server.
FULL = "full"
SERVE = "serve"
SELECTIONS = {
    FULL: ("--all-extras",),
    SERVE: ("--extra", "server", "--extra", "postgres", "--extra", "mcp", "--no-dev"),
}

# Processes of a run of all tests: more than a small machine has processors, since a test often waits for a database,
# a server or a timer. The slow ones wait longer.
PROCESSES = 3
PROCESSES_OF_ALL = 4

# What only .ci/run and `nightly` run: markers, and the parts of WIDE that ask for them.
BUILT = {"bench": "benchmarks", "packaging": "packaging"}

# What `test` runs by its options, as an expression of pytest's markers.
ALL = " and ".join(f"not {marker}" for marker in BUILT)
QUICK = f"{ALL} and not slow and not wide"
SETS = {"": QUICK, "--quick": f"{QUICK} and not postgres", "--all": ALL}

# What only wide changes break, and the paths of the files that it depends on. `test --changed` and .ci/run leave out a
# part of which no file has changed; the marker `wide` names the part of a test.
TOOLCHAIN = ("pyproject.toml", "uv.lock", "dev.py", ".ci/")
SERVED = ("stellary/contract/", "stellary/core/api/", "stellary/core/http/")
RULES = tuple(str(path.relative_to(ROOT)) for path in ROOT.glob("stellary/core/*/rules*"))
DATA = tuple(
    str(path.relative_to(ROOT))
    for package in ("stellary", "reference_server")
    for path in sorted((ROOT / package).rglob("*.*"))
    if path.is_file() and path.suffix not in (".py", ".pyc")
)
WIDE: dict[str, tuple[str, ...]] = {
    "migrations": (
        *("stellary/core/migrations/", "stellary/core/db/", "stellary/core/ports/"),
        *("stellary/core/__main__.py", "stellary/core/api/copies.py", "stellary/core/api/backups.py"),
        *("reference_server/operator_commands.py", "tests/core/test_large_migrations.py"),
        *("tests/core/test_copies.py", "tests/core/test_development_databases.py"),
        "tests/core/test_schema_commands.py",
    ),
    "operations": ("stellary/contract/", "stellary/core/", "tests/security/"),
    "requests": (*SERVED, "reference_server/", "tests/server/test_fuzz.py"),
    "shells": (*SERVED, "stellary/asgi.py", "stellary/wsgi.py", "stellary/contrib/", "tests/security/"),
    "hosts": (
        *("stellary/asgi.py", "stellary/wsgi.py", "stellary/contrib/", "stellary/core/http/"),
        *("stellary/core/api/host_accounts.py", "stellary/core/api/host_jobs.py", "stellary/core/app.py"),
        *("stellary/core/db/", "docs/examples/hosts/", "tests/shells/"),
    ),
    "costs": (
        *("stellary/contract/", "stellary/core/http/", "stellary/core/kernel/", "stellary/core/search/"),
        *("stellary/core/board/queries/", *RULES, "tests/security/test_costs.py"),
        *("tests/security/text_slots.py", "tests/security/hostile.py"),
    ),
    "faults": (
        *("stellary/core/db/", "stellary/core/kernel/", "stellary/core/streaming/"),
        *("stellary/core/webhooks/", "stellary/core/api/job_runner.py"),
        *("reference_server/jobs.py", "reference_server/serve.py", "stellary/core/app.py"),
        *("stellary/core/http/api.py", "stellary/core/http/streams.py"),
        *("docs/examples/two_machines/", "docs/guides/two-machines.md", "tests/faults/"),
    ),
    "site": ("docs/", "mkdocs.yml", "stellary/contract/", "stellary/client/", "tests/site/"),
    "typing": (
        *("stellary/__init__.py", "stellary/client/", "stellary/contract/"),
        *("docs/examples/ten_tasks.py", "tests/typing/"),
    ),
    "patterns": ("tests/security/regular_expressions.py", "tests/security/test_regular_expressions.py"),
    "benchmarks": ("benchmarks/", "stellary/core/app.py", "tests/house/test_benchmarks.py"),
    "packaging": ("README.md", *DATA, "stellary/core/app.py", "tests/packaging/"),
    "versions": ("stellary/core/db/", "stellary/client/calling/", "stellary/contract/wire.py"),
}

# What `test --cov` has measured, and the share of all lines and branches that the tests must cover, in percent. Only
# the processes of pytest are measured, and not the servers that tests start.
COVERAGE = ROOT / ".coverage.json"
COVERAGE_MIN = 96.5

# The examples of whole applications, each of which is a root of imports of its own.
HOSTS = "docs/examples/hosts"

# Programs that some tests need, by their Debian packages, and the checker of pages from npm.
SERVICES = {
    "nginx": "nginx",
    "pgbouncer": "pgbouncer",
    "chromium": "chromium",
    "patroni": "patroni",
    "etcd-server": "etcd",
    "npm": "npm",
    "redis-server": "redis-server",
}
AXE_DIR = ROOT / ".axe"
AXE = "axe-core@4.14.1"

# What `versions` runs, on SQLite: what depends on Python and on libraries more than on the database.
OTHER_PYTHON = "3.12"
NEWEST_PYTHON = "3.13"
SHARED_TESTS = (
    "tests/contract/test_errors.py",
    "tests/contract/test_jsonic.py",
    "tests/client",
    "tests/cli",
    "tests/core/accounts",
    "tests/core/board/test_cards.py",
    "tests/core/test_internals.py",
    "tests/server/test_aiohttp_internals.py",
    "tests/server/test_slow_clients.py",
)

# The fault tests by kind: what they do, and where they are.
FAULTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "kill": (
        "processes end by SIGKILL under load: no acknowledged write is lost, no message, no job",
        (
            "tests/faults/test_kill.py",
            "tests/core/test_jobs_killed.py",
            "tests/core/test_claims.py",
            "tests/core/agents/test_killed.py",
            "tests/server/test_rules_killed.py",
            "tests/server/test_uploads_killed.py",
        ),
    ),
    "power": (
        "SQLite's files as a power cut may leave them, at any moment: no acknowledged write is lost",
        ("tests/faults/test_power.py",),
    ),
    "postgres": (
        "PostgreSQL ends sessions, crashes, is cut off or freezes at COMMIT: each write is done once",
        ("tests/faults/test_postgres.py",),
    ),
    "failover": (
        "primaries under Patroni are lost or frozen, machines and servers: writes continue, and none is lost or repeated",
        ("tests/faults/test_failover.py",),
    ),
    "replicas": (
        "read replicas are late, paused and lost: callers miss nothing that they have written or seen",
        ("tests/faults/test_replicas.py",),
    ),
    "limits": (
        "several servers count requests and failed logins together, over Redis or PostgreSQL",
        ("tests/server/test_shared_limits.py",),
    ),
    "restart": (
        "servers behind nginx are restarted one after the other: no request fails, and streams go on",
        ("tests/server/test_rolling_restart.py",),
    ),
    "pooler": (
        "PgBouncer shares the connections of servers and of schemas: each transaction has its own settings",
        ("tests/core/test_pgbouncer.py",),
    ),
    "upgrade": (
        "the schema is migrated under load: no request to the old and the new servers fails",
        ("tests/faults/test_upgrade.py",),
    ),
}

# The packages of Debian that they need; they are installed if they are missing.
FAULTS_BESIDE = {
    "failover": ("patroni", "etcd-server"),
    "replicas": ("redis-server",),
    "limits": ("redis-server",),
    "restart": ("nginx",),
    "pooler": ("pgbouncer",),
}

# A lock file made behind a mirror names that mirror, and then works nowhere else.
LOCKABLE_HOSTS = {"pypi.org", "files.pythonhosted.org"}


# --- Setting up ---------------------------------------------------------------------------------------------


def prepare(selection: str) -> None:
    """Make ``.venv`` hold at least ``selection`` of the locked dependencies.

    Args:
        selection: a key of ``SELECTIONS``. An environment that is already complete also serves the smaller one.
    """
    with one_at_a_time():
        present, fingerprint = read_stamp()
        target = FULL if FULL in (selection, present) else SERVE
        if present != target or fingerprint != current_fingerprint():
            STAMP.unlink(missing_ok=True)
            say("setting up .venv")
            run_uv("sync", "--quiet", "--frozen", "--python", base_python(), *SELECTIONS[target])
            STAMP.write_text(f"{target} {current_fingerprint()}\n")
    # What Python compiles is kept, out of the way, even where the shell says that nothing is to be kept: otherwise
    # each server that a test starts would compile all of its libraries again, for longer than it then runs. Not
    # before there is an environment: uv takes a directory that only holds this for a broken one.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(COMPILED))


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let only one process of this checkout set up at a time; the others wait and then find it done."""
    name = hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"stellary-dev-{os.getuid()}-{name}.lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read_stamp() -> tuple[str | None, str | None]:
    """Return the selection and the fingerprint that ``.venv`` was last set up with, or None for both."""
    try:
        selection, fingerprint = STAMP.read_text().split()
    except (OSError, ValueError):
        return None, None
    return (selection, fingerprint) if PYTHON.exists() else (None, None)


def current_fingerprint() -> str:
    """Return a digest of what determines the contents of ``.venv``: the two files, and the version of Python."""
    digest = hashlib.sha256(sys.version.encode())
    for name in ("pyproject.toml", "uv.lock"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def base_python() -> str:
    """Return the interpreter outside any virtual environment, since uv may replace the current one."""
    return str(getattr(sys, "_base_executable", sys.executable))


def run_uv(*arguments: str, directory: Path = VENV) -> None:
    """Run the pinned uv for an environment of this checkout; its failure ends the program."""
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    environment |= {"UV_PROJECT_ENVIRONMENT": str(directory), "UV_PYTHON_DOWNLOADS": "never"}
    environment.setdefault("UV_HTTP_TIMEOUT", "180")
    run([str(installed_uv()), *arguments], environment=environment)


def installed_uv() -> Path:
    """Return the path of the pinned uv, which pip installs into ``.uv/`` if it is missing.

    pip refuses to install into Debian's own Python, but not into a given directory.
    """
    uv = UV_DIR / "bin" / "uv"
    if not (UV_DIR / f"uv-{UV_VERSION}.dist-info").is_dir() or not uv.exists():
        say(f"installing uv {UV_VERSION} into .uv")
        pip = [base_python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        options = ["--root-user-action=ignore", "--no-deps", "--upgrade", "--target", str(UV_DIR)]
        run([*pip, *options, f"uv=={UV_VERSION}"])
    return uv


# --- Running ------------------------------------------------------------------------------------------------


def say(message: str) -> None:
    """Print a progress message to standard error, apart from the output of programs."""
    print(f"dev.py: {message}", file=sys.stderr, flush=True)


def run(command: list[str], *, environment: Mapping[str, str] | None = None) -> None:
    """Run ``command`` in the checkout; its failure ends the program with the same exit code."""
    try:
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    except OSError as error:
        sys.exit(f"dev.py: cannot run {command[0]}: {error.strerror}")
    if code:
        sys.exit(code if code > 0 else 128 - code)


def become(module: str, *arguments: str, directory: Path | None = ROOT) -> NoReturn:
    """Turn this process into ``python -m module``, so that signals such as Ctrl-C reach it and nothing else.

    Args:
        module: The module to run.
        *arguments: Its arguments.
        directory: Where it runs; ``None`` for the current directory.
    """
    if directory is not None:
        os.chdir(directory)
    sys.stdout.flush()
    os.execv(PYTHON, [str(PYTHON), "-m", module, *arguments])


# --- Commands -----------------------------------------------------------------------------------------------


def test(arguments: list[str]) -> NoReturn:
    """Run the quick tests on both databases, or those that are chosen: `test [OPTIONS] [PYTEST ARGUMENTS]`.

    `--quick` leaves PostgreSQL out. `--all` runs everything but packages and benchmarks, `--changed` also these, without what
    only wide changes break and none has touched. Tests that a path names all run. `--cov` measures the coverage, for `coverage`.
    """
    prepare(FULL)
    chosen = {argument for argument in arguments if argument in {*SETS, "--changed", "--cov"}}
    arguments = [argument for argument in arguments if argument not in chosen]
    measure: tuple[str, ...] = ()
    if "--cov" in chosen:
        COVERAGE.unlink(missing_ok=True)
        measure = ("--json", "--out", str(COVERAGE), "-m", "pytest")
    options: list[str] = []
    if not any(names_path(argument) or argument.startswith("-m") for argument in arguments):
        options += choose_set(chosen)
    if not any(chooses_processes(argument) for argument in arguments):
        options += ["-n", str(PROCESSES_OF_ALL if "--slow-first" in options else PROCESSES)]
    become("slipcover" if measure else "pytest", *measure, *options, *arguments)


def choose_set(chosen: set[str]) -> list[str]:
    """Return the options of pytest for a set of tests, by the options of `test`."""
    if "--changed" in chosen:
        affected = find_affected_parts(read_changed_files())
        left_out = [f"not {marker}" for marker, part in BUILT.items() if part not in affected]
        wide = ["not wide", *(f"wide(when={part!r})" for part in sorted(affected))]
        return ["--slow-first", "-m", " and ".join([*left_out, f"({' or '.join(wide)})"])]
    name = next((name for name in SETS if name in chosen), "")
    return ["-m", SETS[name], *(["--slow-first"] if name == "--all" else ["--hypothesis-profile=quick"])]


def chooses_processes(argument: str) -> bool:
    """Return whether a pytest argument says how many processes to use, or names tests, which need only one."""
    return argument.startswith(("-n", "--numprocesses", "--pdb")) or names_path(argument)


def list_affected_parts(arguments: list[str]) -> None:
    """Print the parts of WIDE of which a file has changed, or all with CI_ALL=1: `affected`."""
    refuse(arguments)
    print(*sorted(find_affected_parts(read_changed_files())))


def find_affected_parts(changed: list[str] | None) -> set[str]:
    """Return the parts of ``WIDE`` that changed files belong to.

    Args:
        changed: The paths of the files. None means that any may have changed.
    """
    return {
        part
        for part, paths in WIDE.items()
        if changed is None or any(file.startswith((*paths, *TOOLCHAIN)) for file in changed)
    }


def read_changed_files() -> list[str] | None:
    """Return the paths of the files that have changed, or None if it is unknown or CI_ALL is set.

    They have changed since the commit CI_BASE, or since the branch left origin/main; on main itself, in the last commit.
    """
    if os.environ.get("CI_ALL"):
        return None
    base = os.environ.get("CI_BASE") or read_git("merge-base", "HEAD", "origin/main")
    if base is None or base == read_git("rev-parse", "HEAD"):
        base = "HEAD^"
    changed = read_git("diff", "--name-only", base)
    return None if changed is None else changed.splitlines()


def read_git(*arguments: str) -> str | None:
    """Return what git prints, or None if it fails."""
    with contextlib.suppress(OSError):
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None
    return None


def nightly(arguments: list[str]) -> None:
    """Run all of .ci/run, also what only wide changes break, and the coverage; then longer races, faults and random requests."""
    refuse(arguments)
    run([str(ROOT / ".ci" / "run")], environment={**os.environ, "CI_ALL": "1", "CI_COVERAGE": "1"})
    for command in (["races"], ["faults"], ["permissions", "-n", "2"], ["fuzz", "--fuzz-count=500"]):
        run([sys.executable, str(ROOT / "dev.py"), *command])


def names_path(argument: str) -> bool:
    """Return whether a pytest argument is the path of a test."""
    return (ROOT / argument.split("::", maxsplit=1)[0]).exists()


def coverage(arguments: list[str]) -> None:
    """Report the coverage of the last `test --cov`; fail if it is less than all tests must cover."""
    refuse(arguments)
    prepare(FULL)
    if not COVERAGE.exists():
        sys.exit("dev.py: nothing is measured; run `test --cov` first")
    report = ["--merge", str(COVERAGE), "--out", str(COVERAGE), "--skip-covered"]
    run([str(PYTHON), "-m", "slipcover", *report])
    percent = json.loads(COVERAGE.read_text())["summary"]["percent_covered"]
    say(f"{percent:.2f} % of lines and branches are covered")
    if percent < COVERAGE_MIN:
        sys.exit(f"dev.py: the tests must cover {COVERAGE_MIN} %")


def check(arguments: list[str]) -> None:
    """Check style, types and import rules, and name whatever failed. The tests check the documentation, and pyright."""
    refuse(arguments)
    prepare(FULL)
    failed = [name for name, command in checks().items() if not passes(name, command)]
    if failed:
        sys.exit(f"dev.py: failed: {', '.join(failed)}")
    say("all checks passed")


def checks() -> dict[str, list[str]]:
    """Return the checks by name, each as a program of ``.venv`` and its arguments."""
    sources = [
        name
        for name in (
            *("stellary", "reference_server", "benchmarks", "tools", "dev.py"),
            "tests/core/agents/stored_items.py",
        )
        if (ROOT / name).exists()
    ]
    return {
        "ruff check": ["ruff", "check", "."],
        "ruff format": ["ruff", "format", "--check", "."],
        "methods": ["python", "-m", "tools.methods", "--check"],
        "mypy": ["mypy", *sources],
        "mypy of the examples": ["mypy", *list_examples(), *extract_notebooks()],
        **{
            f"mypy of the {path.name} example": ["mypy", str(path)]
            for path in sorted((ROOT / HOSTS).glob("*/"))
        },
        "import-linter": ["lint-imports", "--no-logo"],
    }


def list_examples() -> list[str]:
    """Return the examples of the guides that are single files, with the recipes of the cookbook."""
    examples = ROOT / "docs" / "examples"
    return [
        str(path.relative_to(ROOT))
        for path in sorted([*examples.glob("*.py"), *examples.glob("cookbook/*.py")])
    ]


def extract_notebooks() -> list[str]:
    """Write the code of each example notebook to a module in mypy's cache, and return the paths of these modules."""
    folder = ROOT / ".mypy_cache" / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    modules = []
    for notebook in sorted((ROOT / "docs" / "examples").glob("*.ipynb")):
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        code = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        module = folder / f"{notebook.stem}.py"
        module.write_text(code + "\n", encoding="utf-8")
        modules.append(str(module.relative_to(ROOT)))
    return modules


def passes(name: str, command: list[str]) -> bool:
    """Run one check; tell its name first and whether it passed."""
    say(name)
    program, *arguments = command
    return subprocess.run([VENV / "bin" / program, *arguments], cwd=ROOT, check=False).returncode == 0


def format_sources(arguments: list[str]) -> None:
    """Format the code and repair what can be repaired by itself."""
    refuse(arguments)
    prepare(FULL)
    run([str(PYTHON), "-m", "ruff", "check", "--fix-only", "--quiet", "."])
    run([str(PYTHON), "-m", "ruff", "format", "."])


def methods(arguments: list[str]) -> NoReturn:
    """Generate the methods of the client from the contract, into `stellary/client/methods`."""
    refuse(arguments)
    prepare(FULL)
    become("tools.methods")


def serve(arguments: list[str]) -> NoReturn:
    """Run the reference server: `serve [--host --port --data-dir --database-url --workers]`.

    The options are the server's own; `serve --help` lists them. Relative paths count from where you are.
    """
    prepare(SERVE)
    become("reference_server", *arguments, directory=None)


def bench(arguments: list[str]) -> NoReturn:
    """Run the benchmarks: `bench [ARGUMENTS]`; `bench --help` lists them."""
    prepare(FULL)
    become("benchmarks", *arguments)


WITHOUT_TIME_LIMIT = ("-o", "faulthandler_timeout=0")
"""Options of pytest for long runs: without them, a test that takes five minutes ends the run."""


def fuzz(arguments: list[str]) -> NoReturn:
    """Send 5,000 arbitrary requests to each operation on each database, and all hostile ones: `fuzz [PYTEST ARGUMENTS]`.

    It takes some hours. `--fuzz-count=N` sends another number, `--fuzz-seed=N` other ones, `-k sqlite` those to one database.
    """
    prepare(FULL)
    chosen = ("tests/server/test_fuzz.py", "tests/security", "--hypothesis-profile=long")
    become("pytest", *chosen, *WITHOUT_TIME_LIMIT, *arguments)


def races(arguments: list[str]) -> NoReturn:
    """Run two hundred rounds of each race of many clients for one thing: `races [PYTEST ARGUMENTS]`."""
    prepare(FULL)
    become("pytest", "-m", "race", "--rounds=200", *WITHOUT_TIME_LIMIT, *arguments)


def permissions(arguments: list[str]) -> NoReturn:
    """Check all cells of the permission table over each shell, on both databases: `permissions [PYTEST ARGUMENTS]`.

    It takes about ten minutes; the tests try all cells in process and over one shell, and a tenth over each other one, on SQLite.
    """
    prepare(FULL)
    chosen = ("tests/security/test_permissions.py", "tests/security/test_over_shells.py")
    become("pytest", *chosen, "--hypothesis-profile=long", *WITHOUT_TIME_LIMIT, *arguments)


def mutants(arguments: list[str]) -> NoReturn:
    """Try small mistakes in the product, which the tests must notice: `mutants [--area AREA] [-n N] [--changed]`."""
    prepare(FULL)
    become("tools.mutants", *arguments)


def faults(arguments: list[str]) -> NoReturn:
    """Try what must survive kill -9, power cuts and a failing PostgreSQL: `faults [KIND] [--rounds N]`; `faults --help`."""
    kinds = "\n".join(f"  {name:<9}{about}" for name, (about, _) in FAULTS.items())
    parser = argparse.ArgumentParser(
        prog="dev.py faults",
        description=f"Run the fault tests, of which `test` runs three rounds:\n\n{kinds}",
        epilog="Other arguments are pytest's. What failed keeps its files; pytest says where.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", nargs="?", choices=FAULTS, metavar="KIND", help="one of them; all by default")
    parser.add_argument("--rounds", type=int, default=25, metavar="N", help="of each test (%(default)s)")
    chosen, pytest_arguments = parser.parse_known_args(arguments)
    prepare(FULL)
    # Where packages cannot be installed, the tests that need them are skipped, and named.
    if shutil.which("apt-get") is not None:
        install_packages(FAULTS_BESIDE.get(chosen.kind, ()))
    paths = [path for name, (_, paths) in FAULTS.items() if chosen.kind in (None, name) for path in paths]
    # Many rounds take longer than a test may, and say on the way what they have measured.
    become("pytest", *paths, f"--rounds={chosen.rounds}", *WITHOUT_TIME_LIMIT, "-s", *pytest_arguments)


def install_packages(packages: Iterable[str]) -> None:
    """Install packages of Debian whose programs are missing."""
    path = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"
    missing = [package for package in packages if shutil.which(SERVICES[package], path=path) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        sys.exit(f"dev.py: there is no apt-get here; install {', '.join(missing)} yourself")
    run(["apt-get", "update", "--quiet"])
    # Not started as services of the machine: the tests run their own.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    run(
        ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing],
        environment=environment,
    )


def services(arguments: list[str]) -> None:
    """Install the programs beside which some tests run, by Debian's packages, and axe-core: `services`.

    Those tests are skipped, and named, where the programs are missing. It needs the rights to install packages.
    """
    refuse(arguments)
    install_packages(SERVICES)
    if not AXE_DIR.exists():
        run(["npm", "install", "--prefix", str(AXE_DIR), "--no-save", AXE])
    say(f"{', '.join(SERVICES)}, {AXE}: installed")


def versions(arguments: list[str]) -> None:
    """Run a share of the tests on Python 3.12; with the oldest libraries that are allowed; and with the newest, on Python 3.13.

    A Python that is not installed is named and left out. What is installed goes into `.venvs/`.
    """
    refuse(arguments)
    prepare(FULL)
    failed = []
    if is_installed(OTHER_PYTHON):
        directory = OTHER_VENVS / OTHER_PYTHON
        run_uv(
            "sync", "--quiet", "--frozen", "--python", OTHER_PYTHON, *SELECTIONS[FULL], directory=directory
        )
        if not passes_tests(f"Python {OTHER_PYTHON}", directory):
            failed.append(OTHER_PYTHON)
    newest_python = NEWEST_PYTHON if is_installed(NEWEST_PYTHON) else base_python()
    # The oldest SQLAlchemy and psycopg, and later the newest, are not known to stellary/core/db/internals.py.
    for age, resolution, version in (
        ("oldest", "lowest-direct", base_python()),
        ("newest", "highest", newest_python),
    ):
        pins = OTHER_VENVS / f"{age}.txt"
        directory = OTHER_VENVS / (f"{age}-{version}" if version == NEWEST_PYTHON else age)
        python = directory / "bin" / "python"
        if not python.exists():
            run_uv("venv", "--quiet", "--python", version, str(directory))
        resolve = ("pip", "compile", "--quiet", "--upgrade", "--resolution", resolution)
        target = ("--python", str(python))
        # The libraries of the tests may not allow the newest ones of the product.
        group = ("--group", "test") if age == "newest" else ()
        run_uv(*resolve, *target, "--all-extras", *group, "pyproject.toml", "--output-file", str(pins))
        run_uv("pip", "install", "--quiet", *target, "-r", str(pins), "--group", "test", "-e", ".")
        if not passes_tests(f"the {age} libraries", directory):
            failed.append(f"the {age} libraries")
    if failed:
        sys.exit(f"dev.py: failed: {', '.join(failed)}")


def is_installed(version: str) -> bool:
    """Return whether there is a Python of a version; say so if not."""
    command = [str(installed_uv()), "python", "find", "--no-python-downloads", version]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        say(f"left out: Python {version} is not installed")
    return done.returncode == 0


def passes_tests(name: str, directory: Path) -> bool:
    """Run the shared tests in an environment; return whether they passed."""
    say(f"tests with {name}")
    options = [
        "-n",
        "2",
        "-q",
        # The cache names the failed tests of another run, which .ci/run may have started beside this one.
        "-p",
        "no:cacheprovider",
        "--randomly-seed=1",
        "--hypothesis-seed=0",
        "-m",
        "not postgres and not bench and not packaging and not slow",
    ]
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(directory / "compiled")}
    command = [str(directory / "bin" / "python"), "-m", "pytest", *options, *SHARED_TESTS]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def docs(arguments: list[str]) -> NoReturn:
    """Show the documentation on a local port, rebuilt at each change: `docs [MKDOCS ARGUMENTS]`."""
    prepare(FULL)
    become("mkdocs", "serve", *arguments)


def lock(arguments: list[str]) -> None:
    """Resolve pyproject.toml into uv.lock: `lock [UV ARGUMENTS]`, such as `lock --upgrade`."""
    run_uv("lock", *arguments)
    hosts = set(re.findall(r"https?://([^/\"]+)", (ROOT / "uv.lock").read_text()))
    if foreign := sorted(hosts - LOCKABLE_HOSTS):
        sys.exit(f"dev.py: uv.lock names {', '.join(foreign)}: lock again without your own index configured")


def refuse(arguments: list[str]) -> None:
    """End the program if a command that takes no arguments was given some."""
    if arguments:
        sys.exit(f"dev.py: this command takes no arguments, but was given: {' '.join(arguments)}")


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "test": test,
    "affected": list_affected_parts,
    "nightly": nightly,
    "coverage": coverage,
    "check": check,
    "format": format_sources,
    "methods": methods,
    "serve": serve,
    "bench": bench,
    "fuzz": fuzz,
    "permissions": permissions,
    "races": races,
    "mutants": mutants,
    "faults": faults,
    "services": services,
    "versions": versions,
    "docs": docs,
    "lock": lock,
}


def overview() -> str:
    """One line for each command, from its docstring."""
    lines = ["commands:"]
    lines += [f"  {name:<13}{(command.__doc__ or '').splitlines()[0]}" for name, command in COMMANDS.items()]
    return "\n".join(lines)


def main() -> None:
    """Read the command line and run the command it names."""
    # With an older Python, this file is the first that runs, so it reports the problem.
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit("dev.py: Python 3.11 or newer is needed")
    parser = argparse.ArgumentParser(
        prog="dev.py",
        description=__doc__,
        epilog=overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENTS")
    options = parser.parse_args()
    # mkdocs-material announces the end of mkdocs 1 at every build; the lock file keeps us on it.
    os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")
    COMMANDS[options.command](options.arguments)


if __name__ == "__main__":
    main()
