"""Background jobs, stored in the transaction of the change that needs them.

A process claims a job for a limited time and runs it in a transaction that also deletes it. If the process dies, another
one claims the job; a process that comes too late finds it deleted. ``JobRunner`` runs jobs, and ``ClaimOwner`` releases
the claims of dead processes.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
from sqlalchemy import (
    Column,
    CompoundSelect,
    Connection,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    union_all,
    update,
)

from stellary.contract.errors import Conflict
from stellary.core.db.base import IdSource, IdType, Json, UtcDateTime, is_given, metadata, partial_index
from stellary.core.db.direct_connection import queue_statement
from stellary.core.kernel.retention import RetentionRule
from stellary.core.kernel.signals import JOBS
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.writes import refuse_duplicate

LEASE = timedelta(seconds=60)
"""How long a claim is valid; a long job renews it."""
RELEASES_MAX = 3
"""The number of attempts after which the job of a dead process waits for the end of its lease: it may have killed
the process."""
ERROR_MAX = 500

jobs = Table(
    "stellary_jobs",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("kind", String(60), nullable=False),
    # At most one job has a given key; most jobs have none.
    Column("key", String(100), unique=True),
    Column("payload", Json, nullable=False),
    # When the job may be claimed. A claim sets it to the end of the lease; null once the job has been given up.
    Column("due_at", UtcDateTime),
    Column("claim_id", IdType),
    # The number of the claiming process in ``claims``; null if only the lease ends the claim.
    Column("claimed_by", Integer),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("created_at", UtcDateTime, nullable=False),
    # The workspace with which others take turns, and the number of the turn; null for jobs that run in order of time.
    Column("workspace_id", IdType),
    Column("turn", Integer),
    Index("ix_stellary_jobs_kind_due_at_id", "kind", "due_at", "id"),
    *(
        partial_index(f"ix_stellary_jobs_{name}", *names, where=where)
        for name, names, where in (
            ("kind_turn_id", ("kind", "turn", "id"), "workspace_id IS NOT NULL"),
            ("kind_workspace_id_turn", ("kind", "workspace_id", "turn"), "workspace_id IS NOT NULL"),
            ("kind_turn_claimed", ("kind", "turn"), "workspace_id IS NOT NULL AND claim_id IS NOT NULL"),
        )
    ),
    partial_index("ix_stellary_jobs_claimed_by", "claimed_by", where="claimed_by IS NOT NULL"),
    partial_index("ix_stellary_jobs_given_up", "created_at", where="due_at IS NULL"),
)


@attrs.frozen
class Job:
    """A background job.

    Attributes:
        kind: The kind, which selects the handler.
        payload: The arguments of the handler, as JSON.
        due_at: The time of the next attempt, or the end of the claim; None once it has been given up.
        claim_id: The id of the current claim; None if unclaimed.
        attempts: The number of attempts so far.
        error: The error of the last attempt; None if there was none.
    """

    id: str
    kind: str
    payload: Any
    due_at: datetime | None
    claim_id: str | None
    attempts: int
    error: str | None
    created_at: datetime

    @property
    def given_up(self) -> bool:
        """True if no further attempt is made."""
        return self.due_at is None


_JOB = select(*(jobs.c[field.name] for field in attrs.fields(Job)))
# One kind at a time: with several, both databases would read and sort the whole backlog.
_OF_KIND = is_given(jobs.c.kind)
_DUE = (
    _JOB.where(_OF_KIND, jobs.c.due_at <= bindparam("_now"))
    .order_by(jobs.c.due_at, jobs.c.id)
    .limit(bindparam("_limit"))
    .with_for_update(skip_locked=True)
)
_TAKES_TURNS = (_OF_KIND, jobs.c.workspace_id.is_not(None))
# An expression, so that SQLite reads the turns in order instead of sorting all jobs that are due.
_HAS_TURN = (*_TAKES_TURNS, func.coalesce(jobs.c.due_at, jobs.c.due_at) <= bindparam("_now"))
_NEXT_TURN = (
    _JOB.where(*_HAS_TURN).order_by(jobs.c.turn, jobs.c.id).limit(1).with_for_update(skip_locked=True)
)
_BY_ID = is_given(jobs.c.id)
_CLAIMED = (_BY_ID, is_given(jobs.c.claim_id))
_INSERT = insert(jobs)
# The turn after the last one of the workspace, but not before the turn of the jobs that run, or else of those that are due: a
# workspace that comes back has no claim to the turns that it did not need. The turn ends with a job that is the last one of its
# workspace; otherwise, workspaces that send their jobs one by one would stay in the same turn, before those with a backlog.
_LAST_TURN = func.max(jobs.c.turn)
_LATER = jobs.alias("later")
_IS_LAST = ~exists().where(
    _LATER.c.kind == jobs.c.kind, _LATER.c.workspace_id == jobs.c.workspace_id, _LATER.c.turn > jobs.c.turn
)
_TURNS = union_all(
    select((_LAST_TURN + 1).label("turn")).where(*_TAKES_TURNS, is_given(jobs.c.workspace_id)),
    select(
        func.coalesce(
            select(func.max(jobs.c.turn + case((_IS_LAST, 1), else_=0)))
            .where(*_TAKES_TURNS, jobs.c.claim_id.is_not(None))
            .scalar_subquery(),
            select(jobs.c.turn).where(*_HAS_TURN).order_by(jobs.c.turn).limit(1).scalar_subquery(),
            select(_LAST_TURN).where(*_TAKES_TURNS).scalar_subquery(),
            0,
        )
    ),
).subquery()
_INSERT_IN_TURN = insert(jobs).from_select(
    jobs.c.keys(),
    select(
        *(bindparam(name, type_=jobs.c[name].type) for name in jobs.c.keys()[:-1]), func.max(_TURNS.c.turn)
    ),
)
_UPDATE = update(jobs).where(_BY_ID)
_DELETE = delete(jobs).where(_BY_ID)
_DONE = delete(jobs).where(*_CLAIMED)
_PUT_OFF = update(jobs).where(*_CLAIMED)
_RELEASE = (
    update(jobs)
    .where(jobs.c.claim_id.is_not(None), jobs.c.due_at.is_not(None), jobs.c.attempts < RELEASES_MAX)
    .values(claim_id=None, claimed_by=None, due_at=bindparam("_now"))
)
_RELEASE_OF = _RELEASE.where(is_given(jobs.c.claimed_by, "owner"))
_ALL = _JOB.order_by(jobs.c.id)
_GIVEN_UP = _ALL.where(jobs.c.due_at.is_(None))
_RETRY = (
    update(jobs)
    .where(_BY_ID, jobs.c.due_at.is_(None))
    .values(due_at=bindparam("_now"), attempts=0, claim_id=None, claimed_by=None)
)
_HASTEN = (
    update(jobs)
    .where(is_given(jobs.c.key), jobs.c.due_at > bindparam("_latest"), jobs.c.attempts == 0)
    .values(due_at=bindparam("_now"))
)
_HASTEN_ALL = (
    update(jobs)
    .where(_OF_KIND, jobs.c.due_at > bindparam("_latest"))
    .values(due_at=bindparam("_now"), claim_id=None, claimed_by=None)
)
RETENTION = RetentionRule(
    jobs, jobs.c.created_at, lambda retention: timedelta(days=retention.job_days), jobs.c.due_at.is_(None)
)
"""The rule for jobs that were given up. Others are deleted when they are done."""


def enqueue(
    uow: UnitOfWork,
    kind: str,
    payload: Any,
    *,
    due_at: datetime | None = None,
    key: str | None = None,
    topic: str | None = JOBS,
    workspace_id: str | None = None,
) -> None:
    """Add a job, which runs after the unit has committed.

    Args:
        uow: The unit.
        kind: The kind of the job.
        payload: The arguments of the handler, which must be JSON.
        due_at: The earliest time to run it. By default, right away.
        key: Adds nothing if a job with this key exists. By default, the job has no key.
        topic: The topic of the signal that wakes the runner; None for a job that may wait a few seconds longer.
        workspace_id: The workspace whose jobs of this kind take turns with those of other workspaces. By default, the job
            runs in the order of time.
    """
    row = _build_row(uow, kind, payload, due_at, key)
    if workspace_id is not None:
        turn = {"_kind": kind, "_workspace_id": workspace_id, "_now": uow.now}
        uow.connection.execute(_INSERT_IN_TURN, {**row, "workspace_id": workspace_id, **turn})
    elif key is None:
        queue_statement(uow.connection, _INSERT, row)
    else:
        try:
            with refuse_duplicate(uow, "a job with this key exists", "duplicate_key"):
                uow.connection.execute(_INSERT, row)
        except Conflict:
            return
    if topic is not None:
        uow.send_on_commit(topic)


def _build_row(
    uow: UnitOfWork, kind: str, payload: object, due_at: datetime | None, key: str | None = None
) -> dict[str, object]:
    return {
        **dict.fromkeys(("claim_id", "claimed_by", "error")),
        "id": uow.new_id(),
        "kind": kind,
        "key": key,
        "payload": payload,
        "due_at": due_at or uow.now,
        "attempts": 0,
        "created_at": uow.now,
    }


def enqueue_all(
    uow: UnitOfWork, kind: str, payloads: Sequence[Any], *, due_at: datetime | None = None, topic: str = JOBS
) -> None:
    """Add several jobs of a kind, which run after the unit has committed.

    Args:
        uow: The unit.
        kind: The kind of the jobs.
        payloads: The arguments of the handler, one for each job.
        due_at: The earliest time to run them. By default, right away.
        topic: The topic of the signal that wakes the runner.
    """
    rows = [_build_row(uow, kind, payload, due_at) for payload in payloads]
    uow.connection.execute(_INSERT, rows)
    uow.send_on_commit(topic)


def due_by_kind(connection: Connection, kinds: Collection[str]) -> list[tuple[datetime, str]]:
    """Return the earliest due time of each kind that has jobs, claimed or not, in order of time.

    Args:
        connection: The connection to read from.
        kinds: The kinds of jobs.

    Returns:
        Pairs of a time and a kind.
    """
    if not kinds:
        return []
    rows = connection.execute(_due_by_kind(tuple(kinds)))
    return sorted((row.due_at, row.kind) for row in rows if row.due_at is not None)


@functools.lru_cache
def _due_by_kind(kinds: tuple[str, ...]) -> CompoundSelect[Any]:
    # One minimum per kind, each of which is one step in the index.
    minima = [
        select(literal(kind).label("kind"), func.min(jobs.c.due_at).label("due_at")).where(
            jobs.c.kind == kind
        )
        for kind in kinds
    ]
    return union_all(*minima)


def next_due(connection: Connection, kinds: Collection[str]) -> datetime | None:
    """Return when the next job of some kinds is due, claimed or not; None if there is no job.

    Args:
        connection: The connection to read from.
        kinds: The kinds of jobs.
    """
    due = due_by_kind(connection, kinds)
    return due[0][0] if due else None


def claim(
    connection: Connection,
    kinds: Iterable[str],
    now: datetime,
    new_id: IdSource,
    claimed_by: int | None = None,
    in_turn: Collection[str] = (),
) -> Job | None:
    """Claim the job that has been due for longest, or that has the next turn; None if no job is due.

    Args:
        connection: A connection, in a transaction.
        kinds: The kinds, in order of preference.
        now: The current time.
        new_id: Returns the id of the claim.
        claimed_by: The number of this process; None if only the lease ends the claim.
        in_turn: The kinds whose jobs belong to workspaces, which take turns.
    """
    for kind in kinds:
        parameters = {"_kind": kind, "_now": now}
        next_turn = _read_jobs(connection, _NEXT_TURN, parameters) if kind in in_turn else []
        # A process of an earlier version adds jobs without a turn.
        due = next_turn or lock_due(connection, kind, now, limit=1)
        if due:
            return claim_locked(connection, due, now, new_id, claimed_by)[0]
    return None


def lock_due(connection: Connection, kind: str, now: datetime, *, limit: int) -> list[Job]:
    """Lock the jobs of a kind that have been due for longest until the transaction ends; skip those locked by others.

    Args:
        connection: The connection of a write transaction.
        kind: The kind of the jobs.
        now: The current time; jobs that are due later are left alone.
        limit: The maximum number of jobs.

    Returns:
        The jobs, the earliest first.
    """
    return _read_jobs(connection, _DUE, {"_kind": kind, "_now": now, "_limit": limit})


def claim_locked(
    connection: Connection, locked: Sequence[Job], now: datetime, new_id: IdSource, claimed_by: int | None
) -> list[Job]:
    """Claim jobs that this transaction has locked.

    Args:
        connection: The connection that holds the locks.
        locked: The locked jobs.
        now: The current time; a claim lasts for ``LEASE`` from then.
        new_id: The source of claim ids.
        claimed_by: The number of the process's advisory lock; None if it has none.

    Returns:
        The jobs with their claims, in the same order.
    """
    claimed = [
        attrs.evolve(job, claim_id=new_id(), due_at=now + LEASE, attempts=job.attempts + 1) for job in locked
    ]
    if claimed:
        connection.execute(
            _UPDATE,
            [
                {
                    "_id": job.id,
                    "claim_id": job.claim_id,
                    "claimed_by": claimed_by,
                    "due_at": job.due_at,
                    "attempts": job.attempts,
                }
                for job in claimed
            ],
        )
    return claimed


def delete_locked(connection: Connection, locked: Sequence[Job]) -> None:
    """Delete jobs that this transaction has locked.

    Args:
        connection: The connection that holds the locks.
        locked: The locked jobs; may be empty.
    """
    if locked:
        connection.execute(_DELETE, [{"_id": job.id} for job in locked])


def put_off_locked(connection: Connection, locked: Sequence[Job], due_at: datetime) -> None:
    """Make jobs that this transaction has locked due later.

    Args:
        connection: The connection that holds the locks.
        locked: The locked jobs; may be empty.
        due_at: The new due time.
    """
    if locked:
        connection.execute(_UPDATE, [{"_id": job.id, "due_at": due_at} for job in locked])


def release(connection: Connection, now: datetime, claimed_by: int | None = None) -> int:
    """Make claimed jobs due again because the process that claimed them is dead.

    Args:
        connection: A connection, in a transaction.
        now: The current time.
        claimed_by: The number of that process; None releases every claim.

    Returns:
        The number of released jobs. A job with three attempts is not released, since it may have killed the process.
    """
    if claimed_by is None:
        return connection.execute(_RELEASE, {"_now": now}).rowcount
    return connection.execute(_RELEASE_OF, {"_now": now, "_owner": claimed_by}).rowcount


def complete(connection: Connection, job: Job) -> bool:
    """Delete a job in the transaction of its effect.

    Args:
        connection: The connection of that transaction.
        job: The claimed job.

    Returns:
        False if the claim has expired and another process has claimed the job; roll back the effect then.
    """
    return bool(connection.execute(_DONE, {"_id": job.id, "_claim_id": job.claim_id}).rowcount)


def renew(connection: Connection, job: Job, now: datetime) -> bool:
    """Renew the claim of a job.

    Args:
        connection: The connection of a write transaction.
        job: The claimed job.
        now: The current time; the claim lasts for ``LEASE`` from then.

    Returns:
        False if the claim has expired and another process has claimed the job.
    """
    return _change_claimed(connection, job, due_at=now + LEASE)


def _change_claimed(connection: Connection, job: Job, **changes: object) -> bool:
    """Change the columns of a job, and return whether its claim is valid; an expired one changes nothing."""
    keys = {"_id": job.id, "_claim_id": job.claim_id}
    return bool(connection.execute(_PUT_OFF, {**keys, **changes}).rowcount)


def record_progress(connection: Connection, job: Job, progress: int) -> Job:
    """Store the progress of a long job. Progress since the last attempt resets the count of attempts.

    Args:
        connection: The connection of a write transaction.
        job: The claimed job.
        progress: A number that grows with each completed step.

    Returns:
        The job with the new progress.
    """
    before = job.payload.get("reached", progress)
    payload = {**job.payload, "reached": progress}
    attempts = job.attempts if before == progress else 1
    _change_claimed(connection, job, payload=payload, attempts=attempts)
    return attrs.evolve(job, payload=payload, attempts=attempts)


def put_off(connection: Connection, job: Job, error: str, due_at: datetime | None) -> None:
    """Store the error of an attempt, and the time of the next one. An expired claim changes nothing.

    Args:
        connection: The connection of a write transaction.
        job: The claimed job.
        error: The error of the attempt; truncated if it is too long.
        due_at: The time of the next attempt; None gives the job up.
    """
    _change_claimed(connection, job, error=error[:ERROR_MAX], due_at=due_at, claim_id=None, claimed_by=None)


def forget_attempts(connection: Connection, job: Job) -> Job:
    """Reset the count of attempts of a claimed job, which has made progress.

    Args:
        connection: The connection of a write transaction.
        job: The claimed job.

    Returns:
        The job with one attempt.
    """
    _change_claimed(connection, job, attempts=1)
    return attrs.evolve(job, attempts=1)


def put_back(connection: Connection, job: Job, due_at: datetime) -> None:
    """Return a claimed job to the queue with no attempts. An expired claim changes nothing.

    Args:
        connection: The connection of a write transaction.
        job: The claimed job.
        due_at: The time at which it is due again.
    """
    _change_claimed(connection, job, due_at=due_at, attempts=0, claim_id=None, claimed_by=None)


def list_jobs(connection: Connection, *, given_up: bool) -> list[Job]:
    """Return all jobs, or only those that have been given up, the oldest first.

    Args:
        connection: The connection to read from.
        given_up: True for only the jobs that have been given up.
    """
    return _read_jobs(connection, _GIVEN_UP if given_up else _ALL, {})


def retry(connection: Connection, job_id: str, now: datetime) -> bool:
    """Retry a job that was given up.

    Args:
        connection: The connection of a write transaction.
        job_id: The id of the job.
        now: The current time, at which the job is due.

    Returns:
        False if there is no such job, or it was not given up.
    """
    return bool(connection.execute(_RETRY, {"_id": job_id, "_now": now}).rowcount)


def hasten(connection: Connection, key: str, now: datetime, latest: datetime) -> None:
    """Make the job with a key due if it is due too late: a signal calls it, or a clock that was ahead has scheduled it.

    Args:
        connection: The connection of a write transaction.
        key: The key of the job.
        now: The current time.
        latest: The latest due time. A job that is due later and has not failed becomes due now.
    """
    connection.execute(_HASTEN, {"_key": key, "_now": now, "_latest": latest})


def hasten_all(connection: Connection, kind: str, now: datetime, latest: datetime) -> None:
    """Make the jobs of a kind due that were scheduled too late by a clock that was ahead.

    Args:
        connection: The connection of a write transaction.
        kind: The kind of the jobs.
        now: The current time.
        latest: The latest plausible due time. Jobs that are due later become due now.
    """
    connection.execute(_HASTEN_ALL, {"_kind": kind, "_now": now, "_latest": latest})


def _read_jobs(connection: Connection, statement: Select[Any], parameters: Mapping[str, object]) -> list[Job]:
    return [Job(*row) for row in connection.execute(statement, parameters)]
