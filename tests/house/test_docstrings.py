"""Docstrings of public functions: they describe their parameters, and the errors that they raise."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

COMPLETE = ("stellary/client", "stellary/contract", "stellary/core")
"""Folders in which every public function has its sections."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def find_incomplete(*paths: str) -> list[str]:
    """Return the public functions that lack the section ``Args`` or ``Raises``, as ``path:line name: section``."""
    offenders = []
    for folder in paths:
        modules = [ROOT / folder] if folder.endswith(".py") else sorted((ROOT / folder).rglob("*.py"))
        for module in modules:
            path = module.relative_to(ROOT)
            if any(part.startswith("_") and part != "_client.py" for part in path.parts):
                continue
            for function, is_method in iterate_public_functions(ast.parse(module.read_text())):
                offenders += [
                    f"{path}:{function.lineno} {function.name}: {section}"
                    for section in missing_sections(function, is_method)
                ]
    return offenders


def iterate_public_functions(node: ast.AST, in_class: bool = False) -> Iterator[tuple[Function, bool]]:
    """Yield the public functions and methods of a module, and whether each is a method."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from iterate_public_functions(child, in_class=True)
        elif isinstance(child, Function) and not child.name.startswith("_"):
            yield child, in_class
        elif isinstance(child, ast.If):
            yield from iterate_public_functions(child, in_class)


def missing_sections(function: Function, is_method: bool) -> list[str]:
    """Return the sections that a docstring lacks: ``Args`` for two or more parameters, ``Raises`` for a ``raise``."""
    decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
    docstring = ast.get_docstring(function)
    # The contract describes the parameters of services. The first variant of an overload has no docstring.
    if docstring is None or any("serves(" in text or text.endswith("overload") for text in decorators):
        return []
    arguments = function.args
    parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    parameters += [parameter for parameter in (arguments.vararg, arguments.kwarg) if parameter]
    if is_method and "staticmethod" not in decorators:
        parameters = parameters[1:]
    public = [parameter for parameter in parameters if not parameter.arg.startswith("_")]
    missing = []
    if len(public) >= 2 and "Args:\n" not in docstring:
        missing.append("Args")
    if raises_error(function.body) and "Raises:\n" not in docstring:
        missing.append("Raises")
    return missing


def raises_error(statements: list[ast.stmt]) -> bool:
    """Return whether statements raise an error of their own that a caller can catch.

    A bare ``raise``, nested functions and errors with a private name do not count.
    """
    nodes: list[ast.AST] = list(statements)
    while nodes:
        node = nodes.pop()
        if isinstance(node, Function | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            is_private = isinstance(node.exc, ast.Name) and node.exc.id.startswith("_")
            if not is_private:
                return True
        nodes.extend(ast.iter_child_nodes(node))
    return False


def test_public_functions_describe_parameters_and_errors():
    assert find_incomplete(*COMPLETE) == []


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ('def f(a, b):\n    """Do it."""', ["Args"]),
        ('def f(a):\n    """Do it."""\n    raise ValueError', ["Raises"]),
        ('def f(a):\n    """Do it."""\n    raise', []),
        ('def f(a):\n    """Do it."""\n    raise _Rollback', []),
        ('def f(a, _):\n    """Do it."""', []),
        ('@serves(X)\ndef f(a, b):\n    """Do it."""', []),
        ('def f(a, b):\n    """Do it.\n\n    Args:\n        a: One.\n        b: Two.\n    """', []),
    ],
)
def test_missing_section_is_detected(source, missing):
    ((function, is_method),) = iterate_public_functions(ast.parse(source))
    assert missing_sections(function, is_method) == missing
