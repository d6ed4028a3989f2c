"""Migration files: they run while other processes read and write large tables."""

import re
from pathlib import Path

VERSIONS = Path(__file__).parents[2] / "stellary" / "core" / "migrations" / "versions"
FIRST_RELEASE = "0.1.0"
_CREATES_TABLE = re.compile(r"op\.create_table\(\s*\"(\w+)\"")
_CREATES_INDEX = re.compile(r"op\.create_index\(\s*\"(\w+)\",\s*\"(\w+)\"")


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
    numbers = [path.name[:4] for path in sorted(VERSIONS.glob("[0-9]*.py"))]
    follows = [
        (
            re.search(r"^revision = \"(\d+)\"", text, re.MULTILINE)[1],
            re.search(r"^down_revision = \"?(\w+)", text, re.MULTILINE)[1],
        )
        for text in (path.read_text() for path in sorted(VERSIONS.glob("[0-9]*.py")))
    ]
    assert follows == list(zip(numbers, ["None", *numbers[:-1]], strict=True))


def test_released_changes_of_the_schema_have_a_migration_of_django():
    """Until the first release, the initial migration of the Django app creates all tables."""
    folder = VERSIONS.parents[2] / "contrib" / "django" / "migrations"
    upgrades = [
        revision
        for path in sorted(folder.glob("[0-9]*.py"))
        for revision in re.findall(r'UpgradeTables\("(\d+)"', path.read_text())
    ]
    newest = max(path.name[:4] for path in VERSIONS.glob("[0-9]*.py"))
    version = re.search(
        r'^version = "(.+)"', (VERSIONS.parents[3] / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert upgrades[-1:] == ([] if version[1] == FIRST_RELEASE else [newest])
