"""The operation of Django's migrations that migrates the tables of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
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


class _TablesOperation(Operation):
    """An operation on the tables of the core. It does nothing in databases other than the one in ``STELLARY``."""

    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing in the models."""

    def _run(
        self, schema_editor: Any, run: Callable[[Connection], object], build_sql: Callable[[str], str]
    ) -> None:
        """Run a function on a connection, or print SQL for ``sqlmigrate``, which a function returns for a dialect."""
        connection = schema_editor.connection
        if connection.alias != load_configuration().database:
            return
        if schema_editor.collect_sql:
            schema_editor.collected_sql += build_sql(connection.vendor).splitlines()
            return
        with _open_migrating(connection) as migrating:
            run(migrating)


class CreateTables(_TablesOperation):
    """Create the tables of the core, or bring existing ones up to date. The reverse deletes them with all rows.

    It does nothing in databases other than the one in the setting ``STELLARY``.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Create the tables; print their SQL for ``sqlmigrate``."""
        self._run(schema_editor, migrations.upgrade, migrations.build_schema_sql)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Delete the tables."""
        self._run(schema_editor, migrations.drop_all, lambda _: "-- deletes all tables stellary_*")

    def describe(self) -> str:
        return "Create the tables of Stellary"


class UpgradeTables(_TablesOperation):
    """Bring the tables of the core up to a revision, in a release that changes them. The reverse restores the one before.

    What is stored in columns and tables that the earlier revision does not have is deleted then.

    Args:
        revision: The number of the revision, such as ``0102``.
        since: The number of the revision of the release before.
    """

    def __init__(self, revision: str, since: str) -> None:
        self.revision = revision
        self.since = since

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Upgrade the tables, unless they have the revision already."""
        self._run(
            schema_editor,
            lambda connection: migrations.upgrade(connection, self.revision),
            lambda _: f"-- runs the migrations of Stellary up to {self.revision}",
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Undo the revisions of the release.

        Raises:
            RuntimeError: There are rows that the earlier revision cannot have. The revisions after it are undone.
        """
        self._run(
            schema_editor,
            self._downgrade,
            lambda _: f"-- undoes the migrations of Stellary down to {self.since}",
        )

    def _downgrade(self, connection: Connection) -> None:
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


@contextmanager
def _open_migrating(django_connection: Any) -> Iterator[Connection]:
    reset_core()
    url = build_url(django_connection)
    with closing(Database(url)) as database, database.open_migrating() as connection:
        yield connection
