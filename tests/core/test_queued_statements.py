"""Statements that are executed in one round trip with later ones: in order, in their transaction, and with their errors."""

from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import generators
from sqlalchemy import bindparam, delete, event, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from stellary.core import Core
from stellary.core.db.bound_statements import BoundStatement, StatementRejected
from stellary.core.db.direct_connection import queue_rows, queue_statement
from stellary.core.db.errors import can_retry
from stellary.core.db.psycopg_statements import StatementExecutor
from tests.support.core_parts import Database
from tests.support.tables import users
from tests.support.world import StoppedClock, World

NOW = datetime(2026, 4, 1, 12, 30, tzinfo=UTC)
ADD = insert(users)
RENAME = update(users).where(users.c.id == bindparam("_id"))
REMOVE = delete(users).where(users.c.id == bindparam("_id"))
NAMES = select(users.c.name).order_by(users.c.id)


def user(letter, **values):
    address = f"{letter}@example.org"
    row = {"id": letter * 24, "email": address, "email_key": address, "name": letter, "password_hash": None}
    return {**row, "token_generation": 1, "created_at": NOW, "updated_at": NOW, **values}


def read_names(connection):
    return connection.execute(NAMES).scalars().all()


def warm_up(database):
    """Execute the statements often enough that the driver executes them."""
    for _ in range(3):
        with suppress(ZeroDivisionError), database.writing() as connection:
            connection.execute(ADD, user("x"))
            connection.execute(ADD, [user("y"), user("z")])
            connection.execute(RENAME, {"_id": "x" * 24, "name": "y"})
            connection.execute(REMOVE, {"_id": "x" * 24})
            read_names(connection)
            raise ZeroDivisionError


@pytest.fixture
def database(core):
    warm_up(core.database)
    return core.database


@pytest.fixture
def postgres_database(postgres_url):
    with closing(Database(postgres_url)) as database:
        warm_up(database)
        yield database


@pytest.fixture
def round_trips(monkeypatch):
    """Count the times that psycopg waits for PostgreSQL."""
    waits = []

    def wait(driver, *arguments, **options):
        waits.append(driver)
        return original(driver, *arguments, **options)

    original = psycopg.Connection.wait
    monkeypatch.setattr(psycopg.Connection, "wait", wait)
    return waits


def test_queued_statements_are_executed_in_order(database):
    with database.writing() as connection:
        queue_statement(connection, ADD, user("a"))
        queue_statement(connection, RENAME, {"_id": "a" * 24, "name": "Ann"})
        queue_rows(connection, ADD, [user("b"), user("c")])
        assert read_names(connection) == ["Ann", "b", "c"]
        queue_statement(connection, REMOVE, {"_id": "b" * 24})
    with database.reading() as connection:
        assert read_names(connection) == ["Ann", "c"]


def test_results_of_queued_statements_are_the_same_as_executed(database):
    with database.writing() as connection:
        added = queue_statement(connection, ADD, user("a"))
        before = queue_statement(connection, NAMES, {})
        renamed = queue_statement(connection, RENAME, {"_id": "a" * 24, "name": "Ann"})
        missing = queue_statement(connection, RENAME, {"_id": "b" * 24, "name": "Bob"})
        assert queue_statement(connection, NAMES, {}).fetch().scalars().all() == ["Ann"]
        assert before.fetch().scalars().all() == ["a"]
        assert [result.row_count for result in (added, renamed, missing)] == [1, 1, 0]


def test_rows_of_a_queued_statement_are_read_again_and_again(core):
    for _ in range(4):
        with core.database.writing() as connection:
            rows = queue_statement(connection, select(1), {})
            assert rows.fetch_rows() == rows.fetch_rows() == [(1,)]


