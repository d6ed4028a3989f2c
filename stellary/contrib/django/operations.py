"""The operation of Django's migrations that migrates the tables of the core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from sqlalchemy import Connection

from stellary.contrib.django.configuration import load_configuration
from stellary.contrib.django.cores import reset_core
from stellary.contrib.django.database_url import build_url
from stellary.core import migrations
from stellary.core.db.database import Database


class CreateTables(Operation):
    """Create the tables of the core, or bring existing ones up to date. The reverse deletes them with all rows.

    It does nothing in databases other than the one in the setting ``STELLARY``.
    """

    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing in the models."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Create the tables; print their SQL for ``sqlmigrate``."""
        if not _is_ours(schema_editor):
            return
        if schema_editor.collect_sql:
            schema_editor.collected_sql += migrations.build_schema_sql(
                schema_editor.connection.vendor
            ).splitlines()
            return
        with _open_migrating(schema_editor.connection) as connection:
            migrations.upgrade(connection)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Delete the tables."""
        if not _is_ours(schema_editor):
            return
        if schema_editor.collect_sql:
            schema_editor.collected_sql.append("-- deletes all tables stellary_*")
            return
        with _open_migrating(schema_editor.connection) as connection:
            migrations.drop_all(connection)

    def describe(self) -> str:
        return "Create the tables of Stellary"


class UpgradeTables(Operation):
    """Bring the tables of the core up to a revision, in a release that changes them. The reverse restores the one before.

    What is stored in columns and tables that the earlier revision does not have is deleted then.

    Args:
        revision: The number of the revision, such as ``0026``.
        since: The number of the revision of the release before.
    """

    reversible = True

    def __init__(self, revision: str, since: str) -> None:
        self.revision = revision
        self.since = since

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing in the models."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Upgrade the tables, unless they have the revision already."""
        if not _is_ours(schema_editor):
            return
        if schema_editor.collect_sql:
            schema_editor.collected_sql.append(f"-- runs the migrations of Stellary up to {self.revision}")
            return
        with _open_migrating(schema_editor.connection) as connection:
            migrations.upgrade(connection, self.revision)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Undo the revisions of the release.

        Raises:
            RuntimeError: There are rows that the earlier revision cannot have. The revisions after it are undone.
        """
        if not _is_ours(schema_editor):
            return
        if schema_editor.collect_sql:
            schema_editor.collected_sql.append(f"-- undoes the migrations of Stellary down to {self.since}")
            return
        with _open_migrating(schema_editor.connection) as connection:
            while migrations.find_version(connection) > self.since:
                migrations.downgrade(connection)

    def describe(self) -> str:
        return f"Upgrade the tables of Stellary to {self.revision}"


def migrate_without_migrations(sender: AppConfig, using: str, **_: object) -> None:
    """Create the tables in ``migrate`` if migrations are switched off, as by ``pytest --no-migrations``.

    This precedes the creation of the tables of the host, which may refer to them.

    Args:
        sender: The configuration of the app.
        using: The alias of the database.
    """
    if using != load_configuration().database or MigrationLoader.migrations_module(sender.label)[0]:
        return
    with _open_migrating(connections[using]) as connection:
        migrations.upgrade(connection)


def _is_ours(schema_editor: Any) -> bool:
    alias: str = schema_editor.connection.alias
    return alias == load_configuration().database


@contextmanager
def _open_migrating(django_connection: Any) -> Iterator[Connection]:
    reset_core()
    database = Database(build_url(django_connection))
    try:
        with database.open_migrating() as connection:
            yield connection
    finally:
        database.close()
