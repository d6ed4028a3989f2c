"""The strength of the tests: small mistakes in the product, each of which a test must notice.

``tests/mutants.tsv`` has a row for each mutant: the path of a module, a snippet that occurs once in it, the snippet
with a mistake, and the tests that reach it. Each mutant is tried in a copy of the checkout.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import csv
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = Path("tests/mutants.tsv")
REQUIRED_SHARE = 0.92
TIME_LIMIT_SECONDS = 180
"""How long the tests of a mutant may take. A mutant that makes them hang is noticed too."""

MARKERS = "not postgres and not bench and not packaging"
"""The tests that run. PostgreSQL would take longer to start than the tests of a mutant take."""

_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "site", "node_modules")
_PASSED, _NO_TESTS = 0, 5


@dataclass(frozen=True)
class Mutant:
    """A mistake in a module, and the tests that should notice it."""

    path: str
    snippet: str
    mutated: str
    tests: tuple[str, ...]

    @property
    def area(self) -> str:
        """Return the area of the module: ``core/board``, ``client``, or ``stellary`` for the modules right in it."""
        folders = Path(self.path).parent.parts
        inside = folders[1:] if folders[0] == "stellary" else folders
        return "/".join(inside[: 2 if inside[:1] == ("core",) else 1]) or "stellary"

    def describe(self) -> str:
        """Return the module, the snippet and the mistake in it."""
        return f"{self.path}: {self.snippet}  ->  {self.mutated or '(left out)'}"


def load_mutants(root: Path) -> list[Mutant]:
    """Return the mutants of a checkout in the order of its table."""
    with (root / TABLE).open(newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Mutant(path, snippet, mutated, tuple(tests.split())) for path, snippet, mutated, tests in rows[1:]
    ]


def find_problems(root: Path, mutants: Iterable[Mutant]) -> list[str]:
    """Return a sentence for each mutant that cannot be tried: its snippet or one of its tests is not there."""
    problems = []
    for mutant in mutants:
        path = root / mutant.path
        count = path.read_text().count(mutant.snippet) if path.is_file() else 0
        if not mutant.snippet or count != 1:
            problems.append(f"{mutant.describe()}: the snippet must be there once, not {count} times")
        if mutant.snippet == mutant.mutated:
            problems.append(f"{mutant.describe()}: the mutant changes nothing")
        missing = [test for test in mutant.tests if not _is_test(root, test)]
        if missing or not mutant.tests:
            problems.append(f"{mutant.describe()}: there is no test {', '.join(missing)}".rstrip())
    return problems


_test_names: dict[Path, set[str]] = {}
"""The functions of test modules that were read already."""


def _is_test(root: Path, test: str) -> bool:
    """Return whether a path of tests, or the test that a node id names, exists."""
    name, _, function = test.partition("::")
    path = root / name
    if not function or not path.is_file():
        return path.exists() and not function
    if path not in _test_names:
        nodes = ast.walk(ast.parse(path.read_text()))
        _test_names[path] = {
            node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
    return function.rpartition("::")[2].partition("[")[0] in _test_names[path]


def choose(root: Path, mutants: Sequence[Mutant], options: argparse.Namespace) -> list[Mutant]:
    """Return the mutants that the options select.

    Args:
        root: The checkout.
        mutants: All mutants.
        options: The area, whether only changed files count, and the number of mutants, which are spread evenly.

    Raises:
        SystemExit: If there is no such area, or nothing is selected.
    """
    chosen = list(mutants)
    if options.area:
        areas = tuple(area.strip("/").removeprefix("stellary/") for area in options.area)
        for area in areas:
            if not any(f"{mutant.area}/".startswith(f"{area}/") for mutant in mutants):
                raise SystemExit(f"mutants: there is no area {area!r}")
        chosen = [mutant for mutant in chosen if f"{mutant.area}/".startswith(tuple(f"{a}/" for a in areas))]
    if options.changed:
        git = ["git", "diff", "--name-only", options.changed, "--"]
        changed = set(
            subprocess.run(git, cwd=root, capture_output=True, text=True, check=True).stdout.split()
        )
        chosen = [
            mutant
            for mutant in chosen
            if changed & {mutant.path, *(test.partition("::")[0] for test in mutant.tests)}
        ]
    if options.n is not None and options.n < len(chosen):
        chosen = [chosen[number * len(chosen) // options.n] for number in range(options.n)]
    if not chosen:
        raise SystemExit("mutants: nothing is selected")
    return chosen


class Copy:
    """A copy of a checkout in which mutants are tried one after another.

    Args:
        root: The checkout. Its environment runs the tests.
        directory: An empty directory.
    """

    def __init__(self, root: Path, directory: Path) -> None:
        self._root = root
        self._tree = directory / "tree"
        self.output = directory / "output.txt"
        shutil.copytree(root, self._tree, ignore=_NOT_COPIED, symlinks=True)
        if (root / ".venv").exists():
            (self._tree / ".venv").symlink_to(root / ".venv")

    def forget_bytecode(self) -> None:
        """Delete what Python has compiled in the copy, if it keeps that elsewhere."""
        if sys.pycache_prefix:
            shutil.rmtree(Path(sys.pycache_prefix, *self._tree.parts[1:]), ignore_errors=True)

    def run_tests(self, tests: Iterable[str], limit: float | None = None) -> int | None:
        """Run tests until one fails; return the exit code of pytest, or None if they took longer than the limit."""
        options = ["-x", "-q", "--tb=short", "-p", "no:randomly", "-p", "no:cacheprovider", "-m", MARKERS]
        environment = {**os.environ, "PYTHONPATH": str(self._tree), "ANY_SPEED": "1"}
        with self.output.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *options, *tests],
                cwd=self._tree,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # Servers that the tests have started end with them.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def is_killed(self, mutant: Mutant, number: int) -> bool:
        """Return whether a test of a mutant fails.

        Args:
            mutant: The mutant.
            number: A number that no other mutant has. It becomes the time of the file's last change: two mutants of
                one length, tried within a second, would look alike to Python's cache of compiled modules.

        Raises:
            SystemExit: If none of the tests runs without PostgreSQL.
        """
        path = self._tree / mutant.path
        path.write_text((self._root / mutant.path).read_text().replace(mutant.snippet, mutant.mutated))
        os.utime(path, (number, number))
        try:
            code = self.run_tests(mutant.tests, TIME_LIMIT_SECONDS)
        finally:
            shutil.copy2(self._root / mutant.path, path)
        if code == _NO_TESTS:
            raise SystemExit(f"mutants: no test runs for {mutant.describe()}")
        return code != _PASSED


def try_mutants(root: Path, mutants: Sequence[Mutant]) -> list[Mutant]:
    """Return the mutants that no test notices, and print each of them.

    Args:
        root: The checkout.
        mutants: The mutants to try.

    Raises:
        SystemExit: If a mutant cannot be tried, or a test fails without any mutant.
    """
    if problems := find_problems(root, mutants):
        raise SystemExit("\n".join(problems))
    survivors = []
    with tempfile.TemporaryDirectory(prefix="stellary-mutants-") as directory:
        copy = Copy(root, Path(directory).resolve())
        if copy.run_tests(dict.fromkeys(test for mutant in mutants for test in mutant.tests)) != _PASSED:
            raise SystemExit(f"{copy.output.read_text()}\nmutants: tests fail without a mutant")
        for number, mutant in enumerate(mutants, start=1):
            if not copy.is_killed(mutant, number):
                survivors.append(mutant)
                print(f"survived: {mutant.describe()}", flush=True)
        copy.forget_bytecode()
    return survivors


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(prog="dev.py mutants", description=__doc__)
    parser.add_argument(
        "--area",
        action="append",
        help="an area with all below it, such as core, core/board or client; stellary for modules right in it; may be repeated",
    )
    parser.add_argument("-n", type=int, metavar="N", help="try N mutants, from all over the chosen ones")
    parser.add_argument(
        "--changed",
        nargs="?",
        const="HEAD",
        metavar="COMMIT",
        help="only those whose module or tests differ from a commit (HEAD)",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> None:
    """Try the mutants that the arguments select; fail if the tests notice too few of them."""
    mutants = choose(root, load_mutants(root), parse_options(arguments))
    survivors = try_mutants(root, mutants)
    killed = len(mutants) - len(survivors)
    share = killed / len(mutants)
    print(f"{killed} of {len(mutants)} mutants killed: {share:.1%}")
    if share < REQUIRED_SHARE:
        raise SystemExit(f"mutants: the tests must kill {REQUIRED_SHARE:.0%}")


if __name__ == "__main__":
    main()