def test_statement_without_a_plan_can_be_queued(database):
    statement = select(users.c.name).where(users.c.name != bindparam("name"))
    with database.writing() as connection:
        results = []
        for letter in "abc":
            queue_statement(connection, ADD, user(letter))
            results.append(queue_statement(connection, statement, {"name": "b"}))
        assert [len(result.fetch().all()) for result in results] == [1, 1, 2]


def test_rows_of_several_batches_are_all_written(database):
    rows = [user("a", id=f"{number:024}", email_key=str(number)) for number in range(1_234)]
    with database.writing() as connection:
        queue_rows(connection, ADD, rows)
    with database.reading() as connection:
        assert len(read_names(connection)) == 1_234


def add_twice(database, *, reads):
    with database.writing() as connection:
        queue_statement(connection, ADD, user("a"))
        queue_statement(connection, ADD, user("a"))
        queue_statement(connection, RENAME, {"_id": "a" * 24, "name": "Ann"})
        if reads:
            read_names(connection)


@pytest.mark.parametrize("reads", [True, False], ids=["with the next one", "at the commit"])
def test_rejected_statement_fails(postgres_database, reads):
    with pytest.raises(IntegrityError) as caught:
        add_twice(postgres_database, reads=reads)
    assert caught.value.statement.startswith("INSERT INTO stellary_users")
    assert "hidden" in str(caught.value)
    with postgres_database.writing() as connection:
        assert read_names(connection) == []
        queue_statement(connection, ADD, user("a"))
    with postgres_database.reading() as connection:
        assert read_names(connection) == ["a"]


def test_listener_hears_a_commit_that_sends_queued_statements(postgres_database):
    commits = []
    event.listen(postgres_database.engine, "commit", commits.append)
    with postgres_database.writing() as connection:
        queue_statement(connection, ADD, user("a"))
    with pytest.raises(IntegrityError):
        add_twice(postgres_database, reads=False)
    with postgres_database.writing() as connection:
        assert read_names(connection) == ["a"]
    assert len(commits) >= 2


@pytest.mark.parametrize("reads", [True, False], ids=["with the next one", "at the commit"])
def test_transaction_without_a_required_row_fails_and_can_be_repeated(postgres_database, reads):
    def rename(letter):
        with postgres_database.writing() as connection:
            rename = {"_id": letter * 24, "name": "Ann"}
            assert queue_statement(connection, RENAME, rename, requires_row=True).row_count == 1
            queue_statement(connection, ADD, user("c"))
            if reads:
                read_names(connection)

    with postgres_database.writing() as connection:
        queue_statement(connection, ADD, user("a"))
    with pytest.raises(OperationalError) as caught:
        rename("b")
    assert can_retry(caught.value)
    with postgres_database.reading() as connection:
        assert read_names(connection) == ["a"]
    rename("a")
    with postgres_database.reading() as connection:
        assert read_names(connection) == ["Ann", "c"]


def test_rollback_discards_queued_statements(database):
    with suppress(ZeroDivisionError), database.writing() as connection:
        queue_statement(connection, ADD, user("a"))
        raise ZeroDivisionError
    with database.writing() as connection:
        assert read_names(connection) == []


def test_savepoint_divides_queued_statements(database):
    with database.writing() as connection:
        queue_statement(connection, ADD, user("a"))
        with suppress(ZeroDivisionError), connection.begin_nested():
            queue_statement(connection, ADD, user("b"))
            raise ZeroDivisionError
        with connection.begin_nested():
            queue_statement(connection, ADD, user("c"))
    with database.reading() as connection:
        assert read_names(connection) == ["a", "c"]


def test_other_ways_to_the_database_see_queued_statements(postgres_database):
    sql = "SELECT name FROM stellary_users ORDER BY name"
    with postgres_database.writing() as connection:
        queue_statement(connection, ADD, user("a"))
        assert connection.connection.dbapi_connection.execute(sql).fetchall() == [("a",)]
        queue_statement(connection, ADD, user("b"))
        assert connection.exec_driver_sql(sql).scalars().all() == ["a", "b"]
        queue_statement(connection, ADD, user("c"))
        assert connection.execute(text(sql)).scalars().all() == ["a", "b", "c"]


