"""Connections: readers, writers and waiting times, and the transactions of hosts."""

import os
import re
import signal
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from stellary.contract.errors import Conflict, ServerError, Unavailable
from stellary.contract.organizations import CreateOrganization
from stellary.contract.refs import Ref, WorkspaceRef
from stellary.contract.wire import Paged
from stellary.contract.workspaces import InviteMember
from stellary.core import NOBODY, Core
from stellary.core.db import database, postgres
from stellary.core.db.database import Database
from stellary.core.db.fair_lock import FairLock
from tests.support import tables
from tests.support.core_parts import invitations, organizations
from tests.support.each_case import for_each
from tests.support.waiting import wait_until
from tests.support.world import World, at_once

COUNT = text("SELECT count(*) FROM stellary_users")
SQLITE_WRITE = text("UPDATE stellary_alembic_version SET version_num = version_num")


# ------------------------------------------------------------------------------------------------- the fair lock


def test_the_lock_is_handed_on_in_the_order_in_which_it_was_asked_for():
    lock, order = FairLock(), []

    def take(number):
        assert lock.acquire(10)
        order.append(number)
        lock.release()

    lock.acquire(1)
    threads = [threading.Thread(target=take, args=(number,)) for number in range(20)]
    for number, thread in enumerate(threads):
        thread.start()
        wait_until(lambda: len(lock._semaphore._waiting) == number + 1)  # noqa: B023
    lock.release()
    for thread in threads:
        thread.join()
    assert order == list(range(20))
    assert lock.acquire(0)


def test_a_released_lock_belongs_to_the_thread_that_waits():
    for _ in range(50):
        lock, finished = FairLock(), threading.Event()

        def wait_for_the_lock(lock=lock, finished=finished):
            assert lock.acquire(10)
            finished.wait()
            lock.release()

        lock.acquire(1)
        thread = threading.Thread(target=wait_for_the_lock)
        thread.start()
        wait_until(lambda: len(lock._semaphore._waiting) == 1)  # noqa: B023
        lock.release()
        assert not lock.acquire(0)
        finished.set()
        thread.join()


@contextmanager
def hold_lock() -> Iterator[FairLock]:
    """Yield a lock that another thread holds until the block ends."""
    lock, held, release = FairLock(), threading.Event(), threading.Event()

    def hold() -> None:
        lock.acquire(1)
        held.set()
        release.wait(10)
        lock.release()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        yield lock
    finally:
        release.set()
        thread.join()


def test_who_has_waited_long_enough_waits_no_longer():
    with hold_lock() as lock:
        started_at = time.monotonic()
        assert not lock.acquire(0.05)
        assert time.monotonic() - started_at > 0.04
    assert lock.acquire(0)


class Late:
    """A lock whose wait ends in the very moment in which it is handed over."""

    def __init__(self, lock, error):
        self.lock = lock
        self.error = error

    def acquire(self, timeout=None):
        if timeout is None:
            return True
        self.lock.release()
        if self.error:
            raise self.error
        return False

    def release(self):
        pass


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_a_lock_that_is_handed_over_when_the_wait_ends_is_not_lost(monkeypatch, error):
    lock = FairLock()
    holder = threading.Thread(target=lambda: lock.acquire(1))
    holder.start()
    holder.join()
    with monkeypatch.context() as patched:
        patched.setattr(database.threading, "Lock", lambda: Late(lock, error))
        if error:
            with pytest.raises(error):
                lock.acquire(0.1)
            assert lock.acquire(0.1)
        else:
            assert lock.acquire(0.1)
    lock.release()
    assert lock.acquire(0)


def test_who_holds_the_lock_and_asks_again_is_told_so():
    lock = FairLock()
    lock.acquire(1)
    with pytest.raises(RuntimeError, match="cannot be opened inside another"):
        lock.acquire(1)


def test_who_is_interrupted_while_waiting_keeps_nobody_waiting():
    main = threading.main_thread().ident
    # A shell that runs the tests in the background has them ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with hold_lock() as lock:
        try:
            threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT)).start()
            with pytest.raises(KeyboardInterrupt):
                lock.acquire(10)
        finally:
            signal.signal(signal.SIGINT, before)
    assert lock.acquire(0)


# ------------------------------------------------------------------------------------------------- own connections


