"""The commands of ``manage.py`` in the example; it prints what they do as JSON.

``python django_commands.py`` runs in the environment of ``tests.support.django_hosts.manage``.
"""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import django
import pytest

from tests.support.django_hosts import HOST
from tests.support.migrations import NEXT, NextVersion


def call(*arguments: str, **options: Any) -> str:
    """Run a command, and return its output."""
    from django.core.management import call_command

    output = io.StringIO()
    call_command(*arguments, stdout=output, skip_checks=True, **options)
    return output.getvalue()


def count_tables() -> int:
    """Return the number of tables of the core."""
    from django.db import connection

    names = connection.introspection.table_names()
    return sum(name.startswith("stellary_") for name in names)


def upgrade_old_tables() -> int:
    """Upgrade tables of the version before as a later release does, and undo that; return their number before."""
    from django.db import connection

    from stellary.contrib.django.database_url import build_url
    from stellary.contrib.django.operations import UpgradeTables
    from tests.support.core_parts import Database, migrations

    database = Database(build_url(connection))
    with pytest.MonkeyPatch.context() as monkeypatch:
        next_version = NextVersion(Path(os.environ["DATA_DIR"]) / "migrations", monkeypatch)
        next_version.use_all_operations()
        with database.open_migrating() as migrating:
            migrations.upgrade(migrating, next_version.newest)
        count = count_tables()
        upgrade = UpgradeTables(NEXT, since=next_version.newest)
        for run, version, added in (
            (upgrade.database_forwards, NEXT, 1),
            (upgrade.database_backwards, next_version.newest, 0),
            (upgrade.database_forwards, NEXT, 1),
        ):
            with connection.schema_editor(atomic=False) as editor:
                run("stellary", editor, None, None)
            with database.open_migrating() as migrating:
                assert migrations.find_version(migrating) == version
            assert count_tables() == count + added
    with database.open_migrating() as migrating:
        migrations.drop_all(migrating)
    database.close()
    return count


def main() -> dict[str, Any]:
    sys.path.insert(0, str(HOST))
    os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
    django.setup()
    from django.apps import apps
    from django.contrib.auth import get_user_model
    from django.test import override_settings
    from orders.board import create_delivery
    from orders.models import Order

    from stellary.contrib.django import client
    from stellary.contrib.django.cores import reset_core
    from stellary.contrib.django.models import Card, Organization

    facts: dict[str, Any] = {"changes": call("makemigrations", "--check", "--dry-run")}
    call("migrate", verbosity=0)
    facts["tables"] = count_tables()
    user = get_user_model().objects.create_superuser("ann@example.com")
    with client(user) as stellary:
        card_id = create_delivery(stellary, "kite")
    Order.objects.create(clerk=user, product="kite", card_id=card_id)
    facts["worker"] = call("stellary_worker", once=True)
    call("flush", interactive=False)
    facts["rows after flush"] = Card.objects.count() + Organization.objects.count() + Order.objects.count()
    facts["tables after flush"] = count_tables()
    call("migrate", "stellary", "zero", verbosity=0)
    facts["tables at zero"] = count_tables()
    with override_settings(MIGRATION_MODULES={app.label: None for app in apps.get_app_configs()}):
        call("migrate", run_syncdb=True, verbosity=0)
    facts["tables without migrations"] = count_tables()
    call("migrate", fake=True, verbosity=0)
    call("migrate", "stellary", "zero", verbosity=0)
    facts["early tables"] = upgrade_old_tables()
    call("migrate", verbosity=0)
    facts["tables again"] = count_tables()
    sql = call("sqlmigrate", "stellary", "0001")
    facts["sql"] = [
        statement in sql for statement in ("CREATE TABLE stellary_cards", "INSERT INTO stellary_alembic")
    ]
    facts["sql of the reverse"] = "stellary_*" in call("sqlmigrate", "stellary", "0001", backwards=True)
    reset_core()
    django.db.connections.close_all()
    return facts


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