def test_unit_of_a_group_is_undone_with_its_queued_statements(database):
    def add(letter):
        with database.writing() as connection:
            queue_statement(connection, ADD, user(letter))
            if letter == "b":
                raise ZeroDivisionError

    with database.gathering():
        for letter in "abc":
            with suppress(ZeroDivisionError):
                add(letter)
    with database.reading() as connection:
        assert read_names(connection) == ["a", "c"]


def test_group_of_units_without_statements_is_committed(postgres_database):
    with postgres_database.gathering():
        for error in (None, ZeroDivisionError, None):
            with suppress(ZeroDivisionError), postgres_database.writing():
                if error:
                    raise error


def test_rejected_statement_at_the_end_of_a_group_undoes_it(postgres_database):
    def add_in_two_units():
        with postgres_database.gathering():
            for _ in range(2):
                with postgres_database.writing() as connection:
                    queue_statement(connection, ADD, user("a"))

    with pytest.raises(IntegrityError):
        add_in_two_units()
    with postgres_database.writing() as connection:
        assert read_names(connection) == []


def test_lost_connection_fails_with_queued_statements(postgres_database):
    def lose_connection():
        with postgres_database.writing() as connection:
            pid = connection.connection.dbapi_connection.info.backend_pid
            with postgres_database.reading() as other:
                other.execute(text(f"SELECT pg_terminate_backend({pid}, 5000)"))
            queue_statement(connection, ADD, user("a"))

    with pytest.raises(OperationalError) as caught:
        lose_connection()
    assert caught.value.connection_invalidated
    with postgres_database.writing() as connection:
        assert read_names(connection) == []


# ---------------------------------------------------------------------------------------------- round trips


@pytest.fixture
def board(postgres_url):
    """A project with a label in PostgreSQL, and two of its members."""
    with closing(Core(postgres_url, bcrypt_rounds=4)) as core:
        world = World(core)
        ann, bob = world.people("ann bob")
        workspace = world.workspace(ann)
        world.join(bob, workspace)
        project = world.project(ann, workspace)
        label = world.ask(ann, "POST", f"{project.path}/labels", {"name": "bug"})["id"]
        yield world, ann, bob, project, label


def test_create_takes_three_round_trips(board, round_trips):
    """The access check, the references with the locks, and all that is written with the commit."""
    world, ann, bob, project, label = board
    counts = []
    for _ in range(8):
        round_trips.clear()
        world.card(ann, project, assigneeId=bob.id, labelIds=[label])
        counts.append(len(round_trips))
    assert counts[-1] == 3


def test_change_takes_two_round_trips(board, round_trips):
    """The access check with the recipients, and all that is written with the commit."""
    world, ann, bob, project, _ = board
    path = f"{project.path}/cards/{world.card(ann, project, assigneeId=bob.id)['id']}"
    for number in range(5):
        round_trips.clear()
        world.ask(ann, "PATCH", path, {"title": f"title {number}"})
    assert len(round_trips) == 2
    assert world.ask(bob, "GET", "/notifications/count") == {"count": 6}


def test_move_takes_three_round_trips(board, round_trips):
    """The access check with the recipients, the neighbours with the locks, and all that is written with the commit.

    The last move is made in the same millisecond as the one before.
    """
    world, ann, bob, project, _ = board
    cards = [world.card(ann, project, column=column, assigneeId=bob.id) for column in (0, 0, 0, 1, 1)]
    world.core.env.clock = clock = StoppedClock(datetime.now(UTC).replace(microsecond=0))
    counts = []
    for number in range(10):
        clock.now += timedelta(seconds=number < 9)
        round_trips.clear()
        change = {"columnId": project.column_ids[(number + 1) % 2], "order": 1}
        world.ask(ann, "PATCH", f"{project.path}/cards/{cards[0]['id']}", change)
        counts.append(len(round_trips))
    assert counts[-2:] == [3, 3]


