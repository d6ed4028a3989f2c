"""Stellary as an app of Django projects, which run in processes of their own."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import attrs
import pytest
from sqlalchemy import create_engine

from tests.server.listening import listening
from tests.server.processes import ForkedProgram, run_script
from tests.server.running import Reachable
from tests.support.core_parts import Limits, migrations
from tests.support.django_hosts import HOST, build_environment, manage, run_file, run_manage, start_file
from tests.support.tables import metadata

pytestmark = [pytest.mark.slow("starts a process"), pytest.mark.wide(when="hosts")]

TEST_COUNT = 17
"""The number of tests of the example."""
TABLE_COUNT = len(metadata.tables) + 1

EVENTS = "/board/orgs/shop/workspaces/orders/events"
CSRF_TOKEN = "t" * 32
STOP_SECONDS = 30.0

LIMITS = [field.name for field in attrs.fields(Limits)]
OVER_HTTP = {
    "anonymous": 401,
    "header of the host": "django",
    "not found": "unknown_path",
    "hidden": "unknown_path",
    "other site": "cross_site",
    "documentation": True,
    "file": True,
    "range": [206, [1, 2, 3]],
    "head": ["", str(256 * 2000)],
    "stream": ["text/event-stream", "retry: 1000\n\n", True],
    "token": [200, 401],
    "cors": "https://app.example.com",
    "error of a view": "It burns",
}


@pytest.fixture
def empty_url(database_url: str, tmp_path: Path) -> str:
    """Return the URL of a database without tables."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path}/shop.sqlite3"
    engine = create_engine(database_url)
    with engine.connect() as connection:
        migrations.drop_all(connection)
    engine.dispose()
    return database_url


def test_project_uses_the_core(empty_url, tmp_path):
    code, output, errors = run_script(Path(__file__).with_name("django_project.py"), str(tmp_path), empty_url)
    assert code == 0, errors
    facts: dict[str, Any] = json.loads(output)
    assert facts["wsgi"] == OVER_HTTP | {"me": "ann@wsgi.example"}
    assert facts["asgi"] == OVER_HTTP | {"me": "ann@asgi.example"}
    assert facts["users"] == {
        "without parts of a name": "Ann Lee",
        "with an address": ["Ann Lee", "same@example.com"],
        "same address": "second",
        "addresses differ": True,
        "not an address": "third",
        "anonymous": "unauthenticated",
        "inactive": "forbidden",
        "renamed": "Ann Moe",
        "deactivated": True,
        "deletion undone": False,
        "deleted": True,
    }
    assert facts["moves"] == {
        "acme": ["acme/eng"],
        "evil": ["evil/lab"],
        "two": ["acme/eng", "evil/lab"],
        "none": [],
        "eve": ["evil/lab"],
        "not managed": ["evil/lab"],
    }
    assert facts["units"] == {
        "in the transaction": ["alone"],
        "effects": ["alone", "before", "inside"],
        "rows": ["alone", "before", "inside"],
        "user of the failed block": False,
        "time": "UTC",
        "client": ["alone", "before", "inside"],
        "connection unchanged": True,
    }
    assert facts["problems"] == {
        "in order": [],
        "to deploy": ["stellary.W002", "stellary.W003", "stellary.W004"],
        "old schema": ["stellary.E003"],
    }
    assert facts["urls"] == [
        "sqlite:////data/shop.sqlite3",
        "sqlite://",
        "sqlite:///file:x?mode=memory&cache=shared&uri=true",
        "postgresql:///shop",
        "postgresql://me%40here:p%3A%2Fw@db:5433/shop",
        "postgresql://%2Fvar%2Frun%2Fpostgresql/shop",
        "postgresql://[::1]:5433/shop",
        "postgresql://a:5432,b:5432/shop",
        "postgresql:///shop?sslmode=require&options=-c%20role%3Dapp",
        "postgresql:///?service=shop&options=-c%20search_path%3Dpm",
    ]
    assert facts["setting errors"] == [
        "STELLARY must be a dictionary",
        "STELLARY['BLOB'] is unknown; did you mean 'BLOBS'?",
        "STELLARY['DATABASE'] must be an alias in DATABASES, not 'other'",
        "STELLARY['SECRET'] must be a string of at least 32 bytes",
        "STELLARY['PUBLIC_URL'] must be a URL that begins with https:// or http://, not 'shop.example.com'",
        "STELLARY['HIDE'] no operation is called auth.fly",
        "STELLARY['HIDE'] must be a list of operations, such as 'auth.login' or 'auth.*'",
        "STELLARY['LIMITS'] must be 'off', or limits such as '1000/hour' by " + ", ".join(LIMITS),
        "STELLARY['LIMITS'] must be a limit such as '20 per 15 minutes', not 'often'",
        "STELLARY['JOBS'] must be True or False, not 'no'",
        "STELLARY['CORS_ORIGINS'] must be a list of origins, not 'https://app.example.com'",
        "STELLARY['CORS_ORIGINS'] must be origins such as https://app.example.com, not 'https://app.example.com/'",
        "STELLARY['MEMBERSHIP'] No module named 'nowhere'",
        "STELLARY['CONFIGURE'] must be a function or its dotted path, not 3",
        "STELLARY['FOLLOW_USERS'] must be one of off, deactivate, erase, not 'yes'",
        "STELLARY['BLOBS'] must be a folder, or a URL such as s3://bucket/prefix",
        "STELLARY['CORE'] must not contain 'jwt_secret': set STELLARY['SECRET']",
        "STELLARY['CORE'] contains 'trash_day', which Core does not take; did you mean 'trash_days'?",
        "STELLARY['CORE'] must be a dictionary of arguments of Core",
    ]


