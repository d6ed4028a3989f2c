"""A Django project with users that have any addresses; it prints what it observes as JSON.

Run it as a process of its own, since Django is configured once per process: ``python django_project.py FOLDER DATABASE_URL``.
"""

import asyncio
import json
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import django
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, ConnectionHandler, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import include, path

from stellary.contract.errors import ApiError, Conflict
from tests.support.django_hosts import build_database

FORM = "multipart/form-data; boundary=the-boundary"
ORIGIN = "https://app.example.com"
DATA = bytes(range(256)) * 2000


class ReadBody:
    """A middleware that reads JSON before the view, and adds a header to each response."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if request.content_type == "application/json":
            assert request.body is not None
        if iscoroutinefunction(self):
            return self.respond(request)
        response = self.get_response(request)
        response["X-Host"] = "django"
        return response

    async def respond(self, request: HttpRequest) -> HttpResponse:
        response = await self.get_response(request)
        response["X-Host"] = "django"
        return response


def fail(request: HttpRequest) -> HttpResponse:
    raise Conflict("It burns")


urlpatterns = [path("deep/pm/", include("stellary.contrib.django.urls")), path("fail", fail)]


def configure(folder: str, database_url: str) -> None:
    settings.configure(
        DATABASES={"default": build_database(database_url) | {"ATOMIC_REQUESTS": True}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "stellary.contrib.django",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "stellary.contrib.django.middleware.ApiErrorMiddleware",
            f"{__name__}.ReadBody",
        ],
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["testserver"],
        SECRET_KEY="secret",
        TIME_ZONE="Asia/Kolkata",
        USE_TZ=True,
        STELLARY={"BLOBS": f"{folder}/files", "JOBS": False, "LIMITS": "off", "CORS_ORIGINS": [ORIGIN]},
    )
    django.setup()


class Undo(Exception):
    """An exception that rolls back a block of Django."""


# ------------------------------------------------------------------------------------------------- the API


def call(kind: str) -> dict[str, Any]:
    """Return the responses to requests over WSGI or ASGI."""
    from django.contrib.auth.models import User

    client = Client(enforce_csrf_checks=True) if kind == "wsgi" else AsyncClient(enforce_csrf_checks=True)
    # One event loop for all requests, as on a server.
    runner = asyncio.Runner()

    def run(result: Any) -> Any:
        return runner.run(result) if asyncio.iscoroutine(result) else result

    def send(method: str, path: str, body: Any = None, **headers: str) -> Any:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body)
        content_type = FORM if isinstance(body, bytes) else "application/json"
        return run(client.generic(method, f"/deep/pm{path}", data, content_type, headers=headers))

    def read(response: Any) -> bytes:
        if getattr(response, "is_async", False):

            async def collect() -> bytes:
                return b"".join([part async for part in response])

            return runner.run(collect())
        return b"".join(response)

    def send_json(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return json.loads(read(send(method, path, body, **headers)))

    slug = f"toys-{kind}"
    facts: dict[str, Any] = {"anonymous": send("GET", "/auth/me").status_code}
    client.force_login(User.objects.create_user(f"ann-{kind}", f"ann@{kind}.example"))
    facts["me"] = send_json("GET", "/auth/me")["user"]["email"]
    facts["header of the host"] = send("GET", "/health/live")["X-Host"]
    facts["not found"] = send_json("GET", "/cards/ünknown%2Fpath")["code"]
    facts["hidden"] = send_json("POST", "/auth/login", {})["code"]
    facts["other site"] = send_json("POST", "/organizations", {}, origin="https://evil.example")["code"]
    facts["documentation"] = b"/deep/pm/openapi.json" in read(send("GET", "/docs"))
    send("POST", "/organizations", {"name": "Toys", "slug": slug})
    send("POST", f"/orgs/{slug}/workspaces", {"name": "Eng", "slug": "eng"})
    projects = f"/orgs/{slug}/workspaces/eng/projects"
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
    facts["file"] = read(send("GET", attachment)) == DATA
    part = send("GET", attachment, range="bytes=1-3")
    facts["range"] = [part.status_code, list(read(part))]
    head = send("HEAD", attachment)
    facts["head"] = [read(head).decode(), head["Content-Length"]]
    facts["stream"] = read_stream(send("GET", f"/orgs/{slug}/workspaces/eng/events?lastEventId=0"), runner)
    token = send_json("POST", "/api-tokens", {"name": "script", "scopes": ["projects:read"]})["token"]
    run(client.alogout() if kind == "asgi" else client.logout())

    def use_token() -> int:
        return send("GET", "/organizations", authorization=f"Bearer {token}").status_code

    facts["token"] = [use_token()]
    # Django sends no signal for this change.
    User.objects.filter(username=f"ann-{kind}").update(is_active=False)
    facts["token"].append(use_token())
    facts["cors"] = send("GET", "/health/live", origin=ORIGIN)["Access-Control-Allow-Origin"]
    facts["error of a view"] = json.loads(read(run(client.get("/fail"))))["message"]
    runner.close()
    return facts


def read_stream(response: Any, runner: asyncio.Runner) -> list[Any]:
    """Return the media type and the first two blocks of a stream, and disconnect."""
    if response.is_async:

        async def read_two() -> list[bytes]:
            blocks = aiter(response.streaming_content)
            read = [await anext(blocks), await anext(blocks)]
            await blocks.aclose()
            return read

        opening, events = runner.run(read_two())
    else:
        blocks = iter(response.streaming_content)
        opening, events = next(blocks), next(blocks)
        response.close()
    return [response["Content-Type"], opening.decode(), b"Fly" in events]


# ------------------------------------------------------------------------------------------------- users


def map_users() -> dict[str, Any]:
    """Return what becomes of users with and without an address."""
    from django.contrib.auth.models import AnonymousUser, User

    from stellary.contrib.django import client, get_actor, get_core

    def read_profile(user: Any) -> list[str]:
        with client(user) as stellary:
            me = stellary.auth.me().user
            return [me.name, me.email]

    def catch(user: Any) -> str:
        try:
            get_actor(user)
        except ApiError as error:
            return error.code
        return "none"

    first = User.objects.create_user("first", "same@example.com", first_name="Ann", last_name="Lee")
    second = User.objects.create_user("second", "SAME@example.com")
    third = User.objects.create_user("third", "no address")
    # As in a model of cookiecutter-django, whose parts of the name are None.
    user = User(pk=98, username="x")
    user.first_name, user.last_name, user.name = None, None, "Ann Lee"
    facts: dict[str, Any] = {
        "without parts of a name": read_profile(user)[0],
        "with an address": read_profile(first),
        "same address": read_profile(second)[0],
        "addresses differ": read_profile(second)[1].endswith("users.invalid"),
        "not an address": read_profile(third)[0],
        "anonymous": catch(AnonymousUser()),
        "inactive": catch(User(pk=99, username="x", is_active=False)),
    }
    first.last_name = "Moe"
    first.save()
    facts["renamed"] = read_profile(first)[0]
    core = get_core()
    second.is_active = False
    second.save()
    facts["deactivated"] = core.reactivate(str(second.pk))
    third_id = str(third.pk)
    with suppress(Undo), transaction.atomic():
        third.delete()
        raise Undo
    facts["deletion undone"] = core.reactivate(third_id)
    User.objects.get(pk=third_id).delete()
    facts["deleted"] = core.reactivate(third_id)
    return facts


def move_users() -> dict[str, list[str]]:
    """Return the workspaces that a user sees over the API, as the companies of the user change."""
    from django.contrib.auth.models import User

    from stellary.core import Membership

    memberships: dict[str, Any] = {
        "acme": Membership("acme", "eng"),
        "evil": Membership("evil", "lab"),
        "two": [Membership("acme", "eng"), Membership("evil", "lab")],
        "none": None,
    }
    ann, eve = User.objects.create_user("ann-moves"), User.objects.create_user("eve-moves")
    companies = {ann.pk: "acme", eve.pk: "evil"}

    def list_workspaces(user: Any) -> list[str]:
        client = Client()
        client.force_login(user)

        def get(path: str) -> Any:
            return json.loads(b"".join(client.get(f"/deep/pm{path}")))

        slugs = [item["slug"] for item in get("/organizations")]
        return sorted(
            f"{slug}/{workspace['slug']}"
            for slug in slugs
            for workspace in get(f"/orgs/{slug}/workspaces")
            if not workspace["isPersonal"]
        )

    setting = settings.STELLARY | {"MEMBERSHIP": lambda user: memberships[companies[user.pk]]}
    facts = {}
    with override_settings(STELLARY=setting):
        for company in ("acme", "evil", "two", "none"):
            companies[ann.pk] = company
            facts[company] = list_workspaces(ann)
            facts["eve"] = list_workspaces(eve)
    with override_settings(STELLARY=setting | {"MANAGES": "acme".__eq__}):
        companies[eve.pk] = "none"
        facts["not managed"] = list_workspaces(eve)
    return facts


# ------------------------------------------------------------------------------------------------- units


def open_units() -> dict[str, Any]:
    """Return how units take part in Django's transactions."""
    from django.contrib.auth.models import User

    from stellary.contract.organizations import CreateOrganization
    from stellary.contract.refs import Ref
    from stellary.contrib.django import client, unit
    from stellary.contrib.django.models import Organization
    from tests.support.core_parts import organizations

    user = User.objects.create_user("units")
    effects: list[str] = []

    def create(slug: str) -> None:
        with unit(user) as uow:
            organizations.create_organization(uow, Ref(), CreateOrganization(name=slug, slug=slug))
            uow.after_commit.append(lambda: effects.append(slug))

    create("alone")
    with transaction.atomic():
        create("before")
        with suppress(Undo), transaction.atomic():
            create("undone")
            raise Undo
        with transaction.atomic():
            create("inside")
        during = [*effects]
    with suppress(Undo), transaction.atomic():
        create("undone-with-all")
        raise Undo
    with suppress(ApiError), transaction.atomic():
        User.objects.create_user("undone by an error")
        create("before")
    created = ["alone", "before", "inside", "undone", "undone-with-all"]
    facts: dict[str, Any] = {
        "in the transaction": during,
        "effects": [*effects],
        "rows": [*Organization.objects.filter(slug__in=created).values_list("slug", flat=True)],
        "user of the failed block": User.objects.filter(username="undone by an error").exists(),
        "time": Organization.objects.get(slug="alone").created_at.tzname(),
    }
    with client(user) as stellary:
        facts["client"] = sorted(item.slug for item in stellary.organizations.list() if item.slug in created)
    facts["connection unchanged"] = check_connection(partial(create, "again"))
    return facts