# ---------------------------------------------------------------------------------------------- psycopg


@pytest.fixture
def driver(postgres_url):
    with psycopg.connect(
        postgres_url.replace("postgresql+psycopg", "postgresql"), prepare_threshold=2
    ) as driver:
        driver.execute("CREATE TEMP TABLE numbers (number int PRIMARY KEY)")
        driver.commit()
        yield driver


def count_prepared(driver):
    sql = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT%'"
    return driver.execute(sql, prepare=False).fetchone()[0]


def test_executor_returns_the_rows_and_counts_of_all_statements(driver):
    statements = [
        BoundStatement(b"INSERT INTO numbers VALUES ($1), ($2)", (1, 2)),
        BoundStatement(b"SELECT number + $1 FROM numbers", (5,)),
    ]
    for _ in range(4):
        assert StatementExecutor(driver).execute(statements) == [((), 2), ([(6,), (7,)], 2)]
        driver.rollback()


def test_statement_that_is_repeated_is_prepared_once(driver):
    statements = [
        BoundStatement(b"INSERT INTO numbers VALUES ($1)", (number,), is_repeated=True)
        for number in range(1_100)
    ]
    StatementExecutor(driver).execute(statements, commits=True)
    assert driver.execute("SELECT count(*) FROM numbers").fetchone() == (1_100,)
    assert count_prepared(driver) == 1


def test_connection_is_used_after_a_rejected_statement(driver):
    executor = StatementExecutor(driver)
    add = BoundStatement(b"INSERT INTO numbers VALUES ($1)", (1,), is_repeated=True)
    failing = [BoundStatement(b"SELECT 1 / $1::int", (0,)), add, add]
    for _ in range(3):
        with pytest.raises(StatementRejected) as caught:
            executor.execute(failing, commits=True)
        assert isinstance(caught.value.error, psycopg.errors.DivisionByZero)
        assert caught.value.statement is failing[0]
        assert driver.info.transaction_status == driver.info.transaction_status.INERROR
        driver.rollback()
    # What was not executed is not prepared either.
    executor.execute([add], commits=True)
    assert driver.execute("SELECT number FROM numbers").fetchall() == [(1,)]


def test_executor_prepares_nothing_where_that_is_turned_off(driver):
    driver.prepare_threshold = None
    add = BoundStatement(b"INSERT INTO numbers VALUES ($1)", (1,), is_repeated=True)
    StatementExecutor(driver).execute([add, BoundStatement(b"SAVEPOINT s", is_command=True)])
    assert driver.execute("SELECT number FROM numbers").fetchall() == [(1,)]
    assert count_prepared(driver) == 0


def test_autocommit_begins_no_transaction(driver):
    driver.autocommit = True
    StatementExecutor(driver).execute([BoundStatement(b"INSERT INTO numbers VALUES ($1)", (1,))])
    assert driver.info.transaction_status == driver.info.transaction_status.IDLE


def test_interrupted_pipeline_leaves_no_usable_connection(driver, monkeypatch):
    def interrupt(pgconn):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(generators, "fetch_many", interrupt)
    with pytest.raises(KeyboardInterrupt):
        StatementExecutor(driver).execute([BoundStatement(b"SELECT 1"), BoundStatement(b"SELECT 2")])
    assert driver.closed


def test_statements_of_a_reader_that_gives_up_are_not_executed(postgres_database):
    with suppress(ZeroDivisionError), postgres_database.reading(snapshot=False) as connection:
        queue_statement(connection, NAMES, {})
        raise ZeroDivisionError
    before = connection.statement_count
    with postgres_database.reading(snapshot=False) as reader:
        assert read_names(reader) == []
    assert (reader is connection, reader.statement_count - before) == (True, 1)
