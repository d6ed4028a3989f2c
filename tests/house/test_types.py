"""Types: ``Any`` is used only where a reason is named, and rows of the database have a declared type."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools.stubs import STALE, find_stale

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

JSON = {
    "agents/brains.py": 4,
    "agents/external_mission_timeout.py": 1,
    "agents/proposing.py": 2,
    "agents/row_types.py": 6,
    "agents/running.py": 5,
    "automations/acting.py": 1,
    "automations/automations.py": 3,
    "automations/row_types.py": 2,
    "automations/rules/conditions.py": 22,
    "automations/targets.py": 11,
    "automations/traces.py": 1,
    "board/changes/settled_answers.py": 5,
    "board/rules/custom_fields.py": 1,
    "http/mcp/calling.py": 7,
    "http/mcp/tools.py": 2,
    "kernel/events.py": 1,
    "kernel/jobs.py": 5,
    "kernel/trash.py": 1,
    "knowledge/rules/embedded_json.py": 3,
    "knowledge/rules/markdown_reading.py": 4,
    "knowledge/rules/markdown_text.py": 1,
    "knowledge/rules/markdown_writing.py": 3,
    "migrations/versions/0039_action_references.py": 18,
    "pilotage/action_params.py": 6,
    "ports/planner.py": 1,
    "webhooks/erased_messages.py": 2,
    "webhooks/queue.py": 3,
    "webhooks/row_types.py": 2,
}
"""JSON as it is stored or sent: its shape is checked at runtime, by ``contract.wire`` or by rules."""

DRIVER = {
    "accounts/login_attempts.py": 2,
    "app.py": 1,
    "board/queries/searching.py": 3,
    "db/after_commit.py": 6,
    "db/base.py": 5,
    "db/borrowed_dialects.py": 1,
    "db/database.py": 7,
    "db/direct_connection.py": 12,
    "db/errors.py": 2,
    "db/forks.py": 1,
    "db/host_connection.py": 4,
    "db/host_engine.py": 4,
    "db/joined.py": 4,
    "db/postgres.py": 8,
    "db/prepared_statements.py": 2,
    "db/statement_plans.py": 7,
    "db/watchdog.py": 4,
    "http/mcp/bridge.py": 5,
    "migrations/operations.py": 1,
    "migrations/versions/0011_search_entries.py": 3,
    "pilotage/ledger.py": 4,
    "ports/blob_stores.py": 3,
    "ports/llm.py": 4,
    "streaming/relay.py": 1,
}
"""Objects of the drivers and dialects, whose libraries do not share a type."""

ERASED = {
    "accounts/access_checks.py": 3,
    "agents/models.py": 14,
    "api/calls.py": 1,
    "api/dispatch.py": 3,
    "api/reactions.py": 1,
    "board/changes/card_keys.py": 1,
    "http/streams.py": 4,
    "http/threads.py": 1,
    "insights/views.py": 1,
    "kernel/actions.py": 1,
    "kernel/unit.py": 30,
    "search/index.py": 3,
    "streaming/streams.py": 3,
    "wizard/models.py": 3,
}
"""Tables of functions of different types, and the decorators and generic helpers that call them."""

COLUMNS = {
    "board/changes/card_moves.py": 1,
    "board/listing.py": 1,
    "board/queries/card_lists.py": 8,
    "board/rows/card_rows.py": 4,
    "db/row_types.py": 7,
    "webhooks/outbox.py": 3,
}
"""Rows that are passed on as mappings or tuples of columns, to be merged, written or converted at once."""

MODULES = {**JSON, **DRIVER, **ERASED, **COLUMNS}
"""How often each module of the core may name ``Any``. Lower a number when it has shrunk; do not raise one."""

PACKAGES = {
    "stellary/contract": 260,
    "stellary/client": 640,
    "stellary/cli": 40,
    "reference_server": 8,
}
"""The same for whole packages: wire, endpoints, methods and handlers convert between JSON and values of any class."""


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


def test_modules_of_the_core_use_any_only_where_a_reason_is_named():
    counts = {module: count_any((CORE / module).read_text()) for module in core_modules()}
    assert {module: count for module, count in counts.items() if count > MODULES.get(module, 0)} == {}


def test_exceptions_name_modules_that_exist():
    assert MODULES.keys() - set(core_modules()) == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_use_any_no_more_than_now(package):
    assert sum(count_any(path.read_text()) for path in (ROOT / package).rglob("*.py")) <= PACKAGES[package]


def test_services_handle_no_rows_without_a_type():
    untyped = [
        f"{module}:{node.lineno}"
        for module in core_modules()
        if not module.startswith(("db/", "migrations/"))
        for node in ast.walk(ast.parse((CORE / module).read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module is not None
        and node.module.startswith("sqlalchemy")
        and any(alias.name == "Row" for alias in node.names)
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


def test_stubs_of_the_client_match_the_contract(tmp_path):
    assert find_stale(tmp_path) == [], STALE
