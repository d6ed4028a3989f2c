"""Statements that are executed by the driver once SQLAlchemy has compiled them: the same rows, errors and events."""

import gc
import weakref
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import (
    Connection,
    Engine,
    bindparam,
    delete,
    event,
    insert,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError, InvalidRequestError, OperationalError, StatementError

from stellary.core.db.direct_connection import DirectConnection
from stellary.core.db.row_types import Query, RowType
from stellary.core.db.statement_plans import ROWS_PER_INSERT, DirectResult
from tests.support.core_parts import Database
from tests.support.tables import activities, api_tokens, users

NOW = datetime(2026, 4, 1, 12, 30, tzinfo=UTC)
USER = {"name": "Ann", "password_hash": None, "token_generation": 1, "created_at": NOW, "updated_at": NOW}
TOKEN = {
    "id": "b" * 24,
    "user_id": "a" * 24,
    "name": "ci",
    "prefix": "x",
    "token_digest": "d",
    "scopes": ["cards:read", "é"],
    "expires_at": None,
    "last_used_at": NOW,
    "created_at": NOW,
}


def user(letter, **values):
    address = f"{letter}@example.org"
    return {"id": letter * 24, "email": address, "email_key": address, **USER, **values}


@pytest.fixture
def database(core):
    with core.database.writing() as connection:
        connection.execute(insert(users), [user("a"), user("b", name="Bob"), user("c")])
        connection.execute(insert(api_tokens), TOKEN)
    return core.database


@pytest.fixture
def by_sqlalchemy(monkeypatch):
    """The SQL of the statements that SQLAlchemy has executed."""
    sent = []

    def note(connection, dialect, context, *arguments):
        sent.append(context.statement)
        return execute(connection, dialect, context, *arguments)

    execute = Connection._exec_single_context
    monkeypatch.setattr(Connection, "_exec_single_context", note)
    return sent


def test_driver_executes_a_statement_from_the_third_time_on(database, by_sqlalchemy):
    statement = select(users.c.name).where(users.c.id == bindparam("id"))
    with database.reading() as connection:
        names = [connection.execute(statement, {"id": letter * 24}).scalar() for letter in "abab"]
    assert names == ["Ann", "Bob", "Ann", "Bob"]
    assert len(by_sqlalchemy) == 2


def test_plans_outlive_the_unit(database, by_sqlalchemy):
    statement = select(users.c.name)
    for _ in range(4):
        with database.reading() as connection:
            connection.execute(statement).all()
    assert len(by_sqlalchemy) == 2


def test_rows_are_the_same_as_those_of_sqlalchemy(database):
    statement = select(api_tokens, users.c.name.label("user_name")).join(
        users, users.c.id == api_tokens.c.user_id
    )
    with database.reading() as connection:
        results = [connection.execute(statement) for _ in range(3)]
        before, _, after = (result.one() for result in results)
    assert isinstance(results[2], DirectResult)
    assert type(after) is type(before)
    assert after == before
    assert after._mapping == before._mapping
    assert after._mapping[api_tokens.c.scopes] == after.scopes == TOKEN["scopes"]
    assert (after.last_used_at, after.expires_at, after.user_name) == (NOW, None, "Ann")
    assert after.last_used_at.tzinfo is UTC


class NamedRow(RowType):
    """A user."""

    name: str


def test_query_has_the_same_rows_as_sqlalchemy(database, by_sqlalchemy):
    query = Query(NamedRow, select(users.c.id, users.c.name, users.c.created_at).order_by(users.c.id))
    no_rows = Query(NamedRow, select(users.c.name).where(users.c.id == bindparam("id")))
    with database.reading() as connection:
        expected, _, rows = (query.all(connection, {}) for _ in range(3))
        assert [type(row) for row in rows] == [type(row) for row in expected]
        assert rows == expected
        assert rows[0].name == query.first(connection, {}).name == "Ann"
        assert rows[0]._mapping["created_at"] == NOW
        for _ in range(3):
            assert no_rows.first(connection, {"id": "d" * 24}) is None
    assert len(by_sqlalchemy) == 4


def test_results_have_the_methods_of_sqlalchemy(database):
    statement = select(users.c.id, users.c.name).order_by(users.c.id)
    with database.reading() as connection:

        def execute():
            return connection.execute(statement)

        for _ in range(3):
            assert execute().scalars().all() == ["a" * 24, "b" * 24, "c" * 24]
            assert [row.name for row in execute()] == ["Ann", "Bob", "Ann"]
            assert execute().columns("name").all() == [("Ann",), ("Bob",), ("Ann",)]
            assert execute().columns("name").unique().all() == [("Ann",), ("Bob",)]
            assert execute().mappings().first() == {"id": "a" * 24, "name": "Ann"}
            assert [*execute().keys()] == ["id", "name"]
            assert connection.scalar(statement) == "a" * 24
            assert connection.scalars(statement).first() == "a" * 24
            result = execute()
            names = [row.name for row in (result.fetchone(), *result.fetchall())]
            assert (names, result.fetchone()) == (["Ann", "Bob", "Ann"], None)


def test_statements_that_differ_in_a_constant_are_told_apart(database):
    # SQLAlchemy compiles the two only once.
    ann, bob = (select(users.c.name).where(users.c.name == name) for name in ("Ann", "Bob"))
    with database.reading() as connection:
        for _ in range(4):
            assert connection.execute(ann).scalars().all() == ["Ann", "Ann"]
            assert connection.execute(bob).scalars().all() == ["Bob"]


def test_optional_parameter_counts_whenever_it_is_passed(database):
    statement = select(users.c.name).where(users.c.id == bindparam("id", "a" * 24))
    with database.reading() as connection:
        for _ in range(4):
            assert connection.execute(statement).scalar() == "Ann"
            assert connection.execute(statement, {"id": "b" * 24}).scalar() == "Bob"


def test_callable_default_is_called_each_time(database):
    ids = iter("abcab")
    statement = select(users.c.id).where(users.c.id == bindparam(None, callable_=lambda: next(ids) * 24))
    with database.reading() as connection:
        assert [connection.execute(statement).scalar()[0] for _ in range(5)] == [*"abcab"]


def test_lists_of_values_have_any_length(database, by_sqlalchemy):
    statement = (
        select(users.c.id)
        .where(
            users.c.id.in_(bindparam("ids")),
            users.c.id != bindparam("other"),
            users.c.name.in_(["Ann", "Bob"]),
        )
        .order_by(users.c.id)
    )
    with database.reading() as connection:
        for letters in ("ab", "ab", "ba", "a", "", "abc", "bc", "c", "", "cba"):
            ids = [letter * 24 for letter in letters]
            assert connection.execute(statement, {"ids": ids, "other": "x"}).scalars().all() == sorted(ids)
            remaining = connection.execute(statement, {"ids": tuple(ids), "other": "a" * 24}).scalars().all()
            assert remaining == [id for id in sorted(ids) if "a" not in id]
    # The first one, and one for each length.
    assert len(by_sqlalchemy) == 5


def test_collections_without_an_order_are_left_to_sqlalchemy(database, by_sqlalchemy):
    statement = select(users.c.id).where(users.c.id.in_(bindparam("ids"))).order_by(users.c.id)
    with database.reading() as connection:
        for letters in ("ab", "ab", "a", "bc"):
            ids = {letter * 24: True for letter in letters}
            assert connection.execute(statement, {"ids": ids.keys()}).scalars().all() == [*ids]
    assert len(by_sqlalchemy) == 4


def test_lists_of_moments_are_converted(database):
    statement = select(users.c.id).where(users.c.created_at.in_(bindparam("times")))
    with database.reading() as connection:
        for _ in range(4):
            times = [NOW.astimezone(timezone(timedelta(hours=5))), NOW + timedelta(days=1)]
            assert len(connection.execute(statement, {"times": times}).all()) == 3


def test_lists_of_pairs_are_left_to_sqlalchemy(database, by_sqlalchemy):
    statement = select(users.c.id).where(tuple_(users.c.id, users.c.name).in_(bindparam("pairs")))
    with database.reading() as connection:
        for _ in range(4):
            pairs = [("a" * 24, "Ann"), ("b" * 24, "Ann")]
            assert connection.execute(statement, {"pairs": pairs}).scalars().all() == ["a" * 24]
    assert len(by_sqlalchemy) == 4


def test_updates_write_the_columns_that_are_passed(database, by_sqlalchemy):
    statement = update(users).where(users.c.id == bindparam("_id"))
    with database.writing() as connection:
        for number in range(4):
            assert connection.execute(statement, {"_id": "a" * 24, "name": f"Ann {number}"}).rowcount == 1
            assert connection.execute(statement, {"_id": "b" * 24, "token_generation": number}).rowcount == 1
            assert connection.execute(statement, {"_id": "x" * 24, "name": "X"}).rowcount == 0
        rows = connection.execute(select(users.c.name, users.c.token_generation).order_by(users.c.id)).all()
    assert rows[:2] == [("Ann 3", 1), ("Bob", 3)]
    # The fourth is the last SELECT; the rest are the first execution, and one for each set of names.
    assert len(by_sqlalchemy) == 4


def test_inserts_take_one_row_or_several(database):
    statement = insert(users)
    with database.writing() as connection:
        for letter in "defg":
            connection.execute(statement, user(letter))
        for letter in "hij":
            connection.execute(statement, [user(letter)])
        connection.execute(statement, [user("k"), user("l")])
        letters = connection.execute(select(users.c.id).order_by(users.c.id)).scalars()
        assert [id[0] for id in letters] == [*"abcdefghijkl"]


def test_driver_inserts_several_rows_from_the_third_time_on(database, by_sqlalchemy):
    statement = insert(users)
    with database.writing() as connection:
        by_sqlalchemy.clear()
        for letters in ("de", "fgh", "0123", "45"):
            connection.execute(statement, [user(letter) for letter in letters])
        assert len(by_sqlalchemy) == 2
        # One row is another statement, since SQLAlchemy may add RETURNING to it.
        connection.execute(statement, [user("6")])
        rows = connection.execute(select(users.c.id, users.c.created_at).order_by(users.c.id)).fetchall()
    assert [row.id[0] for row in rows] == list("0123456abcdefgh")
    assert {row.created_at for row in rows} == {NOW}


def test_rows_with_different_names_are_the_same_error_as_with_sqlalchemy(database):
    statement = update(users).where(users.c.id == bindparam("_id"))
    changes = [{"_id": letter * 24, "name": letter} for letter in "ab"]
    with database.writing() as connection:
        for _ in range(3):
            connection.execute(statement, changes)
        with pytest.raises(StatementError, match="A value is required for bind parameter 'name'"):
            connection.execute(statement, [changes[0], {"_id": "b" * 24}])


INSERT_OF_USERS = insert(users)
_USER_ID = bindparam("user_id", type_=api_tokens.c.user_id.type)
INSERT_OF_EXISTING_USERS = insert(api_tokens).from_select(
    [*TOKEN],
    select(*(bindparam(name, type_=api_tokens.c[name].type) for name in TOKEN)).where(
        select(users.c.id).where(users.c.id == _USER_ID).exists()
    ),
)


def list_users(batch, count):
    return [
        user("x", id=f"{batch:012}{number:012}", email_key=f"{batch} {number}", name=f"{number} 'é' ?\t\\N\n")
        for number in range(count)
    ]


def list_tokens(batch, count):
    """Return tokens, every fourth of a user that does not exist."""
    return [
        {
            **TOKEN,
            "id": f"{batch:012}{number:012}",
            "user_id": ("a" if number % 4 else "x") * 24,
            "token_digest": f"{batch} {number}",
        }
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("statement", "list_rows", "is_inserted"),
    [
        (INSERT_OF_USERS, list_users, lambda _: True),
        (INSERT_OF_EXISTING_USERS, list_tokens, lambda row: row["user_id"] != "x" * 24),
    ],
    ids=["all rows", "rows on a condition"],
)
def test_many_rows_are_inserted_in_order_by_few_statements(database, statement, list_rows, is_inserted):
    count = 2 * ROWS_PER_INSERT + 3
    with database.writing() as connection:
        for batch in range(2):
            connection.execute(statement, list_rows(batch, count))
    rows, table = list_rows(2, count), statement.table
    inserted = [row for row in rows if is_inserted(row)]
    sent = []
    with database.writing() as connection:
        driver = connection.connection.driver_connection
        if database.is_sqlite:
            driver.set_trace_callback(sent.append)
        try:
            assert connection.execute(statement, rows).rowcount == len(inserted)
        finally:
            if database.is_sqlite:
                driver.set_trace_callback(None)
    with database.reading() as connection:
        columns = [table.c[name] for name in rows[0]]
        stored = connection.execute(select(*columns).where(table.c.id.like(f"{2:012}%")).order_by(table.c.id))
        assert [dict(row) for row in stored.mappings()] == inserted
    assert len(sent) == (2 + 3 if database.is_sqlite else 0)


def test_several_rows_of_which_one_exists_are_refused(database):
    statement = insert(users)
    with database.writing() as connection:
        for letters in ("de", "fg"):
            connection.execute(statement, [user(letter) for letter in letters])
    for new_rows in ([user("h")], list_users(1, ROWS_PER_INSERT)):
        with pytest.raises(IntegrityError), database.writing() as connection:
            connection.execute(statement, [*new_rows, user("a")])
        with database.reading() as connection:
            assert len(connection.execute(select(users.c.id)).fetchall()) == 7


def test_deleted_rows_are_returned_and_counted(database):
    statement = delete(users).where(users.c.id == bindparam("_id")).returning(users.c.name)
    with database.writing() as connection:
        names = [connection.execute(statement, {"_id": letter * 24}).scalar() for letter in "xycb"]
        assert names == [None, None, "Ann", "Bob"]
        assert connection.execute(select(users.c.id)).scalars().all() == ["a" * 24]


def test_generated_numbers_follow_each_other(world):
    ann = world.person()
    workspace = world.workspace(ann)
    for number in range(5):
        world.ask(ann, "POST", f"{workspace.path}/projects", {"name": f"Project {number}"})
    with world.core.database.reading() as connection:
        numbers = connection.execute(select(activities.c.seq).order_by(activities.c.seq)).scalars().all()
    assert len(numbers) >= 5
    assert numbers == [*range(numbers[0], numbers[0] + len(numbers))]


def execute_often(connection, statement, parameters):
    for _ in range(3):
        connection.execute(statement, parameters)


def test_missing_parameter_is_refused_with_the_same_error(database):
    statement = select(users.c.name).where(users.c.id == bindparam("id"))
    with database.reading() as connection:
        execute_often(connection, statement, {"id": "a"})
        with pytest.raises(StatementError, match="A value is required for bind parameter 'id'"):
            connection.execute(statement, {})


def test_refused_statement_is_the_same_error(database):
    statement = insert(users)
    errors = []
    for letter in "deaaa":
        try:
            with database.writing() as connection:
                connection.execute(statement, user(letter))
        except IntegrityError as error:
            errors.append(error)
    with pytest.raises(IntegrityError) as caught, database.writing() as connection:
        Connection.execute(connection, statement, user("a"))
    by_sqlalchemy = caught.value
    assert len(errors) == 3
    for error in errors:
        assert type(error.orig) is type(by_sqlalchemy.orig)
        assert (str(error), error.statement) == (str(by_sqlalchemy), by_sqlalchemy.statement)
        assert not error.connection_invalidated
    with database.reading() as connection:
        assert len(connection.execute(select(users.c.id)).all()) == 5


def test_lost_connection_is_replaced(postgres_url):
    statement = select(users.c.id)

    def lose_connection():
        with database.reading() as connection:
            execute_often(connection, statement, {})
            pid = connection.connection.dbapi_connection.info.backend_pid
            with database.writing() as other:
                other.execute(text(f"SELECT pg_terminate_backend({pid}, 5000)"))
            connection.execute(statement)

    with closing(Database(postgres_url)) as database:
        with pytest.raises(OperationalError) as caught:
            lose_connection()
        assert caught.value.connection_invalidated
        with database.reading() as connection:
            assert connection.execute(statement).all() == []


def test_listeners_hear_of_statements_that_have_a_plan(database, by_sqlalchemy):
    statement = select(users.c.id)
    heard = []

    def hear(connection, cursor, sql, *arguments):
        heard.append(sql)

    with database.reading() as connection:
        execute_often(connection, statement, {})
        event.listen(Engine, "before_cursor_execute", hear)
        try:
            connection.execute(statement)
        finally:
            event.remove(Engine, "before_cursor_execute", hear)
        assert len(heard) == 1
        assert len(by_sqlalchemy) == 3
        connection.execute(statement)
        assert len(by_sqlalchemy) == 3


def test_handlers_of_the_dialect_take_part(database):
    statement = select(users.c.id)
    heard = []
    with database.reading() as connection:
        execute_often(connection, statement, {})

        def hear(cursor, sql, parameters, context):
            heard.append(sql)

        event.listen(connection.engine, "do_execute", hear)
        try:
            connection.execute(statement)
        finally:
            event.remove(connection.engine, "do_execute", hear)
    assert len(heard) == 1


def test_statement_after_a_savepoint_has_ended_is_refused(database):
    statement = select(users.c.id)
    with database.writing() as connection:
        execute_often(connection, statement, {})
        with connection.begin_nested() as savepoint:
            savepoint.rollback()
            with pytest.raises(InvalidRequestError, match="closed transaction inside context manager"):
                connection.execute(statement)
        assert len(connection.execute(statement).all()) == 3


def test_rollback_to_a_savepoint_undoes_what_the_driver_has_executed(database):
    statement = update(users).values(name=bindparam("_name"))
    with database.writing() as connection:
        execute_often(connection, statement, {"_name": "kept"})
        with suppress(ZeroDivisionError), connection.begin_nested():
            connection.execute(statement, {"_name": "undone"})
            raise ZeroDivisionError
        assert connection.execute(select(users.c.name).distinct()).scalars().all() == ["kept"]


def test_statements_on_tables_of_a_host_are_left_to_sqlalchemy(database, by_sqlalchemy):
    statement = text("SELECT 1")
    with database.reading() as connection:
        execute_often(connection, statement, {})
    assert len(by_sqlalchemy) == 3


def test_statements_with_execution_options_are_left_to_sqlalchemy(database, by_sqlalchemy):
    statement = select(users.c.id).order_by(users.c.id)
    with database.reading() as connection:
        for _ in range(4):
            blocks = connection.execute(statement, execution_options={"yield_per": 2}).partitions()
            assert [len(block) for block in blocks] == [2, 1]
            blocks = connection.execute(statement.execution_options(yield_per=2)).partitions()
            assert [len(block) for block in blocks] == [2, 1]
    assert len(by_sqlalchemy) == 8


def test_connections_of_a_host_are_not_direct(host):
    with closing(Database(host)) as database:
        for mode in (database.reading, database.writing):
            with mode() as connection:
                assert not isinstance(connection, DirectConnection)


@pytest.mark.slow("builds many statements")
def test_statement_that_is_built_for_one_call_is_not_kept(database):
    def execute(name):
        statement = select(users.c.id).where(users.c.name == name)
        with database.reading() as connection:
            for _ in range(4):
                connection.execute(statement).all()
        return weakref.ref(statement)

    # SQLAlchemy keeps the first one of a kind.
    execute("Bob")
    reference = execute("Ann")
    gc.collect()
    assert reference() is None


def test_times_in_other_zones_are_stored_in_utc(database):
    berlin = ZoneInfo("Europe/Berlin")
    # An hour that occurs twice: the two times are equal for Python, but not the same.
    times = [datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1)]
    for time in [*times, NOW.astimezone(berlin), datetime(1, 1, 2, tzinfo=UTC)]:
        with database.writing() as connection:
            connection.execute(update(users), {"updated_at": time})
        with database.reading() as connection:
            stored = connection.execute(select(users.c.updated_at).limit(1)).scalar()
        assert (stored, stored.tzinfo) == (time.astimezone(UTC), UTC)


def test_percent_signs_and_repeated_parameters_keep_their_meaning(database, by_sqlalchemy):
    statement = text(
        "SELECT '100%' AS one, CAST(:a AS TEXT) AS two, CAST(:b AS TEXT) AS three, CAST(:a AS TEXT) AS four "
        "FROM stellary_users WHERE id LIKE 'a%' AND name <> '%%'"
    )
    with database.writing() as connection:
        rows = [tuple(connection.execute(statement, {"a": "x", "b": "50%"}).one()) for _ in range(4)]
        assert rows == [("100%", "x", "50%", "x")] * 4
    assert len(by_sqlalchemy) < 4
