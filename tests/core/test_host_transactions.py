"""Units in a host's transaction: when their emails and signals go out, and which connections may be borrowed."""

import gc
import logging
import sqlite3
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stellary import Stellary
from stellary.contract.cards import CreateCard
from stellary.contract.errors import Conflict, NotFound, Unavailable
from stellary.contract.port import RawRequest
from stellary.contract.refs import ColumnRef, ProjectRef
from stellary.core import NOBODY, Core
from tests.support.boards import Board, create_board
from tests.support.core_parts import cards
from tests.support.world import PASSWORD, World


@pytest.fixture
def core(host):
    core = Core(host, bcrypt_rounds=4)
    with host.begin() as connection:
        connection.execute(text("CREATE TABLE orders (number INTEGER PRIMARY KEY)"))
    return core


@pytest.fixture
def effects():
    return []


@pytest.fixture
def join(core, effects):
    """Joins a transaction by a unit that has an effect."""

    def join(connection, name):
        core.run(NOBODY, lambda uow: uow.after_commit.append(lambda: effects.append(name)), connection)

    return join


# ------------------------------------------------------------------------------------------------- effects


def test_effects_come_after_the_commit_and_see_what_was_committed(host, core, effects):
    def look():
        with host.connect() as other:
            effects.append(other.execute(text("SELECT count(*) FROM orders")).scalar())

    with host.begin() as connection:
        connection.execute(text("INSERT INTO orders VALUES (7)"))
        core.run(NOBODY, lambda uow: uow.after_commit.append(look), connection)
        assert effects == []
    assert effects == [1]


def test_effects_of_a_rolled_back_savepoint_are_dropped_and_no_others(host, join, effects):
    with host.begin() as connection:
        join(connection, "before")
        undone = connection.begin_nested()
        join(connection, "undone")
        undone.rollback()
        with connection.begin_nested():
            join(connection, "kept")
        join(connection, "after")
        assert effects == []
    assert effects == ["before", "kept", "after"]


def test_savepoints_older_than_the_first_unit_count(host, join, effects):
    with host.begin() as connection:
        undone = connection.begin_nested()
        join(connection, "undone")
        undone.rollback()
        join(connection, "after")
    assert effects == ["after"]


def test_savepoints_within_savepoints_count(host, join, effects):
    with host.begin() as connection:
        outer = connection.begin_nested()
        join(connection, "outer")
        with connection.begin_nested():
            join(connection, "released")
        inner = connection.begin_nested()
        join(connection, "undone")
        inner.rollback()
        join(connection, "outer again")
        outer.commit()
        outer = connection.begin_nested()
        with connection.begin_nested():
            join(connection, "released and undone")
        outer.rollback()
    assert effects == ["outer", "released", "outer again"]


def test_savepoints_of_an_orm_session_count(host, join, effects):
    with Session(host) as session:
        join(session.connection(), "before")
        with session.begin_nested() as nested:
            join(session.connection(), "undone")
            nested.rollback()
        with session.begin_nested():
            join(session.connection(), "kept")
        session.commit()
    assert effects == ["before", "kept"]


def test_effects_of_a_unit_that_fails_are_dropped_and_no_others(host, core, join, effects):
    def fail(uow):
        uow.after_commit.append(lambda: effects.append("failed"))
        raise LookupError

    with host.begin() as connection:
        join(connection, "before")
        with pytest.raises(LookupError):
            core.run(NOBODY, fail, connection)
        join(connection, "after")
    assert effects == ["before", "after"]


def test_effects_of_a_rolled_back_transaction_do_not_come_with_the_next(host, join, effects):
    with host.connect() as connection:
        with connection.begin() as transaction:
            join(connection, "undone")
            transaction.rollback()
        with connection.begin():
            connection.execute(text("INSERT INTO orders VALUES (1)"))
        with connection.begin():
            join(connection, "kept")
        with connection.begin():
            connection.execute(text("INSERT INTO orders VALUES (2)"))
    with host.connect() as connection:
        join_and_leave = connection.begin()
        join(connection, "left open")
        assert join_and_leave.is_active
    with host.begin() as connection:
        connection.execute(text("INSERT INTO orders VALUES (3)"))
    assert effects == ["kept"]


