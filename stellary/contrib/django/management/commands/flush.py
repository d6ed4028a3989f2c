"""``manage.py flush``, which also deletes the rows of Stellary. ``TransactionTestCase`` flushes after each test."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from django.core.management.commands import flush
from django.db import connections

from stellary.contrib.django.configuration import load_configuration
from stellary.contrib.django.cores import reset_core
from stellary.core.migrations.history import PREFIX, VERSION_TABLE


class Command(flush.Command):
    """Django's command, with the tables of Stellary."""

    def handle(self, **options: Any) -> None:
        """Delete all rows, with those of Stellary if they are in this database."""
        connection = connections[options["database"]]
        if connection.alias != load_configuration().database:
            super().handle(**options)
            return
        reset_core()
        build_sql = connection.ops.sql_flush

        def build_sql_with_ours(style: Any, tables: list[str], **kinds: bool) -> list[str]:
            # Django passes the tables of managed models only, and PostgreSQL truncates no table that others refer to.
            existing = connection.introspection.table_names()
            ours = [name for name in existing if name.startswith(PREFIX) and name != VERSION_TABLE]
            statements: list[str] = build_sql(style, [*tables, *ours], **kinds)
            deferral = ["PRAGMA defer_foreign_keys = ON;"] if connection.vendor == "sqlite" else []
            return [*deferral, *statements]

        with patch.object(connection.ops, "sql_flush", build_sql_with_ours):
            super().handle(**options)