def test_commands_migrate_and_flush(empty_url, tmp_path):
    code, output, errors = run_file(Path(__file__).with_name("django_commands.py"), tmp_path, empty_url)
    assert code == 0, errors
    assert json.loads(output) == {
        "changes": "No changes detected\n",
        "tables": TABLE_COUNT,
        "worker": "",
        "rows after flush": 0,
        "tables after flush": TABLE_COUNT,
        "tables at zero": 0,
        "tables without migrations": TABLE_COUNT,
        "early tables": TABLE_COUNT - 1,
        "tables again": TABLE_COUNT,
        "sql": [True, True],
        "sql of the reverse": True,
    }


def test_tests_of_the_example_pass(database_url, tmp_path):
    """Check Django's test runner: its database is created, kept, copied for parallel tests, and dropped."""
    code, _, errors = manage(tmp_path, database_url, "test", "--keepdb", "orders.tests.OrderTest")
    assert (code, "OK" in errors) == (0, True), errors
    code, _, errors = manage(tmp_path, database_url, "test", "--keepdb", "--parallel=2")
    assert (code, f"Ran {TEST_COUNT} tests" in errors) == (0, True), errors
    code, _, errors = manage(tmp_path, database_url, "test", "--noinput", "orders.tests.CommittedTest")
    assert (code, "OK" in errors) == (0, True), errors
    # The copies for parallel tests were kept.
    assert not (tmp_path / "test.sqlite3").exists()


def test_tests_in_transactions_pass_in_memory(tmp_path):
    """Check the kind of test database that Django uses for SQLite by default."""
    settings = "from shop.settings import *\nDATABASES['default']['TEST'] = {}\n"
    (tmp_path / "settings_in_memory.py").write_text(settings)
    variables = {"DJANGO_SETTINGS_MODULE": "settings_in_memory"}
    code, _, errors = manage(
        tmp_path, "sqlite://", "test", "orders.tests.OrderTest", "orders.tests.AsyncTest", **variables
    )
    assert (code, "OK" in errors) == (0, True), errors


def test_worker_ends_on_sigterm(tmp_path):
    environment = build_environment(tmp_path, "sqlite://")
    assert manage(tmp_path, "sqlite://", "migrate", "-v0")[0] == 0
    worker = ForkedProgram(["stellary_worker"], environment, HOST, tmp_path / "log", run_manage)
    with worker.stdout as output:
        assert output.readline() == "The worker has started.\n"
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0, (tmp_path / "log").read_text()


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
def test_server_streams_and_stops(server, empty_url, tmp_path):
    """Check that SIGTERM ends an open stream and the process, and that no thread or connection remains."""
    script = Path(__file__).with_name("django_server.py")
    process = start_file(script, server, folder=tmp_path, database_url=empty_url)
    host = Reachable()
    try:
        port, session = process.stdout.readline().split()
        host.port = int(port)
        cookie = f"sessionid={session}; csrftoken={CSRF_TOKEN}"
        with listening(host, EVENTS, "", cookie=cookie) as client:
            assert (client.status, client.block()) == (200, {"retry": "1000"})
            reply = host.ask(
                "POST",
                "/orders/",
                b"product=ball",
                cookie=cookie,
                content_type="application/x-www-form-urlencoded",
                x_csrftoken=CSRF_TOKEN,
            )
            assert reply.status == 201, reply
            assert client.event()["cardId"] == reply.json["card"]
            process.send_signal(signal.SIGTERM)
            assert client.ends()
            remaining = process.stdout.read()
            assert remaining == '{"threads": [], "connections": 0}', (tmp_path / "log").read_text()
            assert process.wait(STOP_SECONDS) == 0
    finally:
        process.kill()
        process.stdout.close()
    log = (tmp_path / "log").read_text()
    assert not re.search("Traceback|Task was destroyed|never awaited|Exception ignored", log), log
