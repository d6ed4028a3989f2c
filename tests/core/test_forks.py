"""Forks, as under ``gunicorn --preload`` and Celery's prefork pool: children leave connections and locks to the parent."""

import ast
from pathlib import Path

import pytest

import stellary.core
from tests.core import forking
from tests.core.forking import CHILDREN, UNITS
from tests.server.processes import run_script

ALL = sorted([f"parent: {UNITS}", *(f"child-{number}: {UNITS}" for number in range(CHILDREN))])


ROOT = Path(stellary.core.__file__).parent
LOCKS = {"Lock", "RLock", "Condition", "Event", "Semaphore"}
RENEWED_BY_OTHERS = {
    "ConnectionPool": "Database",
    "FairSemaphore": "ConnectionPool; for FairLock, Database",
    "_Session": "ClaimOwner",
    "_Watchdog": "os.register_at_fork",
}


def fork(scenario: str, url: str) -> list[str]:
    """Return the last lines of parent and children, sorted."""
    code, output, errors = run_script(Path(forking.__file__), scenario, url)
    assert code == 0, errors
    assert not errors, errors
    return sorted(output.splitlines())


@pytest.mark.parametrize("scenario", ["busy_pool", "busy_host_engine"])
def test_children_of_a_busy_process_write_and_read_their_own(database_url, scenario):
    assert fork(scenario, database_url) == ALL


def test_children_of_a_process_that_commits_in_groups_write(sqlite_url):
    assert fork("group_commit", sqlite_url) == ALL


def test_a_child_may_fork(database_url):
    assert fork("grandchildren", database_url) == [
        f"{name}: {UNITS}" for name in ("child", "grandchild", "parent")
    ]


def test_a_database_in_memory_is_copied():
    assert fork("in_memory", "") == [f"child: {UNITS}", f"parent: {UNITS}"]


def test_a_fork_within_a_unit_leaves_the_unit_to_the_parent(database_url):
    child = "child: refused" if database_url.startswith("sqlite") else f"child: {UNITS}"
    assert fork("within_a_unit", database_url) == [child, f"parent: {UNITS}"]


def test_signals_go_on_between_parent_and_children(postgres_url):
    expected = ["child-0: heard the parent", "child-1: heard the parent", "parent: heard both"]
    assert fork("relay", postgres_url) == expected


def test_children_make_ids_of_their_own(sqlite_url):
    ids = [line.split() for line in fork("ids", sqlite_url)]
    assert len(set().union(*ids)) == sum(map(len, ids)) == 3 * CHILDREN
    # Nor do they go on from the same place; a second that has passed begins at another one.
    places = [{id[8:13] for id in ids_of_child} for ids_of_child in ids]
    assert len(set().union(*places)) == sum(map(len, places))


@pytest.mark.slow("looks at each class")
def test_every_class_with_a_lock_renews_it_in_a_child() -> None:
    """A thread of the parent may hold it at that moment, and is not there to release it."""
    all_ids = set()
    for path in ROOT.rglob("*.py"):
        for child_ids in (
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)
        ):
            names = {node.attr for node in ast.walk(child_ids) if isinstance(node, ast.Attribute)}
            methods = {node.name for node in child_ids.body if isinstance(node, ast.FunctionDef)}
            if (
                "threading" in ast.unparse(child_ids)
                and names & LOCKS
                and "after_fork_in_child" not in methods
            ):
                all_ids.add(child_ids.name)
    assert all_ids == RENEWED_BY_OTHERS.keys()
