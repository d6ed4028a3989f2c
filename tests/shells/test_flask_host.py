"""The Flask host of the examples: sessions, CSRF, one transaction, the API for its users, commands, and forked workers."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import RUN
from tests.server.listening import listening
from tests.server.processes import clean_environment
from tests.server.running import Reachable, Reply
from tests.support.databases import KINDS
from tests.support.each_case import for_each
from tests.support.flask_hosts import HOSTS, import_host
from tests.support.server_parts import bind_socket
from tests.support.shells import serving_wsgi

pytestmark = pytest.mark.slow("starts a whole host")

SECRET = "a secret of the tests, at least 32 bytes"
PASSWORD = "correct horse"
PROJECTS = "/board/orgs/workshop/workspaces/repairs/projects"
FORM = "application/x-www-form-urlencoded"
WORKERS = 2
ROUNDS_MAX = 200
REPAIRS_MAX = 50
BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=BOTH)
def empty_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with KINDS[request.param](request.config.stash[RUN]).empty_database() as url:
        yield url


@pytest.fixture(scope="module")
def app(empty_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Yield the application, whose tables its command has created."""
    services = import_host("flask", "repairs.services")
    files = str(tmp_path_factory.mktemp("files"))
    app = import_host("flask", "repairs").create_app(services.Settings(SECRET, empty_url, files))
    for _ in range(2):
        result = app.test_cli_runner().invoke(args=["migrate"])
        assert (result.exit_code, result.output) == (0, "The tables are up to date.\n"), result
    result = app.test_cli_runner().invoke(
        args=["create-user", "Boss@example.com", "--staff"], env={"PASSWORD": PASSWORD}
    )
    assert result.exit_code == 0, result
    yield app
    services.close_services(app)


