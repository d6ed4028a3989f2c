"""Jobs: what is to be done later, written down in the transaction of the change that asks for it.

A job is claimed for a while, and done in a transaction that also strikes it off: whoever dies in between leaves it to the
next one, and whoever comes too late finds it struck off. ``work`` does them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
from sqlalchemy import (
    Column,
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
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from stellary.core.base import IdSource, IdType, Json, UtcDateTime, metadata
from stellary.core.news import JOBS, announce
from stellary.core.unit import UnitOfWork

LEASE = timedelta(seconds=60)
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
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_stellary_jobs_due_at_id", "due_at", "id"),
)

_KIND = jobs.c.kind.in_(bindparam("_kinds", expanding=True))
_NEXT_DUE = select(func.min(jobs.c.due_at)).where(_KIND)
_FIRST: Select[Any] = (
    select(jobs)
    .where(jobs.c.due_at <= bindparam("_now"), _KIND)
    .order_by(jobs.c.due_at, jobs.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_BY_ID = jobs.c.id == bindparam("_id")
_CLAIMED = (_BY_ID, jobs.c.claim_id == bindparam("_claim_id"))
_INSERT = insert(jobs)
_CLAIM = update(jobs).where(_BY_ID)
_DONE = delete(jobs).where(*_CLAIMED)
_PUT_OFF = update(jobs).where(*_CLAIMED)
_ALL = select(jobs).order_by(jobs.c.id)
_GIVEN_UP = _ALL.where(jobs.c.due_at.is_(None))
_RETRY = (
    update(jobs)
    .where(_BY_ID, jobs.c.due_at.is_(None))
    .values(due_at=bindparam("_now"), attempts=0, claim_id=None)
)
_HASTEN = (
    update(jobs)
    .where(jobs.c.key == bindparam("_key"), jobs.c.due_at > bindparam("_latest"), jobs.c.attempts == 0)
    .values(due_at=bindparam("_now"))
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
    uow: UnitOfWork, kind: str, payload: Any, *, due_at: datetime | None = None, key: str | None = None
) -> None:
    """Have something done once the unit has been committed, and never if it is undone.

    Args:
        uow: The unit.
        kind: Of the job.
        payload: What is to be JSON.
        due_at: Not before that; at once if not given.
        key: Nothing is asked for if a job of that key is there already.
    """
    row = {
        "id": uow.new_id(),
        "kind": kind,
        "key": key,
        "payload": payload,
        "due_at": due_at or uow.now,
        "claim_id": None,
        "attempts": 0,
        "error": None,
        "created_at": uow.now,
    }
    if key is None:
        uow.connection.execute(_INSERT, row)
    elif not _inserted(uow.connection, row):
        return
    announce(uow, JOBS)


def enqueue_all(uow: UnitOfWork, kind: str, payloads: Sequence[Any]) -> None:
    """The same for many of a kind at once, each to be done as soon as it can be."""
    row = {"kind": kind, "key": None, "due_at": uow.now, "claim_id": None, "attempts": 0, "error": None}
    rows = [{"id": uow.new_id(), **row, "payload": each, "created_at": uow.now} for each in payloads]
    uow.connection.execute(_INSERT, rows)
    announce(uow, JOBS)


def _inserted(connection: Connection, row: dict[str, Any]) -> bool:
    try:
        with connection.begin_nested():
            connection.execute(_INSERT, row)
    except IntegrityError:
        return False
    return True


def next_due(connection: Connection, kinds: Collection[str]) -> datetime | None:
    """When the next job of those kinds is due, claimed or not."""
    found: datetime | None = connection.execute(_NEXT_DUE, {"_kinds": list(kinds)}).scalar()
    return found


def claim(connection: Connection, kinds: Collection[str], now: datetime, new_id: IdSource) -> Job | None:
    """The job that has been due for longest, for whoever asks alone until the claim expires; None if none is due."""
    row = connection.execute(_FIRST, {"_now": now, "_kinds": list(kinds)}).first()
    if row is None:
        return None
    claimed = {"claim_id": new_id(), "due_at": now + LEASE, "attempts": row.attempts + 1}
    connection.execute(_CLAIM, {"_id": row.id, **claimed})
    return attrs.evolve(_job(row), **claimed)


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
    noted = {"error": error[:ERROR_MAX], "due_at": due_at, "claim_id": None}
    connection.execute(_PUT_OFF, {"_id": job.id, "_claim_id": job.claim_id, **noted})


def listed(connection: Connection, *, given_up: bool) -> list[Job]:
    """All jobs, or those that have been given up, the oldest first."""
    return [_job(row) for row in connection.execute(_GIVEN_UP if given_up else _ALL)]


def retry(connection: Connection, job_id: str, now: datetime) -> bool:
    """Begin with a job again that was given up; False if there is no such job."""
    return bool(connection.execute(_RETRY, {"_id": job_id, "_now": now}).rowcount)


def hasten(connection: Connection, key: str, now: datetime, latest: datetime) -> None:
    """Make due what waits for a moment beyond the latest, and has not failed: the clock that put it off was ahead."""
    connection.execute(_HASTEN, {"_key": key, "_now": now, "_latest": latest})


def _job(row: Row[Any]) -> Job:
    return Job(
        row.id, row.kind, row.payload, row.due_at, row.claim_id, row.attempts, row.error, row.created_at
    )
