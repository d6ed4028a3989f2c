"""Allowed imports beyond the contracts in pyproject.toml, which `dev.py check` tries: of areas, of rules and of tests."""

import ast
import graphlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
CORE = "stellary.core"
RULES = rf"{CORE}\.\w+\.rules(\..+)?"

# What a rule may not know: it gets values, and `now` among them.
OUTSIDE_OF_RULES = {"os", "random", "secrets", "socket", "sqlalchemy", "threading", "time", "uuid"}

INSIDE = re.compile(rf"(?:{CORE}|reference_server)\.(?!__main__)\w+(?:\.\w+)*")
"""The modules that are no public API: those below the core and the server, apart from their commands."""
LAYERS = ("api", "app", "db", "kernel", "migrations", "ports", "streaming")
"""The layers of the core that tests directly below ``tests/core`` are about; an area has a folder of its own."""
AREAS_OF_TESTS = {"server": ("reference_server", f"{CORE}.http")}
"""What the tests in a folder outside ``tests/core`` are about, if that is inside the core or the server."""
REASONS = {
    ("tests/security/regular_expressions.py", CORE): "names modules whose patterns are variables",
    ("tests/server/test_process.py", CORE): "names modules that a server loads when it starts, and later",
}
"""What a test may import from another area, and why."""
IMPORTERS_MAX = 5
"""The tests that may import a module: each of them changes if the module moves."""


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


def list_imports(graph: grimp.ImportGraph, pattern: str, is_foreign: Callable[[str], bool]) -> list[str]:
    """Return the foreign imports of the modules whose name matches ``pattern``."""
    return [
        f"{module} imports {imported}"
        for module in modules(graph, pattern)
        for imported in sorted(graph.find_modules_directly_imported_by(module))
        if is_foreign(imported)
    ]


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
        rf"stellary\.contract(\..+)?|{CORE}\.(kernel\.(causes|events|grammars)|db\.base|ports\.planner)|{RULES}"
    )

    def is_foreign(module: str) -> bool:
        return module.startswith(("stellary", "reference_server")) and not allowed.fullmatch(module)

    assert list_imports(graph, RULES, is_foreign) == []


def test_rules_do_no_input_or_output(graph):
    assert list_imports(graph, RULES, lambda imported: imported in OUTSIDE_OF_RULES) == []


@cache
def find_module(name: str) -> str:
    """Return the module that a dotted name stands for, or that defines it."""
    path = ROOT / name.replace(".", "/")
    return name if path.is_dir() or path.with_suffix(".py").exists() else find_module(name.rpartition(".")[0])


def find_inner_modules(text: str) -> Iterator[str]:
    """Yield the inner modules that a test imports, or names in a string for ``monkeypatch``."""
    for node in ast.walk(ast.parse(text)):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = [node.value]
        modules = [find_module(name) for name in names if INSIDE.fullmatch(name)]
        yield from (module for module in modules if INSIDE.fullmatch(module))


def is_of_its_area(path: Path, module: str) -> bool:
    """Return whether a module belongs to the area that a test below ``tests`` is about."""
    match path.parts:
        case ("house" | "support", *_):
            return True
        case ("core", area, _, *_):
            packages: tuple[str, ...] = (f"{CORE}.{area}",)
        case ("core", _):
            packages = tuple(f"{CORE}.{layer}" for layer in LAYERS)
        case (folder, *_):
            packages = AREAS_OF_TESTS.get(folder, ())
    packages += tuple(package for name, package in REASONS if name == f"tests/{path}")
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@pytest.fixture(scope="module")
def inner_imports() -> dict[Path, set[str]]:
    """Return the inner modules that each test imports, by its path below ``tests``."""
    tests = ROOT / "tests"
    return {
        path.relative_to(tests): set(find_inner_modules(path.read_text())) for path in tests.rglob("*.py")
    }


@pytest.mark.slow("reads all sources")
def test_tests_import_only_their_own_area(inner_imports):
    """The rest comes from ``tests.support`` or the public modules, so that a module moves with its own tests."""
    foreign = [
        f"{path} imports {module}"
        for path, modules in inner_imports.items()
        for module in sorted(modules)
        if not is_of_its_area(path, module)
    ]
    assert foreign == []


@pytest.mark.slow("reads all sources")
def test_exceptions_for_imports_of_tests_are_used(inner_imports):
    unused = [
        (name, package)
        for name, package in REASONS
        if not any(module.startswith(package) for module in inner_imports[Path(name).relative_to("tests")])
    ]
    assert unused == []


@pytest.mark.slow("reads all sources")
def test_few_tests_import_one_module(inner_imports):
    importers = defaultdict(list)
    for path, modules in inner_imports.items():
        if path.parts[0] not in ("house", "support"):
            for module in modules:
                importers[module].append(str(path))
    assert {module: paths for module, paths in importers.items() if len(paths) > IMPORTERS_MAX} == {}


@pytest.mark.parametrize(
    ("path", "text", "module"),
    [
        ("core/board/test_cards.py", "from stellary.core.board.x import y", None),
        ("core/board/test_cards.py", "from stellary.core import NOBODY", None),
        ("core/board/test_cards.py", "from stellary.core.kernel.x import y", "kernel"),
        ("core/test_jobs.py", "from stellary.core.kernel import x", None),
        ("core/test_jobs.py", "from stellary.core import board", "board"),
        ("server/test_throttle.py", "from stellary.core.http import x", None),
        ("security/test_mcp.py", "import stellary.core.http.x", "http"),
        ("shells/test_api.py", "patch('stellary.core.db.x', y)", "db"),
    ],
)
def test_import_from_another_area_is_found(path, text, module):
    modules = [name for name in find_inner_modules(text) if not is_of_its_area(Path(path), name)]
    assert modules == ([f"{CORE}.{module}"] if module else [])
