"""The core in a Django application: Django's users, Django's connection, and one transaction for both.

Run it: ``python docs/examples/embedding_django.py [DATABASE_URL]`` adds a wish, and prints the board.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client
from django.urls import path
from sqlalchemy import make_url

from stellary import Stellary
from stellary.contract.cards import CreateCard
from stellary.contract.errors import ApiError
from stellary.contract.refs import ColumnRef, ProjectRef
from stellary.core import Core
from stellary.core.board import board, cards

core: Core
column: ColumnRef


def wish(request: HttpRequest) -> HttpResponse:
    """Add a wish: a Django row and a card of the core, in one transaction."""
    # --8<-- [start:wish]
    from django.contrib.auth.models import User
    from django.db import connection, transaction

    with (
        transaction.atomic(),
        core.borrowed(connection.connection, transaction.on_commit) as joined,
    ):
        user = User.objects.get(username=request.headers["X-User"])
        actor = core.user(external_id=str(user.pk), email=user.email, connection=joined)
        title = json.loads(request.body)["title"]
        card = core.run(actor, lambda uow: cards.create_card(uow, column, CreateCard(title=title)), joined)
        user.last_name = card.key
        user.save()
        if "refused" in card.title:
            raise LookupError("the error rolls back the card as well")
    # --8<-- [end:wish]
    return JsonResponse({"card": card.key}, status=201)


def show(request: HttpRequest) -> HttpResponse:
    """Return the board that the user may see."""
    from django.contrib.auth.models import User

    user = User.objects.get(username=request.headers["X-User"])
    actor = core.user(external_id=str(user.pk), email=user.email or None)
    project = ProjectRef(column.org_slug, column.ws_slug, column.project_id)
    snapshot = core.run(actor, lambda uow: board.get_board(uow, project), read_only=True)
    return JsonResponse([card.title for card in snapshot.cards], safe=False)


# --8<-- [start:errors]
class ApiErrorMiddleware:
    """A middleware that converts errors of the core to responses of the API."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, ApiError):
            return JsonResponse(error.to_body(request.headers.get("X-Request-Id", "")), status=error.status)
        return None


# --8<-- [end:errors]
urlpatterns = [path("wishes", wish), path("board", show)]


def configure(database_url: str) -> None:
    """Configure Django, as the settings of a project would."""
    global core  # noqa: PLW0603 - a project would use a module
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": url.database}
    else:
        database = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.database,
            "USER": url.username,
            "PASSWORD": url.password,
            "HOST": url.query.get("host", url.host),
            "PORT": url.port,
        }
    settings.configure(
        DATABASES={"default": database},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        MIDDLEWARE=[f"{__name__}.ApiErrorMiddleware"],
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["testserver"],
        SECRET_KEY="from your own settings",
        DEBUG_PROPAGATE_EXCEPTIONS=False,
    )
    django.setup()
    core = Core(database_url)
    core.migrate()


def set_up() -> None:
    """Create two Django users, and a board for one of them."""
    global column  # noqa: PLW0603 - as above
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    owner = User.objects.create_user("owner", "owner@example.com")
    User.objects.create_user("stranger", "stranger@example.com")
    actor = core.user(external_id=str(owner.pk), email=owner.email)
    client = Stellary.embedded(core.port(actor))
    client.organizations.create(name="Toys", slug="toys")
    client.organization("toys").workspaces.create(name="Wishes", slug="wishes")
    project = client.workspace("toys", "wishes").projects.create(name="Wishes")
    to_do, *_ = client.workspace("toys", "wishes").project(project).columns.list()
    column = ProjectRef("toys", "wishes", project.id).child(ColumnRef, to_do.id)


def main(database_url: str | None = None) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        configure(database_url or f"sqlite:///{Path(folder) / 'toys.db'}")
        set_up()
        client = Client(raise_request_exception=False)

        def post_wish(title: str) -> Any:
            return client.post("/wishes", {"title": title}, "application/json", headers={"X-User": "owner"})

        results = [
            post_wish("A kite").json(),
            post_wish("").json()["message"],
            post_wish("A refused pony").status_code,
            client.get("/board", headers={"X-User": "owner"}).json(),
            client.get("/board", headers={"X-User": "stranger"}).status_code,
        ]
        core.close()
        django.db.connections.close_all()
    return results


if __name__ == "__main__":
    print(*main(*sys.argv[1:]), sep="\n")