def test_effects_of_a_commit_that_fails_are_dropped(host, join, effects):
    with host.begin() as connection:
        key = "INTEGER REFERENCES orders (number) DEFERRABLE INITIALLY DEFERRED"
        connection.execute(text(f"CREATE TABLE parcels (number {key})"))
    with host.connect() as connection:
        transaction = connection.begin()
        join(connection, "undone")
        connection.execute(text("INSERT INTO parcels VALUES (99)"))
        with pytest.raises(IntegrityError):
            transaction.commit()
    with host.begin() as connection:
        connection.execute(text("INSERT INTO orders VALUES (3)"))
    assert effects == []


def test_an_effect_that_fails_stops_neither_the_others_nor_the_host(host, core, join, effects, caplog):
    with caplog.at_level(logging.ERROR), host.begin() as connection:
        core.run(NOBODY, lambda uow: uow.after_commit.append(lambda: 1 // 0), connection)
        join(connection, "after")
    assert effects == ["after"]
    assert "effect after a commit" in caplog.text
    # And alike in a unit of the core's own.
    core.run(NOBODY, lambda uow: uow.after_commit.extend([lambda: 1 // 0, lambda: effects.append("own")]))
    assert effects == ["after", "own"]


@pytest.mark.slow("runs two thousand units")
def test_a_thousand_units_in_one_transaction_cost_as_much_each_as_the_first(host, core):
    board = create_board(core)
    column = board.workspace.ref.child(ProjectRef, board.project["id"]).child(
        ColumnRef, board.columns[0]["id"]
    )
    topics = []
    core.env.signals.listen(topics.append)

    def signal(uow):
        cards.create_card(uow, column, CreateCard(title="A"))

    def measure(connection, units):
        gc.collect()
        tracemalloc.start()
        try:
            began, before = time.process_time(), tracemalloc.get_traced_memory()[0]
            run_units(connection, units)
            gc.collect()
            return time.process_time() - began, tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()

    def run_units(connection, units):
        for _ in range(units):
            core.run(NOBODY, lambda uow: uow.after_commit.append(wake), connection)

    def wake():
        topics.append("woken")

    with host.begin() as connection:
        core.run(board.owner.actor, signal, connection)
        core.run(board.owner.actor, signal, connection)
        run_units(connection, 50)
        first_seconds, first_bytes = measure(connection, 100)
        run_units(connection, 700)
        last_seconds, last_bytes = measure(connection, 100)
        assert topics == []
    assert last_seconds < 3 * first_seconds
    assert last_bytes < first_bytes + 20_000
    # Equal effects wait once.
    assert topics.count("woken") == 1
    assert len(topics) == len(set(topics))


# ------------------------------------------------------------------------------------------------- borrowed ones


def driver_of(url, *, autocommit):
    """A connection of the driver's own, as a host has it."""
    if url.startswith("sqlite"):
        driver = sqlite3.connect(
            url.removeprefix("sqlite:///"), isolation_level=None if autocommit else "DEFERRED"
        )
        driver.execute("PRAGMA foreign_keys=ON")
        return driver
    return psycopg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False),
        autocommit=autocommit,
    )


@pytest.fixture
def own_core(database_url):
    core = Core(database_url, bcrypt_rounds=4)
    core.run(NOBODY, lambda uow: uow.connection.execute(text("CREATE TABLE orders (number INTEGER)")))
    yield core
    core.close()


def count_orders(core):
    return core.run(
        NOBODY,
        lambda uow: uow.connection.execute(text("SELECT count(*) FROM orders")).scalar(),
        read_only=True,
    )


def test_no_connection_is_told_from_one_that_is_none(own_core):
    with pytest.raises(RuntimeError, match="is None"), own_core.borrowed(None, print):
        pass


def test_a_connection_in_no_transaction_is_not_borrowed(own_core, database_url):
    """Or the host's own rows were lost, since nobody would commit the transaction that the core begins."""
    with closing(driver_of(database_url, autocommit=True)) as driver:
        with pytest.raises(RuntimeError, match="not in a transaction"), own_core.borrowed(driver, print):
            pass
        driver.execute("INSERT INTO orders VALUES (7)")
    assert count_orders(own_core) == 1


def test_a_connection_whose_transaction_has_failed_is_not_borrowed(own_core, postgres_url):
    with closing(driver_of(postgres_url, autocommit=False)) as driver:
        with pytest.raises(psycopg.Error):
            driver.execute("SELECT nothing FROM nowhere")
        with pytest.raises(RuntimeError, match="not in a transaction"), own_core.borrowed(driver, print):
            pass


def test_a_transaction_that_has_ended_is_not_joined(own_core, database_url):
    with closing(driver_of(database_url, autocommit=True)) as driver:
        driver.execute("BEGIN")
        with own_core.borrowed(driver, print) as connection:
            own_core.user(external_id="1", connection=connection)
            driver.execute("COMMIT")
            for unit in (own_core.begin, own_core.view):
                with pytest.raises(RuntimeError, match="not in a transaction"), unit(NOBODY, connection):
                    pass
        driver.execute("INSERT INTO orders VALUES (7)")
    assert count_orders(own_core) == 1


def test_a_connection_of_psycopg_that_begins_by_itself_is_borrowed(postgres_url):
    core = Core(postgres_url)
    with closing(driver_of(postgres_url, autocommit=False)) as driver:
        with core.borrowed(driver, print) as connection:
            actor = core.user(external_id="1", connection=connection)
        driver.commit()
    assert core.user(external_id="1") == actor
    core.close()


def test_effects_on_a_borrowed_connection_wait_for_the_host_and_obey_savepoints(
    own_core, database_url, effects
):
    due = []

    def join(connection, name):
        own_core.run(NOBODY, lambda uow: uow.after_commit.append(lambda: effects.append(name)), connection)

    with closing(driver_of(database_url, autocommit=True)) as driver:
        driver.execute("BEGIN")
        with own_core.borrowed(driver, due.append) as connection:
            join(connection, "before")
            undone = connection.begin_nested()
            join(connection, "undone")
            undone.rollback()
            join(connection, "after")
        driver.execute("COMMIT")
    assert effects == []
    for do in due:
        do()
    assert effects == ["before", "after"]


# ------------------------------------------------------------------------------------------------- forgotten connections


def test_a_unit_of_its_own_beside_a_joined_transaction_is_refused_at_once(host, core):
    """On SQLite it would wait for the host's transaction, on PostgreSQL for any row that it has changed."""
    with host.begin() as connection:
        ann = core.user(external_id="ann", email="ann@example.com", connection=connection)
        for write in (core.begin(ann), closing_run(core, ann)):
            with pytest.raises(RuntimeError, match="pass its connection"), write:
                pass
        # Reading waits for nobody; and whoever passes the connection goes on.
        core.run(ann, lambda uow: uow.connection.execute(text("SELECT 1")), connection)
    with core.begin(ann):
        pass


def closing_run(core, actor):
    """``core.run`` as a block."""
    stack = ExitStack()
    stack.callback(core.run, actor, lambda uow: None)
    return stack


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_unit_of_its_own_after_the_joined_transaction_is_none_beside_it(host, core, end):
    with host.connect() as connection:
        transaction = connection.begin()
        core.run(NOBODY, lambda uow: None, connection)
        getattr(transaction, end)()
        core.run(NOBODY, lambda uow: None)
    with Session(host) as session:
        core.run(NOBODY, lambda uow: None, session.connection())
        getattr(session, end)()
        core.run(NOBODY, lambda uow: None)


def test_a_transaction_that_another_thread_has_joined_is_no_matter(host, core):
    with host.begin() as connection, ThreadPoolExecutor(1) as pool:
        pool.submit(core.run, NOBODY, lambda uow: None, connection).result()
        if not core.database.is_sqlite:
            core.run(NOBODY, lambda uow: None)


def test_a_unit_of_its_own_beside_a_borrowed_connection_is_refused_until_its_commit(own_core, database_url):
    committed = []
    with closing(driver_of(database_url, autocommit=True)) as driver:
        driver.execute("BEGIN")
        with own_core.borrowed(driver, committed.append) as connection:
            own_core.run(NOBODY, lambda uow: None, connection)
        with pytest.raises(RuntimeError, match="pass its connection"), own_core.begin(NOBODY):
            pass
        driver.execute("COMMIT")
        for effect in committed:
            effect()
        driver.execute("BEGIN")
        if not own_core.database.is_sqlite:
            own_core.run(NOBODY, lambda uow: None)
        driver.execute("ROLLBACK")
    own_core.run(NOBODY, lambda uow: None)


def test_a_unit_on_a_hosts_engine_waits_for_a_lock_for_two_seconds_at_most(
    postgres_url, monkeypatch, make_engine
):
    engine = make_engine(postgres_url)
    core = Core(engine, bcrypt_rounds=4)
    ann = World(core).person("ann")
    lock = text("SELECT FROM stellary_users WHERE id = :id FOR UPDATE")
    with core.begin(NOBODY) as uow:
        assert uow.connection.execute(text("SHOW lock_timeout")).scalar() == "2s"
    monkeypatch.setattr("stellary.core.db.postgres.LOCK_TIMEOUT", "50ms")
    with engine.begin() as connection:
        # Of the host's own, which no unit has joined.
        connection.execute(lock, {"id": ann.id})
        with pytest.raises(Unavailable) as caught, core.begin(ann.actor) as uow:
            uow.connection.execute(lock, {"id": ann.id})
        assert caught.value.code == "busy"
    # The host's own transactions are as the host wants them.
    with engine.connect() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "0"


def test_a_hosts_own_limit_for_locks_is_kept(postgres_url, make_engine):
    engine = make_engine(postgres_url, connect_args={"options": "-c lock_timeout=7s"})
    with Core(engine).begin(NOBODY) as uow:
        assert uow.connection.execute(text("SHOW lock_timeout")).scalar() == "7s"


# ------------------------------------------------------------------------------------------------- the SDK


@pytest.fixture
def board(core):
    core.migrate()
    world = World(core)
    return Board(world, world.person())


def open_board(core, board, connection=None):
    client = Stellary.embedded(core.port(board.owner.actor, connection))
    workspace = board.workspace
    return client.workspace(workspace.organization.slug, workspace.slug).project(board.project["id"])


def test_client_joins_the_transaction_and_reads_its_changes(host, core, board):
    with host.begin() as connection:
        joined = open_board(core, board, connection)
        card = joined.column(board.columns[0]["id"]).cards.create(title="Deliver order 7")
        connection.execute(text("INSERT INTO orders VALUES (7)"))
        assert [listed.id for listed in joined.cards.list()] == [card.id]
    assert [listed.id for listed in open_board(core, board).cards.list()] == [card.id]


def test_changes_of_a_joined_client_are_rolled_back_with_the_transaction(host, core, board):
    with host.connect() as connection, connection.begin() as transaction:
        joined = open_board(core, board, connection)
        joined.column(board.columns[0]["id"]).cards.create(title="Deliver order 7")
        transaction.rollback()
    assert list(open_board(core, board).cards.list()) == []


def test_refused_request_of_a_joined_client_leaves_the_transaction_usable(host, core, board):
    with host.begin() as connection:
        joined = open_board(core, board, connection)
        with pytest.raises(NotFound):
            joined.cards.get("6650f0f0f0f0f0f0f0f0f0f0")
        connection.execute(text("INSERT INTO orders VALUES (7)"))
    with host.connect() as connection:
        assert connection.execute(text("SELECT number FROM orders")).scalar() == 7


def test_joined_client_cannot_open_transactions_of_its_own(host, core, board):
    with host.begin() as connection:
        client = Stellary.embedded(core.port(board.owner.actor, connection))
        with pytest.raises(Conflict, match="outside of the transaction"):
            client.auth.change_password(current_password=PASSWORD, new_password="another horse")


def test_joined_port_has_no_streams(host, core, board):
    with host.begin() as connection:
        port = core.port(board.owner.actor, connection)
        with pytest.raises(RuntimeError, match="no streams"):
            port.stream(RawRequest("GET", f"{board.path}/events", "", {}, b""))


def test_joined_port_needs_an_actor(host, core):
    with host.begin() as connection, pytest.raises(TypeError, match="actor"):
        core.port(connection=connection)
