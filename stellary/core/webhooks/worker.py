"""The worker that sends the messages of webhooks: one thread uses the database, and others send.

One transaction records the results of all webhooks and claims further messages. Unless there are many messages, there
are at most five such transactions per second, since on SQLite each blocks other writers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from datetime import datetime

import attrs

from stellary._tracing import add_context, trace
from stellary.contract.signatures import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from stellary.core.db import forks
from stellary.core.kernel import jobs
from stellary.core.kernel.claims import ClaimOwner
from stellary.core.kernel.signals import EVERYTHING, WEBHOOKS
from stellary.core.kernel.units import Units
from stellary.core.ports.webhook_sender import DeliveryResult, OutgoingRequest
from stellary.core.webhooks import queue
from stellary.core.webhooks.queue import ClaimedWebhook, DeliveryReport, Sent
from stellary.core.webhooks.row_types import PendingMessageRow
from stellary.core.webhooks.rules.addresses import is_allowed_port
from stellary.core.webhooks.rules.retries import FURTHEST, is_failure

_log = logging.getLogger("stellary.core")

SENDERS_MAX = 16
PER_WEBHOOK_MAX = 4
"""The number of concurrent deliveries of one webhook."""
FAILING_MAX = 4
"""The number of concurrent deliveries to receivers that have failed before, which leaves capacity for others."""
FAILURES_IN_A_ROW = 3
"""The number of consecutive failures after which a receiver that worked before gets a pause."""
SETTLE_SECONDS = 0.2
URGENT_SECONDS = 0.01
"""The minimum pause with a backlog: results that cannot be recorded, because the webhook is locked, must not keep the
thread busy."""
NOTE_SECONDS = 1.0
"""The maximum delay until results are recorded, while further messages are being sent."""
RENEW_SECONDS = 10.0
POLL_SECONDS = 5.0
TROUBLED_SECONDS = 2.0
IDLE_SECONDS = 30.0
TURNED_OFF = "the webhook is disabled"


@attrs.define
class _Lane:
    """A claimed webhook with its messages: waiting, being sent, or sent but not recorded yet."""

    webhook: ClaimedWebhook
    waiting: deque[PendingMessageRow]
    on_their_way: int = 0
    sent: list[Sent] = attrs.field(factory=list)
    failures_in_a_row: int = 0
    failed: bool = False
    answered: bool = False
    retry_after: float | None = None

    @property
    def is_done(self) -> bool:
        return self.on_their_way == 0 and not self.waiting

    @property
    def has_more(self) -> bool:
        """Return whether the queue may have more messages than were loaded, so that more should be loaded now."""
        return self.is_done and not self.failed and len(self.webhook.messages) >= queue.LOAD_MAX

    def update(self, webhook: ClaimedWebhook) -> None:
        """Apply the result of ``settle``: new messages if the last ones are done, otherwise only the renewed claim."""
        if webhook.messages is not self.webhook.messages:
            self.waiting = deque(webhook.messages)
            self.failures_in_a_row, self.failed, self.answered, self.retry_after = 0, False, False, None
        self.webhook = webhook

    def take(self, on_their_way_max: int) -> PendingMessageRow | None:
        if not self.waiting or self.on_their_way >= on_their_way_max:
            return None
        self.on_their_way += 1
        return self.waiting.popleft()

    def add(self, sent: Sent) -> None:
        """Add the result of a message, and stop sending if the receiver fails."""
        self.on_their_way -= 1
        self.sent.append(sent)
        if not is_failure(sent.result.status, final=sent.result.final):
            self.answered, self.failures_in_a_row = True, 0
            return
        self.failures_in_a_row += 1
        if sent.result.retry_after is not None:
            self.retry_after = max(self.retry_after or 0.0, sent.result.retry_after)
        if (
            not self.answered
            or self.failures_in_a_row >= FAILURES_IN_A_ROW
            or sent.result.retry_after is not None
        ):
            self.failed = True
            self.waiting.clear()

    def report(self) -> DeliveryReport:
        return DeliveryReport(
            self.webhook, tuple(self.sent), self.failed, self.answered, self.retry_after, self.is_done
        )


class WebhookWorker:
    """A sender of webhook messages, in background threads or when the host calls it.

    Args:
        units: Opens the units of work. Without a webhook sender in their environment, messages wait.
        claims: The owner of the claims of this process.
    """

    def __init__(self, units: Units, claims: ClaimOwner) -> None:
        self._units = units
        self._claims = claims
        self.after_fork_in_child()
        units.env.signals.listen(self._on_signal)
        forks.follow(self)

    def after_fork_in_child(self) -> None:
        """Send nothing in the child until ``start`` is called there, since the threads belong to the parent."""
        self._alarm = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lanes: dict[str, _Lane] = {}
        # Guards the lanes and the counts of threads.
        self._changed = threading.Condition()
        self._senders = 0
        self._idle = 0
        self._settled_at = 0.0

    # ------------------------------------------------------------------------------------------ in this thread

    def run_due(self) -> int:
        """Send due messages in this thread, until there are none or ``stop`` is called.

        Returns:
            The number of messages that were sent, including failed attempts.

        Raises:
            DBAPIError: The database does not answer.
        """
        if self._units.env.webhook_sender is None:
            return 0
        self._claims.lock_file()
        lanes: dict[str, _Lane] = {}
        count = 0
        while not self._stopping.is_set() and (
            lanes or ((due := self._next_due()) is not None and due <= self._units.env.clock())
        ):
            self._settle(lanes)
            count += self._send_here(lanes)
        if lanes:
            self._settle(lanes, closing=True)
        return count

    def _send_here(self, lanes: dict[str, _Lane]) -> int:
        """Send the loaded messages in this thread, until the claims have to be renewed."""
        until = time.monotonic() + RENEW_SECONDS
        count = 0
        for lane in lanes.values():
            while not self._stopping.is_set() and (message := lane.take(1)) is not None:
                lane.add(self._deliver(lane.webhook, message))
                count += 1
                if time.monotonic() >= until:
                    return count
        return count

    def _next_due(self) -> datetime | None:
        with self._units.database.reading() as connection:
            due = jobs.next_due(connection, (queue.DELIVER,))
        now = self._units.env.clock()
        if due is None or due <= now + FURTHEST:
            return due
        with self._units.database.writing() as connection:
            jobs.hasten_all(connection, queue.DELIVER, now, now + FURTHEST)
        return now

    # ------------------------------------------------------------------------------------------ in threads

    def wake(self) -> None:
        """Look for messages now."""
        self._alarm.set()

    def _on_signal(self, topic: str) -> None:
        if topic in (WEBHOOKS, EVERYTHING):
            self.wake()

    def start(self) -> None:
        """Send messages in threads from now on."""
        if self._units.env.webhook_sender is None:
            return
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="stellary-webhooks", daemon=True)
        self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """Start no further deliveries, and wait until the current ones have ended and are recorded.

        Args:
            timeout: The seconds to wait; None waits without limit. Messages that are not recorded by then are
                sent again by another process.

        Returns:
            Whether all threads have ended.
        """
        self._stopping.set()
        self.wake()
        with self._changed:
            self._changed.notify_all()
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._claims.start()
        try:
            while not self._stopping.is_set():
                # Cleared before messages are read, so that a message added from now on wakes this thread again.
                self._alarm.clear()
                try:
                    pause = self._step()
                except Exception as error:  # noqa: BLE001 - the database may be back soon
                    _log.warning("webhooks wait: %s", type(error).__name__)
                    self._stopping.wait(TROUBLED_SECONDS)
                else:
                    # ``stop`` may have been called in the meantime, and its wake-up may have been cleared.
                    if not self._stopping.is_set():
                        self._alarm.wait(pause)
            self._finish()
        finally:
            self._claims.stop()

    def _step(self) -> float:
        """Record finished deliveries, and return the seconds until the next step."""
        self._gather()
        since = time.monotonic() - self._settled_at
        with self._changed:
            done = any(lane.is_done for lane in self._lanes.values())
            sent = any(lane.sent for lane in self._lanes.values())
            is_late = since >= (NOTE_SECONDS if sent else RENEW_SECONDS) and bool(self._lanes)
        due = self._next_due()
        remaining = POLL_SECONDS if due is None else (due - self._units.env.clock()).total_seconds()
        if remaining > 0 and not (done or is_late or self._is_urgent()):
            return min(NOTE_SECONDS if self._lanes else POLL_SECONDS, remaining)
        self._settle(self._lanes)
        self._begin_to_send()
        return 0.0 if remaining <= 0 else SETTLE_SECONDS

    def _gather(self) -> None:
        """Wait until enough time has passed since the last transaction, to report several deliveries in one transaction."""
        while not self._stopping.is_set():
            pause = URGENT_SECONDS if self._is_urgent() else SETTLE_SECONDS
            remaining = self._settled_at + pause - time.monotonic()
            if remaining <= 0:
                return
            self._alarm.wait(remaining)
            self._alarm.clear()

    def _is_urgent(self) -> bool:
        """Return whether there are enough messages, sent or waiting, to report the deliveries without delay."""
        with self._changed:
            lanes = self._lanes.values()
            return sum(len(lane.sent) for lane in lanes) >= queue.LOAD_MAX or any(
                lane.has_more for lane in lanes
            )

    def _begin_to_send(self) -> None:
        with self._changed:
            waiting = sum(len(lane.waiting) for lane in self._lanes.values())
            for _ in range(min(waiting - self._idle, SENDERS_MAX - self._senders)):
                self._senders += 1
                threading.Thread(target=self._send_all, name="stellary-webhook", daemon=True).start()
            self._changed.notify(waiting)

    def _send_all(self) -> None:
        """Send messages until there have been none for a while."""
        while (taken := self._take()) is not None:
            lane, message = taken
            sent = self._deliver(lane.webhook, message)
            with self._changed:
                lane.add(sent)
                if lane.is_done or len(lane.sent) >= queue.LOAD_MAX:
                    self._alarm.set()
                if self._stopping.is_set():
                    self._changed.notify_all()

    def _take(self) -> tuple[_Lane, PendingMessageRow] | None:
        with self._changed:
            until = time.monotonic() + IDLE_SECONDS
            while not self._stopping.is_set():
                delivery = self._next_message()
                if delivery is not None:
                    return delivery
                remaining = until - time.monotonic()
                if remaining <= 0:
                    break
                self._idle += 1
                self._changed.wait(remaining)
                self._idle -= 1
            self._senders -= 1
            return None

    def _next_message(self) -> tuple[_Lane, PendingMessageRow] | None:
        failing = sum(lane.on_their_way for lane in self._lanes.values() if lane.webhook.failures)
        # Webhooks with the fewest messages in flight come first, so that none waits for one with many messages.
        for lane in sorted(self._lanes.values(), key=lambda lane: lane.on_their_way):
            if lane.webhook.failures and failing >= FAILING_MAX:
                continue
            message = lane.take(PER_WEBHOOK_MAX)
            if message is not None:
                return lane, message
        return None

    def _finish(self) -> None:
        """Wait for messages in flight, record their results, and leave the remaining messages to another process."""
        with self._changed:
            self._changed.wait_for(lambda: all(lane.on_their_way == 0 for lane in self._lanes.values()))
        try:
            self._settle(self._lanes, closing=True)
        except Exception as error:  # noqa: BLE001 - another process sends it again
            _log.warning("the last results of webhooks could not be recorded: %s", type(error).__name__)
        self._lanes.clear()

    # ------------------------------------------------------------------------------------------ both

    def _settle(self, lanes: dict[str, _Lane], *, closing: bool = False) -> None:
        with self._changed:
            held = {id: lane.webhook for id, lane in lanes.items()}
            reports = [lane.report() for lane in lanes.values() if lane.sent or lane.is_done or closing]
        settled = self._units.run(
            lambda uow: queue.settle(uow, reports, held, self._claims.number, closing=closing),
        )
        self._settled_at = time.monotonic()
        with self._changed:
            for report in reports:
                if report.webhook.id in settled.noted:
                    del lanes[report.webhook.id].sent[: len(report.sent)]
            for id in settled.ended:
                lanes.pop(id, None)
            for id, webhook in settled.claimed.items():
                if id in lanes:
                    lanes[id].update(webhook)
                else:
                    lanes[id] = _Lane(webhook, deque(webhook.messages))

    def _deliver(self, webhook: ClaimedWebhook, message: PendingMessageRow) -> Sent:
        """Send a message once, without an open transaction."""
        try:
            result = self._send(webhook, message)
        except Exception as error:  # noqa: BLE001 - the other messages have nothing to do with it
            _log.warning("a message of webhook %s could not be sent", webhook.id, exc_info=error)
            result = DeliveryResult(error=f"it could not be sent: {type(error).__name__}")
        return Sent(message, self._units.env.clock(), result)

    def _send(self, webhook: ClaimedWebhook, message: PendingMessageRow) -> DeliveryResult:
        if not webhook.active:
            return DeliveryResult(error=TURNED_OFF, final=True)
        env = self._units.env
        if not env.private_webhooks and not is_allowed_port(webhook.url, env.webhook_ports):
            return DeliveryResult(error="its port is not allowed", final=True)
        assert env.webhook_sender is not None
        body = message.payload.encode()
        timestamp = int(env.clock().timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": "Stellary-Webhooks/1",
            ID_HEADER: message.id,
            TIMESTAMP_HEADER: str(timestamp),
            SIGNATURE_HEADER: signature(webhook.secret, message.id, timestamp, body),
        }
        with trace("webhook", "CLIENT") as span:
            add_context(headers)
            result = env.webhook_sender(OutgoingRequest(webhook.url, headers, body, env.private_webhooks))
            if span is not None:
                span.set_attribute("stellary.webhook_id", webhook.id)
                span.set_attribute("http.response.status_code", result.status or 0)
            return result
