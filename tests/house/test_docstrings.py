"""Docstrings of public functions: they describe their parameters, and the errors that they raise."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

COMPLETE = ("stellary/client", "stellary/contract", "stellary/core")
"""Folders in which every public function has its sections."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def iterate_modules(*paths: str) -> Iterator[tuple[Path, ast.Module]]:
    """Yield the path and the syntax tree of each module in folders."""
    for folder in paths:
        for module in [ROOT / folder] if folder.endswith(".py") else sorted((ROOT / folder).rglob("*.py")):
            yield module.relative_to(ROOT), ast.parse(module.read_text())


def find_incomplete(*paths: str) -> list[str]:
    """Return the public functions that lack the section ``Args`` or ``Raises``, as ``path:line name: section``."""
    return [
        f"{path}:{function.lineno} {function.name}: {section}"
        for path, tree in iterate_modules(*paths)
        if not any(part.startswith("_") and part != "_client.py" for part in path.parts)
        for function in iterate_public_functions(tree)
        for section in missing_sections(function)
    ]


def iterate_public_functions(node: ast.AST) -> Iterator[Function]:
    """Yield the public functions and methods of a module."""
    for child in ast.iter_child_nodes(node):
        if (isinstance(child, ast.ClassDef) and not child.name.startswith("_")) or isinstance(child, ast.If):
            yield from iterate_public_functions(child)
        elif isinstance(child, Function) and not child.name.startswith("_"):
            yield child


def missing_sections(function: Function) -> list[str]:
    """Return the sections that a docstring lacks: ``Args`` for two or more parameters, ``Raises`` for a ``raise``."""
    decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
    docstring = ast.get_docstring(function)
    # The contract describes the parameters of services. The first variant of an overload has no docstring.
    if docstring is None or any("serves(" in text or text.endswith("overload") for text in decorators):
        return []
    missing = []
    if len(described_parameters(function)) >= 2 and "Args:\n" not in docstring:
        missing.append("Args")
    if raises_error(function.body) and "Raises:\n" not in docstring:
        missing.append("Raises")
    return missing


def described_parameters(function: Function) -> list[str]:
    """Return the parameters that need a description: all but ``self``, private ones, the unit of work, and unpacked options."""
    arguments = function.args
    parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    parameters += [parameter for parameter in (arguments.vararg, arguments.kwarg) if parameter]
    return [
        parameter.arg
        for parameter in parameters
        if not parameter.arg.startswith("_") and parameter.arg not in ("self", "cls")
        if parameter.annotation is None
        or not re.fullmatch(r"UnitOfWork|Unpack\[.*\]", ast.unparse(parameter.annotation))
    ]


def missing_parameters(function: Function) -> list[str]:
    """Return the parameters that the section ``Args`` of a docstring lacks, if it has one."""
    _, heading, text = f"{ast.get_docstring(function)}\n".partition("\nArgs:\n")
    entries = re.findall(
        r"^    (\S[^:\n]*):", re.split(r"^\S", text, maxsplit=1, flags=re.MULTILINE)[0], re.MULTILINE
    )
    described = {name.strip(" *`") for entry in entries for name in entry.split(",")}
    return [name for name in described_parameters(function) if heading and name not in described]


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


@pytest.mark.slow("reads all sources")
def test_public_functions_describe_parameters_and_errors():
    assert find_incomplete(*COMPLETE) == []


@pytest.mark.slow("reads all sources")
def test_sections_describe_all_parameters():
    assert [
        f"{path}:{node.lineno} {node.name}: {name}"
        for path, tree in iterate_modules("stellary", "reference_server", "tools", "dev.py")
        for node in ast.walk(tree)
        if isinstance(node, Function)
        for name in missing_parameters(node)
    ] == []


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ('def f(a, b):\n    """Do it."""', ["Args"]),
        ('def f(a):\n    """Do it."""\n    raise ValueError', ["Raises"]),
        ('def f(a):\n    """Do it."""\n    raise', []),
        ('def f(a):\n    """Do it."""\n    raise _Rollback', []),
        ('def f(a, _):\n    """Do it."""', []),
        ('@serves(X)\ndef f(a, b):\n    """Do it."""', []),
        ('def f(uow: UnitOfWork, a):\n    """Do it."""', []),
        ('def f(a, b):\n    """Do it.\n\n    Args:\n        a, b: Two.\n    """', []),
        (
            'def f(a, b):\n    """Do it.\n\n    Args:\n        a: One:\n            b: Two.\n\n    b: Two.\n    """',
            ["b"],
        ),
    ],
)
def test_missing_section_is_detected(source, missing):
    (function,) = iterate_public_functions(ast.parse(source))
    assert missing_sections(function) + missing_parameters(function) == missing
