"""Migration files: they run while other processes read and write large tables."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from stellary.core.migrations.history import SUPPORTED_SINCE
from tests.support.each_case import for_each

VERSIONS = Path(__file__).parents[2] / "stellary" / "core" / "migrations" / "versions"
FIRST_RELEASE = "0.1.0"
OPERATIONS = {
    node.name
    for node in ast.parse((VERSIONS.parent / "operations.py").read_text()).body
    if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
}
_CREATES_TABLE = re.compile(r"op\.create_table\(\s*\"(\w+)\"")
_CREATES_INDEX = re.compile(r"op\.create_index\(\s*\"(\w+)\",\s*\"(\w+)\"")

EXPANDING = {
    "op.create_table": "the previous release does not know the table",
    "op.create_index": "on a table that the same migration creates: see below",
    "create_index": "concurrently",
    "add_column": "null, or with a server default, since the previous release inserts rows without it",
    "update_in_batches": "of columns that the same migration adds",
    "read_in_batches": "reads",
    "refuse_if_any": "reads",
    "op.get_context": "reads",
    "op.get_bind": "reads",
    "op.f": "a name",
}
"""What a migration may do while servers of the previous release use the tables, with the reason."""
SQLITE = "SQLite has one server at a time"
REVIEWED = {
    ("0101_reported_by.py", "op.drop_index"): "before the first release",
    ("0101_reported_by.py", "op.execute"): "before the first release",
    ("0112_estimates.py", "op.execute"): SQLITE,
    ("0114_recurrences.py", "op.execute"): SQLITE,
    ("0121_project_templates.py", "op.rename_table"): SQLITE,
    ("0121_project_templates.py", "op.execute"): SQLITE,
    ("0121_project_templates.py", "op.drop_table"): SQLITE,
    ("0121_project_templates.py", "op.drop_constraint"): "before the first release, which knows shared files",
    (
        "0124_shards.py",
        "op.execute",
    ): "functions that do the same for the previous release; a column that it does not know",
    ("0128_card_log.py", "op.execute"): SQLITE,
    ("0130_entries_of_cards.py", "drop_index"): "other indexes serve the same statements",
}
"""Other steps of migrations, with the reason why servers of the previous release go on. What a release drops, the one before must not use."""


def list_breaking_steps(source: str) -> list[str]:
    """Return the steps of a migration that need a reason in ``REVIEWED``, without ``downgrade``."""
    return sorted({*_find_breaking_steps(ast.parse(source))})


def _find_breaking_steps(module: ast.Module) -> Iterator[str]:
    """Yield the steps with which servers of the previous release might fail."""
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    remaining, followed = ["upgrade"], set()
    # Old releases insert nothing into tables that the migration creates.
    new_columns = {
        column for call in _walk_calls(module, "op.create_table") for column in _walk_calls(call, "sa.Column")
    }
    while remaining:
        name = remaining.pop()
        followed.add(name)
        for call in _walk_calls(functions[name]):
            step = ast.unparse(call.func)
            if step in functions:
                remaining += {step} - followed
            elif step.startswith("op.") or step in OPERATIONS:
                if step not in EXPANDING:
                    yield step
                elif step == "create_index" and any(keyword.arg == "unique" for keyword in call.keywords):
                    yield "create_index(unique=True)"
            elif step == "sa.Column" and call not in new_columns:
                options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
                if options.get("nullable") == "False" and "server_default" not in options:
                    yield f"sa.Column({ast.unparse(call.args[0])}, nullable=False)"


def _walk_calls(node: ast.AST, function: str | None = None) -> Iterator[ast.Call]:
    """Yield the calls in a part of a module, all of them or those of one function."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and function in (None, ast.unparse(call.func)):
            yield call


def test_migrations_let_servers_of_the_previous_release_go_on():
    unknown = [
        f"{path.name}: {step}"
        for path in sorted(VERSIONS.glob("[0-9]*.py"))[1:]
        for step in list_breaking_steps(path.read_text())
        if (path.name, step) not in REVIEWED
    ]
    assert unknown == []


@for_each(
    "step, expected",
    [
        ('add_column("t", sa.Column("a", sa.Text()))', []),
        ('add_column("t", sa.Column("a", sa.Text(), nullable=False, server_default=""))', []),
        ('add_column("t", sa.Column("a", sa.Text(), nullable=False))', ["sa.Column('a', nullable=False)"]),
        ('op.create_table("t", sa.Column("a", sa.Text(), nullable=False))', []),
        (
            'op.create_table("t", sa.Column("a")), add_column("u", sa.Column("a", nullable=False))',
            ["sa.Column('a', nullable=False)"],
        ),
        ('create_index("i", "t", ["a"])', []),
        ('create_index("i", "t", ["a"], unique=True)', ["create_index(unique=True)"]),
        ('op.drop_column("t", "a")', ["op.drop_column"]),
        ('op.drop_table("t")', ["op.drop_table"]),
        ('op.alter_column("t", "a", new_column_name="b")', ["op.alter_column"]),
        ('allow_null("t", "a")', ["allow_null"]),
        ('require_value("t", "a")', ["require_value"]),
        ('drop_index("i")', ["drop_index"]),
        ('op.execute("ALTER TABLE t RENAME TO u")', ["op.execute"]),
    ],
)
def test_steps_that_break_the_previous_release_are_found(step, expected):
    source = f"def upgrade():\n    _step()\n\ndef _step():\n    {step}\n\ndef downgrade():\n    op.drop_table('x')\n"
    assert list_breaking_steps(source) == expected


def test_release_that_is_supported_precedes_the_current_schema():
    numbers = [path.name[:4] for path in VERSIONS.glob("[0-9]*.py")]
    assert SUPPORTED_SINCE in numbers
    assert max(numbers) > SUPPORTED_SINCE


def test_indexes_of_tables_that_exist_are_created_concurrently():
    offenders = [
        f"{path.name}: {index} by create_index of stellary.core.migrations.operations"
        for path in sorted(VERSIONS.glob("[0-9]*.py"))
        for index, table in _CREATES_INDEX.findall(path.read_text())
        if table not in _CREATES_TABLE.findall(path.read_text())
    ]
    assert offenders == []


def test_each_migration_after_the_first_can_be_undone():
    without = [
        path.name
        for path in sorted(VERSIONS.glob("[0-9]*.py"))[1:]
        if "\ndef downgrade() -> None:\n" not in path.read_text()
    ]
    assert without == []


def test_each_migration_follows_the_one_before_it():
    paths = sorted(VERSIONS.glob("[0-9]*.py"))
    numbers = [path.name[:4] for path in paths]
    follows = [
        (
            re.search(r"^revision = \"(\d+)\"", text, re.MULTILINE)[1],
            re.search(r"^down_revision = \"?(\w+)", text, re.MULTILINE)[1],
        )
        for text in (path.read_text() for path in paths)
    ]
    assert follows == list(zip(numbers, ["None", *numbers[:-1]], strict=True))


def test_released_changes_of_the_schema_have_a_migration_of_django():
    """Until the first release, the initial migration of the Django app creates all tables."""
    folder = VERSIONS.parents[2] / "contrib" / "django" / "migrations"
    sources = "".join(path.read_text() for path in sorted(folder.glob("[0-9]*.py")))
    newest = max(path.name[:4] for path in VERSIONS.glob("[0-9]*.py"))
    project = tomllib.loads((VERSIONS.parents[3] / "pyproject.toml").read_text())["project"]
    expected = [] if project["version"] == FIRST_RELEASE else [newest]
    assert re.findall(r'UpgradeTables\("(\d+)"', sources)[-1:] == expected
