"""The retry schedule of each webhook, and messages that are claimed, sent and recorded in batches."""

import threading
import time
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from stellary.core import NOBODY, Core, DeliveryResult
from stellary.core.webhooks import queue, worker
from stellary.core.webhooks.rules import retries
from stellary.core.webhooks.rules.retries import DAY, WEBHOOK_PAUSE_MAX
from tests.support.boards import ask, status
from tests.support.core_parts import WebhookWorker, jobs, system_clock
from tests.support.plans import explain, sent_statements, steps_that_read_much
from tests.support.waiting import wait_until
from tests.support.world import at_once

DEAD = "https://dead.example.com/"
WAIT_SECONDS = 30


class Receivers:
    """A webhook sender to several receivers, some of which are down.

    Attributes:
        down: Their URLs, each with what it answers.
        messages: The ids of the messages that were sent, by URL.
    """

    def __init__(self, board) -> None:
        self.down: dict[str, DeliveryResult] = {}
        self.messages: dict[str, list[str]] = {}
        self.on_their_way: Counter[str] = Counter()
        self.busiest: Counter[str] = Counter()
        self.gate: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        board.world.core.env.webhook_sender = self.deliver

    def deliver(self, request):
        with self._lock:
            self.messages.setdefault(request.url, []).append(request.headers["webhook-id"])
            self.on_their_way[request.url] += 1
            self.busiest[request.url] = max(self.busiest[request.url], self.on_their_way[request.url])
        if request.url in self.gate:
            assert self.gate[request.url].wait(WAIT_SECONDS)
        with self._lock:
            self.on_their_way[request.url] -= 1
        return self.down.get(request.url, DeliveryResult(200))

    def count(self, url) -> int:
        with self._lock:
            return len(self.messages.get(url, []))


@pytest.fixture
def receivers(board):
    return Receivers(board)


def statuses(board, hook):
    return Counter(message["status"] for message in board.deliveries(hook))


def test_many_messages_are_sent_and_noted_with_few_transactions(board, receivers):
    hook = board.hook("card_created")
    board.cards(120)
    commits = []
    run = board.world.core.units.run
    board.world.core.units.run = lambda work, *arguments, **options: (
        commits.append(work),
        run(work, *arguments, **options),
    )[1]
    assert board.worker.run_due() == 120
    # Two loads of 50, one of 20, and the last note: the claim comes with the first load.
    assert len(commits) == 4
    assert statuses(board, hook) == {"succeeded": 120}


def test_failing_receiver_is_tried_with_one_message(board, receivers):
    dead = board.hook("card_created", url=DEAD)
    receivers.down[DEAD] = DeliveryResult(503)
    board.cards(60)
    board.send()
    assert receivers.count(DEAD) == 1
    for pause, count in ((5, 2), (30, 3), (120, 4)):
        board.clock.advance(timedelta(seconds=pause))
        board.send()
        board.send()
        assert receivers.count(DEAD) == count
    # Each of them with another message: one that is not to the receiver's liking does not delay the others.
    assert len(set(receivers.messages[DEAD])) == 4
    assert statuses(board, dead) == {"pending": 60}
    del receivers.down[DEAD]
    board.clock.advance(WEBHOOK_PAUSE_MAX)
    board.send()
    assert statuses(board, dead) == {"succeeded": 60}


def test_new_messages_wait_for_the_next_attempt_of_a_failing_receiver(board, receivers):
    hook = board.hook("card_created", url=DEAD)
    receivers.down[DEAD] = DeliveryResult(None, "the connection failed")
    board.card()
    board.send()
    board.clock.advance(timedelta(seconds=1))
    board.card()
    assert board.worker.run_due() == 0
    newest, _ = board.deliveries(hook)
    assert newest["attempts"] == []
    assert datetime.fromisoformat(newest["nextAttemptAt"]) - board.clock.now == timedelta(seconds=4)
    # One job waits, however many messages do.
    assert len(board.world.core.work.jobs()) == 1


