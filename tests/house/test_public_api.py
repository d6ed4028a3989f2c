"""The page of public names: the names exist, and examples use no others of the core."""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

from stellary import core
from stellary.core import resolve_names
from stellary.core.api.dispatch import SERVICES

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "guides" / "public-api.md").read_text()


def read_rows() -> dict[str, list[str]]:
    """Return the public names of the core by module; an empty list for modules that are public as a whole."""
    rows = re.findall(r"^\| `(stellary\.core[\w.]*)` \| (.*) \|$", PAGE, re.MULTILINE)
    return {module: re.findall(r"`(\w+)`", names) for module, names in rows}


def iterate_core_imports() -> Iterator[tuple[str, str, str]]:
    """Yield the file, module and name of each import of the core in an example."""
    for path in sorted((DOCS / "examples").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stellary.core"):
                for alias in node.names:
                    yield path.name, node.module or "", alias.name


def is_public(module: str, name: str) -> bool:
    """Return whether a name is on the page, or is a module of services or of names that are all public."""
    rows = read_rows()
    path = f"{module}.{name}"
    service_modules = {service.function.__module__ for service in SERVICES.values()}
    return (
        name in rows.get(module, ())
        or rows.get(module) == []
        or rows.get(path) == []
        or path in service_modules
    )


def test_public_names_exist():
    modules = set(re.findall(r"`(stellary(?:\.[a-z_]+)*)`", PAGE))
    assert [module for module in sorted(modules) if not importlib.import_module(module)] == []
    missing = [
        f"{module}.{name}"
        for module, names in read_rows().items()
        for name in names
        if not hasattr(importlib.import_module(module), name)
    ]
    assert len(read_rows()) > 10
    assert missing == []


def test_core_exports_all_public_names_and_loads_them_when_they_are_used():
    names = {name for names in read_rows().values() for name in names}
    assert set(core.__all__) == set(core._MODULES) == names
    for module, exported in read_rows().items():
        for name in exported:
            assert getattr(core, name) is getattr(importlib.import_module(module), name), name
    loaded = "import stellary.core, sys; print(sorted(name for name in sys.modules if name.startswith('stellary.core.')))"
    assert subprocess.check_output([sys.executable, "-c", loaded], text=True) == "[]\n"


def test_examples_use_only_public_names():
    private = [
        f"{file}: {module}.{name}"
        for file, module, name in iterate_core_imports()
        if not is_public(module, name)
    ]
    assert private == []


def test_functions_of_resolve_names_are_those_that_hosts_may_call():
    functions = (item for item in vars(resolve_names).values() if isinstance(item, FunctionType))
    names = {function.__name__ for function in functions if function.__module__ == resolve_names.__name__}
    assert {name for name in names if not name.startswith("_")} == {
        *("is_caller", "list_addresses", "list_assignees", "list_columns", "list_labels", "list_people"),
        *("list_scopes", "resolve_assignee", "resolve_card", "resolve_column", "resolve_label"),
        *("resolve_other_project", "resolve_people", "resolve_project", "resolve_title"),
        "resolve_workspace",
    }
