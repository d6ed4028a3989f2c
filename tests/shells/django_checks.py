"""The checks of the API behind Django's WSGI and ASGI handlers; it prints those that it has passed.

Run it as a process of its own, since Django is configured once per process: ``python django_checks.py FOLDER DATABASE_URL``.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import django
from django.conf import settings
from django.db import connections
from django.urls import include, path

from tests.support.api_checks import REQUESTS_MAX, check_api
from tests.support.boards import Board
from tests.support.django_hosts import build_database
from tests.support.in_process import PREFIX, call_wsgi, calling_on_loop
from tests.support.world import World

urlpatterns = [path("pm/", include("stellary.contrib.django.urls"))]


def configure(folder: str, database_url: str) -> None:
    """Configure Django without middleware, as for an application that is only an API."""
    settings.configure(
        DATABASES={"default": build_database(database_url)},
        INSTALLED_APPS=["stellary.contrib.django"],
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["localhost"],
        SECRET_KEY="secret",
        STELLARY={
            "BLOBS": f"{folder}/files",
            "JOBS": False,
            "LIMITS": {"requests": f"{REQUESTS_MAX}/hour"},
        },
    )
    django.setup()


@asynccontextmanager
async def run_nothing() -> AsyncIterator[None]:
    """Run nothing: Django has no lifespan."""
    yield


def main(folder: str, database_url: str) -> str:
    configure(folder, database_url)
    from django.core.asgi import get_asgi_application
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    from stellary.contrib.django import get_core
    from stellary.contrib.django.cores import reset_core

    call_command("migrate", verbosity=0)
    world = World(get_core())
    check_api(partial(call_wsgi, get_wsgi_application(), PREFIX), Board(world, world.person("ann")), PREFIX)
    with calling_on_loop(get_asgi_application(), PREFIX, run_nothing()) as call_api:
        check_api(call_api, Board(world, world.person("eve")), PREFIX)
        reset_core()
    connections.close_all()
    return "wsgi asgi"


if __name__ == "__main__":
    sys.stdout.write(main(*sys.argv[1:]))