def test_a_webhook_tries_again_after_ten_minutes_at_the_latest(board, receivers):
    board.hook("card_created", url=DEAD)
    receivers.down[DEAD] = DeliveryResult(500)
    board.cards(40)
    began = board.clock.now
    while board.clock.now < began + timedelta(hours=3):
        board.send()
        (job,) = board.world.core.work.jobs()
        assert job.due_at - board.clock.now <= WEBHOOK_PAUSE_MAX
        board.clock.now = job.due_at


def test_a_receiver_that_asks_to_wait_is_left_alone_by_all_messages(board, receivers):
    board.hook("card_created", url=DEAD)
    receivers.down[DEAD] = DeliveryResult(429, retry_after=1800.0)
    board.cards(3)
    board.send()
    (job,) = board.world.core.work.jobs()
    assert job.due_at - board.clock.now == timedelta(minutes=30)


def test_rejected_message_does_not_delay_others(board):
    hook = board.hook("card_created")
    board.cards(9)
    board.answers = [DeliveryResult(200), DeliveryResult(500)]
    board.send()
    assert statuses(board, hook) == {"succeeded": 8, "pending": 1}


@pytest.mark.slow("tries 250 messages for a day")
def test_messages_are_given_up_after_a_day_of_failures(board, receivers):
    hook = board.hook("card_created", url=DEAD)
    receivers.down[DEAD] = DeliveryResult(500)
    board.cards(250)
    began = board.clock.now
    while waiting := board.world.core.work.jobs():
        board.clock.now = max(board.clock.now, waiting[0].due_at)
        board.send()
    # The last ones to be tried wait for their own next try, which is at most eleven hours later.
    assert timedelta(0) <= board.clock.now - began - DAY < timedelta(hours=12)
    deliveries = board.deliveries(hook)
    assert {message["status"] for message in deliveries} == {"failed"}
    assert Counter(message["attempts"][-1]["error"] for message in deliveries)[queue.EXPIRED] > 50


def test_messages_are_not_given_up_while_the_server_was_down(board, receivers):
    hook = board.hook("card_created")
    board.cards(3)
    board.clock.advance(3 * DAY)
    receivers.down[hook["url"]] = DeliveryResult(500)
    board.send()
    assert statuses(board, hook) == {"pending": 3}


@pytest.mark.parametrize("how", ["redeliver", "change"])
def test_a_webhook_that_waits_is_resumed_by_its_admin(board, receivers, how):
    hook = board.hook("card_created", url=DEAD)
    receivers.down[DEAD] = DeliveryResult(410)
    refused = board.card()
    board.send()
    receivers.down[DEAD] = DeliveryResult(500)
    board.cards(5)
    for _ in range(6):
        board.send()
        board.clock.advance(WEBHOOK_PAUSE_MAX)
    board.send()
    assert refused
    receivers.down.clear()
    if how == "redeliver":
        (failed,) = board.deliveries(hook, "status=failed")
        assert status(board, "POST", f"{board.of_hook(hook)}/deliveries/{failed['id']}/redeliver") == 200
    else:
        ask(board, "PATCH", board.of_hook(hook), {"url": DEAD + "new"})
    # What was tried keeps its own pauses.
    assert board.worker.run_due() >= 4


def test_messages_put_off_by_a_clock_that_was_ahead_are_sent_when_it_is_right_again(board, receivers):
    hook = board.hook("card_created", url=DEAD)
    board.clock.advance(timedelta(days=30))
    board.cards(3)
    receivers.down[DEAD] = DeliveryResult(500)
    board.send()
    board.clock.advance(timedelta(days=-30))
    del receivers.down[DEAD]
    board.send()
    assert statuses(board, hook) == {"succeeded": 3}


