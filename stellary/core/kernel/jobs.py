"""Jobs: what is to be done later, written down in the transaction of the change that asks for it.

A job is claimed for a while, and done in a transaction that also strikes it off: whoever dies in between leaves it to the
next one, and whoever comes too late finds it struck off. ``work`` does them; ``claims`` releases what a dead process
had claimed.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
from sqlalchemy import (
    Column,
    CompoundSelect,
    Connection,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError

from stellary.core.db.base import IdSource, IdType, Json, UtcDateTime, metadata
from stellary.core.kernel.signals import JOBS
from stellary.core.kernel.unit import UnitOfWork

LEASE = timedelta(seconds=60)
"""How long a claim holds; a long job renews it."""
RELEASES_MAX = 3
"""Attempts after which a job that ends its processes is no longer released at once, but waits for its lease to expire."""
ERROR_MAX = 500

jobs = Table(
    "stellary_jobs",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("kind", String(60), nullable=False),
    # Of what there is one at a time; most jobs have none.
    Column("key", String(100), unique=True),
    Column("payload", Json, nullable=False),
    # When somebody may claim it. Who does sets it to when the claim expires; null once it has been given up.
    Column("due_at", UtcDateTime),
    Column("claim_id", IdType),
    # The process that has claimed it, as ``claims`` numbers them; null if only the lease ends the claim.
    Column("claimed_by", Integer),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_stellary_jobs_kind_due_at_id", "kind", "due_at", "id"),
    Index(
        "ix_stellary_jobs_claimed_by",
        "claimed_by",
        sqlite_where=text("claimed_by IS NOT NULL"),
        postgresql_where=text("claimed_by IS NOT NULL"),
    ),
)

_DUE: Select[Any] = (
    select(jobs)
    # One kind at a time: with several, both databases would read and sort the whole backlog.
    .where(jobs.c.kind == bindparam("_kind"), jobs.c.due_at <= bindparam("_now"))
    .order_by(jobs.c.due_at, jobs.c.id)
    .limit(bindparam("_limit"))
    .with_for_update(skip_locked=True)
)
_BY_ID = jobs.c.id == bindparam("_id")
_CLAIMED = (_BY_ID, jobs.c.claim_id == bindparam("_claim_id"))
_INSERT = insert(jobs)
_CLAIM = update(jobs).where(_BY_ID)
_DELETE = delete(jobs).where(_BY_ID)
_DEFER = update(jobs).where(_BY_ID)
_DONE = delete(jobs).where(*_CLAIMED)
_PUT_OFF = update(jobs).where(*_CLAIMED)
_RELEASE = (
    update(jobs)
    .where(jobs.c.claim_id.is_not(None), jobs.c.due_at.is_not(None), jobs.c.attempts < RELEASES_MAX)
    .values(claim_id=None, claimed_by=None, due_at=bindparam("_now"))
)
_RELEASE_OF = _RELEASE.where(jobs.c.claimed_by == bindparam("_owner"))
_ALL = select(jobs).order_by(jobs.c.id)
_GIVEN_UP = _ALL.where(jobs.c.due_at.is_(None))
_RETRY = (
    update(jobs)
    .where(_BY_ID, jobs.c.due_at.is_(None))
    .values(due_at=bindparam("_now"), attempts=0, claim_id=None, claimed_by=None)
)
_HASTEN = (
    update(jobs)
    .where(jobs.c.key == bindparam("_key"), jobs.c.due_at > bindparam("_latest"), jobs.c.attempts == 0)
    .values(due_at=bindparam("_now"))
)
_HASTEN_ALL = (
    update(jobs)
    .where(jobs.c.kind == bindparam("_kind"), jobs.c.due_at > bindparam("_latest"))
    .values(due_at=bindparam("_now"), claim_id=None, claimed_by=None)
)


@attrs.frozen
class Job:
    """Something to be done.

    Attributes:
        kind: Says what does it.
        payload: What that has to know, as JSON.
        due_at: When it is to be done, or tried again; None once it has been given up.
        claim_id: Of whoever does it at the moment.
        attempts: How often it has been begun.
        error: Why it was not done the last time.
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
        return self.due_at is None