def check_connection(use: Any) -> bool:
    """Return whether Django's connection is as it was before a unit used it."""
    with transaction.atomic():
        use()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # Django's own function converts numbers to text.
            return cursor.execute("SELECT 12 REGEXP '1'").fetchone() == (1,)
        cursor.execute("SELECT '{\"a\": 1}'::jsonb")
        # Django reads JSON as text.
        return isinstance(cursor.fetchone()[0], str) and not connection.connection._notice_handlers


# ------------------------------------------------------------------------------------------------- settings


def find_setting_errors() -> list[str]:
    """Return the messages for settings that are not valid."""
    from stellary.contrib.django import get_core

    messages = []
    for setting in (
        *([], {"BLOB": "files"}, {"DATABASE": "other"}, {"SECRET": "short"}),
        *({"PUBLIC_URL": "shop.example.com"}, {"HIDE": ["auth.fly"]}, {"HIDE": "auth.login"}),
        *({"LIMITS": {"request": "1/hour"}}, {"LIMITS": {"requests": "often"}}, {"JOBS": "no"}),
        *({"CORS_ORIGINS": "https://app.example.com"}, {"CORS_ORIGINS": ["https://app.example.com/"]}),
        *({"MEMBERSHIP": "nowhere.find"}, {"CONFIGURE": 3}, {"FOLLOW_USERS": "yes"}, {"BLOBS": 3}),
        *({"CORE": {"jwt_secret": "x"}}, {"CORE": {"trash_day": 3}}, {"CORE": []}),
    ):
        with override_settings(STELLARY=setting):
            try:
                get_core()
            except ImproperlyConfigured as error:
                messages.append(str(error))
    return messages


