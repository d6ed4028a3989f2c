"""A host that forks while its threads are at work: run by ``test_forks`` as a program of its own.

``python -m tests.core.forking SCENARIO DATABASE_URL`` prints what each child and the parent found, a line each.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from sqlalchemy import create_engine, text

from stellary import Stellary
from stellary.core import Core
from stellary.core.kernel.unit import NOBODY

CHILDREN = 4
UNITS = 8
HANGS_SECONDS = 60
SELECT = text("SELECT external_id FROM stellary_users WHERE id = :id")


def work(core: Core, name: str) -> str:
    """Write and read on one's own behalf, and say whether only one's own rows came back."""
    actor = core.user(external_id=name)
    made = []
    for number in range(UNITS):
        client = Stellary.embedded(core.port(actor))
        made.append(client.organizations.create(name=f"{name} {number}", slug=f"{name}-{number}").id)
        with core.view(actor) as uow:
            assert uow.connection.execute(SELECT, {"id": actor.user_id}).scalar() == name
    own = {organization.id for organization in Stellary.embedded(core.port(actor)).organizations.list()}
    assert set(made) < own
    assert len(own) == UNITS + 1
    return f"{name}: {len(made)}"


def say(line: object) -> None:
    """Write a line, whole also where several processes write."""
    os.write(1, f"{line}\n".encode())


def in_child(do: Callable[[], object]) -> int:
    """Fork, and do something in the child; its process id."""
    process = os.fork()
    if process:
        return process
    # An alarm is not inherited; a thread that would tell of a hang is not there either.
    signal.alarm(HANGS_SECONDS)
    try:
        say(do())
    except BaseException:  # noqa: BLE001 - a child must not run on into the parent's program
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def wait_for(processes: list[int]) -> None:
    for process in processes:
        _, status = os.waitpid(process, 0)
        if status:
            say(f"a child ended with {status}")


class Busy:
    """Threads that write and read all the time."""

    def __init__(self, core: Core, gathering: bool = False) -> None:
        self._core = core
        self._stopping = threading.Event()
        self.failed: list[BaseException] = []
        works = [self._write, self._write, self._read, self._read, self._ring]
        if gathering:
            works = [self._gather, self._read]
        self._threads = [threading.Thread(target=self._loop, args=(each,)) for each in works]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        for error in self.failed:
            say(f"the parent failed: {error!r}")

    def _loop(self, once: Callable[[], None]) -> None:
        try:
            while not self._stopping.is_set():
                once()
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            self.failed.append(error)

    def _write(self) -> None:
        self._core.run(
            NOBODY, lambda uow: uow.connection.execute(text("UPDATE stellary_users SET name = name"))
        )
        time.sleep(0.002)

    def _read(self) -> None:
        with self._core.view(NOBODY) as uow:
            uow.connection.execute(text("SELECT count(*) FROM stellary_users")).scalar()

    def _gather(self) -> None:
        with self._core.database.gathering():
            self._write()
            self._write()

    def _ring(self) -> None:
        with self._core.env.signals.listening(lambda topic: None):
            self._core.env.signals.send("workspace:x")
        time.sleep(0.001)


def busy_pool(url: str) -> None:
    """Forks while other threads hold connections and locks of a core with an engine of its own."""
    fork_while_busy(Core(url))


def busy_host_engine(url: str) -> None:
    """The same with an engine of the host's."""
    fork_while_busy(Core(create_engine(url)))


def fork_while_busy(core: Core) -> None:
    core.user(external_id="parent")
    with Busy(core):
        children = [
            in_child(lambda number=number: work(core, f"child-{number}")) for number in range(CHILDREN)
        ]
        say(work(core, "parent"))
        wait_for(children)


def group_commit(url: str) -> None:
    """Forks while a thread commits several units together."""
    core = Core(url)
    core.user(external_id="parent")
    with Busy(core, gathering=True):
        children = [
            in_child(lambda number=number: work(core, f"child-{number}")) for number in range(CHILDREN)
        ]
        wait_for(children)
    say(work(core, "parent"))


def grandchildren(url: str) -> None:
    """A child that forks in its turn, as a daemon does."""
    core = Core(url)
    core.user(external_id="parent")

    def child() -> str:
        wait_for([in_child(lambda: work(core, "grandchild"))])
        return work(core, "child")

    wait_for([in_child(child)])
    say(work(core, "parent"))


def in_memory(url: str) -> None:
    """A database in memory is copied by a fork: each process goes on with its own."""
    core = Core("sqlite://")
    core.migrate()
    core.user(external_id="parent")
    with Busy(core):
        wait_for([in_child(lambda: work(core, "child"))])
        say(work(core, "parent"))
    with core.view(NOBODY) as uow:
        assert uow.connection.execute(text("SELECT count(*) FROM stellary_users")).scalar() == 1


def within_a_unit(url: str) -> None:
    """A fork within a unit: the parent goes on, and a child on SQLite is told why it cannot."""
    core = Core(url)
    core.user(external_id="parent")

    def child() -> str:
        with suppress(RuntimeError):
            return work(core, "child")
        return "child: refused"

    with core.begin(NOBODY) as uow:
        uow.connection.execute(text("UPDATE stellary_users SET name = name"))
        children = [in_child(child)]
        uow.connection.execute(text("UPDATE stellary_users SET name = name"))
    wait_for(children)
    say(work(core, "parent"))


def relay(url: str) -> None:
    """Signals go on between parent and children, both ways."""
    core = Core(url)
    core.relay.start()
    heard: list[str] = []
    core.env.signals.listen(heard.append)
    until(lambda: "*" in heard)

    def child(number: int) -> str:
        with core.env.signals.listening(heard.append):
            core.env.signals.send(f"child:{number}")
            until(lambda: "parent" in heard)
        return f"child-{number}: heard the parent"

    children = [in_child(lambda number=number: child(number)) for number in range(2)]
    until(lambda: {"child:0", "child:1"} <= set(heard))
    for _ in range(20):
        core.env.signals.send("parent")
        time.sleep(0.1)
    wait_for(children)
    began = time.monotonic()
    core.relay.stop(10)
    assert time.monotonic() - began < 10
    say("parent: heard both")


def until(condition: Callable[[], bool]) -> None:
    for _ in range(3_000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never did")


def ids(url: str) -> None:
    """No two processes make the same ids."""
    core = Core(url)
    core.env.new_id()

    def child() -> str:
        return " ".join(core.env.new_id() for _ in range(3))

    children = [in_child(child) for _ in range(CHILDREN)]
    wait_for(children)


SCENARIOS = {
    each.__name__: each
    for each in (
        busy_pool,
        busy_host_engine,
        group_commit,
        grandchildren,
        in_memory,
        within_a_unit,
        relay,
        ids,
    )
}

if __name__ == "__main__":
    signal.alarm(2 * HANGS_SECONDS)
    SCENARIOS[sys.argv[1]](sys.argv[2])