def enqueue(
    uow: UnitOfWork,
    kind: str,
    payload: Any,
    *,
    due_at: datetime | None = None,
    key: str | None = None,
    topic: str = JOBS,
) -> None:
    """Have something done once the unit has been committed, and never if it is undone.

    Args:
        uow: The unit.
        kind: Of the job.
        payload: What is to be JSON.
        due_at: Not before that; at once if not given.
        key: Nothing is asked for if a job of that key is there already.
        topic: Wakes whoever does jobs of that kind.
    """
    row = {
        "id": uow.new_id(),
        "kind": kind,
        "key": key,
        "payload": payload,
        "due_at": due_at or uow.now,
        "claim_id": None,
        "claimed_by": None,
        "attempts": 0,
        "error": None,
        "created_at": uow.now,
    }
    if key is None:
        uow.connection.execute(_INSERT, row)
    elif not _inserted(uow.connection, row):
        return
    uow.send_on_commit(topic)


def enqueue_all(uow: UnitOfWork, kind: str, payloads: Sequence[Any], *, topic: str = JOBS) -> None:
    """The same for many of a kind at once, each to be done as soon as it can be."""
    row = {"kind": kind, "key": None, "due_at": uow.now, "claim_id": None, "claimed_by": None, "error": None}
    rows = [
        {"id": uow.new_id(), **row, "payload": payload, "attempts": 0, "created_at": uow.now}
        for payload in payloads
    ]
    uow.connection.execute(_INSERT, rows)
    uow.send_on_commit(topic)


def _inserted(connection: Connection, row: dict[str, Any]) -> bool:
    try:
        with connection.begin_nested():
            connection.execute(_INSERT, row)
    except IntegrityError:
        return False
    return True


def due_by_kind(connection: Connection, kinds: Collection[str]) -> list[tuple[datetime, str]]:
    """Return when the next job of each kind is due, claimed or not: the earliest first, without kinds that have none."""
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
    """Return when the next job of those kinds is due, claimed or not."""
    due = due_by_kind(connection, kinds)
    return due[0][0] if due else None


def claim(
    connection: Connection,
    kinds: Iterable[str],
    now: datetime,
    new_id: IdSource,
    claimed_by: int | None = None,
) -> Job | None:
    """Claim the job that has been due for longest; None if no job is due.

    Args:
        connection: In a transaction.
        kinds: In the order in which they are looked at.
        now: The moment.
        new_id: Makes the id of the claim.
        claimed_by: The number of this process; None if only the lease ends the claim.
    """
    for kind in kinds:
        claimed = claim_many(connection, kind, now, new_id, claimed_by, limit=1)
        if claimed:
            return claimed[0]
    return None


def claim_many(
    connection: Connection, kind: str, now: datetime, new_id: IdSource, claimed_by: int | None, *, limit: int
) -> list[Job]:
    """Claim the jobs of a kind that have been due for longest, up to a limit, the earliest first."""
    due = lock_due(connection, kind, now, limit=limit)
    return claim_locked(connection, due, now, new_id, claimed_by)


def lock_due(connection: Connection, kind: str, now: datetime, *, limit: int) -> list[Job]:
    """Lock the jobs of a kind that have been due for longest until the transaction ends, without those that others lock."""
    return [_job(row) for row in connection.execute(_DUE, {"_kind": kind, "_now": now, "_limit": limit})]