def test_a_unit_inside_another_of_the_same_thread_is_refused_on_sqlite(sqlite_core):
    begin = sqlite_core.begin
    with begin(NOBODY), pytest.raises(RuntimeError, match="inside another"), begin(NOBODY):
        pass


def test_a_reader_sees_one_moment_throughout(core):
    world = World(core)
    with core.view(NOBODY) as uow:
        before = uow.connection.execute(COUNT).scalar()
        world.person("ann")
        assert uow.connection.execute(COUNT).scalar() == before
    with core.view(NOBODY) as uow:
        assert uow.connection.execute(COUNT).scalar() == before + 1


def test_a_reader_cannot_write(core):
    with pytest.raises(ServerError) as caught, core.view(NOBODY) as uow:
        uow.connection.execute(SQLITE_WRITE)
    assert re.search("readonly|read-only", str(caught.value.__cause__))


def test_what_a_reader_of_an_in_memory_database_writes_is_thrown_away():
    core = Core("sqlite://", bcrypt_rounds=4)
    core.migrate()
    delete = text("DELETE FROM stellary_alembic_version")
    with core.view(NOBODY) as uow:
        assert uow.connection.execute(delete).rowcount == 1
    with core.view(NOBODY) as uow:
        assert uow.connection.execute(delete).rowcount == 1
    core.close()


def test_writers_wait_for_each_other_and_all_get_their_turn(core):
    ann = World(core).person("ann")
    read = select(tables.users.c.token_generation).where(tables.users.c.id == ann.id)

    def add():
        for _ in range(10):
            with core.begin(NOBODY) as uow:
                now = uow.connection.execute(read.with_for_update()).scalar_one()
                uow.connection.execute(tables.users.update().values(token_generation=now + 1))

    at_once(*[add] * 8)
    with core.view(NOBODY) as uow:
        assert uow.connection.execute(read).scalar() == 80


def test_what_fails_is_undone(core):
    before = World(core).person("ann")

    def half_done():
        with core.begin(NOBODY) as uow:
            uow.connection.execute(tables.users.update().values(name="lost"))
            raise LookupError

    with pytest.raises(LookupError):
        half_done()
    with core.view(NOBODY) as uow:
        name = select(tables.users.c.name).where(tables.users.c.id == before.id)
        assert uow.connection.execute(name).scalar() == "ann"


def pragma(connection, name):
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_sqlite_is_durable_keeps_foreign_keys_and_only_the_writer_checkpoints(sqlite_core):
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    for unit, checkpoints in ((sqlite_core.begin, 4000), (sqlite_core.view, 0)):
        with unit(NOBODY) as uow:
            values = {name: pragma(uow.connection, name) for name in (*expected, "wal_autocheckpoint")}
        assert values == expected | {"wal_autocheckpoint": checkpoints}


def test_a_writer_waits_for_readers_no_more_than_they_for_it(sqlite_core):
    with sqlite_core.view(NOBODY) as first, sqlite_core.view(NOBODY) as second:
        for uow in (first, second):
            uow.connection.execute(COUNT).scalar()
        done = threading.Thread(target=sqlite_core.probe)
        done.start()
        done.join(5)
        assert not done.is_alive()


def test_who_waits_too_long_for_the_writer_is_told_so(sqlite_core, monkeypatch):
    monkeypatch.setattr(database, "WAIT_MAX", 0.05)
    connections = []

    def ask():
        with pytest.raises(Unavailable) as caught, sqlite_core.begin(NOBODY):
            pass
        connections.append(caught.value.retry_after)

    with sqlite_core.begin(NOBODY):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert connections == [1]


@pytest.mark.parametrize(
    ("unit", "other", "count"), [("begin", "view", postgres.WRITERS), ("view", "begin", postgres.READERS)]
)
def test_writers_and_readers_wait_for_their_own_connections_only(
    postgres_url, monkeypatch, unit, other, count
):
    monkeypatch.setattr(database, "WAIT_MAX", 0.2)
    with closing(Core(postgres_url)) as core, ExitStack() as units:
        for _ in range(count):
            units.enter_context(getattr(core, unit)(NOBODY))
        with pytest.raises(Unavailable), getattr(core, unit)(NOBODY):
            pass
        with getattr(core, other)(NOBODY) as uow:
            uow.connection.execute(COUNT)


