"""The queue of webhooks: it assigns the messages of each webhook to one process, and records their results.

Each change adds the message, and a job that names the webhook. A worker claims one of the jobs of a webhook,
and thereby all of the webhook's messages; it deletes the other jobs, and keeps this one until no message is
left. While a receiver fails, the job waits until the next attempt for the webhook, regardless of the number
of waiting messages.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
from sqlalchemy import Connection, bindparam, exists, func, or_, select, text, update

from stellary.contract.webhooks import DeliveryAttempt
from stellary.contract.wire import as_dict
from stellary.core.accounts.audience import is_reachable, trash_id_of
from stellary.core.accounts.people import list_admins
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.events import ItemNoticeGiven, WorkspacesRestored
from stellary.core.kernel.grouping import group
from stellary.core.kernel.item_changes import emit_notice
from stellary.core.kernel.jobs import Job
from stellary.core.kernel.signals import WEBHOOKS
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.ports.webhook_sender import DeliveryResult
from stellary.core.webhooks.row_types import LockedWebhookRow, PendingMessageRow
from stellary.core.webhooks.rules.addresses import hide_path
from stellary.core.webhooks.rules.retries import DAY, FURTHEST, AttemptOutcome, outcome, webhook_retry_at
from stellary.core.webhooks.tables import deliveries, webhooks


@attrs.frozen
class ClaimedWebhook:
    """A webhook that this process has claimed: no other process sends its messages.

    Attributes:
        job: The claimed job.
        failures: The number of consecutive failures of the receiver. If it is not 0, one message at a time is tried.
        messages: The messages that were loaded last, the earliest first.
    """

    job: Job
    id: str
    url: str
    secret: str = attrs.field(repr=False)
    active: bool
    failures: int
    messages: Sequence[PendingMessageRow]


@attrs.frozen
class Sent:
    """A message that was sent, with the result."""

    message: PendingMessageRow
    at: datetime
    result: DeliveryResult


@attrs.frozen
class DeliveryReport:
    """The outcome of a claimed webhook's messages since the last report.

    Attributes:
        failed: Whether sending has stopped because the receiver fails.
        answered: Whether the receiver has accepted a message, or permanently rejected it.
        retry_after: Seconds that the receiver asks to wait.
        is_done: Whether all loaded messages have been sent.
    """

    webhook: ClaimedWebhook
    sent: Sequence[Sent]
    failed: bool
    answered: bool
    retry_after: float | None
    is_done: bool


@attrs.frozen
class Settled:
    """The result of ``settle``.

    Attributes:
        noted: The ids of the webhooks whose report has been recorded.
        claimed: The webhooks that were newly claimed, got further messages, or whose claim was renewed.
        ended: The ids of the webhooks whose claim has ended.
    """

    noted: set[str] = attrs.field(factory=set)
    claimed: dict[str, ClaimedWebhook] = attrs.field(factory=dict)
    ended: set[str] = attrs.field(factory=set)


DELIVER = "webhooks.deliver"
LOAD_MAX = 50
"""The number of messages of one webhook that are loaded together."""
JOBS_MAX = 200
EXPIRED_MAX = 2_000
BUSY_PAUSE = timedelta(seconds=1)
"""The pause of a job whose webhook is locked, or whose messages another process is sending."""
RENEW_BEFORE = jobs.LEASE / 2
ATTEMPTS_KEPT = 50
ERROR_MAX = 300
EXPIRED = "the receiver has accepted no message for a day"

# SQL text instead of a parameter, since only then both databases use the partial index.
_PENDING = text("stellary_webhook_deliveries.status = 'pending'")
_BACKLOG = select(func.count(), func.min(deliveries.c.created_at)).where(_PENDING)
_FAILING = select(func.count()).where(webhooks.c.active, webhooks.c.failing_since.is_not(None))
_OF_WEBHOOK = (is_given(deliveries.c.webhook_id), _PENDING)
_IDS = is_among(webhooks.c.id)
_LOCK = Query(
    LockedWebhookRow,
    select(
        webhooks,
        jobs.jobs.c.id.label("job_id"),
        jobs.jobs.c.claim_id,
        jobs.jobs.c.due_at.label("claimed_until"),
        trash_id_of(webhooks.c.workspace_id).label("trash_id"),
    )
    .join_from(webhooks, jobs.jobs, jobs.jobs.c.id == webhooks.c.sending_job_id, isouter=True)
    .where(_IDS)
    .order_by(webhooks.c.id)
    # FOR NO KEY UPDATE, which does not block transactions that write messages, whose rows refer to the webhook.
    .with_for_update(of=webhooks, key_share=True, skip_locked=True),
)
_EXISTING = select(webhooks.c.id).where(_IDS, is_reachable(webhooks.c.workspace_id))
_WAITING = (
    select(webhooks.c.id)
    .where(
        is_among(webhooks.c.workspace_id), exists().where(deliveries.c.webhook_id == webhooks.c.id, _PENDING)
    )
    .order_by(webhooks.c.id)
)
_UPDATE = update(webhooks).where(is_given(webhooks.c.id))
_NOTE_NOTICE = _UPDATE.where(
    or_(webhooks.c.noticed_at.is_(None), webhooks.c.noticed_at < webhooks.c.failing_since)
).returning(webhooks.c.workspace_id, webhooks.c.created_by_id)
_RESUME = _UPDATE.values(retry_at=None)
_LOAD = Query(
    PendingMessageRow,
    select(
        deliveries.c.id,
        deliveries.c.payload,
        deliveries.c.attempts,
        deliveries.c.tries,
        func.coalesce(deliveries.c.queued_at, bindparam("_until")).label("queued_at"),
    )
    .where(*_OF_WEBHOOK, deliveries.c.next_attempt_at <= bindparam("_until"))
    .order_by(deliveries.c.next_attempt_at, deliveries.c.id)
    .limit(bindparam("_limit")),
)
_NEXT = select(func.min(deliveries.c.next_attempt_at)).where(*_OF_WEBHOOK)
_HASTEN = update(deliveries).where(*_OF_WEBHOOK)
# The number of attempts shows whether another process has recorded an attempt for the same message.
_NOTE = update(deliveries).where(is_given(deliveries.c.id), _PENDING, is_given(deliveries.c.tries))


@attrs.frozen
class _RetrySchedule:
    """The columns of a webhook that decide when a failing receiver is tried again."""

    failures: int
    failing_since: datetime | None
    retry_at: datetime | None


def enqueue(uow: UnitOfWork, webhook_ids: Sequence[str]) -> None:
    """Schedule the messages of webhooks for sending after the commit.

    This only adds rows: if it changed the row of the webhook, the transactions of a workspace would wait for
    each other.

    Args:
        webhook_ids: The webhooks with new messages.
    """
    jobs.enqueue_all(uow, DELIVER, [{"webhookId": id} for id in webhook_ids], topic=WEBHOOKS)


def resume_restored(uow: UnitOfWork, events: Sequence[WorkspacesRestored]) -> None:
    """Schedule the messages that the webhooks of restored workspaces had before the deletion.

    Args:
        events: The restored workspaces.
    """
    for event in events:
        ids = uow.connection.execute(_WAITING, {"_workspace_ids": list(event.workspace_ids)}).scalars().all()
        if ids:
            enqueue(uow, ids)


def resume(uow: UnitOfWork, webhook_id: str) -> None:
    """Let the waiting messages of a webhook be sent immediately, even if its receiver has failed.

    Args:
        webhook_id: The webhook.
    """
    uow.connection.execute(_RESUME, {"_id": webhook_id})
    enqueue(uow, [webhook_id])


def settle(
    uow: UnitOfWork,
    reports: Sequence[DeliveryReport],
    held: Mapping[str, ClaimedWebhook],
    claimed_by: int | None,
    *,
    closing: bool = False,
) -> Settled:
    """Record the results of messages, load more of them, and claim webhooks that have messages to send.

    Args:
        uow: The transaction.
        reports: The results for webhooks that this process has claimed.
        held: All webhooks that this process has claimed, by id.
        claimed_by: The number of this process.
        closing: Whether the process stops: all claims are released, and none are made.
    """
    settled = Settled()
    if reports:
        _note(uow, reports, settled, closing=closing)
    if closing:
        return settled
    remaining = {id: webhook for id, webhook in held.items() if id not in settled.ended}
    _renew(uow, {**remaining, **settled.claimed}, settled)
    if len(remaining) < JOBS_MAX:
        _claim(uow, remaining, claimed_by, settled)
    return settled


def _note(uow: UnitOfWork, reports: Sequence[DeliveryReport], settled: Settled, *, closing: bool) -> None:
    rows, existing = _lock(uow.connection, [report.webhook.id for report in reports])
    changes: list[dict[str, Any]] = []
    for report in reports:
        webhook = report.webhook
        if webhook.id in rows:
            for sent in report.sent:
                next_state = _find_outcome(sent, rows[webhook.id], uow.now)
                changes.append(_build_change(sent, sent.message.tries + 1, next_state))
            settled.noted.add(webhook.id)
        elif webhook.id not in existing:
            jobs.complete(uow.connection, webhook.job)
            settled.noted.add(webhook.id)
            settled.ended.add(webhook.id)
    if changes:
        uow.connection.execute(_NOTE, changes)
    for report in reports:
        row = rows.get(report.webhook.id)
        if row is None:
            continue
        if row.job_id != report.webhook.job.id or row.claim_id != report.webhook.job.claim_id:
            # The claim has expired, so another process sends the remaining messages.
            settled.ended.add(row.id)
        else:
            _schedule(uow, row, report, settled, closing=closing)


def _find_outcome(sent: Sent, row: LockedWebhookRow, now: datetime) -> AttemptOutcome:
    result = sent.result
    return outcome(
        result.status,
        sent.message.tries + 1,
        now,
        expired=_has_failed_for_a_day(row.failing_since, now) and sent.message.queued_at <= now - DAY,
        retry_after=result.retry_after,
        final=result.final,
    )


def _build_change(sent: Sent, tries: int, next_state: AttemptOutcome) -> dict[str, Any]:
    """Return the new columns of a message, with an attempt."""
    result = sent.result
    attempt = DeliveryAttempt(
        at=sent.at,
        status_code=result.status,
        error=None if result.error is None else result.error[:ERROR_MAX],
        duration_ms=result.duration_ms,
    )
    return {
        "_id": sent.message.id,
        "_tries": sent.message.tries,
        "status": next_state.status,
        "tries": tries,
        "attempts": [*sent.message.attempts, as_dict(attempt)][-ATTEMPTS_KEPT:],
        "next_attempt_at": next_state.again_at,
    }


def _schedule(
    uow: UnitOfWork, row: LockedWebhookRow, report: DeliveryReport, settled: Settled, *, closing: bool
) -> None:
    """Schedule the next message of a webhook, and load it if it is due now."""
    before = _RetrySchedule(row.failures, row.failing_since, row.retry_at)
    after = before
    if report.failed and report.is_done:
        failures = row.failures + 1
        retry_at = webhook_retry_at(failures, uow.now, report.retry_after)
        after = _RetrySchedule(failures, row.failing_since or uow.now, retry_at)
    elif report.answered and not report.failed:
        after = _RetrySchedule(0, None, None)
    if after != before:
        uow.connection.execute(_UPDATE, {"_id": row.id, **attrs.asdict(after)})
    if closing:
        jobs.put_back(uow.connection, report.webhook.job, after.retry_at or uow.now)
        settled.ended.add(row.id)
    elif report.is_done:
        if _has_failed_for_a_day(after.failing_since, uow.now):
            _expire(uow, row.id)
            _notify_admins(uow, row)
        job = report.webhook.job
        if job.attempts > 1:
            job = jobs.forget_attempts(uow.connection, job)
        webhook = attrs.evolve(report.webhook, job=job, failures=after.failures)
        _load(uow, row, webhook, after.retry_at, settled)


def _has_failed_for_a_day(failing_since: datetime | None, now: datetime) -> bool:
    return failing_since is not None and failing_since <= now - DAY


def _expire(uow: UnitOfWork, webhook_id: str) -> None:
    """Give up messages that have waited a day for a receiver that keeps failing."""
    # Only due messages are checked; the others are given up at their next attempt.
    waiting = _pending(uow.connection, webhook_id, uow.now, EXPIRED_MAX)
    expired = [message for message in waiting if message.queued_at <= uow.now - DAY]
    result, failed = DeliveryResult(error=EXPIRED), AttemptOutcome("failed")
    changes = [_build_change(Sent(message, uow.now, result), message.tries, failed) for message in expired]
    if changes:
        uow.connection.execute(_NOTE, changes)


def _notify_admins(uow: UnitOfWork, row: LockedWebhookRow) -> None:
    """Notify the admins of a receiver that has failed for a day, once until it accepts a message."""
    place = uow.connection.execute(_NOTE_NOTICE, {"_id": row.id, "noticed_at": uow.now}).first()
    if place is None:
        return
    notice = ItemNoticeGiven(
        workspace_id=place.workspace_id,
        kind="webhook",
        item_id=row.id,
        name=hide_path(row.url),
        project_id=None,
        message="The receiver of the webhook has accepted no message for a day. Messages are given up after a day.",
        user_ids=tuple(list_admins(uow, place.workspace_id)),
    )
    emit_notice(uow, place.created_by_id, notice)


def _load(
    uow: UnitOfWork,
    row: LockedWebhookRow,
    webhook: ClaimedWebhook,
    retry_at: datetime | None,
    settled: Settled,
) -> None:
    """Load due messages. If there are none, let the job wait for the next message, or delete it."""
    messages: Sequence[PendingMessageRow] = ()
    if retry_at is None or retry_at <= uow.now:
        # The receiver may still fail, so only one message is loaded to try it.
        limit = 1 if webhook.failures else LOAD_MAX
        messages = _pending(uow.connection, row.id, uow.now, limit)
    if messages:
        settled.claimed[row.id] = attrs.evolve(
            webhook, url=row.url, secret=row.secret, active=row.active, messages=messages
        )
        return
    settled.claimed.pop(row.id, None)
    settled.ended.add(row.id)
    next_at = uow.connection.execute(_NEXT, {"_webhook_id": row.id}).scalar()
    if next_at is not None and next_at > uow.now + FURTHEST:
        uow.connection.execute(_HASTEN, {"_webhook_id": row.id, "next_attempt_at": uow.now})
        next_at = uow.now
    if next_at is None:
        jobs.complete(uow.connection, webhook.job)
    else:
        jobs.put_back(uow.connection, webhook.job, max(next_at, retry_at or next_at))


def _pending(
    connection: Connection, webhook_id: str, until: datetime, limit: int
) -> Sequence[PendingMessageRow]:
    return _LOAD.all(connection, {"_webhook_id": webhook_id, "_until": until, "_limit": limit})


def _renew(uow: UnitOfWork, held: Mapping[str, ClaimedWebhook], settled: Settled) -> None:
    for id, webhook in held.items():
        assert webhook.job.due_at is not None
        if webhook.job.due_at - uow.now > RENEW_BEFORE:
            continue
        if jobs.renew(uow.connection, webhook.job, uow.now):
            job = attrs.evolve(webhook.job, due_at=uow.now + jobs.LEASE)
            settled.claimed[id] = attrs.evolve(webhook, job=job)
        else:
            settled.claimed.pop(id, None)
            settled.ended.add(id)


def _claim(
    uow: UnitOfWork, own_claims: Mapping[str, ClaimedWebhook], claimed_by: int | None, settled: Settled
) -> None:
    due_jobs = jobs.lock_due(uow.connection, DELIVER, uow.now, limit=JOBS_MAX)
    due = group((str(job.payload["webhookId"]), job) for job in due_jobs)
    # The messages of these jobs are loaded before the claim ends.
    superfluous_jobs = [job for id in due if id in own_claims for job in due[id]]
    unclaimed_ids = [id for id in due if id not in own_claims]
    busy_jobs: list[Job] = []
    if unclaimed_ids:
        rows, existing = _lock(uow.connection, unclaimed_ids)
        free: dict[str, Job] = {}
        for id in unclaimed_ids:
            row = rows.get(id)
            if row is None:
                (busy_jobs if id in existing else superfluous_jobs).extend(due[id])
            elif row.retry_at is not None and uow.now < row.retry_at <= uow.now + FURTHEST:
                # Another job of this webhook is scheduled for that time.
                superfluous_jobs += due[id]
            elif row.claim_id is not None and row.claimed_until is not None and row.claimed_until > uow.now:
                busy_jobs += due[id]
            else:
                free[id] = due[id][0]
                superfluous_jobs += due[id][1:]
        claims = jobs.claim_locked(uow.connection, list(free.values()), uow.now, uow.new_id, claimed_by)
        if claims:
            senders = [{"_id": id, "sending_job_id": job.id} for id, job in zip(free, claims, strict=True)]
            uow.connection.execute(_UPDATE, senders)
        for id, job in zip(free, claims, strict=True):
            row = rows[id]
            webhook = ClaimedWebhook(job, id, row.url, row.secret, row.active, row.failures, ())
            _load(uow, row, webhook, None, settled)
    jobs.delete_locked(uow.connection, superfluous_jobs)
    jobs.put_off_locked(uow.connection, busy_jobs, uow.now + BUSY_PAUSE)


def _lock(connection: Connection, ids: Sequence[str]) -> tuple[dict[str, LockedWebhookRow], Collection[str]]:
    """Lock webhooks, and return their rows and the ids of those that exist, which another transaction may have locked."""
    rows = {row.id: row for row in _LOCK.all(connection, {"_ids": list(ids)}) if row.trash_id is None}
    if len(rows) == len(ids):
        return rows, ids
    return rows, set(connection.execute(_EXISTING, {"_ids": list(ids)}).scalars())


def read_backlog(connection: Connection) -> tuple[int, datetime | None, int]:
    """Return the number of pending messages, the time of the oldest, and the number of webhooks whose receiver fails.

    Args:
        connection: The connection to read from.
    """
    count, oldest = connection.execute(_BACKLOG).one()
    return count, oldest, connection.execute(_FAILING).scalar_one()