def claim_locked(
    connection: Connection, locked: Sequence[Job], now: datetime, new_id: IdSource, claimed_by: int | None
) -> list[Job]:
    """Claim jobs that this transaction has locked."""
    claimed = [
        attrs.evolve(job, claim_id=new_id(), due_at=now + LEASE, attempts=job.attempts + 1) for job in locked
    ]
    if claimed:
        connection.execute(
            _CLAIM,
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
    """Delete jobs that this transaction has locked."""
    if locked:
        connection.execute(_DELETE, [{"_id": job.id} for job in locked])


def put_off_locked(connection: Connection, locked: Sequence[Job], due_at: datetime) -> None:
    """Make jobs that this transaction has locked due later."""
    if locked:
        connection.execute(_DEFER, [{"_id": job.id, "due_at": due_at} for job in locked])


def release(connection: Connection, now: datetime, claimed_by: int | None = None) -> int:
    """Make claimed jobs due again because the process that claimed them is dead.

    Args:
        connection: In a transaction.
        now: The moment.
        claimed_by: The number of that process; None releases every claim.

    Returns:
        How many jobs were released. One that has been begun three times waits for its lease: it may be what ends them.
    """
    if claimed_by is None:
        return connection.execute(_RELEASE, {"_now": now}).rowcount
    return connection.execute(_RELEASE_OF, {"_now": now, "_owner": claimed_by}).rowcount


def strike_off(connection: Connection, job: Job) -> bool:
    """Take a job off the list, in the transaction that does it; False if somebody else has claimed it meanwhile."""
    found = connection.execute(_DONE, {"_id": job.id, "_claim_id": job.claim_id})
    return bool(found.rowcount)


def keep(connection: Connection, job: Job, now: datetime) -> bool:
    """Claim a job for longer that takes long; False if somebody else has claimed it meanwhile."""
    found = connection.execute(_PUT_OFF, {"_id": job.id, "_claim_id": job.claim_id, "due_at": now + LEASE})
    return bool(found.rowcount)


def mark(connection: Connection, job: Job, reached: int) -> Job:
    """Note how far a job has come that takes long.

    One that has come further since it was begun the last time is begun as if for the first time: what is given up in the
    end is what comes no further.
    """
    before = job.payload.get("reached", reached)
    payload = {**job.payload, "reached": reached}
    attempts = job.attempts if before == reached else 1
    noted = {"payload": payload, "attempts": attempts}
    connection.execute(_PUT_OFF, {"_id": job.id, "_claim_id": job.claim_id, **noted})
    return attrs.evolve(job, payload=payload, attempts=attempts)


def put_off(connection: Connection, job: Job, error: str, due_at: datetime | None) -> None:
    """Note that a job was not done, and when it is tried again; None gives it up. Nothing if the claim has expired."""
    noted = {"error": error[:ERROR_MAX], "due_at": due_at, "claim_id": None, "claimed_by": None}
    connection.execute(_PUT_OFF, {"_id": job.id, "_claim_id": job.claim_id, **noted})


def forget_attempts(connection: Connection, job: Job) -> Job:
    """Count the attempts of a claimed job from this one on: it has got further."""
    connection.execute(_PUT_OFF, {"_id": job.id, "_claim_id": job.claim_id, "attempts": 1})
    return attrs.evolve(job, attempts=1)


def put_back(connection: Connection, job: Job, due_at: datetime) -> None:
    """Make a claimed job due again as if it had never been begun. Nothing happens if the claim has ended."""
    changes = {"due_at": due_at, "attempts": 0, "claim_id": None, "claimed_by": None}
    connection.execute(_PUT_OFF, {"_id": job.id, "_claim_id": job.claim_id, **changes})


def listed(connection: Connection, *, given_up: bool) -> list[Job]:
    """All jobs, or those that have been given up, the oldest first."""
    return [_job(row) for row in connection.execute(_GIVEN_UP if given_up else _ALL)]


def retry(connection: Connection, job_id: str, now: datetime) -> bool:
    """Begin with a job again that was given up; False if there is no such job."""
    return bool(connection.execute(_RETRY, {"_id": job_id, "_now": now}).rowcount)


def hasten(connection: Connection, key: str, now: datetime, latest: datetime) -> None:
    """Make due what waits for a moment beyond the latest, and has not failed: the clock that put it off was ahead."""
    connection.execute(_HASTEN, {"_key": key, "_now": now, "_latest": latest})


def hasten_all(connection: Connection, kind: str, now: datetime, latest: datetime) -> None:
    """Make all jobs of a kind due that wait for a moment beyond the latest: the clock that put them off was ahead."""
    connection.execute(_HASTEN_ALL, {"_kind": kind, "_now": now, "_latest": latest})


def _job(row: Row[Any]) -> Job:
    return Job(
        row.id, row.kind, row.payload, row.due_at, row.claim_id, row.attempts, row.error, row.created_at
    )