def test_several_workers_send_each_message_once(board, receivers):
    hooks = [board.hook("card_created", url=f"https://{number}.example.com/") for number in range(5)]
    board.cards(70)
    workers = [WebhookWorker(board.world.core.units, board.world.core.claims) for _ in range(4)]
    at_once(*[worker.run_due for worker in workers])
    for hook in hooks:
        assert Counter(Counter(receivers.messages[hook["url"]]).values()) == {1: 70}
    board.clock.advance(queue.BUSY_PAUSE)
    assert board.worker.run_due() == 0
    assert board.world.core.work.jobs() == []


def test_worker_without_its_claim_records_sent_messages_and_stops(board, receivers):
    hook = board.hook("card_created")
    board.cards(3)
    deliver = receivers.deliver

    def lose(request):
        board.world.core.env.webhook_sender = deliver
        with board.world.core.database.writing() as connection:
            assert jobs.release(connection, board.clock.now) == 1
        return deliver(request)

    board.world.core.env.webhook_sender = lose
    board.worker.run_due()
    assert statuses(board, hook) == {"succeeded": 3}
    assert board.world.core.work.jobs() == []


def test_claim_is_renewed_during_slow_deliveries(board, receivers, monkeypatch):
    monkeypatch.setattr(worker, "RENEW_SECONDS", 0.0)
    hook = board.hook("card_created")
    board.cards(8)
    other_messages = []

    def deliver_slowly(request):
        board.clock.advance(timedelta(seconds=20))
        other_messages.append(WebhookWorker(board.world.core.units, board.world.core.claims).run_due())
        return receivers.deliver(request)

    board.world.core.env.webhook_sender = deliver_slowly
    assert board.worker.run_due() == 8
    assert other_messages == [0] * 8
    assert Counter(Counter(receivers.messages[hook["url"]]).values()) == {1: 8}


# ------------------------------------------------------------------------------------------------ in threads


@pytest.fixture
def running_worker(board, receivers):
    """Run the worker in its threads with a real clock."""
    board.world.core.env.clock = system_clock
    board.worker.start()
    yield board.worker
    for gate in receivers.gate.values():
        gate.set()
    assert board.worker.stop(WAIT_SECONDS)


def test_receivers_that_hang_do_not_hold_up_others(board, receivers, running_worker):
    hanging = [f"https://hanging-{number}.example.com/" for number in range(3)]
    for url in hanging:
        receivers.gate[url] = threading.Event()
        board.hook("card_created", url=url)
    good = board.hook("card_created")
    board.cards(60)
    wait_until(lambda: receivers.count(good["url"]) == 60)
    wait_until(lambda: statuses(board, good) == {"succeeded": 60})
    assert all(receivers.count(url) <= worker.PER_WEBHOOK_MAX for url in hanging)


@pytest.mark.slow("delivers to slow receivers")
def test_receivers_that_failed_before_get_a_share_of_the_threads(
    board, receivers, running_worker, monkeypatch
):
    monkeypatch.setattr(retries, "PAUSES", (timedelta(seconds=0.5),) * 10)
    dead = [f"https://dead-{number}.example.com/" for number in range(12)]
    for url in dead:
        receivers.down[url] = DeliveryResult(None, "the connection failed")
        board.hook("card_created", url=url)
    board.cards(1)
    wait_until(lambda: all(receivers.count(url) == 1 for url in dead))
    receivers.gate = {url: threading.Event() for url in dead}
    good = board.hook("card_created")
    # By now they are tried again, and hang.
    wait_until(lambda: sum(receivers.on_their_way[url] for url in dead) == worker.FAILING_MAX)
    board.cards(10)
    wait_until(lambda: receivers.count(good["url"]) == 10)
    assert sum(receivers.on_their_way[url] for url in dead) == worker.FAILING_MAX


def test_concurrent_messages_of_a_webhook_are_limited(board, receivers, running_worker):
    hook = board.hook("card_created")
    receivers.gate[hook["url"]] = threading.Event()
    board.cards(20)
    wait_until(lambda: receivers.on_their_way[hook["url"]] == worker.PER_WEBHOOK_MAX)
    receivers.gate[hook["url"]].set()
    wait_until(lambda: statuses(board, hook) == {"succeeded": 20})
    assert receivers.busiest[hook["url"]] == worker.PER_WEBHOOK_MAX