def build_urls() -> list[str]:
    """Return the URLs of databases as Django spells them."""
    from stellary.contrib.django.database_url import build_url

    postgres = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop"}
    databases: list[dict[str, Any]] = [
        {"ENGINE": "django.db.backends.sqlite3", "NAME": Path("/data/shop.sqlite3")},
        {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:x?mode=memory&cache=shared"},
        postgres,
        postgres | {"USER": "me@here", "PASSWORD": "p:/w", "HOST": "db", "PORT": "5433"},
        postgres | {"HOST": "/var/run/postgresql"},
        postgres | {"HOST": "::1", "PORT": 5433},
        postgres | {"HOST": "a,b", "PORT": "5432"},
        postgres
        | {"OPTIONS": {"sslmode": "require", "pool": True, "assume_role": "app", "isolation_level": 2}},
        postgres | {"NAME": "", "OPTIONS": {"service": "shop", "options": "-c search_path=pm"}},
    ]
    handlers = [ConnectionHandler({DEFAULT_DB_ALIAS: database}) for database in databases]
    return [build_url(handler[DEFAULT_DB_ALIAS]) for handler in handlers]


def find_problems() -> dict[str, list[str]]:
    """Return the ids of the problems that the system checks find."""
    from django.core import checks

    def run(**options: Any) -> list[str]:
        ids = [problem.id or "" for problem in checks.run_checks(**options)]
        return sorted(id for id in ids if id.startswith("stellary"))

    problems = {"in order": run(databases=[DEFAULT_DB_ALIAS])}
    # The apps are set up a second time.
    with override_settings(MIDDLEWARE=[], STELLARY={}, INSTALLED_APPS=[*settings.INSTALLED_APPS]):
        problems["to deploy"] = run(include_deployment_checks=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT version_num FROM stellary_alembic_version")
        (newest,) = cursor.fetchone()
        cursor.execute("UPDATE stellary_alembic_version SET version_num = '0001'")
        problems["old schema"] = run(databases=[DEFAULT_DB_ALIAS])
        cursor.execute("UPDATE stellary_alembic_version SET version_num = %s", [newest])
    return problems


def main(folder: str, database_url: str) -> dict[str, Any]:
    configure(folder, database_url)
    from django.core.management import call_command

    from stellary.contrib.django.cores import reset_core

    call_command("migrate", verbosity=0)
    facts = {
        "wsgi": call("wsgi"),
        "asgi": call("asgi"),
        "users": map_users(),
        "moves": move_users(),
        "units": open_units(),
        "setting errors": find_setting_errors(),
        "urls": build_urls(),
        "problems": find_problems(),
    }
    reset_core()
    django.db.connections.close_all()
    return facts


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
