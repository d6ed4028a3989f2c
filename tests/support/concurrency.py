"""Calls that run while another unit of work holds a lock."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import text

from stellary.core import Core
from stellary.core.kernel.unit import UnitOfWork
from tests.support.waiting import wait_until
from tests.support.world import Person, World

T = TypeVar("T")


def answered_meanwhile(
    world: World, person: Person, first: Callable[[UnitOfWork], object], call: Callable[[], T]
) -> T:
    """Return the answer to a call that starts while a unit of work is open, and waits for its locks.

    Args:
        world: World in which both run.
        person: Owner of the unit.
        first: Work that the unit does before the call starts.
        call: Runs in a thread of its own.
    """
    with world.core.begin(person.actor) as uow:
        first(uow)
        answer = start_blocked(world.core, call)
    return answer.result()


def start_blocked(core: Core, call: Callable[[], T], count: int = 1) -> Future[T]:
    """Start a call in a thread of its own, wait until it needs a lock that others hold, and return its future result.

    Args:
        core: Core that the call uses.
        call: Function to call.
        count: Number of transactions that wait then.
    """
    thread = ThreadPoolExecutor(1)
    result = thread.submit(call)
    thread.shutdown(wait=False)
    wait_until_blocked(core, count)
    return result


def wait_until_blocked(core: Core, count: int = 1) -> None:
    """Wait until a number of transactions wait for locks on PostgreSQL."""
    blocked = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )

    def is_blocked() -> bool:
        # What the server says of itself stays the same within a transaction.
        with core.database.reading() as connection:
            return connection.execute(blocked).scalar_one() >= count

    wait_until(lambda: core.database.is_sqlite or is_blocked())
