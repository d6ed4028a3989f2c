"""The system checks of the app."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from stellary.contrib.django.configuration import SETTING, load_configuration
from stellary.contrib.django.database_url import build_url
from stellary.core.db.database import Database
from stellary.core.migrations import find_version_problem

_LABEL = "stellary"
_AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


def register_checks() -> None:
    """Register the checks with Django."""
    register(_check_settings, _LABEL)
    register(check_schema, Tags.database)
    register(_check_deployment, _LABEL, deploy=True)


def _check_settings(**_: object) -> Iterator[CheckMessage]:
    """Check the kind of the database, its driver, and the middleware that finds users."""
    connection = connections[load_configuration().database]
    if connection.vendor not in ("sqlite", "postgresql"):
        yield Error(
            f"Stellary does not support {connection.display_name}.",
            hint=f"Set {SETTING}['DATABASE'] to the alias of an SQLite or PostgreSQL database.",
            id="stellary.E001",
        )
    # Each connection of Django has a module as its driver, which its types lack.
    elif connection.vendor == "postgresql" and connection.Database.__name__ != "psycopg":  # type: ignore[attr-defined]
        yield Error(
            "Stellary needs psycopg 3, but Django uses psycopg2.",
            hint="Install 'stellary[django,postgres]'; Django then prefers psycopg 3.",
            id="stellary.E002",
        )
    if (
        connection.vendor == "sqlite"
        and str(connection.settings_dict["OPTIONS"].get("transaction_mode")).upper() != "IMMEDIATE"
    ):
        yield checks.Warning(
            "Transactions on SQLite that read before they write fail if another one writes in the meantime.",
            hint="Set OPTIONS['transaction_mode'] of the database to 'IMMEDIATE'.",
            id="stellary.W001",
        )
    if not any(name == _AUTHENTICATION or "auth" in name.lower() for name in settings.MIDDLEWARE):
        yield checks.Warning(
            "No middleware sets request.user, so the API accepts bearer tokens only.",
            hint=f"Add {_AUTHENTICATION!r} to MIDDLEWARE.",
            id="stellary.W002",
        )


def check_schema(databases: Sequence[str] | None = None, **_: object) -> list[CheckMessage]:
    """Check that the tables fit this version, once the migrations of the app are applied."""
    alias = load_configuration().database
    if alias not in (databases or ()):
        return []
    connection = connections[alias]
    if not any(label == _LABEL for label, _name in MigrationRecorder(connection).applied_migrations()):
        # Django reports migrations that are not applied itself.
        return []
    with closing(Database(build_url(connection))) as database, database.open_migrating() as migrating:
        problem = find_version_problem(migrating)
    # Django has recorded the migrations of development versions as applied.
    hint = "Run 'manage.py migrate'; for tables of a development version, 'python -m stellary.core migrate'."
    return [] if problem is None else [Error(f"{problem}.", hint=hint, id="stellary.E003")]


def _check_deployment(**_: object) -> Iterator[CheckMessage]:
    """Check what a public site needs."""
    configuration = load_configuration()
    if configuration.blobs == "memory:":
        yield checks.Warning(
            "Attachments are kept in memory, separately in each process.",
            hint=f"Set {SETTING}['BLOBS'] to a folder or an s3:// URL.",
            id="stellary.W003",
        )
    if configuration.public_url is None:
        yield checks.Warning(
            "The links in e-mails lead to http://localhost:3001.",
            hint=f"Set {SETTING}['PUBLIC_URL'] to the URL of the site.",
            id="stellary.W004",
        )