@pytest.mark.parametrize(("unit", "option"), [("begin", "writers"), ("view", "readers")])
def test_numbers_of_writers_and_readers_can_be_set(postgres_url, monkeypatch, unit, option):
    monkeypatch.setattr(database, "WAIT_MAX", 0.2)
    with closing(Core(postgres_url, **{option: 12})) as core, ExitStack() as units:
        for _ in range(12):
            units.enter_context(getattr(core, unit)(NOBODY)).connection.execute(COUNT)
        with pytest.raises(Unavailable), getattr(core, unit)(NOBODY):
            pass


@for_each(
    "url, options, message",
    [
        ("sqlite:///a.db", {"writers": 2}, "writers cannot be set: SQLite has one writer"),
        ("sqlite://", {"readers": 2}, "readers cannot be set: SQLite in memory has one connection"),
        ("postgresql://localhost/a", {"readers": 0}, "readers must be at least 1"),
        (create_engine("sqlite://"), {"readers": 2}, "readers cannot be set for an engine"),
    ],
)
def test_number_that_a_database_cannot_have_is_refused(url, options, message):
    with pytest.raises(ValueError, match=message):
        Core(url, **options)


def test_connections_that_the_server_has_ended_are_replaced_all_at_once(postgres_url, make_engine):
    core = Core(postgres_url)
    pid = text("SELECT pg_backend_pid()")

    def pids():
        units = core.database.writing, core.database.writing, core.database.reading
        with ExitStack() as stack:
            return {stack.enter_context(unit()).execute(pid).scalar() for unit in units}

    ended = pids()
    with make_engine(postgres_url).connect() as administrator:
        for connection in ended:
            administrator.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": connection})
    with pytest.raises(OperationalError):
        core.probe()
    assert not pids() & ended
    core.close()


def test_an_error_tells_no_values(core):
    with (
        pytest.raises(DBAPIError) as caught,
        core.begin(NOBODY) as uow,
    ):
        uow.connection.execute(text("SELECT nothing FROM nowhere WHERE x = :x"), {"x": "s3cret"})
    assert "s3cret" not in str(caught.value)


# ------------------------------------------------------------------------------------------------- a host's own


@pytest.fixture
def embedded_core(host):
    return Core(host, bcrypt_rounds=4)


@pytest.fixture
def ann(embedded_core):
    return World(embedded_core).person("ann")


def make_organization(core, ann, connection, slug="acme"):
    with core.begin(ann.actor, connection) as uow:
        organizations.create_organization(uow, Ref(), CreateOrganization(name="Acme", slug=slug))


def slugs(core, ann):
    with core.view(ann.actor) as uow:
        return sorted(row.slug for row in uow.connection.execute(select(tables.organizations.c.slug)))


def test_a_unit_that_joins_is_committed_by_the_host(host, embedded_core, ann):
    with host.begin() as connection:
        make_organization(embedded_core, ann, connection)
    assert slugs(embedded_core, ann) == ["acme", "ann"]


def test_a_unit_that_joins_is_undone_by_the_host(host, embedded_core, ann):
    with host.connect() as connection, connection.begin() as transaction:
        make_organization(embedded_core, ann, connection)
        transaction.rollback()
    assert slugs(embedded_core, ann) == ["ann"]


def test_a_unit_that_fails_leaves_the_hosts_transaction_as_it_was(host, embedded_core, ann):
    with host.begin() as connection:
        make_organization(embedded_core, ann, connection, "first")
        with pytest.raises(Conflict):
            make_organization(embedded_core, ann, connection, "first")
        make_organization(embedded_core, ann, connection, "second")
    assert slugs(embedded_core, ann) == ["ann", "first", "second"]


def test_a_unit_joins_the_transaction_of_an_orm_session(host, embedded_core, ann):
    with Session(host) as session:
        make_organization(embedded_core, ann, session.connection(), "first")
        session.rollback()
        make_organization(embedded_core, ann, session.connection(), "second")
        session.commit()
    assert slugs(embedded_core, ann) == ["ann", "second"]


def test_a_unit_joins_no_transaction_that_nobody_would_commit(host, embedded_core, ann):
    with host.connect() as connection, pytest.raises(RuntimeError, match="not in a transaction"):
        make_organization(embedded_core, ann, connection)


