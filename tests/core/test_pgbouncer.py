"""The core behind PgBouncer in transaction mode, where each transaction may have another connection to the server."""

import logging
import secrets
import time
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import text

from stellary.core import NOBODY, Core, migrations
from stellary.core.kernel.signals import EVERYTHING
from tests.conftest import RUN
from tests.core.test_relay import SOON, Ear
from tests.support import pgbouncer
from tests.support.databases import Postgres, statement, url_of
from tests.support.migrations import NEXT, run_sql
from tests.support.waiting import wait_until
from tests.support.world import World, at_once

VERSION = text("SELECT version_num FROM stellary_alembic_version")
pytestmark = [
    pytest.mark.slow("starts a process"),
    pytest.mark.skipif(
        pgbouncer.PROGRAM is None,
        reason="PgBouncer is not installed: python3 dev.py services installs it",
    ),
]


@pytest.fixture
def pooled_url(postgres_url, tmp_path):
    with pgbouncer.run_pgbouncer(postgres_url, tmp_path) as url:
        yield url


@pytest.fixture
def unprepared_url(postgres_url, tmp_path):
    with pgbouncer.run_pgbouncer(postgres_url, tmp_path, prepared=0) as url:
        yield f"{url}?prepare_threshold=off"


@pytest.fixture(params=["pooled_url", "unprepared_url"])
def pooled_core(request):
    with closing(Core(request.getfixturevalue(request.param), bcrypt_rounds=4)) as core:
        yield core


def test_requests_are_answered_with_statements_prepared_or_not(pooled_core):
    world = World(pooled_core)
    ann = world.person("ann")
    project = world.project(ann, world.workspace(ann))
    column = world.ask(ann, "GET", f"{project.path}/columns")[0]["id"]

    def create():
        for number in range(12):
            path = f"{project.path}/columns/{column}/cards"
            assert world.call(ann, "POST", path, {"title": f"Card {number}"}).status == 201
            # A refusal rolls back, and with it goes what the connection had prepared.
            assert world.call(ann, "POST", path, {"title": ""}).status == 400
            assert world.call(ann, "GET", f"{project.path}/cards/{'0' * 24}").status == 404

    at_once(*[create] * 6)
    numbers = [card["number"] for card in world.ask(ann, "GET", f"{project.path}/cards")]
    assert sorted(numbers) == list(range(1, 73))


@pytest.mark.parametrize("unit", ["begin", "view"])
def test_settings_apply_to_each_transaction_of_the_core_only(pooled_url, unit):
    names = ("timezone", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    with closing(Core(pooled_url)) as core, psycopg.connect(pooled_url, autocommit=True) as other:
        before = [other.execute(f"SHOW {name}").fetchone() for name in names]
        for _ in range(3):
            with getattr(core, unit)(NOBODY) as uow:
                values = [uow.connection.execute(text(f"SHOW {name}")).scalar() for name in names]
                assert values == ["UTC", "30s", "2s", "1min"]
            assert [other.execute(f"SHOW {name}").fetchone() for name in names] == before


def test_schema_applies_to_each_transaction_of_its_core_only(postgres_url, pooled_url):
    run_sql(postgres_url, "CREATE SCHEMA shop")
    with closing(Core(pooled_url, direct_database=postgres_url, bcrypt_rounds=4)) as core:
        cores = [core, core.in_schema("shop")]
        cores[1].migrate()
        worlds = [World(tenant) for tenant in cores]
        owners = [world.person("ann") for world in worlds]
        assert owners[0].id != owners[1].id

        def read():
            for turn in range(12):
                world, owner = worlds[turn % 2], owners[turn % 2]
                assert world.ask(owner, "GET", "/auth/me")["user"]["id"] == owner.id

        at_once(*[read] * 4)


def test_news_are_heard_past_the_pooler_by_the_direct_url(postgres_url, pooled_url):
    with (
        closing(Core(pooled_url, direct_database=postgres_url)) as here,
        closing(Core(pooled_url, direct_database=postgres_url)) as there,
    ):
        ears = Ear(here), Ear(there)
        for core in (here, there):
            core.relay.start()
        assert all(ear.hears(EVERYTHING) for ear in ears)
        here.env.signals.send("workspace:1")
        assert ears[1].hears("workspace:1")
        for core in (here, there):
            core.relay.stop(SOON)


def test_missing_direct_url_is_logged_once(pooled_url, caplog):
    with caplog.at_level(logging.WARNING, "stellary.core"), closing(Core(pooled_url)) as core:
        core.relay.start()
        wait_until(lambda: caplog.records)
        time.sleep(0.2)
        core.relay.stop(SOON)
    assert len(caplog.records) == 1
    assert "a pooler does not pass on notifications" in caplog.text


@pytest.mark.parametrize("is_direct", [False, True])
def test_an_old_database_is_migrated_through_the_pooler_or_past_it(
    request, tmp_path, next_version, is_direct
):
    next_version.use_all_operations()
    server, name = Postgres(request.config.stash[RUN]), f"stellary_pooled_{secrets.token_hex(8)}"
    url = url_of(server.server(), name)
    with server.connect() as administrator, pgbouncer.run_pgbouncer(url, tmp_path) as pooled_url:
        administrator.execute(statement("CREATE DATABASE {}", name))
        with closing(Core(pooled_url, direct_database=url if is_direct else None)) as core:
            with core.database.open_raw() as connection:
                migrations.upgrade(connection, next_version.newest)
            core.migrate()
            with core.database.reading() as connection:
                assert connection.execute(VERSION).scalar() == NEXT
        administrator.execute(statement("DROP DATABASE {} WITH (FORCE)", name))


def test_migrating_again_through_the_pooler_is_nothing(pooled_url):
    with closing(Core(pooled_url)) as core:
        core.migrate()
