"""Allowed imports: the contracts in pyproject.toml, and two rules that need the names of the areas."""

from __future__ import annotations

import graphlib
import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
CORE = "stellary.core"

# What a rule may not know: it gets values, and `now` among them.
OUTSIDE_OF_RULES = {"os", "random", "secrets", "socket", "sqlalchemy", "threading", "time", "uuid"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Return the graph of all imports of the project's modules, external ones included."""
    return grimp.build_graph(
        "stellary",
        "reference_server",
        include_external_packages=True,
        exclude_type_checking_imports=True,
        cache_dir=None,
    )


def modules(graph: grimp.ImportGraph, pattern: str) -> list[str]:
    """Return the project's modules whose full dotted name matches ``pattern``."""
    return sorted(name for name in graph.modules if re.fullmatch(pattern, name))


def test_contracts_of_pyproject_are_kept():
    lint = Path(sys.executable).with_name("lint-imports")
    process = subprocess.run([lint, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.parametrize(
    "package", ["stellary.core", "stellary.client", "stellary.contract", "reference_server"]
)
def test_no_import_cycles(package):
    graph = grimp.build_graph(package.partition(".")[0], exclude_type_checking_imports=False, cache_dir=None)
    imports = {
        module: {
            imported
            for imported in graph.find_modules_directly_imported_by(module)
            # What a package offers by itself is imported from elsewhere.
            if imported != package
        }
        for module in graph.modules
        if module.startswith(package)
    }
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_tables_are_imported_only_within_their_area(graph):
    strangers = [
        f"{importer} imports {tables}"
        for tables in modules(graph, rf"{CORE}\.\w+\.tables")
        for importer in sorted(graph.find_modules_that_directly_import(tables))
        # The migrations see every table, to compare them with the database.
        if not importer.startswith((tables.removesuffix("tables"), f"{CORE}.migrations"))
    ]
    assert strangers == []


def test_rules_import_only_contract_events_base_briefs_and_each_other(graph):
    allowed = re.compile(
        rf"stellary\.contract(\..+)?|{CORE}\.(kernel\.(events|grammars)|db\.base|ports\.planner)|{CORE}\.\w+\.rules(\..+)?"
    )
    strangers = [
        f"{rules} imports {imported}"
        for rules in modules(graph, rf"{CORE}\.\w+\.rules(\..+)?")
        for imported in sorted(graph.find_modules_directly_imported_by(rules))
        if imported.startswith(("stellary", "reference_server"))
        if not allowed.fullmatch(imported)
    ]
    assert strangers == []


def test_rules_do_no_input_or_output(graph):
    asking = [
        f"{rules} imports {imported}"
        for rules in modules(graph, rf"{CORE}\.\w+\.rules(\..+)?")
        for imported in sorted(graph.find_modules_directly_imported_by(rules))
        if imported in OUTSIDE_OF_RULES
    ]
    assert asking == []
