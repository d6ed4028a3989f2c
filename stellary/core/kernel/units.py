"""The opener of units of work: settles and commits them, and retries those that the database aborts."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import attrs
from sqlalchemy import Connection

from stellary.core.db.after_commit import after_commit
from stellary.core.db.base import Ids, continue_after_stored
from stellary.core.db.database import Database
from stellary.core.db.direct_connection import SnapshotNeeded
from stellary.core.db.host_connection import check_host_connection, check_is_connection
from stellary.core.db.joined import check_not_joined
from stellary.core.db.replicas import EVERYONE, Replica, Replicas
from stellary.core.db.retries import Retries
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.lock_plan import LockPlan
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork
from stellary.core.kernel.unit_times import SLOW_SECONDS, SlowUnitLog, UnitObserver, UnitTimes
from stellary.core.kernel.writes import check_references
from stellary.core.ports.llm import CallerGone

T = TypeVar("T")
_log = logging.getLogger("stellary.core")


@contextmanager
def _leaving_failures_to_the_primary(replica: Replica) -> Iterator[None]:
    """Go on after a failure of a replica, which is left out for a while if the connection was lost."""
    try:
        yield
    except CallerGone:
        raise
    except Exception as error:  # noqa: BLE001 - what a replica refuses, the primary may know
        if getattr(error, "connection_invalidated", False):
            replica.leave_out()


@attrs.define(eq=False, repr=False, slots=False)
class Units:
    """The units of work of one core.

    Errors of the database are raised as the driver's ``DBAPIError``; ``Core`` translates them for hosts.

    Args:
        database: The database in which units run.
        env: The environment that units carry.
        react: Called with a unit that has emitted events, before it commits.
        seeds_ids: Whether new ids must sort after the newest stored id, even if an earlier process had a
            clock that was ahead. Default: False.
        replicas: The read replicas of the database. Default: none.

    Attributes:
        replicas: As above.
        observers: The receivers of the times of each unit on a connection of the core.
    """

    database: Database
    env: Environment
    _react: Callable[[UnitOfWork], None]
    _seeds_ids: bool = attrs.field(default=False, kw_only=True)
    replicas: Replicas | None = attrs.field(default=None, kw_only=True)
    observers: list[UnitObserver] = attrs.field(init=False, factory=list)
    _retries: Retries = attrs.field(init=False, factory=Retries)
    _slow_units: SlowUnitLog = attrs.field(init=False, factory=SlowUnitLog)
    _host_connection: Connection | None = attrs.field(init=False, default=None)
    _reader_id: str | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        # The primary answers what fails on a replica, without another attempt there.
        self._by_replica = {
            replica: self._copy(database=replica.database, replicas=None, _retries=Retries(1))
            for replica in (self.replicas.all if self.replicas else ())
        }

    def _copy(self, **changes: object) -> Units:
        units = copy.copy(self)
        vars(units).update(changes)
        return units

    def read_as(self, user_id: str) -> Units:
        """Return a copy whose units that only read may use a replica on which a user misses nothing.

        Args:
            user_id: The id of the user.
        """
        return self._copy(_reader_id=user_id)

    def join(self, connection: Connection) -> Units:
        """Return a copy whose units join the transaction of a host's connection, unless they are given another connection.

        Raises:
            TypeError: It is a session, or the asynchronous wrapper of a connection.
        """
        check_is_connection(connection)
        return self._copy(_host_connection=connection)

    def in_schema(self, database: Database, env: Environment) -> Units:
        """Return a copy for another schema, with the same observers and without replicas.

        Args:
            database: The database with the schema.
            env: The environment of its units.
        """
        seeds_ids = isinstance(env.new_id, Ids)
        return self._copy(database=database, env=env, replicas=None, _seeds_ids=seeds_ids)

    @property
    def is_joined(self) -> bool:
        """True if the units join a transaction of the host."""
        return self._host_connection is not None

    @contextmanager
    def read(
        self, actor: Actor, connection: Connection | None = None, *, snapshot: bool = True
    ) -> Iterator[UnitOfWork]:
        """Open a unit that only reads, from one snapshot of the database.

        Args:
            actor: The actor on whose behalf the unit reads.
            connection: A connection of the host, in whose transaction the unit reads. By default, one of the pool.
            snapshot: Whether several statements must see the same state. Default: True.

        Yields:
            The unit.

        Raises:
            SnapshotNeeded: The unit has executed more statements than is allowed without a snapshot.
        """
        connection = self._host_connection if connection is None else connection
        if connection is not None:
            check_host_connection(connection)
            yield self._unit(connection, actor)
            return
        times = UnitTimes(writes=False)
        try:
            with self.database.reading(snapshot=snapshot) as pooled:
                uow = self._unit(pooled, actor)
                times.open(uow)
                uow.sees_only_committed, uow.opened_at = self.database.has_readers, times.begun_at
                yield uow
        finally:
            self._end(times)

    @contextmanager
    def transaction(self, actor: Actor, connection: Connection | None = None) -> Iterator[UnitOfWork]:
        """Open a unit that may write. It commits at the end of the block, and rolls back on an exception.

        Args:
            actor: The actor on whose behalf the unit works.
            connection: A connection of the host, in a transaction that the host commits; the unit joins it. By default,
                one of the pool.

        Yields:
            The unit.
        """
        connection = self._host_connection if connection is None else connection
        if connection is not None:
            with self.database.joining(connection):
                uow = self._writing_unit(connection, actor)
                yield uow
                uow.settle()
                if uow.has_deleted:
                    check_references(uow)
            after_commit(connection, uow.after_commit)
            return
        check_not_joined()
        times = UnitTimes(writes=True)
        try:
            with self.database.writing() as pooled:
                uow = self._writing_unit(pooled, actor)
                times.open(uow)
                yield uow
                uow.settle()
                times.settle()
        finally:
            self._end(times)
        self.database.after_commit(uow.after_commit)

    def run(
        self,
        work: Callable[[UnitOfWork], T],
        actor: Actor = NOBODY,
        connection: Connection | None = None,
        *,
        read_only: bool = False,
        snapshot: bool = True,
        waits_for_locks: bool = False,
    ) -> T:
        """Call a function with a unit of work, commit the unit, and retry if the database aborts it, 20 attempts in all.

        Args:
            work: The function; it is called with the unit, once per attempt.
            actor: The actor on whose behalf the unit works.
            connection: A connection of the host, in a transaction that the host commits; the unit joins it, with one
                attempt. By default, one of the pool.
            read_only: Whether the unit only reads. Default: False.
            snapshot: Whether a unit that only reads needs a snapshot. A unit that turns out to need one runs again.
                Default: True.
            waits_for_locks: Whether to retry also after a lock time-out. Default: False.

        Returns:
            The result of the function, from the attempt that was committed.

        Raises:
            DBAPIError: A statement failed, or every attempt was aborted.
        """
        lock_plan: LockPlan | None = None

        def try_once() -> T:
            if read_only and not snapshot:
                try:
                    with self.read(actor, connection, snapshot=False) as uow:
                        return work(uow)
                except SnapshotNeeded:
                    pass
            with (self.read if read_only else self.transaction)(actor, connection) as uow:
                if lock_plan is not None:
                    uow.lock_plan = lock_plan
                    lock_plan.begin(uow.connection)
                return work(uow)

        if connection is not None or self.is_joined:
            return try_once()
        if read_only and self._reader_id is not None and self.replicas is not None:
            replica = self.replicas.find(self._reader_id)
            if replica is not None:
                with _leaving_failures_to_the_primary(replica):
                    return self._by_replica[replica].run(work, actor, read_only=True, snapshot=snapshot)
        lock_plan = None if read_only else LockPlan()
        return self._retries.run(try_once, waits_for_locks=waits_for_locks)

    def _end(self, times: UnitTimes) -> None:
        """Tell the observers that a unit has ended. One that got no connection is not counted."""
        if not times.end():
            return
        for observer in tuple(self.observers):
            try:
                observer.end_unit(times)
            except Exception:  # noqa: BLE001 - the unit may have committed, and its effects follow
                _log.exception("an observer of units has failed")
        if times.seconds >= SLOW_SECONDS:
            self._slow_units.write(times)

    def _writing_unit(self, connection: Connection, actor: Actor) -> UnitOfWork:
        if self._seeds_ids:
            continue_after_stored(self.env.new_id, connection)
            self._seeds_ids = False
        uow = self._unit(connection, actor)
        if self.replicas is not None:
            uow.after_commit.append(partial(self._note_commit, self.replicas, uow))
        return uow

    def _note_commit(self, replicas: Replicas, uow: UnitOfWork) -> None:
        """Note who has to see what a unit has committed: its actor, or everyone, unless it was a job."""
        is_job = uow.operation != "other" and uow.operation not in uow.env.services
        changes_access = any(getattr(effect, "topic", None) == ACCESS for effect in uow.after_commit)
        if uow.actor.user_id is not None and not changes_access:
            replicas.note((uow.actor.user_id,))
        elif changes_access or not is_job:
            replicas.note((EVERYONE,))

    def _unit(self, connection: Connection, actor: Actor) -> UnitOfWork:
        return UnitOfWork(self.env, connection, actor, self._react)
