"""Units without a snapshot: they execute the access check and one more statement, outside of a transaction."""

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import DBAPIError

from stellary.core import NOBODY
from stellary.core.db import postgres
from stellary.core.db.direct_connection import fetch_rows
from tests.support.boards import Board
from tests.support.core_parts import SERVICES
from tests.support.tables import users

REQUESTS = {
    "auth.me": "/auth/me",
    "cards.get": "{card}",
    "cards.list": "{project}/cards",
}
"""A request for each service that needs no snapshot."""
_COUNT = select(func.count()).select_from(users)


def is_in_transaction(uow):
    driver = uow.connection.connection.dbapi_connection
    return driver.in_transaction if hasattr(driver, "in_transaction") else not driver.autocommit


def run(core, work):
    return core.units.run(work, NOBODY, read_only=True, snapshot=False)


def test_each_service_without_a_snapshot_is_tested():
    assert {name for name, service in SERVICES.items() if not service.needs_snapshot} == REQUESTS.keys()


def test_only_reading_services_do_without_a_snapshot():
    assert {service.mode for service in SERVICES.values() if not service.needs_snapshot} == {"read"}


@pytest.mark.parametrize("path", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("kind", ["bearer", "api_token"])
def test_service_without_a_snapshot_executes_one_statement_beside_the_checks(
    world, statements, monkeypatch, path, kind
):
    board = Board(world, world.person())
    path = path.format(card=board.of(board.card()), project=board.path)
    token = getattr(world, kind)(board.owner)
    # The first use of an API token is recorded, in another unit; a list is remembered.
    assert world.status(token, "GET", path) == 200
    looks_for_changes = path.endswith("/cards") and not world.core.database.is_sqlite
    tries = []
    read = world.core.units.read

    def note(*arguments, snapshot=True):
        tries.append(snapshot)
        return read(*arguments, snapshot=snapshot)

    monkeypatch.setattr(world.core.units, "read", note)
    with statements() as sent:
        assert world.status(token, "GET", path) == 200
    assert len(sent) <= 2 + (kind == "api_token") + looks_for_changes
    assert tries == [False]


def test_unit_without_a_snapshot_is_in_no_transaction(core):
    def read(uow):
        uow.connection.execute(_COUNT)
        return is_in_transaction(uow)

    for _ in range(2):
        # SQLAlchemy executes a statement, and then there is a plan of it.
        run(core, read)
    assert not run(core, read)
    assert core.run(NOBODY, read, read_only=True)


@pytest.mark.parametrize(
    "count_users",
    [
        lambda connection: connection.execute(_COUNT).scalar(),
        lambda connection: fetch_rows(connection, _COUNT, {})[0][0],
    ],
    ids=["execute", "fetch_rows"],
)
def test_unit_that_needs_a_snapshot_runs_again_in_one(core, count_users):
    tries = []

    def read(uow):
        tries.append(uow)
        return [count_users(uow.connection) for _ in range(3)]

    for _ in range(3):
        tries.clear()
        assert run(core, read) == [0, 0, 0]
        assert len(tries) == 2


def test_unit_without_a_snapshot_writes_nothing(core):
    def write(uow):
        now = uow.now
        row = {
            "id": uow.new_id(),
            "email": "a@b.c",
            "email_key": "a@b.c",
            "name": "Ann",
            "token_generation": 0,
        }
        uow.connection.execute(insert(users), {**row, "created_at": now, "updated_at": now})

    with pytest.raises(DBAPIError):
        run(core, write)
    assert run(core, lambda uow: uow.connection.execute(_COUNT).scalar()) == 0


def test_connection_of_a_unit_without_a_snapshot_serves_others(core):
    for _ in range(20):
        run(core, lambda uow: uow.connection.execute(_COUNT).scalar())
        with core.view(NOBODY) as uow:
            for _ in range(3):
                uow.connection.execute(_COUNT)
            assert is_in_transaction(uow)


def test_pooled_connection_reads_in_a_transaction_with_our_settings(postgres_core, monkeypatch):
    monkeypatch.setattr(postgres, "_is_pooled", lambda driver: True)
    setting = select(func.current_setting("statement_timeout"))

    def read(uow):
        timeout = uow.connection.execute(setting).scalar()
        return timeout, uow.connection.connection.dbapi_connection.info.transaction_status.name

    for _ in range(3):
        assert run(postgres_core, read) == ("30s", "INTRANS")
        with postgres_core.database.reading(snapshot=False) as connection:
            driver = connection.connection.dbapi_connection
        assert driver.info.transaction_status.name == "IDLE"
