"""A Django project that mounts the API; it prints the responses to some requests as JSON.

Run it as a process of its own, since Django is configured once per process: ``python django_project.py FOLDER DATABASE_URL``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest
from django.test import Client
from django.urls import include, path

from stellary.contract.errors import Conflict
from stellary.contrib.django import ApiSite
from stellary.core import Core
from stellary.core.kernel.unit import Actor

FOLDER, DATABASE_URL = sys.argv[1:]
FORM = "multipart/form-data; boundary=the-boundary"
DATA = bytes(range(256)) * 2000


def read_body(get_response: Any) -> Any:
    """Return a middleware that reads JSON before the view, and adds a header to each response."""

    def respond(request: HttpRequest) -> Any:
        if request.content_type == "application/json":
            assert request.body is not None
        response = get_response(request)
        response["X-Host"] = "django"
        return response

    return respond


settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": Path(FOLDER) / "django.sqlite3",
            "ATOMIC_REQUESTS": True,
        }
    },
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        f"{__name__}.read_body",
    ],
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["testserver"],
    SECRET_KEY="secret",
)
django.setup()
core = Core(DATABASE_URL, blobs=Path(FOLDER) / "files")


def who(request: HttpRequest) -> Actor | None:
    if request.headers.get("X-Banned"):
        raise Conflict("banned")
    user = request.user
    return core.user(external_id=str(user.pk), email=user.email) if user.is_authenticated else None


site = ApiSite(core, who=who, hide={"auth.login"}, jobs=False)
urlpatterns = [path("deep/pm/", include(site.urls))]


def main() -> dict[str, Any]:
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    client = Client(enforce_csrf_checks=True)

    def send(method: str, path: str, body: Any = None, **headers: str) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body)
        content_type = FORM if isinstance(body, bytes) else "application/json"
        return client.generic(method, f"/deep/pm{path}", data, content_type, headers=headers)

    def send_json(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return json.loads(send(method, path, body, **headers).getvalue())

    results: dict[str, Any] = {"anonymous": send("GET", "/auth/me").status_code}
    client.force_login(User.objects.create_user("ann", "ann@example.com"))
    results["me"] = send_json("GET", "/auth/me")["user"]["email"]
    results["banned"] = send_json("GET", "/auth/me", x_banned="yes")["message"]
    results["header of the host"] = send("GET", "/health/live")["X-Host"]
    results["not found"] = send_json("GET", "/cards/ünknown%2Fpath")["code"]
    send("POST", "/organizations", {"name": "Toys", "slug": "toys"})
    send("POST", "/orgs/toys/workspaces", {"name": "Eng", "slug": "eng"})
    projects = "/orgs/toys/workspaces/eng/projects"
    project = f"{projects}/{send_json('POST', projects, {'name': 'Kites'})['id']}"
    column = send_json("GET", f"{project}/columns")[0]["id"]
    card = send_json("POST", f"{project}/columns/{column}/cards", {"title": "Fly"})["id"]
    form = (
        b'--the-boundary\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
        + DATA
        + b"\r\n--the-boundary--\r\n"
    )
    attachments = f"{project}/cards/{card}/attachments"
    attachment = f"{attachments}/{send_json('POST', attachments, form)['id']}"
    results["file"] = send("GET", attachment).getvalue() == DATA
    part = send("GET", attachment, range="bytes=1-3")
    results["range"] = [part.status_code, list(part.getvalue())]
    results["head"] = [
        send("HEAD", attachment).getvalue().decode(),
        send("HEAD", attachment)["Content-Length"],
    ]
    events = send("GET", "/orgs/toys/workspaces/eng/events?lastEventId=0")
    blocks = iter(events.streaming_content)
    results["stream"] = [events["Content-Type"], next(blocks).decode(), b"Fly" in next(blocks)]
    events.close()
    return results


sys.stdout.write(json.dumps(main()))
django.db.connections.close_all()
site.close()
core.close()
