"""Types: ``Any`` is used no more than now, and rows of the database have a declared type."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from tools.methods import NOTICE

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "stellary" / "core"

# SQLAlchemy's generics: a statement has columns of many types, and ``Query`` declares those of its rows.
STATEMENTS = {
    "BindParameter",
    "Column",
    "ColumnElement",
    "CompoundSelect",
    "ScalarSelect",
    "Select",
    "TypeDecorator",
}

ANY_MAX = {
    "reference_server": 8,
    "stellary/asgi.py": 2,
    "stellary/cli": 37,
    "stellary/client": 539,
    "stellary/contract": 258,
    "stellary/contrib": 45,
    "stellary/core/accounts": 5,
    "stellary/core/agents": 32,
    "stellary/core/api": 4,
    "stellary/core/app.py": 1,
    "stellary/core/automations": 40,
    "stellary/core/board": 19,
    "stellary/core/db": 70,
    "stellary/core/http": 19,
    "stellary/core/insights": 1,
    "stellary/core/kernel": 38,
    "stellary/core/knowledge": 11,
    "stellary/core/migrations": 1,
    "stellary/core/pilotage": 10,
    "stellary/core/ports": 7,
    "stellary/core/search": 3,
    "stellary/core/streaming": 4,
    "stellary/core/webhooks": 10,
    "stellary/core/wizard": 3,
    "stellary/wsgi.py": 6,
}
"""How often each package may name ``Any``. Lower a number when it has shrunk; do not raise one.

It is allowed for JSON as it is stored or sent, whose shape is checked at runtime; for objects of drivers and dialects,
whose libraries do not share a type; for tables of functions of different types and the helpers that call them; and for
rows that are passed on as mappings or tuples of columns, to be merged, written or converted at once.
"""


class AnyCounter(ast.NodeVisitor):
    """A visitor that counts the uses of ``Any``, except in SQLAlchemy's generics."""

    def __init__(self) -> None:
        self.count = 0

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if ast.unparse(node.value).removeprefix("sa.") not in STATEMENTS:
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self.count += node.id == "Any"


def count_any(source: str) -> int:
    """Return how often a source text uses ``Any``."""
    counter = AnyCounter()
    counter.visit(ast.parse(source))
    return counter.count


def core_modules() -> list[str]:
    """Return the paths of the core's modules, relative to it."""
    return sorted(path.relative_to(CORE).as_posix() for path in CORE.rglob("*.py"))


@pytest.mark.slow("reads all sources")
def test_packages_use_any_no_more_than_now():
    counts: Counter[str] = Counter()
    for path in (*(ROOT / "stellary").rglob("*.py"), *(ROOT / "reference_server").rglob("*.py")):
        package = next((name for name in ANY_MAX if path.is_relative_to(ROOT / name)), str(path))
        text = path.read_text()
        counts[package] += 0 if text.startswith(NOTICE) else count_any(text)
    assert {package: count for package, count in counts.items() if count > ANY_MAX.get(package, 0)} == {}


@pytest.mark.slow("reads all sources")
def test_services_handle_no_rows_without_a_type():
    untyped = [
        f"{module}:{node.lineno}"
        for module in core_modules()
        if not module.startswith(("db/", "migrations/"))
        for node in ast.walk(ast.parse((CORE / module).read_text()))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("sqlalchemy")
        and "Row" in {alias.name for alias in node.names}
    ]
    assert untyped == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x: Any = 1", 1),
        ("def f(x: dict[str, Any], *y: Any) -> Any: ...", 3),
        ("x: Select[Any] = select()", 0),
        ("def f(x: Callable[[Select[Any]], Any]): ...", 1),
    ],
)
def test_uses_of_any_are_counted(source, expected):
    assert count_any(source) == expected
