"""One name per thing: modules do not use the same name for different classes or types."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_DECLARED = "the item that a project set-up declares, beside the one that the API returns"
_HANDLE = "the handle of the client, and the part of it that a module below uses"
_IS_HANDLE = "a handle of `stellary`, and a value of the contract: see decision 25"
_MODEL = "a value of the contract, and the Django model of its rows"
_SAME = "the same thing on both sides of a boundary"

SHARED = {
    "Action": "what a rule does, and an operation that is run by its name; both are public",
    "Activity": _MODEL,
    "Automation": _DECLARED,
    "Board": _IS_HANDLE,
    "Card": _DECLARED,
    "CardHandle": _HANDLE,
    "Column": _DECLARED,
    "Command": "Django finds a command by this name",
    "Edge": _SAME,
    "IsActive": _SAME,
    "Json": "a schema of OpenAPI, and a type of columns",
    "Label": _DECLARED,
    "MissionStatus": "missions of pilotage and of agents, as in the API",
    "Organization": _MODEL,
    "Person": _SAME,
    "Project": _DECLARED,
    "ProjectHandle": _HANDLE,
    "RateLimit": _SAME,
    "Scope": _DECLARED,
    "Who": _SAME,
    "Workspace": _IS_HANDLE,
}
"""Names that several modules define, with the reason."""


def iterate_types(module: ast.Module) -> Iterator[str]:
    """Yield the names of the classes and type aliases of a module; type variables do not count."""
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            is_type_variable = ast.unparse(node.value).startswith(("TypeVar(", "ParamSpec("))
            if name.lstrip("_")[:1].isupper() and not name.isupper() and not is_type_variable:
                yield name


@pytest.mark.slow("reads all sources")
def test_name_has_one_meaning():
    homes = defaultdict(list)
    for folder in ("stellary", "reference_server"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for name in iterate_types(ast.parse(path.read_text())):
                homes[name].append(str(path.relative_to(ROOT)))
    shared = {name: paths for name, paths in homes.items() if len(paths) > 1}
    assert {name: paths for name, paths in shared.items() if name not in SHARED} == {}
    assert SHARED.keys() <= shared.keys()
