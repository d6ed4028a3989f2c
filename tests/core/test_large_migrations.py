"""Migrations of large tables in use: they block other queries only briefly."""

import logging
import sqlite3
import threading
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from stellary.core import Core, migrations
from stellary.core.db import database
from tests.support.boards import Board
from tests.support.migrations import NEXT, read_version, run_sql
from tests.support.waiting import wait_until
from tests.support.world import World, at_once

CARDS = 20_000
SHADE = 'add_column("stellary_cards", sa.Column("shade", sa.Integer()))'
UPDATE = 'update_in_batches("stellary_cards", "shade = number % 7", "shade IS NULL AND number % 5 = 0"{})'
INDEX = 'create_index("ix_test_shade", "stellary_cards", ["shade", "id"])'


def migrate(url):
    with closing(Core(url)) as core:
        core.migrate()


def fill(url, count):
    """Make so many cards, copies of one that is made as people make them."""
    with closing(Core(url, bcrypt_rounds=4)) as core:
        world = World(core)
        card = Board(world, world.person("ann")).card()
        is_sqlite = core.database.is_sqlite
        hexadecimal = "printf('%024x', n)" if is_sqlite else "lpad(to_hex(n), 24, '0')"
        new_values = {"id": hexadecimal, "number": "n + 10", "position": "CAST(n AS BIGINT) * 4294967296"}
        numbers = (
            f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s)"
            if is_sqlite
            else f"(SELECT generate_series(1, {count}) AS n)"
        )
        with core.database.writing() as connection:
            if not is_sqlite:
                # Foreign keys that are checked row by row take most of the time.
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            result = connection.execute(text("SELECT * FROM stellary_cards"))
            columns = list(result.keys())
            result.close()
            values = ", ".join(new_values.get(name, f"c.{name}") for name in columns)
            connection.execute(
                text(
                    f"INSERT INTO stellary_cards ({', '.join(columns)}) SELECT {values} FROM {numbers} AS s,"
                    " stellary_cards AS c WHERE c.id = :id"
                ),
                {"id": card["id"]},
            )


@pytest.mark.slow("migrates many rows")
@pytest.mark.wide(when="migrations")
def test_thousands_of_cards_get_a_column_its_values_and_an_index(database_url, next_version):
    fill(database_url, CARDS)
    next_version.write(SHADE, UPDATE.format(""), INDEX)
    migrate(database_url)
    assert read_version(database_url) == NEXT
    counts = "SELECT count(shade), count(CASE WHEN shade = number % 7 THEN 1 END) FROM stellary_cards"
    assert run_sql(database_url, counts) == [(CARDS // 5, CARDS // 5)]
    if not database_url.startswith("sqlite"):
        is_valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_test_shade')"
        assert run_sql(database_url, is_valid) == [(True,)]


@pytest.mark.slow("migrates many rows")
@pytest.mark.wide(when="migrations")
def test_a_batch_is_committed_before_the_next_one(postgres_url, next_version):
    fill(postgres_url, 2_500)
    update = UPDATE.format(", size=200")
    next_version.write(SHADE, update, "raise LookupError")
    with pytest.raises(LookupError):
        migrate(postgres_url)
    # Three transactions have written them, and none was undone by what failed later.
    written = "SELECT count(*), count(DISTINCT xmin::text) FROM stellary_cards WHERE shade IS NOT NULL"
    assert run_sql(postgres_url, written) == [(500, 3)]
    assert read_version(postgres_url) != NEXT
    next_version.write(SHADE, update, INDEX)
    migrate(postgres_url)
    assert read_version(postgres_url) == NEXT


def test_rows_are_read_in_batches_by_their_key(database_url, next_version):
    fill(database_url, 25)
    next_version.write(
        'counts = [len(rows) for rows in read_in_batches("stellary_cards", ["title"], size=10)]',
        "assert counts == [10, 10, 6], counts",
    )
    migrate(database_url)
    assert read_version(database_url) == NEXT


def test_an_index_that_failed_half_way_is_made_again(postgres_url, next_version):
    fill(postgres_url, 3)
    next_version.write('create_index("ix_test_title", "stellary_cards", ["title"], unique=True)')
    with pytest.raises(IntegrityError):
        migrate(postgres_url)
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_test_title')"
    assert run_sql(postgres_url, valid) == [(False,)]
    with closing(Core(postgres_url)) as core, core.database.writing() as connection:
        connection.execute(text("UPDATE stellary_cards SET title = id"))
    migrate(postgres_url)
    assert run_sql(postgres_url, valid) == [(True,)]


def test_indexes_may_be_partial_and_unique(database_url, next_version):
    fill(database_url, 3)
    next_version.write(
        """create_index("ix_test_title", "stellary_cards", ["title"], unique=True, where="title = 'None'")"""
    )
    migrate(database_url)
    assert read_version(database_url) == NEXT


def test_a_step_has_no_limit_on_its_time(postgres_url, next_version):
    next_version.write("""op.execute("SELECT pg_sleep(0.6)")""")
    joint = "&" if "?" in postgres_url else "?"
    migrate(f"{postgres_url}{joint}options=-c%20statement_timeout%3D300ms")
    assert read_version(postgres_url) == NEXT


def plain(url):
    return url.replace("postgresql+psycopg://", "postgresql://")


@pytest.mark.slow("migrates many rows")
@pytest.mark.wide(when="migrations")
def test_a_step_that_cannot_have_a_lock_steps_back_and_tries_again(postgres_url, next_version, caplog):
    """Check that a migration does not wait long for a lock, since later queries queue behind it."""
    caplog.set_level(logging.INFO, "stellary.core")
    next_version.write('op.add_column("stellary_cards", sa.Column("shade", sa.Integer()))')
    with psycopg.connect(plain(postgres_url)) as reader:
        reader.execute("SELECT count(*) FROM stellary_cards")
        thread = threading.Thread(target=migrate, args=[postgres_url])
        thread.start()
        wait_until(lambda: "migration 9000 waits for other transactions" in caplog.text)
        assert read_version(postgres_url) != NEXT
        reader.rollback()
    thread.join()
    assert read_version(postgres_url) == NEXT


def test_others_wait_for_the_one_that_migrates_on_postgresql(postgres_url, next_version, caplog):
    caplog.set_level(logging.INFO, "stellary.core")
    next_version.write(SHADE)
    with psycopg.connect(plain(postgres_url), autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(%s)", [migrations._LOCK])
        migrating = threading.Thread(target=lambda: at_once(*[lambda: migrate(postgres_url)] * 2))
        migrating.start()
        wait_until(lambda: caplog.text.count("waiting for another process") == 2)
        # An index that is created concurrently waits for all who have a snapshot: they have none.
        snapshots = (
            "SELECT count(*) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()"
        )
        wait_until(lambda: first.execute(snapshots).fetchone() == (0,))
        first.execute("SELECT pg_advisory_unlock_all()")
        migrating.join()
    assert read_version(postgres_url) == NEXT


def test_others_wait_for_the_one_that_migrates_on_sqlite(sqlite_url, next_version, caplog, monkeypatch):
    caplog.set_level(logging.INFO, "stellary.core")
    monkeypatch.setattr(database, "WAIT_MAX", 0.1)
    next_version.write(SHADE)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as first:
        first.execute("BEGIN IMMEDIATE")
        other = threading.Thread(target=migrate, args=[sqlite_url])
        other.start()
        wait_until(lambda: caplog.text.count("waiting for another process") > 1)
        first.execute("COMMIT")
        other.join()
    assert read_version(sqlite_url) == NEXT
