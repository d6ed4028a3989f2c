"""The state of an installation for who is on call: jobs, webhooks, language models, locks and the disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import datetime

import attrs
from sqlalchemy import ColumnElement, Connection, case, func, select, text

from stellary.core.db.database import Database
from stellary.core.db.replicas import Replicas
from stellary.core.kernel.jobs import jobs
from stellary.core.kernel.model_usage import usage
from stellary.core.webhooks.queue import read_backlog

JOBS_MAX = 10_000
"""The number of jobs that are counted, the oldest ones, so that a backlog does not make the measures slow."""
_OLDEST = select(jobs.c.kind, jobs.c.due_at, jobs.c.claim_id).order_by(jobs.c.id).limit(JOBS_MAX).subquery()
_STATE: ColumnElement[str] = case(
    (_OLDEST.c.due_at.is_(None), "given_up"),
    (_OLDEST.c.claim_id.is_not(None), "running"),
    else_="waiting",
)
_JOBS = select(_OLDEST.c.kind, _STATE, func.count(), func.min(_OLDEST.c.due_at)).group_by(
    _OLDEST.c.kind, _STATE
)
_TOKENS = select(
    func.coalesce(func.sum(usage.c.input_tokens), 0), func.coalesce(func.sum(usage.c.output_tokens), 0)
)
BEHIND_LONGEST = 3600.0
"""The number of seconds that stands for a replica that is left out."""
_LOCK_WAITS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@attrs.frozen
class Measure:
    """A value of the whole installation at one moment, which every process measures alike.

    Attributes:
        name: The name of the metric.
        description: What the value counts, and its unit.
        labels: The labels, always with the same names for the same metric.
        value: The value.
    """

    name: str
    description: str
    value: float
    labels: dict[str, str] = attrs.field(factory=dict)


def measure(
    database: Database, connection: Connection, now: datetime, replicas: Replicas | None
) -> Iterator[Measure]:
    """Yield the measures of an installation.

    Args:
        database: The database.
        connection: A connection to read from.
        now: The current time.
        replicas: The read replicas; None for none.
    """
    for kind, state, count, due_at in connection.execute(_JOBS):
        labels = {"kind": kind, "state": state}
        yield Measure("stellary_jobs", "The oldest 10,000 background jobs, by kind and state.", count, labels)
        if state == "waiting":
            late = max(0.0, (now - due_at).total_seconds())
            yield Measure(
                "stellary_job_delay_seconds", "How long the oldest due job waits.", late, {"kind": kind}
            )
    count, oldest, failing = read_backlog(connection)
    age = (now - oldest).total_seconds() if oldest else 0.0
    yield Measure("stellary_webhook_messages", "Messages of webhooks that were not delivered yet.", count)
    yield Measure("stellary_webhook_delay_seconds", "The age of the oldest of these messages.", age)
    yield Measure("stellary_webhooks_failing", "Webhooks whose receiver fails.", failing)
    for direction, tokens in zip(("input", "output"), connection.execute(_TOKENS).one(), strict=True):
        yield Measure(
            "stellary_model_tokens",
            "Tokens of language models, all in all.",
            tokens,
            {"direction": direction},
        )
    for number, replica in enumerate([] if replicas is None else replicas.all, 1):
        behind = min(BEHIND_LONGEST, time.monotonic() - replica.current_at)
        yield Measure(
            "stellary_replica_delay_seconds",
            "How far a read replica is behind, at most an hour.",
            behind,
            {"replica": str(number)},
        )
    if not database.is_sqlite:
        waits = connection.execute(_LOCK_WAITS).scalar_one()
        yield Measure("stellary_lock_waits", "Connections that wait for a lock of PostgreSQL.", waits)
    elif database.file is not None:
        free = shutil.disk_usage(database.file.resolve().parent).free
        yield Measure("stellary_disk_free_bytes", "Free bytes on the disk of the database.", free)
