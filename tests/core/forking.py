"""A host that forks while its threads work. ``test_forks`` runs this as a separate program.

``python -m tests.core.forking SCENARIO DATABASE_URL`` prints what each child and the parent found, a line each.
"""

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
from stellary.core import NOBODY, Core
from stellary.core.kernel import units
from tests.support.waiting import wait_until

CHILDREN = 4
UNITS = 8
HANGS_SECONDS = 60
# A busy machine makes units slow, and whatever is logged fails a test.
units.SLOW_SECONDS = float("inf")
SELECT = text("SELECT external_id FROM stellary_users WHERE id = :id")


def work(core: Core, name: str) -> str:
    """Write and read as a new user, and check that only the user's own rows are returned."""
    actor = core.user(external_id=name)
    created_ids = []
    for number in range(UNITS):
        client = Stellary.embedded(core.port(actor))
        created_ids.append(client.organizations.create(name=f"{name} {number}", slug=f"{name}-{number}").id)
        with core.view(actor) as uow:
            assert uow.connection.execute(SELECT, {"id": actor.user_id}).scalar() == name
    listed_ids = {
        organization.id for organization in Stellary.embedded(core.port(actor)).organizations.list()
    }
    assert set(created_ids) < listed_ids
    assert len(listed_ids) == UNITS + 1
    return f"{name}: {len(created_ids)}"


def say(line: object) -> None:
    """Write a line atomically, since several processes write."""
    os.write(1, f"{line}\n".encode())


def in_child(do: Callable[[], object]) -> int:
    """Fork, call a function in the child, and return its process id."""
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
    """Threads that write and read continuously."""

    def __init__(self, core: Core, gathering: bool = False) -> None:
        self._core = core
        self._stopping = threading.Event()
        self.failed: list[BaseException] = []
        self._working: set[int] = set()
        works = [self._write, self._write, self._read, self._read, self._ring]
        if gathering:
            works = [self._gather, self._read]
        self._threads = [threading.Thread(target=self._loop, args=(target,)) for target in works]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        wait_until(lambda: self.failed or len(self._working) == len(self._threads))
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
                self._working.add(threading.get_ident())
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
    """Fork while other threads hold connections and locks of a core with its own engine."""
    fork_while_busy(Core(url))


def busy_host_engine(url: str) -> None:
    """Fork while other threads hold connections and locks of a host's engine."""
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
    """Fork while a thread commits several units together."""
    core = Core(url)
    core.user(external_id="parent")
    with Busy(core, gathering=True):
        children = [
            in_child(lambda number=number: work(core, f"child-{number}")) for number in range(CHILDREN)
        ]
        wait_for(children)
    say(work(core, "parent"))


def grandchildren(url: str) -> None:
    """Let a child fork again, as a daemon does."""
    core = Core(url)
    core.user(external_id="parent")

    def child() -> str:
        wait_for([in_child(lambda: work(core, "grandchild"))])
        return work(core, "child")

    wait_for([in_child(child)])
    say(work(core, "parent"))


def in_memory(url: str) -> None:
    """Fork with a database in memory, after which each process has its own copy."""
    core = Core("sqlite://")
    core.migrate()
    core.user(external_id="parent")
    with Busy(core):
        wait_for([in_child(lambda: work(core, "child"))])
        say(work(core, "parent"))
    with core.view(NOBODY) as uow:
        assert uow.connection.execute(text("SELECT count(*) FROM stellary_users")).scalar() == 1


def within_a_unit(url: str) -> None:
    """Fork within a unit: the parent continues, and on SQLite the child gets an error."""
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
    """Send signals between parent and children in both directions."""
    core = Core(url)
    core.relay.start()
    topics: list[str] = []
    core.env.signals.listen(topics.append)
    wait_until(lambda: "*" in topics)

    def child(number: int) -> str:
        with core.env.signals.listening(topics.append):
            core.env.signals.send(f"child:{number}")
            wait_until(lambda: "parent" in topics)
        return f"child-{number}: heard the parent"

    children = [in_child(lambda number=number: child(number)) for number in range(2)]
    wait_until(lambda: {"child:0", "child:1"} <= set(topics))

    def all_have_ended() -> bool:
        core.env.signals.send("parent")
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return all(os.waitid(os.P_PID, process, options) for process in children)

    wait_until(all_have_ended)
    wait_for(children)
    began = time.monotonic()
    core.relay.stop(10)
    assert time.monotonic() - began < 10
    say("parent: heard both")


def ids(url: str) -> None:
    """Generate ids in several processes, which must differ."""
    core = Core(url)
    core.env.new_id()

    def child() -> str:
        return " ".join(core.env.new_id() for _ in range(3))

    wait_for([in_child(child) for _ in range(CHILDREN)])


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
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