class Browser:
    """A client with a session of the host."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self.csrf_token = self.client.get("/session").json["csrfToken"]

    def post(self, path: str, **fields: str) -> Any:
        return self.client.post(path, data=fields, headers={"X-CSRF-Token": self.csrf_token})

    def log_in(self, email: str) -> int:
        status: int = self.post("/session", email=email, password=PASSWORD).status_code
        self.csrf_token = self.client.get("/session").json["csrfToken"]
        return status

    def sign_up(self, email: str) -> int:
        status: int = self.post("/users", email=email, password=PASSWORD).status_code
        self.csrf_token = self.client.get("/session").json["csrfToken"]
        return status


@pytest.fixture
def customer(app: Flask) -> Browser:
    """Return the browser of a new user."""
    browser = Browser(app)
    assert browser.sign_up(f"customer-{next(_numbers)}@example.com") == 201
    return browser


@pytest.fixture
def boss(app: Flask) -> Browser:
    """Return the browser of a member of the staff."""
    browser = Browser(app)
    assert browser.log_in("boss@example.com") == 200
    return browser


@pytest.fixture
def project(boss: Browser) -> str:
    """Return the path of the only project."""
    (project,) = boss.client.get(PROJECTS).json
    return f"{PROJECTS}/{project['id']}"


def test_session_of_the_host_logs_in_and_out(app: Flask):
    browser = Browser(app)
    assert browser.client.get("/repairs").status_code == 401
    assert browser.sign_up("sam@example.com") == 201
    assert browser.sign_up("Sam@example.com") == 409
    assert browser.client.get("/session").json["user"] == "sam@example.com"
    assert browser.client.get("/board/auth/me").status_code == 403
    assert browser.client.delete("/session", headers={"X-CSRF-Token": browser.csrf_token}).status_code == 204
    assert browser.client.get("/board/auth/me").status_code == 401
    other = Browser(app)
    wrong = other.post("/session", email="sam@example.com", password="wrong horse")
    assert (wrong.status_code, wrong.json["message"]) == (401, "the address or the password is wrong")
    assert other.post("/session", email="nobody@example.com", password=PASSWORD).json["message"] == (
        "the address or the password is wrong"
    )
    assert other.log_in("sam@example.com") == 200


@for_each("token", [None, "", "wrong", "ü"])
def test_change_without_the_token_of_the_session_is_refused(app: Flask, customer: Browser, token: str | None):
    fields = {"bicycle": "forged"} | ({} if token is None else {"csrf_token": token})
    refused = customer.client.post("/repairs", data=fields)
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    assert customer.client.get("/repairs").json == []


def test_board_is_for_the_staff(boss: Browser, customer: Browser):
    assert customer.post("/repairs", bicycle="private").status_code == 201
    for path in (PROJECTS, "/board/orgs/workshop/workspaces/repairs/search?q=private", "/board/auth/me"):
        refused = customer.client.get(path)
        assert (refused.status_code, refused.json["message"]) == (403, "the board is for the staff")
        assert boss.client.get(path).status_code == 200
    assert "private" in customer.client.get("/repairs").text
    assert "private" not in boss.client.get("/repairs").text


def test_command_refuses_a_user_that_exists_or_is_not_valid(app: Flask):
    def create(email: str, password: str) -> str:
        result = app.test_cli_runner().invoke(args=["create-user", email], env={"PASSWORD": password})
        assert result.exit_code == 1
        return result.output

    assert create("BOSS@example.com", PASSWORD) == "Error: BOSS@example.com has an account already\n"
    assert "at least 8 characters" in create("boss@example.com", "short")


def test_api_refuses_changes_from_other_sites(boss: Browser):
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    refused = boss.client.patch("/board/auth/me", json={"name": "Evil"}, headers=headers)
    assert (refused.status_code, refused.json["code"]) == (403, "cross_site")
    assert boss.client.patch("/board/auth/me", json={"name": "Good"}).status_code == 200


def test_repair_and_card_are_created_together(boss: Browser, customer: Browser, project: str):
    created = customer.post("/repairs", bicycle="racer")
    assert created.status_code == 201, created.text
    card = boss.client.get(f"{project}/cards/{created.json['card']}").json
    assert card["title"] == "Repair racer"
    assert customer.client.get("/repairs").json == [
        {"id": created.json["id"], "bicycle": "racer", "status": card["status"]}
    ]


def test_repair_that_fails_leaves_no_card(boss: Browser, customer: Browser, project: str):
    assert customer.post("/repairs", bicycle="cargo").status_code == 201
    count = len(boss.client.get(f"{project}/cards").json)
    again = customer.post("/repairs", bicycle="cargo")
    assert (again.status_code, again.json["message"]) == (409, "cargo is being repaired already")
    assert customer.post("/repairs", bicycle="x" * 101).status_code == 400
    assert len(boss.client.get(f"{project}/cards").json) == count


def test_card_of_a_repair_is_in_use(boss: Browser, customer: Browser, project: str):
    card = customer.post("/repairs", bicycle="unicycle").json["card"]
    deleted = boss.client.delete(f"{project}/cards/{card}")
    assert (deleted.status_code, deleted.json["code"]) == (409, "in_use")


def test_handler_of_the_host_vetoes_a_move(boss: Browser, project: str):
    card = boss.post("/repairs", bicycle="trike").json["card"]
    columns = boss.client.get(f"{project}/columns").json
    path = f"{project}/cards/{card}"
    refused = boss.client.patch(path, json={"columnId": columns[1]["id"]})
    assert (refused.status_code, refused.json["code"]) == (409, "unassigned")
    assert boss.client.get(path).json["columnId"] == columns[0]["id"]


def test_user_who_is_locked_out_loses_access_at_once(app: Flask):
    email = f"mechanic-{next(_numbers)}@example.com"
    app.test_cli_runner().invoke(args=["create-user", email, "--staff"], env={"PASSWORD": PASSWORD})
    mechanic = Browser(app)
    assert mechanic.log_in(email) == 200
    assert mechanic.client.get(PROJECTS).status_code == 200
    token = mechanic.client.post("/board/api-tokens", json={"name": "phone", "scopes": ["projects:read"]})
    result = app.test_cli_runner().invoke(args=["lock-user", email])
    assert result.exit_code == 0, result
    assert mechanic.client.get("/repairs").status_code == 401
    assert mechanic.client.get(PROJECTS).status_code == 401
    bearer = {"Authorization": f"Bearer {token.json['token']}"}
    assert app.test_client().get(PROJECTS, headers=bearer).status_code == 401
    assert Browser(app).log_in(email) == 401
    result = app.test_cli_runner().invoke(args=["lock-user", "nobody@example.com"])
    assert "no user has the address nobody@example.com" in result.output


def test_log_in_to_the_api_is_left_out(app: Flask):
    hidden = app.test_client().post("/board/auth/login", json={})
    assert (hidden.status_code, hidden.json["code"]) == (404, "unknown_path")
    assert b"/board/openapi.json" in app.test_client().get("/board/docs").data


def test_stream_runs_in_a_thread_beside_other_requests(app: Flask, boss: Browser, customer: Browser):
    cookie = boss.client.get_cookie("session")
    assert cookie is not None
    with (
        serving_wsgi(app) as server,
        listening(
            server, "/board/orgs/workshop/workspaces/repairs/events", "", cookie=f"session={cookie.value}"
        ) as client,
    ):
        assert client.block() == {"retry": "1000"}
        card = customer.post("/repairs", bicycle="folding").json["card"]
        # The account of the customer comes first.
        while (event := client.event())["type"] != "card_created":
            pass
        assert event["cardId"] == card


# ------------------------------------------------------------------------------------------------- gunicorn


class Gunicorn(Reachable):
    """A process of gunicorn with preloaded workers."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.log = folder / "log"
        environment = {
            **clean_environment(),
            "DATABASE_URL": database_url,
            "SECRET_KEY": SECRET,
            "FILES": str(folder / "files"),
            "PYTHONPATH": os.pathsep.join([str(HOSTS.parents[2]), str(HOSTS / "flask")]),
        }
        with bind_socket("127.0.0.1", 0) as reserved, self.log.open("w") as log:
            self.port = reserved.getsockname()[1]
            environment["BIND"] = f"fd://{reserved.fileno()}"
            reserved.listen(64)
            config = str(HOSTS / "flask" / "gunicorn.conf.py")
            # A worker waits so long for its open stream.
            command = ["-m", "gunicorn", "--config", config, "--graceful-timeout", "1"]
            self.process = subprocess.Popen(
                [sys.executable, *command, "tests.shells.flask_workers:app"],
                env=environment,
                stderr=log,
                pass_fds=[reserved.fileno()],
            )

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(params=BOTH)
def gunicorn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gunicorn]:
    with KINDS[request.param](request.config.stash[RUN]).empty_database() as url:
        gunicorn = Gunicorn(tmp_path, url)
        try:
            yield gunicorn
        finally:
            if gunicorn.process.poll() is None:
                gunicorn.process.kill()
                gunicorn.process.wait()


