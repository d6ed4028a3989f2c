"""News between the processes that share a PostgreSQL database: here, between two cores."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from stellary.core import NOBODY, Core
from stellary.core.kernel.signals import EVERYTHING
from stellary.core.streaming import relay
from tests.support.migrations import run_sql
from tests.support.waiting import knows_peers, wait_until

SOON = 10.0


class Ear:
    """Hears what a core is told."""

    def __init__(self, core: Core) -> None:
        self.heard: list[str] = []
        self._rung = threading.Condition()
        core.env.signals.listen(self._ring)

    def _ring(self, topic: str) -> None:
        with self._rung:
            self.heard.append(topic)
            self._rung.notify()

    def hears(self, topic: str) -> bool:
        with self._rung:
            return self._rung.wait_for(lambda: topic in self.heard, SOON)


@pytest.fixture
def two(postgres_url: str) -> Iterator[tuple[Core, Core]]:
    """Two cores that tell each other."""
    cores = Core(postgres_url), Core(postgres_url)
    ears = [Ear(core) for core in cores]
    for core in cores:
        core.relay.start()
    # They listen once they have told that something may have been missed before.
    assert all(ear.hears(EVERYTHING) for ear in ears)
    wait_until(lambda: all(knows_peers(core) for core in cores))
    yield cores
    for core in cores:
        core.relay.stop(SOON)
        core.close()


def test_what_one_tells_the_other_hears_once(two):
    here, there = two
    ears = Ear(here), Ear(there)
    here.env.signals.send("workspace:1")
    assert ears[1].hears("workspace:1")
    there.env.signals.send("workspace:2")
    assert ears[0].hears("workspace:2")
    # What was sent before it, or twice, has arrived with the last signal of each.
    here.env.signals.send("workspace:3")
    there.env.signals.send("workspace:4")
    assert ears[1].hears("workspace:3")
    assert ears[0].hears("workspace:4")
    # A late signal of an earlier test on the same database may be among them.
    topics = ["workspace:1", "workspace:2"]
    assert [[topic for topic in ear.heard if topic in topics] for ear in ears] == [topics] * 2


def test_a_core_that_is_alone_sends_nothing_until_another_listens(postgres_url, monkeypatch):
    here, there = Core(postgres_url), Core(postgres_url)
    here.relay.start()
    wait_until(lambda: not here.relay.has_peers)
    with monkeypatch.context() as patched:
        patched.setattr(here.database, "writing", None)
        here.env.signals.send("workspace:1")
        wait_until(lambda: not here.relay._topics)
    ear = Ear(there)
    there.relay.start()
    # The other one may have missed something.
    wait_until(lambda: here.relay.has_peers and ear.heard.count(EVERYTHING) >= 2)
    for core in (here, there):
        core.relay.stop(SOON)
        core.close()


@contextmanager
def deaf(core, url, monkeypatch):
    """Start the relay of a core that is alone; it has noticed that it cannot listen until the block ends."""
    monkeypatch.setattr(relay, "RETRY_SECONDS", 0.05)
    core.relay.start()
    wait_until(lambda: not core.relay.has_peers)
    with monkeypatch.context() as patched:
        patched.setattr(core.database, "open_dedicated", None)
        run_sql(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        wait_until(lambda: core.relay.has_peers)
        yield


def test_a_core_that_was_alone_supposes_others_while_it_does_not_listen(postgres_url, monkeypatch):
    core = Core(postgres_url)
    with deaf(core, postgres_url, monkeypatch):
        assert core.relay.has_peers
    wait_until(lambda: not core.relay.has_peers)
    core.relay.stop(SOON)
    core.close()


def test_a_core_that_listens_again_wakes_cores_that_came_before(postgres_url, monkeypatch):
    core, other = Core(postgres_url), Core(postgres_url)
    with deaf(core, postgres_url, monkeypatch):
        wait_until(lambda: not core.relay._topics)
        ear = Ear(other)
        other.relay.start()
        assert ear.hears(EVERYTHING)
    # The other one may have missed something before this one noticed that it does not listen.
    wait_until(lambda: ear.heard.count(EVERYTHING) >= 2)
    for relay_core in (core, other):
        relay_core.relay.stop(SOON)
        relay_core.close()


def test_the_news_of_some_milliseconds_is_told_in_one(two, monkeypatch):
    here, there = two
    notifications = []
    whole = here.relay._send
    monkeypatch.setattr(here.relay, "_send", lambda topics: (notifications.append(topics), whole(topics)))
    ear = Ear(there)
    for number in range(200):
        here.env.signals.send(f"workspace:{number % 10}")
    assert all(ear.hears(f"workspace:{number}") for number in range(10))
    assert len(notifications) < 20


def test_who_is_to_stop_does_not_wait_for_news(postgres_url, monkeypatch):
    monkeypatch.setattr(relay, "WAIT_SECONDS", 600)
    core = Core(postgres_url)
    ear = Ear(core)
    core.relay.start()
    assert ear.hears(EVERYTHING)
    threads = core.relay._threads
    core.relay.stop(SOON)
    core.close()
    assert [thread.is_alive() for thread in threads] == [False, False]


def test_news_that_are_too_many_are_everything(two):
    here, there = two
    ear = Ear(there)
    for number in range(1000):
        here.env.signals.send(f"workspace:{number:024x}")
    assert ear.hears(EVERYTHING)


def find_listeners(core):
    """Return the ids of the database processes that listen for signals."""
    sessions = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
        "AND query LIKE 'SELECT pg_notify(''stellary%'"
    )
    with core.database.reading() as connection:
        return set(connection.execute(text(sessions)).scalars())


def test_a_connection_that_is_lost_is_made_again_and_nothing_missed(two, monkeypatch, caplog):
    monkeypatch.setattr(relay, "RETRY_SECONDS", 0.1)
    here, there = two
    ear = Ear(there)
    former = find_listeners(here)
    with here.database.writing() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM unnest(:pids) pid"), {"pids": [*former]}
        )
    # A signal that says so may also come from an earlier test.
    wait_until(lambda: len(find_listeners(here) - former) == 2)
    # Whoever was not listening is told that anything may have happened.
    assert ear.hears(EVERYTHING)
    here.env.signals.send("workspace:1")
    assert ear.hears("workspace:1")
    assert "signals of other processes are not received" in caplog.text


def test_news_that_cannot_be_told_harm_nobody(two, monkeypatch, caplog):
    here, there = two

    def broken():
        raise OSError("no database")

    with monkeypatch.context() as patched:
        patched.setattr(here.database, "writing", broken)
        here.env.signals.send("workspace:1")
        wait_until(lambda: "signals could not be sent to other processes: OSError" in caplog.text)
    ear = Ear(there)
    here.env.signals.send("workspace:2")
    assert ear.hears("workspace:2")


def test_what_is_to_be_done_later_wakes_whoever_does_it_elsewhere(two):
    from tests.support.core_parts import jobs

    here, there = two
    ear = Ear(there)
    with here.begin(NOBODY) as uow:
        jobs.enqueue(uow, "note", {})
    assert ear.hears("jobs")


def test_sqlite_has_nobody_to_tell(sqlite_core):
    before = threading.active_count()
    sqlite_core.relay.start()
    assert threading.active_count() == before
    sqlite_core.relay.stop()
