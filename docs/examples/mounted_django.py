"""The API as a part of your own Django project, for its users.

Run it: ``python docs/examples/mounted_django.py`` sends requests to the project, and leaves no files behind.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest
from django.test import Client
from django.urls import include, path

from stellary.core import Actor, Core

folder = tempfile.TemporaryDirectory()
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(folder.name) / "db.sqlite3"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["testserver"],
    SECRET_KEY="from your own settings",
)
django.setup()
core = Core(f"sqlite:///{Path(folder.name) / 'pm.db'}", blobs=Path(folder.name) / "files")
core.migrate()

# --8<-- [start:mount]
from stellary.contrib.django import ApiSite  # noqa: E402 - imported where it is used, for the guide


def who(request: HttpRequest) -> Actor | None:
    user = request.user
    return core.user(external_id=str(user.pk), email=user.email) if user.is_authenticated else None


site = ApiSite(core, who=who, hide={"auth.register", "auth.login"})
urlpatterns = [path("pm/", include(site.urls))]
# --8<-- [end:mount]


def main() -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    client = Client(enforce_csrf_checks=True)

    def send(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        response = client.generic(
            method, f"/pm{path}", json.dumps(body) if body else "", "application/json", headers=headers
        )
        return response.status_code, json.loads(response.getvalue())

    print(send("GET", "/auth/me")[0])
    client.force_login(User.objects.create_user("ann", "ann@example.com"))
    print(send("GET", "/auth/me")[1]["user"]["email"])
    toys = {"name": "Toys", "slug": "toys"}
    print(send("POST", "/organizations", toys, origin="https://evil.example")[1]["code"])
    print(send("POST", "/organizations", toys)[1]["slug"])
    print(send("POST", "/auth/login", {})[1]["code"])
    print(send("GET", "/")[1]["docs"])
    project = {"name": "Kites"}
    send("POST", "/orgs/toys/workspaces", {"name": "Eng", "slug": "eng"})
    print(send("POST", "/orgs/toys/workspaces/eng/projects", project)[1]["name"])


main()
django.db.connections.close_all()
site.close()
core.close()
folder.cleanup()