class Session:
    """A session of a user that exists, over HTTP."""

    def __init__(self, server: Reachable, email: str) -> None:
        self.server = server
        self.cookie = self.csrf_token = ""
        self.send("GET", "/session")
        assert self.send("POST", "/session", email=email, password=PASSWORD).status == 200
        self.send("GET", "/session")

    def send(self, method: str, path: str, **fields: str) -> Reply:
        data = urlencode(fields).encode() if fields else None
        reply = self.server.ask(
            method, path, data, content_type=FORM, cookie=self.cookie, x_csrf_token=self.csrf_token
        )
        self.cookie = reply.headers.get("set-cookie", self.cookie).partition(";")[0]
        if (method, path) == ("GET", "/session"):
            self.csrf_token = reply.json["csrfToken"]
        return reply


@pytest.mark.wide(when="hosts")
def test_preloaded_workers_share_no_connection_and_stop_cleanly(gunicorn: Gunicorn):
    first = Session(gunicorn, "first@example.com")
    assert first.send("POST", "/repairs", bicycle="tandem").status == 201

    def order(number: int) -> Reply:
        return first.send("POST", "/repairs", bicycle=f"bicycle {number}")

    replies: list[Reply] = []
    with ThreadPoolExecutor(8) as threads:
        while len({reply.headers["x-process"] for reply in replies}) < WORKERS:
            assert len(replies) < ROUNDS_MAX, "one worker answers all requests"
            replies += threads.map(order, range(len(replies), len(replies) + 8))
    assert {reply.status for reply in replies} == {201}
    backends: dict[str, set[str]] = {}
    for reply in replies:
        backends.setdefault(reply.headers["x-process"], set()).update(reply.headers["x-backends"].split())
    one, other = backends.values()
    assert not one & other
    assert not set(replies[0].headers["x-parent-backends"].split()) & (one | other)
    assert len(first.send("GET", "/repairs").json) == min(len(replies) + 1, REPAIRS_MAX)

    stream = HTTPConnection("127.0.0.1", gunicorn.port, timeout=20)
    stream.request("GET", "/board/orgs/workshop/workspaces/repairs/events", headers={"Cookie": first.cookie})
    response = stream.getresponse()
    assert (response.status, response.readline()) == (200, b"retry: 1000\n")
    assert gunicorn.stop() == 0
    stream.close()
    log = gunicorn.log.read_text()
    assert "Traceback" not in log, log
    assert "SIGKILL" not in log, log