def test_a_view_of_a_hosts_transaction_sees_what_is_not_committed_yet(host, embedded_core, ann):
    with host.begin() as connection:
        make_organization(embedded_core, ann, connection)
        with embedded_core.view(ann.actor, connection) as uow:
            assert len(organizations.list_organizations(uow, Ref(), Paged()).items) == 2


def test_emails_go_out_once_the_host_has_committed(host, embedded_core, ann):
    world = World(embedded_core)
    place = world.workspace(ann)
    ref = WorkspaceRef(place.organization.slug, place.slug)

    def invite(connection, email):
        with embedded_core.begin(ann.actor, connection) as uow:
            invitations.invite_member(uow, ref, InviteMember(email=email))

    with host.connect() as connection:
        with connection.begin() as transaction:
            invite(connection, "bob@example.com")
            transaction.rollback()
        with connection.begin():
            invite(connection, "cid@example.com")
            assert world.emails == []
        with connection.begin():
            connection.execute(COUNT)
    assert [email.to for email in world.emails] == ["cid@example.com"]


def test_a_reader_of_a_hosts_engine_sees_one_moment_throughout(postgres_url, make_engine):
    engine = make_engine(postgres_url)
    core = Core(engine, bcrypt_rounds=4)
    with core.view(NOBODY) as uow:
        before = uow.connection.execute(COUNT).scalar()
        World(core).person("ann")
        assert uow.connection.execute(COUNT).scalar() == before


def test_who_waits_too_long_for_a_connection_of_the_hosts_is_told_so(postgres_url, make_engine):
    engine = make_engine(postgres_url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    core = Core(engine)
    with engine.connect(), pytest.raises(Unavailable), core.view(NOBODY):
        pass


def test_a_hosts_engine_stays_open(host, embedded_core):
    embedded_core.close()
    with host.connect() as connection:
        connection.execute(COUNT)
        assert host.pool.checkedout() == 1


# A host's SQLite is used as its driver is by itself: it begins transactions late, and keeps no foreign keys.


def test_foreign_keys_are_kept_on_connections_that_were_there_before_the_core(sqlite_url, make_engine):
    engine = make_engine(sqlite_url, poolclass=QueuePool)
    with engine.connect() as connection:
        assert pragma(connection, "foreign_keys") == 0
    with Core(engine, bcrypt_rounds=4).begin(NOBODY) as uow:
        assert pragma(uow.connection, "foreign_keys") == 1


def test_a_unit_joins_no_connection_that_keeps_no_foreign_keys(sqlite_url, make_engine):
    engine = make_engine(sqlite_url)
    with engine.begin() as connection:
        core = Core(engine, bcrypt_rounds=4)
        with pytest.raises(RuntimeError, match="foreign keys"), core.begin(NOBODY, connection):
            pass


def test_a_unit_on_a_hosts_sqlite_shuts_out_other_processes_from_its_beginning(sqlite_url, make_engine):
    engine = make_engine(sqlite_url)
    core = Core(engine, bcrypt_rounds=4)
    with (
        closing(sqlite3.connect(engine.url.database, timeout=0)) as stranger,
        core.begin(NOBODY),
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        stranger.execute("BEGIN IMMEDIATE")


def test_a_database_knows_its_file(sqlite_url):
    files = {url: Database(url) for url in (sqlite_url, "sqlite://", "sqlite:///:memory:")}
    assert [file.file is not None for file in files.values()] == [True, False, False]
    for file in files.values():
        file.close()


# ------------------------------------------------------------------------------------------------- who may read the files


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_sqlite_files_are_private_whatever_the_umask(tmp_path, umask):
    # The directory existed, and can be read by all.
    tmp_path.chmod(0o755)
    file = tmp_path / "stellary.db"
    core = Core(f"sqlite:///{file}", bcrypt_rounds=4)
    core.migrate()
    core.probe()
    # While it is open, so that the write-ahead log is there too.
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    core.close()
    assert modes == dict.fromkeys(("stellary.db", "stellary.db-wal", "stellary.db-shm"), 0o600)


def test_sqlite_file_of_a_host_keeps_its_mode(tmp_path):
    file = tmp_path / "product.db"
    file.touch()
    file.chmod(0o640)
    core = Core(f"sqlite:///{file}", bcrypt_rounds=4)
    core.migrate()
    core.close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
