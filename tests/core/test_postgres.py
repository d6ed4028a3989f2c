"""PostgreSQL as it is found in the field: its spellings, settings that others make, servers that freeze."""

import contextlib
import socket
import threading
import time
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import OperationalError

from stellary.contract.errors import Unavailable
from stellary.core import NOBODY, Core
from stellary.core.db import watchdog
from stellary.core.db.postgres import parse_url
from tests.support.core_parts import Database


def show(connection, name):
    return connection.execute(text(f"SHOW {name}")).scalar_one()


def account(url):
    return f"{url.username}:{url.password or ''}@" if url.username else ""


def plain(url):
    """A URL as libpq spells it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


# ------------------------------------------------------------------------------------------------- spellings


@pytest.mark.parametrize(
    ("text", "host", "port", "query"),
    [
        ("postgres://ann:p%40ss@db:5433/app", "db", 5433, {}),
        ("postgresql://ann:p%40ss@db/app", "db", None, {}),
        ("postgresql+psycopg://ann:p%40ss@[::1]:5433/app", "::1", 5433, {}),
        (
            "postgresql://ann:p%40ss@a,b/app?target_session_attrs=read-write",
            None,
            None,
            {"host": "a,b", "target_session_attrs": "read-write"},
        ),
        ("postgres://ann:p%40ss@a:5433,[::1]/app", None, None, {"host": "a,::1", "port": "5433,"}),
    ],
)
def test_url_is_read_as_libpq_spells_it(text, host, port, query):
    url = parse_url(text)
    assert (url.drivername, url.host, url.port, url.query) == ("postgresql+psycopg", host, port, query)
    assert (url.username, url.password, url.database) == ("ann", "p@ss", "app")


@pytest.mark.parametrize(
    "text",
    [
        "mysql://db/app",
        "postgresql+asyncpg://db/app",
        "postgresql://db:port/app",
        "postgresql://a,/app",
        "postgresql://db/app?prepare_threshold=often",
    ],
)
def test_url_of_something_else_is_one_clear_sentence(text):
    with pytest.raises(ValueError, match="must ") as caught:
        Core(text)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------------- settings


def test_connections_wait_for_nothing_without_limit(postgres_url):
    with closing(Database(postgres_url)) as database, database.writing() as connection:
        expected = {"timezone": "UTC", "statement_timeout": "30s", "lock_timeout": "2s"}
        assert {name: show(connection, name) for name in expected} == expected
        parameters = connection.connection.dbapi_connection.info.get_parameters()
    assert parameters["connect_timeout"] == "5"
    assert parameters["keepalives_idle"] == "30"
    assert parameters["tcp_user_timeout"] == "30000"


def test_options_of_the_url_are_kept(postgres_url):
    options = "-c%20search_path%3Dtheirs%20-c%20lock_timeout%3D7s"
    joint = "&" if "?" in postgres_url else "?"
    with closing(Database(f"{postgres_url}{joint}options={options}&connect_timeout=9")) as database:
        with database.writing() as connection:
            assert show(connection, "search_path") == "theirs"
            assert show(connection, "lock_timeout") == "7s"
            assert show(connection, "statement_timeout") == "30s"
            parameters = connection.connection.dbapi_connection.info.get_parameters()
        assert parameters["connect_timeout"] == "9"


@pytest.mark.parametrize(("threshold_text", "threshold"), [("0", 0), ("7", 7), ("off", None)])
def test_url_says_when_statements_are_prepared(postgres_url, threshold_text, threshold):
    joint = "&" if "?" in postgres_url else "?"
    with (
        closing(Database(f"{postgres_url}{joint}prepare_threshold={threshold_text}")) as database,
        database.writing() as connection,
    ):
        assert connection.connection.dbapi_connection.prepare_threshold == threshold


def test_dedicated_connection_is_made_as_the_host_makes_its_own_and_takes_no_place_in_its_pool(
    postgres_url, make_engine
):
    databases = []
    url = make_url(postgres_url)
    # What only the engine knows: its URL leads nowhere.
    engine = make_engine(
        "postgresql+psycopg://nowhere.invalid/nothing",
        creator=lambda: psycopg.connect(plain(url)),
        pool_size=1,
        max_overflow=0,
        pool_timeout=1,
    )
    event.listen(engine, "connect", lambda driver, _: databases.append(driver))
    with (
        closing(Database(engine)) as database,
        database.open_dedicated() as dedicated,
        engine.connect() as theirs,
    ):
        assert {dedicated.connection.dbapi_connection, theirs.connection.dbapi_connection} == set(databases)


# ------------------------------------------------------------------------------------------------- freezing


class Freezer:
    """A way to PostgreSQL over TCP that can be frozen: it still takes bytes, and brings none on."""

    def __init__(self, target):
        self.target = target
        self.frozen = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = [self.listener]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = self.connect()
                self.sockets += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self.carry, args=(source, sink), daemon=True).start()

    def connect(self):
        family, address = self.target
        server = socket.socket(family)
        server.connect(address)
        return server

    def carry(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if self.frozen.is_set():
                    return
                sink.sendall(data)

    def close(self):
        for connection in self.sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@pytest.fixture
def freezer(postgres_url):
    with closing(Database(postgres_url)) as database, database.writing() as connection:
        info = connection.connection.dbapi_connection.info
        if info.host.startswith("/"):
            target = socket.AF_UNIX, f"{info.host}/.s.PGSQL.{info.port}"
        else:
            target = socket.AF_INET, (info.hostaddr or info.host, info.port)
    with closing(Freezer(target)) as freezer:
        yield freezer


@pytest.fixture
def frozen_core(postgres_url, freezer):
    url = make_url(postgres_url)
    with closing(
        Core(f"postgresql://{account(url)}127.0.0.1:{freezer.port}/{url.database}?connect_timeout=2")
    ) as core:
        yield core
        # First, since the tests keep what is closed for later ones, and would ask it whether it is well.
        freezer.close()


def test_second_host_is_tried_where_the_first_does_not_answer(postgres_url, freezer):
    url = make_url(postgres_url)
    with closing(socket.socket()) as listener:
        # Bound and not listening: who connects is refused.
        listener.bind(("127.0.0.1", 0))
        hosts = f"127.0.0.1:{listener.getsockname()[1]},127.0.0.1:{freezer.port}"
        core = Core(f"postgresql://{account(url)}{hosts}/{url.database}?target_session_attrs=read-write")
        core.probe()
        freezer.close()
        core.close()


@pytest.mark.slow("waits for a time limit")
def test_unit_on_a_frozen_database_ends_and_its_thread_is_free(frozen_core, freezer, monkeypatch):
    monkeypatch.setattr(watchdog, "UNIT_SECONDS", 0.5)
    frozen_core.probe()
    failed = []

    def read():
        try:
            with frozen_core.view(NOBODY) as uow:
                freezer.frozen.set()
                uow.connection.execute(text("SELECT 1"))
        except Unavailable as error:
            failed.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert len(failed) == 1
    freezer.frozen.clear()
    frozen_core.probe()


def test_request_on_a_frozen_database_is_a_503(frozen_core, freezer, monkeypatch):
    from tests.support.world import World

    world = World(frozen_core)
    ann = world.person("ann")
    monkeypatch.setattr(watchdog, "UNIT_SECONDS", 0.5)
    assert world.call(ann, "GET", "/organizations").status == 200
    freezer.frozen.set()
    answer = world.call(ann, "GET", "/organizations")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_unit_that_ends_in_time_is_left_alone(postgres_core, monkeypatch):
    monkeypatch.setattr(watchdog, "UNIT_SECONDS", 0.0)
    monkeypatch.setattr(watchdog, "_CHECK_SECONDS", 0.01)
    pids = set()
    for _ in range(3):
        with postgres_core.view(NOBODY) as uow:
            monkeypatch.setattr(watchdog, "UNIT_SECONDS", 45.0)
            pids.add(uow.connection.execute(text("SELECT pg_backend_pid()")).scalar())
        time.sleep(0.05)
    assert len(pids) == 1


@pytest.mark.slow("waits for a time-out of two seconds")
def test_connecting_to_a_server_that_says_nothing_ends(monkeypatch):
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as silent,
        closing(Core(f"postgresql://ann@127.0.0.1:{silent.getsockname()[1]}/app?connect_timeout=2")) as core,
        pytest.raises(OperationalError, match="timeout"),
    ):
        core.probe()
