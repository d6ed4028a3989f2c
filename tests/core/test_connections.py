"""The connection pool: connections stay open between units, up to a limit, and are replaced when they are broken."""

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from stellary.contract.errors import Unavailable
from stellary.core.db.connection_pool import ConnectionPool
from tests.support.core_parts import Database


@pytest.fixture
def pool(postgres_url: str, make_engine: Any) -> Iterator[ConnectionPool]:
    engine = make_engine(postgres_url, pool_size=2, max_overflow=0)
    with closing(ConnectionPool(engine, 2, wait=0.01)) as pool:
        yield pool


def server_process(connection: Connection) -> int:
    with connection.begin():
        return connection.execute(text("SELECT pg_backend_pid()")).scalar_one()


def test_connection_is_reused(pool):
    with pool.connect() as connection:
        first = server_process(connection)
    with pool.connect() as connection:
        assert first == server_process(connection)


def test_connection_with_the_same_options_is_preferred(pool):
    options = {"postgresql_readonly": True}
    with pool.connect(options) as reading, pool.connect() as writing:
        pass
    with pool.connect(options) as connection:
        assert connection is reading
    with pool.connect() as connection:
        assert connection is writing


def test_waiting_too_long_raises_unavailable(pool):
    with pool.connect(), pool.connect(), pytest.raises(Unavailable), pool.connect():
        pass


def test_all_connections_are_replaced_after_the_server_ended_one(pool):
    with pool.connect() as one, pool.connect() as other:
        before = {server_process(one), server_process(other)}
        with pytest.raises(DBAPIError), one.begin():
            one.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with pool.connect() as one, pool.connect() as other:
        after = {server_process(one), server_process(other)}
    assert before.isdisjoint(after)


def test_units_that_read_and_units_that_write_have_connections_of_their_own(postgres_url):
    with closing(Database(postgres_url)) as database:
        with database.reading() as connection:
            reader = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            assert connection.execute(text("SHOW transaction_read_only")).scalar_one() == "on"
        with database.writing() as connection:
            assert reader != connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            assert connection.execute(text("SHOW transaction_read_only")).scalar_one() == "off"
            assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"


def test_reader_gets_its_turn_beside_threads_that_read_all_the_time(sqlite_url):
    """Two threads hold both readers, and ask for them again at once."""
    with closing(Database(sqlite_url)) as database:
        stopping = threading.Event()

        def read_on() -> None:
            while not stopping.is_set():
                with database.reading() as connection:
                    connection.execute(text("SELECT 1"))

        threads = [threading.Thread(target=read_on) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                with database.reading() as connection:
                    assert connection.execute(text("SELECT 1")).scalar() == 1
        finally:
            stopping.set()
            for thread in threads:
                thread.join()