def test_a_backlog_does_not_wait_for_the_pause_between_transactions(board, receivers, monkeypatch):
    monkeypatch.setattr(worker, "SETTLE_SECONDS", 10.0)
    loads = 5
    hook = board.hook("card_created")
    board.cards(loads * queue.LOAD_MAX)
    began = time.monotonic()
    board.worker.start()
    wait_until(lambda: receivers.count(hook["url"]) == loads * queue.LOAD_MAX)
    # The pauses between the loads alone would take twice as long.
    assert time.monotonic() - began < (loads - 1) * worker.SETTLE_SECONDS / 2
    assert board.worker.stop(WAIT_SECONDS)


def test_stopping_worker_releases_its_claims_immediately(board, receivers, database_url):
    hook = board.hook("card_created")
    receivers.gate[hook["url"]] = threading.Event()
    board.cards(30)
    board.worker.start()
    wait_until(lambda: receivers.on_their_way[hook["url"]] == worker.PER_WEBHOOK_MAX)
    assert not board.worker.stop(0)
    receivers.gate[hook["url"]].set()
    assert board.worker.stop(WAIT_SECONDS)
    assert statuses(board, hook) == {"succeeded": worker.PER_WEBHOOK_MAX, "pending": 26}
    with closing(Core(database_url, webhook_sender=receivers.deliver)) as other:
        other.env.clock = board.clock
        assert other.webhook_worker.run_due() == 26
    assert Counter(Counter(receivers.messages[hook["url"]]).values()) == {1: 30}


def test_a_sender_that_raises_ends_no_thread(board, receivers, running_worker):
    hook = board.hook("card_created")
    deliver, failed = receivers.deliver, threading.Event()

    def fail(request):
        failed.set()
        board.world.core.env.webhook_sender = deliver
        raise RuntimeError("no more threads")

    board.world.core.env.webhook_sender = fail
    board.card()
    assert failed.wait(WAIT_SECONDS)
    wait_until(lambda: len(board.deliveries(hook)[0]["attempts"]) == 1)
    assert board.deliveries(hook)[0]["attempts"][0]["error"] == "it could not be sent: RuntimeError"


# ------------------------------------------------------------------------------------------------ a backlog


@pytest.mark.slow("delivers a large backlog")
def test_no_statement_of_the_worker_reads_the_backlog(board, receivers):
    dead = board.hook("card_created", url=DEAD)
    receivers.down[DEAD] = DeliveryResult(500)
    for _ in range(5):
        board.cards(500)
    board.send()
    hook = board.hook("card_created")
    board.cards(60)
    with board.world.core.begin(NOBODY) as uow:
        jobs.enqueue_all(uow, "unheard of", list(range(2_000)))
    with sent_statements() as recorded_statements:
        assert board.worker.run_due() == 60
        board.clock.advance(timedelta(seconds=5))
        assert board.worker.run_due() == 1
    tables = ("stellary_jobs", "stellary_webhook_deliveries")
    ours = [statement for statement in recorded_statements if any(table in statement[0] for table in tables)]
    assert len(ours) >= 8
    # Without statistics, PostgreSQL guesses how much it would sort.
    without = ("seqscan", "bitmapscan", "sort")
    much = {
        statement[0]: steps_that_read_much(explain(board.world.core, statement, without))
        for statement in ours
    }
    # The webhooks themselves are locked in the order of their ids, so that two workers wait in no circle.
    few = {'Sort Key: stellary_webhooks.id COLLATE "C"', "Sort Key: stellary_webhooks.id"}
    assert {sql: steps for sql, steps in much.items() if set(steps) - few} == {}
    assert (statuses(board, dead)["pending"], statuses(board, hook)) == (2560, {"succeeded": 60})
