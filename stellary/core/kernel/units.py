"""Units of work over one database: opened, settled, committed, and repeated where the database aborts them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection

from stellary.core.db.after_commit import after_commit
from stellary.core.db.base import continue_after_stored
from stellary.core.db.database import Database
from stellary.core.db.host_connection import check_borrowed
from stellary.core.db.joined import check_not_joined
from stellary.core.db.retries import Retries
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork

T = TypeVar("T")


class Units:
    """Opens the units of work of one core.

    What goes wrong in the database is raised as the driver's error; ``Core`` translates it for hosts.

    Args:
        database: Where the units work.
        env: What they carry.
        react: Called with a unit that has written, before it is committed.
        seeds_ids: Whether the first unit that writes lets the ids go on after the newest one in the database: a process
            before this one may have had a clock that was ahead.
    """

    def __init__(
        self,
        database: Database,
        env: Environment,
        react: Callable[[UnitOfWork], None],
        *,
        seeds_ids: bool = False,
    ) -> None:
        self.database = database
        self.env = env
        self._react = react
        self._seeds_ids = seeds_ids
        self._retries = Retries()

    @contextmanager
    def read(self, actor: Actor, connection: Connection | None = None) -> Iterator[UnitOfWork]:
        """Open a unit that only reads, and sees one moment throughout.

        Args:
            actor: On whose behalf.
            connection: A host's, whose transaction is read in.
        """
        if connection is not None:
            check_borrowed(connection)
            yield self._unit(connection, actor)
            return
        with self.database.reading() as own:
            yield self._unit(own, actor)

    @contextmanager
    def transaction(self, actor: Actor, connection: Connection | None = None) -> Iterator[UnitOfWork]:
        """Open a unit that may write: committed at the end of the block, undone on an exception.

        Args:
            actor: On whose behalf.
            connection: A host's, in a transaction that the host commits: the unit joins it.
        """
        if connection is not None:
            with self.database.joining(connection):
                uow = self._writing_unit(connection, actor)
                yield uow
                uow.settle()
            after_commit(connection, uow.after_commit)
            return
        check_not_joined()
        with self.database.writing() as own:
            uow = self._writing_unit(own, actor)
            yield uow
            uow.settle()
        self.database.after_commit(uow.after_commit)

    def run(
        self,
        work: Callable[[UnitOfWork], T],
        actor: Actor = NOBODY,
        connection: Connection | None = None,
        *,
        read_only: bool = False,
    ) -> T:
        """Call a function with a unit of its own, and again while the database aborts it.

        Args:
            work: Called with the unit, once per try.
            actor: On whose behalf.
            connection: A host's, in a transaction that the host commits: the unit joins it, and is tried once.
            read_only: Whether the unit only reads.

        Returns:
            What the function returned in the try that was committed.

        Raises:
            DBAPIError: The database refused it, or aborted each try.
        """

        def try_once() -> T:
            with (self.read if read_only else self.transaction)(actor, connection) as uow:
                return work(uow)

        return try_once() if connection is not None else self._retries.run(try_once)

    def _writing_unit(self, connection: Connection, actor: Actor) -> UnitOfWork:
        if self._seeds_ids:
            continue_after_stored(self.env.new_id, connection)
            self._seeds_ids = False
        return self._unit(connection, actor)

    def _unit(self, connection: Connection, actor: Actor) -> UnitOfWork:
        return UnitOfWork(self.env, connection, actor, self._react)
