"""The cells of the permission table, and the calls of the API reference, over Django, whose WSGI and ASGI handlers are called directly; it prints JSON.

Run it as a process of its own, since Django is configured once per process:
``python django_cells.py DATABASE_URL FILES STATE PROFILE``.
"""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import connections
from django.urls import include, path
from hypothesis import settings as hypothesis_settings

import tests.conftest  # noqa: F401 - it registers the profiles of Hypothesis
from tests.security.cells import find_wrong_cells, sample_cells
from tests.security.permission_world import PermissionWorld, WorldCopy
from tests.security.table import SERVED
from tests.server.test_reference_calls import CALLED, check_call, create_samples
from tests.support.django_hosts import build_database
from tests.support.in_process import SendRequest, call_wsgi, calling_on_loop

PREFIX = "/pm"
urlpatterns = [path("pm/", include("stellary.contrib.django.urls"))]


def configure(database_url: str) -> None:
    settings.configure(
        DATABASES={"default": build_database(database_url)},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "stellary.contrib.django"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["localhost"],
        SECRET_KEY="secret",
        STELLARY={"JOBS": False, "LIMITS": "off", "HIDE": []},
    )
    django.setup()


def use_core(permission_world: PermissionWorld) -> None:
    """Let Django use the core of the permission world."""
    from stellary.contrib.django import cores
    from stellary.contrib.django.database_url import build_url

    cores._current.core = permission_world.core
    cores._current.url = build_url(connections["default"])


def try_cells(permission_world: PermissionWorld, shell: str, call: SendRequest) -> dict[str, Any]:
    """Return the number of the cells that were tried, and those with a wrong answer."""
    wrong, count = [], 0
    for row in SERVED:
        cells = sample_cells(row, shell, is_sqlite=permission_world.core.database.is_sqlite)
        count += len(cells)
        with permission_world.sandbox.transaction():
            wrong += find_wrong_cells(permission_world, cells, call)
    return {"count": count, "wrong": wrong}


def try_calls_of_the_reference(permission_world: PermissionWorld, call_api: SendRequest) -> list[str]:
    """Return the operations whose call in the API reference does not return the published response."""
    wrong = []
    with permission_world.sandbox.transaction():
        create_samples(permission_world)
        for call in CALLED.values():
            try:
                check_call(call_api, permission_world, call)
            except AssertionError as error:
                wrong.append(f"{call.operation}: {error}")
    return wrong


def main(database_url: str, files: str, state: str, profile: str) -> dict[str, Any]:
    configure(database_url)
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application

    hypothesis_settings.load_profile(profile)
    with WorldCopy(database_url, Path(files), Path(state)).open() as permission_world:
        use_core(permission_world)
        call_over_wsgi = partial(call_wsgi, get_wsgi_application(), PREFIX)
        results = {"wsgi": try_cells(permission_world, "django-wsgi", call_over_wsgi)}
        with calling_on_loop(get_asgi_application(), PREFIX, run_nothing()) as call:
            results["asgi"] = try_cells(permission_world, "django-asgi", call)
            wrong_calls = try_calls_of_the_reference(permission_world, call)
        wrong_calls += try_calls_of_the_reference(permission_world, call_over_wsgi)
        from stellary.contrib.django.cores import reset_core

        reset_core()
    return {
        "counts": {shell: result["count"] for shell, result in results.items()},
        "wrong": [f"{shell} {wrong}" for shell, result in results.items() for wrong in result["wrong"]],
        "wrong calls": wrong_calls,
    }


@asynccontextmanager
async def run_nothing() -> AsyncIterator[None]:
    """Run nothing: Django has no lifespan."""
    yield


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
