"""The configuration of the Django app."""

from __future__ import annotations

import atexit

from django.apps import AppConfig, apps
from django.core.signals import setting_changed
from django.db import connections
from django.db.models.signals import pre_migrate

from stellary.contrib.django.checks import register_checks
from stellary.contrib.django.configuration import SETTING, load_configuration
from stellary.contrib.django.cores import follow_test_database, reset_core
from stellary.contrib.django.operations import migrate_without_migrations


class StellaryConfig(AppConfig):
    """The app ``stellary``: its tables are those of the core."""

    name = "stellary.contrib.django"
    label = "stellary"
    verbose_name = "Stellary"

    def ready(self) -> None:
        """Validate the settings, and follow the databases of tests.

        Raises:
            ImproperlyConfigured: A setting is not valid.
        """
        configuration = load_configuration()
        register_checks()
        setting_changed.connect(_reload)
        pre_migrate.connect(migrate_without_migrations, sender=self)
        follow_test_database(connections[configuration.database].creation)
        atexit.register(reset_core)
        if apps.is_installed("django.contrib.auth"):
            from stellary.contrib.django.signals import connect_signals

            connect_signals()


def _reload(*, setting: str, **_: object) -> None:
    if setting in (SETTING, "SECRET_KEY"):
        load_configuration.cache_clear()
        reset_core()
